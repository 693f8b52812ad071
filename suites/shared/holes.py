"""Transfers that come to memory that ends or cannot be used: what is before it is moved.

The same on either side of a call; which clauses promise it differs.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from errno import EFAULT
from functools import partial

import pytest

from fixtures.memory import BadMemory
from fixtures.vectors import scattered
from helpers.abi.constants import MADV_GUARD_INSTALL, PROT_NONE
from helpers.child import Child
from helpers.memory import Memory, Span
from helpers.outcome import Err, Ok
from suites.shared.reach import Scene
from suites.shared.rows import Row, instances


@dataclass(frozen=True)
class Promises:
    """The ids of the clauses of one side, without the call's name.

    Attributes:
        inside: of a segment that runs into bad memory, what is before is moved.
        segment: segments before a bad one are moved, those after it are not.
        nothing: with nothing before it, bad memory is EFAULT.
    """

    inside: str
    segment: str
    nothing: str


def runs_into_a_hole(scene: Scene, pages: int, more: int, beyond: int) -> None:
    """A segment is moved up to the hole in it."""
    moved = pages * scene.caller.page_size + more
    memory = scene.memory(pages + 1)
    part = Span(memory.end - moved, moved + beyond)
    scene.reach.room_for(moved)
    assert scene.reach(scene.target.pid, [part]) == Ok(moved)
    scene.reach.moved(memory, part[:moved])


def page_missing_in_the_middle(scene: Scene, make: Callable[[Child, Span], None]) -> None:
    """A page in the middle that cannot be used ends the transfer; what lies behind stays."""
    page = scene.caller.page_size
    memory = scene.memory(3)
    missing = memory[page : 2 * page]
    make(scene.owner, missing)
    assert scene.reach(scene.target.pid, [memory[3:]]) == Ok(page - 3)
    assert scene.reach(scene.target.pid, [memory[page:]]) == Err(EFAULT)
    # the whole cannot be looked at
    before = Memory(memory.address, page, child=scene.owner, seed=memory.seed)
    scene.reach.moved(before, memory[3:page])
    scene.owner.compare(missing.end, [memory.piece(memory[2 * page :])])


def bad_segment(scene: Scene, position: int, count: int) -> None:
    """Segments before one in a hole are moved, those after it are not."""
    memory = scene.memory()
    segments = scattered(memory, [7] * count)
    before = segments[:position]
    segments[position] = Span(memory.end, 10)
    expected = Ok(7 * position) if position else Err(EFAULT)
    assert scene.reach(scene.target.pid, segments) == expected
    scene.reach.moved(memory, *before)


def bad_memory(scene: Scene, kind: BadMemory) -> None:
    """Memory of this kind is EFAULT if nothing is before it, and ends the transfer otherwise."""
    memory = scene.memory()
    bad = kind.make(scene.owner, 16)
    assert scene.reach(scene.target.pid, [bad, memory[:16]]) == Err(EFAULT)
    assert scene.reach(scene.target.pid, [memory[5:8], bad, memory[16:32]]) == Ok(3)
    scene.reach.moved(memory, memory[5:8])


def rest_of_a_transfer(scene: Scene) -> None:
    """Asking for the rest of a partial transfer is EFAULT."""
    memory = scene.memory()
    part = Span(memory.end - 20, 40)
    assert scene.reach(scene.target.pid, [part]) == Ok(20)
    assert scene.reach(scene.target.pid, [Span(memory.end, 20)]) == Err(EFAULT)
    scene.reach.moved(memory, part[:20])


def _unmap(child: Child, span: Span) -> None:
    child.must.munmap(span, span.length)


def _forbid(child: Child, span: Span) -> None:
    child.must.mprotect(span, span.length, PROT_NONE)


def _guard(child: Child, span: Span) -> None:
    child.must.madvise(span, span.length, MADV_GUARD_INSTALL)


#: Pages and bytes before a hole, and bytes of the segment behind it.
_INSIDE = (
    ("one-byte", 0, 1, 1),
    ("page-minus-1", 1, -1, 1),
    ("page", 1, 0, 1),
    ("page-plus-1", 1, 1, 1),
    ("page-plus-1-and-far-beyond", 1, 1, 100_000),
    # 16 pages are what the kernel looks at in one round
    ("15-pages-and-1-byte", 15, 1, 3 * 65536),
    ("16-pages", 16, 0, 3 * 65536),
    ("17-pages-minus-1", 17, -1, 3 * 65536),
)
_POSITIONS = (
    ("first", 0, 4), ("second", 1, 4), ("third", 2, 4), ("last", 3, 4),
    ("first-of-12", 0, 12), ("ninth-of-12", 8, 12), ("last-of-12", 11, 12),
)  # fmt: skip
_MISSING: tuple[tuple[str, Callable[[Child, Span], None], tuple[str, ...]], ...] = (
    ("unmapped", _unmap, ()),
    ("prot-none", _forbid, ()),
    ("guard-page", _guard, ("guard-pages",)),
)


def cases(call: str, promises: Promises, kinds: Sequence[BadMemory]) -> pytest.MarkDecorator:
    """All of them for one side of a call; kinds are what that side cannot use."""
    inside, segment, nothing = (promises.inside,), (promises.segment,), (promises.nothing,)
    rows = [
        Row(
            f"hole-after-{name}",
            partial(runs_into_a_hole, pages=pages, more=more, beyond=beyond),
            inside,
        )
        for name, pages, more, beyond in _INSIDE
    ]
    rows += [
        Row(f"missing-page-{name}", partial(page_missing_in_the_middle, make=make), inside, needs)
        for name, make, needs in _MISSING
    ]
    rows += [
        Row(
            f"bad-segment-{name}",
            partial(bad_segment, position=position, count=count),
            segment if position else nothing,
        )
        for name, position, count in _POSITIONS
    ]
    rows += [
        Row(f"kind-{kind.name}", partial(bad_memory, kind=kind), segment + nothing)
        for kind in kinds
    ]
    rows.append(Row("rest-of-a-transfer", rest_of_a_transfer, nothing))
    return instances(call, rows)
