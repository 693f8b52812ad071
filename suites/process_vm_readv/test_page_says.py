"""What the manual page promises and kernels do not do.

See kernel-matrix/expectations/process_vm_readv.toml.
"""

from errno import EFAULT, EINVAL

from fixtures.cases import clause, needs, table
from fixtures.vectors import readv
from helpers.child import Child
from helpers.memory import Memory, Span, unchanged
from helpers.outcome import Err, Ok, Result

pytestmark = needs("process_vm_readv", "foreign-memory")

SSIZE_MAX = (1 << 63) - 1


@clause("process_vm_readv:partial:whole-segments")
@table("before, answer", ("first", 0, Err(EFAULT)), ("second", 7, Ok(7)))
def test_a_remote_segment_is_not_split(
    caller: Child, target: Child, local: Memory, remote: Memory, before: int, answer: Result
) -> None:
    source = [remote[:before], Span(remote.end - 10, 20)]
    assert readv(caller, target.pid, [local], source) == answer
    local.received([local], [remote.piece(remote[:before])])


@clause("process_vm_readv:errors:einval-sum")
def test_a_local_sum_that_overflows_is_einval(
    caller: Child, target: Child, local: Memory, remote: Memory
) -> None:
    vector = [local[:4], Span(local.address, SSIZE_MAX), Span(local.address, SSIZE_MAX)]
    assert readv(caller, target.pid, vector, [remote[:16]]) == Err(EINVAL)
    unchanged(local, remote)


@clause("process_vm_readv:errors:einval-sum")
def test_a_remote_sum_that_overflows_is_einval(
    caller: Child, target: Child, local: Memory, remote: Memory
) -> None:
    vector = [remote[:4], Span(remote.address, SSIZE_MAX), Span(remote.address, SSIZE_MAX)]
    assert readv(caller, target.pid, [local[:16]], vector) == Err(EINVAL)
    unchanged(local, remote)


@clause("process_vm_readv:errors:einval-liovcnt-upper-half")
@table("count", ("two-to-32", 1 << 32), ("two-to-32-and-1", (1 << 32) + 1))
def test_a_local_count_beyond_32_bits_is_einval(
    caller: Child, target: Child, local: Memory, remote: Memory, count: int
) -> None:
    answer = caller.process_vm_readv(target.pid, [local[:1]], count, [remote], 1, 0)
    assert answer == Err(EINVAL)
    unchanged(local, remote)
