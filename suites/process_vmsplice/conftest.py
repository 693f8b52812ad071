"""process_vmsplice(2) as a sender: another process's memory."""

from collections.abc import Sequence
from typing import Any

import pytest

from fixtures.pipes import make_pipe
from fixtures.processes import NewChild
from helpers.binding import Segment
from helpers.child import Child
from suites.shared.reach import IntoPipe, Scene
from suites.shared.sender import Sender


@pytest.fixture
def sender(caller: Child, target: Child) -> Sender:
    """The call under test, for the cases that other calls share."""

    def make(calls: Any, fd: int, segments: Sequence[Segment], count: int, flags: int) -> Any:
        return calls.process_vmsplice(target.pid, fd, segments, count, flags)

    return Sender("process_vmsplice", caller, target, make)


@pytest.fixture
def scene(caller: Child, target: Child, new_child: NewChild) -> Scene:
    """The call under test, for the cases that all calls with a pid share."""
    return Scene.remote(caller, target, new_child, lambda child: IntoPipe(child, make_pipe(child)))
