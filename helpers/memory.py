"""Memory of a child: filled and compared there, so that no bulk data crosses the channel."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from helpers.errors import SetupError
from helpers.wire import pattern

if TYPE_CHECKING:
    from helpers.child import Child


@dataclass(frozen=True)
class Span:
    """A stretch of addresses, mapped or not; what an iovec's segment can be made of."""

    address: int
    length: int

    @property
    def end(self) -> int:
        """The address after its last byte."""
        return self.address + self.length

    def __getitem__(self, part: slice) -> "Span":
        """A part of it, by offsets: span[10:20]; it need not stay inside the span."""
        start = part.start or 0
        stop = self.length if part.stop is None else part.stop
        if part.step is not None or start < 0 or stop < start:
            raise ValueError(f"a span is cut by offsets with start <= stop, not {part}")
        return Span(self.address + start, stop - start)


@dataclass(frozen=True)
class Piece:
    """Expected content: length bytes of a seed's pattern, from its byte start on.

    seed None stands for zero bytes.
    """

    length: int
    seed: int | None
    start: int = 0

    def continues_as(self, other: "Piece") -> bool:
        """Whether the two together are one piece of the same pattern."""
        if self.seed is None:
            return other.seed is None
        return (other.seed, other.start) == (self.seed, self.start + self.length)

    def bytes(self) -> bytes:
        """The content itself."""
        return (
            bytes(self.length) if self.seed is None else pattern(self.seed, self.length, self.start)
        )


@dataclass(frozen=True)
class Memory(Span):
    """A mapping of a child. Slices of it are spans; content is checked as a whole."""

    child: "Child" = field(repr=False, compare=False, kw_only=True)
    seed: int | None = field(default=None, kw_only=True)

    def fill(self, seed: int, part: Span | None = None, start: int = 0) -> None:
        """Overwrite it, or a part, with a seed's pattern, from the pattern's byte start on."""
        part = part or self
        self.child.fill(part.address, part.length, seed, start)

    def piece(self, part: Span) -> Piece:
        """What a part of it held after it was filled: a piece to expect elsewhere."""
        if self.seed is None:
            return Piece(part.length, None)
        return Piece(part.length, self.seed, part.address - self.address)

    def pieces(self, *parts: Span) -> list[Piece]:
        """The same for several parts."""
        return [self.piece(part) for part in parts]

    def unchanged(self) -> None:
        """Its content must still be what it was filled with.

        Raises:
            AssertionError: a byte differs; the message says where and how.
        """
        __tracebackhide__ = True
        self.holds([])

    def holds(self, pieces: list[Piece], at: Span | None = None) -> None:
        """It must hold these pieces from `at` on, and around them what it was filled with.

        Raises:
            AssertionError: a byte differs; the message says where and how.
            SetupError: more pieces than memory.
        """
        __tracebackhide__ = True
        self.begin_holds(pieces, at)()

    def begin_holds(self, pieces: list[Piece], at: Span | None = None) -> Callable[[], None]:
        """Ask for holds() without waiting; what it gives waits and judges."""
        address = (at or self).address
        wanted = [self.piece(Span(self.address, address - self.address)), *pieces]
        address += sum(piece.length for piece in pieces)
        if address > self.end:
            raise SetupError(f"{address - self.end} bytes more are expected than {self} has")
        wanted.append(self.piece(Span(address, self.end - address)))
        return self.child.begin_compare(self.address, wanted)

    def received(self, parts: Sequence[Span], stream: Sequence[Piece]) -> None:
        """These parts, in this order, must hold the stream, and the rest what it was filled with.

        A stream that is shorter than the parts leaves the last of them as they were.

        Raises:
            AssertionError: a byte differs; the message says where and how.
            SetupError: the parts overlap or lie outside, or the stream does not fit into them.
        """
        __tracebackhide__ = True
        self.begin_received(parts, stream)()

    def begin_received(self, parts: Sequence[Span], stream: Sequence[Piece]) -> Callable[[], None]:
        """Ask for received() without waiting; what it gives waits and judges."""
        return self.child.begin_compare(self.address, self._with(parts, stream))

    def _with(self, parts: Sequence[Span], stream: Sequence[Piece]) -> list[Piece]:
        stream = joined(stream)
        total = sum(piece.length for piece in stream)
        placed, taken = [], 0
        for part in parts:
            length = min(part.length, total - taken)
            placed.append((part.address, cut(stream, taken, length)))
            taken += length
        content, address = [], self.address
        for start, pieces in sorted(placed, key=lambda place: place[0]):
            content += [self.piece(Span(address, start - address)), *pieces]
            if start < address:
                raise SetupError(f"a part of {self} at {start:#x} overlaps another or lies outside")
            address = start + sum(piece.length for piece in pieces)
        if taken < total or address > self.end:
            raise SetupError(f"{total} bytes do not fit into the parts of {self}")
        return [*content, self.piece(Span(address, self.end - address))]

    def read(self) -> bytes:
        """All its bytes, across the channel: for small things."""
        return self.child.peek(self.address, self.length)


def cut(pieces: Sequence[Piece], start: int, length: int) -> list[Piece]:
    """A part of the content that these pieces are, by offset and length; it may end earlier."""
    found = []
    for piece in pieces:
        skipped = min(start, piece.length)
        kept = min(length, piece.length - skipped)
        if kept:
            found.append(Piece(kept, piece.seed, piece.start + skipped))
        start, length = start - skipped, length - kept
    return found


def joined(pieces: Sequence[Piece]) -> list[Piece]:
    """The same content in as few pieces as possible, none of them empty."""
    found: list[Piece] = []
    for piece in pieces:
        last = found[-1] if found else None
        if last is not None and last.continues_as(piece):
            found[-1] = Piece(last.length + piece.length, last.seed, last.start)
        elif piece.length:
            found.append(piece)
    return found


def unchanged(*memories: Memory) -> None:
    """All of these must hold what they were filled with; asked for in one go.

    Raises:
        AssertionError: a byte differs; the message says where and how.
    """
    __tracebackhide__ = True
    checks = [m.child.begin_compare(m.address, [m.piece(m)]) for m in memories]
    for judge in checks:
        judge()


class Addresses:
    """Chooses where the mappings of a child go, so that nothing waits for the kernel's choice.

    Deterministic, the same in every child (so that the same address means other bytes in another
    process), below 1 GB (so that the i386 entry reaches them) and apart from each other, so that
    every mapping ends in a hole. The agent is linked at 4 MB; its arenas lie above 1 GB.
    """

    LOW, HIGH = 0x1000_0000, 0x3FF0_0000
    #: The greatest page size of a supported architecture: nothing else may lie so near.
    GAP = 0x1_0000

    def __init__(self, start: int = LOW) -> None:
        """Begin at the low end, or where the parent of a fork had come to."""
        self.next = start

    def take(self, length: int, align: int = GAP) -> int:
        """An address for that many bytes.

        Raises:
            SetupError: the range is used up.
        """
        align = max(align, self.GAP)
        address = (self.next + align - 1) // align * align
        self.next = address + (length + self.GAP - 1) // self.GAP * self.GAP + self.GAP
        if self.next > self.HIGH:
            raise SetupError(f"no room for {length} bytes below {self.HIGH:#x}")
        return address


def spans(memory: Span, size: int, count: int) -> Iterator[Span]:
    """The first count stretches of size bytes, one after another."""
    for index in range(count):
        yield memory[index * size : (index + 1) * size]
