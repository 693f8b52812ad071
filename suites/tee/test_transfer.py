"""What is duplicated: how much, that it is not consumed, and that the copies stay apart."""

from errno import EAGAIN

from fixtures.cases import clause, needs, table
from fixtures.pipes import Pipe, make_pipe
from helpers.abi import constants as c
from helpers.child import Child
from helpers.memory import Piece, cut
from helpers.outcome import Err, Ok
from suites.shared import events

pytestmark = needs("tee")

SIZE_MAX = (1 << 64) - 1


@clause("tee:transfer:up-to-len")
@table("length", ("one", 1), ("nine", 9), ("all", 10))
def test_it_duplicates_up_to_len_bytes(caller: Child, pipe: Pipe, length: int) -> None:
    data, output = caller.memory(10, seed=1), make_pipe(caller)
    pipe.put(data[:])
    assert caller.tee(pipe.read, output.write, length, 0) == Ok(length)
    output.holds(data.piece(data[:length]))
    pipe.holds(data.piece(data[:]))


@clause("tee:transfer:what-is-there")
@table(
    "length",
    ("one-more", 11),
    ("page", 4096),
    ("int-max", (1 << 31) - 1),
    ("2-to-31", 1 << 31),
    ("2-to-32", 1 << 32),
    ("ssize-max", (1 << 63) - 1),
    ("size-max", SIZE_MAX),
)
@table("flags", ("plain", 0), ("nonblock", c.SPLICE_F_NONBLOCK))
def test_it_duplicates_what_is_there_without_waiting(
    caller: Child, pipe: Pipe, length: int, flags: int
) -> None:
    data, output = caller.memory(10, seed=1), make_pipe(caller)
    pipe.put(data[:])
    assert caller.tee(pipe.read, output.write, length, flags) == Ok(10)
    output.holds(data.piece(data[:]))
    pipe.holds(data.piece(data[:]))


@clause("tee:transfer:what-is-there")
def test_a_full_pipe_is_duplicated_whole(caller: Child, full_pipe: Pipe) -> None:
    output = make_pipe(caller)
    size, content = full_pipe.capacity, full_pipe.content()
    assert caller.tee(full_pipe.read, output.write, SIZE_MAX, 0) == Ok(size)
    output.holds(content)
    full_pipe.holds(content)


@clause("tee:transfer:up-to-len")
def test_it_ends_in_the_middle_of_a_slot(caller: Child, full_pipe: Pipe) -> None:
    output = make_pipe(caller)
    page, content = caller.page_size, full_pipe.content()
    assert caller.tee(full_pipe.read, output.write, 2 * page + 5, 0) == Ok(2 * page + 5)
    assert output.occupancy() == 2 * page + 5
    output.holds(*cut([content], 0, 2 * page + 5))
    full_pipe.holds(content)


@clause("tee:transfer:up-to-len")
def test_it_begins_in_the_middle_of_a_slot(caller: Child, pipe: Pipe) -> None:
    data, output = caller.memory(10, seed=1), make_pipe(caller)
    pipe.put(data[:])
    caller.must.read(pipe.read, caller.memory(3), 3)
    assert caller.tee(pipe.read, output.write, 4, 0) == Ok(4)
    output.holds(data.piece(data[3:7]))
    pipe.holds(data.piece(data[3:]))


@clause("tee:transfer:as-many-slots-as-are-free")
@table("flags", ("plain", 0), ("nonblock", c.SPLICE_F_NONBLOCK))
def test_it_fills_the_free_slots_and_returns(caller: Child, full_pipe: Pipe, flags: int) -> None:
    page, content = caller.page_size, full_pipe.content()
    output = make_pipe(caller)
    filled = output.fill()
    caller.must.read(output.read, caller.pages(1), page)
    assert caller.tee(full_pipe.read, output.write, SIZE_MAX, flags) == Ok(page)
    output.holds(*cut([output.content()], page, filled - page), *cut([content], 0, page))
    full_pipe.holds(content)


@clause("tee:transfer:as-many-slots-as-are-free")
@needs("packet-pipes")
def test_slots_are_counted_not_bytes(caller: Child, pipe: Pipe) -> None:
    """Slots of one byte: an output of two slots takes two of them."""
    page = caller.page_size
    output = make_pipe(caller, c.O_DIRECT)
    packets = make_pipe(caller, c.O_DIRECT)
    data = caller.memory(3, seed=1)
    caller.must.fcntl(output.write, c.F_SETPIPE_SZ, 2 * page)
    for index in range(3):
        packets.put(data[index : index + 1])
    assert caller.tee(packets.read, output.write, 100, c.SPLICE_F_NONBLOCK) == Ok(2)
    assert caller.tee(packets.read, output.write, 100, c.SPLICE_F_NONBLOCK) == Err(EAGAIN)
    assert output.occupancy() == 2
    assert packets.occupancy() == 3


@clause("tee:transfer:not-consumed")
def test_it_can_be_repeated(caller: Child, pipe: Pipe) -> None:
    data, output = caller.memory(10, seed=1), make_pipe(caller)
    pipe.put(data[:])
    for length in (10, 4, 10):
        assert caller.tee(pipe.read, output.write, length, 0) == Ok(length)
    output.holds(*data.pieces(data[:], data[:4], data[:]))
    pipe.holds(data.piece(data[:]))


@clause("tee:transfer:not-consumed")
def test_what_was_duplicated_can_be_spliced(caller: Child, pipe: Pipe) -> None:
    data, output = caller.memory(10, seed=1), make_pipe(caller)
    file = caller.must.memfd_create("file", 0)
    pipe.put(data[:])
    assert caller.tee(pipe.read, output.write, 10, 0) == Ok(10)
    assert caller.splice(pipe.read, None, file, None, 10, 0) == Ok(10)
    events.file_holds(caller, file, data.piece(data[:]))
    output.holds(data.piece(data[:]))
    pipe.holds()


@clause("tee:transfer:not-consumed")
def test_the_copy_outlives_its_source(caller: Child, pipe: Pipe) -> None:
    data, output = caller.pages(2, seed=1), make_pipe(caller)
    pipe.put(data[:])
    assert caller.tee(pipe.read, output.write, data.length, 0) == Ok(data.length)
    pipe.close_read()
    pipe.close_write()
    output.holds(data.piece(data[:]))


@clause("tee:isolation:later-writes-stay-apart")
@table("into", ("input", "input"), ("output", "output"), ("both", "both"))
@table("length", ("all", 10), ("a-part", 4))
def test_a_later_write_is_seen_in_one_pipe_alone(
    caller: Child, pipe: Pipe, into: str, length: int
) -> None:
    """Neither pipe may add to the page that both have: the slot is marked for it, fs/splice.c."""
    data, output = caller.memory(10, seed=1), make_pipe(caller)
    first, second = caller.memory(20, seed=2), caller.memory(30, seed=3)
    pipe.put(data[:])
    assert caller.tee(pipe.read, output.write, length, 0) == Ok(length)
    if into in ("input", "both"):
        pipe.put(first[:])
    if into in ("output", "both"):
        output.put(second[:])
    pipe.holds(data.piece(data[:]), *([first.piece(first[:])] if into != "output" else []))
    output.holds(data.piece(data[:length]), *([second.piece(second[:])] if into != "input" else []))


@clause("tee:isolation:later-writes-stay-apart")
def test_a_pipe_that_was_used_before_does_not_add_to_the_page(caller: Child, pipe: Pipe) -> None:
    data, output = caller.memory(10, seed=1), make_pipe(caller)
    more = caller.memory(20, seed=2)
    used = caller.memory(output.capacity)
    caller.must.read(output.read, used, output.fill())
    pipe.put(data[:])
    assert caller.tee(pipe.read, output.write, 10, 0) == Ok(10)
    output.put(more[:])
    pipe.holds(data.piece(data[:]))
    output.holds(data.piece(data[:]), more.piece(more[:]))


@needs("page-sharing")
@clause("tee:sharing:pages-are-shared")
def test_both_pipes_show_what_is_written_to_the_page(caller: Child, pipe: Pipe) -> None:
    output = make_pipe(caller)
    memory = caller.pages(1, seed=1)
    caller.must.vmsplice(pipe.write, [memory], 1, c.SPLICE_F_GIFT)
    assert caller.tee(pipe.read, output.write, memory.length, 0) == Ok(memory.length)
    memory.fill(2)
    pipe.holds(Piece(memory.length, 2))
    output.holds(Piece(memory.length, 2))


@needs("page-sharing")
@clause("tee:sharing:pages-are-shared")
@table("read_first", ("input", "input"), ("output", "output"))
def test_each_pipe_keeps_the_page_for_itself(caller: Child, pipe: Pipe, read_first: str) -> None:
    """The page is still the same one when the other pipe has given it back."""
    output, memory = make_pipe(caller), caller.pages(1, seed=1)
    caller.must.vmsplice(pipe.write, [memory], 1, 0)
    assert caller.tee(pipe.read, output.write, memory.length, 0) == Ok(memory.length)
    first, second = (pipe, output) if read_first == "input" else (output, pipe)
    first.holds(memory.piece(memory[:]))
    memory.fill(2)
    second.holds(Piece(memory.length, 2))


@clause("tee:sharing:gifts-are-not-handed-on")
@needs("vmsplice", "splice")
def test_a_file_does_not_get_a_page_that_was_a_gift_to_the_other_pipe(
    caller: Child, pipe: Pipe
) -> None:
    memory, output = caller.pages(1, seed=1), make_pipe(caller)
    file = caller.must.memfd_create("file", 0)
    size = memory.length
    caller.must.vmsplice(pipe.write, [memory], 1, c.SPLICE_F_GIFT)
    assert caller.tee(pipe.read, output.write, size, 0) == Ok(size)
    moved = caller.splice(output.read, None, file, None, size, c.SPLICE_F_MOVE)
    assert moved == Ok(size)
    memory.fill(2)
    events.file_holds(caller, file, Piece(size, 1))


@clause("tee:packets:keep-their-bounds")
@needs("packet-pipes")
def test_packets_are_duplicated_as_packets(caller: Child) -> None:
    packets, output = make_pipe(caller, c.O_DIRECT), make_pipe(caller)
    data, sink = caller.memory(8, seed=1), caller.pages(1, seed=3)
    packets.put(data[:3])
    packets.put(data[3:])
    assert caller.tee(packets.read, output.write, 100, 0) == Ok(8)
    assert caller.read(output.read, sink, 100) == Ok(3)
    sink.holds([data.piece(data[:3])])
    assert caller.read(packets.read, sink, 100) == Ok(3)
    output.holds(data.piece(data[3:]))
    packets.holds(data.piece(data[3:]))


@clause("tee:cross:no-deadlock")
def test_two_pipes_duplicate_into_each_other(caller: Child, pipe: Pipe) -> None:
    """Two threads, opposite directions: the locks are taken in one order, fs/splice.c."""
    other = make_pipe(caller)
    data = caller.memory(1, seed=1)
    pipe.put(data[:])
    other.put(data[:])
    threads = [caller.thread("there"), caller.thread("back")]
    fds = [(pipe.read, other.write), (other.read, pipe.write)]
    pending = [
        thread.begin.tee(*ends, 1, c.SPLICE_F_NONBLOCK)
        for _ in range(40)
        for thread, ends in zip(threads, fds, strict=True)
    ]
    assert {answer.result() for answer in pending} <= {Ok(1), Err(EAGAIN)}
    assert pending[0].result() == Ok(1)
    assert pipe.occupancy() == 1 + sum(p.result() == Ok(1) for p in pending[1::2])
    assert other.occupancy() == 1 + sum(p.result() == Ok(1) for p in pending[0::2])
