"""Huge pages, and memory that the kernel itself maps."""

import re

from fixtures.cases import clause, needs, table
from fixtures.pipes import Pipe
from helpers.abi import constants as c
from helpers.child import Child
from helpers.memory import Memory
from helpers.outcome import Ok
from suites.shared.files import text_of
from suites.shared.hugepages import TRANSPARENT, meminfo, pool

pytestmark = needs("vmsplice")


def unaligned(memory: Memory, page: int) -> tuple[int, int]:
    """From the middle of its third page to the middle of its sixth: four slots."""
    return 2 * page + page // 2, 5 * page + page // 2


@clause("vmsplice:memory:huge")
@needs("transparent-huge-pages")
@table("touched", ("touched", True), ("untouched", False))
def test_parts_of_a_transparent_huge_page_are_sent(
    caller: Child, pipe: Pipe, touched: bool
) -> None:
    page, huge = caller.page_size, TRANSPARENT
    memory = caller.memory(huge, align=huge)
    caller.must.madvise(memory, huge, c.MADV_HUGEPAGE)
    start, stop = unaligned(memory, page)
    if touched:
        memory.fill(1, memory[: 8 * page])
        memory = Memory(memory.address, 8 * page, child=caller, seed=1)
    assert caller.vmsplice(pipe.write, [memory[start:stop]], 1, 0) == Ok(3 * page)
    pipe.holds(memory.piece(memory[start:stop]))
    assert caller.vmsplice(pipe.write, [memory[start:stop]], 1, 0) == Ok(3 * page)
    assert pipe.free_slots() == pipe.slots - 4


@clause("vmsplice:memory:huge")
@needs("root", "disposable", "config:CONFIG_HUGETLBFS")
def test_a_huge_page_is_in_use_until_it_is_read(caller: Child, pipe: Pipe) -> None:
    page = caller.page_size
    with pool(caller, 2) as huge:
        free = meminfo(caller, "HugePages_Free")
        flags = c.MAP_PRIVATE | c.MAP_ANONYMOUS | c.MAP_HUGETLB
        memory = caller.memory(huge, flags=flags, align=huge)
        memory.fill(1, memory[: 8 * page])
        filled = Memory(memory.address, 8 * page, child=caller, seed=1)
        start, stop = unaligned(memory, page)
        assert caller.vmsplice(pipe.write, [memory[start:stop]], 1, 0) == Ok(3 * page)
        caller.must.munmap(memory, huge)
        assert meminfo(caller, "HugePages_Free") == free - 1
        pipe.holds(filled.piece(filled[start:stop]))
        assert meminfo(caller, "HugePages_Free") == free


@clause("vmsplice:memory:vdso")
def test_the_code_that_the_kernel_maps_is_sent(caller: Child, pipe: Pipe) -> None:
    found = re.search(r"^([0-9a-f]+)-\S+ .*\[vdso\]$", text_of(caller, "/proc/self/maps"), re.M)
    assert found, "there is no [vdso] in /proc/self/maps"
    address = int(found[1], 16)
    assert caller.vmsplice(pipe.write, [(address, 64)], 1, 0) == Ok(64)
    got = caller.memory(64)
    assert caller.read(pipe.read, got, 64) == Ok(64)
    assert got.read() == caller.peek(address, 64)
