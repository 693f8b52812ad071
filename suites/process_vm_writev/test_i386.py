"""process_vm_writev: the entry for 32-bit programs, whose segments are of 8 bytes."""

from collections.abc import Sequence

from fixtures.cases import clause, needs
from helpers.memory import Memory
from helpers.outcome import Result
from suites.shared import mover_i386
from suites.shared.mover import Mover

pytestmark = needs("process_vm_writev", "foreign-memory", "i386")


@clause("process_vm_writev:i386:segments")
@mover_i386.SEGMENTS
def test_segments_of_32_bit_words_are_transferred(
    mover: Mover, local: Memory, remote: Memory, shape: tuple[Sequence[int], Sequence[int]]
) -> None:
    mover_i386.segments(mover, local, remote, *shape)


@clause("process_vm_writev:i386:segments")
def test_iov_max_segments_of_32_bit_words_are_transferred(
    mover: Mover, local: Memory, remote: Memory
) -> None:
    mover_i386.most_segments(mover, local, remote)


@clause("process_vm_writev:i386:negative-length")
@mover_i386.NEGATIVE
def test_length_that_is_negative_in_32_bits_is_einval(
    mover: Mover, local: Memory, remote: Memory, shape: tuple[str, int, int]
) -> None:
    mover_i386.negative_length(mover, local, remote, *shape)


@clause("process_vm_writev:i386:negative-length")
def test_greatest_32_bit_length_is_accepted(mover: Mover, local: Memory, remote: Memory) -> None:
    mover_i386.greatest_length(mover, local, remote)


@clause("process_vm_writev:i386:errors")
@mover_i386.ARGUMENTS
def test_arguments_are_judged_as_at_the_native_entry(
    mover: Mover, local: Memory, remote: Memory, shape: tuple[int, int, int, int | None, Result]
) -> None:
    mover_i386.arguments(mover, local, remote, *shape)


@clause("process_vm_writev:i386:errors")
@mover_i386.SIDES
def test_array_that_cannot_be_read_is_efault(
    mover: Mover, local: Memory, remote: Memory, side: str
) -> None:
    mover_i386.array_is_efault(mover, local, remote, side)


@clause("process_vm_writev:i386:errors")
@mover_i386.SIDES
def test_hole_ends_the_transfer(mover: Mover, local: Memory, remote: Memory, side: str) -> None:
    mover_i386.hole(mover, local, remote, side)


@needs("root")
@clause("process_vm_writev:i386:errors")
def test_permission_is_asked_for(mover: Mover, local: Memory, remote: Memory) -> None:
    mover_i386.forbidden(mover, local, remote)
