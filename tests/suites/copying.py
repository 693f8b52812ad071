"""A pytest plugin: a kernel whose vmsplice and splice copy instead of sharing pages.

Series of 2026 would make them so. The calls that a case makes are replaced, on the running kernel:
memory goes into a pipe by pwritev2(2), a file's bytes by read(2) and write(2).
"""

from collections.abc import Callable
from typing import Any

from helpers.abi import constants as c
from helpers.calls import Calls, Way
from helpers.child import Child
from helpers.outcome import Result

_NO_POSITION = (1 << 64) - 1
_ACCESS_MODE = 3


def _vmsplice(calls: Calls, real: Callable[..., Any]) -> Callable[..., Any]:
    """Into a pipe by pwritev2(); what is refused anyway, and out of a pipe, is the kernel's."""

    def vmsplice(fd: int, segments: Any, count: int, flags: int) -> Any:
        opened = calls._child.fcntl(fd, c.F_GETFL, 0) if fd >= 0 else None
        if flags > 15 or opened is None or not opened.ok or not opened.value & _ACCESS_MODE:
            return real(fd, segments, count, flags)
        nowait = c.RWF_NOWAIT if flags & c.SPLICE_F_NONBLOCK else 0
        return calls.pwritev2(fd, segments, count, _NO_POSITION, _NO_POSITION, nowait)

    return vmsplice


def _splice(calls: Calls, real: Callable[..., Any]) -> Callable[..., Any]:
    """Out of a file by read() and write(), where the file's own offset is used."""
    child: Child = calls._child

    def splice(fd: int, off: Any, out: int, off_out: Any, length: int, flags: int) -> Any:
        is_file = fd >= 0 and child.lseek(fd, 0, c.SEEK_CUR).ok
        if not is_file or off is not None or off_out is not None:
            return real(fd, off, out, off_out, length, flags)
        memory = child.memory(length)
        got = child.read(fd, memory, length)
        result: Result = child.write(out, memory, got.value) if got.ok else got
        return result.value if calls._way is Way.MUST else result

    return splice


def pytest_configure() -> None:
    """For the whole run: what cases need is asked for before they have fixtures."""
    call_of = Calls.__getattr__

    def attribute(self: Calls, name: str) -> Callable[..., Any]:
        call = call_of(self, name)
        replaced = {"vmsplice": _vmsplice, "splice": _splice}.get(name)
        return replaced(self, call) if replaced is not None else call

    Calls.__getattr__ = attribute  # type: ignore[method-assign]
