"""The two vectors of a Mover: how many segments, where the arrays lie, how long segments are."""

from errno import EFAULT, EINVAL
from typing import Any

from fixtures.cases import table
from fixtures.memory import KERNEL_ADDRESS
from fixtures.vectors import place, scattered
from helpers.abi import constants as c
from helpers.memory import Memory, Span, spans, unchanged
from helpers.outcome import Err, Ok
from suites.shared.mover import Mover
from suites.shared.segments import TOO_MANY, WRAPPED, with_length

SSIZE_MAX = (1 << 63) - 1
MOST = c.UIO_MAXIOV

# -- how many

LOCAL_COUNTS = table("count", *TOO_MANY, ("two-to-32-and-iov-max-plus-1", WRAPPED + MOST + 1))
REMOTE_COUNTS = table("count", *TOO_MANY, ("two-to-32", WRAPPED), ("two-to-32-and-1", WRAPPED + 1))


def too_many_local(mover: Mover, local: Memory, remote: Memory, count: int) -> None:
    """A local count above IOV_MAX."""
    vector = list(spans(local, 1, MOST + 1))
    assert mover.raw(vector, count, [remote], 1) == Err(EINVAL)
    unchanged(local, remote)


def too_many_remote(mover: Mover, local: Memory, remote: Memory, count: int) -> None:
    """A remote count above IOV_MAX."""
    vector = list(spans(remote, 1, MOST + 1))
    assert mover.raw([local], 1, vector, count) == Err(EINVAL)
    unchanged(local, remote)


#: (local count, what it acts as)
WRAPPED_COUNTS = table(
    "shape",
    ("two-to-32", (WRAPPED, 0)),
    ("two-to-32-and-1", (WRAPPED + 1, 1)),
    ("two-to-32-and-iov-max", (WRAPPED + MOST, MOST)),
)


def local_count_modulo(
    mover: Mover, local: Memory, remote: Memory, count: int, acts_as: int
) -> None:
    """Only 32 bits of the local count count."""
    vector = list(spans(local, 1, MOST + 1))
    assert mover.raw(vector, count, [remote], 1) == Ok(acts_as)
    mover.moved(local, vector[:acts_as], remote, [remote[:acts_as]])


SIDES = table("side", ("local", "local"), ("remote", "remote"))


def empty_segments_count(mover: Mover, local: Memory, remote: Memory, side: str) -> None:
    """IOV_MAX empty segments after one that is not."""
    empties = [local[:0]] * MOST
    near = [local, *(empties if side == "local" else [])]
    far = [remote, *(empties if side == "remote" else [])]
    assert mover(near, far) == Err(EINVAL)
    unchanged(local, remote)


def count_before_array(mover: Mover, local: Memory, side: str) -> None:
    """The array cannot be read, and there are too many."""
    good: tuple[Any, int] = ([local], 1)
    bad: tuple[Any, int] = (None, MOST + 1)
    near, far = (bad, good) if side == "local" else (good, bad)
    assert mover.raw(*near, *far, pid=mover.caller.pid) == Err(EINVAL)
    local.unchanged()


def divided(whole: Span, count: int) -> list[Span]:
    """That many segments one after another, as long as each other but for the last."""
    size = whole.length // count
    return [*spans(whole, size, count - 1), whole[size * (count - 1) :]]


#: The kernel has room for eight segments on its stack and allocates for more (UIO_FASTIOV):
#: (segments that are filled, segments that are read)
UP_TO_MOST = table(
    "shape",
    ("8-from-8", (8, 8)),
    ("8-from-9", (8, 9)),
    ("9-from-8", (9, 8)),
    ("9-from-9", (9, 9)),
    ("1-from-iov-max", (1, MOST)),
    ("iov-max-from-1", (MOST, 1)),
    ("iov-max-from-iov-max", (MOST, MOST)),
)


def up_to_most(mover: Mover, local: Memory, remote: Memory, into: int, out_of: int) -> None:
    """Up to IOV_MAX segments on either side."""
    total = 3 * max(into, out_of)
    near, far = mover.roles(into, out_of)
    near_parts = divided(local[11 : 11 + total], near)
    far_parts = divided(remote[5 : 5 + total], far)
    assert mover(near_parts, far_parts) == Ok(total)
    mover.moved(local, near_parts, remote, far_parts)


def most_segments_backwards(mover: Mover, local: Memory, remote: Memory) -> None:
    """IOV_MAX segments to be read, the last first."""
    sink, source = mover.roles(local, remote)
    backwards = list(spans(source, 3, MOST))[::-1]
    near, far = mover.roles([sink[:]], backwards)
    assert mover(near, far) == Ok(3 * MOST)
    arrived = b"".join(piece.bytes() for piece in source.pieces(*backwards))
    assert sink.read() == arrived + sink.piece(sink[len(arrived) :]).bytes()


def scattered_on_both_sides(mover: Mover, local: Memory, remote: Memory) -> None:
    """21 segments of 4 bytes and 12 of 7."""
    into, out_of = mover.roles([4] * 21, [7] * 12)
    near, far = scattered(local, into), scattered(remote, out_of)
    assert mover(near, far) == Ok(84)
    mover.moved(local, near, remote, far)


# -- where the arrays lie


def array_is_efault(mover: Mover, local: Memory, remote: Memory, where: Any, side: str) -> None:
    """One array cannot be read in full."""
    vectors: dict[str, Any] = {"local": ([local[:16]], 1), "remote": ([remote[:16]], 1)}
    memory = local if side == "local" else remote
    vectors[side] = where(mover.caller, [memory[:8], memory[8:16]]), 2
    assert mover.raw(*vectors["local"], *vectors["remote"]) == Err(EFAULT)
    unchanged(local, remote)


def arrays_are_only_read(mover: Mover, local: Memory, remote: Memory) -> None:
    """Both arrays lie in memory that cannot be written."""
    caller = mover.caller
    array = caller.pages(1)
    place(caller, array.address, [local[5:15], remote[40:50]])
    caller.must.mprotect(array, array.length, c.PROT_READ)
    assert mover.raw(array.address, 1, array.address + 16, 1) == Ok(10)
    mover.moved(local, [local[5:15]], remote, [remote[40:50]])


def array_may_end_at_a_hole(mover: Mover, local: Memory, remote: Memory) -> None:
    """Nothing behind the last segment is looked at."""
    address = mover.caller.pages(1).end - 32
    parts = [local[5:15], local[20:30]]
    place(mover.caller, address, parts)
    assert mover.raw(address, 2, [remote[:20]], 1) == Ok(20)
    mover.moved(local, parts, remote, [remote[:20]])


#: (good segments before it, its length)
LOCAL_KERNEL_ADDRESS = table(
    "shape",
    ("alone", (0, 8)),
    ("alone-and-empty", (0, 0)),
    ("after-a-good-one", (1, 8)),
    ("empty-after-a-good-one", (1, 0)),
    ("after-eight-good-ones", (8, 8)),
)


def local_kernel_address(
    mover: Mover, local: Memory, remote: Memory, good: int, length: int
) -> None:
    """A local address that is the kernel's; the remote bytes would fit into the good segments."""
    vector = [*spans(local, 8, good), Span(KERNEL_ADDRESS, length)]
    assert mover(vector, [remote[: 8 * good or 8]]) == Err(EFAULT)
    unchanged(local, remote)


#: (address, length, bytes of the local side, bytes moved)
REMOTE_ADDRESSES = table(
    "shape",
    ("kernel-address-behind-the-end", (KERNEL_ADDRESS, 8, 8, 8)),
    ("kernel-address-reached", (KERNEL_ADDRESS, 8, 16, 8)),
    ("kernel-address-empty", (KERNEL_ADDRESS, 0, 16, 8)),
    ("null-reached", (0, 8, 16, 8)),
)


def remote_address_when_reached(
    mover: Mover, local: Memory, remote: Memory, base: int, length: int, near: int, moved: int
) -> None:
    """A bad remote address behind a good one."""
    assert mover([local[:near]], [remote[:8], Span(base, length)]) == Ok(moved)
    mover.moved(local, [local[:8]], remote, [remote[:8]])


def empty_remote_segment_anywhere(mover: Mover, local: Memory, remote: Memory) -> None:
    """Empty remote segments may point to the kernel."""
    far = [Span(KERNEL_ADDRESS, 0), Span(0, 0), remote[:8]]
    assert mover([local[:8]], far) == Ok(8)
    mover.moved(local, [local[:8]], remote, [remote[:8]])


# -- how long


def negative_local_length(
    mover: Mover, local: Memory, remote: Memory, position: int, length: int
) -> None:
    """A local length that is negative."""
    assert mover(with_length(local, position, length), [remote]) == Err(EINVAL)
    unchanged(local, remote)


def negative_remote_length(
    mover: Mover, local: Memory, remote: Memory, position: int, length: int
) -> None:
    """A remote one, also of a segment that is not reached: there is room for the first."""
    assert mover([local[:16]], with_length(remote, position, length)) == Err(EINVAL)
    unchanged(local, remote)


def greatest_remote_length(mover: Mover, local: Memory, remote: Memory) -> None:
    """SSIZE_MAX, and 16 local bytes."""
    assert mover([local[9:25]], [Span(remote.address + 7, SSIZE_MAX)]) == Ok(16)
    mover.moved(local, [local[9:25]], remote, [remote[7:23]])


def _overflowing(memory: Memory) -> list[Span]:
    return [memory[:4], Span(memory.address + 100, SSIZE_MAX), Span(memory.address, SSIZE_MAX)]


def remote_sum_overflows(mover: Mover, local: Memory, remote: Memory) -> None:
    """Remote lengths that add up to more than SSIZE_MAX, and 16 local bytes."""
    assert mover([local[9:25]], _overflowing(remote)) == Ok(16)
    mover.moved(local, [local[9:25]], remote, [remote[:4], remote[100:112]])


def local_sum_overflows(mover: Mover, local: Memory, remote: Memory, errno: int) -> None:
    """Local lengths that add up to more than SSIZE_MAX, and 16 remote bytes."""
    assert mover(_overflowing(local), [remote[:16]]) == Err(errno)
    unchanged(local, remote)


# -- what the manual page says of them and kernels do otherwise


def remote_sum_is_einval(mover: Mover, local: Memory, remote: Memory) -> None:
    """As the page has it for a sum that overflows a ssize_t."""
    assert mover([local[:16]], _overflowing(remote)) == Err(EINVAL)
    unchanged(local, remote)


BEYOND_32_BITS = table("count", ("two-to-32", WRAPPED), ("two-to-32-and-1", WRAPPED + 1))


def local_count_beyond_32_bits(mover: Mover, local: Memory, remote: Memory, count: int) -> None:
    """As the page has it for every count above IOV_MAX."""
    assert mover.raw([local[:1]], count, [remote], 1) == Err(EINVAL)
    unchanged(local, remote)


#: (bytes of a first segment, the answer)
SPLIT = table("shape", ("first", (0, Err(EFAULT))), ("second", (7, Ok(7))))


def remote_segment_is_not_split(
    mover: Mover, local: Memory, remote: Memory, before: int, answer: Any
) -> None:
    """As the page has it for a segment that runs into a hole."""
    assert mover([local], [remote[:before], Span(remote.end - 10, 20)]) == answer
    mover.moved(local, [local], remote, [remote[:before]])


#: Seconds that copying 2 GB may take.
_COPYING = 45.0


def most_bytes(page: int) -> int:
    """What one call moves at the most: include/linux/fs.h, MAX_RW_COUNT."""
    return ((1 << 31) - 1) & -page


def more_than_a_call_moves(mover: Mover) -> None:
    """2 GB and some, in segments that all mean the same memory: the local vector is cut."""
    size = 1 << 21
    page = mover.caller.page_size
    local = mover.caller.memory(size + page)
    remote = mover.target.memory(size + page)
    call = mover.begin([local[:]] * MOST, [remote[:]] * MOST)
    # an emulated processor copies for longer than an answer is waited for
    mover.caller.session.poll(lambda: call.done, _COPYING)
    assert call.result() == Ok(most_bytes(page))
