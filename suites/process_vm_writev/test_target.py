"""process_vm_writev: a target that dies, or becomes another program."""

from errno import EFAULT, ESRCH

from fixtures.cases import clause, needs
from helpers.memory import Memory
from helpers.outcome import Err, Ok
from suites.shared.execute import execute
from suites.shared.mover import Mover

pytestmark = needs("process_vm_writev", "foreign-memory")


@clause("process_vm_writev:target:exec")
def test_memory_before_an_exec_is_not_there_after_it(
    mover: Mover, local: Memory, remote: Memory
) -> None:
    assert mover([local[:9]], [remote[:9]]) == Ok(9)
    execute(mover.target)
    assert mover([local[:9]], [remote[:9]]) == Err(EFAULT)


@clause("process_vm_writev:target:exec")
def test_memory_of_the_new_program_is_written(mover: Mover, local: Memory) -> None:
    """The process has the same number."""
    pid = mover.target.pid
    execute(mover.target)
    assert mover.target.pid == pid
    remote = mover.target.pages(1, seed=2)
    assert mover([local[:20]], [remote[5:25]]) == Ok(20)
    mover.moved(local, [local[:20]], remote, [remote[5:25]])


@clause("process_vm_writev:target:exec")
def test_an_exec_changes_nothing_for_a_child_that_was_made_before(
    mover: Mover, local: Memory, remote: Memory
) -> None:
    child = mover.target.fork("child")
    pid = child.pid
    execute(mover.target)
    assert mover([local[:20]], [remote[5:25]], pid=pid) == Ok(20)
    theirs = Memory(remote.address, remote.length, child=child, seed=remote.seed)
    mover.moved(local, [local[:20]], theirs, [remote[5:25]])


@clause("process_vm_writev:errors:esrch")
def test_a_target_that_dies_between_two_calls(mover: Mover, local: Memory, remote: Memory) -> None:
    """Its number is nobody's then."""
    pid = mover.target.pid
    assert mover([local[:20]], [remote[5:25]]) == Ok(20)
    mover.target.quit()
    mover.target.wait_death()
    assert mover([local[:20]], [remote[5:25]], pid=pid) == Err(ESRCH)
    local.unchanged()
