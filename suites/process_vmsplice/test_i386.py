"""process_vmsplice: the entry for 32-bit programs, whose segments are of 8 bytes."""

from errno import EAGAIN, EBADF, EFAULT, EINVAL, EPERM, EPIPE, ESRCH

from fixtures.cases import clause, needs, table
from fixtures.identity import USER, Identity
from fixtures.vectors import scattered
from helpers.abi import constants as c
from helpers.child import NO_FILE
from helpers.memory import Memory, Span, spans
from helpers.outcome import Err, Ok

pytestmark = needs("process_vmsplice", "foreign-memory", "i386")

INT_MAX, INT_MIN = (1 << 31) - 1, 1 << 31
NONBLOCK, GIFT = c.SPLICE_F_NONBLOCK, c.SPLICE_F_GIFT
SEGMENTS = clause("process_vmsplice:i386:segments")
ERRORS = clause("process_vmsplice:i386:errors")


def send32(caller, pid, fd, segments, flags=0):
    """The call through int $0x80."""
    return caller.i386.process_vmsplice(pid, fd, segments, len(segments), flags)


@SEGMENTS
@table(
    "lengths",
    ("one", [9]),
    ("three", [2, 3, 4]),
    ("empty-ones", [0, 3, 0, 2]),
    ("eight", [3] * 8),
    ("nine", [3] * 9),
)
def test_segments_of_32_bit_words_are_moved(caller, target, pipe, remote, lengths):
    parts = scattered(remote, lengths)
    assert send32(caller, target.pid, pipe.write, parts) == Ok(sum(lengths))
    pipe.holds(*remote.pieces(*parts))


@SEGMENTS
def test_iov_max_segments_of_32_bit_words_are_taken(caller, target, pipe, remote):
    parts = list(spans(remote, 2, c.UIO_MAXIOV))
    moved = 2 * min(pipe.slots, c.UIO_MAXIOV)
    assert send32(caller, target.pid, pipe.write, parts) == Ok(moved)
    pipe.holds(remote.piece(remote[:moved]))


@SEGMENTS
def test_greatest_32_bit_length_is_accepted(caller, target, pipe, remote):
    source = Span(remote.address + 7, INT_MAX)
    assert send32(caller, target.pid, pipe.write, [source]) == Ok(remote.length - 7)
    pipe.holds(remote.piece(remote[7:]))


@clause("process_vmsplice:i386:beyond-4-gb")
def test_a_segment_may_end_above_4_gb(caller, target, pipe):
    page, top = caller.page_size, 1 << 32
    flags = c.MAP_PRIVATE | c.MAP_ANONYMOUS | c.MAP_FIXED_NOREPLACE
    target.must.mmap(top - page, 2 * page, c.PROT_READ | c.PROT_WRITE, flags, NO_FILE, 0)
    memory = Memory(top - page, 2 * page, child=target, seed=2)
    memory.fill(2)
    part = memory[page - 5 : page + 5]
    # the siblings' answer first: this one is to be the same
    local = caller.pages(1, seed=1)
    read = caller.i386.process_vm_readv(target.pid, [local[:10]], 1, [part], 1, 0)
    assert send32(caller, target.pid, pipe.write, [part]) == read
    assert read == Ok(10)
    pipe.holds(memory.piece(part))


@clause("process_vmsplice:i386:negative-length")
@table("length", ("minus-1", -1), ("int-min", INT_MIN))
@table("position", ("first", 0), ("middle", 1), ("last", 2))
def test_length_that_is_negative_in_32_bits_is_einval(
    caller, target, pipe, remote, length, position
):
    parts = [remote[:8], remote[8:16], remote[16:24]]
    parts[position] = Span(parts[position].address, length)
    assert send32(caller, target.pid, pipe.write, parts) == Err(EINVAL)
    pipe.holds()


@ERRORS
@table(
    "pid, fd, segment, count, flags, expected",
    ("unknown-flag", None, None, "good", 1, 16, Err(EINVAL)),
    ("every-bit", None, None, "good", 1, (1 << 32) - 1, Err(EINVAL)),
    ("too-many", None, None, "good", c.UIO_MAXIOV + 1, 0, Err(EINVAL)),
    ("greatest-count", None, None, "good", (1 << 32) - 1, 0, Err(EINVAL)),
    ("no-segments", -1, -1, None, 0, 0, Ok(0)),
    ("no-descriptor", None, -1, "good", 1, 0, Err(EBADF)),
    ("no-process", -1, None, "good", 1, 0, Err(ESRCH)),
    ("no-array", None, None, None, 1, 0, Err(EFAULT)),
    ("hole", None, None, "hole", 1, 0, Err(EFAULT)),
    ("gift", None, None, "good", 1, GIFT, Err(EINVAL)),
    ("no-bytes", None, None, "empty", 1, 0, Ok(0)),
    ("flags-before-array", None, None, None, 1, 16, Err(EINVAL)),
    ("count-before-array", None, None, None, c.UIO_MAXIOV + 1, 0, Err(EINVAL)),
    ("flags-before-count", -1, -1, None, 0, 16, Err(EINVAL)),
    ("descriptor-before-array", None, -1, None, 1, 0, Err(EBADF)),
    ("process-before-array", -1, None, None, 1, 0, Err(ESRCH)),
)
def test_it_refuses_what_the_native_entry_refuses(
    caller, target, pipe, remote, pid, fd, segment, count, flags, expected
):
    arrays = {"good": [remote[:9]], "hole": [Span(remote.end, 9)], "empty": [remote[:0]]}
    array = arrays.get(segment)
    pid, fd = target.pid if pid is None else pid, pipe.write if fd is None else fd
    for answer in (
        caller.i386.process_vmsplice(pid, fd, array, count, flags),
        caller.process_vmsplice(pid, fd, array, count, flags),
    ):
        assert answer == expected
    pipe.holds()
    remote.unchanged()


@ERRORS
def test_full_pipe_is_eagain(caller, target, full_pipe, remote):
    assert send32(caller, target.pid, full_pipe.write, [remote], NONBLOCK) == Err(EAGAIN)
    full_pipe.holds(full_pipe.content())


@ERRORS
def test_pipe_without_readers_is_epipe(caller, target, pipe, remote):
    caller.catch(c.SIGPIPE)
    pipe.close_read()
    assert send32(caller, target.pid, pipe.write, [remote]) == Err(EPIPE)
    assert caller.caught(c.SIGPIPE) == 1


@ERRORS
def test_hole_ends_the_transfer(caller, target, pipe, remote):
    parts = [Span(remote.end - 10, 20), remote[:9]]
    assert send32(caller, target.pid, pipe.write, parts) == Ok(10)
    pipe.holds(remote.piece(remote[remote.length - 10 :]))


@needs("root")
@ERRORS
def test_permission_is_asked_for(caller, target, pipe, remote):
    Identity.of(USER).assume(caller)
    assert send32(caller, target.pid, pipe.write, [remote[:8]]) == Err(EPERM)
    pipe.holds()
