"""When it sleeps, what wakes it, and what it does instead when it must not sleep."""

from errno import EAGAIN, EPIPE

from fixtures.cases import clause, needs, table
from fixtures.pipes import FILLING, Pipe, make_pipe
from helpers.abi import constants as c
from helpers.child import Child
from helpers.memory import Piece
from helpers.outcome import Err, Ok
from suites.shared import sleeping
from suites.shared.sleeping import Form, Sleep

pytestmark = needs("vmsplice")


def full_pipe(caller: Child) -> Sleep:
    """Memory to a pipe without room."""
    pipe = make_pipe(caller)
    size = pipe.fill()
    page = caller.page_size
    memory = caller.pages(2, seed=1)
    sink = caller.pages(1)

    def moved() -> None:
        pipe.holds(Piece(size - page, FILLING, page), memory.piece(memory[:page]))

    return Sleep(
        call="vmsplice",
        begin=lambda: caller.begin.vmsplice(pipe.write, [memory], 1, 0),
        release=lambda peer: peer.must.read(pipe.read, sink, page),
        answer=Ok(page),
        nothing_moved=lambda: pipe.holds(Piece(size, FILLING)),
        moved=moved,
        descriptors=(pipe.write,),
    )


def empty_pipe(caller: Child) -> Sleep:
    """Memory from a pipe without bytes."""
    pipe = make_pipe(caller)
    memory = caller.pages(1, seed=1)
    data = caller.memory(5, seed=2)
    return Sleep(
        call="vmsplice",
        begin=lambda: caller.begin.vmsplice(pipe.read, [memory[10:20]], 1, 0),
        release=lambda peer: peer.must.write(pipe.write, data, 5),
        answer=Ok(5),
        nothing_moved=memory.unchanged,
        moved=lambda: memory.holds([data.piece(data[:])], at=memory[10:]),
        descriptors=(pipe.read,),
    )


FORMS = table("form", ("full-pipe", full_pipe), ("empty-pipe", empty_pipe))


@clause("vmsplice:blocking:sleeps")
@FORMS
def test_it_sleeps_until_there_is_something_to_do(caller: Child, form: Form) -> None:
    sleeping.sleeps_until_released(caller, form)


@clause("vmsplice:blocking:eintr")
@FORMS
def test_a_handler_interrupts_its_sleep(caller: Child, form: Form) -> None:
    sleeping.fails_when_a_handler_runs(caller, form)


@clause("vmsplice:blocking:restarts")
@FORMS
def test_a_handler_with_restart_does_not_end_its_sleep(caller: Child, form: Form) -> None:
    sleeping.goes_on_when_a_handler_asks_for_restart(caller, form)


@clause("vmsplice:blocking:killable")
@FORMS
def test_sigkill_ends_its_sleep(caller: Child, form: Form) -> None:
    sleeping.is_killed(caller, form)


@clause("vmsplice:blocking:o-nonblock-is-ignored")
@FORMS
def test_it_sleeps_though_the_descriptor_is_nonblocking(caller: Child, form: Form) -> None:
    sleeping.sleeps_until_released(caller, sleeping.with_o_nonblock(form))


@clause("vmsplice:blocking:one-slot-is-enough")
def test_a_part_of_a_slot_read_does_not_wake_it(caller: Child, full_pipe: Pipe) -> None:
    memory, sink = caller.pages(8, seed=1), caller.pages(1)
    peer = caller.thread("peer")
    pending = caller.begin.vmsplice(full_pipe.write, [memory], 1, 0)
    caller.wait_blocked(pending, "vmsplice")
    peer.must.read(full_pipe.read, sink, caller.page_size - 1)
    caller.wait_blocked(pending, "vmsplice")
    peer.must.read(full_pipe.read, sink, 1)
    assert pending.result() == Ok(caller.page_size)


@clause("vmsplice:capacity:short")
@table("given", ("one-slot-free", 1), ("three-slots-free", 3))
def test_it_fills_the_free_slots_and_returns(caller: Child, full_pipe: Pipe, given: int) -> None:
    page, size = caller.page_size, full_pipe.capacity
    memory, sink = caller.pages(8, seed=1), caller.pages(given)
    given = min(given, full_pipe.slots)
    caller.must.read(full_pipe.read, sink, given * page)
    assert caller.vmsplice(full_pipe.write, [memory], 1, 0) == Ok(given * page)
    full_pipe.holds(
        Piece(size - given * page, FILLING, given * page), memory.piece(memory[: given * page])
    )


@clause("vmsplice:errors:eagain-empty")
def test_an_empty_pipe_is_eagain_with_nonblock(caller: Child, pipe: Pipe) -> None:
    memory = caller.pages(1, seed=1)
    assert caller.vmsplice(pipe.read, [memory], 1, c.SPLICE_F_NONBLOCK) == Err(EAGAIN)
    memory.unchanged()


@clause("vmsplice:nobody-reads:wakes-the-sleeper")
def test_it_fails_when_the_last_reader_goes_while_it_sleeps(caller: Child, full_pipe: Pipe) -> None:
    memory = caller.pages(1, seed=1)
    peer = caller.thread("peer")
    caller.catch(c.SIGPIPE)
    pending = caller.begin.vmsplice(full_pipe.write, [memory], 1, 0)
    caller.wait_blocked(pending, "vmsplice")
    peer.must.close(full_pipe.read)
    assert pending.result() == Err(EPIPE)
    assert caller.caught(c.SIGPIPE) == 1


@clause("vmsplice:receive:end-of-file")
def test_it_returns_0_when_the_last_writer_goes_while_it_sleeps(caller: Child, pipe: Pipe) -> None:
    memory = caller.pages(1, seed=1)
    peer = caller.thread("peer")
    pending = caller.begin.vmsplice(pipe.read, [memory], 1, 0)
    caller.wait_blocked(pending, "vmsplice")
    peer.must.close(pipe.write)
    assert pending.result() == Ok(0)
    memory.unchanged()


@clause("vmsplice:blocking:pending-signal-does-not-matter")
def test_a_blocked_signal_that_is_pending_does_not_interrupt(caller: Child, pipe: Pipe) -> None:
    memory = caller.pages(1, seed=1)
    caller.catch(c.SIGUSR1)
    caller.must.rt_sigprocmask(c.SIG_BLOCK, sleeping.signal_set(c.SIGUSR1), None, 8)
    caller.must.tgkill(caller.pid, caller.tid, c.SIGUSR1)
    assert caller.vmsplice(pipe.write, [memory], 1, 0) == Ok(memory.length)
    pipe.holds(memory.piece(memory[:]))
