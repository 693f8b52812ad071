"""process_vm_writev: what kinds of memory can be written, and who sees it."""

from collections.abc import Callable
from errno import EFAULT

from fixtures.cases import clause, needs, table
from helpers.abi import constants as c
from helpers.child import NO_FILE, Child
from helpers.memory import Memory, Piece
from helpers.outcome import Err, Ok
from suites.shared.files import disk_file, memfd
from suites.shared.mappings import READ_WRITE, given_back, never_touched, of_memfd, private, shared
from suites.shared.mover import Mover
from suites.shared.smaps import of_mapping

pytestmark = needs("process_vm_writev", "foreign-memory")

WRITABLE = (
    ("private", private),
    ("shared", shared),
    ("memfd-shared", of_memfd(c.MAP_SHARED, READ_WRITE)),
    ("memfd-private", of_memfd(c.MAP_PRIVATE, READ_WRITE)),
    ("executable", of_memfd(c.MAP_PRIVATE, READ_WRITE | c.PROT_EXEC)),
    ("never-touched", never_touched),
    ("given-back", given_back),
)


@clause("process_vm_writev:memory:writable")
@table("make", *WRITABLE)
@table("looked_at", ("looked-at", True), ("not-looked-at", False))
def test_memory_that_the_target_may_write_is_written(
    mover: Mover, make: Callable[[Child], Memory], looked_at: bool
) -> None:
    """Its pages are there, or not yet; the bytes go across their border."""
    remote = make(mover.target)
    local = mover.caller.pages(2, seed=1)
    if looked_at:
        remote.unchanged()
    page = mover.target.page_size
    near, far = local[3:303], remote[page - 100 : page + 200]
    assert mover([near], [far]) == Ok(300)
    mover.moved(local, [near], remote, [far])


@clause("process_vm_writev:memory:write-only")
@table("touched", ("touched", True), ("untouched", False))
def test_memory_that_can_only_be_written_is_written(
    mover: Mover, local: Memory, touched: bool
) -> None:
    remote = mover.target.pages(1, seed=2 if touched else None)
    mover.target.must.mprotect(remote, remote.length, c.PROT_WRITE)
    assert mover([local[:16]], [remote[5:21]]) == Ok(16)
    mover.target.must.mprotect(remote, remote.length, READ_WRITE)
    mover.moved(local, [local[:16]], remote, [remote[5:21]])


@clause("process_vm_writev:memory:shared-is-written-through")
@table("kind", ("memfd", "memfd"), ("disk-file", "disk"))
@table("touched", ("touched", True), ("untouched", False))
def test_a_shared_mapping_writes_to_its_file(
    mover: Mover, local: Memory, directory: str, kind: str, touched: bool
) -> None:
    target, page = mover.target, mover.target.page_size
    file = memfd(target, 2 * page) if kind == "memfd" else disk_file(target, directory, 2 * page)
    remote = target.pages(2, flags=c.MAP_SHARED, fd=file.fd)
    other = target.pages(2, flags=c.MAP_SHARED, prot=c.PROT_READ, fd=file.fd)
    if touched:
        target.peek(remote.address, 1)
    assert mover([local[:50]], [remote[page - 20 : page + 30]]) == Ok(50)
    now = [file.part(0, page - 20), local.piece(local[:50]), file.part(page + 30, 2 * page)]
    file.holds(*now)
    target.compare(other.address, now)


@clause("process_vm_writev:memory:private-is-copied")
@table("kind", ("memfd", "memfd"), ("disk-file", "disk"))
@table("touched", ("touched", True), ("untouched", False))
def test_a_private_mapping_leaves_its_file_alone(
    mover: Mover, local: Memory, directory: str, kind: str, touched: bool
) -> None:
    target, page = mover.target, mover.target.page_size
    file = memfd(target, 2 * page) if kind == "memfd" else disk_file(target, directory, 2 * page)
    remote = target.pages(2, flags=c.MAP_PRIVATE, fd=file.fd)
    other = target.pages(2, flags=c.MAP_PRIVATE, prot=c.PROT_READ, fd=file.fd)
    if touched:
        target.compare(remote.address, [file.part(0, 2 * page)])
    assert mover([local[:50]], [remote[page - 20 : page + 30]]) == Ok(50)
    now = [file.part(0, page - 20), local.piece(local[:50]), file.part(page + 30, 2 * page)]
    target.compare(remote.address, now)
    target.compare(other.address, [file.part(0, 2 * page)])
    file.holds(file.part(0, 2 * page))


@clause("process_vm_writev:memory:private-is-copied")
def test_a_copy_of_the_target_no_longer_follows_the_file(mover: Mover, local: Memory) -> None:
    target, page = mover.target, mover.target.page_size
    file = memfd(target, page)
    remote = target.pages(1, flags=c.MAP_PRIVATE, fd=file.fd)
    assert mover([local[:8]], [remote[:8]]) == Ok(8)
    new = target.pages(1, seed=3)
    target.must.pwrite64(file.fd, new, page, 0)
    target.compare(remote.address, [local.piece(local[:8]), file.part(8, page)])


@clause("process_vm_writev:memory:sealed")
def test_a_private_mapping_of_a_sealed_file_is_written(mover: Mover, local: Memory) -> None:
    target, page = mover.target, mover.target.page_size
    file = memfd(target, page)
    target.must.fcntl(file.fd, c.F_ADD_SEALS, c.F_SEAL_WRITE)
    remote = target.pages(1, flags=c.MAP_PRIVATE, fd=file.fd)
    assert mover([local[:8]], [remote[:8]]) == Ok(8)
    target.compare(remote.address, [local.piece(local[:8]), file.part(8, page)])
    file.holds(file.part(0, page))


@clause("process_vm_writev:memory:sealed")
@table("seal", ("write", c.F_SEAL_WRITE), ("future-write", c.F_SEAL_FUTURE_WRITE))
def test_a_shared_mapping_of_a_sealed_file_is_efault(
    mover: Mover, local: Memory, seal: int
) -> None:
    target, page = mover.target, mover.target.page_size
    file = memfd(target, page)
    target.must.fcntl(file.fd, c.F_ADD_SEALS, seal)
    # it can be mapped, but not to be written: fcntl(2), F_SEAL_WRITE
    remote = target.pages(1, flags=c.MAP_SHARED, prot=c.PROT_READ, fd=file.fd)
    assert mover([local[:8]], [remote[:8]]) == Err(EFAULT)
    file.holds(file.part(0, page))


@clause("process_vm_writev:memory:sealed")
def test_a_mapping_older_than_a_seal_for_later_ones_is_written_through(
    mover: Mover, local: Memory
) -> None:
    target, page = mover.target, mover.target.page_size
    file = memfd(target, page)
    remote = target.pages(1, flags=c.MAP_SHARED, fd=file.fd)
    target.must.fcntl(file.fd, c.F_ADD_SEALS, c.F_SEAL_FUTURE_WRITE)
    assert mover([local[:8]], [remote[:8]]) == Ok(8)
    file.holds(local.piece(local[:8]), file.part(8, page))


@clause("process_vm_writev:memory:made-dirty")
@table("flags", ("shared", c.MAP_SHARED), ("private", c.MAP_PRIVATE))
def test_a_clean_page_becomes_dirty(mover: Mover, local: Memory, flags: int) -> None:
    """Or it would be given up as unchanged, and the bytes with it."""
    target, page = mover.target, mover.target.page_size
    fd = target.must.memfd_create("clean", 0)
    target.must.ftruncate(fd, page)
    remote = target.pages(1, flags=flags, fd=fd)
    # a page that was never written is mapped clean
    target.peek(remote.address, 1)
    assert of_mapping(target, remote, "Private_Dirty") == 0
    assert mover([local[:8]], [remote[:8]]) == Ok(8)
    assert of_mapping(target, remote, "Private_Dirty") == page // 1024
    mover.moved(local, [local[:8]], remote, [remote[:8]])


@clause("process_vm_writev:memory:zero-page")
def test_memory_that_was_only_read_gets_a_page_of_its_own(mover: Mover, local: Memory) -> None:
    """All memory that was only read is one page of zeros, which everybody has."""
    target = mover.target
    remote, other = target.pages(1), target.pages(1)
    foreign = mover.caller.pages(1)
    for memory in (remote, other, foreign):
        memory.unchanged()
    assert mover([local[:64]], [remote[100:164]]) == Ok(64)
    mover.moved(local, [local[:64]], remote, [remote[100:164]])
    other.unchanged()
    foreign.unchanged()
    target.pages(1).unchanged()


@clause("process_vm_writev:memory:zero-page")
def test_a_hole_of_a_shared_file_gets_a_page(mover: Mover, local: Memory) -> None:
    target, page = mover.target, mover.target.page_size
    fd = target.must.memfd_create("sparse", 0)
    target.must.ftruncate(fd, 3 * page)
    remote = target.pages(3, flags=c.MAP_SHARED, fd=fd)
    assert mover([local[:64]], [remote[page + 5 : page + 69]]) == Ok(64)
    mover.moved(local, [local[:64]], remote, [remote[page + 5 : page + 69]])


@clause("process_vm_writev:memory:as-target-sees")
def test_memory_given_back_later_is_zeros(mover: Mover, local: Memory, remote: Memory) -> None:
    """The bytes are in the page, and go with it."""
    assert mover([local[:64]], [remote[:64]]) == Ok(64)
    mover.target.must.madvise(remote, remote.length, c.MADV_DONTNEED)
    mover.target.compare(remote.address, [Piece(remote.length, None)])


@clause("process_vm_writev:memory:as-target-sees")
def test_memory_mapped_anew_is_what_is_written(mover: Mover, local: Memory, remote: Memory) -> None:
    assert mover([local[:16]], [remote[:16]]) == Ok(16)
    fixed = c.MAP_PRIVATE | c.MAP_ANONYMOUS | c.MAP_FIXED
    mover.target.must.mmap(remote.address, remote.length, READ_WRITE, fixed, NO_FILE, 0)
    new = Memory(remote.address, remote.length, child=mover.target)
    assert mover([local[16:32]], [new[8:24]]) == Ok(16)
    mover.moved(local, [local[16:32]], new, [new[8:24]])


@clause("process_vm_writev:memory:as-target-sees")
def test_bytes_that_arrived_do_not_follow_later_writes(
    mover: Mover, local: Memory, remote: Memory
) -> None:
    assert mover([local], [remote]) == Ok(local.length)
    local.fill(3)
    mover.target.compare(remote.address, [Piece(remote.length, local.seed)])
