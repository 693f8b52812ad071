"""What others do while a page is faulted in, and while the call sleeps for room.

Run by test_in_machine.py; not collected by itself: a disposable machine is needed.
"""

import re
from errno import EAGAIN, EBUSY, EPIPE

from fixtures.cases import needs
from helpers import abi
from helpers.abi import constants as c
from helpers.memory import Piece
from helpers.outcome import Err, Ok
from suites.shared.userfault import PRESENT, Faults
from tests.reference.procfs import read_file, write_file

pytestmark = needs("disposable", "root", "process_vmsplice")


# --- the pipe changes while a page is faulted in


def begin_splice(caller, target, pipe, faults, flags):
    segments = [faults.memory[:]]
    return caller.begin.process_vmsplice(target.pid, pipe.write, segments, 1, flags)


def test_pages_that_find_no_room_any_more_are_given_back(caller, target, pipe):
    other = caller.fork("other")
    full = other.memory(pipe.capacity, seed=3)
    faults = Faults(target, pipe.slots)
    call = begin_splice(caller, target, pipe, faults, c.SPLICE_F_NONBLOCK)
    faults.wait()
    assert other.write(pipe.write, full, full.length) == Ok(full.length)
    faults.resolve()
    assert call.result() == Err(EAGAIN)
    assert faults.seal() == Ok(0)
    pipe.holds(full.piece(full[:]))


def test_part_of_a_batch_finds_room_and_the_rest_is_given_back(caller, target, pipe):
    other = caller.fork("other")
    page = caller.page_size
    some = other.memory(3 * page, seed=3)
    faults = Faults(target, pipe.slots)
    call = begin_splice(caller, target, pipe, faults, 0)
    faults.wait()
    assert other.write(pipe.write, some, some.length) == Ok(some.length)
    faults.resolve()
    moved = (pipe.slots - 3) * page
    assert call.result() == Ok(moved)
    assert faults.seal() == Err(EBUSY)
    pipe.holds(some.piece(some[:]), Piece(moved, PRESENT))
    assert faults.seal() == Ok(0)


def test_a_call_whose_room_was_taken_waits_for_other_room(caller, target, pipe):
    other = caller.fork("other")
    filled, sink = other.memory(pipe.capacity, seed=3), other.memory(pipe.capacity)
    faults = Faults(target, 2)
    call = begin_splice(caller, target, pipe, faults, 0)
    faults.wait()
    assert other.write(pipe.write, filled, filled.length) == Ok(filled.length)
    faults.resolve()
    caller.wait_blocked(call, "process_vmsplice")
    assert other.read(pipe.read, sink, sink.length) == Ok(sink.length)
    assert call.result() == Ok(2 * caller.page_size)


def test_a_pipe_that_became_smaller(caller, target, pipe):
    other = caller.fork("other")
    faults = Faults(target, pipe.slots)
    call = begin_splice(caller, target, pipe, faults, 0)
    faults.wait()
    assert other.fcntl(pipe.write, c.F_SETPIPE_SZ, caller.page_size) == Ok(caller.page_size)
    faults.resolve()
    assert call.result() == Ok(caller.page_size)
    pipe.holds(Piece(caller.page_size, PRESENT))
    assert faults.seal() == Ok(0)


def test_readers_that_leave_during_a_fault(caller, target, pipe):
    faults = Faults(target, 2)
    caller.catch(c.SIGPIPE)
    other = caller.fork("other")
    caller.close(pipe.read)
    call = begin_splice(caller, target, pipe, faults, 0)
    faults.wait()
    assert other.close(pipe.read) == Ok(0)
    faults.resolve()
    assert call.result() == Err(EPIPE)
    assert faults.seal() == Ok(0)
    assert caller.caught(c.SIGPIPE) == 1


def test_a_fault_that_never_ends_stalls_nobody_else_and_can_be_killed(caller, target, pipe, remote):
    other = caller.fork("other")
    faults = Faults(target, 2)
    call = begin_splice(caller, target, pipe, faults, 0)
    faults.wait()
    text = b"through"
    assert other.write(pipe.write, text, len(text)) == Ok(len(text))
    assert other.process_vmsplice(target.pid, pipe.write, [remote[:9]], 1, 0) == Ok(9)
    assert not call.done
    other.must.kill(caller.pid, c.SIGKILL)
    assert caller.wait_death() == "killed by SIGKILL"


def test_a_mutex_that_never_comes_free_can_be_killed(caller, target, pipe, remote):
    # vmsplice(2) holds the pipe's mutex while it faults.
    faults = Faults(target, 2)
    holder = target.fork("holder", c.CLONE_VM | c.SIGCHLD)
    fds = abi.new("int[2]")
    holder.must.pipe2(fds, 0)
    thread = holder.fork("thread", c.CLONE_VM | c.CLONE_FILES | c.SIGCHLD)
    segments = [faults.memory[:]]
    holder.begin.vmsplice(fds[1], segments, 1, 0)
    faults.wait()
    call = thread.begin.process_vmsplice(target.pid, fds[1], [remote[:9]], 1, 0)
    thread.wait_blocked(call, "process_vmsplice")
    target.must.kill(thread.pid, c.SIGKILL)
    assert thread.wait_death()
    faults.resolve()


# --- while the call sleeps for room


def anonymous_pages(child):
    """Mapped ones; what was freed may wait in per-CPU lists, and does not count as free there."""
    write_file(child, "/proc/sys/vm/stat_refresh", b"1")
    return int(re.search(r"^nr_anon_pages (\d+)", read_file(child, "/proc/vmstat"), re.M)[1])


def test_memory_of_a_target_that_is_killed_is_freed(caller, new_child, pipe):
    watcher = new_child("watcher")
    target = new_child("target")
    count = 2000
    memory = target.pages(count, seed=5)
    pipe.fill()
    call = caller.begin.process_vmsplice(target.pid, pipe.write, [memory[:]], 1, 0)
    caller.wait_blocked(call, "process_vmsplice")
    before = anonymous_pages(watcher)
    watcher.must.kill(target.pid, c.SIGKILL)
    target.wait_death()
    assert watcher.session.poll(lambda: before - anonymous_pages(watcher) >= count, 5.0)
    assert not call.done
    watcher.must.kill(caller.pid, c.SIGKILL)
    caller.wait_death()
