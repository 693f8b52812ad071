"""Where a Mover ends: holes behind what is reached, on both sides, and fresh memory."""

from errno import EFAULT

from fixtures.cases import table
from helpers.memory import Memory, Span, unchanged
from helpers.outcome import Err, Ok
from suites.shared.mover import Mover


def local_hole_behind_the_last(mover: Mover, local: Memory, remote: Memory) -> None:
    """The local segment goes on into a hole, but the remote one ends before."""
    near = Span(local.end - 20, 4 * mover.caller.page_size)
    assert mover([near], [remote[:20]]) == Ok(20)
    mover.moved(local, [near[:20]], remote, [remote[:20]])


def remote_hole_behind_the_last(mover: Mover, local: Memory, remote: Memory) -> None:
    """The remote segment goes on into a hole, but the local one ends before."""
    far = Span(remote.end - 20, 4 * mover.caller.page_size)
    assert mover([local[:20]], [far]) == Ok(20)
    mover.moved(local, [local[:20]], remote, [far[:20]])


def hole_between_remote_segments(mover: Mover, local: Memory, remote: Memory) -> None:
    """One segment ends at a hole, the next is elsewhere."""
    second = mover.target.pages(1, seed=3)
    far = [Span(remote.end - 4, 4), second[:4]]
    assert mover([local[:8]], far) == Ok(8)
    if mover.writes:
        remote.received([far[0]], local.pieces(local[:4]))
        second.received([far[1]], local.pieces(local[4:8]))
    else:
        local.received([local[:8]], [remote.piece(far[0]), second.piece(far[1])])


#: (local bytes before the hole, remote ones, bytes moved)
NEARER_FAULT = table("shape", ("local-nearer", (10, 20, 10)), ("remote-nearer", (20, 10, 10)))


def nearer_fault(
    mover: Mover, local: Memory, remote: Memory, near: int, far: int, moved: int
) -> None:
    """A hole on each side."""
    near_part, far_part = Span(local.end - near, 100), Span(remote.end - far, 100)
    assert mover([near_part], [far_part]) == Ok(moved)
    mover.moved(local, [near_part[:moved]], remote, [far_part[:moved]])


def holes_on_both_sides(mover: Mover, local: Memory, remote: Memory) -> None:
    """Neither side has a byte before its hole."""
    assert mover([Span(local.end, 16)], [Span(remote.end, 16)]) == Err(EFAULT)
    unchanged(local, remote)


FRESH = table("at", ("aligned", 0), ("odd", 5))


def local_never_touched(mover: Mover, remote: Memory, at: int) -> None:
    """Local memory that has no page yet."""
    local = mover.caller.pages(1)
    near = local[at : at + 64]
    assert mover([near], [remote[:64]]) == Ok(64)
    mover.moved(local, [near], remote, [remote[:64]])
