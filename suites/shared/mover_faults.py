"""A Mover that comes to pages that are brought late, or cannot be written yet; userfaultfd(2)."""

from collections.abc import Callable
from errno import EFAULT

from fixtures.cases import needs, table
from fixtures.processes import NewChild
from helpers.abi import constants as c
from helpers.memory import Memory, Piece, Span
from helpers.outcome import Err, Ok, Result
from helpers.pending import Pending
from suites.shared.latepages import LATE, LatePages
from suites.shared.mover import Mover

#: What a case of theirs cannot do without.
NEEDS = ("fd:userfaultfd", "root")

PROTECTION = needs("write-protection")
#: Why a write waits; a read waits for a missing page alone.
KINDS = table("protected", ("missing", False), ("protected", True, PROTECTION))


def across(late: LatePages, before: int) -> Span:
    """So many bytes before the last page, and ten of it."""
    at = late.memory.length - late.late.length
    return late.memory[at - before : at + 10]


def begin(mover: Mover, local: Memory, late: LatePages, before: int = 10) -> Pending[Result]:
    """Move bytes before the last page and ten of it; it waits for that."""
    far = across(late, before)
    call = mover.begin([local[: far.length]], [far])
    late.wait()
    mover.caller.wait_blocked(call, mover.call)
    return call


def arrived(mover: Mover, local: Memory, late: LatePages, count: int = 20) -> None:
    """So many bytes from ten before the last page on were moved, which is there now."""
    start = late.memory.length - late.late.length
    last = late.memory.piece(late.memory[start - 10 : start])
    if not mover.writes:
        local.received(
            [local[:count]], [Piece(last.length, last.seed, last.start), Piece(count - 10, LATE)]
        )
        return
    rest = Piece(late.late.length - (count - 10), LATE, count - 10)
    wanted = [late.memory.piece(late.memory[: start - 10]), local.piece(local[:count]), rest]
    mover.target.compare(late.memory.address, wanted)


def remote_page(mover: Mover, local: Memory) -> None:
    """The target brings the page."""
    late = LatePages.make(mover.target, 2)
    call = begin(mover, local, late)
    late.resolve()
    assert call.result() == Ok(20)
    arrived(mover, local, late)


def local_page(mover: Mover, remote: Memory) -> None:
    """A thread of the caller brings a page of the caller's."""
    late = LatePages.make(mover.caller.thread("handler"), 2)
    near = across(late, 10)
    call = mover.begin([near], [remote[5:25]])
    late.wait()
    mover.caller.wait_blocked(call, mover.call)
    late.resolve()
    assert call.result() == Ok(20)
    start = near.address - late.memory.address
    before = late.memory.piece(late.memory[start : start + 10])
    if mover.writes:
        remote.received([remote[5:25]], [before, Piece(10, LATE)])
        return
    wanted = [late.memory.piece(late.memory[:start]), remote.piece(remote[5:25])]
    mover.caller.compare(late.memory.address, [*wanted, Piece(late.late.length - 10, LATE, 10)])


def mappings_change(mover: Mover, local: Memory, remote: Memory, protected: bool) -> None:
    """The target changes its mappings while the call waits."""
    late = LatePages.make(mover.target, 2, protected=protected)
    call = begin(mover, local, late)
    new = mover.target.pages(1, seed=3)
    mover.target.must.mprotect(remote, remote.length, c.PROT_READ)
    mover.target.must.munmap(new, new.length)
    assert not call.done
    late.resolve()
    assert call.result() == Ok(20)


WAYS = table("way", ("read", "process_vm_readv"), ("written", "process_vm_writev"))


def others_move(
    mover: Mover, new_child: NewChild, local: Memory, remote: Memory, way: str, protected: bool
) -> None:
    """Somebody else reads or writes other pages of the target while the call waits."""
    late = LatePages.make(mover.target, 2, protected=protected)
    call = begin(mover, local, late)
    other = Mover(way, new_child("other"), mover.target, writes=way == "process_vm_writev")
    memory = other.caller.pages(1, seed=3)
    assert other([memory[:16]], [remote[5:21]]) == Ok(16)
    other.moved(memory, [memory[:16]], remote, [remote[5:21]])
    assert not call.done
    late.resolve()
    assert call.result() == Ok(20)


def killed(mover: Mover, new_child: NewChild, local: Memory, protected: bool) -> None:
    """SIGKILL ends a caller that waits; the page is as it was brought."""
    killer = new_child("killer")
    late = LatePages.make(mover.target, 2, protected=protected)
    begin(mover, local, late)
    killer.must.kill(mover.caller.pid, c.SIGKILL)
    assert mover.caller.wait_death() == "killed by SIGKILL"
    late.resolve()
    mover.target.compare(late.late.address, [Piece(late.late.length, LATE)])


def unmap(late: LatePages) -> None:
    """The page is not there any more."""
    late.handler.must.munmap(late.late, late.late.length)


def forbid(late: LatePages) -> None:
    """Nobody may use the page any more."""
    late.handler.must.mprotect(late.late, late.late.length, c.PROT_NONE)


CHANGES = table("change", ("unmapped", unmap), ("forbidden", forbid))
BEFORE = table(
    "before, answer", ("ten-bytes-before", 10, Ok(10)), ("nothing-before", 0, Err(EFAULT))
)


def page_goes_away(
    mover: Mover, local: Memory, change: Callable[[LatePages], None], before: int, answer: Result
) -> None:
    """The page that is waited for goes away instead of coming."""
    late = LatePages.make(mover.target, 2)
    call = begin(mover, local, late, before)
    change(late)
    late.handler.must.close(late.fd)
    assert call.result() == answer
    start = late.memory.length - late.late.length
    present = Memory(late.memory.address, start, child=mover.target, seed=late.memory.seed)
    mover.moved(local, [local[:before]], present, [present[start - before :]])


def target_killed(mover: Mover, new_child: NewChild, local: Memory) -> None:
    """Its memory lasts as long as the call; the page is one of zeros when nobody brings it."""
    killer = new_child("killer")
    late = LatePages.make(mover.target, 2)
    call = begin(mover, local, late)
    killer.must.kill(mover.target.pid, c.SIGKILL)
    mover.target.wait_death()
    assert call.result() == Ok(20)
    if mover.writes:
        local.unchanged()
        return
    start = late.memory.length - late.late.length
    stream = [late.memory.piece(late.memory[start - 10 : start]), Piece(10, None)]
    local.received([local[:20]], stream)
