"""When it sleeps, what wakes it, and what signals do."""

from errno import EPIPE

from fixtures.cases import clause, needs, table
from fixtures.pipes import Pipe, make_pipe
from helpers import abi
from helpers.abi import constants as c
from helpers.child import Child
from helpers.memory import Piece, cut
from helpers.outcome import Err, Ok
from suites.shared import events, sleeping
from suites.shared.files import memfd
from suites.shared.sleeping import Form, Sleep

pytestmark = needs("splice")


def file_to_full_pipe(caller: Child) -> Sleep:
    """A file, and a pipe without room."""
    pipe, file, page = make_pipe(caller), memfd(caller, 100), caller.page_size
    size, sink = pipe.fill(), caller.pages(1)

    def moved() -> None:
        pipe.holds(*cut([pipe.content()], page, size), file.part(0, 100))
        assert file.position() == 100

    def nothing_moved() -> None:
        pipe.holds(pipe.content())
        assert file.position() == 0

    return Sleep(
        call="splice",
        begin=lambda: caller.begin.splice(file.fd, None, pipe.write, None, 200, 0),
        release=lambda peer: peer.must.read(pipe.read, sink, page),
        answer=Ok(100),
        nothing_moved=nothing_moved,
        moved=moved,
        descriptors=(file.fd,),
    )


def empty_pipe_to_file(caller: Child) -> Sleep:
    """A pipe without bytes, and a file."""
    pipe, file, data = make_pipe(caller), memfd(caller, 0), caller.memory(5, seed=2)
    return Sleep(
        call="splice",
        begin=lambda: caller.begin.splice(pipe.read, None, file.fd, None, 200, 0),
        release=lambda peer: peer.must.write(pipe.write, data, 5),
        answer=Ok(5),
        nothing_moved=file.holds,
        moved=lambda: file.holds(data.piece(data[:])),
        descriptors=(file.fd,),
    )


def empty_pipe_to_pipe(caller: Child) -> Sleep:
    """A pipe without bytes, and another."""
    pipe, output, data = make_pipe(caller), make_pipe(caller), caller.memory(5, seed=2)
    return Sleep(
        call="splice",
        begin=lambda: caller.begin.splice(pipe.read, None, output.write, None, 200, 0),
        release=lambda peer: peer.must.write(pipe.write, data, 5),
        answer=Ok(5),
        nothing_moved=output.holds,
        moved=lambda: output.holds(data.piece(data[:])),
    )


def pipe_to_full_pipe(caller: Child) -> Sleep:
    """A pipe with bytes, and another without room."""
    pipe, output, data = make_pipe(caller), make_pipe(caller), caller.memory(5, seed=2)
    page, size, sink = caller.page_size, output.fill(), caller.pages(1)
    pipe.put(data[:])

    def nothing_moved() -> None:
        pipe.holds(data.piece(data[:]))
        output.holds(output.content())

    return Sleep(
        call="splice",
        begin=lambda: caller.begin.splice(pipe.read, None, output.write, None, 200, 0),
        release=lambda peer: peer.must.read(output.read, sink, page),
        answer=Ok(5),
        nothing_moved=nothing_moved,
        moved=lambda: output.holds(*cut([output.content()], page, size), data.piece(data[:])),
    )


def empty_socket_to_pipe(caller: Child) -> Sleep:
    """A socket without bytes, and a pipe."""
    sockets, pipe = abi.new("int[2]"), make_pipe(caller)
    caller.must.socketpair(c.AF_UNIX, c.SOCK_STREAM, 0, sockets)
    data = caller.memory(5, seed=2)
    return Sleep(
        call="splice",
        begin=lambda: caller.begin.splice(sockets[0], None, pipe.write, None, 200, 0),
        release=lambda peer: peer.must.write(sockets[1], data, 5),
        answer=Ok(5),
        nothing_moved=pipe.holds,
        moved=lambda: pipe.holds(data.piece(data[:])),
    )


FORMS = table(
    "form",
    ("file-to-full-pipe", file_to_full_pipe),
    ("empty-pipe-to-file", empty_pipe_to_file),
    ("empty-pipe-to-pipe", empty_pipe_to_pipe),
    ("pipe-to-full-pipe", pipe_to_full_pipe),
    ("empty-socket-to-pipe", empty_socket_to_pipe),
)


@clause("splice:blocking:sleeps")
@FORMS
def test_it_sleeps_until_there_is_something_to_do(caller: Child, form: Form) -> None:
    sleeping.sleeps_until_released(caller, form)


@clause("splice:blocking:eintr")
@FORMS
def test_a_handler_interrupts_its_sleep(caller: Child, form: Form) -> None:
    sleeping.fails_when_a_handler_runs(caller, form)


@clause("splice:blocking:restarts")
@FORMS
def test_a_handler_with_restart_does_not_end_its_sleep(caller: Child, form: Form) -> None:
    sleeping.goes_on_when_a_handler_asks_for_restart(caller, form)


@clause("splice:blocking:killable")
@FORMS
def test_sigkill_ends_its_sleep(caller: Child, form: Form) -> None:
    sleeping.is_killed(caller, form)


@clause("splice:blocking:o-nonblock-of-a-file-is-ignored")
@table("form", ("file-to-full-pipe", file_to_full_pipe), ("empty-pipe-to-file", empty_pipe_to_file))
def test_o_nonblock_of_the_file_does_not_matter(caller: Child, form: Form) -> None:
    sleeping.sleeps_until_released(caller, sleeping.with_o_nonblock(form))


@clause("splice:nobody-reads:wakes-the-sleeper")
@table("source", ("file", "file"), ("pipe", "pipe"))
def test_it_fails_when_the_last_reader_goes_while_it_sleeps(
    caller: Child, full_pipe: Pipe, source: str
) -> None:
    file, other, data = memfd(caller, 100), make_pipe(caller), caller.memory(5, seed=1)
    other.put(data[:])
    peer = caller.thread("peer")
    caller.catch(c.SIGPIPE)
    fd = file.fd if source == "file" else other.read
    pending = caller.begin.splice(fd, None, full_pipe.write, None, 10, 0)
    caller.wait_blocked(pending, "splice")
    peer.must.close(full_pipe.read)
    assert pending.result() == Err(EPIPE)
    assert caller.caught(c.SIGPIPE) == 1
    assert file.position() == 0
    other.holds(data.piece(data[:]))


@clause("splice:blocking:end-wakes-the-sleeper")
@table("sink", ("file", "file"), ("pipe", "pipe"))
def test_it_returns_0_when_the_last_writer_goes_while_it_sleeps(
    caller: Child, pipe: Pipe, sink: str
) -> None:
    file, other = memfd(caller, 100), make_pipe(caller)
    peer = caller.thread("peer")
    fd = file.fd if sink == "file" else other.write
    pending = caller.begin.splice(pipe.read, None, fd, None, 10, 0)
    caller.wait_blocked(pending, "splice")
    peer.must.close(pipe.write)
    assert pending.result() == Ok(0)
    other.holds()


@clause("splice:events:wakes-readers")
def test_a_reader_that_sleeps_gets_the_bytes(caller: Child, pipe: Pipe) -> None:
    file, got = memfd(caller, 100), caller.memory(10)
    reader = caller.thread("reader")
    pending = reader.begin.read(pipe.read, got, 10)
    reader.wait_blocked(pending, "read")
    assert caller.splice(file.fd, None, pipe.write, None, 10, 0) == Ok(10)
    assert pending.result() == Ok(10)
    caller.compare(got.address, [file.part(0, 10)])


@clause("splice:events:wakes-writers")
@table("sink", ("file", "file"), ("pipe", "pipe"))
def test_a_writer_that_sleeps_gets_the_room(caller: Child, full_pipe: Pipe, sink: str) -> None:
    page, size = caller.page_size, full_pipe.capacity
    file, other, data = memfd(caller, 0), make_pipe(caller), caller.memory(10, seed=2)
    writer = caller.thread("writer")
    pending = writer.begin.write(full_pipe.write, data, 10)
    writer.wait_blocked(pending, "write")
    fd = file.fd if sink == "file" else other.write
    assert caller.splice(full_pipe.read, None, fd, None, page, 0) == Ok(page)
    assert pending.result() == Ok(10)
    full_pipe.holds(Piece(size - page, full_pipe.content().seed, page), data.piece(data[:]))


@clause("splice:events:poll")
def test_poll_and_epoll_tell_of_the_bytes(caller: Child, pipe: Pipe) -> None:
    file = memfd(caller, 100)
    edges = events.Edges(caller, pipe.read)
    assert not edges.seen()
    for _ in range(2):
        assert caller.splice(file.fd, None, pipe.write, None, 10, 0) == Ok(10)
        assert edges.seen()
    assert events.polled(caller, pipe.read) == c.POLLIN
    assert caller.splice(pipe.read, None, file.fd, None, 20, 0) == Ok(20)
    assert events.polled(caller, pipe.read) == 0


@clause("splice:events:sigio")
def test_the_owner_of_the_read_end_gets_sigio(caller: Child, pipe: Pipe) -> None:
    file = memfd(caller, 100)
    events.ask_for_sigio(caller, pipe.read)
    assert caller.splice(file.fd, None, pipe.write, None, 10, 0) == Ok(10)
    assert caller.caught(c.SIGIO) == 1
