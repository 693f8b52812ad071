"""From one pipe into another: slots move, and are split where len ends."""

from errno import EAGAIN, EPIPE

from fixtures.cases import clause, needs, table
from fixtures.pipes import Pipe, make_fifo, make_pipe
from helpers.abi import constants as c
from helpers.child import Child
from helpers.memory import cut
from helpers.outcome import Err, Ok

pytestmark = needs("splice")

SIZE_MAX = (1 << 64) - 1


@clause("splice:between-pipes:up-to-len")
@table("length", ("one", 1), ("nine", 9), ("all", 10))
def test_it_moves_up_to_len_bytes(caller: Child, pipe: Pipe, length: int) -> None:
    data, output = caller.memory(10, seed=1), make_pipe(caller)
    pipe.put(data[:])
    assert caller.splice(pipe.read, None, output.write, None, length, 0) == Ok(length)
    output.holds(data.piece(data[:length]))
    pipe.holds(data.piece(data[length:]))


@clause("splice:between-pipes:what-is-there")
@table(
    "length",
    ("one-more", 11),
    ("2-to-31", 1 << 31),
    ("2-to-32", 1 << 32),
    ("ssize-max", (1 << 63) - 1),
    ("size-max", SIZE_MAX),
)
@table("flags", ("plain", 0), ("nonblock", c.SPLICE_F_NONBLOCK))
def test_it_moves_what_is_there(caller: Child, pipe: Pipe, length: int, flags: int) -> None:
    data, output = caller.memory(10, seed=1), make_pipe(caller)
    pipe.put(data[:])
    assert caller.splice(pipe.read, None, output.write, None, length, flags) == Ok(10)
    output.holds(data.piece(data[:]))
    pipe.holds()


@clause("splice:between-pipes:what-is-there")
def test_a_full_pipe_moves_whole(caller: Child, full_pipe: Pipe) -> None:
    output, size = make_pipe(caller), full_pipe.capacity
    assert caller.splice(full_pipe.read, None, output.write, None, SIZE_MAX, 0) == Ok(size)
    output.holds(full_pipe.content())
    full_pipe.holds()
    assert full_pipe.free_slots() == full_pipe.slots


@clause("splice:between-pipes:as-many-slots-as-are-free")
@table("flags", ("plain", 0), ("nonblock", c.SPLICE_F_NONBLOCK))
def test_it_fills_the_free_slots_and_returns(caller: Child, full_pipe: Pipe, flags: int) -> None:
    page, size = caller.page_size, full_pipe.capacity
    output = make_pipe(caller)
    output.fill()
    caller.must.read(output.read, caller.pages(1), page)
    assert caller.splice(full_pipe.read, None, output.write, None, SIZE_MAX, flags) == Ok(page)
    content = full_pipe.content()
    output.holds(*cut([content], page, size), *cut([content], 0, page))
    full_pipe.holds(*cut([content], page, size))


@clause("splice:between-pipes:up-to-len")
def test_it_ends_in_the_middle_of_a_slot(caller: Child, full_pipe: Pipe) -> None:
    page, size = caller.page_size, full_pipe.capacity
    output, content = make_pipe(caller), full_pipe.content()
    count = page + 5
    assert caller.splice(full_pipe.read, None, output.write, None, count, 0) == Ok(count)
    output.holds(*cut([content], 0, count))
    full_pipe.holds(*cut([content], count, size))


@clause("splice:between-pipes:split-slot-counts-twice")
@needs("pipe-slots")
def test_a_split_slot_is_a_slot_in_both_pipes(caller: Child, pipe: Pipe) -> None:
    data, output = caller.memory(10, seed=1), make_pipe(caller)
    pipe.put(data[:])
    assert caller.splice(pipe.read, None, output.write, None, 4, 0) == Ok(4)
    assert pipe.free_slots() == pipe.slots - 1
    assert output.free_slots() == output.slots - 1


@clause("splice:isolation:later-writes-stay-apart")
@table("length", ("all", 10), ("a-part", 4))
def test_later_writes_are_seen_in_one_pipe_alone(caller: Child, pipe: Pipe, length: int) -> None:
    data, output = caller.memory(10, seed=1), make_pipe(caller)
    first, second = caller.memory(20, seed=2), caller.memory(30, seed=3)
    pipe.put(data[:])
    assert caller.splice(pipe.read, None, output.write, None, length, 0) == Ok(length)
    output.put(second[:])
    pipe.put(first[:])
    pipe.holds(data.piece(data[length:]), first.piece(first[:]))
    output.holds(data.piece(data[:length]), second.piece(second[:]))


@clause("splice:packets:keep-their-bounds")
@needs("packet-pipes")
def test_packets_move_as_packets(caller: Child) -> None:
    packets, output = make_pipe(caller, c.O_DIRECT), make_pipe(caller)
    data, sink = caller.memory(8, seed=1), caller.pages(1, seed=3)
    packets.put(data[:3])
    packets.put(data[3:])
    assert caller.splice(packets.read, None, output.write, None, 100, 0) == Ok(8)
    assert caller.read(output.read, sink, 100) == Ok(3)
    sink.holds([data.piece(data[:3])])
    output.holds(data.piece(data[3:]))


@clause("splice:fifo:is-a-pipe")
def test_fifos_are_pipes(caller: Child, directory: str) -> None:
    data = caller.memory(10, seed=1)
    pipes = [Pipe(caller, fifo, fifo) for fifo in (make_fifo(caller, directory),
                                                   make_fifo(caller, directory))]  # fmt: skip
    pipes[0].put(data[:])
    assert caller.splice(pipes[0].read, None, pipes[1].write, None, 6, 0) == Ok(6)
    pipes[0].holds(data.piece(data[6:]))
    pipes[1].holds(data.piece(data[:6]))


@clause("splice:between-pipes:end-is-0")
@table("flags", ("plain", 0), ("nonblock", c.SPLICE_F_NONBLOCK))
def test_an_input_without_writers_is_0(caller: Child, pipe: Pipe, flags: int) -> None:
    output = make_pipe(caller)
    pipe.close_write()
    assert caller.splice(pipe.read, None, output.write, None, 10, flags) == Ok(0)
    output.holds()


@clause("splice:errors:eagain")
@table("state", ("empty-input", "empty"), ("full-output", "full"))
@table("how", ("flag", "flag"), ("o-nonblock-of-the-input", "input"),
       ("o-nonblock-of-the-output", "output"))  # fmt: skip
def test_what_would_block_is_eagain(caller: Child, pipe: Pipe, state: str, how: str) -> None:
    output, data = make_pipe(caller), caller.memory(10, seed=1)
    if state == "full":
        output.fill()
        pipe.put(data[:])
    flags = c.SPLICE_F_NONBLOCK if how == "flag" else 0
    if how != "flag":
        fd = pipe.read if how == "input" else output.write
        caller.must.fcntl(fd, c.F_SETFL, c.O_NONBLOCK)
    assert caller.splice(pipe.read, None, output.write, None, 10, flags) == Err(EAGAIN)
    pipe.holds(*([data.piece(data[:])] if state == "full" else []))
    output.holds(*([output.content()] if state == "full" else []))


@clause("splice:nobody-reads:epipe")
@table("state", ("room", "room"), ("full", "full"))
@table("flags", ("plain", 0), ("nonblock", c.SPLICE_F_NONBLOCK))
def test_an_output_without_readers_is_epipe_with_one_sigpipe(
    caller: Child, pipe: Pipe, state: str, flags: int
) -> None:
    output, data = make_pipe(caller), caller.memory(10, seed=1)
    caller.catch(c.SIGPIPE)
    pipe.put(data[:])
    if state == "full":
        output.fill()
    output.close_read()
    assert caller.splice(pipe.read, None, output.write, None, 10, flags) == Err(EPIPE)
    assert caller.caught(c.SIGPIPE) == 1
    pipe.holds(data.piece(data[:]))


@clause("splice:cross:no-deadlock")
def test_two_pipes_move_into_each_other(caller: Child, pipe: Pipe) -> None:
    """Two threads, opposite directions: the locks are taken in one order, fs/pipe.c."""
    other, data = make_pipe(caller), caller.memory(2, seed=1)
    pipe.put(data[:])
    other.put(data[:])
    threads = [caller.thread("there"), caller.thread("back")]
    fds = [(pipe.read, other.write), (other.read, pipe.write)]
    pending = [
        thread.begin.splice(ends[0], None, ends[1], None, 1, c.SPLICE_F_NONBLOCK)
        for _ in range(40)
        for thread, ends in zip(threads, fds, strict=True)
    ]
    assert {answer.result() for answer in pending} <= {Ok(1), Err(EAGAIN)}
    assert pipe.occupancy() + other.occupancy() == 4


@clause("splice:cross:mixed")
def test_one_pipe_moves_while_the_other_is_duplicated_back(caller: Child, pipe: Pipe) -> None:
    """Both calls take both locks; each pipe keeps its byte, and gets others."""
    other, data = make_pipe(caller), caller.memory(40, seed=1)
    pipe.put(data[:])
    other.put(data[:1])
    moves, duplicates = caller.thread("moves"), caller.thread("duplicates")
    pending = [
        (
            moves.begin.splice(pipe.read, None, other.write, None, 1, c.SPLICE_F_NONBLOCK),
            duplicates.begin.tee(other.read, pipe.write, 1, c.SPLICE_F_NONBLOCK),
        )
        for _ in range(40)
    ]
    moved = sum(there.result() == Ok(1) for there, _ in pending)
    copied = sum(back.result() == Ok(1) for _, back in pending)
    answers = {answer.result() for pair in pending for answer in pair}
    assert answers <= {Ok(1), Err(EAGAIN)}
    assert pipe.occupancy() == 40 - moved + copied
    assert other.occupancy() == 1 + moved
