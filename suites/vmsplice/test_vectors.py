"""The array of segments: its number, its place, its lengths."""

from collections.abc import Callable
from errno import EFAULT, EINVAL

from fixtures.cases import clause, needs, table
from fixtures.memory import KERNEL_ADDRESS, NON_CANONICAL
from fixtures.pipes import Pipe
from fixtures.vectors import place
from helpers.abi import constants as c
from helpers.child import Child
from helpers.memory import Memory, spans
from helpers.outcome import Err, Ok, Result

pytestmark = needs("vmsplice")

SSIZE_MAX = (1 << 63) - 1
SEGMENT = 16


@clause("vmsplice:segments:up-to-iov-max")
@table("empty_ones", ("last", "first"), ("first", "last"))
def test_iov_max_segments_are_accepted(caller: Child, pipe: Pipe, empty_ones: str) -> None:
    memory = caller.pages(1, seed=1)
    empties = [memory[0:0]] * (c.UIO_MAXIOV - 1)
    segments = [*empties, memory[5:8]] if empty_ones == "first" else [memory[5:8], *empties]
    assert caller.vmsplice(pipe.write, segments, c.UIO_MAXIOV, 0) == Ok(3)
    pipe.holds(memory.piece(memory[5:8]))


@clause("vmsplice:errors:einval-too-many")
@table(
    "count", ("iov-max-plus-1", c.UIO_MAXIOV + 1), ("2-to-31", 1 << 31), ("int-max", (1 << 31) - 1)
)
def test_more_segments_are_einval(caller: Child, pipe: Pipe, count: int) -> None:
    memory = caller.pages(1, seed=1)
    segments = [memory[:1]] + [memory[0:0]] * c.UIO_MAXIOV
    assert caller.vmsplice(pipe.write, segments, count, 0) == Err(EINVAL)
    pipe.holds()


@clause("vmsplice:errors:einval-too-many")
def test_more_segments_are_einval_though_all_are_empty(caller: Child, pipe: Pipe) -> None:
    memory = caller.pages(1, seed=1)
    count = c.UIO_MAXIOV + 1
    assert caller.vmsplice(pipe.write, [memory[0:0]] * count, count, 0) == Err(EINVAL)


@clause("vmsplice:segments:count-is-32-bits")
@table(
    "count, expected",
    ("2-to-32", 1 << 32, Ok(0)),
    ("2-to-32-plus-1", (1 << 32) + 1, Ok(3)),
    ("2-to-32-plus-1025", (1 << 32) + c.UIO_MAXIOV + 1, Err(EINVAL)),
)
def test_only_32_bits_of_the_count_count(
    caller: Child, pipe: Pipe, count: int, expected: Result
) -> None:
    memory = caller.pages(1, seed=1)
    assert caller.vmsplice(pipe.write, [memory[:3], memory[5:9]], count, 0) == expected
    pipe.holds(memory.piece(memory[: expected.value if expected.ok else 0]))


@clause("vmsplice:segments:in-order")
def test_segments_are_taken_in_their_order(caller: Child, pipe: Pipe) -> None:
    memory = caller.pages(2, seed=1)
    parts = [memory[90:93], memory[0:0], memory[5:7], memory[0:0], memory[4000:4200], memory[5:7]]
    assert caller.vmsplice(pipe.write, parts, len(parts), 0) == Ok(207)
    pipe.holds(*memory.pieces(*parts))


@clause("vmsplice:segments:in-order")
@table("count", ("one", 1), ("eight", 8), ("nine", 9))
def test_every_segment_is_taken(caller: Child, pipe: Pipe, count: int) -> None:
    memory = caller.pages(1, seed=1)
    parts = list(spans(memory, 7, count))
    assert caller.vmsplice(pipe.write, parts, count, 0) == Ok(7 * count)
    pipe.holds(memory.piece(memory[: 7 * count]))


@clause("vmsplice:errors:einval-length")
@table(
    "at, length",
    *[(f"{name}-{where}", at, length)
      for name, length in (("minus-one", -1), ("least", -(1 << 63)))
      for where, at in (("first", 0), ("middle", 1), ("last", 2))],
)  # fmt: skip
def test_a_negative_length_is_einval(caller: Child, pipe: Pipe, at: int, length: int) -> None:
    memory = caller.pages(1, seed=1)
    segments: list[object] = [memory[:3], memory[3:6], memory[6:9]]
    segments[at] = (memory.address, length)
    assert caller.vmsplice(pipe.write, segments, 3, 0) == Err(EINVAL)
    pipe.holds()


@clause("vmsplice:segments:sum-may-overflow")
def test_lengths_that_overflow_together_are_efault(caller: Child, pipe: Pipe) -> None:
    memory = caller.pages(1, seed=1)
    segments = [(memory.address, SSIZE_MAX), (memory.address, SSIZE_MAX)]
    assert caller.vmsplice(pipe.write, segments, 2, 0) == Err(EFAULT)
    pipe.holds()


@clause("vmsplice:capacity:short")
def test_a_length_beyond_the_mapping_takes_what_fits(caller: Child, pipe: Pipe) -> None:
    memory = caller.pages(pipe.slots + 1, seed=1)
    capacity = pipe.capacity
    assert caller.vmsplice(pipe.write, [(memory.address, 1 << 40)], 1, 0) == Ok(capacity)
    pipe.holds(memory.piece(memory[:capacity]))


@clause("vmsplice:segments:all-in-user-space")
@table("base", ("kernel", KERNEL_ADDRESS), ("non-canonical", NON_CANONICAL), ("top", (1 << 64) - 4))
@table("length", ("three-bytes", 3), ("empty", 0))
def test_an_address_of_the_kernel_spoils_every_segment(
    caller: Child, pipe: Pipe, base: int, length: int
) -> None:
    memory = caller.pages(1, seed=1)
    for segments in (
        [memory[:3], (base, length)],
        [(base, length), memory[:3]],
        [memory[:3], (base, length), memory[3:6]],
    ):
        assert caller.vmsplice(pipe.write, segments, len(segments), 0) == Err(EFAULT)
    pipe.holds()


@clause("vmsplice:segments:all-in-user-space")
def test_a_range_that_wraps_around_is_efault(caller: Child, pipe: Pipe) -> None:
    memory = caller.pages(1, seed=1)
    segments = [memory[:3], ((1 << 64) - 4096, 8192)]
    assert caller.vmsplice(pipe.write, segments, 2, 0) == Err(EFAULT)
    pipe.holds()


@clause("vmsplice:segments:empty-ones-are-skipped")
@table("base", ("null", 0), ("eight", 8))
def test_an_empty_segment_is_not_looked_at(caller: Child, pipe: Pipe, base: int) -> None:
    memory = caller.pages(1, seed=1)
    segments = [(base, 0), memory[:3], (memory.end, 0), memory[3:5]]
    assert caller.vmsplice(pipe.write, segments, 4, 0) == Ok(5)
    pipe.holds(memory.piece(memory[:5]))


def _null(caller: Child, memory: Memory) -> int:
    return 0


def _hole(caller: Child, memory: Memory) -> int:
    return memory.end


def _into_hole(caller: Child, memory: Memory) -> int:
    place(caller, memory.end - SEGMENT, [memory[:3]])
    return memory.end - SEGMENT


def _half_in_hole(caller: Child, memory: Memory) -> int:
    return memory.end - SEGMENT // 2


def _no_access(caller: Child, memory: Memory) -> int:
    array = caller.pages(1)
    place(caller, array.address, [memory[:3], memory[:3]])
    caller.must.mprotect(array, array.length, c.PROT_NONE)
    return array.address


@clause("vmsplice:errors:efault-array")
@table(
    "where",
    ("null", _null),
    ("hole", _hole),
    ("second-segment-in-a-hole", _into_hole),
    ("first-segment-half-in-a-hole", _half_in_hole),
    ("no-access", _no_access),
    ("kernel", lambda caller, memory: KERNEL_ADDRESS),
    ("non-canonical", lambda caller, memory: NON_CANONICAL),
)
@table("count", ("two", 2), ("nine", 9))
def test_an_array_that_cannot_be_read_is_efault(
    caller: Child, pipe: Pipe, where: Callable[[Child, Memory], int], count: int
) -> None:
    memory = caller.pages(1, seed=1)
    assert caller.vmsplice(pipe.write, where(caller, memory), count, 0) == Err(EFAULT)
    pipe.holds()


@clause("vmsplice:segments:in-order")
@table(
    "name, prot",
    ("read-only", "end", c.PROT_READ),
    ("misaligned", "odd", c.PROT_READ | c.PROT_WRITE),
)
def test_an_array_may_lie_anywhere(caller: Child, pipe: Pipe, name: str, prot: int) -> None:
    memory = caller.pages(1, seed=1)
    array = caller.pages(1)
    address = array.end - 2 * SEGMENT if name == "end" else array.address + 3
    place(caller, address, [memory[:3], memory[7:9]])
    caller.must.mprotect(array, array.length, prot)
    assert caller.vmsplice(pipe.write, address, 2, 0) == Ok(5)
    pipe.holds(*memory.pieces(memory[:3], memory[7:9]))


@clause("vmsplice:segments:none-is-0")
@table("array", ("null", None), ("kernel", KERNEL_ADDRESS))
def test_no_segments_need_no_array(caller: Child, pipe: Pipe, array: int | None) -> None:
    assert caller.vmsplice(pipe.write, array, 0, 0) == Ok(0)
    pipe.holds()
