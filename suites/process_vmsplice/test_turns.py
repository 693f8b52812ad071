"""process_vmsplice: while a vmsplice(2) that waits for a page of its own memory holds the pipe."""

import pytest

from fixtures.cases import clause, needs
from helpers import abi
from helpers.abi import constants as c
from helpers.memory import Piece
from helpers.outcome import Ok
from suites.shared.userfault import LATE, PRESENT, Faults

pytestmark = needs("process_vmsplice", "foreign-memory", "vmsplice", "fd:userfaultfd", "root")


class Holder:
    """A child that shares the pipe with the caller, and holds it until its last page comes."""

    def __init__(self, caller, pipe):
        self.pipe = pipe
        self.child = caller.fork("holder")
        self.faults = Faults(self.child, 2)
        self.faults.hand_over(self.child.fork("keeper"))

    def begin(self):
        """Hold it."""
        memory = [self.faults.memory]
        self.call = self.child.begin.vmsplice(self.pipe.write, memory, 1, 0)
        self.faults.wait()

    def end(self):
        """Let it go."""
        self.faults.resolve()
        assert self.call.result() == Ok(self.faults.memory.length)


@pytest.fixture
def holder(caller, pipe):
    """It does not hold the pipe yet."""
    return Holder(caller, pipe)


@pytest.fixture
def witness(caller):
    """A child that has the pipe too and is not asked to do anything else."""
    return caller.fork("witness")


def pages(child):
    """What the holder puts into the pipe."""
    return Piece(child.page_size, PRESENT), Piece(child.page_size, LATE)


def kill(caller, witness):
    witness.must.kill(caller.pid, c.SIGKILL)
    assert caller.wait_death() == "killed by SIGKILL"


def is_still_held(holder, witness):
    """Who asks how much there is waits for the holder, and hears of its bytes alone."""
    count = abi.new("int *")
    asking = witness.begin.ioctl(holder.pipe.read, c.FIONREAD, count)
    witness.wait_blocked(asking, "ioctl")
    holder.end()
    assert asking.result() == Ok(0)
    assert count[0] == holder.faults.memory.length


@clause("process_vmsplice:concurrency:takes-turns")
def test_it_waits_for_its_turn(caller, target, pipe, remote, holder):
    holder.begin()
    call = caller.begin.process_vmsplice(target.pid, pipe.write, [remote[:9]], 1, 0)
    caller.wait_blocked(call, "process_vmsplice")
    holder.end()
    assert call.result() == Ok(9)
    pipe.holds(*pages(caller), remote.piece(remote[:9]))


@clause("process_vmsplice:concurrency:takes-turns")
def test_killed_meanwhile_it_leaves_the_pipe_to_the_holder(
    caller, target, pipe, remote, holder, witness
):
    holder.begin()
    call = caller.begin.process_vmsplice(target.pid, pipe.write, [remote[:9]], 1, 0)
    caller.wait_blocked(call, "process_vmsplice")
    kill(caller, witness)
    is_still_held(holder, witness)


def come_late(caller, target, holder):
    """Have the call wait for a page, then the holder hold the pipe, then the page come."""
    faults = Faults(target, 2)
    part = faults.memory[: caller.page_size + 9]
    call = caller.begin.process_vmsplice(target.pid, holder.pipe.write, [part], 1, 0)
    faults.wait()
    holder.begin()
    faults.resolve()

    def waits_for_the_pipe():
        state = caller.state()
        return call.done or (state.letter in ("S", "D") and "userfault" not in state.wchan)

    assert caller.session.poll(waits_for_the_pipe)
    assert not call.done
    return faults, call


@clause("process_vmsplice:concurrency:takes-turns")
def test_with_its_pages_it_waits_for_its_turn(caller, target, pipe, holder):
    _, call = come_late(caller, target, holder)
    holder.end()
    assert call.result() == Ok(caller.page_size + 9)
    pipe.holds(*pages(caller), Piece(caller.page_size, PRESENT), Piece(9, LATE))


@clause("process_vmsplice:concurrency:takes-turns")
def test_killed_with_its_pages_it_gives_them_back(caller, target, holder, witness):
    faults, _ = come_late(caller, target, holder)
    kill(caller, witness)
    assert faults.seal() == Ok(0)
    is_still_held(holder, witness)
