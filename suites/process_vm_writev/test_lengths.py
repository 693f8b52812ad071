"""process_vm_writev: lengths that no segment, or no sum of segments, may have."""

from errno import EFAULT

import pytest

from fixtures.cases import clause, needs
from helpers.memory import Memory
from suites.shared import vectors
from suites.shared.mover import Mover
from suites.shared.segments import NEGATIVE

pytestmark = needs("process_vm_writev", "foreign-memory")


@clause("process_vm_writev:errors:einval-local-length")
@NEGATIVE
def test_negative_local_length_is_einval(
    mover: Mover, local: Memory, remote: Memory, position: int, length: int
) -> None:
    vectors.negative_local_length(mover, local, remote, position, length)


@clause("process_vm_writev:errors:einval-remote-length")
@NEGATIVE
def test_negative_remote_length_is_einval(
    mover: Mover, local: Memory, remote: Memory, position: int, length: int
) -> None:
    vectors.negative_remote_length(mover, local, remote, position, length)


@clause("process_vm_writev:lengths:remote-ssize-max")
def test_greatest_remote_length_is_accepted(mover: Mover, local: Memory, remote: Memory) -> None:
    vectors.greatest_remote_length(mover, local, remote)


@clause("process_vm_writev:lengths:remote-sum")
def test_remote_lengths_may_add_up_to_more_than_ssize_max(
    mover: Mover, local: Memory, remote: Memory
) -> None:
    vectors.remote_sum_overflows(mover, local, remote)


@clause("process_vm_writev:lengths:local-sum")
def test_local_lengths_that_leave_the_address_space_are_efault(
    mover: Mover, local: Memory, remote: Memory
) -> None:
    vectors.local_sum_overflows(mover, local, remote, EFAULT)


@pytest.mark.slow
@clause("process_vm_writev:lengths:max-rw-count")
def test_no_call_moves_more_than_the_largest_multiple_of_pages_below_2_gb(mover: Mover) -> None:
    vectors.more_than_a_call_moves(mover)
