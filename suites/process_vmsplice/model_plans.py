"""Layouts of memory, calls and steps as plain data, and how Hypothesis draws them.

Nothing here knows the size of a page: positions and lengths are pages and some bytes more.
"""

from dataclasses import dataclass, fields
from enum import Enum

from hypothesis import strategies as st

from fixtures.memory import KERNEL_ADDRESS
from helpers.abi import constants as c
from suites.process_vmsplice.model import Descriptor
from suites.process_vmsplice.model_memory import Prot

#: Pages of the window of addresses that a plan is about; what follows is a hole.
WINDOW = 6


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


#: Pages, simple ones first; those that can be sent are more often drawn than others.
PAGES = (
    *[PLAIN] * 6,
    HOLE,
    PageSpec(Kind.PRIVATE, touched=False),
    PageSpec(Kind.PRIVATE, prot=Prot.READ),
    PageSpec(Kind.PRIVATE, prot=Prot.NONE),
    PageSpec(Kind.PRIVATE, prot=Prot.WRITE),
    PageSpec(Kind.PRIVATE, touched=False, prot=Prot.READ),
    PageSpec(Kind.SHARED),
    PageSpec(Kind.SHARED, touched=False),
    PageSpec(Kind.SHARED, prot=Prot.NONE),
    PageSpec(Kind.FILE_SHARED),
    PageSpec(Kind.FILE_SHARED, touched=False),
    PageSpec(Kind.FILE_SHARED, touched=False, prot=Prot.READ),
    PageSpec(Kind.FILE_PRIVATE, touched=False),
    PageSpec(Kind.FILE_PRIVATE),
    PageSpec(Kind.FILE_PRIVATE, touched=False, prot=Prot.WRITE),
)
#: Those that vmsplice(2) judges alike: it reads memory that may only be written if it is there.
SAME_FOR_VMSPLICE = tuple(spec for spec in PAGES if spec is None or spec.prot is not Prot.WRITE)

_MORE = (0, 1, 100, 2048, 4095)
_LENGTHS = (
    *(Size(0, more) for more in (1, 7, 100, 0)),
    *(Size(1, more) for more in (0, -1, 1, 50)),
    *(Size(2, more) for more in (0, -3)),
    Size(4, 5),
    Size(WINDOW),
    Size(WINDOW + 9, 11),
)
_HUGE = (Size(0, 1 << 31), Size(0, 1 << 40), Size(0, (1 << 63) - 1))
_NEGATIVE = (Size(0, -1), Size(0, -1 << 63))
_ELSEWHERE = (
    Segment(Size(0), Size(0, 9), Base.NULL),
    Segment(Size(0), Size(0, 3), Base.KERNEL),
    Segment(Size(-1), Size(2), Base.TOP),
    Segment(Size(0), Size(0), Base.KERNEL),
    Segment(Size(0, -1), Size(0, (1 << 63) - 1), Base.TOP),
)


def layouts(pages: tuple[PageSpec | None, ...] = PAGES) -> st.SearchStrategy[Layout]:
    """Windows of pages of these kinds."""
    ends = st.sampled_from((Size(WINDOW), Size(WINDOW - 2, 100), Size(2), Size(0, 1)))
    return st.builds(_layout, st.tuples(*[st.sampled_from(pages)] * WINDOW), ends)


def _layout(pages: tuple[PageSpec | None, ...], file: Size) -> Layout:
    special = [number for number, spec in enumerate(pages) if spec != PLAIN]
    return Layout(pages[: special[-1] + 1] if special else (), file)


def _places() -> st.SearchStrategy[Size]:
    return st.builds(Size, st.integers(0, WINDOW), st.sampled_from(_MORE))


def segments(*more: Size) -> st.SearchStrategy[tuple[Segment, ...]]:
    """Arrays of segments in the window, also overlapping, empty, repeated and beyond its end.

    Args:
        more: lengths that may be there besides the usual ones.
    """
    one = st.builds(Segment, _places(), st.sampled_from((*_LENGTHS, *more)))
    few = st.lists(one, min_size=1, max_size=6)
    again = st.sampled_from((1, 1, 1, 2, 9))
    return st.builds(lambda part, count: tuple(part * count), few, again)


def _anywhere(*more: Size) -> st.SearchStrategy[tuple[Segment, ...]]:
    """The same, with a segment in between that lies elsewhere."""
    insert = st.tuples(segments(*more), st.sampled_from(_ELSEWHERE), st.integers(0, 2))
    return insert.map(lambda t: (*t[0][: t[2]], t[1], *t[0][t[2] :]))


def _aligned() -> st.SearchStrategy[tuple[Segment, ...]]:
    """What may be a gift."""
    one = st.builds(
        Segment, st.builds(Size, st.integers(0, WINDOW)), st.builds(Size, st.integers(0, 3))
    )
    return st.lists(one, min_size=1, max_size=4).map(tuple)


_PLAIN = st.sampled_from((c.SPLICE_F_NONBLOCK, 0, c.SPLICE_F_MOVE | c.SPLICE_F_MORE))
_GIFTS = st.sampled_from((c.SPLICE_F_GIFT | c.SPLICE_F_NONBLOCK, c.SPLICE_F_GIFT, 15))
_OWNERS = st.sampled_from((Whose.TARGET, Whose.TARGET, Whose.CALLER, Whose.RELATIVE))


def sends() -> st.SearchStrategy[Send]:
    """Calls that fail of memory or of the pipe, if at all."""
    return st.one_of(
        st.builds(Send, segments(), _PLAIN, _OWNERS),
        st.builds(Send, segments(*_HUGE), _PLAIN, _OWNERS),
        st.builds(Send, _aligned(), _GIFTS, _OWNERS),
        st.builds(Send, _anywhere(*_HUGE), _PLAIN, _OWNERS),
    )


def wrong_sends() -> st.SearchStrategy[Send]:
    """Calls that may be wrong in any way, also in several at once."""
    return st.builds(
        Send,
        st.one_of(segments(*_NEGATIVE), _aligned(), st.just((_ELSEWHERE[3],)), st.none()),
        st.one_of(_PLAIN, _GIFTS, st.sampled_from((16, 1 << 31, 31))),
        st.sampled_from((Whose.TARGET, Whose.TARGET, Whose.NOBODY)),
        st.sampled_from((Descriptor.WRITE_END, *Descriptor)),
        st.sampled_from((None, None, None, None, 0, 1025, 1 << 32)),
    )


_RARELY_CLOSED = st.sampled_from((*[()] * 9, (CloseReader(),)))
#: Sizes of pipes: small ones are often full.
_SLOTS = st.sampled_from((4, 1, 2, 8, 3, 32, None))
_AMOUNTS = st.builds(Size, st.integers(0, 3), st.sampled_from((1, 99, 2048, 4095)))
_PAGE = st.integers(0, WINDOW - 1)


def _pipe_steps() -> st.SearchStrategy[Step]:
    return st.one_of(
        st.builds(Read, _AMOUNTS),
        st.builds(Put, _AMOUNTS),
        st.builds(Put, st.builds(Size, st.integers(1, 5))),
        st.builds(Resize, st.sampled_from((1, 2, 3, 4, 8, 16, 32))),
    )


def _memory_steps() -> st.SearchStrategy[Step]:
    owners = st.sampled_from((Whose.TARGET, Whose.TARGET, Whose.CALLER, Whose.RELATIVE))
    return st.one_of(
        st.builds(Write, _places(), st.sampled_from(_LENGTHS), owners),
        st.builds(Write, _places(), st.sampled_from(_LENGTHS), owners),
        st.builds(
            Change,
            st.sampled_from(("protect", "unmap", "discard", "map")),
            _PAGE,
            st.sampled_from(Prot),
            owners,
        ),
        st.builds(WriteFile, _places(), st.sampled_from(_LENGTHS)),
        st.just(Fork()),
        st.just(Leave()),
    )


@st.composite
def calls(draw: st.DrawFn) -> Plan:
    """Calls into a pipe in any state, over any layout."""
    before = draw(st.lists(_pipe_steps(), max_size=4))
    closed = draw(_RARELY_CLOSED)
    some = st.one_of(sends(), wrong_sends(), wrong_sends())
    steps = (*before, *closed, *draw(st.lists(some, min_size=1, max_size=6)))
    return Plan(draw(layouts()), draw(layouts()), draw(_SLOTS), steps)


@st.composite
def sequences(draw: st.DrawFn) -> Plan:
    """Calls and all that can be done to the pipe and to memory between them."""
    step = st.one_of(sends(), sends(), _pipe_steps(), _memory_steps(), _memory_steps())
    steps = [draw(sends()), *draw(st.lists(step, max_size=14))]
    steps += [*draw(_RARELY_CLOSED), *draw(st.lists(step, max_size=2))]
    return Plan(draw(layouts()), draw(layouts()), draw(_SLOTS), tuple(steps))


@st.composite
def like_process_vm_readv(draw: st.DrawFn) -> Relation:
    """Segments for process_vm_readv(2): of little enough memory for one pipe."""
    one = st.builds(Segment, _places(), st.sampled_from((*_LENGTHS, *_HUGE)))
    some = draw(st.lists(one, min_size=1, max_size=6))
    elsewhere = draw(st.sampled_from((None, None, *_ELSEWHERE)))
    if elsewhere is not None:
        some.insert(draw(st.integers(0, len(some))), elsewhere)
    return Relation(draw(layouts()), tuple(some))


@st.composite
def like_vmsplice(draw: st.DrawFn) -> Relation:
    """Calls that vmsplice(2) judges alike, into a pipe in any state."""
    before = tuple(draw(st.lists(_pipe_steps(), max_size=4)))
    gift = draw(st.booleans())
    some = draw(_aligned() if gift else segments())
    flags = draw(_GIFTS if gift else _PLAIN)
    return Relation(draw(layouts(SAME_FOR_VMSPLICE)), some, flags, before)
