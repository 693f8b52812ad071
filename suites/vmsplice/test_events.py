"""Who is told that bytes have come or that room has been made."""

from errno import EFAULT

from fixtures.cases import clause, needs, table
from fixtures.pipes import Pipe
from helpers import abi
from helpers.abi import constants as c
from helpers.child import Child
from helpers.outcome import Err, Ok, Result
from suites.shared import events

pytestmark = needs("vmsplice")


@clause("vmsplice:events:wakes-readers")
def test_a_reader_that_sleeps_gets_the_bytes(caller: Child, pipe: Pipe) -> None:
    memory = caller.pages(1, seed=1)
    got = caller.memory(10)
    reader = caller.thread("reader")
    pending = reader.begin.read(pipe.read, got, 10)
    reader.wait_blocked(pending, "read")
    assert caller.vmsplice(pipe.write, [memory[:10]], 1, 0) == Ok(10)
    assert pending.result() == Ok(10)
    caller.compare(got.address, [memory.piece(memory[:10])])


@clause("vmsplice:events:wakes-readers")
def test_a_splice_that_sleeps_gets_the_bytes(caller: Child, pipe: Pipe) -> None:
    memory = caller.pages(1, seed=1)
    reader = caller.thread("reader")
    fd = caller.must.memfd_create("out", 0)
    pending = reader.begin.splice(pipe.read, None, fd, None, 10, 0)
    reader.wait_blocked(pending, "splice")
    assert caller.vmsplice(pipe.write, [memory[:10]], 1, 0) == Ok(10)
    assert pending.result() == Ok(10)
    events.file_holds(caller, fd, memory.piece(memory[:10]))


@clause("vmsplice:events:wakes-writers")
def test_a_writer_that_sleeps_gets_the_room(caller: Child, full_pipe: Pipe) -> None:
    size, page = full_pipe.capacity, caller.page_size
    memory, data = caller.pages(1, seed=1), caller.memory(10, seed=2)
    writer = caller.thread("writer")
    pending = writer.begin.write(full_pipe.write, data, 10)
    writer.wait_blocked(pending, "write")
    assert caller.vmsplice(full_pipe.read, [memory], 1, 0) == Ok(page)
    assert pending.result() == Ok(10)
    assert full_pipe.occupancy() == size - page + 10


@clause("vmsplice:events:poll")
def test_poll_tells_of_bytes_and_of_room(caller: Child, pipe: Pipe) -> None:
    memory = caller.pages(pipe.slots, seed=1)
    assert events.polled(caller, pipe.read) == 0
    assert events.polled(caller, pipe.write) == c.POLLOUT
    assert caller.vmsplice(pipe.write, [memory[:1]], 1, 0) == Ok(1)
    assert events.polled(caller, pipe.read) == c.POLLIN
    assert events.polled(caller, pipe.write) == c.POLLOUT
    caller.must.vmsplice(pipe.write, [memory], 1, c.SPLICE_F_NONBLOCK)
    assert events.polled(caller, pipe.write) == 0
    caller.must.read(pipe.read, caller.memory(pipe.capacity), pipe.capacity)
    assert events.polled(caller, pipe.read) == 0
    assert events.polled(caller, pipe.write) == c.POLLOUT


@clause("vmsplice:events:poll")
def test_a_poll_that_sleeps_is_woken(caller: Child, pipe: Pipe) -> None:
    memory = caller.pages(1, seed=1)
    reader = caller.thread("reader")
    wanted = abi.new("struct pollfd *", {"fd": pipe.read, "events": c.POLLIN})
    pending = reader.begin.poll(wanted, 1, -1)
    reader.wait_blocked(pending, "poll")
    assert caller.vmsplice(pipe.write, [memory[:1]], 1, 0) == Ok(1)
    assert pending.result() == Ok(1)
    assert wanted.revents == c.POLLIN


@clause("vmsplice:events:epoll-edge")
def test_every_call_makes_an_edge(caller: Child, pipe: Pipe) -> None:
    memory = caller.pages(1, seed=1)
    edges = events.Edges(caller, pipe.read)
    assert not edges.seen()
    for _ in range(2):
        assert caller.vmsplice(pipe.write, [memory[:1]], 1, 0) == Ok(1)
        assert edges.seen()
        assert not edges.seen()


@clause("vmsplice:events:none-after-a-failure")
@table("segment, expected", ("hole", "hole", Err(EFAULT)), ("empty", "empty", Ok(0)))
def test_a_call_that_sends_nothing_makes_no_edge(
    caller: Child, pipe: Pipe, segment: str, expected: Result
) -> None:
    memory = caller.pages(1, seed=1)
    part = memory[0:0] if segment == "empty" else (memory.end, 1)
    edges = events.Edges(caller, pipe.read)
    assert caller.vmsplice(pipe.write, [part], 1, 0) == expected
    assert not edges.seen()
    assert events.polled(caller, pipe.read) == 0


@clause("vmsplice:events:sigio")
def test_the_owner_of_the_read_end_gets_sigio(caller: Child, pipe: Pipe) -> None:
    memory = caller.pages(1, seed=1)
    events.ask_for_sigio(caller, pipe.read)
    assert caller.vmsplice(pipe.write, [memory[:1]], 1, 0) == Ok(1)
    assert caller.caught(c.SIGIO) == 1
