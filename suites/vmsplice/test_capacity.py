"""How much a pipe takes: slots, not bytes."""

from fixtures.cases import clause, needs, table
from fixtures.pipes import Pipe
from suites.shared import capacity
from suites.shared.sender import Sender

pytestmark = needs("vmsplice")

SLOTS = clause("vmsplice:capacity:a-slot-for-each-page")
MERGING = clause("vmsplice:capacity:no-merging")
SHORT = clause("vmsplice:capacity:short")


@table(
    "body",
    ("a-segment-takes-a-slot", capacity.a_segment_takes_a_slot, SLOTS),
    ("unaligned-range-takes-one-more", capacity.an_unaligned_range_takes_a_slot_more, SLOTS),
    ("range-ending-with-a-page", capacity.a_range_that_ends_with_a_page_takes_no_slot_more, SLOTS),
    ("unaligned-range-fills-less", capacity.an_unaligned_range_fills_less, SLOTS),
    ("empty-segments-take-none", capacity.empty_segments_take_no_slot, SLOTS),
    ("partly-read-slot-is-taken", capacity.a_partly_read_slot_is_still_taken, SLOTS),
    ("full-pipe-cannot-shrink", capacity.a_full_pipe_cannot_shrink, SLOTS),
    ("growing-keeps-the-content", capacity.growing_keeps_the_content, SLOTS),
    ("same-byte-again", capacity.one_page_again_and_again_is_not_merged, MERGING),
    ("halves-of-a-page", capacity.neighbours_in_a_page_are_not_merged, MERGING),
    ("write-after-it", capacity.a_write_takes_a_slot_of_its_own, MERGING),
    (
        "write-leaves-the-memory-alone",
        capacity.a_write_does_not_join_the_last_slot,
        clause("vmsplice:safety:write-leaves-memory-alone"),
    ),
    ("takes-what-fits", capacity.a_full_pipe_takes_what_fits, SHORT),
    ("many-pages-in-a-segment", capacity.many_segments_fill_many_slots, SHORT),
    ("full-pipe-is-eagain", capacity.a_full_pipe_is_eagain, clause("vmsplice:errors:eagain-full")),
)
def test_slots_decide_what_a_pipe_takes(sender: Sender, pipe: Pipe, body: capacity.Body) -> None:
    body(sender, pipe)
