"""What the manual pages say of a pipe: slots of a page each, bytes in order.

Made from the clauses alone, for the property tests to compare a kernel with.
"""

from dataclasses import dataclass, field
from errno import EAGAIN, EBUSY, EPIPE

from helpers.memory import Piece, cut
from suites.process_vmsplice.model_memory import CALL, Frame

NO_MERGING = f"{CALL}:capacity:no-merging"
WRITE_APART = f"{CALL}:safety:write-leaves-memory-alone"
COPIED = f"{CALL}:sharing:reading-copies"
_WRITTEN = frozenset({WRITE_APART, NO_MERGING})


@dataclass
class Slot:
    """A part of a page that waits in a pipe.

    Attributes:
        frame: the page.
        start: of the first byte that was not read yet.
        length: in bytes, at least 1.
        own: the page is the pipe's own: write(2) made it and may add to it.
        clauses: by which it came here.
    """

    frame: Frame
    start: int
    length: int
    own: bool = False
    clauses: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Stretch:
    """Bytes that come out of a pipe.

    Attributes:
        length: in bytes.
        alternatives: what they may be; mostly there is one.
        clauses: that say so.
    """

    length: int
    alternatives: tuple[tuple[Piece, ...], ...]
    clauses: frozenset[str]


@dataclass
class ModelPipe:
    """A pipe with O_NONBLOCK, so that write(2) and read(2) never sleep.

    Attributes:
        page: bytes in a page.
        size: slots.
        slots: what waits in it, in order.
        readers: whether anybody can read.
        signals: how many SIGPIPE its writer got.
    """

    page: int
    size: int
    slots: list[Slot] = field(default_factory=list)
    readers: bool = True
    signals: int = 0

    @property
    def free(self) -> int:
        """Slots that are free: pipe(7), capacity."""
        return self.size - len(self.slots)

    @property
    def bytes(self) -> int:
        """Bytes that wait: FIONREAD, ioctl_pipe(2)."""
        return sum(slot.length for slot in self.slots)

    def clauses(self) -> frozenset[str]:
        """By which it holds what it holds."""
        return frozenset().union(*(slot.clauses | slot.frame.clauses for slot in self.slots))

    def read(self, count: int) -> list[Stretch]:
        """Up to so many bytes, taken out; a slot is free when its last byte was read."""
        found = []
        while count and self.slots:
            slot = self.slots[0]
            taken = min(count, slot.length)
            found.append(self._stretch(slot, taken))
            slot.start, slot.length = slot.start + taken, slot.length - taken
            count -= taken
            if not slot.length:
                del self.slots[0]
        return found

    def _stretch(self, slot: Slot, count: int) -> Stretch:
        alternatives = slot.frame.alternatives(slot.start, count)
        clauses = slot.clauses | slot.frame.clauses | {COPIED}
        return Stretch(count, tuple(map(tuple, alternatives)), frozenset(clauses))

    def write(self, data: Piece) -> int:
        """How many of these bytes a writer gets rid of, or a negative errno.

        What is longer than whole pages is added to the last slot if write(2) made that and there
        is room in its page; every further page takes a slot (fs/pipe.c, pipe_write(): no page
        tells). A slot that memory was sent into is never added to.
        """
        if not self.readers:
            self.signals += 1
            return -EPIPE
        written = self._add_to_last(data)
        while written < data.length and self.free:
            content = cut([data], written, self.page)
            count = sum(piece.length for piece in content)
            frame = Frame([*content, Piece(self.page - count, None)])
            self.slots.append(Slot(frame, 0, count, own=True, clauses=_WRITTEN))
            written += count
        return written or -EAGAIN

    def _add_to_last(self, data: Piece) -> int:
        head = data.length % self.page
        if not head or not self.slots:
            return 0
        last = self.slots[-1]
        end = last.start + last.length
        if not last.own or end + head > self.page:
            return 0
        last.frame.write(end, cut([data], 0, head))
        last.length += head
        return head

    def resize(self, slots: int) -> int:
        """F_SETPIPE_SZ to that many slots: the new size in bytes or a negative errno, fcntl(2)."""
        rounded = 1 << (slots - 1).bit_length()
        if len(self.slots) > rounded:
            return -EBUSY
        self.size = rounded
        return rounded * self.page
