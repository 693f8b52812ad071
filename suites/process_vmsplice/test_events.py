"""process_vmsplice: who is told that bytes have come."""

from errno import EFAULT

from fixtures.cases import clause, needs, table
from helpers import abi
from helpers.abi import constants as c
from helpers.outcome import Err, Ok
from suites.process_vmsplice.calls import send
from suites.shared import events

pytestmark = needs("process_vmsplice", "foreign-memory")


@clause("process_vmsplice:events:wakes-readers")
@table("how", ("read", "read"), ("splice", "splice"), ("tee", "tee"))
def test_who_sleeps_for_bytes_gets_them(caller, target, pipe, remote, how):
    reader = caller.thread("reader")
    got, fd = caller.memory(10), caller.must.memfd_create("out", 0)
    other = abi.new("int[2]")
    caller.must.pipe2(other, 0)
    if how == "read":
        pending = reader.begin.read(pipe.read, got, 10)
    elif how == "splice":
        pending = reader.begin.splice(pipe.read, None, fd, None, 10, 0)
    else:
        pending = reader.begin.tee(pipe.read, other[1], 10, 0)
    reader.wait_blocked(pending, how)
    assert send(caller, target.pid, pipe.write, [remote[:10]]) == Ok(10)
    assert pending.result() == Ok(10)
    if how == "splice":
        events.file_holds(caller, fd, remote.piece(remote[:10]))
        return
    if how == "tee":
        caller.must.read(other[0], got, 10)
    caller.compare(got.address, [remote.piece(remote[:10])])


@clause("process_vmsplice:events:wakes-readers")
def test_a_reader_in_another_process_gets_the_bytes(caller, target, pipe, remote):
    reader = caller.fork("reader")
    got = reader.memory(10)
    pending = reader.begin.read(pipe.read, got, 10)
    reader.wait_blocked(pending, "read")
    assert send(caller, target.pid, pipe.write, [remote[:10]]) == Ok(10)
    assert pending.result() == Ok(10)
    reader.compare(got.address, [remote.piece(remote[:10])])


@clause("process_vmsplice:events:poll")
def test_poll_tells_of_bytes_and_of_room(caller, target, pipe):
    memory = target.pages(pipe.slots, seed=1)
    assert events.polled(caller, pipe.read) == 0
    assert events.polled(caller, pipe.write) == c.POLLOUT
    assert send(caller, target.pid, pipe.write, [memory[:1]]) == Ok(1)
    assert events.polled(caller, pipe.read) == c.POLLIN
    assert events.polled(caller, pipe.write) == c.POLLOUT
    moved = send(caller, target.pid, pipe.write, [memory], c.SPLICE_F_NONBLOCK)
    assert moved == Ok((pipe.slots - 1) * caller.page_size)
    assert events.polled(caller, pipe.write) == 0
    caller.must.read(pipe.read, caller.memory(pipe.capacity), pipe.capacity)
    assert events.polled(caller, pipe.read) == 0
    assert events.polled(caller, pipe.write) == c.POLLOUT


@clause("process_vmsplice:events:poll")
def test_a_poll_that_sleeps_is_woken(caller, target, pipe, remote):
    reader = caller.thread("reader")
    wanted = abi.new("struct pollfd *", {"fd": pipe.read, "events": c.POLLIN})
    pending = reader.begin.poll(wanted, 1, -1)
    reader.wait_blocked(pending, "poll")
    assert send(caller, target.pid, pipe.write, [remote[:1]]) == Ok(1)
    assert pending.result() == Ok(1)
    assert wanted.revents == c.POLLIN


@clause("process_vmsplice:events:epoll")
def test_every_call_makes_an_edge(caller, target, pipe, remote):
    edges = events.Edges(caller, pipe.read)
    assert not edges.seen()
    for _ in range(2):
        assert send(caller, target.pid, pipe.write, [remote[:1]]) == Ok(1)
        assert edges.seen()
        assert not edges.seen()


@clause("process_vmsplice:events:epoll")
def test_a_level_stays_until_the_bytes_are_read(caller, target, pipe, remote):
    level = caller.must.epoll_create1(0)
    event = abi.new("struct epoll_event *", {"events": c.EPOLLIN})
    caller.must.epoll_ctl(level, c.EPOLL_CTL_ADD, pipe.read, event)

    def ready():
        found = abi.new("struct epoll_event *")
        return caller.epoll_pwait(level, found, 1, 0, None, 8) == Ok(1)

    assert not ready()
    assert send(caller, target.pid, pipe.write, [remote[:1]]) == Ok(1)
    assert ready()
    assert ready()
    pipe.holds(remote.piece(remote[:1]))
    assert not ready()


@clause("process_vmsplice:events:none-after-a-failure")
@table("segment, expected", ("hole", "hole", Err(EFAULT)), ("empty", "empty", Ok(0)))
def test_a_call_that_sends_nothing_tells_nobody(caller, target, pipe, remote, segment, expected):
    part = remote[0:0] if segment == "empty" else (remote.end, 1)
    edges = events.Edges(caller, pipe.read)
    events.ask_for_sigio(caller, pipe.read)
    assert send(caller, target.pid, pipe.write, [part]) == expected
    assert not edges.seen()
    assert events.polled(caller, pipe.read) == 0
    assert caller.caught(c.SIGIO) == 0


@clause("process_vmsplice:events:sigio")
def test_the_owner_of_the_read_end_gets_sigio(caller, target, pipe, remote):
    events.ask_for_sigio(caller, pipe.read)
    assert send(caller, target.pid, pipe.write, [remote[:1]]) == Ok(1)
    assert caller.caught(c.SIGIO) == 1
