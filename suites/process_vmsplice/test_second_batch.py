"""process_vmsplice: what ends a transfer after part of it was moved, while a page is waited for."""

import pytest

from fixtures.cases import clause, needs
from helpers.abi import constants as c
from helpers.memory import Piece
from helpers.outcome import Ok
from suites.shared.userfault import PRESENT, Faults

pytestmark = needs("process_vmsplice", "foreign-memory", "fd:userfaultfd", "root")

#: The kernel looks at 16 pages at a time; these have been moved when the last page is waited for.
MOVED = 16
SLOTS = 2 * MOVED


@pytest.fixture
def late(caller, target, pipe):
    """Memory of the target, one page more than is looked at at a time."""
    caller.must.fcntl(pipe.write, c.F_SETPIPE_SZ, SLOTS * caller.page_size)
    return Faults(target, MOVED + 1)


def begin(caller, target, pipe, late):
    call = caller.begin.process_vmsplice(target.pid, pipe.write, [late.memory], 1, 0)
    late.wait()
    return call


@clause("process_vmsplice:faults:readers-that-left")
def test_readers_that_leave_then_do_not_take_the_count(caller, target, pipe, late):
    caller.catch(c.SIGPIPE)
    other = caller.fork("other")
    caller.must.close(pipe.read)
    call = begin(caller, target, pipe, late)
    other.must.close(pipe.read)
    late.resolve()
    assert call.result() == Ok(MOVED * caller.page_size)
    assert caller.caught(c.SIGPIPE) == 1


@clause("process_vmsplice:faults:room-is-looked-at-again")
def test_room_that_others_take_then_ends_it(caller, target, pipe, late):
    page = caller.page_size
    other = caller.fork("other")
    some = other.memory((SLOTS - MOVED) * page, seed=3)
    call = begin(caller, target, pipe, late)
    assert other.write(pipe.write, some, some.length) == Ok(some.length)
    late.resolve()
    assert call.result() == Ok(MOVED * page)
    pipe.holds(Piece(MOVED * page, PRESENT), some.piece(some[:]))
    assert late.seal() == Ok(0)


@clause("process_vmsplice:events:wakes-readers")
def test_a_reader_has_what_was_moved_while_the_rest_is_waited_for(caller, target, pipe, late):
    page = caller.page_size
    other = caller.fork("other")
    sink = other.memory(MOVED * page)
    reading = other.begin.read(pipe.read, sink, sink.length)
    other.wait_blocked(reading, "read")
    call = begin(caller, target, pipe, late)
    # the call sleeps for a page that may come only when its bytes have been read
    assert reading.result() == Ok(MOVED * page)
    assert not call.done
    late.resolve()
    assert call.result() == Ok((MOVED + 1) * page)


@clause("process_vmsplice:faults:target-that-dies")
def test_a_target_that_dies_then_does_not_take_the_count(caller, target, new_child, pipe, late):
    killer = new_child("killer")
    call = begin(caller, target, pipe, late)
    killer.must.kill(target.pid, c.SIGKILL)
    target.wait_death()
    moved = call.result().value
    # the last page may have come as zeros while the memory went
    assert moved in (MOVED * caller.page_size, (MOVED + 1) * caller.page_size)
    assert pipe.occupancy() == moved
