"""The other direction: a descriptor open for reading fills memory from the pipe."""

from errno import EAGAIN, EFAULT

from fixtures.cases import clause, needs, table
from fixtures.memory import make_cliff
from fixtures.pipes import Pipe
from fixtures.vectors import scattered
from helpers.abi import constants as c
from helpers.child import Child
from helpers.memory import cut
from helpers.outcome import Err, Ok

pytestmark = needs("vmsplice")


@clause("vmsplice:receive:fills-memory")
@table(
    "lengths",
    ("one-segment", (300,)),
    ("three-segments", (100, 1, 199)),
    ("empty-segment-first", (0, 300)),
    ("empty-segment-between", (100, 0, 200)),
    ("nine-segments", (10, 20, 30, 40, 50, 60, 40, 30, 20)),
)
def test_a_read_end_fills_the_segments_in_order(
    caller: Child, pipe: Pipe, lengths: tuple[int, ...]
) -> None:
    memory, data = caller.pages(2, seed=1), caller.memory(300, seed=2)
    pipe.put(data[:])
    parts = scattered(memory, lengths)
    assert caller.vmsplice(pipe.read, parts, len(parts), 0) == Ok(300)
    memory.received(parts, [data.piece(data[:])])
    pipe.holds()


@clause("vmsplice:receive:takes-no-more")
def test_what_does_not_fit_stays_in_the_pipe(caller: Child, pipe: Pipe) -> None:
    memory, data = caller.pages(1, seed=1), caller.memory(300, seed=2)
    pipe.put(data[:])
    assert caller.vmsplice(pipe.read, [memory[7:107]], 1, 0) == Ok(100)
    memory.received([memory[7:107]], [data.piece(data[:100])])
    pipe.holds(data.piece(data[100:]))


@clause("vmsplice:receive:short")
@table("flags", ("plain", 0), ("nonblock", c.SPLICE_F_NONBLOCK))
def test_it_takes_what_is_there_and_does_not_wait(caller: Child, pipe: Pipe, flags: int) -> None:
    memory, data = caller.pages(2, seed=1), caller.memory(300, seed=2)
    pipe.put(data[:])
    assert caller.vmsplice(pipe.read, [memory[7:]], 1, flags) == Ok(300)
    memory.received([memory[7:]], [data.piece(data[:])])


@clause("vmsplice:receive:short")
def test_it_takes_several_slots(caller: Child, full_pipe: Pipe) -> None:
    size = full_pipe.capacity
    memory = caller.memory(size + 100, seed=1)
    expected = [full_pipe.content()]
    assert caller.vmsplice(full_pipe.read, [memory[50:150], memory[150:]], 2, 0) == Ok(size)
    memory.received([memory[50:]], expected)
    full_pipe.holds()


@clause("vmsplice:receive:end-of-file")
@table("flags", ("plain", 0), ("nonblock", c.SPLICE_F_NONBLOCK))
def test_an_empty_pipe_without_writers_is_0(caller: Child, pipe: Pipe, flags: int) -> None:
    memory = caller.pages(1, seed=1)
    pipe.close_write()
    assert caller.vmsplice(pipe.read, [memory], 1, flags) == Ok(0)
    memory.unchanged()


@clause("vmsplice:receive:end-of-file")
def test_end_of_file_beats_memory_that_cannot_be_written(caller: Child, pipe: Pipe) -> None:
    memory = caller.pages(1, seed=1)
    pipe.close_write()
    assert caller.vmsplice(pipe.read, [(memory.end, 1)], 1, 0) == Ok(0)


@clause("vmsplice:order:pipe-before-memory")
def test_an_empty_pipe_beats_memory_that_cannot_be_written(caller: Child, pipe: Pipe) -> None:
    hole = (caller.pages(1).end, 1)
    assert caller.vmsplice(pipe.read, [hole], 1, c.SPLICE_F_NONBLOCK) == Err(EAGAIN)


@clause("vmsplice:receive:rest-after-writers-left")
def test_what_writers_left_is_read_before_the_end(caller: Child, pipe: Pipe) -> None:
    memory, data = caller.pages(1, seed=1), caller.memory(10, seed=2)
    pipe.put(data[:])
    pipe.close_write()
    assert caller.vmsplice(pipe.read, [memory[5:25]], 1, 0) == Ok(10)
    memory.received([memory[5:25]], [data.piece(data[:])])
    assert caller.vmsplice(pipe.read, [memory[5:25]], 1, 0) == Ok(0)


@clause("vmsplice:receive:fault-consumes-nothing")
@table("before", ("at-the-start", 0), ("after-4-bytes", 4))
def test_a_fault_in_the_first_slot_consumes_nothing(caller: Child, pipe: Pipe, before: int) -> None:
    cliff, data = make_cliff(caller), caller.memory(10, seed=2)
    pipe.put(data[:])
    assert caller.vmsplice(pipe.read, [cliff.before(before, 20)], 1, 0) == Err(EFAULT)
    pipe.holds(data.piece(data[:]))


@clause("vmsplice:receive:fault-consumes-nothing")
def test_a_fault_in_the_second_segment_consumes_nothing(caller: Child, pipe: Pipe) -> None:
    cliff, data = make_cliff(caller), caller.memory(10, seed=2)
    pipe.put(data[:])
    parts = [cliff.mapped[:4], cliff.before(0, 3)]
    assert caller.vmsplice(pipe.read, parts, 2, 0) == Err(EFAULT)
    pipe.holds(data.piece(data[:]))


@clause("vmsplice:receive:fault-after-a-slot-is-short")
def test_a_fault_in_the_second_slot_keeps_that_slot(caller: Child, pipe: Pipe) -> None:
    page = caller.page_size
    cliff, data = make_cliff(caller), caller.pages(2, seed=2)
    pipe.put(data[:])
    assert caller.vmsplice(pipe.read, [cliff.before(page + 9, 2 * page)], 1, 0) == Ok(page)
    pipe.holds(data.piece(data[page:]))
    cliff.mapped.holds([data.piece(data[: page + 9])], at=cliff.before(page + 9, 0))


@clause("vmsplice:errors:efault-receive")
@table("prot", ("read-only", c.PROT_READ), ("none", c.PROT_NONE))
def test_memory_that_may_not_be_written_is_efault(caller: Child, pipe: Pipe, prot: int) -> None:
    memory, data = caller.pages(1, seed=1), caller.memory(10, seed=2)
    pipe.put(data[:])
    caller.must.mprotect(memory, memory.length, prot)
    assert caller.vmsplice(pipe.read, [memory], 1, 0) == Err(EFAULT)
    pipe.holds(data.piece(data[:]))
    caller.must.mprotect(memory, memory.length, c.PROT_READ)
    memory.unchanged()


@clause("vmsplice:receive:copies")
def test_what_was_received_is_a_copy(caller: Child, pipe: Pipe) -> None:
    sent, got = caller.pages(1, seed=2), caller.pages(1, seed=1)
    assert caller.vmsplice(pipe.write, [sent], 1, 0) == Ok(sent.length)
    assert caller.vmsplice(pipe.read, [got], 1, 0) == Ok(sent.length)
    content = sent.piece(sent[:])
    sent.fill(3)
    got.holds(cut([content], 0, sent.length))
