"""process_vm_readv: local memory that ends, or cannot be written."""

from errno import EFAULT

from fixtures.cases import clause, needs, table
from fixtures.vectors import readv, scattered
from helpers.abi.constants import PROT_EXEC, PROT_NONE, PROT_READ
from helpers.memory import Span, cut, unchanged
from helpers.outcome import Err, Ok

pytestmark = [needs("process_vm_readv", "foreign-memory")]


@clause("process_vm_readv:partial:local-bytes")
@table(
    "remote_at, pages, more, beyond",
    ("one-byte", 5, 0, 1, 1),
    ("page-minus-1", 0, 1, -1, 1),
    ("page", 0, 1, 0, 1),
    ("page-from-an-odd-place", 5, 1, 0, 1),
    ("page-plus-1", 0, 1, 1, 1),
    ("page-plus-1-and-far-beyond", 5, 1, 1, 100_000),
    ("16-pages", 0, 16, 0, 65536),
    ("17-pages-minus-1", 5, 17, -1, 65536),
)
def test_segment_that_runs_into_a_hole_is_filled_up_to_it(
    caller, target, remote_at, pages, more, beyond
):
    moved = pages * caller.page_size + more
    local = caller.pages(pages + 1, seed=1)
    remote = target.memory(remote_at + moved + beyond, seed=2)
    into = Span(local.end - moved, moved + beyond)
    assert readv(caller, target.pid, [into], [remote[remote_at:]]) == Ok(moved)
    local.received([into], [remote.piece(remote[remote_at : remote_at + moved])])
    remote.unchanged()


@clause("process_vm_readv:errors:efault-local")
@clause("process_vm_readv:partial:local-bad-segment")
@table(
    "position, expected",
    ("first", 0, Err(EFAULT)),
    ("second", 1, Ok(10)),
    ("third", 2, Ok(20)),
    ("last", 3, Ok(30)),
)
def test_bad_segment_ends_the_transfer_and_later_ones_are_not_filled(
    caller, target, local, remote, position, expected
):
    into = scattered(local, [10, 10, 10, 10])
    into[position] = Span(local.end, 10)
    assert readv(caller, target.pid, into, [remote[:40]]) == expected
    local.received(into[:position], cut([remote.piece(remote)], 0, 10 * position))
    remote.unchanged()


def unmapped(caller):
    return Span(caller.pages(1).end, 16)


def protected(prot):
    def make(caller):
        memory = caller.pages(1, seed=3)
        caller.must.mprotect(memory, memory.length, prot)
        return memory[:16]

    return make


@clause("process_vm_readv:partial:local-bad-segment")
@clause("process_vm_readv:errors:efault-local")
@table(
    "make",
    ("unmapped", unmapped),
    ("null", lambda caller: Span(0, 16)),
    ("prot-none", protected(PROT_NONE)),
    ("read-only", protected(PROT_READ)),
    ("read-and-execute", protected(PROT_READ | PROT_EXEC)),
)
def test_unwritable_memory_ends_the_transfer(caller, target, local, remote, make):
    bad = make(caller)
    assert readv(caller, target.pid, [bad, local[:16]], [remote[:32]]) == Err(EFAULT)
    unchanged(local, remote)
    into = [local[5:8], bad, local[16:32]]
    assert readv(caller, target.pid, into, [remote[:35]]) == Ok(3)
    local.received([local[5:8]], [remote.piece(remote[:3])])


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
