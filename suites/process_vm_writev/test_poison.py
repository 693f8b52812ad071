"""process_vm_writev: pages with a memory error, on either side; madvise(2), MADV_HWPOISON."""

from fixtures.cases import clause, needs
from helpers.memory import Memory
from suites.shared import mover_poison
from suites.shared.mappings import POISONS
from suites.shared.mover import Mover

pytestmark = [needs("process_vm_writev", "foreign-memory"), needs(*POISONS)]


@clause("process_vm_writev:memory:poisoned")
def test_a_poisoned_page_of_the_target_ends_the_transfer(mover: Mover) -> None:
    mover_poison.remote_page(mover)


@clause("process_vm_writev:memory:poisoned")
def test_a_poisoned_page_of_the_caller_ends_the_transfer(mover: Mover, remote: Memory) -> None:
    mover_poison.local_page(mover, remote)
