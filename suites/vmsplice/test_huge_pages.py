"""Huge pages, and memory that the kernel itself maps."""

import re

import pytest

from fixtures.cases import clause, needs, table
from fixtures.pipes import Pipe
from helpers.abi import constants as c
from helpers.child import Child
from helpers.memory import Memory
from helpers.outcome import Ok
from suites.shared.files import text_of
from suites.shared.hugepages import TRANSPARENT, meminfo, pool, transparent
from suites.shared.smaps import of_mapping

HUGE = needs("transparent-huge-pages")

pytestmark = needs("vmsplice")


def unaligned(memory: Memory, page: int) -> tuple[int, int]:
    """From the middle of its third page to the middle of its sixth: four slots."""
    return 2 * page + page // 2, 5 * page + page // 2


@clause("vmsplice:memory:huge")
@HUGE
@pytest.mark.usefixtures("huge_pages")
@table("touched", ("touched", True), ("untouched", False))
def test_parts_of_a_transparent_huge_page_are_sent(
    caller: Child, pipe: Pipe, touched: bool
) -> None:
    page = caller.page_size
    if touched:
        memory = transparent(caller, 8, seed=1)
    else:
        memory = caller.memory(TRANSPARENT, align=TRANSPARENT)
        caller.must.madvise(memory, TRANSPARENT, c.MADV_HUGEPAGE)
    start, stop = unaligned(memory, page)
    assert caller.vmsplice(pipe.write, [memory[start:stop]], 1, 0) == Ok(3 * page)
    pipe.holds(memory.piece(memory[start:stop]))


@clause("vmsplice:memory:huge")
@HUGE
@needs("page-sharing")
@pytest.mark.usefixtures("huge_pages")
def test_small_pages_of_a_transparent_huge_page_take_slots(caller: Child, pipe: Pipe) -> None:
    memory = transparent(caller, 8, seed=1)
    start, stop = unaligned(memory, caller.page_size)
    assert caller.vmsplice(pipe.write, [memory[start:stop]], 1, 0) == Ok(3 * caller.page_size)
    assert pipe.free_slots() == pipe.slots - 4


@clause("vmsplice:memory:huge-stays-whole")
@HUGE
@pytest.mark.usefixtures("huge_pages")
def test_a_transparent_huge_page_is_not_split(caller: Child, pipe: Pipe) -> None:
    memory = transparent(caller, 64, seed=1)
    taken = min(pipe.slots, 64) * caller.page_size
    assert caller.vmsplice(pipe.write, [memory], 1, c.SPLICE_F_NONBLOCK) == Ok(taken)
    assert of_mapping(caller, memory, "AnonHugePages") == TRANSPARENT // 1024
    pipe.holds(memory.piece(memory[:taken]))


@clause("vmsplice:memory:huge")
@needs("root", "disposable", "huge-page-pool", "page-sharing")
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
