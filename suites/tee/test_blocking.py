"""When it sleeps, what wakes it, ends of pipes that are gone, and who is told."""

from errno import EAGAIN, EPIPE

from fixtures.cases import clause, needs, table
from fixtures.pipes import Pipe, make_pipe
from helpers.abi import constants as c
from helpers.child import Child
from helpers.memory import cut
from helpers.outcome import Err, Ok
from suites.shared import events, sleeping
from suites.shared.sleeping import Form, Sleep

pytestmark = needs("tee")


def empty_input(caller: Child) -> Sleep:
    """Nothing in the input."""
    pipe, output = make_pipe(caller), make_pipe(caller)
    data = caller.memory(5, seed=2)

    def moved() -> None:
        pipe.holds(data.piece(data[:]))
        output.holds(data.piece(data[:]))

    return Sleep(
        call="tee",
        begin=lambda: caller.begin.tee(pipe.read, output.write, 100, 0),
        release=lambda peer: peer.must.write(pipe.write, data, 5),
        answer=Ok(5),
        nothing_moved=output.holds,
        moved=moved,
        descriptors=(pipe.read, output.write),
    )


def full_output(caller: Child) -> Sleep:
    """No room in the output."""
    pipe, output = make_pipe(caller), make_pipe(caller)
    data, page = caller.memory(5, seed=2), caller.page_size
    size, content = output.fill(), output.content()
    sink = caller.pages(1)
    pipe.put(data[:])

    def moved() -> None:
        pipe.holds(data.piece(data[:]))
        output.holds(*cut([content], page, size), data.piece(data[:]))

    def nothing_moved() -> None:
        pipe.holds(data.piece(data[:]))
        output.holds(content)

    return Sleep(
        call="tee",
        begin=lambda: caller.begin.tee(pipe.read, output.write, 100, 0),
        release=lambda peer: peer.must.read(output.read, sink, page),
        answer=Ok(5),
        nothing_moved=nothing_moved,
        moved=moved,
        descriptors=(pipe.read, output.write),
    )


FORMS = table("form", ("empty-input", empty_input), ("full-output", full_output))


@clause("tee:blocking:sleeps")
@FORMS
def test_it_sleeps_until_there_is_something_to_do(caller: Child, form: Form) -> None:
    sleeping.sleeps_until_released(caller, form)


@clause("tee:blocking:eintr")
@FORMS
def test_a_handler_interrupts_its_sleep(caller: Child, form: Form) -> None:
    sleeping.fails_when_a_handler_runs(caller, form)


@clause("tee:blocking:restarts")
@FORMS
def test_a_handler_with_restart_does_not_end_its_sleep(caller: Child, form: Form) -> None:
    sleeping.goes_on_when_a_handler_asks_for_restart(caller, form)


@clause("tee:blocking:killable")
@FORMS
def test_sigkill_ends_its_sleep(caller: Child, form: Form) -> None:
    sleeping.is_killed(caller, form)


@clause("tee:errors:eagain")
@FORMS
@table("which", ("input", 0), ("output", 1))
def test_o_nonblock_of_either_end_is_eagain(caller: Child, form: Form, which: int) -> None:
    sleep = form(caller)
    caller.must.fcntl(sleep.descriptors[which], c.F_SETFL, c.O_NONBLOCK)
    assert sleep.begin().result() == Err(EAGAIN)
    sleep.nothing_moved()


@clause("tee:errors:eagain")
def test_an_empty_input_is_eagain_with_nonblock(caller: Child, pipe: Pipe) -> None:
    output = make_pipe(caller)
    assert caller.tee(pipe.read, output.write, 10, c.SPLICE_F_NONBLOCK) == Err(EAGAIN)
    output.holds()


@clause("tee:errors:eagain")
def test_a_full_output_is_eagain_with_nonblock(caller: Child, full_pipe: Pipe) -> None:
    source, data = make_pipe(caller), caller.memory(5, seed=1)
    source.put(data[:])
    assert caller.tee(source.read, full_pipe.write, 10, c.SPLICE_F_NONBLOCK) == Err(EAGAIN)
    full_pipe.holds(full_pipe.content())
    source.holds(data.piece(data[:]))


@clause("tee:end-of-file:zero")
@table("flags", ("plain", 0), ("nonblock", c.SPLICE_F_NONBLOCK))
def test_an_input_without_writers_is_0(caller: Child, pipe: Pipe, flags: int) -> None:
    output = make_pipe(caller)
    pipe.close_write()
    assert caller.tee(pipe.read, output.write, 10, flags) == Ok(0)
    output.holds()


@clause("tee:end-of-file:full-output-first")
def test_a_full_output_hides_the_end_of_the_input(caller: Child, full_pipe: Pipe) -> None:
    source = make_pipe(caller)
    source.close_write()
    assert caller.tee(source.read, full_pipe.write, 10, c.SPLICE_F_NONBLOCK) == Err(EAGAIN)
    full_pipe.holds(full_pipe.content())


@clause("tee:end-of-file:zero")
def test_it_returns_0_when_the_last_writer_goes_while_it_sleeps(caller: Child, pipe: Pipe) -> None:
    output = make_pipe(caller)
    peer = caller.thread("peer")
    pending = caller.begin.tee(pipe.read, output.write, 10, 0)
    caller.wait_blocked(pending, "tee")
    peer.must.close(pipe.write)
    assert pending.result() == Ok(0)
    output.holds()


@clause("tee:end-of-file:rest-first")
def test_what_writers_left_is_duplicated_before_the_end(caller: Child, pipe: Pipe) -> None:
    data, output = caller.memory(10, seed=1), make_pipe(caller)
    pipe.put(data[:])
    pipe.close_write()
    assert caller.tee(pipe.read, output.write, 100, 0) == Ok(10)
    pipe.holds(data.piece(data[:]))
    assert caller.tee(pipe.read, output.write, 100, 0) == Ok(0)
    output.holds(data.piece(data[:]))


@clause("tee:nobody-reads:epipe")
@table("flags", ("plain", 0), ("nonblock", c.SPLICE_F_NONBLOCK))
@table("state", ("room", "room"), ("full", "full"), ("input-at-its-end", "end"))
def test_an_output_without_readers_is_epipe_with_one_sigpipe(
    caller: Child, pipe: Pipe, flags: int, state: str
) -> None:
    data, output = caller.memory(10, seed=1), make_pipe(caller)
    caller.catch(c.SIGPIPE)
    if state == "full":
        output.fill()
    if state == "end":
        pipe.close_write()
    else:
        pipe.put(data[:])
    output.close_read()
    assert caller.tee(pipe.read, output.write, 10, flags) == Err(EPIPE)
    assert caller.caught(c.SIGPIPE) == 1
    pipe.holds(*([] if state == "end" else [data.piece(data[:])]))


@clause("tee:nobody-reads:wakes-the-sleeper")
def test_it_fails_when_the_last_reader_goes_while_it_sleeps(caller: Child, full_pipe: Pipe) -> None:
    source, data = make_pipe(caller), caller.memory(5, seed=1)
    source.put(data[:])
    peer = caller.thread("peer")
    caller.catch(c.SIGPIPE)
    pending = caller.begin.tee(source.read, full_pipe.write, 10, 0)
    caller.wait_blocked(pending, "tee")
    peer.must.close(full_pipe.read)
    assert pending.result() == Err(EPIPE)
    assert caller.caught(c.SIGPIPE) == 1
    source.holds(data.piece(data[:]))


@clause("tee:events:wakes-readers")
def test_a_reader_of_the_output_that_sleeps_is_woken(caller: Child, pipe: Pipe) -> None:
    data, output = caller.memory(10, seed=1), make_pipe(caller)
    got = caller.memory(10)
    pipe.put(data[:])
    reader = caller.thread("reader")
    pending = reader.begin.read(output.read, got, 10)
    reader.wait_blocked(pending, "read")
    assert caller.tee(pipe.read, output.write, 10, 0) == Ok(10)
    assert pending.result() == Ok(10)
    caller.compare(got.address, [data.piece(data[:])])


@clause("tee:events:poll")
def test_poll_and_epoll_tell_of_the_bytes(caller: Child, pipe: Pipe) -> None:
    data, output = caller.memory(10, seed=1), make_pipe(caller)
    pipe.put(data[:])
    edges = events.Edges(caller, output.read)
    for _ in range(2):
        assert caller.tee(pipe.read, output.write, 10, 0) == Ok(10)
        assert edges.seen()
    assert events.polled(caller, output.read) == c.POLLIN
    assert events.polled(caller, pipe.read) == c.POLLIN
    assert caller.tee(pipe.read, output.write, 0, 0) == Ok(0)
    assert not edges.seen()


@needs("i386")
@clause("tee:i386:same")
def test_the_i386_entry_does_the_same(caller: Child, pipe: Pipe) -> None:
    data, output = caller.memory(10, seed=1), make_pipe(caller)
    pipe.put(data[:])
    assert caller.i386.tee(pipe.read, output.write, (1 << 32) - 1, 0) == Ok(10)
    output.holds(data.piece(data[:]))
    pipe.holds(data.piece(data[:]))
