"""Pages of the caller that come late, or cannot be written yet; userfaultfd(2)."""

import pytest

from fixtures.cases import clause, needs, table
from fixtures.observation import Observe
from fixtures.pipes import Pipe, make_pipe
from helpers import abi
from helpers.abi import constants as c
from helpers.child import Child
from helpers.memory import Piece
from helpers.outcome import Ok, Result
from helpers.pending import Pending
from suites.shared.latepages import LATE, LatePages
from suites.shared.observing import sleeps_or_answers

pytestmark = needs("vmsplice", "fd:userfaultfd", "root")

PROTECTION = needs("write-protection")
KINDS = table("protected", ("missing", False), ("protected", True, PROTECTION))


@pytest.fixture
def handler(caller: Child) -> Child:
    """A thread of the caller's, which brings the pages."""
    return caller.thread("handler")


def begin(caller: Child, fd: int, late: LatePages, flags: int = 0) -> Pending[Result]:
    """The call for all pages; it waits for the last."""
    call = caller.begin.vmsplice(fd, [late.memory], 1, flags)
    late.wait()
    caller.wait_blocked(call, "vmsplice")
    return call


@clause("vmsplice:faults:waits-for-the-page")
@table("flags", ("plain", 0), ("nonblock", c.SPLICE_F_NONBLOCK), ("gift", c.SPLICE_F_GIFT))
def test_a_page_that_comes_late_is_sent(
    caller: Child, handler: Child, pipe: Pipe, flags: int
) -> None:
    late = LatePages.make(handler, 2)
    call = begin(caller, pipe.write, late, flags)
    late.resolve()
    assert call.result() == Ok(late.memory.length)
    pipe.holds(*late.content)


@clause("vmsplice:faults:waits-for-the-page")
@KINDS
def test_a_page_that_comes_late_is_filled(
    caller: Child, handler: Child, pipe: Pipe, protected: bool
) -> None:
    late = LatePages.make(handler, 2, protected=protected)
    size = late.memory.length - 50
    data = handler.memory(size, seed=3)
    handler.must.write(pipe.write, data, size)
    call = begin(caller, pipe.read, late)
    late.resolve()
    assert call.result() == Ok(size)
    rest = Piece(50, LATE, late.late.length - 50)
    caller.compare(late.memory.address, [data.piece(data[:]), rest])


@clause("vmsplice:faults:only-writing-waits-for-protection")
@PROTECTION
def test_a_page_that_is_protected_from_writing_is_sent(
    caller: Child, handler: Child, pipe: Pipe
) -> None:
    late = LatePages.make(handler, 2, protected=True)
    assert caller.vmsplice(pipe.write, [late.memory], 1, 0) == Ok(late.memory.length)
    pipe.holds(*late.content)


@clause("vmsplice:faults:others-go-on")
@table("way", ("sent", "write"), ("received", "read"))
def test_other_pipes_and_memory_are_used_meanwhile(
    caller: Child, handler: Child, pipe: Pipe, way: str
) -> None:
    late, other = LatePages.make(handler, 2), make_pipe(caller)
    data = handler.memory(10, seed=3)
    handler.must.write(pipe.write, data, 10)
    fd, memory = (pipe.write, late.memory) if way == "write" else (pipe.read, late.late)
    call = caller.begin.vmsplice(fd, [memory], 1, 0)
    late.wait()
    caller.wait_blocked(call, "vmsplice")
    assert handler.vmsplice(other.write, [data], 1, 0) == Ok(10)
    Pipe(handler, other.read, other.write).holds(data.piece(data[:]))
    handler.must.munmap(handler.pages(1), handler.page_size)
    assert not call.done
    late.resolve()
    assert call.result() == Ok(late.memory.length if way == "write" else 10)


#: What another task does with the same pipe: the name of the call, and the call.
MEANWHILE = table(
    "name, act",
    ("write", "write", lambda task, pipe: task.begin.write(pipe.write, b"x", 1)),
    ("read", "read", lambda task, pipe: task.begin.read(pipe.read, task.memory(1), 1)),
    ("count", "ioctl", lambda task, pipe: task.begin.ioctl(pipe.read, c.FIONREAD, abi.new("int*"))),
    ("size", "fcntl", lambda task, pipe: task.begin.fcntl(pipe.read, c.F_SETPIPE_SZ, 1 << 17)),
)  # fmt: skip


@clause("vmsplice:observed:the-pipe-while-a-page-is-waited-for")
@MEANWHILE
def test_the_same_pipe_meanwhile(
    caller: Child, handler: Child, pipe: Pipe, name: str, act: object, observe: Observe
) -> None:
    """The other task asks not to wait, where it can."""
    assert callable(act)
    late = LatePages.make(handler, 2)
    other = caller.fork("other")
    other.must.write(pipe.write, b"y", 1)
    other.must.fcntl(pipe.write, c.F_SETFL, c.O_NONBLOCK)
    call = begin(caller, pipe.write, late)
    observe(sleeps_or_answers(other, act(other, pipe), name))
    late.resolve()
    assert call.result() == Ok(late.memory.length)


@clause("vmsplice:faults:killable")
def test_a_sender_that_waits_can_be_killed(caller: Child, handler: Child, pipe: Pipe) -> None:
    """The pipe is free again, and holds nothing."""
    late = LatePages.make(handler, 2)
    heir = caller.fork("heir")
    caller.begin.vmsplice(pipe.write, [late.late], 1, 0)
    late.wait()
    heir.must.kill(caller.pid, c.SIGKILL)
    assert caller.wait_death() == "killed by SIGKILL"
    data = heir.memory(9, seed=3)
    assert heir.write(pipe.write, data, 9) == Ok(9)
    Pipe(heir, pipe.read, pipe.write).holds(data.piece(data[:]))


@clause("vmsplice:faults:killable")
@KINDS
def test_a_receiver_that_waits_can_be_killed(
    caller: Child, handler: Child, pipe: Pipe, protected: bool
) -> None:
    """What it had not got is still in the pipe."""
    late = LatePages.make(handler, 2, protected=protected)
    heir = caller.fork("heir")
    data = heir.memory(9, seed=3)
    heir.must.write(pipe.write, data, 9)
    caller.begin.vmsplice(pipe.read, [late.late], 1, 0)
    late.wait()
    heir.must.kill(caller.pid, c.SIGKILL)
    assert caller.wait_death() == "killed by SIGKILL"
    Pipe(heir, pipe.read, pipe.write).holds(data.piece(data[:]))
