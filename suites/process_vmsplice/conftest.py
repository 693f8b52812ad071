"""process_vmsplice(2) as a sender: another process's memory."""

from collections.abc import Sequence
from typing import Any

import pytest

from helpers.binding import Segment
from helpers.child import Child
from suites.shared.sender import Sender


@pytest.fixture
def sender(caller: Child, target: Child) -> Sender:
    """The call under test, for the cases that other calls share."""

    def make(calls: Any, fd: int, segments: Sequence[Segment], count: int, flags: int) -> Any:
        return calls.process_vmsplice(target.pid, fd, segments, count, flags)

    return Sender("process_vmsplice", caller, target, make)
