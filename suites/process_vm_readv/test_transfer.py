"""process_vm_readv: what arrives when nothing is wrong."""

from fixtures.cases import clause, needs
from helpers.memory import Memory
from suites.shared import transfers
from suites.shared.mover import Mover
from suites.shared.transfers import Lengths

pytestmark = needs("process_vm_readv", "foreign-memory")

Shape = tuple[Lengths, Lengths]


@clause("process_vm_readv:transfer:exact-bytes")
@transfers.ANY_ALIGNMENT
def test_any_length_at_any_alignment_arrives(
    mover: Mover, shape: tuple[int, int, int, int]
) -> None:
    transfers.any_alignment(mover, *shape)


@clause("process_vm_readv:transfer:many-pages")
@transfers.MANY_PAGES
def test_more_pages_than_the_kernel_keeps_on_its_stack_arrive(
    mover: Mover, shape: tuple[int, int, int]
) -> None:
    transfers.many_pages(mover, *shape)


@clause("process_vm_readv:transfer:many-pages")
def test_more_pages_than_one_round_takes_arrive(mover: Mover) -> None:
    transfers.more_pages_than_a_round(mover)


@clause("process_vm_readv:transfer:shorter-side")
@transfers.SHORTER_SIDE
def test_shorter_side_ends_the_transfer(
    mover: Mover, local: Memory, remote: Memory, shape: tuple[int, int, int]
) -> None:
    transfers.shorter_side(mover, local, remote, *shape)


@clause("process_vm_readv:transfer:array-order")
@clause("process_vm_readv:transfer:lengths-may-differ")
@transfers.SEGMENTS
def test_segments_are_processed_in_order_whatever_their_lengths(
    mover: Mover, local: Memory, remote: Memory, shape: Shape
) -> None:
    transfers.segments(mover, local, remote, *shape)


@clause("process_vm_readv:transfer:array-order")
def test_segments_larger_than_pages_are_processed_in_order(mover: Mover) -> None:
    transfers.segments_larger_than_pages(mover)


@clause("process_vm_readv:transfer:empty-segments")
@transfers.EMPTY_SEGMENTS
def test_empty_segments_are_skipped(
    mover: Mover, local: Memory, remote: Memory, shape: Shape
) -> None:
    transfers.empty_segments(mover, local, remote, *shape)


@clause("process_vm_readv:transfer:empty-segments")
def test_empty_local_segment_may_point_to_nothing(
    mover: Mover, local: Memory, remote: Memory
) -> None:
    transfers.empty_local_segment_at_nothing(mover, local, remote)


@clause("process_vm_readv:transfer:nothing")
@transfers.NOTHING
def test_transfer_of_nothing_is_0(
    mover: Mover, local: Memory, remote: Memory, shape: Shape
) -> None:
    transfers.nothing(mover, local, remote, *shape)


@clause("process_vm_readv:transfer:array-order")
def test_later_segment_overwrites_an_earlier_one(
    mover: Mover, local: Memory, remote: Memory
) -> None:
    transfers.later_segment_overwrites(mover, local, remote)


@clause("process_vm_readv:transfer:array-order")
def test_segments_that_are_read_may_overlap_and_go_backwards(
    mover: Mover, local: Memory, remote: Memory
) -> None:
    transfers.read_side_overlaps(mover, local, remote)


@clause("process_vm_readv:transfer:remote-untouched")
def test_remote_memory_stays_as_it_was(mover: Mover, local: Memory, remote: Memory) -> None:
    transfers.read_side_untouched(mover, local, remote)


@clause("process_vm_readv:transfer:remote-memory")
@transfers.OWN_MEMORY_THERE
def test_remote_addresses_are_those_of_the_target(mover: Mover, own: bool) -> None:
    transfers.addresses_are_the_targets(mover, own)


@clause("process_vm_readv:transfer:exact-bytes")
def test_each_call_moves_what_is_there_now(mover: Mover, local: Memory, remote: Memory) -> None:
    transfers.each_call_reads_anew(mover, local, remote)


@clause("process_vm_readv:pid:self")
@transfers.OVERLAPS
def test_memory_that_overlaps_itself_is_moved(mover: Mover, local: Memory, start: int) -> None:
    transfers.overlapping(mover, local, start)
