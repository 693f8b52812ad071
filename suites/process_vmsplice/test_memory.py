"""process_vmsplice: what memory of the target can be sent, and what cannot."""

import re
from errno import EFAULT

import pytest

from fixtures.cases import clause, needs, table
from fixtures.files import new_file
from fixtures.memory import UNREADABLE
from helpers.abi import constants as c
from helpers.memory import Memory, Piece
from helpers.outcome import Err, Ok
from suites.process_vmsplice.calls import send
from suites.shared.files import text_of
from suites.shared.mappings import (
    POISONS,
    READABLE,
    beyond_the_end,
    guarded,
    locked_by_key,
    poison,
    poisoned,
    secret,
    user_faults_only,
)

pytestmark = needs("process_vmsplice", "foreign-memory")

GIFT = c.SPLICE_F_GIFT


@pytest.mark.parametrize("kind", UNREADABLE, ids=lambda kind: kind.name)
@clause("process_vmsplice:errors:efault")
@table("flags", ("plain", 0), ("nonblock", c.SPLICE_F_NONBLOCK))
def test_memory_that_cannot_be_read_is_efault(caller, target, pipe, remote, kind, flags):
    for length in (1, 16):
        bad = kind.make(target, length)
        assert send(caller, target.pid, pipe.write, [bad, remote[:9]], flags) == Err(EFAULT)
    pipe.holds()
    remote.unchanged()


@table(
    "make",
    ("beyond-the-end-of-a-file", beyond_the_end, clause("process_vmsplice:memory:end-of-file")),
    ("secret", secret, clause("process_vmsplice:memory:secret"), needs("memfd_secret")),
    ("guard-page", guarded, clause("process_vmsplice:memory:guard"), needs("guard-pages")),
    ("poisoned", poisoned, clause("process_vmsplice:memory:poisoned"), needs(*POISONS)),
    (
        "missing-for-user-faults-only",
        user_faults_only,
        clause("process_vmsplice:memory:user-faults-only"),
        needs("user-faults-only"),
    ),
)
@table("flags", ("plain", 0), ("gift", GIFT))
def test_special_memory_is_efault(caller, target, pipe, make, flags):
    page = caller.page_size
    good, bad = target.pages(1, seed=2), make(target)
    assert send(caller, target.pid, pipe.write, [bad], flags) == Err(EFAULT)
    pipe.holds()
    assert send(caller, target.pid, pipe.write, [good, bad, good], flags) == Ok(page)
    pipe.holds(good.piece(good[:]))


@clause("process_vmsplice:memory:poisoned")
@needs(*POISONS)
def test_a_poisoned_page_ends_the_transfer_and_nobody_is_told(caller, target, pipe):
    page = caller.page_size
    memory = target.pages(2, seed=2)
    poison(target, memory[page:])
    caller.catch(c.SIGBUS)
    told = target.caught(c.SIGBUS)
    assert send(caller, target.pid, pipe.write, [memory[page - 10 :]]) == Ok(10)
    pipe.holds(memory.piece(memory[page - 10 : page]))
    assert send(caller, target.pid, pipe.write, [memory[page:]]) == Err(EFAULT)
    assert (target.caught(c.SIGBUS), caller.caught(c.SIGBUS)) == (told, 0)


@clause("process_vmsplice:memory:readable-is-sent")
@table("make", *READABLE)
@table("flags", ("plain", 0), ("gift", GIFT))
def test_memory_that_the_target_may_read_is_sent(caller, target, pipe, make, flags):
    memory = make(target)
    part = memory[1 : memory.length - 1] if not flags else memory[:]
    assert send(caller, target.pid, pipe.write, [part], flags) == Ok(part.length)
    pipe.holds(memory.piece(part))
    memory.unchanged()


@clause("process_vmsplice:memory:readable-is-sent")
@table("prot", ("read", c.PROT_READ), ("read-execute", c.PROT_READ | c.PROT_EXEC))
def test_protection_that_lets_the_target_read_is_enough(caller, target, pipe, remote, prot):
    target.queued.mprotect(remote, remote.length, prot)
    assert send(caller, target.pid, pipe.write, [remote[5:69]]) == Ok(64)
    pipe.holds(remote.piece(remote[5:69]))


@clause("process_vmsplice:memory:readable-is-sent")
@table(
    "flags, prot",
    ("private-read", c.MAP_PRIVATE, c.PROT_READ),
    ("private-read-write", c.MAP_PRIVATE, c.PROT_READ | c.PROT_WRITE),
    ("shared-read", c.MAP_SHARED, c.PROT_READ),
    ("shared-read-write", c.MAP_SHARED, c.PROT_READ | c.PROT_WRITE),
)
def test_mapped_file_is_sent(caller, target, pipe, directory, flags, prot):
    fd = new_file(target, f"{directory}/data", 5, 200)
    memory = target.pages(1, flags=flags, prot=prot, fd=fd)
    assert send(caller, target.pid, pipe.write, [memory[50:210]]) == Ok(160)
    # what lies behind the end of the file in its last page is zeros
    pipe.holds(Piece(150, 5, 50), Piece(10, None))


@clause("process_vmsplice:memory:end-of-file")
def test_a_mapping_is_sent_up_to_the_last_page_of_its_file(caller, target, pipe):
    page = caller.page_size
    fd = target.must.memfd_create("short", 0)
    target.must.ftruncate(fd, page + 100)
    memory = target.pages(4, flags=c.MAP_SHARED, fd=fd)
    memory.fill(2, memory[: page + 100])
    assert send(caller, target.pid, pipe.write, [memory]) == Ok(2 * page)
    pipe.holds(Piece(page + 100, 2), Piece(page - 100, None))


@clause("process_vmsplice:memory:readable-is-sent")
@table("seal", ("write", c.F_SEAL_WRITE), ("shrink-and-grow", c.F_SEAL_SHRINK | c.F_SEAL_GROW))
def test_sealed_memfd_is_sent(caller, target, pipe, seal):
    page = caller.page_size
    fd = target.must.memfd_create("sealed", c.MFD_ALLOW_SEALING)
    content = target.pages(1, seed=2)
    target.must.pwrite64(fd, content, page, 0)
    target.must.fcntl(fd, c.F_ADD_SEALS, seal)
    memory = target.pages(1, flags=c.MAP_PRIVATE, prot=c.PROT_READ, fd=fd)
    assert send(caller, target.pid, pipe.write, [memory[7:]]) == Ok(page - 7)
    pipe.holds(content.piece(content[7:]))


@clause("process_vmsplice:memory:as-target-sees")
def test_private_copy_of_the_target_is_what_is_sent(caller, target, pipe):
    fd = target.must.memfd_create("data", 0)
    target.must.ftruncate(fd, target.page_size)
    shared = target.pages(1, seed=2, flags=c.MAP_SHARED, fd=fd)
    private = target.pages(1, flags=c.MAP_PRIVATE, fd=fd)
    target.fill(private.address + 8, 8, seed=3)
    assert send(caller, target.pid, pipe.write, [private[:24]]) == Ok(24)
    pipe.holds(Piece(8, 2), Piece(8, 3), shared.piece(shared[16:24]))
    shared.unchanged()


@clause("process_vmsplice:memory:as-target-sees")
def test_write_of_a_relative_to_memory_once_common_is_not_seen(caller, target, pipe, remote):
    relative = target.fork("relative")
    relative.fill(remote.address, 64, seed=3)
    assert send(caller, target.pid, pipe.write, [remote[:64]]) == Ok(64)
    pipe.holds(remote.piece(remote[:64]))


@clause("process_vmsplice:memory:key-of-target")
@needs("protection-keys")
def test_key_of_the_target_does_not_keep_others_out(caller, target, pipe):
    """A protection key is about the thread that has it: FOLL_REMOTE, mm/gup.c."""
    bad = locked_by_key(target)
    assert send(caller, target.pid, pipe.write, [bad[:9]]) == Ok(9)
    pipe.holds(Piece(9, 7))


@clause("process_vmsplice:memory:vdso")
def test_the_code_that_the_kernel_maps_is_sent(caller, target, pipe):
    found = re.search(r"^([0-9a-f]+)-\S+ .*\[vdso\]$", text_of(target, "/proc/self/maps"), re.M)
    assert found, "there is no [vdso] in /proc/self/maps"
    address = int(found[1], 16)
    assert send(caller, target.pid, pipe.write, [(address, 64)]) == Ok(64)
    got = caller.memory(64)
    assert caller.read(pipe.read, got, 64) == Ok(64)
    assert got.read() == target.peek(address, 64)


@clause("process_vmsplice:memory:huge")
@needs("transparent-huge-pages")
@table("touched", ("touched", True), ("untouched", False))
def test_parts_of_a_transparent_huge_page_are_sent(caller, target, pipe, touched):
    page, huge = caller.page_size, 1 << 21
    memory = target.memory(huge, align=huge)
    target.must.madvise(memory, huge, c.MADV_HUGEPAGE)
    if touched:
        memory.fill(1, memory[: 8 * page])
        memory = Memory(memory.address, 8 * page, child=target, seed=1)
    part = memory[2 * page + page // 2 : 5 * page + page // 2]
    assert send(caller, target.pid, pipe.write, [part]) == Ok(3 * page)
    pipe.holds(memory.piece(part))
    assert send(caller, target.pid, pipe.write, [part]) == Ok(3 * page)
    assert pipe.free_slots() == pipe.slots - 4


def meminfo(child, name):
    found = re.search(rf"^{name}:\s+(\d+)", text_of(child, "/proc/meminfo"), re.MULTILINE)
    assert found, f"/proc/meminfo has no {name}"
    return int(found[1])


@clause("process_vmsplice:memory:huge")
@needs("root", "disposable", "config:CONFIG_HUGETLBFS")
@table("end", ("read", "read"), ("pipe-closed", "close"), ("more-than-fits", "partial"))
def test_a_huge_page_is_in_use_until_the_pipe_gives_it_back(caller, target, pipe, end):
    page, huge = caller.page_size, 1024 * meminfo(target, "Hugepagesize")
    pool = target.must.openat(c.AT_FDCWD, "/proc/sys/vm/nr_hugepages", c.O_RDWR, 0)
    target.must.pwrite64(pool, b"2", 1, 0)
    free = meminfo(target, "HugePages_Free")
    memory = target.memory(huge, flags=c.MAP_PRIVATE | c.MAP_ANONYMOUS | c.MAP_HUGETLB, align=huge)
    memory.fill(1, memory[: 8 * page])
    filled = Memory(memory.address, 8 * page, child=target, seed=1)
    part = filled[page // 2 : 3 * page] if end != "partial" else memory[:]
    moved = min(part.length, pipe.capacity)
    assert send(caller, target.pid, pipe.write, [part]) == Ok(moved)
    target.must.munmap(memory, huge)
    assert meminfo(target, "HugePages_Free") == free - 1
    if end == "read":
        pipe.holds(filled.piece(part))
    else:
        pipe.close_read()
        pipe.close_write()
        caller.session.settle()
    assert meminfo(target, "HugePages_Free") == free
    target.must.pwrite64(pool, b"0", 1, 0)


@clause("process_vmsplice:memory:locked")
def test_locked_memory_is_sent(caller, target, pipe):
    flags = c.MAP_PRIVATE | c.MAP_ANONYMOUS | c.MAP_LOCKED
    memory = target.pages(2, seed=2, flags=flags)
    assert send(caller, target.pid, pipe.write, [memory]) == Ok(memory.length)
    pipe.holds(memory.piece(memory[:]))
    memory.unchanged()
