"""Pages are shared with the pipe, not copied; what that shows later, and what it must not show.

Whether a kernel shares or copies is asked for by a probe: kernels may come that copy.
"""

from errno import EAGAIN, EBUSY, EPIPE

import pytest

from fixtures.cases import clause, needs, table
from fixtures.pipes import Pipe, make_pipe
from helpers.abi import constants as c
from helpers.child import NO_FILE, Child
from helpers.memory import Memory, Piece
from helpers.outcome import Err, Ok

pytestmark = needs("vmsplice")
SHARING = needs("page-sharing")

OLD, NEW = 1, 2


@pytest.fixture
def sent(caller: Child, pipe: Pipe) -> Memory:
    """Three pages full of the old pattern, all in the pipe but for a few bytes at the ends."""
    memory = caller.pages(3, seed=OLD)
    part = memory[7 : memory.length - 7]
    assert caller.vmsplice(pipe.write, [part], 1, 0) == Ok(part.length)
    return memory


def content(memory: Memory, seed: int) -> Piece:
    """What the pipe holds of it if it has this pattern."""
    return Piece(memory.length - 14, seed, 7)


@SHARING
@clause("vmsplice:sharing:later-writes-are-seen")
def test_what_is_written_later_is_seen_in_the_pipe(pipe: Pipe, sent: Memory) -> None:
    sent.fill(NEW)
    pipe.holds(content(sent, NEW))


@SHARING
@clause("vmsplice:sharing:later-writes-are-seen")
@table(
    "flags",
    ("shared", c.MAP_SHARED | c.MAP_ANONYMOUS),
    ("private", c.MAP_PRIVATE | c.MAP_ANONYMOUS),
)
@table("flag", ("gift", c.SPLICE_F_GIFT), ("plain", 0))
def test_every_byte_written_later_is_seen(caller: Child, pipe: Pipe, flags: int, flag: int) -> None:
    memory = caller.pages(2, seed=OLD, flags=flags)
    assert caller.vmsplice(pipe.write, [memory], 1, flag) == Ok(memory.length)
    memory.fill(NEW)
    pipe.holds(Piece(memory.length, NEW))


@SHARING
@clause("vmsplice:sharing:file-writes-are-seen")
def test_what_is_written_to_a_mapped_file_is_seen(caller: Child, pipe: Pipe) -> None:
    fd = caller.must.memfd_create("file", 0)
    old, new = caller.pages(1, seed=OLD), caller.pages(1, seed=NEW)
    caller.must.pwrite64(fd, old, old.length, 0)
    memory = caller.pages(1, flags=c.MAP_SHARED, fd=fd)
    assert caller.vmsplice(pipe.write, [memory], 1, 0) == Ok(memory.length)
    caller.must.pwrite64(fd, new, new.length, 0)
    pipe.holds(new.piece(new[:]))


@SHARING
@clause("vmsplice:sharing:tee-shares-too")
def test_a_second_pipe_shares_the_page_too(caller: Child, pipe: Pipe, sent: Memory) -> None:
    other = make_pipe(caller)
    assert caller.tee(pipe.read, other.write, sent.length, 0) == Ok(sent.length - 14)
    sent.fill(NEW)
    pipe.holds(content(sent, NEW))
    other.holds(content(sent, NEW))


@clause("vmsplice:sharing:pipe-keeps-unmapped-pages")
def test_the_pipe_keeps_pages_that_are_unmapped(caller: Child, pipe: Pipe, sent: Memory) -> None:
    caller.must.munmap(sent, sent.length)
    pipe.holds(content(sent, OLD))


@clause("vmsplice:sharing:pipe-keeps-unmapped-pages")
def test_the_pipe_keeps_pages_that_were_replaced(caller: Child, pipe: Pipe, sent: Memory) -> None:
    caller.must.munmap(sent, sent.length)
    flags = c.MAP_PRIVATE | c.MAP_ANONYMOUS | c.MAP_FIXED_NOREPLACE
    caller.must.mmap(sent, sent.length, c.PROT_READ | c.PROT_WRITE, flags, NO_FILE, 0)
    sent.fill(NEW)
    pipe.holds(content(sent, OLD))


@clause("vmsplice:sharing:pipe-keeps-unmapped-pages")
def test_the_pipe_keeps_pages_that_are_given_back(caller: Child, pipe: Pipe, sent: Memory) -> None:
    caller.must.madvise(sent, sent.length, c.MADV_DONTNEED)
    sent.fill(NEW)
    pipe.holds(content(sent, OLD))


@clause("vmsplice:sharing:pipe-keeps-unmapped-pages")
def test_the_pipe_keeps_the_pages_of_a_caller_that_exits(caller: Child, pipe: Pipe) -> None:
    sender = caller.fork("sender")
    memory = sender.pages(2, seed=OLD)
    assert sender.vmsplice(pipe.write, [memory], 1, 0) == Ok(memory.length)
    sender.quit()
    sender.wait_death()
    pipe.holds(Piece(memory.length, OLD))


@clause("vmsplice:sharing:zero-page")
def test_memory_never_touched_stays_zero_in_the_pipe(caller: Child, pipe: Pipe) -> None:
    memory = caller.pages(2)
    assert caller.vmsplice(pipe.write, [memory], 1, 0) == Ok(memory.length)
    memory.fill(NEW)
    pipe.holds(Piece(memory.length, None))


@clause("vmsplice:sharing:not-with-a-child")
def test_pages_shared_with_a_child_show_no_later_writes(caller: Child, pipe: Pipe) -> None:
    memory = caller.pages(2, seed=OLD)
    child = caller.fork("child")
    child.facts  # noqa: B018 # it exists from here on
    assert caller.vmsplice(pipe.write, [memory], 1, 0) == Ok(memory.length)
    memory.fill(NEW)
    pipe.holds(Piece(memory.length, OLD))
    child.compare(memory.address, [Piece(memory.length, OLD)])


@clause("vmsplice:sharing:cve-2020-29374")
@table("unmap", ("unmapped-in-the-child", True), ("still-mapped-in-the-child", False))
def test_a_child_does_not_see_what_its_parent_writes_later(caller: Child, unmap: bool) -> None:
    pipe = make_pipe(caller)
    memory = caller.pages(2, seed=OLD)
    child = caller.fork("child")
    assert child.vmsplice(pipe.write, [memory], 1, 0) == Ok(memory.length)
    if unmap:
        child.must.munmap(memory, memory.length)
    memory.fill(NEW)
    Pipe(child, pipe.read, pipe.write).holds(Piece(memory.length, OLD))


@clause("vmsplice:sharing:cve-2020-29374")
def test_a_parent_does_not_see_what_its_child_writes_later(caller: Child, pipe: Pipe) -> None:
    memory = caller.pages(2, seed=OLD)
    child = caller.fork("child")
    child.facts  # noqa: B018 # it exists from here on
    assert caller.vmsplice(pipe.write, [memory], 1, 0) == Ok(memory.length)
    caller.must.munmap(memory, memory.length)
    child.fill(memory.address, memory.length, NEW)
    child.compare(memory.address, [Piece(memory.length, NEW)])
    pipe.holds(Piece(memory.length, OLD))


@SHARING
@clause("vmsplice:sharing:pins-a-memfd")
def test_a_memfd_cannot_be_sealed_while_its_page_is_in_a_pipe(caller: Child, pipe: Pipe) -> None:
    fd = caller.must.memfd_create("sealed", c.MFD_ALLOW_SEALING)
    old = caller.pages(1, seed=OLD)
    caller.must.pwrite64(fd, old, old.length, 0)
    memory = caller.pages(1, flags=c.MAP_PRIVATE, prot=c.PROT_READ, fd=fd)
    assert caller.vmsplice(pipe.write, [memory], 1, 0) == Ok(memory.length)
    caller.must.munmap(memory, memory.length)
    assert caller.fcntl(fd, c.F_ADD_SEALS, c.F_SEAL_WRITE) == Err(EBUSY)
    pipe.holds(old.piece(old[:]))
    assert caller.fcntl(fd, c.F_ADD_SEALS, c.F_SEAL_WRITE) == Ok(0)


@clause("vmsplice:sharing:nothing-pinned-after-a-failure")
@table("how", ("partial", "partial"), ("full-pipe", "full"), ("nobody-reads", "lonely"))
def test_no_page_stays_in_use_after_a_call_that_took_less(
    caller: Child, pipe: Pipe, how: str
) -> None:
    """A page that was looked up but not put into the pipe must have been given back."""
    slots, page = pipe.slots, caller.page_size
    fd = caller.must.memfd_create("sealed", c.MFD_ALLOW_SEALING)
    caller.must.ftruncate(fd, (slots + 4) * page)
    memory = caller.pages(slots + 4, flags=c.MAP_PRIVATE, prot=c.PROT_READ, fd=fd)
    caller.catch(c.SIGPIPE)
    if how == "full":
        pipe.fill()
    elif how == "lonely":
        pipe.close_read()
    expected = {"partial": Ok(slots * page), "full": Err(EAGAIN), "lonely": Err(EPIPE)}[how]
    assert caller.vmsplice(pipe.write, [memory], 1, c.SPLICE_F_NONBLOCK) == expected
    caller.must.munmap(memory, memory.length)
    if how != "lonely":
        pipe.close_read()
    pipe.close_write()
    assert caller.fcntl(fd, c.F_ADD_SEALS, c.F_SEAL_WRITE) == Ok(0)


@clause("vmsplice:safety:write-leaves-memory-alone")
@table("flags", ("plain", 0), ("gift", c.SPLICE_F_GIFT))
@table("length", ("one-byte", 1), ("page-less-one", -1), ("page", 0))
@table("used", ("fresh-pipe", False), ("pipe-used-before", True))
def test_a_later_write_never_touches_the_page(
    caller: Child, pipe: Pipe, flags: int, length: int, used: bool
) -> None:
    """A slot that write(2) used before must not keep its permission to be added to."""
    memory, more = caller.pages(1, seed=OLD), caller.memory(100, seed=NEW)
    if used:
        caller.must.read(pipe.read, caller.memory(pipe.fill()), pipe.capacity)
    part = memory[: length if length > 0 else caller.page_size + length]
    assert caller.vmsplice(pipe.write, [part], 1, flags) == Ok(part.length)
    assert caller.write(pipe.write, more, 100) == Ok(100)
    memory.unchanged()
    pipe.holds(memory.piece(part), more.piece(more[:]))


@clause("vmsplice:safety:write-leaves-memory-alone")
def test_the_page_is_not_used_by_the_pipe_after_it_was_read(caller: Child, pipe: Pipe) -> None:
    memory, more = caller.pages(1, seed=OLD), caller.pages(2, seed=NEW)
    assert caller.vmsplice(pipe.write, [memory], 1, c.SPLICE_F_GIFT) == Ok(memory.length)
    pipe.holds(memory.piece(memory[:]))
    pipe.put(more[:])
    memory.unchanged()
    pipe.holds(more.piece(more[:]))
