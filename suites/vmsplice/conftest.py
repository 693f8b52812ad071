"""vmsplice(2) as a sender: the caller's own memory."""

from collections.abc import Sequence
from typing import Any

import pytest

from helpers.binding import Segment
from helpers.child import Child
from suites.shared.sender import Sender


def _vmsplice(calls: Any, fd: int, segments: Sequence[Segment], count: int, flags: int) -> Any:
    return calls.vmsplice(fd, segments, count, flags)


@pytest.fixture
def sender(caller: Child) -> Sender:
    """The call under test, for the cases that other calls share."""
    return Sender("vmsplice", caller, caller, _vmsplice)
