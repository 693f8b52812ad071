"""process_vmsplice: how much a pipe takes, and when it takes nothing."""

from errno import EAGAIN

from fixtures.cases import clause, needs, table
from fixtures.identity import OTHER, Identity
from fixtures.pipes import FILLING, make_pipe
from helpers.abi import constants as c
from helpers.memory import Piece, spans
from helpers.outcome import Err, Ok
from suites.shared import capacity

pytestmark = needs("process_vmsplice", "foreign-memory")

SHORT = clause("process_vmsplice:return:bytes-moved")
EAGAIN_FULL = clause("process_vmsplice:errors:eagain")
NONBLOCK = c.SPLICE_F_NONBLOCK


@capacity.cases("process_vmsplice", short="return:bytes-moved", eagain="errors:eagain")
def test_slots_decide_what_a_pipe_takes(sender, pipe, body):
    body(sender, pipe)


def by_bytes(sender, pipe):
    return Piece(pipe.fill(), FILLING)


def by_one_byte_slots(sender, pipe):
    memory = sender.pages(1, seed=3)
    slots = pipe.slots
    assert sender(pipe.write, list(spans(memory, 1, slots))) == Ok(slots)
    return memory.piece(memory[:slots])


def by_pages(sender, pipe):
    memory = sender.pages(pipe.slots, seed=3)
    assert sender(pipe.write, [memory], NONBLOCK) == Ok(memory.length)
    return memory.piece(memory[:])


def by_vmsplice(sender, pipe):
    memory = sender.caller.pages(pipe.slots, seed=3)
    sender.caller.must.vmsplice(pipe.write, [memory], 1, 0)
    return memory.piece(memory[:])


def by_a_partly_read_slot(sender, pipe):
    size = pipe.fill()
    sender.caller.must.read(pipe.read, sender.caller.pages(1), sender.caller.page_size - 1)
    left = size - sender.caller.page_size + 1
    return Piece(left, FILLING, size - left)


def grown(sender, pipe):
    sender.caller.must.fcntl(pipe.write, c.F_SETPIPE_SZ, 2 * pipe.capacity)
    return Piece(pipe.fill(), FILLING)


def shrunk(sender, pipe):
    page = sender.caller.page_size
    sender.caller.must.fcntl(pipe.write, c.F_SETPIPE_SZ, page)
    assert pipe.slots == 1
    return Piece(pipe.fill(), FILLING)


def shrunk_around_its_content(sender, pipe):
    page = sender.caller.page_size
    memory = sender.pages(2, seed=3)
    assert sender(pipe.write, [memory[:7], memory[page : page + 9]]) == Ok(16)
    sender.caller.must.fcntl(pipe.write, c.F_SETPIPE_SZ, 2 * page)
    sender.caller.must.read(pipe.read, sender.caller.pages(1), 3)
    return [memory.piece(memory[3:7]), memory.piece(memory[page : page + 9])]


@EAGAIN_FULL
@table(
    "make",
    *((make.__name__.replace("_", "-"), make) for make in (
        by_bytes, by_one_byte_slots, by_pages, by_vmsplice, by_a_partly_read_slot, grown, shrunk,
        shrunk_around_its_content,
    )),
)  # fmt: skip
@table("flags", ("nonblock", NONBLOCK), ("with-gift-and-more", NONBLOCK | 4 | 8))
def test_a_full_pipe_is_eagain_however_it_became_full(sender, pipe, make, flags):
    content = make(sender, pipe)
    memory = sender.pages(2)
    for _ in range(2):
        assert sender(pipe.write, [memory], flags) == Err(EAGAIN)
    memory.unchanged()
    pipe.holds(*content if isinstance(content, list) else [content])
    assert sender(pipe.write, [memory], flags) == Ok(min(pipe.slots, 2) * memory.length // 2)


@SHORT
@table(
    "pages, more, free, moved",
    ("one-byte", 0, 1, 1, 1),
    ("page", 1, 0, 1, None),
    ("page-and-1", 1, 1, 1, None),
    ("five-pages", 5, 0, 1, None),
    ("five-pages-two-slots", 5, 0, 2, None),
)
@table("flags", ("plain", 0), ("nonblock", NONBLOCK))
def test_free_slots_are_filled_without_waiting(sender, full_pipe, pages, more, free, moved, flags):
    page = sender.caller.page_size
    memory = sender.pages(6)
    size = full_pipe.capacity
    sender.caller.must.read(full_pipe.read, sender.caller.pages(free), free * page)
    moved = moved or free * page
    assert sender(full_pipe.write, [memory[: pages * page + more]], flags) == Ok(moved)
    left = size - free * page
    full_pipe.holds(Piece(left, FILLING, free * page), memory.piece(memory[:moved]))


@SHORT
@table("slots", ("16", 16), ("256", 256), ("4096", 4096, needs("root", "disposable")))
def test_a_thousand_segments_take_a_slot_each(sender, pipe, slots):
    page = sender.caller.page_size
    sender.caller.must.fcntl(pipe.write, c.F_SETPIPE_SZ, slots * page)
    memory = sender.pages(1)
    segments = list(spans(memory, 1, c.UIO_MAXIOV))
    moved = min(pipe.slots, c.UIO_MAXIOV)
    assert sender(pipe.write, segments, NONBLOCK) == Ok(moved)
    pipe.holds(memory.piece(memory[:moved]))


@EAGAIN_FULL
@needs("root", "disposable")
def test_a_user_with_many_pipes_has_small_ones(sender):
    """fs/pipe.c, PIPE_MIN_DEF_BUFFERS, for a user over fs.pipe-user-pages-soft."""
    caller, page = sender.caller, sender.caller.page_size
    soft = caller.must.openat(c.AT_FDCWD, "/proc/sys/fs/pipe-user-pages-soft", c.O_RDWR, 0)
    before = caller.memory(20)
    length = caller.must.pread64(soft, before, 20, 0)
    default = make_pipe(caller).slots
    user, owner = caller.fork("user"), sender.owner
    caller.must.pwrite64(soft, str(default).encode(), len(str(default)), 0)
    Identity.of(OTHER).assume(user)
    Identity.of(OTHER).assume(owner)
    pipes = [make_pipe(user), make_pipe(user)]
    memory = owner.pages(4, seed=1)
    answers = [user.process_vmsplice(owner.pid, p.write, [memory], 1, NONBLOCK) for p in pipes]
    again = user.process_vmsplice(owner.pid, pipes[1].write, [memory], 1, NONBLOCK)
    caller.must.pwrite64(soft, before, length, 0)
    assert [p.slots for p in pipes] == [default, 2]
    assert answers == [Ok(4 * page), Ok(2 * page)]
    assert again == Err(EAGAIN)
    pipes[1].holds(memory.piece(memory[: 2 * page]))
