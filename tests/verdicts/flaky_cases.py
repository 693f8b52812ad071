"""Cases that come to something else in another machine; test_attempts.py runs them.

Not collected by itself. They run on the running kernel: there a machine is an agent, and killing it
loses the machine.
"""

import os
import signal

import pytest

from fixtures.cases import clause
from fixtures.machine import Live
from helpers.child import Child
from helpers.machine.local import LocalMachine


def lose(live: Live) -> None:
    machine = live.machine
    assert isinstance(machine, LocalMachine)
    assert machine.process is not None
    os.kill(machine.process.pid, signal.SIGKILL)
    live.session.ping()


def test_passes(caller: Child) -> None: ...


def test_is_lost_in_the_first_machine(machine: Live) -> None:
    if machine.number == 1:
        lose(machine)


def test_is_lost_in_each_machine(machine: Live) -> None:
    lose(machine)


def test_fails_in_each_other_machine(machine: Live) -> None:
    assert machine.number % 2 == 0


@clause("vmsplice:observed:pipe-size-of-2-to-32")
def test_observes_nothing_but_fails(machine: Live) -> None:
    raise AssertionError("never a failure")


def test_fails_in_each_machine(machine: Live) -> None:
    raise AssertionError("no")


@pytest.mark.parametrize("number", range(12))
def test_doomed(machine: Live, number: int) -> None:
    lose(machine)


def test_after_the_doomed(caller: Child) -> None: ...
