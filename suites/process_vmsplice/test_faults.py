"""process_vmsplice: what others do while a page of the target is waited for."""

from errno import EAGAIN, EBUSY, EPIPE

from fixtures.cases import clause, needs, table
from helpers.abi import constants as c
from helpers.memory import Piece
from helpers.outcome import Err, Ok
from suites.process_vmsplice.calls import send
from suites.shared.execute import execute
from suites.shared.userfault import LATE, PRESENT, Faults

pytestmark = needs("process_vmsplice", "foreign-memory", "fd:userfaultfd", "root")


def begin(caller, target, pipe, faults, flags=0):
    """The call; it waits for the last page."""
    call = caller.begin.process_vmsplice(target.pid, pipe.write, [faults.memory], 1, flags)
    faults.wait()
    return call


@clause("process_vmsplice:faults:waits-for-the-page")
@table("flags", ("plain", 0), ("nonblock", c.SPLICE_F_NONBLOCK))
def test_a_page_that_comes_late_is_sent(caller, target, pipe, flags):
    page = caller.page_size
    faults = Faults(target, 3)
    call = begin(caller, target, pipe, faults, flags)
    assert not call.done, "it should wait for the page"
    faults.resolve()
    assert call.result() == Ok(3 * page)
    pipe.holds(Piece(2 * page, PRESENT), Piece(page, LATE))


@clause("process_vmsplice:faults:room-is-looked-at-again")
def test_pages_that_find_no_room_any_more_are_given_back(caller, target, pipe):
    other = caller.fork("other")
    full = other.memory(pipe.capacity, seed=3)
    faults = Faults(target, pipe.slots)
    call = begin(caller, target, pipe, faults, c.SPLICE_F_NONBLOCK)
    assert other.write(pipe.write, full, full.length) == Ok(full.length)
    faults.resolve()
    assert call.result() == Err(EAGAIN)
    assert faults.seal() == Ok(0)
    pipe.holds(full.piece(full[:]))


@clause("process_vmsplice:faults:room-is-looked-at-again")
def test_part_of_the_pages_finds_room_and_the_rest_is_given_back(caller, target, pipe):
    other = caller.fork("other")
    page, slots = caller.page_size, min(pipe.slots, 16)
    caller.must.fcntl(pipe.write, c.F_SETPIPE_SZ, slots * page)
    some = other.memory(3 * page, seed=3)
    faults = Faults(target, slots)
    call = begin(caller, target, pipe, faults)
    assert other.write(pipe.write, some, some.length) == Ok(some.length)
    faults.resolve()
    moved = (slots - 3) * page
    assert call.result() == Ok(moved)
    assert faults.seal() == Err(EBUSY)
    pipe.holds(some.piece(some[:]), Piece(moved, PRESENT))
    assert faults.seal() == Ok(0)


@clause("process_vmsplice:faults:room-is-looked-at-again")
def test_a_call_whose_room_was_taken_waits_for_other_room(caller, target, pipe):
    other = caller.fork("other")
    filled, sink = other.memory(pipe.capacity, seed=3), other.memory(pipe.capacity)
    faults = Faults(target, 2)
    call = begin(caller, target, pipe, faults)
    assert other.write(pipe.write, filled, filled.length) == Ok(filled.length)
    faults.resolve()
    caller.wait_blocked(call, "process_vmsplice")
    assert other.read(pipe.read, sink, sink.length) == Ok(sink.length)
    assert call.result() == Ok(2 * caller.page_size)
    pipe.holds(Piece(caller.page_size, PRESENT), Piece(caller.page_size, LATE))


@clause("process_vmsplice:faults:room-is-looked-at-again")
def test_a_pipe_that_became_smaller_takes_less(caller, target, pipe):
    page = caller.page_size
    other = caller.fork("other")
    faults = Faults(target, min(pipe.slots, 16))
    call = begin(caller, target, pipe, faults)
    assert other.fcntl(pipe.write, c.F_SETPIPE_SZ, page) == Ok(page)
    faults.resolve()
    assert call.result() == Ok(page)
    pipe.holds(Piece(page, PRESENT))
    assert faults.seal() == Ok(0)


@clause("process_vmsplice:faults:readers-that-left")
def test_readers_that_leave_meanwhile_are_epipe(caller, target, pipe):
    faults = Faults(target, 2)
    caller.catch(c.SIGPIPE)
    other = caller.fork("other")
    caller.must.close(pipe.read)
    call = begin(caller, target, pipe, faults)
    other.must.close(pipe.read)
    faults.resolve()
    assert call.result() == Err(EPIPE)
    assert caller.caught(c.SIGPIPE) == 1
    assert faults.seal() == Ok(0)


@clause("process_vmsplice:faults:pipe-is-not-held")
@table("what", ("write", "write"), ("read", "read"), ("send", "send"), ("size", "size"))
def test_others_use_the_pipe_meanwhile(caller, target, pipe, remote, what):
    other = caller.fork("other")
    data = other.memory(9, seed=3)
    faults = Faults(target, 2)
    other.must.write(pipe.write, data, 9)
    call = begin(caller, target, pipe, faults)
    if what == "write":
        assert other.write(pipe.write, data, 9) == Ok(9)
    elif what == "read":
        assert other.read(pipe.read, other.memory(9), 9) == Ok(9)
    elif what == "send":
        assert send(other, target.pid, pipe.write, [remote[:9]]) == Ok(9)
    else:
        assert other.fcntl(pipe.write, c.F_SETPIPE_SZ, 4 * caller.page_size).ok
    assert not call.done, "it should wait for the page"
    faults.resolve()
    assert call.result() == Ok(2 * caller.page_size)


@clause("process_vmsplice:faults:killable")
def test_a_caller_that_waits_for_a_page_can_be_killed(caller, target, pipe):
    other = caller.fork("other")
    faults = Faults(target, 2)
    begin(caller, target, pipe, faults)
    other.must.kill(caller.pid, c.SIGKILL)
    assert caller.wait_death() == "killed by SIGKILL"
    data, sink = other.memory(9, seed=3), other.memory(2 * other.page_size)
    assert other.write(pipe.write, data, 9) == Ok(9)
    # the page before it may have been sent
    assert other.read(pipe.read, sink, sink.length).value in (9, other.page_size + 9)
    assert faults.seal() == Ok(0)


@clause("process_vmsplice:faults:target-that-dies")
def test_a_target_that_is_killed_lets_the_caller_go(caller, target, new_child, pipe):
    killer = new_child("killer")
    faults = Faults(target, 3)
    call = begin(caller, target, pipe, faults)
    killer.must.kill(target.pid, c.SIGKILL)
    target.wait_death()
    moved = call.result()
    # what was there of it may have been taken: the count must be that of the pipe
    assert pipe.occupancy() == max(moved.value, 0)


@clause("process_vmsplice:faults:exec")
def test_a_target_that_executes_a_program_gives_what_was_asked_for(caller, target, pipe):
    """Access was granted to the memory that it had."""
    page = caller.page_size
    faults = Faults(target, 3)
    faults.hand_over(target.fork("keeper"))
    call = begin(caller, target, pipe, faults)
    execute(target)
    assert not call.done, "it should wait for the page"
    faults.resolve()
    assert call.result() == Ok(3 * page)
    pipe.holds(Piece(2 * page, PRESENT), Piece(page, LATE))


@clause("process_vmsplice:order:pipe-before-memory")
def test_a_full_pipe_is_found_before_a_page_is_faulted_in(caller, target, full_pipe):
    """Nobody waits for the page: userfaultfd has nothing to tell."""
    faults = Faults(target, 2)
    parts = [faults.memory[caller.page_size :]]
    answer = send(caller, target.pid, full_pipe.write, parts, c.SPLICE_F_NONBLOCK)
    assert answer == Err(EAGAIN)
    full_pipe.holds(full_pipe.content())
