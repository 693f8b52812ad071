"""Memory that is paged out: swapon(2), on a disk in memory of a disposable machine."""

from collections.abc import Iterator
from contextlib import contextmanager

from helpers.abi import constants as c
from helpers.child import Child
from helpers.memory import Memory

#: What a case needs that pages memory out.
NEEDS = ("root", "disposable", "config:CONFIG_SWAP", "config:CONFIG_COMPACTION", "ram-disk")
_DISK = "/dev/ram0"
#: Documentation/admin-guide/mm/pagemap.rst: a word for each page, and a bit in it.
_WORD, _SWAPPED = 8, 1 << 62


def _make(child: Child) -> None:
    """The header of a swap area: include/linux/swap.h, union swap_header, version 1."""
    page = child.page_size
    fd = child.must.openat(c.AT_FDCWD, _DISK, c.O_RDWR, 0)
    pages = child.must.lseek(fd, 0, c.SEEK_END) // page
    header = child.pages(1)
    words = b"".join(word.to_bytes(4, "little") for word in (1, pages - 1, 0))
    child.poke(header.address + 1024, words)
    child.poke(header.end - 10, b"SWAPSPACE2")
    child.must.pwrite64(fd, header, page, 0)
    child.queued.close(fd)


@contextmanager
def on(keeper: Child) -> Iterator[None]:
    """Pages can be paged out for as long as the block runs."""
    _make(keeper)
    keeper.must.swapon(_DISK, 0)
    try:
        yield
    finally:
        keeper.must.swapoff(_DISK)


def count(child: Child, memory: Memory) -> int:
    """How many pages of a child's memory are in swap."""
    fd = child.must.openat(c.AT_FDCWD, "/proc/self/pagemap", c.O_RDONLY, 0)
    pages = memory.length // child.page_size
    entries = child.memory(pages * _WORD)
    at = memory.address // child.page_size * _WORD
    child.must.pread64(fd, entries, pages * _WORD, at)
    child.queued.close(fd)
    raw = child.peek(entries.address, pages * _WORD)
    words = (raw[i : i + _WORD] for i in range(0, len(raw), _WORD))
    return sum(bool(int.from_bytes(word, "little") & _SWAPPED) for word in words)


def page_out(child: Child, memory: Memory) -> None:
    """Have all pages of a child's memory in swap."""
    pages = memory.length // child.page_size
    compact = child.must.openat(c.AT_FDCWD, "/proc/sys/vm/compact_memory", c.O_WRONLY, 0)

    def out() -> bool:
        # what was touched just now may wait in a list of its CPU's
        child.must.write(compact, b"1", 1)
        child.must.madvise(memory, memory.length, c.MADV_PAGEOUT)
        return count(child, memory) == pages

    assert child.session.poll(out, 5.0), f"{count(child, memory)} of {pages} pages are in swap"
