"""process_vm_readv: what calls and dead targets leave in the kernel."""

from fixtures.cases import clause, needs, table
from fixtures.processes import NewChild
from suites.shared import leaks
from suites.shared.mover import Mover

pytestmark = needs("process_vm_readv", "foreign-memory", "root", "disposable")


@clause("process_vm_readv:leaks:calls")
@table("hole", ("bytes-moved", False), ("fault", True))
def test_calls_leave_nothing(mover: Mover, new_child: NewChild, hole: bool) -> None:
    leaks.calls_leave_nothing(mover, new_child, hole=hole)


@clause("process_vm_readv:leaks:dead-targets")
def test_dead_targets_leave_nothing(mover: Mover, new_child: NewChild) -> None:
    leaks.dead_targets_leave_nothing(mover, new_child)
