"""Offsets in pages that come late, or cannot be written yet; userfaultfd(2)."""

import pytest

from fixtures.cases import clause, needs, table
from fixtures.pipes import Pipe
from helpers.abi import constants as c
from helpers.child import Child
from helpers.outcome import Ok, Result
from helpers.pending import Pending
from suites.shared.files import File, memfd
from suites.shared.latepages import LatePages

pytestmark = needs("splice", "fd:userfaultfd", "root")

OFFSET, LENGTH = 5, 20


@pytest.fixture
def handler(caller: Child) -> Child:
    """A thread of the caller's, which brings the page."""
    return caller.thread("handler")


@pytest.fixture
def file(caller: Child) -> File:
    """A file of the caller's, in memory."""
    return memfd(caller, 100)


def begin(caller: Child, file: File, pipe: Pipe, late: LatePages) -> Pending[Result]:
    """From the file at the offset in the late page into the pipe; it waits for that page."""
    address = late.late.address
    call = caller.begin.splice(file.fd, address, pipe.write, None, LENGTH, 0)
    late.wait()
    caller.wait_blocked(call, "splice")
    return call


def with_offset(handler: Child) -> LatePages:
    """A late page that begins with the offset."""
    late = LatePages.make(handler, 2)
    handler.poke(late.source.address, OFFSET.to_bytes(8, "little"))
    return late


def offset_in(late: LatePages) -> int:
    """What the late page begins with."""
    return int.from_bytes(late.handler.peek(late.late.address, 8), "little")


@clause("splice:faults:waits-for-the-offset")
def test_an_offset_that_comes_late_is_used(
    caller: Child, handler: Child, pipe: Pipe, file: File
) -> None:
    late = with_offset(handler)
    call = begin(caller, file, pipe, late)
    late.resolve()
    assert call.result() == Ok(LENGTH)
    assert offset_in(late) == OFFSET + LENGTH
    pipe.holds(file.part(OFFSET, OFFSET + LENGTH))
    assert file.position() == 0


@clause("splice:faults:others-go-on")
@table("what", ("write", "write"), ("read", "read"), ("splice", "splice"))
def test_the_pipe_is_used_while_an_offset_is_waited_for(
    caller: Child, handler: Child, pipe: Pipe, file: File, what: str
) -> None:
    late, data = with_offset(handler), handler.memory(9, seed=3)
    handler.must.write(pipe.write, data, 9)
    call = begin(caller, file, pipe, late)
    before = [data.piece(data[:])]
    if what == "write":
        assert handler.write(pipe.write, data, 9) == Ok(9)
        before *= 2
    elif what == "read":
        assert handler.read(pipe.read, handler.memory(9), 9) == Ok(9)
        before = []
    else:
        assert handler.splice(file.fd, None, pipe.write, None, 10, 0) == Ok(10)
        before.append(file.part(0, 10))
    assert not call.done
    late.resolve()
    assert call.result() == Ok(LENGTH)
    pipe.holds(*before, file.part(OFFSET, OFFSET + LENGTH))


@clause("splice:faults:killable")
def test_a_caller_that_waits_for_an_offset_can_be_killed(
    caller: Child, handler: Child, pipe: Pipe, file: File
) -> None:
    late = with_offset(handler)
    heir = caller.fork("heir")
    begin(caller, file, pipe, late)
    heir.must.kill(caller.pid, c.SIGKILL)
    assert caller.wait_death() == "killed by SIGKILL"
    Pipe(heir, pipe.read, pipe.write).holds()
    assert File(heir, file.fd, file.data).position() == 0


@needs("write-protection")
@clause("splice:faults:offset-is-written-last")
def test_the_bytes_are_there_before_the_offset_is_written(
    caller: Child, handler: Child, pipe: Pipe, file: File
) -> None:
    """The page can be read, and is waited for to be written: others have the bytes by then."""
    late = LatePages.make(handler, 2, protected=True)
    late.resolve()
    handler.poke(late.late.address, OFFSET.to_bytes(8, "little"))
    late.protect()
    call = begin(caller, file, pipe, late)
    Pipe(handler, pipe.read, pipe.write).holds(file.part(OFFSET, OFFSET + LENGTH))
    late.resolve()
    assert call.result() == Ok(LENGTH)
    assert offset_in(late) == OFFSET + LENGTH
