"""Deadlines that a busy host does not bring forward.

A machine that shares its processors with other work gets later whatever it does. What it was kept
from running is known (steal time), and is not held against it.
"""

import os
import time
from collections.abc import Callable
from contextlib import suppress

#: A deadline comes after so many times its seconds, however busy the host is.
_AT_MOST = 10


class Deadline:
    """A moment that moves away while the host does not let the machine run."""

    def __init__(
        self,
        seconds: float,
        stolen: Callable[[], float],
        before: float,
        since: float | None = None,
    ) -> None:
        """So many seconds from now, or from since on, a time.monotonic().

        before is what stolen gave when the count of them began.
        """
        self._seconds = seconds
        self._limit = (time.monotonic() if since is None else since) + seconds
        self._stolen = stolen
        self._before = before

    def left(self) -> float:
        """Seconds until then; 0 or less when it has passed."""
        left = self._limit - time.monotonic()
        if left > 0:
            return left
        return left + min(self._stolen() - self._before, (_AT_MOST - 1) * self._seconds)


def stolen(pid: int) -> float:
    """Seconds in which a thread of this process could run and the host ran something else.

    Of the thread that waited longest: a virtual machine has one for each processor. 0 where the
    host does not count it (Documentation/scheduler/sched-stats.rst, /proc/<pid>/schedstat).
    """
    longest = 0
    # once a case: pathlib takes four times as long
    try:
        threads = os.listdir(f"/proc/{pid}/task")  # noqa: PTH208
    except OSError:
        return 0.0
    for thread in threads:
        with (
            suppress(OSError, ValueError, IndexError),  # it has ended, or is not counted
            open(f"/proc/{pid}/task/{thread}/schedstat", "rb") as file,  # noqa: PTH123
        ):
            longest = max(longest, int(file.read().split()[1]))
    return longest / 1e9
