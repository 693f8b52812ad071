"""Pages of parent and child that one of them has sent: the other's later writes are not seen.

The kinds of memory and the orders are those in which kernels have had it wrong (CVE-2020-29374 and
after): what decides whether a page is copied has been changed several times.
"""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from fixtures.cases import clause, needs, table
from fixtures.observation import Observe
from fixtures.pipes import Pipe
from fixtures.processes import NewChild
from fixtures.swap import NEEDS, SwapOn, page_out
from helpers.abi import constants as c
from helpers.child import Child
from helpers.memory import Memory, Piece, Span
from helpers.outcome import Ok
from suites.shared import hugepages
from suites.shared.mappings import READ_WRITE
from suites.shared.observing import first_letter

pytestmark = needs("vmsplice")

OLD, NEW = 1, 2
PAGES = 4


def small(child: Child) -> Memory:
    """Memory as most is."""
    return child.pages(PAGES, seed=OLD)


def huge(child: Child) -> Memory:
    """The beginning of a transparent huge page."""
    return hugepages.transparent(child, PAGES, OLD)


def huge_in_pieces(child: Child) -> Memory:
    """The same, mapped page by page: its rights were changed in part."""
    memory = huge(child)
    behind = memory[memory.length : 2 * memory.length]
    child.must.mprotect(behind, behind.length, c.PROT_READ)
    return memory


def rest_of_huge(child: Child) -> Memory:
    """What is left when the rest of a huge page was given back."""
    memory = huge(child)
    rest = memory[memory.length : hugepages.TRANSPARENT]
    child.must.madvise(rest, rest.length, c.MADV_DONTNEED)
    return memory


def partly_inherited(child: Child) -> Memory:
    """Pages of a huge page of which a child gets only these."""
    memory = huge(child)
    rest = memory[memory.length : hugepages.TRANSPARENT]
    child.must.madvise(rest, rest.length, c.MADV_DONTFORK)
    return memory


def of_a_file(child: Child) -> Memory:
    """A private copy of a file's pages."""
    fd = child.must.memfd_create("file", 0)
    child.must.ftruncate(fd, PAGES * child.page_size)
    return child.pages(PAGES, seed=OLD, flags=c.MAP_PRIVATE, fd=fd)


KINDS = table("make", ("small", small), ("of-a-file", of_a_file))
HUGE_KINDS = table(
    "make",
    ("huge", huge),
    ("huge-in-pieces", huge_in_pieces),
    ("rest-of-huge", rest_of_huge),
    ("partly-inherited", partly_inherited),
)


@dataclass(frozen=True)
class Sent:
    """Memory of parent and child, the pipe that one sends it to, and the mapping that it is in."""

    parent: Child
    pipe: Pipe
    memory: Memory
    mapping: Span

    def fork(self) -> Child:
        """A child that exists from here on."""
        child = self.parent.fork("child")
        child.facts  # noqa: B018
        return child

    def send(self, child: Child) -> None:
        """A child sends all of it."""
        assert child.vmsplice(self.pipe.write, [self.memory], 1, 0) == Ok(self.memory.length)

    def unmap(self, child: Child) -> None:
        """A child has it no more."""
        child.must.munmap(self.mapping, self.mapping.length)


def in_child(sent: Sent) -> Child:
    """The child sends it and unmaps it."""
    child = sent.fork()
    sent.send(child)
    sent.unmap(child)
    return sent.parent


def in_child_then_mprotect(sent: Sent) -> Child:
    """The same, and the parent's rights are taken and given back, which may map it anew."""
    parent = in_child(sent)
    parent.must.mprotect(sent.mapping, sent.mapping.length, c.PROT_READ)
    parent.must.mprotect(sent.mapping, sent.mapping.length, READ_WRITE)
    return parent


def before_fork(sent: Sent) -> Child:
    """The parent sends it, becomes two, and unmaps it."""
    sent.send(sent.parent)
    child = sent.fork()
    sent.unmap(sent.parent)
    return child


def after_fork(sent: Sent) -> Child:
    """The parent becomes two, sends it, and unmaps it."""
    child = sent.fork()
    sent.send(sent.parent)
    sent.unmap(sent.parent)
    return child


#: Each gives who writes later.
Order = Callable[[Sent], Child]
ORDERS = table(
    "order",
    ("sent-by-the-child", in_child),
    ("sent-by-the-child-then-mprotect", in_child_then_mprotect),
    ("sent-before-the-fork", before_fork),
    ("sent-after-the-fork", after_fork),
)


def not_seen(parent: Child, pipe: Pipe, memory: Memory, order: Order) -> None:
    """The other writes all of it; the pipe has what was sent."""
    writer = order(Sent(parent, pipe, memory, memory))
    writer.fill(memory.address, memory.length, NEW)
    writer.compare(memory.address, [Piece(memory.length, NEW)])
    pipe.holds(memory.piece(memory[:]))


@clause("vmsplice:sharing:cve-2020-29374")
@KINDS
@ORDERS
def test_what_the_other_writes_later_is_not_seen(
    caller: Child, pipe: Pipe, make: Callable[[Child], Memory], order: Order
) -> None:
    not_seen(caller, pipe, make(caller), order)


@clause("vmsplice:sharing:cve-2020-29374")
@needs("transparent-huge-pages")
@pytest.mark.usefixtures("huge_pages")
@HUGE_KINDS
@ORDERS
def test_what_the_other_writes_later_to_a_huge_page_is_not_seen(
    caller: Child, pipe: Pipe, make: Callable[[Child], Memory], order: Order
) -> None:
    not_seen(caller, pipe, make(caller), order)


@clause("vmsplice:sharing:cve-2020-29374")
@needs(*NEEDS)
@ORDERS
def test_what_the_other_writes_later_to_memory_from_swap_is_not_seen(
    caller: Child, pipe: Pipe, swap_on: SwapOn, order: Order
) -> None:
    memory = small(caller)
    with swap_on():
        page_out(caller, memory)
        not_seen(caller, pipe, memory, order)


@needs("root", "disposable", "huge-page-pool", "page-sharing")
@clause("vmsplice:observed:huge-page-of-the-pool-written-later")
@ORDERS
def test_what_the_other_writes_later_to_a_huge_page_of_the_pool(
    caller: Child, pipe: Pipe, new_child: NewChild, order: Order, observe: Observe
) -> None:
    """The first letter of it in the pipe: A was sent, B is written."""
    with hugepages.pool(new_child("keeper"), 3) as size:
        flags = c.MAP_PRIVATE | c.MAP_ANONYMOUS | c.MAP_HUGETLB
        whole = caller.memory(size, flags=flags, align=size)
        caller.poke(whole.address, b"A")
        memory = Memory(whole.address, caller.page_size, child=caller)
        writer = order(Sent(caller, pipe, memory, whole))
        writer.poke(whole.address, b"B")
        observe(first_letter(caller, pipe.read))
