"""Calls that sleep: what they sleep for, what wakes them, what signals do to them.

A call describes its ways to sleep as functions from a caller to a Sleep; the bodies here are then
instantiated by a line of a table for each.
"""

from collections.abc import Callable
from dataclasses import dataclass
from errno import EINTR
from typing import Any

from helpers import abi
from helpers.abi import constants as c
from helpers.child import Child
from helpers.outcome import Err, Ok, Result
from helpers.pending import Pending


@dataclass(frozen=True)
class Sleep:
    """One way to sleep, set up in a caller.

    Attributes:
        call: the name of the call.
        begin: makes it; it sleeps.
        release: has another task with the same descriptors do what it sleeps for.
        answer: what it gives then.
        nothing_moved: raises unless everything is as it was before the call; asked of a caller
            that does not sleep any more.
        moved: the same for what a successful call did.
        descriptors: what O_NONBLOCK can be set on, with their access modes.
    """

    call: str
    begin: Callable[[], Pending[Result]]
    release: Callable[[Child], None]
    answer: Result
    nothing_moved: Callable[[], None]
    moved: Callable[[], None]
    descriptors: tuple[int, ...] = ()


Form = Callable[[Child], Sleep]


def with_o_nonblock(form: Form) -> Form:
    """The same with O_NONBLOCK on every descriptor of the call."""

    def nonblocking(caller: Child) -> Sleep:
        sleep = form(caller)
        assert sleep.descriptors, "the form says which descriptors it uses"
        for fd in sleep.descriptors:
            # the access mode is not changed by F_SETFL: fcntl(2)
            caller.must.fcntl(fd, c.F_SETFL, c.O_NONBLOCK)
        return sleep

    return nonblocking


def signal_set(signal: int) -> Any:
    """A set of one signal, for rt_sigprocmask."""
    return abi.new("uint64_t *", 1 << (signal - 1))


def sleeps_until_released(caller: Child, form: Form) -> None:
    """It sleeps, and what it sleeps for wakes it."""
    sleep = form(caller)
    peer = caller.thread("peer")
    pending = sleep.begin()
    caller.wait_blocked(pending, sleep.call)
    sleep.release(peer)
    assert pending.result() == sleep.answer
    sleep.moved()


def fails_when_a_handler_runs(caller: Child, form: Form) -> None:
    """A handler without SA_RESTART makes it fail with EINTR, and nothing has moved."""
    sleep = form(caller)
    peer = caller.thread("peer")
    caller.catch(c.SIGUSR1)
    pending = sleep.begin()
    caller.wait_blocked(pending, sleep.call)
    peer.must.tgkill(caller.pid, caller.tid, c.SIGUSR1)
    assert pending.result() == Err(EINTR)
    assert caller.caught(c.SIGUSR1) == 1
    sleep.nothing_moved()


def goes_on_when_a_handler_asks_for_restart(caller: Child, form: Form) -> None:
    """A handler with SA_RESTART runs, and the call sleeps on and succeeds later."""
    sleep = form(caller)
    peer = caller.thread("peer")
    caller.catch(c.SIGUSR1, restart=True)
    pending = sleep.begin()
    caller.wait_blocked(pending, sleep.call)
    peer.must.tgkill(caller.pid, caller.tid, c.SIGUSR1)
    counter = caller.facts.counts + 8 * c.SIGUSR1
    ran = caller.session.poll(lambda: peer.peek(counter, 8) == (1).to_bytes(8, "little"))
    assert ran, "the handler should run"
    caller.wait_blocked(pending, sleep.call)
    sleep.release(peer)
    assert pending.result() == sleep.answer
    sleep.moved()


def is_killed(caller: Child, form: Form) -> None:
    """SIGKILL ends it while it sleeps, and nothing that it used stays locked."""
    sleep = form(caller)
    heir = caller.fork("heir")
    pending = sleep.begin()
    caller.wait_blocked(pending, sleep.call)
    heir.must.kill(caller.pid, c.SIGKILL)
    assert caller.wait_death() == "killed by SIGKILL"
    sleep.release(heir)
    assert heir.getpid() == Ok(heir.task.own_pid)
