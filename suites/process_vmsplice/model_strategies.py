"""How Hypothesis draws plans: simple things first, for that is what it shrinks to."""

from collections.abc import Iterator

from hypothesis import strategies as st

from helpers.abi import constants as c
from suites.process_vmsplice.model import Descriptor
from suites.process_vmsplice.model_memory import Prot
from suites.process_vmsplice.model_plans import (
    HOLE,
    PLAIN,
    WINDOW,
    Base,
    Change,
    CloseReader,
    Fork,
    Kind,
    Layout,
    Leave,
    PageSpec,
    Plan,
    Put,
    Read,
    Relation,
    Resize,
    Segment,
    Send,
    Size,
    Step,
    Whose,
    Write,
    WriteFile,
)

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
_NEGATIVE = (
    Segment(Size(0), Size(0, -1)),
    Segment(Size(0), Size(0, -1 << 63)),
    Segment(Size(0), Size(0, -4096), Base.KERNEL),
)
_ELSEWHERE = (
    Segment(Size(0), Size(0, 9), Base.NULL),
    Segment(Size(0), Size(0, 3), Base.KERNEL),
    Segment(Size(-1), Size(2), Base.TOP),
    Segment(Size(0), Size(0), Base.KERNEL),
    Segment(Size(0, -1), Size(0, (1 << 63) - 1), Base.TOP),
)


# Strategies are made once: Hypothesis checks each when it is first drawn from, and that is slow.


def _layout(pages: tuple[PageSpec | None, ...], file: Size) -> Layout:
    special = [number for number, spec in enumerate(pages) if spec != PLAIN]
    return Layout(pages[: special[-1] + 1] if special else (), file)


def _layouts(pages: tuple[PageSpec | None, ...]) -> st.SearchStrategy[Layout]:
    """Windows of pages of these kinds."""
    ends = st.sampled_from((Size(WINDOW), Size(WINDOW - 2, 100), Size(2), Size(0, 1)))
    return st.builds(_layout, st.tuples(*[st.sampled_from(pages)] * WINDOW), ends)


_ANY_LAYOUT = _layouts(PAGES)
_LAYOUT_FOR_VMSPLICE = _layouts(SAME_FOR_VMSPLICE)

_PLACES = st.sampled_from([Size(page, more) for more in _MORE for page in range(WINDOW + 1)])
_AMOUNTS = [Size(pages, more) for more in (1, 99, 2048, 4095) for pages in range(4)]
_AMOUNTS += [Size(pages) for pages in range(1, 6)]


def _few_segments(*more: Size) -> st.SearchStrategy[list[Segment]]:
    """Segments in the window, also overlapping, empty and beyond its end.

    Args:
        more: lengths that may be there besides the usual ones.
    """
    one = st.builds(Segment, _PLACES, st.sampled_from((*_LENGTHS, *more)))
    return st.lists(one, min_size=1, max_size=6)


def _repeated(part: list[Segment], count: int) -> tuple[Segment, ...]:
    return tuple(part * count)


def _inserted(part: tuple[Segment, ...], one: Segment, at: int) -> tuple[Segment, ...]:
    return (*part[:at], one, *part[at:])


def _spoiled(part: tuple[Segment, ...], at: int, begin: int) -> tuple[Segment, ...]:
    """One of them does not begin, or does not end, with a page."""
    found, at = list(part), at % len(part)
    one = found[at]
    if begin:
        found[at] = Segment(Size(one.at.pages, 1), one.length)
    else:
        found[at] = Segment(one.at, Size(one.length.pages, 1))
    return tuple(found)


_TIMES = st.sampled_from((1, 1, 1, 2, 9))
_USUAL = st.builds(_repeated, _few_segments(), _TIMES)
_LONG = st.builds(_repeated, _few_segments(*_HUGE), _TIMES)
_SOME_NEGATIVE = st.builds(_inserted, _USUAL, st.sampled_from(_NEGATIVE), st.integers(0, 9))
_SOMEWHERE_ELSE = st.builds(_inserted, _LONG, st.sampled_from(_ELSEWHERE), st.integers(0, 2))
_WHOLE_PAGES = st.lists(
    st.builds(
        Segment,
        st.sampled_from([Size(page) for page in range(WINDOW + 1)]),
        st.sampled_from([Size(pages) for pages in (1, 2, 3, 0)]),
    ),
    min_size=1,
    max_size=4,
).map(tuple)

_PLAIN = st.sampled_from((c.SPLICE_F_NONBLOCK, 0, c.SPLICE_F_MOVE | c.SPLICE_F_MORE))
_GIFTS = st.sampled_from((c.SPLICE_F_GIFT | c.SPLICE_F_NONBLOCK, c.SPLICE_F_GIFT, 15))
_UNKNOWN = st.sampled_from((16, 1 << 31, 31))
_OWNERS = (Whose.TARGET, Whose.TARGET, Whose.CALLER, Whose.RELATIVE)

#: Calls that fail of memory or of the pipe, if at all.
_SENDS = [
    st.builds(Send, _USUAL, _PLAIN, st.sampled_from(_OWNERS)),
    st.builds(Send, _LONG, _PLAIN, st.sampled_from(_OWNERS)),
    st.builds(Send, _WHOLE_PAGES, _GIFTS, st.sampled_from(_OWNERS)),
    st.builds(Send, _SOMEWHERE_ELSE, _PLAIN, st.sampled_from(_OWNERS)),
]
#: Calls that are wrong in one way, or in any.
_WRONG_SENDS = [
    st.builds(Send, _SOME_NEGATIVE, _PLAIN),
    st.builds(
        Send, st.builds(_spoiled, _WHOLE_PAGES, st.integers(0, 3), st.integers(0, 1)), _GIFTS
    ),
    st.builds(Send, _USUAL, _UNKNOWN),
    st.builds(Send, _USUAL, _PLAIN, st.just(Whose.NOBODY)),
    st.builds(Send, _USUAL, _PLAIN, fd=st.sampled_from([*Descriptor][1:])),
    st.builds(Send, _USUAL, _PLAIN, count=st.sampled_from((1025, 0, 1 << 32))),
    st.builds(Send, st.sampled_from((None, (_ELSEWHERE[3],))), _PLAIN),
    st.builds(
        Send,
        st.one_of(_USUAL, _SOME_NEGATIVE, st.just((_ELSEWHERE[3],)), st.none()),
        st.one_of(_PLAIN, _GIFTS, _UNKNOWN),
        st.sampled_from((Whose.TARGET, Whose.TARGET, Whose.NOBODY)),
        st.sampled_from((Descriptor.WRITE_END, *Descriptor)),
        st.sampled_from((None, None, None, None, 0, 1025, 1 << 32)),
    ),
]

#: Sizes of pipes: small ones are often full.
_SLOTS = st.sampled_from((4, 1, 2, 8, 3, 32, None))
_RARELY_CLOSED = st.sampled_from((*[()] * 4, (CloseReader(),)))
_PIPE_STEPS = [
    st.sampled_from([Read(amount) for amount in _AMOUNTS]),
    st.sampled_from([Put(amount) for amount in _AMOUNTS]),
    st.sampled_from([Put(Size(0, count)) for count in (1, 2, 99)]),
    # more than most of these pipes take
    st.just(Put(Size(5))),
    st.sampled_from([Resize(slots) for slots in (1, 2, 3, 4, 8, 16, 32)]),
]
_CHANGES = [("map", Prot.NONE), ("unmap", Prot.NONE), ("discard", Prot.NONE)]
_CHANGES += [("protect", prot) for prot in Prot]
_MEMORY_STEPS = [
    st.builds(Write, _PLACES, st.sampled_from(_LENGTHS), st.sampled_from(_OWNERS)),
    st.sampled_from([Write(Size(0), Size(WINDOW), whose) for whose in _OWNERS]),
    st.sampled_from(
        [Write(Size(page), Size(1), whose) for whose in _OWNERS for page in range(WINDOW)]
    ),
    st.sampled_from(
        [
            Change(how, number, prot, whose)
            for whose in _OWNERS
            for number in range(WINDOW)
            for how, prot in _CHANGES
        ]
    ),
    st.builds(WriteFile, _PLACES, st.sampled_from(_LENGTHS)),
    st.sampled_from((Fork(), Fork(), Leave())),
]


def _stories() -> Iterator[tuple[Step, ...]]:
    """A page is sent, something happens to it, and then somebody writes to it."""
    for number in range(WINDOW):
        start, page = Size(number), Size(1)
        between = (
            (),
            (Fork(),),
            (Change("protect", number, Prot.READ), Change("protect", number, Prot.READ_WRITE)),
            (WriteFile(start, page),),
            (Change("discard", number),),
            (Change("unmap", number), Change("map", number)),
            (Fork(), Leave()),
        )
        for steps in between:
            for whose in (Whose.TARGET, Whose.RELATIVE):
                sent = Send((Segment(start, page),), c.SPLICE_F_NONBLOCK)
                yield (sent, *steps, Write(start, page, whose))


_BEFORE = st.lists(st.one_of(_PIPE_STEPS), max_size=4)
_CALLS = st.lists(st.one_of(*_SENDS, *_WRONG_SENDS), min_size=1, max_size=6)
_FIRST = st.one_of(_SENDS)
_STEP = st.one_of(
    *_SENDS,
    *_PIPE_STEPS,
    *_MEMORY_STEPS,
    *[st.sampled_from([*_stories()])] * 4,
)
#: Five on average; more are drawn as several lists, for each can be empty.
_STEPS, _LAST_STEPS = st.lists(_STEP, max_size=10), st.lists(_STEP, max_size=2)


@st.composite
def calls(draw: st.DrawFn) -> Plan:
    """Calls into a pipe in any state, over any layout."""
    steps = (*draw(_BEFORE), *draw(_RARELY_CLOSED), *draw(_CALLS))
    return Plan(draw(_ANY_LAYOUT), draw(_ANY_LAYOUT), draw(_SLOTS), steps)


@st.composite
def sequences(draw: st.DrawFn) -> Plan:
    """Calls and all that can be done to the pipe and to memory between them."""
    layouts = draw(_ANY_LAYOUT), draw(_ANY_LAYOUT)
    slots, steps = draw(_SLOTS), [draw(_FIRST)]
    for part in (_STEPS, _STEPS, _RARELY_CLOSED, _LAST_STEPS):
        for step in draw(part):
            steps += step if isinstance(step, tuple) else (step,)
    return Plan(*layouts, slots, tuple(steps))


_FEW_LONG = _few_segments(*_HUGE)
_MAYBE_ELSEWHERE = st.sampled_from((None, None, *_ELSEWHERE))


@st.composite
def like_process_vm_readv(draw: st.DrawFn) -> Relation:
    """Segments for process_vm_readv(2): of little enough memory for one pipe."""
    some = draw(_FEW_LONG)
    elsewhere = draw(_MAYBE_ELSEWHERE)
    if elsewhere is not None:
        some.insert(draw(st.integers(0, len(some))), elsewhere)
    return Relation(draw(_ANY_LAYOUT), tuple(some))


_ALIKE = st.one_of(st.tuples(_USUAL, _PLAIN), st.tuples(_WHOLE_PAGES, _GIFTS))


@st.composite
def like_vmsplice(draw: st.DrawFn) -> Relation:
    """Calls that vmsplice(2) judges alike, into a pipe in any state."""
    some, flags = draw(_ALIKE)
    return Relation(draw(_LAYOUT_FOR_VMSPLICE), some, flags, tuple(draw(_BEFORE)))
