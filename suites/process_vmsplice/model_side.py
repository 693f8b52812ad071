"""A process of a plan: what is done to its memory on the machine is done in the model too."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from helpers.abi import constants as c
from helpers.child import Child
from helpers.memory import Piece, Span
from suites.process_vmsplice.model_memory import File, Prot, Space
from suites.process_vmsplice.model_plans import (
    WINDOW,
    Base,
    Change,
    Kind,
    Layout,
    PageSpec,
    Segment,
    Whose,
    Write,
    WriteFile,
)

_PROTS = {
    Prot.READ_WRITE: c.PROT_READ | c.PROT_WRITE,
    Prot.READ: c.PROT_READ,
    Prot.NONE: c.PROT_NONE,
    Prot.WRITE: c.PROT_WRITE,
}
_READ_WRITE = _PROTS[Prot.READ_WRITE]
_NO_FILE = (1 << 64) - 1
#: The seed of a process's file; those of its pages follow. Two processes have nothing in common.
_SEEDS = {Whose.TARGET: 10, Whose.CALLER: 20}


@dataclass
class Side:
    """A process, on the machine and in the model.

    Attributes:
        child: on the machine.
        space: in the model.
        base: the address of its window.
        seed: of what its file holds.
        file: in the model, if it has one.
        fd: of that file.
        size: of that file.
    """

    child: Child
    space: Space
    base: int
    seed: int
    file: File | None = None
    fd: int = -1
    size: int = 0

    @property
    def page(self) -> int:
        """Bytes in a page."""
        return self.space.page

    def fill(self, start: int, length: int, seed: int) -> None:
        """It writes from an address on, as far as it may."""
        count = self.space.writable_part(start, length)
        if count:
            self.child.fill(start, count, seed)
            self.space.write(start, [Piece(count, seed)])

    def write(self, step: Write, seed: int) -> None:
        """The same for a step of a plan."""
        self.fill(self.base + step.at.of(self.page), step.length.of(self.page), seed)

    def write_file(self, step: WriteFile, seed: int) -> None:
        """It writes to its file, if it has one, no further than that goes."""
        start = step.at.of(self.page)
        count = min(step.length.of(self.page), self.size - start)
        if self.file is not None and count > 0:
            data = self.child.memory(count, seed=seed)
            self.child.queued.pwrite64(self.fd, data, count, start)
            self.file.write(start, [Piece(count, seed)])

    def protect(self, number: int, count: int, prot: Prot) -> None:
        """mprotect() of mapped pages."""
        self.child.queued.mprotect(number * self.page, count * self.page, _PROTS[prot])
        for each in range(number, number + count):
            self.space.protect(each, prot)

    def change(self, step: Change) -> None:
        """A page becomes something else, if it can."""
        number = self.base // self.page + step.number
        address, mapped = number * self.page, number in self.space.pages
        if step.how == "map" and not mapped:
            flags = c.MAP_PRIVATE | c.MAP_ANONYMOUS | c.MAP_FIXED_NOREPLACE
            self.child.queued.mmap(address, self.page, _READ_WRITE, flags, _NO_FILE, 0)
            self.space.map(number)
        elif step.how == "unmap" and mapped:
            self.child.queued.munmap(address, self.page)
            self.space.unmap(number)
        elif step.how == "discard" and mapped:
            self.child.queued.madvise(address, self.page, c.MADV_DONTNEED)
            self.space.discard(number)
        elif step.how == "protect" and mapped:
            self.protect(number, 1, step.prot)

    def forked(self, child: Child) -> "Side":
        """Its new child, which has the same memory."""
        return Side(child, self.space.fork(), self.base, self.seed)

    def compare(self) -> None:
        """What it may read is what the model says.

        Raises:
            AssertionError: it is not.
        """
        __tracebackhide__ = True
        first = self.base // self.page
        checks = []
        for number in range(first, first + WINDOW):
            found = self.space.read(number)
            if found.frame is not None:
                address = number * self.page
                checks.append(self.child.begin_compare(address, found.frame.content))
        for judge in checks:
            judge()


def build(child: Child, layout: Layout, whose: Whose) -> Side:
    """Make the window of a process; all of it is queued set-up but the file."""
    page = child.page_size
    base = child.addresses.take(WINDOW * page)
    side = Side(child, Space(page), base, _SEEDS[whose])
    if any(spec and spec.kind in (Kind.FILE_SHARED, Kind.FILE_PRIVATE) for spec in layout.window()):
        _make_file(side, layout)
    number = base // page
    for spec, same in groupby(layout.window()):
        count = len(list(same))
        if spec is not None:
            _map(side, number, count, spec)
        number += count
    return side


def _make_file(side: Side, layout: Layout) -> None:
    side.size = layout.file.of(side.page)
    side.fd = int(side.child.must.memfd_create("file", 0))
    content = side.child.memory(WINDOW * side.page, seed=side.seed)
    side.child.queued.pwrite64(side.fd, content, side.size, 0)
    side.file = File(side.page, side.size, [Piece(side.size, side.seed)])


def _map(side: Side, number: int, count: int, spec: PageSpec) -> None:
    """Map some pages alike, let their owner write to them if he is to, and protect them."""
    child, page, length = side.child, side.page, count * side.page
    flags = c.MAP_FIXED_NOREPLACE
    private = spec.kind in (Kind.PRIVATE, Kind.FILE_PRIVATE)
    flags |= c.MAP_PRIVATE if private else c.MAP_SHARED
    fd, offset, file = _NO_FILE, 0, None
    if spec.kind in (Kind.FILE_SHARED, Kind.FILE_PRIVATE):
        fd, offset, file = side.fd, number * page - side.base, side.file
    else:
        flags |= c.MAP_ANONYMOUS
        if spec.kind is Kind.SHARED:
            file = File(page, length)
    child.queued.mmap(number * page, length, _READ_WRITE, flags, fd, offset)
    for index in range(count):
        side.space.map(number + index, file, offset // page + index, private=private)
    if spec.touched:
        side.fill(number * page, length, side.seed + 1 + number % WINDOW)
    if spec.prot is not Prot.READ_WRITE:
        side.protect(number, count, spec.prot)


def absolute(side: Side, segments: Sequence[Segment]) -> list[Span]:
    """Segments of a plan at the addresses of a process."""
    spans = []
    for segment in segments:
        base = side.base if segment.base is Base.WINDOW else segment.base.value
        spans.append(Span(base + segment.at.of(side.page), segment.length.of(side.page)))
    return spans
