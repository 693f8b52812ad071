"""process_vm_readv(2) as a mover: from another process's memory."""

import pytest

from helpers.child import Child
from suites.shared.mover import Mover


@pytest.fixture
def mover(caller: Child, target: Child) -> Mover:
    """The call under test, for the cases that both calls have."""
    return Mover("process_vm_readv", caller, target, writes=False)
