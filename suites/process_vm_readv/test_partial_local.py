"""process_vm_readv: local memory that ends, or cannot be written."""

from errno import EFAULT

from fixtures.cases import clause, needs, table
from fixtures.memory import UNWRITABLE
from fixtures.vectors import readv
from helpers.abi.constants import PROT_READ
from helpers.memory import Span, unchanged
from helpers.outcome import Err, Ok
from suites.shared import holes

pytestmark = [needs("process_vm_readv", "foreign-memory")]

PROMISES = holes.Promises(
    inside="partial:local-bytes",
    segment="partial:local-bad-segment",
    nothing="errors:efault-local",
)


@holes.cases("process_vm_readv", PROMISES, UNWRITABLE)
def test_memory_that_cannot_be_written_ends_the_transfer(local_scene, body):
    body(local_scene)


@clause("process_vm_readv:errors:efault-local")
def test_read_only_memory_keeps_its_bytes(caller, target, remote):
    local = caller.pages(1, seed=1)
    caller.must.mprotect(local, local.length, PROT_READ)
    assert readv(caller, target.pid, [local[:16]], [remote[:16]]) == Err(EFAULT)
    unchanged(local, remote)


@clause("process_vm_readv:partial:local-bytes")
def test_bytes_behind_the_last_that_is_offered_may_be_unwritable(caller, target, local, remote):
    into = Span(local.end - 20, 4 * caller.page_size)
    assert readv(caller, target.pid, [into], [remote[:20]]) == Ok(20)
    local.received([Span(into.address, 20)], [remote.piece(remote[:20])])


@clause("process_vm_readv:partial:nearer-fault")
@table("room, offered, moved", ("local-nearer", 10, 20, 10), ("remote-nearer", 20, 10, 10))
def test_nearer_of_two_holes_ends_the_transfer(caller, target, local, remote, room, offered, moved):
    into, source = Span(local.end - room, 100), Span(remote.end - offered, 100)
    assert readv(caller, target.pid, [into], [source]) == Ok(moved)
    local.received([into], [remote.piece(Span(source.address, moved))])


@clause("process_vm_readv:errors:efault-local")
@clause("process_vm_readv:errors:efault-remote")
def test_holes_on_both_sides_are_efault(caller, target, local, remote):
    into, source = Span(local.end, 16), Span(remote.end, 16)
    assert readv(caller, target.pid, [into], [source]) == Err(EFAULT)
    unchanged(local, remote)


@clause("process_vm_readv:partial:local-fresh")
@table("at", ("aligned", 0), ("odd", 5))
def test_local_memory_never_touched_is_filled(caller, target, remote, at):
    local = caller.pages(1)
    assert readv(caller, target.pid, [local[at : at + 64]], [remote[:64]]) == Ok(64)
    local.received([local[at:]], [remote.piece(remote[:64])])
