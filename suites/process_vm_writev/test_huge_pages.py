"""process_vm_writev: huge pages are written in part, and copied first where others have them."""

import pytest

from fixtures.cases import clause, needs, table
from helpers.abi import constants as c
from helpers.child import Child
from helpers.memory import Memory, Span
from helpers.outcome import Ok
from suites.shared import hugepages
from suites.shared.mover import Mover

HUGE = needs("transparent-huge-pages")

pytestmark = needs("process_vm_writev", "foreign-memory")

POOL = needs("root", "disposable", "huge-page-pool")
FLAGS = table(
    "flags",
    ("private", c.MAP_PRIVATE | c.MAP_ANONYMOUS | c.MAP_HUGETLB),
    ("shared", c.MAP_SHARED | c.MAP_ANONYMOUS | c.MAP_HUGETLB),
)


@pytest.fixture
def local(caller: Child) -> Memory:
    """More than a page of the caller."""
    return caller.pages(2, seed=1)


def middle(memory: Memory) -> Span:
    """More than a page from the middle of the third on."""
    page = memory.child.page_size
    return memory[2 * page + page // 2 : 3 * page + page // 2 + 100]


@clause("process_vm_writev:memory:huge")
@HUGE
@pytest.mark.usefixtures("huge_pages")
def test_parts_of_a_transparent_huge_page_are_written(mover: Mover, local: Memory) -> None:
    remote = hugepages.transparent(mover.target, 8, seed=2)
    part = middle(remote)
    assert mover([local], [part]) == Ok(part.length)
    mover.moved(local, [local], remote, [part])


@clause("process_vm_writev:memory:huge")
@clause("process_vm_writev:copies:cve-2020-29374")
@HUGE
@pytest.mark.usefixtures("huge_pages")
@table("into", ("parent", "parent"), ("child", "child"))
def test_a_relative_does_not_see_what_is_written_to_a_transparent_huge_page(
    mover: Mover, local: Memory, into: str
) -> None:
    memory = hugepages.transparent(mover.target, 8, seed=2)
    child = mover.target.fork("child")
    theirs = Memory(memory.address, memory.length, child=child, seed=memory.seed)
    written, kept = (theirs, memory) if into == "child" else (memory, theirs)
    part = middle(memory)
    assert mover([local], [part], pid=written.child.pid) == Ok(part.length)
    mover.moved(local, [local], written, [part])
    kept.unchanged()


@clause("process_vm_writev:memory:huge")
@HUGE
@pytest.mark.usefixtures("huge_pages")
def test_huge_memory_never_touched_is_written(mover: Mover, local: Memory) -> None:
    """A page of zeros comes first, huge or not."""
    size = hugepages.TRANSPARENT
    whole = mover.target.memory(size, align=size)
    mover.target.must.madvise(whole, size, c.MADV_HUGEPAGE)
    remote = Memory(whole.address, 8 * mover.target.page_size, child=mover.target)
    part = middle(remote)
    assert mover([local], [part]) == Ok(part.length)
    mover.moved(local, [local], remote, [part])


@POOL
@clause("process_vm_writev:memory:huge")
@FLAGS
@table("touched", ("touched", True), ("untouched", False))
def test_parts_of_a_huge_page_are_written(
    mover: Mover, local: Memory, flags: int, touched: bool
) -> None:
    target = mover.target
    with hugepages.pool(mover.caller, 2) as size:
        whole = target.memory(size, flags=flags, align=size)
        remote = Memory(whole.address, 8 * target.page_size, child=target)
        if touched:
            remote = Memory(whole.address, remote.length, child=target, seed=2)
            remote.fill(2)
        part = middle(remote)
        assert mover([local], [part]) == Ok(part.length)
        mover.moved(local, [local], remote, [part])
        target.must.munmap(whole, size)
        # the page is not held any more
        assert hugepages.meminfo(mover.caller, "HugePages_Free") == 2


@POOL
@clause("process_vm_writev:memory:huge")
@clause("process_vm_writev:copies:cve-2020-29374")
def test_a_child_does_not_see_what_is_written_to_a_huge_page(mover: Mover, local: Memory) -> None:
    """Of the two pages the second is what its copy needs."""
    target = mover.target
    flags = c.MAP_PRIVATE | c.MAP_ANONYMOUS | c.MAP_HUGETLB
    with hugepages.pool(mover.caller, 2) as size:
        whole = target.memory(size, flags=flags, align=size)
        remote = Memory(whole.address, 8 * target.page_size, child=target, seed=2)
        remote.fill(2)
        child = target.fork("child")
        theirs = Memory(remote.address, remote.length, child=child, seed=2)
        theirs.unchanged()
        part = middle(remote)
        assert mover([local], [part]) == Ok(part.length)
        mover.moved(local, [local], remote, [part])
        theirs.unchanged()
        child.must.munmap(whole, size)
        target.must.munmap(whole, size)
