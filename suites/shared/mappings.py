"""Mappings of every kind: some cannot be read by the kernel for others, some hold a pattern."""

from collections.abc import Callable

from helpers import abi
from helpers.abi import constants as c
from helpers.child import Child
from helpers.memory import Memory, Span

READ_WRITE = c.PROT_READ | c.PROT_WRITE
#: Of what a mapping that can be read holds.
SEED = 7


def unmapped(child: Child) -> Span:
    """A page that is not there."""
    return Span(child.pages(1).end, child.page_size)


def protected(prot: int, *, touched: bool) -> Callable[[Child], Span]:
    """Makes a page with these rights, present or not."""

    def make(child: Child) -> Span:
        memory = child.pages(1, seed=SEED if touched else None)
        child.must.mprotect(memory, memory.length, prot)
        return memory

    return make


def beyond_the_end(child: Child) -> Span:
    """A page of a mapped file that is there as memory, but the file ends before it."""
    fd = child.must.memfd_create("short", 0)
    child.must.ftruncate(fd, 1)
    memory = child.pages(2, flags=c.MAP_SHARED, fd=fd)
    return memory[child.page_size :]


def secret(child: Child) -> Span:
    """A page of memfd_secret(2)."""
    fd = child.must.memfd_secret(0)
    child.must.ftruncate(fd, child.page_size)
    return child.pages(1, flags=c.MAP_SHARED, fd=fd)


def secret_touched(child: Child) -> Span:
    """The same, present."""
    page = secret(child)
    child.fill(page.address, page.length, SEED)
    return page


def locked_by_key(child: Child) -> Span:
    """A page whose protection key forbids its owner to read it."""
    memory = child.pages(1, seed=SEED)
    key = child.must.pkey_alloc(0, c.PKEY_DISABLE_ACCESS)
    child.must.pkey_mprotect(memory, memory.length, READ_WRITE, key)
    return memory


def guarded(child: Child) -> Span:
    """A guard page, where there was a pattern before."""
    memory = child.pages(1, seed=SEED)
    child.must.madvise(memory, memory.length, c.MADV_GUARD_INSTALL)
    return memory


def read_only(child: Child) -> Memory:
    """Private memory that cannot be written any more."""
    memory = child.pages(2, seed=SEED)
    child.must.mprotect(memory, memory.length, c.PROT_READ)
    return memory


def private(child: Child) -> Memory:
    """Memory as most is."""
    return child.pages(2, seed=SEED)


def shared(child: Child) -> Memory:
    """Memory that children would share."""
    return child.pages(2, seed=SEED, flags=c.MAP_SHARED | c.MAP_ANONYMOUS)


def of_memfd(flags: int, prot: int) -> Callable[[Child], Memory]:
    """Makes a mapping of a memfd with content."""

    def make(child: Child) -> Memory:
        fd = child.must.memfd_create("content", 0)
        content = child.pages(2, seed=SEED)
        child.must.pwrite64(fd, content, content.length, 0)
        memory = child.pages(2, flags=flags, fd=fd, prot=prot)
        return Memory(memory.address, memory.length, child=child, seed=SEED)

    return make


def never_touched(child: Child) -> Memory:
    """Memory without a page."""
    return child.pages(2)


def given_back(child: Child) -> Memory:
    """Memory whose pages were given back: it is zeros again."""
    memory = child.pages(2, seed=SEED)
    child.must.madvise(memory, memory.length, c.MADV_DONTNEED)
    return Memory(memory.address, memory.length, child=child)


#: Rows of a table: what can be read, by its owner and for others.
READABLE = (
    ("private", private),
    ("read-only", read_only),
    ("shared", shared),
    ("memfd-shared", of_memfd(c.MAP_SHARED, READ_WRITE)),
    ("memfd-shared-read-only", of_memfd(c.MAP_SHARED, c.PROT_READ)),
    ("memfd-private", of_memfd(c.MAP_PRIVATE, READ_WRITE)),
    ("memfd-private-read-only", of_memfd(c.MAP_PRIVATE, c.PROT_READ)),
    ("never-touched", never_touched),
    ("given-back", given_back),
)


#: A page is lost for good by this.
POISONS = ("root", "disposable", "memory-errors")


def poison(child: Child, page: Span) -> None:
    """Give a page a memory error: madvise(2), MADV_HWPOISON. The child counts SIGBUS from now on.

    The kernel may tell it of the error at once, by a signal that would kill it.
    """
    child.catch(c.SIGBUS)
    child.must.madvise(page, page.length, c.MADV_HWPOISON)


def poisoned(child: Child) -> Span:
    """A page that has a memory error."""
    memory = child.pages(1, seed=SEED)
    poison(child, memory)
    return memory


def user_faults_only(child: Child) -> Span:
    """A missing page that userfaultfd(2) tells of when its owner touches it, and never the kernel.

    The words are those of uffdio_api and uffdio_register: include/uapi/linux/userfaultfd.h.
    """
    fd = child.must.userfaultfd(c.UFFD_USER_MODE_ONLY)
    memory = child.pages(1)
    child.must.ioctl(fd, c.UFFDIO_API, abi.new("uint64_t[3]", [c.UFFD_API, 0, 0]))
    wanted = [memory.address, memory.length, c.UFFDIO_REGISTER_MODE_MISSING, 0]
    child.must.ioctl(fd, c.UFFDIO_REGISTER, abi.new("uint64_t[4]", wanted))
    return memory
