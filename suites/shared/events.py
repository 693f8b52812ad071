"""What a pipe tells those who wait for it: poll, epoll, SIGIO; for every call that fills one."""

from errno import EFAULT
from functools import partial

import pytest

from fixtures.pipes import Pipe
from helpers import abi
from helpers.abi import constants as c
from helpers.child import Child
from helpers.memory import Piece, Span
from helpers.outcome import Err, Ok
from suites.shared.rows import Row, instances
from suites.shared.sender import Sender

_SIGNAL_SET_SIZE = 8


def polled(child: Child, fd: int) -> int:
    """What poll(2) says of a descriptor at once, asked for input and output."""
    wanted = abi.new("struct pollfd *", {"fd": fd, "events": c.POLLIN | c.POLLOUT})
    child.must.poll(wanted, 1, 0)
    return int(wanted.revents)


class Edges:
    """An epoll instance of a child that tells of edges on a descriptor; of levels with mode 0."""

    def __init__(
        self, child: Child, fd: int, events: int = c.EPOLLIN, mode: int = c.EPOLLET
    ) -> None:
        """Begin to watch; what was there before makes the first edge."""
        self._child = child
        self._epoll = child.must.epoll_create1(0)
        event = abi.new("struct epoll_event *", {"events": events | mode})
        child.must.epoll_ctl(self._epoll, c.EPOLL_CTL_ADD, fd, event)

    def seen(self) -> bool:
        """Whether there was an edge since this was asked last, or there is a level."""
        event = abi.new("struct epoll_event *")
        count = self._child.must.epoll_pwait(self._epoll, event, 1, 0, None, _SIGNAL_SET_SIZE)
        return count == 1


def ask_for_sigio(child: Child, fd: int) -> None:
    """Have the child get SIGIO, and count it, when the descriptor becomes ready: fcntl(2)."""
    child.catch(c.SIGIO)
    child.queued.fcntl(fd, c.F_SETOWN, child.pid)
    child.queued.fcntl(fd, c.F_SETFL, c.FASYNC)


def file_holds(child: Child, fd: int, *pieces: Piece, at: int = 0) -> None:
    """A file holds these pieces from an offset on, and ends there."""
    total = sum(piece.length for piece in pieces)
    memory = child.memory(total + 1, seed=98)
    reading = child.soon.pread64(fd, memory, total + 1, at)
    judge = memory.begin_holds(list(pieces))
    assert reading.result() == Ok(total)
    judge()


def a_call_that_sleeps_gets_the_bytes(sender: Sender, pipe: Pipe, call: str) -> None:
    """read(2), splice(2) and tee(2) that sleep for bytes are woken by those that are sent."""
    caller, memory = sender.caller, sender.pages(1)
    reader, got = caller.thread("reader"), caller.memory(10)
    file, other = caller.must.memfd_create("out", 0), abi.new("int[2]")
    caller.must.pipe2(other, 0)
    begin = {
        "read": lambda: reader.begin.read(pipe.read, got, 10),
        "splice": lambda: reader.begin.splice(pipe.read, None, file, None, 10, 0),
        "tee": lambda: reader.begin.tee(pipe.read, other[1], 10, 0),
    }
    pending = begin[call]()
    reader.wait_blocked(pending, call)
    assert sender(pipe.write, [memory[:10]]) == Ok(10)
    assert pending.result() == Ok(10)
    if call == "splice":
        file_holds(caller, file, memory.piece(memory[:10]))
        return
    if call == "tee":
        caller.must.read(other[0], got, 10)
    caller.compare(got.address, [memory.piece(memory[:10])])


def a_reader_in_another_process_gets_the_bytes(sender: Sender, pipe: Pipe) -> None:
    """Who reads need not be a thread of the caller."""
    memory, reader = sender.pages(1), sender.caller.fork("reader")
    got = reader.memory(10)
    pending = reader.begin.read(pipe.read, got, 10)
    reader.wait_blocked(pending, "read")
    assert sender(pipe.write, [memory[:10]]) == Ok(10)
    assert pending.result() == Ok(10)
    reader.compare(got.address, [memory.piece(memory[:10])])


def poll_tells_of_bytes_and_of_room(sender: Sender, pipe: Pipe) -> None:
    """There is room while a slot is free."""
    caller, memory = sender.caller, sender.pages(pipe.slots)
    assert polled(caller, pipe.read) == 0
    assert polled(caller, pipe.write) == c.POLLOUT
    assert sender(pipe.write, [memory[:1]]) == Ok(1)
    assert polled(caller, pipe.read) == c.POLLIN
    assert polled(caller, pipe.write) == c.POLLOUT
    moved = sender(pipe.write, [memory], c.SPLICE_F_NONBLOCK)
    assert moved == Ok((pipe.slots - 1) * caller.page_size)
    assert polled(caller, pipe.write) == 0
    caller.must.read(pipe.read, caller.memory(pipe.capacity), pipe.capacity)
    assert polled(caller, pipe.read) == 0
    assert polled(caller, pipe.write) == c.POLLOUT


def a_poll_that_sleeps_is_woken(sender: Sender, pipe: Pipe) -> None:
    """poll(2) without a time limit returns when bytes are sent."""
    memory, reader = sender.pages(1), sender.caller.thread("reader")
    wanted = abi.new("struct pollfd *", {"fd": pipe.read, "events": c.POLLIN})
    pending = reader.begin.poll(wanted, 1, -1)
    reader.wait_blocked(pending, "poll")
    assert sender(pipe.write, [memory[:1]]) == Ok(1)
    assert pending.result() == Ok(1)
    assert wanted.revents == c.POLLIN


def every_call_makes_an_edge(sender: Sender, pipe: Pipe) -> None:
    """Once each, though the bytes before were not read."""
    memory, edges = sender.pages(1), Edges(sender.caller, pipe.read)
    assert not edges.seen(), "epoll should tell of nothing new"
    for _ in range(2):
        assert sender(pipe.write, [memory[:1]]) == Ok(1)
        assert edges.seen(), "epoll should tell of the bytes"
        assert not edges.seen(), "epoll should tell of nothing new"


def a_level_stays_until_the_bytes_are_read(sender: Sender, pipe: Pipe) -> None:
    """Without EPOLLET epoll tells as long as there are bytes."""
    memory = sender.pages(1)
    level = Edges(sender.caller, pipe.read, mode=0)
    assert not level.seen(), "epoll should not tell of an empty pipe"
    assert sender(pipe.write, [memory[:1]]) == Ok(1)
    assert level.seen(), "epoll should tell of the bytes that are there"
    assert level.seen(), "epoll should tell of the bytes that are there"
    pipe.holds(memory.piece(memory[:1]))
    assert not level.seen(), "epoll should not tell of an empty pipe"


def nobody_is_told_of_nothing(sender: Sender, pipe: Pipe, *, hole: bool) -> None:
    """A call that sends nothing, because it fails or has nothing to send, tells nobody."""
    caller, memory = sender.caller, sender.pages(1)
    part = Span(memory.end, 1) if hole else memory[:0]
    edges = Edges(caller, pipe.read)
    ask_for_sigio(caller, pipe.read)
    assert sender(pipe.write, [part]) == (Err(EFAULT) if hole else Ok(0))
    assert not edges.seen(), "epoll should tell of nothing new"
    assert polled(caller, pipe.read) == 0
    assert caller.caught(c.SIGIO) == 0


def the_owner_of_the_read_end_gets_sigio(sender: Sender, pipe: Pipe) -> None:
    """One signal for each call."""
    memory = sender.pages(1)
    ask_for_sigio(sender.caller, pipe.read)
    assert sender(pipe.write, [memory[:1]]) == Ok(1)
    assert sender.caller.caught(c.SIGIO) == 1


def cases(call: str) -> pytest.MarkDecorator:
    """All of them for one call."""
    wakes, poll, epoll = ("events:wakes-readers",), ("events:poll",), ("events:epoll",)
    none = ("events:none-after-a-failure",)
    rows = [
        Row(f"{how}-that-sleeps", partial(a_call_that_sleeps_gets_the_bytes, call=how), wakes)
        for how in ("read", "splice", "tee")
    ]
    rows += [
        Row("reader-in-another-process", a_reader_in_another_process_gets_the_bytes, wakes),
        Row("poll", poll_tells_of_bytes_and_of_room, poll),
        Row("poll-that-sleeps", a_poll_that_sleeps_is_woken, poll),
        Row("edges", every_call_makes_an_edge, epoll),
        Row("level", a_level_stays_until_the_bytes_are_read, epoll),
        Row("none-of-a-failure", partial(nobody_is_told_of_nothing, hole=True), none),
        Row("none-of-no-bytes", partial(nobody_is_told_of_nothing, hole=False), none),
        Row("sigio", the_owner_of_the_read_end_gets_sigio, ("events:sigio",)),
    ]
    return instances(call, rows)
