"""process_vm_readv: remote memory that ends, or cannot be read."""

from errno import EFAULT

from fixtures.cases import clause, needs
from fixtures.memory import UNREADABLE
from fixtures.vectors import readv
from helpers.abi.constants import MAP_SHARED
from helpers.memory import Memory, Piece, unchanged
from helpers.outcome import Err, Ok
from suites.shared import holes, mover_holes, transfers
from suites.shared.mover import Mover

pytestmark = [needs("process_vm_readv", "foreign-memory")]

PROMISES = holes.Promises(
    inside="partial:remote-inside-segment",
    segment="partial:remote-bad-segment",
    nothing="errors:efault-remote",
)


@holes.cases("process_vm_readv", PROMISES, UNREADABLE)
def test_memory_that_cannot_be_read_ends_the_transfer(scene, body):
    body(scene)


@clause("process_vm_readv:partial:remote-bad-segment")
def test_bytes_behind_the_last_that_fits_may_be_unreadable(
    mover: Mover, local: Memory, remote: Memory
) -> None:
    mover_holes.remote_hole_behind_the_last(mover, local, remote)


@clause("process_vm_readv:partial:remote-bad-segment")
def test_hole_may_be_anywhere_between_segments(mover: Mover, local: Memory, remote: Memory) -> None:
    mover_holes.hole_between_remote_segments(mover, local, remote)


@clause("process_vm_readv:errors:efault-remote")
@needs("memfd_secret")
def test_secret_memory_is_efault(caller, target, local):
    fd = target.must.memfd_secret(0)
    target.must.ftruncate(fd, target.page_size)
    secret = target.pages(1, seed=2, flags=MAP_SHARED, fd=fd)
    assert readv(caller, target.pid, [local], [secret]) == Err(EFAULT)
    unchanged(local, secret)


@clause("process_vm_readv:memory:key-of-the-target")
@needs("protection-keys")
@transfers.WHOSE
@transfers.KEYS
def test_protection_keys_of_remote_memory_do_not_count(
    mover: Mover, local: Memory, remote: Memory, own: bool, rights: int
) -> None:
    transfers.memory_with_a_key(mover, local, remote, own, rights)


@clause("process_vm_readv:memory:end-of-file")
@needs("memfd_create")
def test_mapping_beyond_the_end_of_a_file_is_read_up_to_its_last_page(caller, target):
    page = caller.page_size
    fd = target.must.memfd_create("short", 0)
    target.must.ftruncate(fd, page + 100)
    remote = target.pages(4, flags=MAP_SHARED, fd=fd)
    remote.fill(2, remote[: page + 100])
    local = caller.pages(4, seed=1)
    # the rest of the last page is zeros
    content = [Piece(page + 100, seed=2), Piece(page - 100, seed=None)]
    assert readv(caller, target.pid, [local], [remote]) == Ok(2 * page)
    local.received([local], content)
    assert readv(caller, target.pid, [local], [remote[2 * page :]]) == Err(EFAULT)
    local.received([local], content)
