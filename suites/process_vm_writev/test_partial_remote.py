"""process_vm_writev: remote memory that ends, or cannot be written."""

import re
from errno import EFAULT

from fixtures.cases import clause, needs, table
from fixtures.files import new_file
from fixtures.memory import OUTSIDE, UNWRITABLE, BadMemory
from helpers.abi import constants as c
from helpers.child import Child
from helpers.memory import Memory, Piece, Span, unchanged
from helpers.outcome import Err, Ok
from suites.shared import holes, mover_holes, transfers
from suites.shared.files import memfd, text_of
from suites.shared.mappings import SEED, secret
from suites.shared.mover import Mover
from suites.shared.observing import area
from suites.shared.reach import Body, Scene

pytestmark = needs("process_vm_writev", "foreign-memory")

PROMISES = holes.Promises(
    inside="partial:remote-inside-segment",
    segment="partial:remote-bad-segment",
    nothing="errors:efault-remote",
)


def exec_only(child: Child, length: int) -> Span:
    """Memory that can only be executed, present."""
    memory = child.memory(length, seed=SEED)
    child.must.mprotect(memory, memory.length, c.PROT_EXEC)
    return memory[:]


@holes.cases(
    "process_vm_writev", PROMISES, (*UNWRITABLE, *OUTSIDE, BadMemory("exec-only", exec_only))
)
def test_memory_that_cannot_be_written_ends_the_transfer(scene: Scene, body: Body) -> None:
    body(scene)


@clause("process_vm_writev:safety:read-only-stays")
@table("prot", ("read", c.PROT_READ), ("read-execute", c.PROT_READ | c.PROT_EXEC))
@table("flags", ("private", c.MAP_PRIVATE), ("shared", c.MAP_SHARED))
@table("touched", ("touched", True), ("untouched", False))
def test_a_read_only_mapping_of_a_file_stays_as_it_is(
    mover: Mover, local: Memory, prot: int, flags: int, touched: bool
) -> None:
    """Who may trace the target may still not write where the target cannot."""
    file = memfd(mover.target, mover.target.page_size)
    fd = mover.target.must.openat(c.AT_FDCWD, f"/proc/self/fd/{file.fd}", c.O_RDONLY, 0)
    memory = mover.target.pages(1, flags=flags, prot=prot, fd=fd)
    remote = Memory(memory.address, memory.length, child=mover.target, seed=file.data.seed)
    if touched:
        remote.unchanged()
    assert mover([local[:16]], [remote[:16]]) == Err(EFAULT)
    remote.unchanged()
    file.holds(file.part(0, remote.length))


@clause("process_vm_writev:safety:read-only-stays")
@table("flags", ("private", c.MAP_PRIVATE), ("shared", c.MAP_SHARED))
def test_memory_that_was_writable_before_stays_as_it_is(
    mover: Mover, local: Memory, flags: int
) -> None:
    remote = mover.target.pages(1, seed=2, flags=flags | c.MAP_ANONYMOUS)
    assert mover([local[:16]], [remote[:16]]) == Ok(16)
    mover.target.must.mprotect(remote, remote.length, c.PROT_READ)
    assert mover([local[16:32]], [remote[:16]]) == Err(EFAULT)
    mover.moved(local, [local[:16]], remote, [remote[:16]])


@clause("process_vm_writev:safety:read-only-stays")
@table("name", ("vdso", "[vdso]"), ("vvar", "[vvar]"), ("vsyscall", "[vsyscall]"))
def test_pages_that_the_kernel_maps_stay_as_they_are(
    mover: Mover, local: Memory, name: str
) -> None:
    """Touched or not."""
    place = area(mover.target, name) or Span(0, 64)
    before = mover.target.peek(place.address, 64) if name == "[vdso]" else b""
    assert mover([local[:16]], [place[:16]]) == Err(EFAULT)
    if before:
        assert mover.target.peek(place.address, 64) == before


@clause("process_vm_writev:safety:read-only-stays")
def test_the_text_of_the_target_stays_as_it_is(mover: Mover, local: Memory) -> None:
    """The code that handles its signals, which both have from the same file."""
    code = mover.target.facts.handler
    maps = re.findall(
        r"^([0-9a-f]+)-([0-9a-f]+) (\S+)", text_of(mover.target, "/proc/self/maps"), re.M
    )
    rights = [r for start, end, r in maps if int(start, 16) <= code < int(end, 16)]
    assert rights == ["r-xp"]
    before = mover.target.peek(code, 16)
    assert mover([local[:16]], [Span(code, 16)]) == Err(EFAULT)
    assert mover.target.peek(code, 16) == before
    assert mover.caller.peek(mover.caller.facts.handler, 16) == before


@clause("process_vm_writev:errors:efault-remote")
@needs("memfd_secret")
def test_secret_memory_is_efault(mover: Mover, local: Memory) -> None:
    hidden = secret(mover.target)
    mover.target.fill(hidden.address, hidden.length, seed=2)
    assert mover([local], [hidden]) == Err(EFAULT)
    mover.target.compare(hidden.address, [Piece(hidden.length, 2)])


@clause("process_vm_writev:memory:key-of-the-target")
@needs("protection-keys")
@transfers.WHOSE
@transfers.KEYS
def test_protection_keys_of_remote_memory_do_not_count(
    mover: Mover, local: Memory, remote: Memory, own: bool, rights: int
) -> None:
    transfers.memory_with_a_key(mover, local, remote, own, rights)


@clause("process_vm_writev:memory:end-of-file")
@table("flags", ("shared", c.MAP_SHARED), ("private", c.MAP_PRIVATE))
def test_a_mapping_is_written_up_to_the_last_page_of_its_file(
    mover: Mover, directory: str, flags: int
) -> None:
    """What lies behind the file's end in its last page is memory, but no part of the file."""
    page = mover.target.page_size
    fd = new_file(mover.target, f"{directory}/short", SEED, page + 100)
    remote = mover.target.pages(4, flags=flags, fd=fd)
    local = mover.caller.pages(4, seed=1)
    assert mover([local], [remote[page:]]) == Ok(page)
    assert mover([local], [remote[2 * page :]]) == Err(EFAULT)
    mover.target.compare(remote.address, [Piece(page, SEED), local.piece(local[:page])])
    content = mover.target.memory(page + 200, seed=98)
    assert mover.target.pread64(fd, content, page + 200, 0) == Ok(page + 100)
    written = local.piece(local[:100]) if flags == c.MAP_SHARED else Piece(100, SEED, page)
    content.holds([Piece(page, SEED), written])


@clause("process_vm_writev:partial:remote-bad-segment")
def test_a_page_that_cannot_be_written_among_others(mover: Mover) -> None:
    """What is before it is written to the last byte, what is behind it to none."""
    page = mover.target.page_size
    local, remote = mover.caller.pages(3, seed=1), mover.target.pages(3, seed=2)
    mover.target.must.mprotect(remote[page:], page, c.PROT_READ)
    far = [remote[9:30], remote[page - 7 : page + 7], remote[2 * page : 2 * page + 40]]
    assert mover([local], far) == Ok(28)
    mover.moved(local, [local], remote, [far[0], far[1][:7]])


@clause("process_vm_writev:partial:remote-bad-segment")
def test_bytes_behind_the_last_that_is_offered_may_be_unwritable(
    mover: Mover, local: Memory, remote: Memory
) -> None:
    mover_holes.remote_hole_behind_the_last(mover, local, remote)


@clause("process_vm_writev:partial:remote-bad-segment")
def test_hole_may_be_anywhere_between_segments(mover: Mover, local: Memory, remote: Memory) -> None:
    mover_holes.hole_between_remote_segments(mover, local, remote)


@clause("process_vm_writev:errors:efault-remote")
def test_one_page_before_a_mapping_is_efault(mover: Mover, local: Memory, remote: Memory) -> None:
    """Writing towards a mapping from a hole before it moves nothing, not even its part."""
    before = Span(remote.address - 8, 24)
    assert mover([local[:24]], [before]) == Err(EFAULT)
    unchanged(local, remote)
