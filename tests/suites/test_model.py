"""The model of process_vmsplice by itself: the answer to a call, what moves, what a pipe shows."""

from collections.abc import Callable
from errno import EAGAIN, EBADF, EBUSY, EFAULT, EINVAL, EPIPE, ESRCH

import pytest

from helpers.abi import constants as c
from helpers.memory import Piece, Span, joined
from suites.process_vmsplice.model import SLEEPS, Call, Descriptor, done, predict
from suites.process_vmsplice.model_memory import File, Prot, Space
from suites.process_vmsplice.model_pipe import ModelPipe

PAGE = 4096
SSIZE_MAX = (1 << 63) - 1
GIFT, NONBLOCK = c.SPLICE_F_GIFT, c.SPLICE_F_NONBLOCK


def space_of(count: int = 4) -> Space:
    """Pages 0 to count - 1, each full of the pattern whose seed is its number and one."""
    space = Space(PAGE)
    for number in range(count):
        space.map(number)
        space.write(number * PAGE, [Piece(PAGE, number + 1)])
    return space


def call(*segments: tuple[int, int], space: Space | None = None) -> Call:
    spans = tuple(Span(*segment) for segment in segments)
    return Call(space or space_of(), Descriptor.WRITE_END, spans, len(spans), NONBLOCK)


def content(pipe: ModelPipe) -> list[Piece]:
    """What comes out of a pipe, where that is certain."""
    stretches = pipe.read(1 << 30)
    assert all(len(stretch.alternatives) == 1 for stretch in stretches)
    return joined([piece for stretch in stretches for piece in stretch.alternatives[0]])


def sent(space: Space, *segments: tuple[int, int], slots: int = 16) -> ModelPipe:
    """A pipe that a call has sent these segments into."""
    pipe = ModelPipe(PAGE, slots)
    made = call(*segments, space=space)
    (prediction,) = predict(made, pipe)
    done(made, prediction, pipe)
    return pipe


TRANSFERS = {
    "a byte": ([(7, 1)], 16, 1, 1),
    "a page": ([(0, PAGE)], 16, PAGE, 1),
    "a page at byte 1 touches two": ([(1, PAGE)], 16, PAGE, 2),
    "an end that is a page's touches no other": ([(1, PAGE - 1)], 16, PAGE - 1, 1),
    "empty ones take nothing": ([(5, 0), (5, 2), (1 << 60, 0)], 16, 2, 1),
    "the same bytes again": ([(5, 2)] * 3, 16, 6, 3),
    "what fits": ([(0, 4 * PAGE)], 2, 2 * PAGE, 2),
    "what fits of bytes": ([(3, 1)] * 9, 4, 4, 4),
    "unaligned, what fits": ([(100, 4 * PAGE)], 2, 2 * PAGE - 100, 2),
    "up to a hole": ([(3 * PAGE + 5, 2 * PAGE)], 16, PAGE - 5, 1),
    "before a bad segment": ([(0, 3), (9 * PAGE, 1), (0, 9)], 16, 3, 1),
    "not as far as a bad segment": ([(0, PAGE), (9 * PAGE, 1)], 1, PAGE, 1),
    "the greatest length": ([(2 * PAGE, SSIZE_MAX)], 16, 2 * PAGE, 2),
    "lengths that add up": ([(0, SSIZE_MAX), (0, SSIZE_MAX)], 16, 4 * PAGE, 4),
    "nobody's address at once": ([(9 * PAGE, 1), (0, 1)], 16, -EFAULT, 0),
    "beyond the address space": ([((1 << 64) - PAGE, 2 * PAGE)], 16, -EFAULT, 0),
}


@pytest.mark.parametrize("name", TRANSFERS)
def test_a_transfer_ends_where_memory_or_the_pipe_does(name: str) -> None:
    segments, slots, answer, taken = TRANSFERS[name]
    pipe = ModelPipe(PAGE, slots)
    (prediction,) = predict(call(*segments), pipe)
    assert (prediction.answer, len(prediction.slots)) == (answer, taken)
    assert prediction.clauses
    assert pipe.free == slots, "a prediction changes nothing"


def full() -> ModelPipe:
    pipe = ModelPipe(PAGE, 2)
    assert pipe.write(Piece(2 * PAGE, 9)) == 2 * PAGE
    return pipe


def lonely() -> ModelPipe:
    return ModelPipe(PAGE, 2, readers=False)


def empty() -> ModelPipe:
    return ModelPipe(PAGE, 2)


GOOD = (Span(0, PAGE),)
HOLE = (Span(9 * PAGE, 1),)
WRONG: dict[str, tuple[dict[str, object], Callable[[], ModelPipe], set[int | str]]] = {
    "unknown flag": ({"flags": 16}, empty, {-EINVAL}),
    "unknown flag, no segments": ({"flags": 16, "count": 0}, empty, {-EINVAL}),
    "too many": ({"count": 1025}, empty, {-EINVAL}),
    "too many, fd closed": ({"count": 1025, "fd": Descriptor.CLOSED}, empty, {-EINVAL}),
    "too many, not a pipe": ({"count": 1025, "fd": Descriptor.FILE}, empty, {-EINVAL, -EBADF}),
    "none": ({"count": 0, "space": None, "fd": Descriptor.CLOSED}, empty, {0}),
    "fd closed": ({"fd": Descriptor.CLOSED, "segments": None}, empty, {-EBADF}),
    "fd closed, nobody": ({"fd": Descriptor.CLOSED, "space": None}, empty, {-EBADF, -ESRCH}),
    "read end": ({"fd": Descriptor.READ_END}, empty, {-EBADF}),
    "read end, nobody": ({"fd": Descriptor.READ_END, "space": None}, empty, {-ESRCH}),
    "nobody": ({"space": None, "segments": HOLE}, full, {-ESRCH}),
    "nobody, nothing": ({"space": None, "segments": (Span(0, 0),)}, full, {-ESRCH, 0}),
    "bad array": ({"segments": None}, full, {-EFAULT}),
    "negative": ({"segments": (*GOOD, Span(0, -1))}, lonely, {-EINVAL}),
    "gift": ({"segments": (*GOOD, Span(1, PAGE)), "flags": GIFT}, lonely, {-EINVAL}),
    "gift of part": ({"segments": (Span(0, PAGE - 1),), "flags": GIFT}, full, {-EINVAL}),
    "gift, empty one unaligned": (
        {"segments": (*GOOD, Span(1, 0)), "flags": GIFT}, empty, {-EINVAL, PAGE},
    ),
    "nothing into a full pipe": ({"segments": (Span(1, 0),)}, full, {0}),
    "nothing for nobody to read": ({"segments": (Span(1, 0),)}, lonely, {0}),
    "nobody reads": ({"segments": HOLE}, lonely, {-EPIPE}),
    "full": ({"segments": HOLE, "flags": NONBLOCK | c.SPLICE_F_MOVE}, full, {-EAGAIN}),
    "full, may sleep": ({"segments": HOLE, "flags": 0}, full, {SLEEPS}),
    "hole": ({"segments": HOLE, "flags": 0}, empty, {-EFAULT}),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_of_several_faults_the_first_that_is_promised_is_reported(name: str) -> None:
    change, pipe, answers = WRONG[name]
    good = {"space": space_of(), "fd": Descriptor.WRITE_END, "segments": GOOD, "flags": 0}
    arguments = good | {"count": None} | change
    if arguments["count"] is None:
        arguments["count"] = len(arguments["segments"] or (None,))
    predictions = predict(Call(**arguments), pipe())
    assert {prediction.answer for prediction in predictions} == answers
    assert all(prediction.clauses for prediction in predictions)


# -- what the pipe shows


def test_later_writes_are_seen() -> None:
    space = space_of(2)
    pipe = sent(space, (PAGE - 2, 4))
    space.write(PAGE - 1, [Piece(2, 50)])
    assert content(pipe) == [Piece(1, 1, PAGE - 2), Piece(2, 50), Piece(1, 2, 1)]


def test_memory_never_touched_stays_zero_in_the_pipe() -> None:
    space = Space(PAGE)
    space.map(0)
    pipe = sent(space, (0, 4))
    space.write(0, [Piece(4, 50)])
    assert content(pipe) == [Piece(4, None)]
    assert content(sent(space, (0, 4))) == [Piece(4, 50)]


@pytest.mark.parametrize("writer", ["parent", "child"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_pages_of_a_relative_show_no_later_write(writer: str, when: str) -> None:
    parent = space_of(1)
    if when == "before":
        child = parent.fork()
        pipe = sent(parent, (0, 9))
    else:
        pipe = sent(parent, (0, 9))
        child = parent.fork()
    (parent if writer == "parent" else child).write(0, [Piece(9, 50)])
    assert content(pipe) == [Piece(9, 1)]


def test_a_copy_of_its_own_is_shared_with_the_pipe_again() -> None:
    parent = space_of(1)
    parent.fork()
    parent.write(0, [Piece(1, 50)])
    pipe = sent(parent, (0, 2))
    parent.write(1, [Piece(1, 51)])
    assert content(pipe) == [Piece(1, 50), Piece(1, 51)]


GIVING_UP: dict[str, Callable[[Space], None]] = {
    "unmapped": lambda space: space.unmap(0),
    "given back": lambda space: space.discard(0),
    "forbidden": lambda space: space.protect(0, Prot.NONE),
}


@pytest.mark.parametrize("how", GIVING_UP)
def test_the_pipe_keeps_what_the_target_gives_up(how: str) -> None:
    space = space_of(1)
    pipe = sent(space, (0, 9))
    GIVING_UP[how](space)
    assert content(pipe) == [Piece(9, 1)]
    again = content(sent(space, (0, 9)))
    assert again == ([Piece(9, None)] if how == "given back" else [])


def test_after_a_change_of_protection_a_write_is_seen_or_not() -> None:
    space = space_of(1)
    pipe = sent(space, (0, 2))
    space.protect(0, Prot.READ)
    space.protect(0, Prot.READ_WRITE)
    space.write(0, [Piece(1, 50)])
    space.write(1, [Piece(1, 51)])
    (stretch,) = pipe.read(2)
    assert stretch.alternatives == ((Piece(2, 1),), (Piece(1, 50), Piece(1, 51)))
    pipe = sent(space, (0, 2))
    space.write(0, [Piece(2, 52)])
    assert content(pipe) == [Piece(2, 52)], "only the first write is uncertain"


def file_space(private: bool, size: int = PAGE) -> tuple[File, Space]:
    file = File(PAGE, size, [Piece(size, 7)])
    space = Space(PAGE)
    for number in range(2):
        space.map(number, file, number, private=private)
    return file, space


def test_a_file_ends_with_the_page_in_which_it_ends() -> None:
    _, space = file_space(private=False, size=100)
    pipe = sent(space, (50, 2 * PAGE))
    assert content(pipe) == [Piece(50, 7, 50), Piece(PAGE - 100, None)]
    assert space.can_write(0)
    assert not space.can_write(1)
    assert space.writable_part(PAGE - 3, 10) == 3


@pytest.mark.parametrize("private", [True, False])
def test_a_write_to_the_file_is_seen(private: bool) -> None:
    file, space = file_space(private)
    pipe = sent(space, (0, 3))
    file.write(1, [Piece(1, 50)])
    assert content(pipe) == [Piece(1, 7), Piece(1, 50), Piece(1, 7, 2)]


def test_a_write_to_a_private_mapping_is_not_the_files() -> None:
    file, space = file_space(private=True)
    pipe = sent(space, (0, 2))
    space.write(0, [Piece(1, 50)])
    file.write(1, [Piece(1, 51)])
    assert content(pipe) == [Piece(1, 7), Piece(1, 51)]
    assert content(sent(space, (0, 2))) == [Piece(1, 50), Piece(1, 7, 1)]


def test_protection_decides_what_can_be_sent_and_written() -> None:
    space = space_of(4)
    for number, prot in enumerate(Prot):
        space.protect(number, prot)
    readable = [space.read(number).frame is not None for number in range(4)]
    assert readable == [prot.readable for prot in Prot]
    assert [space.can_write(number) for number in range(4)] == [prot.writable for prot in Prot]


# -- the pipe


def test_a_slot_is_free_when_its_last_byte_was_read() -> None:
    pipe = sent(space_of(2), (0, 2 * PAGE), slots=2)
    pipe.read(PAGE - 1)
    assert (pipe.free, pipe.bytes) == (0, PAGE + 1)
    pipe.read(1)
    assert (pipe.free, pipe.bytes) == (1, PAGE)


def test_a_write_is_added_to_a_page_of_the_pipes_own_only() -> None:
    pipe = ModelPipe(PAGE, 4)
    assert [pipe.write(Piece(100, 1)), pipe.write(Piece(100, 2))] == [100, 100]
    assert pipe.free == 3
    space = space_of(1)
    made = call((0, 10), space=space)
    done(made, predict(made, pipe)[0], pipe)
    assert pipe.write(Piece(1, 3)) == 1
    assert pipe.free == 1
    assert pipe.write(Piece(PAGE - 1, 4)) == PAGE - 1
    assert pipe.free == 1, "it fits beside the one byte"
    assert content(pipe)[2:] == [Piece(10, 1), Piece(1, 3), Piece(PAGE - 1, 4)]
    assert space.read(0).frame.content == [Piece(PAGE, 1)]


def test_what_is_longer_than_a_page_takes_slots_for_the_rest() -> None:
    pipe = ModelPipe(PAGE, 4)
    assert pipe.write(Piece(PAGE + 1, 1)) == PAGE + 1
    assert pipe.free == 2
    assert pipe.write(Piece(3 * PAGE, 2)) == 2 * PAGE
    assert pipe.write(Piece(1, 3)) == -EAGAIN
    assert content(pipe) == [Piece(PAGE + 1, 1), Piece(2 * PAGE, 2)]


def test_a_pipe_is_resized_to_a_power_of_two_that_holds_its_slots() -> None:
    pipe = sent(space_of(1), *[(0, 1)] * 3)
    assert pipe.resize(2) == -EBUSY
    assert pipe.resize(3) == 4 * PAGE
    assert pipe.free == 1


def test_a_write_that_nobody_reads_is_a_signal() -> None:
    pipe = lonely()
    assert pipe.write(Piece(1, 1)) == -EPIPE
    made = call((0, 1))
    done(made, predict(made, pipe)[0], pipe)
    assert pipe.signals == 2
