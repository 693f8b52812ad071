"""A pipe has slots, and memory that is sent into it takes one for each page that it touches."""

from collections.abc import Callable
from errno import EAGAIN, EBUSY

import pytest

from fixtures.pipes import FILLING, Pipe
from helpers.abi import constants as c
from helpers.memory import Piece, spans
from helpers.outcome import Err, Ok
from suites.shared.rows import Row, instances
from suites.shared.sender import Sender

#: What a table of cases for a call names: the rule is the function's docstring.
Body = Callable[[Sender, Pipe], None]


def a_segment_takes_a_slot(sender: Sender, pipe: Pipe) -> None:
    """One byte segments: as many as there are slots, then EAGAIN though bytes would fit."""
    slots = pipe.slots
    memory = sender.pages(1)
    segments = list(spans(memory, 1, slots + 4))
    assert sender(pipe.write, segments, c.SPLICE_F_NONBLOCK) == Ok(slots)
    assert sender(pipe.write, segments, c.SPLICE_F_NONBLOCK) == Err(EAGAIN)
    pipe.holds(memory.piece(memory[:slots]))


def one_page_again_and_again_is_not_merged(sender: Sender, pipe: Pipe) -> None:
    """The same byte of the same page takes another slot each time."""
    slots = pipe.slots
    memory = sender.pages(1)
    assert sender(pipe.write, [memory[5:6]] * (slots + 1), c.SPLICE_F_NONBLOCK) == Ok(slots)
    pipe.holds(*[memory.piece(memory[5:6])] * slots)


def neighbours_in_a_page_are_not_merged(sender: Sender, pipe: Pipe) -> None:
    """Two calls for two halves of a page take two slots."""
    memory = sender.pages(1)
    half = memory.length // 2
    assert sender(pipe.write, [memory[:half]]) == Ok(half)
    assert sender(pipe.write, [memory[half:]]) == Ok(memory.length - half)
    assert pipe.free_slots() == pipe.slots - 2


def an_unaligned_range_takes_a_slot_more(sender: Sender, pipe: Pipe) -> None:
    """A page of bytes that straddles two pages takes two slots."""
    memory = sender.pages(2)
    page = sender.caller.page_size
    assert sender(pipe.write, [memory[100 : 100 + page]]) == Ok(page)
    assert pipe.free_slots() == pipe.slots - 2


def a_range_that_ends_with_a_page_takes_no_slot_more(sender: Sender, pipe: Pipe) -> None:
    """The page after a range that ends exactly with a page is not touched: it is a hole."""
    memory = sender.pages(1)
    assert sender(pipe.write, [memory[1:]]) == Ok(memory.length - 1)
    pipe.holds(memory.piece(memory[1:]))
    assert pipe.free_slots() == pipe.slots


def an_unaligned_range_fills_less(sender: Sender, pipe: Pipe) -> None:
    """As many pages from byte 100 on as there are slots: the first slot holds 100 bytes less."""
    slots, page = pipe.slots, sender.caller.page_size
    memory = sender.pages(slots + 1)
    part = memory[100 : 100 + slots * page]
    assert sender(pipe.write, [part], c.SPLICE_F_NONBLOCK) == Ok(slots * page - 100)
    pipe.holds(memory.piece(memory[100 : slots * page]))


def a_full_pipe_takes_what_fits(sender: Sender, pipe: Pipe) -> None:
    """More than the pipe takes: without waiting, the bytes that fit, whatever the flags."""
    slots, page = pipe.slots, sender.caller.page_size
    memory = sender.pages(2 * slots)
    assert sender(pipe.write, [memory]) == Ok(slots * page)
    pipe.holds(memory.piece(memory[: slots * page]))


def many_segments_fill_many_slots(sender: Sender, pipe: Pipe) -> None:
    """More than sixteen pages in one segment: they are taken in several steps."""
    page = sender.caller.page_size
    wanted = 64 * page
    resized = sender.caller.fcntl(pipe.write, c.F_SETPIPE_SZ, wanted)
    slots = resized.value // page if resized.ok else pipe.slots
    memory = sender.pages(slots + 4)
    part = memory[7 : 7 + (slots + 2) * page]
    assert sender(pipe.write, [part], c.SPLICE_F_NONBLOCK) == Ok(slots * page - 7)
    pipe.holds(memory.piece(memory[7 : slots * page]))


def a_write_does_not_join_the_last_slot(sender: Sender, pipe: Pipe) -> None:
    """What is written later goes to a page of the pipe's own; the memory stays as it is."""
    memory = sender.pages(1)
    more = sender.caller.memory(20, seed=2)
    assert sender(pipe.write, [memory[:10]]) == Ok(10)
    assert sender.caller.write(pipe.write, more, 20) == Ok(20)
    memory.unchanged()
    pipe.holds(memory.piece(memory[:10]), more.piece(more))


def a_write_takes_a_slot_of_its_own(sender: Sender, pipe: Pipe) -> None:
    """Ten bytes sent and one written are two slots."""
    memory = sender.pages(1)
    more = sender.caller.memory(1, seed=2)
    assert sender(pipe.write, [memory[:10]]) == Ok(10)
    assert sender.caller.write(pipe.write, more, 1) == Ok(1)
    assert pipe.free_slots() == pipe.slots - 2
    memory.unchanged()


def a_partly_read_slot_is_still_taken(sender: Sender, pipe: Pipe) -> None:
    """Reading all of a slot but one byte frees nothing; the last byte does."""
    slots, page = pipe.slots, sender.caller.page_size
    memory = sender.pages(slots)
    sink = sender.caller.pages(1)
    assert sender(pipe.write, [memory]) == Ok(slots * page)
    sender.caller.must.read(pipe.read, sink, page - 1)
    assert sender(pipe.write, [memory[:1]], c.SPLICE_F_NONBLOCK) == Err(EAGAIN)
    sender.caller.must.read(pipe.read, sink, 1)
    assert sender(pipe.write, [memory[:1]], c.SPLICE_F_NONBLOCK) == Ok(1)
    pipe.holds(memory.piece(memory[page:]), memory.piece(memory[:1]))


def empty_segments_take_no_slot(sender: Sender, pipe: Pipe) -> None:
    """Segments of no bytes are passed over."""
    slots = pipe.slots
    memory = sender.pages(1)
    segments = [memory[0:0], memory[0:3]] * slots + [memory[0:0]]
    assert sender(pipe.write, segments, c.SPLICE_F_NONBLOCK) == Ok(3 * slots)
    pipe.holds(*[memory.piece(memory[:3])] * slots)


def a_full_pipe_is_eagain(sender: Sender, pipe: Pipe) -> None:
    """A pipe filled by write(2), SPLICE_F_NONBLOCK: EAGAIN, and the pipe as it was."""
    size = pipe.fill()
    memory = sender.pages(1)
    assert sender(pipe.write, [memory[:1]], c.SPLICE_F_NONBLOCK) == Err(EAGAIN)
    pipe.holds(Piece(size, FILLING))


def a_full_pipe_cannot_shrink(sender: Sender, pipe: Pipe) -> None:
    """F_SETPIPE_SZ counts slots, not bytes: fcntl(2), EBUSY."""
    slots = pipe.slots
    memory = sender.pages(1)
    assert sender(pipe.write, list(spans(memory, 1, slots))) == Ok(slots)
    half = pipe.capacity // 2
    assert sender.caller.fcntl(pipe.write, c.F_SETPIPE_SZ, half) == Err(EBUSY)
    pipe.holds(memory.piece(memory[:slots]))
    assert sender.caller.fcntl(pipe.write, c.F_SETPIPE_SZ, half) == Ok(half)


def growing_keeps_the_content(sender: Sender, pipe: Pipe) -> None:
    """F_SETPIPE_SZ moves what was sent to the new slots, in order, also past the ring's end."""
    slots, page = pipe.slots, sender.caller.page_size
    memory = sender.pages(2)
    sink = sender.caller.pages(1)
    sender.caller.must.fcntl(pipe.write, c.F_SETPIPE_SZ, 2 * page)
    assert sender(pipe.write, [memory[:10]]) == Ok(10)
    assert sender(pipe.write, [memory[10:30]]) == Ok(20)
    sender.caller.must.read(pipe.read, sink, 10)
    assert sender(pipe.write, [memory[30:60]]) == Ok(30)
    sender.caller.must.fcntl(pipe.write, c.F_SETPIPE_SZ, slots * page)
    assert sender(pipe.write, [memory[60:100]]) == Ok(40)
    pipe.holds(memory.piece(memory[10:100]))


def cases(
    call: str, *, short: str, eagain: str, needs: tuple[str, ...] = ()
) -> pytest.MarkDecorator:
    """All of them for one call.

    Args:
        call: its name.
        short: the clause that it returns what fits, without the call's name.
        eagain: the clause about a full pipe.
        needs: what cases of slots need besides: a kernel that copies has slots for bytes, as
            write(2) has.
    """
    slots, merging = ("capacity:a-slot-for-each-page",), ("capacity:no-merging",)
    safety = ("safety:write-leaves-memory-alone",)
    rows = [
        Row("a-segment-takes-a-slot", a_segment_takes_a_slot, slots, needs),
        Row("unaligned-range-takes-one-more", an_unaligned_range_takes_a_slot_more, slots, needs),
        Row(
            "range-ending-with-a-page",
            a_range_that_ends_with_a_page_takes_no_slot_more,
            slots,
            needs,
        ),
        Row("unaligned-range-fills-less", an_unaligned_range_fills_less, slots, needs),
        Row("empty-segments-take-none", empty_segments_take_no_slot, slots, needs),
        Row("partly-read-slot-is-taken", a_partly_read_slot_is_still_taken, slots, needs),
        Row("full-pipe-cannot-shrink", a_full_pipe_cannot_shrink, slots, needs),
        Row("growing-keeps-the-content", growing_keeps_the_content, slots, needs),
        Row("same-byte-again", one_page_again_and_again_is_not_merged, merging, needs),
        Row("halves-of-a-page", neighbours_in_a_page_are_not_merged, merging, needs),
        Row("write-after-it", a_write_takes_a_slot_of_its_own, merging, needs),
        Row("write-leaves-the-memory-alone", a_write_does_not_join_the_last_slot, safety),
        Row("takes-what-fits", a_full_pipe_takes_what_fits, (short,)),
        Row("many-pages-in-a-segment", many_segments_fill_many_slots, (short,)),
        Row("full-pipe-is-eagain", a_full_pipe_is_eagain, (eagain,)),
    ]
    return instances(call, rows)
