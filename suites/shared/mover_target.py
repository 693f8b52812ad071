"""A Mover whose target becomes another program, or dies between two calls."""

from errno import EFAULT, ESRCH

from helpers.memory import Memory
from helpers.outcome import Err, Ok
from suites.shared.execute import execute
from suites.shared.mover import Mover


def old_memory(mover: Mover, local: Memory, remote: Memory) -> None:
    """Memory from before an exec is not there after it."""
    assert mover([local[:9]], [remote[:9]]) == Ok(9)
    execute(mover.target)
    assert mover([local[9:18]], [remote[:9]]) == Err(EFAULT)


def new_memory(mover: Mover, local: Memory) -> None:
    """The process has the same number, and other memory."""
    pid = mover.target.pid
    execute(mover.target)
    assert mover.target.pid == pid
    remote = mover.target.pages(1, seed=2)
    assert mover([local[:20]], [remote[5:25]]) == Ok(20)
    mover.moved(local, [local[:20]], remote, [remote[5:25]])


def child_of_before(mover: Mover, local: Memory, remote: Memory) -> None:
    """A child that was made before the exec still has the memory."""
    child = mover.target.fork("child")
    pid = child.pid
    execute(mover.target)
    assert mover([local[:20]], [remote[5:25]], pid=pid) == Ok(20)
    theirs = Memory(remote.address, remote.length, child=child, seed=remote.seed)
    mover.moved(local, [local[:20]], theirs, [remote[5:25]])


def dead(mover: Mover, local: Memory, remote: Memory) -> None:
    """A number that worked is nobody's when the target is dead."""
    pid = mover.target.pid
    assert mover([local[:20]], [remote[5:25]]) == Ok(20)
    mover.target.quit()
    mover.target.wait_death()
    assert mover([local[20:40]], [remote[5:25]], pid=pid) == Err(ESRCH)
