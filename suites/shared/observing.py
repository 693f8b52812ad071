"""What several calls are observed by: areas of /proc/self/maps, RWF_NOWAIT, inotify."""

import re

from fixtures.pipes import Pipe, make_fifo
from helpers.abi import constants as c
from helpers.child import Child
from helpers.memory import Span
from helpers.outcome import Ok, Result, errno_name
from helpers.pending import Pending
from suites.shared.files import text_of
from suites.shared.sender import Sender

_CURRENT_POSITION = (1 << 64) - 1
#: struct inotify_event of a watched file: wd, mask, cookie, len, each of four bytes: inotify(7).
_EVENT_SIZE = 16
_EVENTS = 64
#: How far below its stack a process is looked into: less than the gap that the kernel leaves.
_BELOW = 64 * 1024


def answer(result: Result) -> str:
    """A Result as part of a text."""
    return str(result.value) if result.ok else f"-1 {errno_name(result.errno)}"


def sleeps_or_answers(child: Child, pending: Pending[Result], call: str) -> str:
    """What a call that was begun comes to: "sleeps", or its answer."""
    try:
        child.wait_blocked(pending, call)
    except AssertionError:
        if not pending.done:
            raise
        return answer(pending.result())
    return "sleeps"


def area(child: Child, name: str) -> Span | None:
    """A named area of a child's memory, "[stack]" or "[vvar]"; None if it has none."""
    lines = re.findall(
        r"^([0-9a-f]+)-([0-9a-f]+) .*?(\S*)$", text_of(child, "/proc/self/maps"), re.M
    )
    for start, end, found in lines:
        if found == name:
            return Span(int(start, 16), int(end, 16) - int(start, 16))
    return None


def below_the_stack(child: Child) -> Span:
    """A byte below the area that is the stack now."""
    stack = area(child, "[stack]")
    assert stack is not None, "a process has a stack"
    return Span(stack.address - _BELOW, 1)


def written_nowait(child: Child, fd: int) -> str:
    """What pwritev2(2) of a byte with RWF_NOWAIT gives."""
    position = _CURRENT_POSITION
    byte = child.memory(1)
    return answer(child.pwritev2(fd, [byte], 1, position, position, c.RWF_NOWAIT))


def read_nowait(child: Child, fd: int) -> str:
    """What preadv2(2) of a byte with RWF_NOWAIT gives."""
    position = _CURRENT_POSITION
    byte = child.memory(1)
    return answer(child.preadv2(fd, [byte], 1, position, position, c.RWF_NOWAIT))


class Watch:
    """An inotify instance of a child that watches what a descriptor refers to."""

    def __init__(self, child: Child, fd: int) -> None:
        """Begin to watch for reading and writing."""
        self._child = child
        self._inotify = child.must.inotify_init1(c.IN_NONBLOCK)
        child.must.inotify_add_watch(
            self._inotify, f"/proc/self/fd/{fd}", c.IN_ACCESS | c.IN_MODIFY
        )

    def seen(self) -> str:
        """The kinds of events since this was asked last: "ACCESS", "MODIFY", both, or "none"."""
        size = _EVENTS * _EVENT_SIZE
        memory = self._child.memory(size)
        result = self._child.read(self._inotify, memory, size)
        count = result.value // _EVENT_SIZE if result.ok else 0
        events = self._child.peek(memory.address, count * _EVENT_SIZE) if count else b""
        seen = 0
        for at in range(0, len(events), _EVENT_SIZE):
            seen |= int.from_bytes(events[at + 4 : at + 8], "little")
        kinds = (("ACCESS", c.IN_ACCESS), ("MODIFY", c.IN_MODIFY))
        return " ".join(name for name, bit in kinds if seen & bit) or "none"


def first_letter(child: Child, fd: int) -> str:
    """The letter that a pipe gives next."""
    memory = child.memory(1)
    assert child.read(fd, memory, 1) == Ok(1)
    return memory.read().decode()


def nowait_around(sender: Sender, pipe: Pipe) -> str:
    """What writing with RWF_NOWAIT gives before and after a call on a fresh pipe."""
    memory = sender.pages(1)
    before = written_nowait(sender.caller, pipe.write)
    assert sender(pipe.write, [memory[:1]]) == Ok(1)
    return f"{before}, then {written_nowait(sender.caller, pipe.write)}"


def told_of_a_fifo(sender: Sender, directory: str) -> str:
    """What inotify tells of a FIFO that memory is sent into."""
    caller, memory = sender.caller, sender.pages(1)
    both = make_fifo(caller, directory)
    end = caller.must.openat(c.AT_FDCWD, f"/proc/self/fd/{both}", c.O_WRONLY, 0)
    watch = Watch(caller, both)
    assert sender(end, [memory[:1]]) == Ok(1)
    return watch.seen()
