"""process_vm_readv: what kernels answer differently; recorded and compared, never a failure."""

from fixtures.cases import clause, needs, table
from fixtures.observation import Observe
from fixtures.vectors import readv
from helpers.child import Child
from helpers.memory import Memory
from suites.shared import mover_observed
from suites.shared.mover import Mover
from suites.shared.observing import area

pytestmark = needs("process_vm_readv", "foreign-memory")


@clause("process_vm_readv:observed:local-longer-than-user-space")
@mover_observed.BEFORE
def test_a_local_segment_longer_than_user_space(
    mover: Mover, local: Memory, remote: Memory, before: tuple[int, ...], observe: Observe
) -> None:
    mover_observed.local_longer_than_user_space(mover, local, remote, before, observe)


@clause("process_vm_readv:observed:below-the-stack")
def test_memory_below_the_stack(mover: Mover, local: Memory, observe: Observe) -> None:
    mover_observed.stack(mover, local, observe)


@clause("process_vm_readv:observed:claimed-flag-bits")
@mover_observed.CLAIMED
def test_a_flag_that_was_proposed(
    mover: Mover, local: Memory, remote: Memory, bit: int, observe: Observe
) -> None:
    mover_observed.claimed_flag(mover, local, remote, bit, observe)


@clause("process_vm_readv:observed:vvar")
@table("present", ("touched", True), ("untouched", False))
def test_the_data_of_the_vdso(
    caller: Child, target: Child, local: Memory, present: bool, observe: Observe
) -> None:
    vvar = area(target, "[vvar]")
    if vvar is None:
        observe("no [vvar]")
        return
    if present:
        target.peek(vvar.address, 1)
    observe(readv(caller, target.pid, [local], [vvar[:1]]))


@clause("process_vm_readv:observed:vvar")
def test_the_data_of_its_own_vdso(caller: Child, local: Memory, observe: Observe) -> None:
    vvar = area(caller, "[vvar]")
    observe(readv(caller, caller.pid, [local], [vvar[:1]]) if vvar else "no [vvar]")
