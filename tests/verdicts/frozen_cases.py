"""A machine that stops answering altogether; test_hostile.py runs it with short deadlines."""

import os
import signal

from fixtures.machine import Live
from helpers.child import Child
from helpers.machine.qemu import QemuMachine


def test_machine_freezes(machine: Live, caller: Child) -> None:
    assert isinstance(machine.machine, QemuMachine)
    assert machine.machine.process is not None
    os.kill(machine.machine.process.pid, signal.SIGSTOP)
    caller.getpid()


def test_next_machine_works(machine: Live, caller: Child) -> None:
    assert machine.number == 3
    assert caller.getpid() == caller.pid
