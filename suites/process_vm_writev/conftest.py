"""process_vm_writev(2) as the call that shared cases make: bytes to another process's memory."""

import pytest

from fixtures.processes import NewChild
from helpers.child import Child
from suites.shared.mover import Mover
from suites.shared.reach import BetweenMemories, Scene

CALL = "process_vm_writev"


@pytest.fixture
def mover(caller: Child, target: Child) -> Mover:
    """For the cases that both calls between two memories have."""
    return Mover(CALL, caller, target, writes=True)


@pytest.fixture
def scene(caller: Child, target: Child, new_child: NewChild) -> Scene:
    """Its remote side, for the cases that all calls with a pid share: the target's memory."""
    return Scene.remote(
        caller, target, new_child, lambda child: BetweenMemories(CALL, child, child, remote=True)
    )


@pytest.fixture
def local_scene(caller: Child, target: Child, new_child: NewChild) -> Scene:
    """Its local side: the caller's memory."""
    return Scene.local(CALL, caller, target, new_child)
