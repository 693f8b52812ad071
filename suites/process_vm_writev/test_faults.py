"""process_vm_writev: pages that come late, or cannot be written yet; userfaultfd(2)."""

from collections.abc import Callable
from errno import EFAULT

from fixtures.cases import clause, needs, table
from fixtures.processes import NewChild
from helpers.abi import constants as c
from helpers.memory import Memory, Piece
from helpers.outcome import Err, Ok, Result
from helpers.session import Pending
from suites.shared.latepages import LATE, LatePages
from suites.shared.mover import Mover

pytestmark = needs("process_vm_writev", "foreign-memory", "fd:userfaultfd", "root")

PROTECTION = needs("write-protection")
KINDS = table("protected", ("missing", False), ("protected", True, PROTECTION))

CALL = "process_vm_writev"


def begin(mover: Mover, local: Memory, late: LatePages) -> Pending[Result]:
    """Write 20 bytes, ten of them before the last page; it waits for that."""
    at = late.memory.length - late.late.length - 10
    call = mover.begin([local[:20]], [late.memory[at : at + 20]])
    late.wait()
    mover.caller.wait_blocked(call, CALL)
    return call


def written(late: LatePages, local: Memory, count: int) -> list[Piece]:
    """What the pages hold when so many of the 20 bytes have arrived."""
    at = late.memory.length - late.late.length - 10
    kept = late.late.length - max(count - 10, 0)
    rest = Piece(kept, LATE, late.late.length - kept)
    gap = late.memory.piece(late.memory[at + count : at + 10]) if count < 10 else Piece(0, None)
    return [late.memory.piece(late.memory[:at]), local.piece(local[:count]), gap, rest]


@clause("process_vm_writev:faults:waits-for-the-page")
def test_a_page_that_comes_late_is_written(mover: Mover, local: Memory) -> None:
    late = LatePages.make(mover.target, 2)
    call = begin(mover, local, late)
    late.resolve()
    assert call.result() == Ok(20)
    mover.target.compare(late.memory.address, written(late, local, 20))


@clause("process_vm_writev:faults:waits-to-write")
@PROTECTION
def test_a_page_that_may_not_be_written_yet_is_waited_for(
    mover: Mover, new_child: NewChild, local: Memory
) -> None:
    """Somebody else reads it meanwhile: what was before is still there."""
    late = LatePages.make(mover.target, 2, protected=True)
    call = begin(mover, local, late)
    reader = new_child("reader")
    sink = reader.pages(1, seed=3)
    answer = reader.process_vm_readv(mover.target.pid, [sink[:8]], 1, [late.late[:8]], 1, 0)
    assert answer == Ok(8)
    sink.received([sink[:8]], [Piece(8, LATE)])
    assert not call.done
    late.resolve()
    assert call.result() == Ok(20)
    mover.target.compare(late.memory.address, written(late, local, 20))


@clause("process_vm_writev:faults:waits-for-the-page")
def test_a_page_of_the_callers_own_that_comes_late_is_read(mover: Mover, remote: Memory) -> None:
    """A thread of the caller brings it."""
    late = LatePages.make(mover.caller.thread("handler"), 2)
    at = late.memory.length - late.late.length - 10
    call = mover.begin([late.memory[at : at + 20]], [remote[5:25]])
    late.wait()
    mover.caller.wait_blocked(call, CALL)
    late.resolve()
    assert call.result() == Ok(20)
    remote.received([remote[5:25]], [late.memory.piece(late.memory[at : at + 10]), Piece(10, LATE)])


@clause("process_vm_writev:faults:others-go-on")
@KINDS
def test_the_target_changes_its_mappings_meanwhile(
    mover: Mover, local: Memory, remote: Memory, protected: bool
) -> None:
    late = LatePages.make(mover.target, 2, protected=protected)
    call = begin(mover, local, late)
    new = mover.target.pages(1, seed=3)
    mover.target.must.mprotect(remote, remote.length, c.PROT_READ)
    mover.target.must.munmap(new, new.length)
    assert not call.done
    late.resolve()
    assert call.result() == Ok(20)


@clause("process_vm_writev:faults:others-go-on")
@table("way", ("read", "process_vm_readv"), ("written", "process_vm_writev"))
@KINDS
def test_other_pages_of_the_target_are_used_meanwhile(
    mover: Mover, new_child: NewChild, local: Memory, remote: Memory, way: str, protected: bool
) -> None:
    late = LatePages.make(mover.target, 2, protected=protected)
    call = begin(mover, local, late)
    other = Mover(way, new_child("other"), mover.target, writes=way == CALL)
    memory = other.caller.pages(1, seed=3)
    assert other([memory[:16]], [remote[5:21]]) == Ok(16)
    other.moved(memory, [memory[:16]], remote, [remote[5:21]])
    assert not call.done
    late.resolve()
    assert call.result() == Ok(20)


@clause("process_vm_writev:faults:killable")
@KINDS
def test_a_caller_that_waits_can_be_killed(
    mover: Mover, new_child: NewChild, local: Memory, protected: bool
) -> None:
    killer = new_child("killer")
    late = LatePages.make(mover.target, 2, protected=protected)
    content = local.piece(local[:])
    begin(mover, local, late)
    killer.must.kill(mover.caller.pid, c.SIGKILL)
    assert mover.caller.wait_death() == "killed by SIGKILL"
    late.resolve()
    assert content.length
    mover.target.compare(late.late.address, [Piece(late.late.length, LATE)])


def unmap(late: LatePages) -> None:
    """The page is not there any more."""
    late.handler.must.munmap(late.late, late.late.length)


def forbid(late: LatePages) -> None:
    """The page may be read, and not be written."""
    late.handler.must.mprotect(late.late, late.late.length, c.PROT_READ)


@clause("process_vm_writev:faults:count-is-what-arrived")
@table("change", ("unmapped", unmap), ("read-only", forbid))
@table("before, answer", ("ten-bytes-before", 10, Ok(10)), ("nothing-before", 0, Err(EFAULT)))
def test_a_page_that_goes_away_ends_the_transfer(
    mover: Mover, local: Memory,
    change: Callable[[LatePages], None], before: int, answer: Result,
) -> None:  # fmt: skip
    late = LatePages.make(mover.target, 2)
    start = late.memory.length - late.late.length
    far = [late.memory[start - before : start], late.late[:10]]
    call = mover.begin([local[: before + 10]], far)
    late.wait()
    mover.caller.wait_blocked(call, CALL)
    change(late)
    late.handler.must.close(late.fd)
    assert call.result() == answer
    present = Memory(late.memory.address, start, child=mover.target, seed=late.memory.seed)
    present.received([far[0]], local.pieces(local[:before]))


@clause("process_vm_writev:target:dies")
def test_a_target_that_is_killed_lets_the_caller_go(
    mover: Mover, new_child: NewChild, local: Memory
) -> None:
    """Its memory lasts as long as the call; the page is one of zeros when nobody brings it."""
    killer = new_child("killer")
    late = LatePages.make(mover.target, 2)
    call = begin(mover, local, late)
    killer.must.kill(mover.target.pid, c.SIGKILL)
    mover.target.wait_death()
    assert call.result() == Ok(20)
    local.unchanged()
