"""process_vm_writev: which process a pid names."""

from fixtures.cases import clause, needs, table
from helpers.memory import Memory
from helpers.outcome import Ok
from suites.shared import pid
from suites.shared.mover import Mover
from suites.shared.reach import Body, Scene

pytestmark = needs("process_vm_writev", "foreign-memory")


@pid.cases("process_vm_writev")
def test_which_process_a_number_names(scene: Scene, body: Body) -> None:
    body(scene)


@clause("process_vm_writev:pid:self")
@table("start", ("onto-themselves", 50), ("elsewhere", 100))
def test_the_caller_may_write_to_itself(mover: Mover, local: Memory, start: int) -> None:
    into, source = local[start : start + 20], local[50:70]
    assert mover([source], [into], pid=mover.caller.pid) == Ok(20)
    local.received([into], [local.piece(source)])
