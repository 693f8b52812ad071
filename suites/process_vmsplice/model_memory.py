"""What the manual pages say of memory, page by page: who has which page, and who writes.

Made from the clauses alone, for the property tests to compare a kernel with. Content is kept as
pieces of patterns, so that a machine can be asked whether it has it without sending it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum

from helpers.memory import Piece, cut, joined

CALL = "process_vmsplice"
#: Clauses by which a page is sent, or is not.
READABLE = f"{CALL}:memory:readable-is-sent"
AS_TARGET_SEES = f"{CALL}:memory:as-target-sees"
END_OF_FILE = f"{CALL}:memory:end-of-file"
EFAULT = f"{CALL}:errors:efault"
#: Clauses about what the pipe shows when somebody writes to a page that is in it.
SEEN_LATER = f"{CALL}:sharing:later-writes-are-seen"
KEPT = f"{CALL}:sharing:pipe-keeps-pages"
ZERO_PAGE = f"{CALL}:sharing:zero-page"
RELATIVE = f"{CALL}:sharing:not-with-a-relative"
FILE_UNTIL_COPIED = f"{CALL}:sharing:file-page-until-copied"
PROTECTED = f"{CALL}:sharing:protection-changed"


def overwritten(content: Sequence[Piece], start: int, pieces: Iterable[Piece]) -> list[Piece]:
    """Content with these pieces from a byte on."""
    new = list(pieces)
    end = start + sum(piece.length for piece in new)
    return joined([*cut(content, 0, start), *new, *cut(content, end, 1 << 62)])


@dataclass(eq=False)
class Frame:
    """A page of memory, whoever refers to it.

    Attributes:
        content: all its bytes.
        common: a relative of its owner has it too, or had it: who writes gets a copy.
        sent: it was put into a pipe.
        successor: where its owner's later writes went, if they may have gone here as well.
        clauses: what was used to say what it holds.
    """

    content: list[Piece]
    common: bool = False
    sent: bool = False
    successor: "Frame | None" = None
    clauses: set[str] = field(default_factory=set)

    def write(self, start: int, pieces: Iterable[Piece]) -> None:
        """Change it; all that refer to it see that."""
        self.content = overwritten(self.content, start, pieces)
        self.used(SEEN_LATER)

    def used(self, clause: str) -> None:
        """Note what decides what a pipe shows of it, if one has it."""
        if self.sent:
            self.clauses.add(clause)

    def copy(self) -> "Frame":
        """A page of its own with the same content."""
        return Frame(list(self.content))

    def alternatives(self, start: int, length: int) -> list[list[Piece]]:
        """What a part of it may hold."""
        found = [cut(self.content, start, length)]
        if self.successor is not None:
            found += self.successor.alternatives(start, length)
        return found


class File:
    """A file in memory, or shared memory without a name: pages that all its mappings have."""

    def __init__(self, page: int, size: int, content: Sequence[Piece] = ()) -> None:
        """A file of so many bytes; what the content does not reach are zeros."""
        self._page = page
        self._size = size
        self._content = [*content, Piece(size + page, None)]
        self._frames: dict[int, Frame] = {}

    def frame(self, index: int) -> Frame | None:
        """Its page of that number; None if it ends before: mmap(2), SIGBUS."""
        if index * self._page >= self._size:
            return None
        if index not in self._frames:
            content = cut(self._content, index * self._page, self._page)
            self._frames[index] = Frame(content)
        return self._frames[index]

    def write(self, start: int, pieces: Sequence[Piece]) -> None:
        """pwrite(2) within its size."""
        at, end = start, start + sum(piece.length for piece in pieces)
        while at < end:
            index, offset = divmod(at, self._page)
            count = min(self._page - offset, end - at)
            frame = self.frame(index)
            assert frame is not None, "it was asked to grow"
            frame.write(offset, cut(pieces, at - start, count))
            at += count


class Prot(Enum):
    """What the owner may do: mprotect(2)."""

    READ_WRITE = "rw"
    READ = "r"
    NONE = "none"
    WRITE = "w"

    @property
    def readable(self) -> bool:
        """Whether it may be read."""
        return self in (Prot.READ_WRITE, Prot.READ)

    @property
    def writable(self) -> bool:
        """Whether it may be written."""
        return self in (Prot.READ_WRITE, Prot.WRITE)


@dataclass
class Mapped:
    """One page of an address space.

    Attributes:
        prot: what the owner may do.
        file: what is mapped; None for anonymous private memory.
        index: which page of the file.
        private: whether writing makes a copy first.
        frame: the owner's own copy; None if there is none.
        protected: writing was forbidden since the copy was last written: whether the next write
            makes another copy while a pipe has this one differs between kernels.
    """

    prot: Prot
    file: File | None = None
    index: int = 0
    private: bool = True
    frame: Frame | None = None
    protected: bool = False


@dataclass(frozen=True)
class Found:
    """What a page comes to when it is asked for, and by which clause; frame None is a fault."""

    frame: Frame | None
    clause: str


class Space:
    """The address space of a process, as far as a case made it. Pages are counted from 0."""

    def __init__(self, page: int) -> None:
        """Nothing is mapped."""
        self.page = page
        self.pages: dict[int, Mapped] = {}

    def map(
        self, number: int, file: File | None = None, index: int = 0, *, private: bool = True
    ) -> None:
        """Map a page, readable and writable."""
        self.pages[number] = Mapped(Prot.READ_WRITE, file, index, private)

    def unmap(self, number: int) -> None:
        """munmap(2)."""
        page = self.pages.pop(number)
        self._gave_up(page)

    def discard(self, number: int) -> None:
        """MADV_DONTNEED, madvise(2): zeros again, or what the file has."""
        page = self.pages[number]
        self._gave_up(page)
        page.frame, page.protected = None, False

    def _gave_up(self, page: Mapped) -> None:
        frame = self._current(page)
        if frame is not None:
            frame.used(KEPT)

    def _current(self, page: Mapped) -> Frame | None:
        if page.frame is not None or page.file is None:
            return page.frame
        return page.file.frame(page.index)

    def protect(self, number: int, prot: Prot) -> None:
        """mprotect(2)."""
        page = self.pages[number]
        if not prot.writable and page.frame is not None:
            page.protected = True
        page.prot = prot

    def read(self, number: int) -> Found:
        """What a page is for somebody who asks for it with the owner's right to read."""
        page = self.pages.get(number)
        if page is None or not page.prot.readable:
            return Found(None, EFAULT)
        if page.frame is not None:
            return Found(page.frame, AS_TARGET_SEES)
        if page.file is None:
            return Found(Frame([Piece(self.page, None)]), ZERO_PAGE)
        frame = page.file.frame(page.index)
        return Found(frame, END_OF_FILE if frame is None else READABLE)

    def can_write(self, number: int) -> bool:
        """Whether the owner lives on when it writes there."""
        page = self.pages.get(number)
        return page is not None and page.prot.writable and self._exists(page)

    def _exists(self, page: Mapped) -> bool:
        return page.file is None or page.file.frame(page.index) is not None

    def writable_part(self, start: int, length: int) -> int:
        """How many bytes from an address on the owner may write before it would be killed."""
        end, at = start + length, start
        while at < end and self.can_write(at // self.page):
            at = (at // self.page + 1) * self.page
        return min(at, end) - start

    def write(self, start: int, pieces: Sequence[Piece]) -> None:
        """The owner writes these pieces from an address on; it may."""
        at, end = start, start + sum(piece.length for piece in pieces)
        while at < end:
            number, offset = divmod(at, self.page)
            count = min(self.page - offset, end - at)
            part = cut(pieces, at - start, count)
            self._write(self.pages[number], offset, part)
            at += count

    def _write(self, page: Mapped, offset: int, pieces: list[Piece]) -> None:
        if not page.private:
            frame = page.file.frame(page.index) if page.file is not None else None
            assert frame is not None, "can_write() was asked"
            frame.write(offset, pieces)
            return
        if page.frame is None:
            page.frame = self._first_copy(page)
        elif page.frame.common:
            page.frame.used(RELATIVE)
            page.frame = page.frame.copy()
        elif page.protected:
            page.frame.used(PROTECTED)
            page.frame.successor = page.frame.copy()
            page.frame = page.frame.successor
        page.protected = False
        page.frame.write(offset, pieces)

    def _first_copy(self, page: Mapped) -> Frame:
        """The owner's own page, made when it writes for the first time."""
        source = page.file.frame(page.index) if page.file is not None else None
        if source is None:
            return Frame([Piece(self.page, None)])
        source.used(FILE_UNTIL_COPIED)
        return source.copy()

    def fork(self) -> "Space":
        """A child without memory of its own yet: it has the same pages."""
        child = Space(self.page)
        for number, page in self.pages.items():
            if page.frame is not None:
                page.frame.common = True
            child.pages[number] = Mapped(
                page.prot, page.file, page.index, page.private, page.frame, page.protected
            )
        return child
