"""A call that puts memory into a pipe, whoever makes it and whose memory it is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from helpers.binding import Segment
from helpers.child import Child
from helpers.memory import Memory
from helpers.outcome import Result
from helpers.pending import Pending

#: (calls of a child, descriptor, segments, their number, flags) -> what the call gives
Make = Callable[[Any, int, Any, int, int], Any]


@dataclass(frozen=True)
class Sender:
    """vmsplice(2), or process_vmsplice(2) with another process's memory.

    Attributes:
        call: its name.
        caller: who makes it, and has the pipes.
        owner: whose memory the segments mean; the caller itself for vmsplice.
        make: makes the call in the way that it is given.
    """

    call: str
    caller: Child
    owner: Child
    make: Make

    def __call__(self, fd: int, segments: Sequence[Segment], flags: int = 0) -> Result:
        """The call, with a count that says how many segments there are."""
        result: Result = self.make(self.caller, fd, segments, len(segments), flags)
        return result

    def raw(self, fd: int, array: Any, count: int, flags: int = 0) -> Result:
        """The call with an array and a count of the case's choice."""
        result: Result = self.make(self.caller, fd, array, count, flags)
        return result

    def begin(self, fd: int, segments: Sequence[Segment], flags: int = 0) -> Pending[Result]:
        """The call, not waited for."""
        pending: Pending[Result] = self.make(self.caller.begin, fd, segments, len(segments), flags)
        return pending

    def pages(self, count: int, seed: int = 1) -> Memory:
        """Memory of the owner that holds a seed's pattern."""
        return self.owner.pages(count, seed=seed)
