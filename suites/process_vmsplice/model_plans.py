"""Layouts of memory, calls and steps as plain data.

Nothing here knows the size of a page: positions and lengths are pages and some bytes more.
"""

from dataclasses import dataclass, fields
from enum import Enum
from typing import Any

from fixtures.memory import KERNEL_ADDRESS
from suites.process_vmsplice.model import Descriptor
from suites.process_vmsplice.model_memory import Prot

#: Pages of the window of addresses that a plan is about; what follows is a hole.
WINDOW = 4


class Brief:
    """Data that is shown without what it has by default, as an expression that makes it."""

    def __repr__(self) -> str:
        """By position as far as possible."""
        shown, named = [], False
        for each in fields(self):
            value = getattr(self, each.name)
            if value == each.default:
                named = True
            else:
                shown.append(f"{each.name}={value}" if named else f"{value}")
        return f"{type(self).__name__}({', '.join(shown)})"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """The same in what Hypothesis prints."""
        printer.text(repr(self))


@dataclass(frozen=True, repr=False)
class Size(Brief):
    """A number of bytes: whole pages and some more, or less."""

    pages: int
    more: int = 0

    def of(self, page: int) -> int:
        """In bytes."""
        return self.pages * page + self.more


class Base(Enum):
    """What the address of a segment is counted from."""

    WINDOW = None
    NULL = 0
    KERNEL = KERNEL_ADDRESS
    TOP = 1 << 64


@dataclass(frozen=True, repr=False)
class Segment(Brief):
    """A range of addresses."""

    at: Size
    length: Size
    base: Base = Base.WINDOW


class Kind(Enum):
    """What a page is mapped from."""

    PRIVATE = "private"
    SHARED = "shared"
    FILE_SHARED = "file, shared"
    FILE_PRIVATE = "file, private"


@dataclass(frozen=True, repr=False)
class PageSpec(Brief):
    """A page of a layout; touched ones were written by their owner."""

    kind: Kind
    touched: bool = True
    prot: Prot = Prot.READ_WRITE


HOLE = None
PLAIN = PageSpec(Kind.PRIVATE)


@dataclass(frozen=True, repr=False)
class Layout(Brief):
    """The window of a process.

    Attributes:
        pages: the first ones; the others are private memory that was touched.
        file: size of the file that some may be mapped from.
    """

    pages: tuple[PageSpec | None, ...] = ()
    file: Size = Size(WINDOW)

    def window(self) -> list[PageSpec | None]:
        """All pages."""
        return [*self.pages, *[PLAIN] * (WINDOW - len(self.pages))]


class Whose(Enum):
    """A process of a plan."""

    TARGET = "target"
    CALLER = "caller"
    NOBODY = "nobody"
    RELATIVE = "the target's child"


@dataclass(frozen=True, repr=False)
class Send(Brief):
    """A call. segments None is an array that cannot be read, count None as many as there are."""

    segments: tuple[Segment, ...] | None
    flags: int = 0
    whose: Whose = Whose.TARGET
    fd: Descriptor = Descriptor.WRITE_END
    count: int | None = None


@dataclass(frozen=True, repr=False)
class Read(Brief):
    """read(2) from the pipe."""

    amount: Size


@dataclass(frozen=True, repr=False)
class Put(Brief):
    """write(2) to the pipe."""

    amount: Size


@dataclass(frozen=True, repr=False)
class Resize(Brief):
    """F_SETPIPE_SZ."""

    slots: int


@dataclass(frozen=True, repr=False)
class CloseReader(Brief):
    """The read end is closed."""


@dataclass(frozen=True, repr=False)
class Change(Brief):
    """A page of a process becomes something else.

    Attributes:
        how: "protect", "unmap", "discard" or "map": new anonymous memory where nothing is.
    """

    how: str
    number: int
    prot: Prot = Prot.NONE
    whose: Whose = Whose.TARGET


@dataclass(frozen=True, repr=False)
class Write(Brief):
    """A process writes to its own memory, as far as it may."""

    at: Size
    length: Size
    whose: Whose = Whose.TARGET


@dataclass(frozen=True, repr=False)
class WriteFile(Brief):
    """The target writes to the file that it may have mapped, within its size."""

    at: Size
    length: Size


@dataclass(frozen=True, repr=False)
class Fork(Brief):
    """The target gets a child."""


@dataclass(frozen=True, repr=False)
class Leave(Brief):
    """That child exits."""


Step = Send | Read | Put | Resize | CloseReader | Change | Write | WriteFile | Fork | Leave


@dataclass(frozen=True)
class Plan:
    """Two processes and what is done one after another; every step can be done in any state.

    Attributes:
        target: its memory.
        caller: its memory.
        slots: of the pipe, None for as many as pipes have.
        steps: in their order.
    """

    target: Layout
    caller: Layout
    slots: int | None
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Relation:
    """A call for two calls to be compared by.

    Attributes:
        layout: memory of the process that it is about.
        segments: what is to be moved.
        flags: of the call.
        before: what is done to the pipe first.
    """

    layout: Layout
    segments: tuple[Segment, ...]
    flags: int = 0
    before: tuple[Step, ...] = ()
