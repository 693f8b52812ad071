"""process_vm_writev: memory that was paged out, on either side; swapon(2)."""

from fixtures.cases import clause, needs
from fixtures.processes import NewChild
from suites.shared import mover_swap, swap
from suites.shared.mover import Mover

pytestmark = [needs("process_vm_writev", "foreign-memory"), needs(*swap.NEEDS)]


@clause("process_vm_writev:memory:swapped")
@mover_swap.SIDES
def test_memory_in_swap_is_brought_back(mover: Mover, new_child: NewChild, side: str) -> None:
    mover_swap.brought_back(mover, new_child("keeper"), side)
