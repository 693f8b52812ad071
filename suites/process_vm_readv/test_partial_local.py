"""process_vm_readv: local memory that ends, or cannot be written."""

from errno import EFAULT

from fixtures.cases import clause, needs
from fixtures.memory import UNWRITABLE
from helpers.abi.constants import PROT_READ
from helpers.memory import Memory, unchanged
from helpers.outcome import Err, Ok
from suites.shared import holes, mover_holes
from suites.shared.mappings import secret
from suites.shared.mover import Mover
from suites.shared.reach import Body, Scene

pytestmark = needs("process_vm_readv", "foreign-memory")

PROMISES = holes.Promises(
    inside="partial:local-bytes",
    segment="partial:local-bad-segment",
    nothing="errors:efault-local",
)


@holes.cases("process_vm_readv", PROMISES, UNWRITABLE)
def test_memory_that_cannot_be_written_ends_the_transfer(local_scene: Scene, body: Body) -> None:
    body(local_scene)


@clause("process_vm_readv:errors:efault-local")
def test_read_only_memory_keeps_its_bytes(mover: Mover, remote: Memory) -> None:
    local = mover.caller.pages(1, seed=1)
    mover.caller.must.mprotect(local, local.length, PROT_READ)
    assert mover([local[:16]], [remote[:16]]) == Err(EFAULT)
    unchanged(local, remote)


@clause("process_vm_readv:partial:local-bytes")
def test_bytes_behind_the_last_that_is_offered_may_be_unwritable(
    mover: Mover, local: Memory, remote: Memory
) -> None:
    mover_holes.local_hole_behind_the_last(mover, local, remote)


@clause("process_vm_readv:partial:nearer-fault")
@mover_holes.NEARER_FAULT
def test_nearer_of_two_holes_ends_the_transfer(
    mover: Mover, local: Memory, remote: Memory, shape: tuple[int, int, int]
) -> None:
    mover_holes.nearer_fault(mover, local, remote, *shape)


@clause("process_vm_readv:errors:efault-local")
@clause("process_vm_readv:errors:efault-remote")
def test_holes_on_both_sides_are_efault(mover: Mover, local: Memory, remote: Memory) -> None:
    mover_holes.holes_on_both_sides(mover, local, remote)


@clause("process_vm_readv:partial:local-fresh")
@mover_holes.FRESH
def test_local_memory_never_touched_is_filled(mover: Mover, remote: Memory, at: int) -> None:
    mover_holes.local_never_touched(mover, remote, at)


@clause("process_vm_readv:memory:secret-is-filled")
@needs("memfd_secret")
def test_secret_memory_of_the_caller_is_filled(mover: Mover, remote: Memory) -> None:
    hidden = secret(mover.caller)
    local = Memory(hidden.address, hidden.length, child=mover.caller)
    assert mover([local[5:69]], [remote[9:73]]) == Ok(64)
    mover.moved(local, [local[5:69]], remote, [remote[9:73]])
