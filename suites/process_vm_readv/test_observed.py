"""process_vm_readv: what kernels answer differently; recorded and compared, never a failure."""

from fixtures.cases import clause, needs, table
from fixtures.observation import Observe
from fixtures.vectors import readv
from helpers.child import Child
from helpers.memory import Memory, Span
from suites.shared.observing import area, below_the_stack

pytestmark = needs("process_vm_readv", "foreign-memory")

SSIZE_MAX = (1 << 63) - 1


@clause("process_vm_readv:observed:local-longer-than-user-space")
@table("before", ("one-segment", ()), ("second-of-two", (1,)))
def test_a_local_segment_longer_than_user_space(
    caller: Child,
    target: Child,
    local: Memory,
    remote: Memory,
    before: tuple[int, ...],
    observe: Observe,
) -> None:
    segments = [local[:length] for length in before] + [Span(local.address, SSIZE_MAX)]
    observe(readv(caller, target.pid, segments, [remote[:10]]))


@clause("process_vm_readv:observed:below-the-stack")
def test_memory_below_the_stack(
    caller: Child, target: Child, local: Memory, observe: Observe
) -> None:
    observe(readv(caller, target.pid, [local], [below_the_stack(target)]))


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
