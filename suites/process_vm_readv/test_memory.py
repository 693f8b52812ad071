"""process_vm_readv: what kinds of memory can be read, and what is seen of them."""

import re
from errno import EFAULT

from fixtures.cases import clause, needs, table
from fixtures.files import new_file
from fixtures.vectors import readv
from helpers.abi.constants import (
    MADV_DONTNEED,
    MAP_PRIVATE,
    MAP_SHARED,
    PROT_EXEC,
    PROT_READ,
    PROT_WRITE,
)
from helpers.memory import Piece, Span, unchanged
from helpers.outcome import Err, Ok
from suites.shared.files import text_of
from suites.shared.observing import area

pytestmark = [needs("process_vm_readv", "foreign-memory")]

FILE_SEED = 5
#: Where it is on x86_64, if there is one: arch/x86/include/uapi/asm/vsyscall.h.
VSYSCALL = 0xFFFF_FFFF_FF60_0000


@clause("process_vm_readv:memory:never-touched")
def test_memory_never_touched_is_zeros(caller, target, local):
    remote = target.pages(1)
    assert readv(caller, target.pid, [local[:64]], [remote[100:164]]) == Ok(64)
    local.received([local[:64]], [Piece(64, seed=None)])


@clause("process_vm_readv:memory:never-touched")
def test_memory_read_before_its_first_write_is_the_targets_own(caller, target, local):
    remote = target.pages(1)
    assert readv(caller, target.pid, [local[:8]], [remote[:8]]) == Ok(8)
    target.fill(remote.address, 8, seed=2)
    assert readv(caller, target.pid, [local[8:16]], [remote[:8]]) == Ok(8)
    local.received([local[:16]], [Piece(8, seed=None), Piece(8, seed=2)])


@clause("process_vm_readv:memory:readable")
@table(
    "prot",
    ("read", PROT_READ),
    ("read-write", PROT_READ | PROT_WRITE),
    ("read-execute", PROT_READ | PROT_EXEC),
)
def test_anonymous_memory_that_the_target_may_read_is_read(caller, target, local, remote, prot):
    target.queued.mprotect(remote, remote.length, prot)
    assert readv(caller, target.pid, [local[:64]], [remote[5:69]]) == Ok(64)
    local.received([local[:64]], [remote.piece(remote[5:69])])


@clause("process_vm_readv:memory:readable")
@table(
    "flags, prot",
    ("private-read", MAP_PRIVATE, PROT_READ),
    ("private-read-write", MAP_PRIVATE, PROT_READ | PROT_WRITE),
    ("shared-read", MAP_SHARED, PROT_READ),
    ("shared-read-write", MAP_SHARED, PROT_READ | PROT_WRITE),
)
def test_mapped_file_is_read(caller, target, local, directory, flags, prot):
    fd = new_file(target, f"{directory}/data", FILE_SEED, 200)
    remote = target.pages(1, flags=flags, prot=prot, fd=fd)
    assert readv(caller, target.pid, [local], [remote[50:210]]) == Ok(160)
    # what lies behind the end of the file in its last page is zeros
    local.received([local], [Piece(150, FILE_SEED, 50), Piece(10, seed=None)])


@clause("process_vm_readv:memory:readable")
@needs("memfd_create")
@table("flags", ("private", MAP_PRIVATE), ("shared", MAP_SHARED))
def test_mapped_memfd_is_read(caller, target, local, flags):
    fd = target.must.memfd_create("data", 0)
    target.must.ftruncate(fd, target.page_size)
    remote = target.pages(1, seed=2, flags=flags, fd=fd)
    assert readv(caller, target.pid, [local[:64]], [remote[5:69]]) == Ok(64)
    local.received([local[:64]], [remote.piece(remote[5:69])])


@clause("process_vm_readv:memory:as-target-sees")
@needs("memfd_create")
def test_private_copy_of_the_target_is_what_is_read(caller, target, local):
    fd = target.must.memfd_create("data", 0)
    target.must.ftruncate(fd, target.page_size)
    shared = target.pages(1, seed=2, flags=MAP_SHARED, fd=fd)
    private = target.pages(1, flags=MAP_PRIVATE, fd=fd)
    target.fill(private.address + 8, 8, seed=3)
    assert readv(caller, target.pid, [local[:24]], [private[:24]]) == Ok(24)
    local.received([local[:24]], [Piece(8, seed=2), Piece(8, seed=3), shared.piece(shared[16:24])])
    unchanged(shared)


@clause("process_vm_readv:memory:as-target-sees")
def test_write_of_a_relative_to_memory_once_common_is_not_seen(caller, target, local, remote):
    relative = target.fork("relative")
    relative.fill(remote.address, 64, seed=3)
    assert readv(caller, target.pid, [local[:64]], [remote[:64]]) == Ok(64)
    local.received([local[:64]], [remote.piece(remote[:64])])


@clause("process_vm_readv:memory:as-target-sees")
def test_memory_that_was_discarded_is_zeros(caller, target, local, remote):
    target.queued.madvise(remote, remote.length, MADV_DONTNEED)
    assert readv(caller, target.pid, [local[:64]], [remote[:64]]) == Ok(64)
    local.received([local[:64]], [Piece(64, seed=None)])


@clause("process_vm_readv:memory:as-target-sees")
def test_bytes_that_arrived_do_not_follow_later_writes(caller, target, local, remote):
    assert readv(caller, target.pid, [local], [remote]) == Ok(local.length)
    target.fill(remote.address, remote.length, seed=3)
    local.received([local], [remote.piece(remote)])


@clause("process_vm_readv:memory:of-the-kernel")
def test_the_code_that_the_kernel_maps_is_read(caller, target, local):
    vdso = area(target, "[vdso]")
    assert vdso is not None
    assert readv(caller, target.pid, [local[5:69]], [vdso[:64]]) == Ok(64)
    assert caller.peek(local.address + 5, 64) == target.peek(vdso.address, 64)


@clause("process_vm_readv:memory:of-the-kernel")
@table("of", ("target", "target"), ("own", "caller"))
def test_the_vsyscall_page_that_cannot_be_read_is_efault(caller, target, local, of):
    owner = target if of == "target" else caller
    # "r-xp" if the kernel was told to let it be read: vsyscall=emulate
    readable = re.search(r" r-xp .*\[vsyscall\]", text_of(owner, "/proc/self/maps"))
    answer = readv(caller, owner.pid, [local[:8]], [Span(VSYSCALL, 8)])
    assert answer == (Ok(8) if readable else Err(EFAULT))
