"""Huge pages: transparent ones, and those of the pool that the system sets aside."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from helpers.abi import constants as c
from helpers.child import Child
from helpers.errors import SetupError
from helpers.memory import Memory
from suites.shared.files import text_of
from suites.shared.smaps import of_mapping

#: Of a transparent huge page, on the architectures that have them by default.
TRANSPARENT = 1 << 21


def meminfo(child: Child, name: str) -> int:
    """A line of /proc/meminfo: a count, or kilobytes."""
    found = re.search(rf"^{name}:\s+(\d+)", text_of(child, "/proc/meminfo"), re.MULTILINE)
    assert found, f"/proc/meminfo has no {name}"
    return int(found[1])


@contextmanager
def pool(child: Child, pages: int) -> Iterator[int]:
    """A pool of so many huge pages for a block; gives the size of one."""
    size = 1024 * meminfo(child, "Hugepagesize")
    fd = child.must.openat(c.AT_FDCWD, "/proc/sys/vm/nr_hugepages", c.O_RDWR, 0)
    child.must.pwrite64(fd, str(pages).encode(), 1, 0)
    try:
        yield size
    finally:
        child.must.pwrite64(fd, b"0", 1, 0)


def transparent(child: Child, pages: int, seed: int) -> Memory:
    """The first pages of a transparent huge page; the case asks for the fixture huge_pages.

    Raises:
        SetupError: the kernel gave small pages.
    """
    whole = child.memory(TRANSPARENT, align=TRANSPARENT)
    child.must.madvise(whole, TRANSPARENT, c.MADV_HUGEPAGE)
    part = Memory(whole.address, pages * child.page_size, child=child, seed=seed)
    part.fill(seed)
    if of_mapping(child, whole, "AnonHugePages") != TRANSPARENT // 1024:
        raise SetupError("memory that asked for a huge page got small ones")
    return part
