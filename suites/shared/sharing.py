"""Pages that are sent are shared with the pipe: what that shows later, and must never show.

For every call that puts memory into a pipe. Kernels may come that copy instead.
"""

from collections.abc import Mapping, Sequence
from errno import EAGAIN, EBUSY, EFAULT, EPIPE
from functools import partial

import pytest

from fixtures.pipes import Pipe, make_pipe
from helpers.abi import constants as c
from helpers.child import NO_FILE, Child
from helpers.memory import Memory, Piece, Span
from helpers.outcome import Err, Ok, Result
from suites.shared.events import file_holds
from suites.shared.rows import Row, instances
from suites.shared.sender import Sender

OLD, NEW = 1, 2
_ENDS = 7


def sent(sender: Sender, pipe: Pipe) -> Memory:
    """Three pages full of the old pattern, all in the pipe but for a few bytes at the ends."""
    memory = sender.pages(3, seed=OLD)
    part = memory[_ENDS : memory.length - _ENDS]
    assert sender(pipe.write, [part]) == Ok(part.length)
    return memory


def content(memory: Memory, seed: int) -> Piece:
    """What the pipe holds of them if they have this pattern."""
    return Piece(memory.length - 2 * _ENDS, seed, _ENDS)


# -- what is written later


def later_writes_are_seen(sender: Sender, pipe: Pipe) -> None:
    """What the owner writes later is read from the pipe."""
    memory = sent(sender, pipe)
    memory.fill(NEW)
    pipe.holds(content(memory, NEW))


def every_byte_is_seen(sender: Sender, pipe: Pipe, kind: int, flags: int) -> None:
    """Of whole pages every byte, private or shared memory, given or lent."""
    memory = sender.owner.pages(2, seed=OLD, flags=kind)
    assert sender(pipe.write, [memory], flags) == Ok(memory.length)
    memory.fill(NEW)
    pipe.holds(Piece(memory.length, NEW))


def writes_to_a_mapped_file_are_seen(sender: Sender, pipe: Pipe) -> None:
    """The page is the file's."""
    fd, _, memory = mapped(sender.owner)
    new = sender.owner.pages(1, seed=NEW)
    assert sender(pipe.write, [memory]) == Ok(memory.length)
    sender.owner.must.pwrite64(fd, new, new.length, 0)
    pipe.holds(new.piece(new[:]))


def a_second_pipe_shares_too(sender: Sender, pipe: Pipe) -> None:
    """tee(2) copies no byte either."""
    memory, other = sent(sender, pipe), make_pipe(sender.caller)
    length = memory.length - 2 * _ENDS
    assert sender.caller.tee(pipe.read, other.write, memory.length, 0) == Ok(length)
    memory.fill(NEW)
    pipe.holds(content(memory, NEW))
    other.holds(content(memory, NEW))


def the_zero_page_stays(sender: Sender, pipe: Pipe) -> None:
    """Memory that was never touched is sent as zeros, and gets pages of its own later."""
    memory = sender.owner.pages(2)
    assert sender(pipe.write, [memory]) == Ok(memory.length)
    memory.fill(NEW)
    pipe.holds(Piece(memory.length, None))


def a_fork_keeps_the_old_content(sender: Sender, pipe: Pipe, *, by_child: bool) -> None:
    """Pages that a child has too are copied for whoever writes first."""
    memory = sender.pages(2, seed=OLD)
    child = sender.owner.fork("child")
    child.facts  # noqa: B018 # it exists from here on
    assert sender(pipe.write, [memory]) == Ok(memory.length)
    writer, other = (child, sender.owner) if by_child else (sender.owner, child)
    writer.fill(memory.address, memory.length, NEW)
    pipe.holds(Piece(memory.length, OLD))
    other.compare(memory.address, [Piece(memory.length, OLD)])


# -- what the pipe keeps


def given_up_pages_are_kept(sender: Sender, pipe: Pipe, how: str) -> None:
    """Unmapped, given back, made inaccessible or replaced: the pipe has them still."""
    memory, owner = sent(sender, pipe), sender.owner
    if how == "given-back":
        owner.must.madvise(memory, memory.length, c.MADV_DONTNEED)
        memory.fill(NEW)
    elif how == "not-accessible":
        owner.must.mprotect(memory, memory.length, c.PROT_NONE)
    else:
        owner.must.munmap(memory, memory.length)
    if how == "replaced":
        flags = c.MAP_PRIVATE | c.MAP_ANONYMOUS | c.MAP_FIXED_NOREPLACE
        prot = c.PROT_READ | c.PROT_WRITE
        owner.must.mmap(memory, memory.length, prot, flags, NO_FILE, 0)
        memory.fill(NEW)
    pipe.holds(content(memory, OLD))


def a_truncated_file_leaves_its_page(sender: Sender, pipe: Pipe) -> None:
    """ftruncate(2) takes pages from a file, not from a pipe."""
    fd, old, memory = mapped(sender.owner)
    assert sender(pipe.write, [memory]) == Ok(memory.length)
    sender.owner.must.ftruncate(fd, 0)
    pipe.holds(old.piece(old[:]))


# -- what is in use


def mapped(owner: Child) -> tuple[int, Memory, Memory]:
    """A memfd of a page, what was written to it, and a shared mapping."""
    fd = int(owner.must.memfd_create("file", 0))
    old = owner.pages(1, seed=OLD)
    owner.must.pwrite64(fd, old, old.length, 0)
    return fd, old, owner.pages(1, flags=c.MAP_SHARED, fd=fd)


def sealed_later(owner: Child, pages: int) -> tuple[int, Memory, Memory]:
    """A memfd that can be sealed against writing when nobody else refers to its pages."""
    fd = int(owner.must.memfd_create("sealed", c.MFD_ALLOW_SEALING))
    old = owner.pages(pages, seed=OLD)
    owner.must.pwrite64(fd, old, old.length, 0)
    return fd, old, owner.pages(pages, flags=c.MAP_PRIVATE, prot=c.PROT_READ, fd=fd)


def seal(owner: Child, fd: int) -> Result:
    """EBUSY as long as somebody else refers to a page."""
    return owner.fcntl(fd, c.F_ADD_SEALS, c.F_SEAL_WRITE)


def a_memfd_is_pinned(sender: Sender, pipe: Pipe, drain: str) -> None:
    """It cannot be sealed while its page is in a pipe, and can afterwards."""
    caller, owner = sender.caller, sender.owner
    fd, old, memory = sealed_later(owner, 2)
    assert sender(pipe.write, [memory[9:]]) == Ok(memory.length - 9)
    owner.must.munmap(memory, memory.length)
    assert seal(owner, fd) == Err(EBUSY)
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
    assert seal(owner, fd) == Ok(0)


def nothing_is_pinned_after_a_failure(sender: Sender, pipe: Pipe, how: str) -> None:
    """A page that was looked up but not taken by the pipe must have been given back."""
    caller, owner = sender.caller, sender.owner
    slots, page = pipe.slots, caller.page_size
    fd, _, memory = sealed_later(owner, 3 if how == "hole-behind-it" else slots + 4)
    caller.catch(c.SIGPIPE)
    if how == "full-pipe":
        pipe.fill()
    elif how == "nobody-reads":
        pipe.close_read()
    parts: Mapping[str, Sequence[Span]] = {
        "hole-behind-it": [Span(memory.address, 5 * page)],
        "hole-before-it": [Span(memory.end, page), memory],
    }
    expected = {
        "more-than-fits": Ok(slots * page),
        "full-pipe": Err(EAGAIN),
        "nobody-reads": Err(EPIPE),
        "hole-behind-it": Ok(3 * page),
        "hole-before-it": Err(EFAULT),
    }[how]
    assert sender(pipe.write, parts.get(how, [memory]), c.SPLICE_F_NONBLOCK) == expected
    owner.must.munmap(memory, memory.length)
    if how != "nobody-reads":
        caller.must.close(pipe.read)
    caller.must.close(pipe.write)
    assert seal(owner, fd) == Ok(0)


# -- what writing to the pipe does


def a_write_never_touches_the_page(
    sender: Sender, pipe: Pipe, length: int, flags: int, *, used: bool
) -> None:
    """A slot that write(2) used before must not keep its permission to be added to.

    length 0 or less is from the end of a page. What is written would fit behind it.
    """
    caller = sender.caller
    guard, memory = sender.pages(1, seed=3), sender.pages(1, seed=OLD)
    if used:
        caller.must.read(pipe.read, caller.memory(pipe.fill()), pipe.capacity)
    part = memory[: length if length > 0 else caller.page_size + length]
    more = caller.memory(min(100, caller.page_size - part.length) or 100, seed=NEW)
    assert sender(pipe.write, [part], flags) == Ok(part.length)
    assert caller.write(pipe.write, more, more.length) == Ok(more.length)
    memory.unchanged()
    guard.unchanged()
    pipe.holds(memory.piece(part), more.piece(more[:]))


def the_page_is_not_used_again(sender: Sender, pipe: Pipe, flags: int) -> None:
    """A pipe keeps pages of its own that were read; one that was sent is not its own."""
    memory, more = sender.pages(1, seed=OLD), sender.caller.pages(2, seed=NEW)
    assert sender(pipe.write, [memory], flags) == Ok(memory.length)
    pipe.holds(memory.piece(memory[:]))
    pipe.put(more[:])
    memory.unchanged()
    pipe.holds(more.piece(more[:]))


_LATER, _KEEPS = ("sharing:later-writes-are-seen",), ("sharing:pipe-keeps-pages",)
_RELATIVE, _PINS = ("sharing:not-with-a-relative",), ("sharing:pins-a-memfd",)
_NOT_PINNED = ("sharing:nothing-pinned-after-a-failure",)
_ALONE = ("safety:write-leaves-memory-alone",)
_KINDS = (
    ("shared", c.MAP_SHARED | c.MAP_ANONYMOUS),
    ("private", c.MAP_PRIVATE | c.MAP_ANONYMOUS),
)
_FLAGS = (("plain", 0), ("gift", c.SPLICE_F_GIFT), ("move", c.SPLICE_F_MOVE))
#: Bytes of a page, and the flags that they may be sent with: a gift has whole pages.
_LENGTHS = (
    ("one-byte", 1, 0),
    ("page-less-one", -1, c.SPLICE_F_MOVE),
    ("page", 0, 0),
    ("gift", 0, c.SPLICE_F_GIFT),
)
_USED = (("fresh-pipe", False), ("used-pipe", True))

#: Only where pages are shared.
SHARING = (
    Row("later-write", later_writes_are_seen, _LATER),
    *[
        Row(f"{kind}-{flag}", partial(every_byte_is_seen, kind=flags_of, flags=flags), _LATER)
        for kind, flags_of in _KINDS
        for flag, flags in _FLAGS
    ],
    Row("mapped-file", writes_to_a_mapped_file_are_seen, ("sharing:file-writes-are-seen",)),
    Row("second-pipe", a_second_pipe_shares_too, ("sharing:tee-shares-too",)),
    *[
        Row(f"memfd-{drain}", partial(a_memfd_is_pinned, drain=drain), _PINS)
        for drain in ("read", "closed", "splice")
    ],
)
#: Whether they are shared or not.
SAFETY = (
    Row("zero-page", the_zero_page_stays, ("sharing:zero-page",)),
    Row("fork-parent-writes", partial(a_fork_keeps_the_old_content, by_child=False), _RELATIVE),
    Row("fork-child-writes", partial(a_fork_keeps_the_old_content, by_child=True), _RELATIVE),
    *[
        Row(f"kept-{how}", partial(given_up_pages_are_kept, how=how), _KEEPS)
        for how in ("unmapped", "given-back", "not-accessible", "replaced")
    ],
    Row("kept-truncated-file", a_truncated_file_leaves_its_page, _KEEPS),
    *[
        Row(f"not-pinned-{how}", partial(nothing_is_pinned_after_a_failure, how=how), _NOT_PINNED)
        for how in (
            "more-than-fits", "full-pipe", "nobody-reads", "hole-behind-it", "hole-before-it",
        )
    ],
    *[
        Row(
            f"write-after-{name}-{state}",
            partial(a_write_never_touches_the_page, length=length, flags=flags, used=used),
            _ALONE,
        )
        for name, length, flags in _LENGTHS
        for state, used in _USED
    ],
    *[
        Row(f"page-that-was-read-{name}", partial(the_page_is_not_used_again, flags=flags), _ALONE)
        for name, flags in _FLAGS
    ],
)  # fmt: skip


def cases(
    call: str, renamed: Mapping[str, str] | None = None, needs: tuple[str, ...] = ()
) -> pytest.MarkDecorator:
    """All of them for one call.

    Args:
        call: its name.
        renamed: clauses that are called otherwise there.
        needs: what cases of shared pages need besides.
    """
    names = renamed or {}
    return instances(
        call,
        [
            Row(
                row.name, row.body, tuple(names.get(p, p) for p in row.promises),
                (*row.needs, *(needs if row in SHARING else ())),
            )
            for row in (*SHARING, *SAFETY)
        ],
    )  # fmt: skip
