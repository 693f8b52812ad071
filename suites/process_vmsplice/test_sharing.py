"""process_vmsplice: the pipe refers to the target's pages; what that shows, and must never show."""

from errno import EAGAIN, EBUSY, EFAULT, EPIPE

import pytest

from fixtures.cases import clause, needs, table
from fixtures.pipes import make_pipe
from helpers import abi
from helpers.abi import constants as c
from helpers.memory import Piece, Span
from helpers.outcome import Err, Ok
from suites.process_vmsplice.calls import send
from suites.shared.events import file_holds

pytestmark = needs("process_vmsplice", "foreign-memory")

OLD, NEW = 1, 2
LATER = clause("process_vmsplice:sharing:later-writes-are-seen")
KEEPS = clause("process_vmsplice:sharing:pipe-keeps-pages")


@pytest.fixture
def sent(caller, target, pipe):
    """Three pages full of the old pattern, all in the pipe but for a few bytes at the ends."""
    memory = target.pages(3, seed=OLD)
    part = memory[7 : memory.length - 7]
    assert send(caller, target.pid, pipe.write, [part]) == Ok(part.length)
    return memory


def content(memory, seed):
    """What the pipe holds of it if it has this pattern."""
    return Piece(memory.length - 14, seed, 7)


@LATER
def test_what_the_target_writes_later_is_seen_in_the_pipe(pipe, sent):
    sent.fill(NEW)
    pipe.holds(content(sent, NEW))


@LATER
@table(
    "kind",
    ("shared", c.MAP_SHARED | c.MAP_ANONYMOUS),
    ("private", c.MAP_PRIVATE | c.MAP_ANONYMOUS),
)
@table("flags", ("gift", c.SPLICE_F_GIFT), ("plain", 0), ("move", c.SPLICE_F_MOVE))
def test_every_byte_written_later_is_seen(caller, target, pipe, kind, flags):
    memory = target.pages(2, seed=OLD, flags=kind)
    assert send(caller, target.pid, pipe.write, [memory], flags) == Ok(memory.length)
    memory.fill(NEW)
    pipe.holds(Piece(memory.length, NEW))


@LATER
def test_what_is_written_to_a_mapped_file_is_seen(caller, target, pipe):
    fd = target.must.memfd_create("file", 0)
    old, new = target.pages(1, seed=OLD), target.pages(1, seed=NEW)
    target.must.pwrite64(fd, old, old.length, 0)
    memory = target.pages(1, flags=c.MAP_SHARED, fd=fd)
    assert send(caller, target.pid, pipe.write, [memory]) == Ok(memory.length)
    target.must.pwrite64(fd, new, new.length, 0)
    pipe.holds(new.piece(new[:]))


@LATER
def test_what_another_process_writes_to_the_targets_memory_is_seen(caller, target, pipe, sent):
    data = caller.memory(sent.length, seed=NEW)
    moved = caller.process_vm_writev(target.pid, [data], 1, [sent], 1, 0)
    assert moved == Ok(sent.length)
    pipe.holds(content(sent, NEW))


@LATER
def test_a_second_pipe_shares_the_page_too(caller, pipe, sent):
    other = make_pipe(caller)
    assert caller.tee(pipe.read, other.write, sent.length, 0) == Ok(sent.length - 14)
    sent.fill(NEW)
    pipe.holds(content(sent, NEW))
    other.holds(content(sent, NEW))


@clause("process_vmsplice:sharing:reading-copies")
def test_what_was_read_stays_as_it_was(caller, pipe, sent):
    length = sent.length - 14
    got = caller.memory(length)
    assert caller.read(pipe.read, got, length) == Ok(length)
    sent.fill(NEW)
    caller.compare(got.address, [content(sent, OLD)])


@KEEPS
@table(
    "how",
    ("unmapped", "munmap"),
    ("given-back", "madvise"),
    ("not-accessible", "mprotect"),
    ("replaced", "replace"),
)
def test_the_pipe_keeps_pages_that_the_target_gave_up(target, pipe, sent, how):
    if how == "madvise":
        target.must.madvise(sent, sent.length, c.MADV_DONTNEED)
        sent.fill(NEW)
    elif how == "mprotect":
        target.must.mprotect(sent, sent.length, c.PROT_NONE)
    else:
        target.must.munmap(sent, sent.length)
    if how == "replace":
        flags = c.MAP_PRIVATE | c.MAP_ANONYMOUS | c.MAP_FIXED_NOREPLACE
        target.must.mmap(sent, sent.length, c.PROT_READ | c.PROT_WRITE, flags, (1 << 64) - 1, 0)
        sent.fill(NEW)
    pipe.holds(content(sent, OLD))


@KEEPS
@table("how", ("exits", "exit"), ("killed", "kill"))
def test_the_pipe_keeps_the_pages_of_a_target_that_died(caller, target, pipe, sent, how):
    if how == "exit":
        target.quit()
    else:
        caller.must.kill(target.pid, c.SIGKILL)
    target.wait_death()
    pipe.holds(content(sent, OLD))


@KEEPS
def test_a_truncated_file_leaves_its_page_to_the_pipe(caller, target, pipe):
    fd = target.must.memfd_create("file", 0)
    old = target.pages(1, seed=OLD)
    target.must.pwrite64(fd, old, old.length, 0)
    memory = target.pages(1, flags=c.MAP_SHARED, fd=fd)
    assert send(caller, target.pid, pipe.write, [memory]) == Ok(memory.length)
    target.must.ftruncate(fd, 0)
    pipe.holds(old.piece(old[:]))


@clause("process_vmsplice:sharing:zero-page")
def test_memory_never_touched_stays_zero_in_the_pipe(caller, target, pipe):
    memory = target.pages(2)
    assert send(caller, target.pid, pipe.write, [memory]) == Ok(memory.length)
    memory.fill(NEW)
    pipe.holds(Piece(memory.length, None))


@clause("process_vmsplice:sharing:not-with-a-relative")
@table("writer", ("parent", "parent"), ("child", "child"))
def test_pages_shared_after_a_fork_show_no_later_writes(caller, target, pipe, writer):
    memory = target.pages(2, seed=OLD)
    child = target.fork("child")
    child.facts  # noqa: B018 # it exists from here on
    assert send(caller, target.pid, pipe.write, [memory]) == Ok(memory.length)
    if writer == "parent":
        memory.fill(NEW)
    else:
        child.fill(memory.address, memory.length, NEW)
    pipe.holds(Piece(memory.length, OLD))
    other = child if writer == "parent" else target
    other.compare(memory.address, [Piece(memory.length, OLD)])


@clause("process_vmsplice:sharing:not-with-a-relative")
@table("unmap", ("unmapped-in-the-child", True), ("still-mapped-in-the-child", False))
def test_a_pipe_of_a_childs_page_does_not_show_what_its_parent_writes(caller, target, pipe, unmap):
    """As CVE-2020-29374 for vmsplice(2)."""
    memory = target.pages(2, seed=OLD)
    child = target.fork("child")
    assert send(caller, child.pid, pipe.write, [memory[:]]) == Ok(memory.length)
    if unmap:
        child.must.munmap(memory, memory.length)
    memory.fill(NEW)
    pipe.holds(Piece(memory.length, OLD))


def sealed_later(target, pages):
    """A memfd that can be sealed against writing when nobody else refers to its pages."""
    fd = target.must.memfd_create("sealed", c.MFD_ALLOW_SEALING)
    old = target.pages(pages, seed=OLD)
    target.must.pwrite64(fd, old, old.length, 0)
    return fd, old, target.pages(pages, flags=c.MAP_PRIVATE, prot=c.PROT_READ, fd=fd)


def seal(target, fd):
    return target.fcntl(fd, c.F_ADD_SEALS, c.F_SEAL_WRITE)


@clause("process_vmsplice:sharing:pins-a-memfd")
@table("drain", ("read", "read"), ("closed", "close"), ("spliced", "splice"))
def test_a_memfd_cannot_be_sealed_while_its_page_is_in_a_pipe(caller, target, pipe, drain):
    fd, old, memory = sealed_later(target, 2)
    assert send(caller, target.pid, pipe.write, [memory[9:]]) == Ok(memory.length - 9)
    target.must.munmap(memory, memory.length)
    assert seal(target, fd) == Err(EBUSY)
    if drain == "read":
        pipe.holds(old.piece(old[9:]))
    elif drain == "splice":
        out = caller.must.memfd_create("out", 0)
        moved = caller.splice(pipe.read, None, out, None, old.length, 0)
        assert moved == Ok(old.length - 9)
        file_holds(caller, out, old.piece(old[9:]))
    else:
        caller.must.close(pipe.read)
        caller.must.close(pipe.write)
    assert seal(target, fd) == Ok(0)


@clause("process_vmsplice:sharing:nothing-pinned-after-a-failure")
@table(
    "how",
    ("partial", "partial"),
    ("full-pipe", "full"),
    ("nobody-reads", "lonely"),
    ("hole-behind-it", "hole"),
    ("hole-before-it", "first"),
)
def test_no_page_stays_in_use_that_the_pipe_did_not_take(caller, target, pipe, how):
    slots, page = pipe.slots, caller.page_size
    pages = slots + 4 if how != "hole" else 3
    fd, _, memory = sealed_later(target, pages)
    caller.catch(c.SIGPIPE)
    if how == "full":
        pipe.fill()
    elif how == "lonely":
        pipe.close_read()
    parts = {
        "hole": [Span(memory.address, 5 * page)],
        "first": [Span(memory.end, page), memory],
    }.get(how, [memory])
    expected = {
        "partial": Ok(slots * page),
        "full": Err(EAGAIN),
        "lonely": Err(EPIPE),
        "hole": Ok(3 * page),
        "first": Err(EFAULT),
    }[how]
    assert send(caller, target.pid, pipe.write, parts, c.SPLICE_F_NONBLOCK) == expected
    target.must.munmap(memory, memory.length)
    if how != "lonely":
        caller.must.close(pipe.read)
    caller.must.close(pipe.write)
    assert seal(target, fd) == Ok(0)


@clause("process_vmsplice:safety:write-leaves-memory-alone")
@table("flags", ("plain", 0), ("gift", c.SPLICE_F_GIFT))
@table("length", ("one-byte", 1), ("page-less-one", -1), ("page", 0))
@table("used", ("fresh-pipe", False), ("pipe-used-before", True))
def test_a_later_write_never_touches_the_page(caller, target, pipe, flags, length, used):
    """A slot that write(2) used before must not keep its permission to be added to."""
    if flags and length:
        flags = c.SPLICE_F_MOVE  # a gift has whole pages
    guard, memory = target.pages(1, seed=3), target.pages(1, seed=OLD)
    more = caller.memory(100, seed=NEW)
    if used:
        caller.must.read(pipe.read, caller.memory(pipe.fill()), pipe.capacity)
    part = memory[: length if length > 0 else caller.page_size + length]
    assert send(caller, target.pid, pipe.write, [part], flags) == Ok(part.length)
    assert caller.write(pipe.write, more, 100) == Ok(100)
    memory.unchanged()
    guard.unchanged()
    pipe.holds(memory.piece(part), more.piece(more[:]))


@clause("process_vmsplice:safety:write-leaves-memory-alone")
@table("flags", ("plain", 0), ("gift", c.SPLICE_F_GIFT))
def test_the_page_is_not_used_by_the_pipe_after_it_was_read(caller, target, pipe, flags):
    memory, more = target.pages(1, seed=OLD), caller.pages(2, seed=NEW)
    assert send(caller, target.pid, pipe.write, [memory], flags) == Ok(memory.length)
    pipe.holds(memory.piece(memory[:]))
    pipe.put(more[:])
    memory.unchanged()
    pipe.holds(more.piece(more[:]))


@clause("process_vmsplice:draining:every-way")
@table("kind", ("file", "file"), ("socket", "socket"), ("pipe", "pipe"), ("tee", "tee"))
def test_what_was_sent_can_be_drained_every_way(caller, target, pipe, sent, kind):
    length = sent.length - 14
    if kind == "file":
        fd = caller.must.memfd_create("out", 0)
        assert caller.splice(pipe.read, None, fd, None, length, 0) == Ok(length)
        file_holds(caller, fd, content(sent, OLD))
    elif kind == "socket":
        fds = abi.new("int[2]")
        caller.must.socketpair(c.AF_UNIX, c.SOCK_STREAM, 0, fds)
        assert caller.splice(pipe.read, None, fds[0], None, length, 0) == Ok(length)
        got = caller.memory(length)
        assert caller.read(fds[1], got, length) == Ok(length)
        caller.compare(got.address, [content(sent, OLD)])
    else:
        other = make_pipe(caller)
        if kind == "tee":
            assert caller.tee(pipe.read, other.write, length, 0) == Ok(length)
            pipe.holds(content(sent, OLD))
        else:
            assert caller.splice(pipe.read, None, other.write, None, length, 0) == Ok(length)
        other.holds(content(sent, OLD))
    sent.unchanged()


@clause("process_vmsplice:sharing:target-is-unchanged")
def test_the_targets_memory_and_registers_stay_as_they_were(caller, target, pipe):
    """A target that sleeps in a call of its own does not notice."""
    memory = target.pages(2, seed=OLD)
    own = make_pipe(target)
    got = target.memory(1)
    reading = target.begin.read(own.read, got, 1)
    target.wait_blocked(reading, "read")
    assert send(caller, target.pid, pipe.write, [memory]) == Ok(memory.length)
    pipe.holds(memory.piece(memory[:]))
    assert not reading.done
