"""process_vmsplice: when it sleeps, what wakes it, what others do meanwhile."""

from errno import EAGAIN, EINTR, EPIPE

from fixtures.cases import clause, needs, table
from fixtures.pipes import FILLING, make_pipe
from helpers.abi import constants as c
from helpers.memory import Piece
from helpers.outcome import Err, Ok
from suites.process_vmsplice.calls import send
from suites.shared import sleeping
from suites.shared.sleeping import Sleep

pytestmark = needs("process_vmsplice", "foreign-memory")

CALL = "process_vmsplice"


def form_of(target, *, segments=1, slots=None):
    """Memory to a pipe without room."""

    def full_pipe(caller):
        pipe = make_pipe(caller)
        page = caller.page_size
        if slots:
            caller.must.fcntl(pipe.write, c.F_SETPIPE_SZ, slots * page)
        size = pipe.fill()
        memory = target.pages(2, seed=1)
        parts = [memory[:page]] * segments + [memory[page:]]
        sink = caller.pages(1)

        def moved():
            pipe.holds(Piece(size - page, FILLING, page), memory.piece(memory[:page]))

        return Sleep(
            call=CALL,
            begin=lambda: caller.begin.process_vmsplice(
                target.pid, pipe.write, parts, len(parts), 0
            ),
            release=lambda peer: peer.must.read(pipe.read, sink, page),
            answer=Ok(page),
            nothing_moved=lambda: pipe.holds(Piece(size, FILLING)),
            moved=moved,
            descriptors=(pipe.write,),
        )

    return full_pipe


FORMS = table(
    "how",
    ("few-segments", {}),
    ("many-segments", {"segments": 20}),
    ("pipe-of-one-slot", {"slots": 1}),
)


@clause("process_vmsplice:blocking:sleeps")
@FORMS
def test_it_sleeps_until_a_slot_is_free(caller, target, how):
    sleeping.sleeps_until_released(caller, form_of(target, **how))


@clause("process_vmsplice:blocking:eintr")
@FORMS
def test_a_handler_interrupts_its_sleep(caller, target, how):
    sleeping.fails_when_a_handler_runs(caller, form_of(target, **how))


@clause("process_vmsplice:blocking:restarts")
@FORMS
def test_a_handler_with_restart_does_not_end_its_sleep(caller, target, how):
    sleeping.goes_on_when_a_handler_asks_for_restart(caller, form_of(target, **how))


@clause("process_vmsplice:blocking:killable")
@FORMS
def test_sigkill_ends_its_sleep(caller, target, how):
    sleeping.is_killed(caller, form_of(target, **how))


@clause("process_vmsplice:blocking:o-nonblock-is-ignored")
@FORMS
def test_it_sleeps_though_the_descriptor_is_nonblocking(caller, target, how):
    sleeping.sleeps_until_released(caller, sleeping.with_o_nonblock(form_of(target, **how)))


@clause("process_vmsplice:blocking:one-slot-is-enough")
@table("read", ("one-byte", 1), ("half", 2), ("all-but-one-byte", 0))
def test_a_part_of_a_slot_read_does_not_wake_it(caller, target, full_pipe, read):
    page = caller.page_size
    part = {1: 1, 2: page // 2, 0: page - 1}[read]
    memory, sink = target.pages(8, seed=1), caller.pages(1)
    peer = caller.thread("peer")
    call = caller.begin.process_vmsplice(target.pid, full_pipe.write, [memory], 1, 0)
    caller.wait_blocked(call, CALL)
    peer.must.read(full_pipe.read, sink, part)
    caller.wait_blocked(call, CALL)
    peer.must.read(full_pipe.read, sink, page - part)
    assert call.result() == Ok(page)


@clause("process_vmsplice:blocking:pending-signal-does-not-matter")
@table("state", ("room", "room"), ("full-pipe", "full"))
def test_a_blocked_signal_that_is_pending_does_not_interrupt(caller, target, pipe, state):
    memory = target.pages(1, seed=1)
    caller.catch(c.SIGUSR1)
    caller.must.rt_sigprocmask(c.SIG_BLOCK, sleeping.signal_set(c.SIGUSR1), None, 8)
    caller.must.tgkill(caller.pid, caller.tid, c.SIGUSR1)
    if state == "room":
        assert send(caller, target.pid, pipe.write, [memory]) == Ok(memory.length)
        pipe.holds(memory.piece(memory[:]))
        return
    pipe.fill()
    call = caller.begin.process_vmsplice(target.pid, pipe.write, [memory], 1, 0)
    caller.wait_blocked(call, CALL)


@clause("process_vmsplice:blocking:stop-and-continue")
def test_a_caller_that_is_stopped_and_continued_sleeps_on(caller, target, new_child, full_pipe):
    page, memory = caller.page_size, target.pages(1, seed=1)
    peer, other = caller.fork("peer"), new_child("other")
    call = caller.begin.process_vmsplice(target.pid, full_pipe.write, [memory], 1, 0)
    caller.wait_blocked(call, CALL)
    other.must.kill(caller.pid, c.SIGSTOP)
    assert caller.session.poll(lambda: caller.state().letter == "T"), caller.state()
    other.must.kill(caller.pid, c.SIGCONT)
    caller.wait_blocked(call, CALL)
    peer.must.read(full_pipe.read, peer.pages(1), page)
    assert call.result() == Ok(page)


@clause("process_vmsplice:nobody-reads:wakes-the-sleeper")
@table("others", ("single-thread", 0), ("one-of-three-threads", 2))
def test_it_fails_when_the_last_reader_goes_while_it_sleeps(caller, target, full_pipe, others):
    memory = target.pages(1, seed=1)
    peer = caller.thread("peer")
    for number in range(others):
        caller.thread(f"idle {number}")
    caller.catch(c.SIGPIPE)
    call = caller.begin.process_vmsplice(target.pid, full_pipe.write, [memory], 1, 0)
    caller.wait_blocked(call, CALL)
    peer.must.close(full_pipe.read)
    assert call.result() == Err(EPIPE)
    assert caller.caught(c.SIGPIPE) == 1
    memory.unchanged()


@clause("process_vmsplice:concurrency:close-of-the-descriptor")
def test_its_descriptor_may_be_closed_while_it_sleeps(caller, target, full_pipe):
    page, memory = caller.page_size, target.pages(1, seed=1)
    size = full_pipe.capacity
    peer = caller.thread("peer")
    call = caller.begin.process_vmsplice(target.pid, full_pipe.write, [memory], 1, 0)
    caller.wait_blocked(call, CALL)
    peer.must.close(full_pipe.write)
    caller.wait_blocked(call, CALL)
    peer.must.read(full_pipe.read, peer.pages(1), page)
    assert call.result() == Ok(page)
    full_pipe.holds(Piece(size - page, FILLING, page), memory.piece(memory[:]))
    assert caller.read(full_pipe.read, caller.pages(1), 1) == Ok(0)


@clause("process_vmsplice:concurrency:resize")
def test_growing_the_pipe_lets_it_go_on(caller, target, full_pipe):
    page, size = caller.page_size, full_pipe.capacity
    memory = target.pages(1, seed=1)
    peer = caller.thread("peer")
    call = caller.begin.process_vmsplice(target.pid, full_pipe.write, [memory], 1, 0)
    caller.wait_blocked(call, CALL)
    peer.must.fcntl(full_pipe.write, c.F_SETPIPE_SZ, 2 * size)
    assert call.result() == Ok(page)
    full_pipe.holds(Piece(size, FILLING), memory.piece(memory[:]))


@clause("process_vmsplice:concurrency:resize")
def test_a_pipe_that_shrank_while_it_slept_takes_less(caller, target, new_child, full_pipe):
    """While the caller is stopped: otherwise it would take the room before the pipe shrinks."""
    page, size = caller.page_size, full_pipe.capacity
    memory = target.pages(4, seed=1)
    peer, other = caller.fork("peer"), new_child("other")
    call = caller.begin.process_vmsplice(target.pid, full_pipe.write, [memory], 1, 0)
    caller.wait_blocked(call, CALL)
    other.must.kill(caller.pid, c.SIGSTOP)
    assert caller.session.poll(lambda: caller.state().letter == "T"), caller.state()
    peer.must.read(full_pipe.read, peer.memory(size), size)
    peer.must.fcntl(full_pipe.write, c.F_SETPIPE_SZ, page)
    other.must.kill(caller.pid, c.SIGCONT)
    assert call.result() == Ok(page)
    full_pipe.holds(memory.piece(memory[:page]))


@clause("process_vmsplice:concurrency:several-callers")
def test_two_callers_that_sleep_for_one_pipe_get_their_turn(caller, target, full_pipe):
    page, size = caller.page_size, full_pipe.capacity
    memory = target.pages(2, seed=1)
    second, peer = caller.thread("second"), caller.thread("peer")
    sink = caller.pages(1)
    calls = []
    for who in (caller, second):
        calls.append(who.begin.process_vmsplice(target.pid, full_pipe.write, [memory[:page]], 1, 0))
        who.wait_blocked(calls[-1], CALL)
    peer.must.read(full_pipe.read, sink, page)
    one = caller.session.poll(lambda: calls[0].done or calls[1].done)
    assert one, "a free slot should let one of them go on"
    peer.must.read(full_pipe.read, sink, page)
    assert [call.result() for call in calls] == [Ok(page), Ok(page)]
    full_pipe.holds(Piece(size - 2 * page, FILLING, 2 * page), *[memory.piece(memory[:page])] * 2)


@clause("process_vmsplice:concurrency:pipe-is-not-held")
def test_others_use_the_pipe_while_it_sleeps(caller, target, full_pipe):
    memory = target.pages(1, seed=1)
    peer = caller.thread("peer")
    call = caller.begin.process_vmsplice(target.pid, full_pipe.write, [memory], 1, 0)
    caller.wait_blocked(call, CALL)
    other = send(peer, target.pid, full_pipe.write, [memory[:1]], c.SPLICE_F_NONBLOCK)
    assert other == Err(EAGAIN)
    peer.must.fcntl(full_pipe.write, c.F_GETPIPE_SZ, 0)
    assert not call.done, "it should sleep on"


@clause("process_vmsplice:blocking:eintr")
def test_after_an_interruption_it_can_be_made_again(caller, target, full_pipe):
    page, size = caller.page_size, full_pipe.capacity
    memory = target.pages(1, seed=1)
    peer = caller.thread("peer")
    caller.catch(c.SIGUSR1)
    for _ in range(2):
        call = caller.begin.process_vmsplice(target.pid, full_pipe.write, [memory], 1, 0)
        caller.wait_blocked(call, CALL)
        peer.must.tgkill(caller.pid, caller.tid, c.SIGUSR1)
        assert call.result() == Err(EINTR)
    caller.must.read(full_pipe.read, caller.pages(1), page)
    assert send(caller, target.pid, full_pipe.write, [memory]) == Ok(page)
    full_pipe.holds(Piece(size - page, FILLING, page), memory.piece(memory[:]))
