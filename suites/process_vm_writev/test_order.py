"""process_vm_writev: which error wins, or whether a transfer of nothing does."""

from fixtures.cases import clause, needs
from fixtures.processes import NewChild
from helpers.memory import Memory
from helpers.outcome import Result
from suites.shared import order
from suites.shared.mover import Mover
from suites.shared.order import Vector

pytestmark = needs("process_vm_writev", "foreign-memory")


@order.with_a_target("process_vm_writev")
def test_arguments_are_judged_from_flags_to_remote_vector(
    mover: Mover, local: Memory, remote: Memory,
    flags: int, local_vector: Vector, remote_vector: Vector, expected: Result,
) -> None:  # fmt: skip
    order.judged(mover, local, remote, flags, local_vector, remote_vector, expected)


@order.without_a_process("process_vm_writev")
def test_arguments_are_judged_before_the_process_is_looked_up_and_memory_after(
    mover: Mover, local: Memory,
    flags: int, local_vector: Vector, remote_vector: Vector, expected: Result,
) -> None:  # fmt: skip
    order.judged_without_a_process(mover, local, flags, local_vector, remote_vector, expected)


@needs("root")
@order.forbidden("process_vm_writev")
def test_arguments_are_judged_before_permission_and_memory_after(
    mover: Mover, local: Memory, remote: Memory,
    flags: int, local_vector: Vector, remote_vector: Vector, expected: Result,
) -> None:  # fmt: skip
    order.judged_when_forbidden(mover, local, remote, flags, local_vector, remote_vector, expected)


@needs("root")
@clause("process_vm_writev:order:process-before-permission")
def test_process_without_memory_is_esrch_for_the_unprivileged_too(
    mover: Mover, new_child: NewChild, local: Memory
) -> None:
    order.zombie_for_the_unprivileged(mover, new_child, local)
