"""process_vm_readv: a target that dies, or becomes another program."""

from fixtures.cases import clause, needs
from helpers.memory import Memory
from suites.shared import mover_target
from suites.shared.mover import Mover

pytestmark = needs("process_vm_readv", "foreign-memory")


@clause("process_vm_readv:target:exec")
def test_memory_before_an_exec_is_not_there_after_it(
    mover: Mover, local: Memory, remote: Memory
) -> None:
    mover_target.old_memory(mover, local, remote)


@clause("process_vm_readv:target:exec")
def test_memory_of_the_new_program_is_read(mover: Mover, local: Memory) -> None:
    mover_target.new_memory(mover, local)


@clause("process_vm_readv:target:exec")
def test_an_exec_changes_nothing_for_a_child_that_was_made_before(
    mover: Mover, local: Memory, remote: Memory
) -> None:
    mover_target.child_of_before(mover, local, remote)


@clause("process_vm_readv:errors:esrch")
def test_a_target_that_dies_between_two_calls(mover: Mover, local: Memory, remote: Memory) -> None:
    mover_target.dead(mover, local, remote)
