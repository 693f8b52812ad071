"""process_vm_readv: memory that was paged out, on either side; swapon(2)."""

from fixtures.cases import clause, needs
from fixtures.swap import NEEDS, SwapOn
from suites.shared import mover_swap
from suites.shared.mover import Mover

pytestmark = [needs("process_vm_readv", "foreign-memory"), needs(*NEEDS)]


@clause("process_vm_readv:memory:swapped")
@mover_swap.SIDES
def test_memory_in_swap_is_brought_back(mover: Mover, swap_on: SwapOn, side: str) -> None:
    mover_swap.brought_back(mover, swap_on, side)
