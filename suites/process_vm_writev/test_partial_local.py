"""process_vm_writev: local memory that ends, or cannot be read."""

from collections.abc import Callable
from errno import EFAULT

from fixtures.cases import clause, needs, table
from fixtures.memory import NO_ACCESS
from helpers.child import Child
from helpers.memory import Memory, Span
from helpers.outcome import Err, Ok
from suites.shared import holes, mover_holes
from suites.shared.mappings import beyond_the_end, guarded, locked_by_key, secret
from suites.shared.mover import Mover
from suites.shared.reach import Body, Scene

pytestmark = needs("process_vm_writev", "foreign-memory")

PROMISES = holes.Promises(
    inside="partial:local-bytes",
    segment="partial:local-bad-segment",
    nothing="errors:efault-local",
)


@holes.cases("process_vm_writev", PROMISES, NO_ACCESS)
def test_memory_that_cannot_be_read_ends_the_transfer(local_scene: Scene, body: Body) -> None:
    body(local_scene)


@clause("process_vm_writev:partial:local-bad-segment")
@clause("process_vm_writev:errors:efault-local")
@table(
    "make",
    ("beyond-the-end-of-a-file", beyond_the_end),
    ("guard-page", guarded, needs("guard-pages")),
    ("no-access-by-its-key", locked_by_key, needs("protection-keys")),
)
def test_a_page_that_the_caller_cannot_read_ends_the_transfer(
    mover: Mover, local: Memory, remote: Memory, make: Callable[[Child], Span]
) -> None:
    bad = make(mover.caller)
    assert mover([bad[:16], local[:16]], [remote[:32]]) == Err(EFAULT)
    assert mover([local[5:8], bad[:16], local[:16]], [remote[:35]]) == Ok(3)
    mover.moved(local, [local[5:8]], remote, [remote[:3]])


@clause("process_vm_writev:partial:local-bytes")
@table("beyond", ("one-byte", 1), ("a-page", 4096))
def test_bytes_before_a_hole_in_the_middle_of_a_remote_page_are_written(
    mover: Mover, local: Memory, beyond: int
) -> None:
    """The local hole is where no page of the target ends."""
    remote = mover.target.pages(3, seed=2)
    near, far = Span(local.end - 300, 300 + beyond), remote[local.length - 50 :]
    assert mover([near], [far]) == Ok(300)
    mover.moved(local, [near[:300]], remote, [far[:300]])


@clause("process_vm_writev:memory:secret-is-copied")
@needs("memfd_secret")
def test_secret_memory_of_the_caller_is_read(mover: Mover, remote: Memory) -> None:
    hidden = secret(mover.caller)
    mover.caller.fill(hidden.address, 64, seed=1)
    local = Memory(hidden.address, 64, child=mover.caller, seed=1)
    assert mover([local], [remote[9:73]]) == Ok(64)
    mover.moved(local, [local], remote, [remote[9:73]])


@clause("process_vm_writev:partial:local-bytes")
def test_bytes_behind_the_last_that_fits_may_be_unreadable(
    mover: Mover, local: Memory, remote: Memory
) -> None:
    mover_holes.local_hole_behind_the_last(mover, local, remote)


@clause("process_vm_writev:partial:nearer-fault")
@mover_holes.NEARER_FAULT
def test_nearer_of_two_holes_ends_the_transfer(
    mover: Mover, local: Memory, remote: Memory, shape: tuple[int, int, int]
) -> None:
    mover_holes.nearer_fault(mover, local, remote, *shape)


@clause("process_vm_writev:errors:efault-local")
@clause("process_vm_writev:errors:efault-remote")
def test_holes_on_both_sides_are_efault(mover: Mover, local: Memory, remote: Memory) -> None:
    mover_holes.holes_on_both_sides(mover, local, remote)


@clause("process_vm_writev:partial:local-fresh")
@mover_holes.FRESH
def test_local_memory_never_touched_is_zeros(mover: Mover, remote: Memory, at: int) -> None:
    mover_holes.local_never_touched(mover, remote, at)
