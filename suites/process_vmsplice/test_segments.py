"""process_vmsplice: the array of segments: how many, where, how long, in which order."""

from errno import EFAULT, EINVAL

import pytest

from fixtures.cases import clause, needs, table
from fixtures.memory import KERNEL_ADDRESS, NON_CANONICAL
from fixtures.vectors import place, scattered
from helpers.abi import constants as c
from helpers.memory import Span, cut, spans
from helpers.outcome import Err, Ok
from suites.process_vmsplice.calls import send
from suites.shared.segments import NEGATIVE, TOO_MANY, UNREADABLE_ARRAYS, WRAPPED, with_length

pytestmark = needs("process_vmsplice", "foreign-memory")

SSIZE_MAX = (1 << 63) - 1
SEGMENT = 16


@clause("process_vmsplice:errors:einval-nr-segs")
@table(
    "count",
    *TOO_MANY,
    ("int-max", (1 << 31) - 1),
    ("uint-max", WRAPPED - 1),
    ("two-to-32", WRAPPED),
    ("two-to-32-and-1", WRAPPED + 1),
    ("two-to-32-and-iov-max", WRAPPED + c.UIO_MAXIOV),
)
@table("segments", ("bytes", 1), ("all-empty", 0))
def test_more_than_iov_max_segments_are_einval(caller, target, pipe, remote, count, segments):
    array = list(spans(remote, segments, c.UIO_MAXIOV + 1))
    answer = caller.process_vmsplice(target.pid, pipe.write, array, count, c.SPLICE_F_NONBLOCK)
    assert answer == Err(EINVAL)
    pipe.holds()
    remote.unchanged()


@clause("process_vmsplice:order:count-before-descriptor-and-array")
@table("count", *TOO_MANY, ("two-to-32", WRAPPED), ("two-to-32-and-1", WRAPPED + 1))
def test_too_many_segments_are_found_before_all_that_is_wrong_too(caller, count):
    assert caller.process_vmsplice(-1, 999, 8, count, 0) == Err(EINVAL)


@clause("process_vmsplice:segments:up-to-iov-max")
@table("count", ("8", 8), ("9", 9), ("iov-max-minus-1", 1023), ("iov-max", c.UIO_MAXIOV))
@table("bytes_at", ("first", 0), ("last", -1))
def test_up_to_iov_max_segments_are_taken(caller, target, pipe, remote, count, bytes_at):
    array = [remote[:0]] * count
    array[bytes_at] = remote[5:8]
    assert send(caller, target.pid, pipe.write, array) == Ok(3)
    pipe.holds(remote.piece(remote[5:8]))


@clause("process_vmsplice:segments:nothing-is-0")
@table("count", ("none", 0), ("one", 1), ("nine", 9), ("iov-max", c.UIO_MAXIOV))
@table("state", ("empty", "empty"), ("full", "full"), ("nobody-reads", "lonely"))
@table("flags", ("plain", 0), ("nonblock", c.SPLICE_F_NONBLOCK))
def test_nothing_to_send_is_0_at_once(caller, target, pipe, remote, count, state, flags):
    caller.catch(c.SIGPIPE)
    content = [pipe.content()] if state == "full" else []
    if state == "full":
        pipe.fill()
    elif state == "lonely":
        pipe.close_read()
    assert send(caller, target.pid, pipe.write, [remote[:0]] * count, flags) == Ok(0)
    assert caller.caught(c.SIGPIPE) == 0
    if state != "lonely":
        pipe.holds(*content)


@clause("process_vmsplice:segments:none-is-0-whatever-else")
@table(
    "pid, fd, array",
    ("bad-array", None, None, KERNEL_ADDRESS),
    ("no-descriptor", None, -1, None),
    ("no-process", -1, None, None),
    ("everything-wrong", -1, -1, 8),
)
@table("flags", ("plain", 0), ("all", 15))
def test_no_segments_are_0_whatever_the_rest_is(caller, target, pipe, pid, fd, array, flags):
    pid, fd = pid or target.pid, fd or pipe.write
    assert caller.process_vmsplice(pid, fd, array, 0, flags) == Ok(0)
    pipe.holds()


@clause("process_vmsplice:errors:einval-length")
@NEGATIVE
def test_a_negative_length_is_einval(caller, target, pipe, remote, position, length):
    segments = with_length(remote, position, length)
    assert send(caller, target.pid, pipe.write, segments) == Err(EINVAL)
    pipe.holds()
    remote.unchanged()


@clause("process_vmsplice:errors:einval-length")
@table("count", ("nine", 9), ("iov-max", c.UIO_MAXIOV))
def test_a_negative_length_is_einval_though_the_pipe_were_full_before(
    caller, target, pipe, remote, count
):
    segments = [*spans(remote, 1, count - 1), Span(remote.address, -1)]
    assert send(caller, target.pid, pipe.write, segments, c.SPLICE_F_NONBLOCK) == Err(EINVAL)
    pipe.holds()


@clause("process_vmsplice:segments:great-lengths")
@table("length", ("two-to-31", 1 << 31), ("two-to-40", 1 << 40), ("ssize-max", SSIZE_MAX))
@table("offset", ("aligned", 0), ("unaligned", 100))
def test_a_length_beyond_the_mapping_takes_what_fits(caller, target, pipe, length, offset):
    memory = target.pages(pipe.slots + 1, seed=2)
    moved = pipe.capacity - offset
    segments = [Span(memory.address + offset, length)]
    assert send(caller, target.pid, pipe.write, segments) == Ok(moved)
    pipe.holds(memory.piece(memory[offset : offset + moved]))


@clause("process_vmsplice:segments:great-lengths")
def test_lengths_may_add_up_to_more_than_ssize_max(caller, target, pipe, remote):
    # the hole after the page ends the transfer
    segments = [remote[:4], Span(remote.end - 9, SSIZE_MAX), Span(remote.address, SSIZE_MAX)]
    assert send(caller, target.pid, pipe.write, segments) == Ok(13)
    pipe.holds(remote.piece(remote[:4]), remote.piece(remote[remote.length - 9 :]))


@clause("process_vmsplice:errors:efault-array")
@UNREADABLE_ARRAYS
def test_an_array_that_cannot_be_read_is_efault(caller, target, pipe, remote, where):
    array = where(caller, [remote[:8], remote[8:16]])
    assert caller.process_vmsplice(target.pid, pipe.write, array, 2, 0) == Err(EFAULT)
    pipe.holds()
    remote.unchanged()


@clause("process_vmsplice:errors:efault-array")
@table("count", ("one", 1), ("many", c.UIO_MAXIOV))
def test_an_array_of_gifts_that_cannot_be_read_is_efault(caller, target, pipe, count):
    gift = c.SPLICE_F_GIFT
    assert caller.process_vmsplice(target.pid, pipe.write, 8, count, gift) == Err(EFAULT)
    pipe.holds()


@clause("process_vmsplice:errors:efault-array")
@table(
    "array", ("null", 0), ("kernel", KERNEL_ADDRESS), ("non-canonical", NON_CANONICAL), ("one", 1)
)
def test_an_array_of_many_that_cannot_be_read_is_efault(caller, target, pipe, array):
    count = c.UIO_MAXIOV
    assert caller.process_vmsplice(target.pid, pipe.write, array, count, 0) == Err(EFAULT)
    pipe.holds()


@clause("process_vmsplice:segments:array-is-the-callers")
def test_the_array_is_looked_for_in_the_callers_memory(caller, target, pipe, remote):
    own = caller.pages(1)
    # every child chooses the same addresses: what the target has there is no array
    assert own.address == remote.address
    place(caller, own.address, [remote[5:8]])
    assert caller.process_vmsplice(target.pid, pipe.write, own.address, 1, 0) == Ok(3)
    pipe.holds(remote.piece(remote[5:8]))


@clause("process_vmsplice:segments:array-is-the-callers")
@table(
    "name, prot",
    ("read-only-before-a-hole", "end", c.PROT_READ),
    ("misaligned", "odd", c.PROT_READ | c.PROT_WRITE),
)
def test_an_array_may_lie_anywhere(caller, target, pipe, remote, name, prot):
    array = caller.pages(1)
    address = array.end - 2 * SEGMENT if name == "end" else array.address + 3
    place(caller, address, [remote[:3], remote[7:9]])
    caller.must.mprotect(array, array.length, prot)
    assert caller.process_vmsplice(target.pid, pipe.write, address, 2, 0) == Ok(5)
    pipe.holds(*remote.pieces(remote[:3], remote[7:9]))


@clause("process_vmsplice:segments:array-order")
@pytest.mark.parametrize(
    "lengths",
    [[5, 7, 11], [1] * 8, [1] * 9, [3, 0, 0, 4], [0, 3, 0, 2, 0], [0, 0, 9], [100, 1, 100]],
    ids=lambda lengths: "-".join(map(str, lengths)),
)
@table("way", ("forwards", 1), ("backwards", -1))
def test_segments_are_taken_in_array_order(caller, target, pipe, remote, lengths, way):
    parts = scattered(remote, lengths)[::way]
    assert send(caller, target.pid, pipe.write, parts) == Ok(sum(lengths))
    pipe.holds(*remote.pieces(*parts))


@clause("process_vmsplice:segments:array-order")
def test_segments_of_pages_are_filled_completely_one_after_another(caller, target, pipe):
    page = caller.page_size
    memory = target.pages(5, seed=2)
    parts = [memory[3 * page - 1 : 4 * page], memory[: page + 1], memory[100:101]]
    assert send(caller, target.pid, pipe.write, parts) == Ok(2 * page + 3)
    pipe.holds(*memory.pieces(*parts))


@clause("process_vmsplice:segments:array-order")
@table(
    "parts",
    ("overlapping", ((10, 30), (20, 40), (0, 15))),
    ("repeated", ((10, 30), (10, 30), (10, 30))),
    ("nested", ((10, 50), (20, 30), (10, 50))),
    ("interleaved-with-empty", ((0, 0), (10, 13), (5, 5), (1, 2), (0, 0))),
)
def test_segments_may_overlap(caller, target, pipe, remote, parts):
    parts = [remote[start:stop] for start, stop in parts]
    total = sum(part.length for part in parts)
    assert send(caller, target.pid, pipe.write, parts) == Ok(total)
    pipe.holds(*remote.pieces(*parts))


@clause("process_vmsplice:segments:array-order")
def test_the_same_page_a_thousand_times(caller, target, pipe, remote):
    slots = pipe.slots
    array = [remote[:]] * c.UIO_MAXIOV
    flags = c.SPLICE_F_NONBLOCK | c.SPLICE_F_GIFT
    assert send(caller, target.pid, pipe.write, array, flags) == Ok(slots * remote.length)
    pipe.holds(*[remote.piece(remote[:])] * slots)


@clause("process_vmsplice:segments:empty-ones-are-skipped")
@table(
    "base",
    ("null", 0),
    ("eight", 8),
    ("kernel", KERNEL_ADDRESS),
    ("non-canonical", NON_CANONICAL),
    ("top", (1 << 64) - 1),
)
def test_an_empty_segment_is_not_looked_at(caller, target, pipe, remote, base):
    array = [Span(base, 0), remote[:3], Span(remote.end, 0), Span(base, 0), remote[3:5]]
    assert send(caller, target.pid, pipe.write, array) == Ok(5)
    pipe.holds(*cut([remote.piece(remote[:])], 0, 5))
