"""process_vm_writev: how many segments a vector may have."""

from fixtures.cases import clause, needs
from helpers.memory import Memory
from suites.shared import vectors
from suites.shared.mover import Mover

pytestmark = needs("process_vm_writev", "foreign-memory")


@clause("process_vm_writev:errors:einval-liovcnt")
@vectors.LOCAL_COUNTS
def test_local_count_above_iov_max_is_einval(
    mover: Mover, local: Memory, remote: Memory, count: int
) -> None:
    vectors.too_many_local(mover, local, remote, count)


@clause("process_vm_writev:errors:einval-riovcnt")
@vectors.REMOTE_COUNTS
def test_remote_count_above_iov_max_is_einval(
    mover: Mover, local: Memory, remote: Memory, count: int
) -> None:
    vectors.too_many_remote(mover, local, remote, count)


@clause("process_vm_writev:counts:liovcnt-32-bit")
@vectors.WRAPPED_COUNTS
def test_local_count_is_taken_modulo_two_to_32(
    mover: Mover, local: Memory, remote: Memory, shape: tuple[int, int]
) -> None:
    vectors.local_count_modulo(mover, local, remote, *shape)


@clause("process_vm_writev:counts:empty-segments-count")
@vectors.SIDES
def test_empty_segments_count_too(mover: Mover, local: Memory, remote: Memory, side: str) -> None:
    vectors.empty_segments_count(mover, local, remote, side)


@clause("process_vm_writev:counts:before-array")
@vectors.SIDES
def test_count_is_judged_before_the_array_is_read(mover: Mover, local: Memory, side: str) -> None:
    vectors.count_before_array(mover, local, side)


@clause("process_vm_writev:counts:iov-max")
@vectors.UP_TO_MOST
def test_up_to_iov_max_segments_are_transferred(
    mover: Mover, local: Memory, remote: Memory, shape: tuple[int, int]
) -> None:
    vectors.up_to_most(mover, local, remote, *shape)


@clause("process_vm_writev:transfer:array-order")
@clause("process_vm_writev:counts:iov-max")
def test_iov_max_segments_are_read_in_array_order(
    mover: Mover, local: Memory, remote: Memory
) -> None:
    vectors.most_segments_backwards(mover, local, remote)


@clause("process_vm_writev:transfer:array-order")
def test_scattered_segments_on_both_sides_meet_in_array_order(
    mover: Mover, local: Memory, remote: Memory
) -> None:
    vectors.scattered_on_both_sides(mover, local, remote)
