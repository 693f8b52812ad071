"""process_vm_writev: what the manual page promises and kernels do not do.

See kernel-matrix/expectations/process_vm_writev.toml.
"""

from errno import EINVAL

from fixtures.cases import clause, needs
from helpers.memory import Memory
from helpers.outcome import Result
from suites.shared import vectors
from suites.shared.mover import Mover

pytestmark = needs("process_vm_writev", "foreign-memory")


@clause("process_vm_writev:partial:whole-segments")
@vectors.SPLIT
def test_a_remote_segment_is_not_split(
    mover: Mover, local: Memory, remote: Memory, shape: tuple[int, Result]
) -> None:
    vectors.remote_segment_is_not_split(mover, local, remote, *shape)


@clause("process_vm_writev:errors:einval-sum")
def test_a_local_sum_that_overflows_is_einval(mover: Mover, local: Memory, remote: Memory) -> None:
    vectors.local_sum_overflows(mover, local, remote, EINVAL)


@clause("process_vm_writev:errors:einval-sum")
def test_a_remote_sum_that_overflows_is_einval(mover: Mover, local: Memory, remote: Memory) -> None:
    vectors.remote_sum_is_einval(mover, local, remote)


@clause("process_vm_writev:errors:einval-liovcnt-upper-half")
@vectors.BEYOND_32_BITS
def test_a_local_count_beyond_32_bits_is_einval(
    mover: Mover, local: Memory, remote: Memory, count: int
) -> None:
    vectors.local_count_beyond_32_bits(mover, local, remote, count)
