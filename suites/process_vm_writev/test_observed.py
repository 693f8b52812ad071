"""process_vm_writev: what kernels answer differently; recorded and compared, never a failure."""

from fixtures.cases import clause, needs, table
from fixtures.observation import Observe
from helpers.abi import constants as c
from helpers.memory import Memory
from suites.shared import mover_observed
from suites.shared.mover import Mover

pytestmark = needs("process_vm_writev", "foreign-memory")


@clause("process_vm_writev:observed:local-longer-than-user-space")
@mover_observed.BEFORE
def test_a_local_segment_longer_than_user_space(
    mover: Mover, local: Memory, remote: Memory, before: tuple[int, ...], observe: Observe
) -> None:
    mover_observed.local_longer_than_user_space(mover, local, remote, before, observe)


@clause("process_vm_writev:observed:below-the-stack")
def test_memory_below_the_stack(mover: Mover, local: Memory, observe: Observe) -> None:
    mover_observed.stack(mover, local, observe)


@clause("process_vm_writev:observed:claimed-flag-bits")
@mover_observed.CLAIMED
def test_a_flag_that_was_proposed(
    mover: Mover, local: Memory, remote: Memory, bit: int, observe: Observe
) -> None:
    mover_observed.claimed_flag(mover, local, remote, bit, observe)


@clause("process_vm_writev:observed:write-only-local")
@table("touched", ("touched", True), ("untouched", False))
def test_local_memory_that_can_only_be_written(
    mover: Mover, remote: Memory, touched: bool, observe: Observe
) -> None:
    local = mover.caller.pages(1, seed=1 if touched else None)
    mover.caller.must.mprotect(local, local.length, c.PROT_WRITE)
    observe(mover([local[:16]], [remote[:16]]))
