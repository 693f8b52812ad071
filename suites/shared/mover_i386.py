"""A Mover at the entry for 32-bit programs, whose segments are of 8 bytes."""

from collections.abc import Sequence
from errno import EFAULT, EINVAL, EPERM, ESRCH
from typing import Any

from fixtures.cases import table
from fixtures.identity import USER, Identity
from fixtures.vectors import scattered
from helpers.abi.constants import UIO_MAXIOV
from helpers.memory import Memory, Span, spans, unchanged
from helpers.outcome import Err, Ok, Result
from suites.shared.mover import Mover

INT_MAX, INT_MIN = (1 << 31) - 1, 1 << 31


def call(mover: Mover, local: Sequence[Span], remote: Sequence[Span]) -> Result:
    """The call, with counts that say how many segments there are."""
    return mover.i386(local, len(local), remote, len(remote), 0, mover.target.pid)


#: (lengths of the segments that are filled, of those that are read)
SEGMENTS = table(
    "shape",
    ("split", ([2, 3, 4], [9])),
    ("empty-ones", ([0, 3, 0, 2], [5, 0])),
    ("nine", ([3] * 9, [9] * 3)),
)


def segments(
    mover: Mover, local: Memory, remote: Memory, into: Sequence[int], out_of: Sequence[int]
) -> None:
    """Segments of two words of 32 bits."""
    near, far = mover.roles(into, out_of)
    near_parts, far_parts = scattered(local, near), scattered(remote, far)
    assert call(mover, near_parts, far_parts) == Ok(sum(out_of))
    mover.moved(local, near_parts, remote, far_parts)


def most_segments(mover: Mover, local: Memory, remote: Memory) -> None:
    """IOV_MAX on both sides."""
    near, far = list(spans(local, 2, UIO_MAXIOV)), list(spans(remote[7:], 2, UIO_MAXIOV))
    assert call(mover, near, far) == Ok(2 * UIO_MAXIOV)
    mover.moved(local, near, remote, far)


#: (side, position, length)
NEGATIVE = table(
    "shape",
    ("local-minus-1", ("local", 0, -1)),
    ("local-last", ("local", 1, INT_MIN)),
    ("remote-int-min", ("remote", 0, INT_MIN)),
    ("remote-last", ("remote", 1, INT_MIN)),
)


def negative_length(
    mover: Mover, local: Memory, remote: Memory, side: str, position: int, length: int
) -> None:
    """A length that is negative in 32 bits."""
    vectors = {"local": [local[:8], local[8:16]], "remote": [remote[:8], remote[8:16]]}
    vectors[side][position] = Span(vectors[side][position].address, length)
    assert call(mover, **vectors) == Err(EINVAL)
    unchanged(local, remote)


def greatest_length(mover: Mover, local: Memory, remote: Memory) -> None:
    """INT_MAX remote bytes, and room for 16."""
    assert call(mover, [local[9:25]], [Span(remote.address + 7, INT_MAX)]) == Ok(16)
    mover.moved(local, [local[9:25]], remote, [remote[7:23]])


#: (local count, remote count, flags, pid unless it is the target's, answer)
ARGUMENTS = table(
    "shape",
    ("flags", (1, 1, INT_MIN, None, Err(EINVAL))),
    ("local-count", (UIO_MAXIOV + 1, 1, 0, None, Err(EINVAL))),
    ("remote-count", (1, UIO_MAXIOV + 1, 0, None, Err(EINVAL))),
    ("greatest-remote-count", (1, 0xFFFF_FFFF, 0, None, Err(EINVAL))),
    ("nothing-local", (0, 1, 0, -1, Ok(0))),
    ("nothing-remote", (1, 0, 0, -1, Ok(0))),
    ("no-process", (1, 1, 0, -1, Err(ESRCH))),
)


def arguments(
    mover: Mover, local: Memory, remote: Memory,
    near: int, far: int, flags: int, pid: int | None, expected: Result,
) -> None:  # fmt: skip
    """Arguments are judged as at the native entry."""
    pid = mover.target.pid if pid is None else pid
    assert mover.i386([local[:8]], near, [remote[:8]], far, flags, pid) == expected
    unchanged(local, remote)


SIDES = table("side", ("local", "local"), ("remote", "remote"))


def array_is_efault(mover: Mover, local: Memory, remote: Memory, side: str) -> None:
    """One array is NULL."""
    vectors: dict[str, Any] = {"local": [local[:8]], "remote": [remote[:8]]} | {side: None}
    pid = mover.target.pid
    assert mover.i386(vectors["local"], 1, vectors["remote"], 1, 0, pid) == Err(EFAULT)
    unchanged(local, remote)


def hole(mover: Mover, local: Memory, remote: Memory, side: str) -> None:
    """One side runs into a hole after ten bytes."""
    near = Span(local.end - 10, 20) if side == "local" else local[:20]
    far = Span(remote.end - 10, 20) if side == "remote" else remote[:20]
    assert call(mover, [near], [far]) == Ok(10)
    mover.moved(local, [near[:10]], remote, [far[:10]])


def forbidden(mover: Mover, local: Memory, remote: Memory) -> None:
    """Permission is asked for."""
    Identity.of(USER).assume(mover.caller)
    assert call(mover, [local[:8]], [remote[:8]]) == Err(EPERM)
    unchanged(local, remote)
