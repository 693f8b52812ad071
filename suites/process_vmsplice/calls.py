"""process_vmsplice() as the cases make it."""

from collections.abc import Sequence

from helpers.binding import Segment
from helpers.child import Child
from helpers.outcome import Result


def send(caller: Child, pid: int, fd: int, segments: Sequence[Segment], flags: int = 0) -> Result:
    """The call with a count that says how many segments there are."""
    return caller.process_vmsplice(pid, fd, segments, len(segments), flags)
