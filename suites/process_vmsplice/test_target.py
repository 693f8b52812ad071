"""process_vmsplice: what becomes of a call whose target dies or changes meanwhile."""

from errno import EBUSY, EFAULT, ESRCH

import pytest

from fixtures.cases import clause, needs, table
from fixtures.pipes import FILLING
from helpers.abi import constants as c
from helpers.memory import Piece
from helpers.outcome import Err, Ok
from suites.process_vmsplice.calls import send
from suites.shared.execute import execute

pytestmark = needs("process_vmsplice", "foreign-memory")

CALL = "process_vmsplice"


@pytest.fixture
def asleep(caller, target, full_pipe):
    """A call that waits for room, the memory that it means, a peer, and the pipe's size."""
    memory, peer, size = target.pages(2, seed=2), caller.thread("peer"), full_pipe.capacity
    call = caller.begin.process_vmsplice(target.pid, full_pipe.write, [memory], 1, 0)
    caller.wait_blocked(call, CALL)
    return call, memory, peer, size


@clause("process_vmsplice:target:is-not-kept-alive")
def test_memory_of_a_target_that_is_killed_is_freed(caller, target, full_pipe):
    """A memfd cannot be sealed against writing while somebody has it mapped so: fcntl(2)."""
    fd = target.must.memfd_create("mapped", c.MFD_ALLOW_SEALING)
    target.must.ftruncate(fd, target.page_size)
    keeper = target.fork("keeper")
    memory = target.pages(1, seed=2, flags=c.MAP_SHARED, fd=fd)
    call = caller.begin.process_vmsplice(target.pid, full_pipe.write, [memory], 1, 0)
    caller.wait_blocked(call, CALL)
    assert keeper.fcntl(fd, c.F_ADD_SEALS, c.F_SEAL_WRITE) == Err(EBUSY)
    keeper.must.kill(target.pid, c.SIGKILL)
    target.wait_death()
    gone = keeper.session.poll(
        lambda: keeper.fcntl(fd, c.F_ADD_SEALS, c.F_SEAL_WRITE) == Ok(0), 5.0
    )
    assert gone, "the memory of a killed target should be freed"
    caller.wait_blocked(call, CALL)


@clause("process_vmsplice:target:dead-after-the-sleep")
@table("how", ("exits", "exit"), ("killed", "kill"))
def test_a_target_that_died_while_it_slept_gives_no_bytes(caller, target, full_pipe, asleep, how):
    call, _, peer, size = asleep
    if how == "exit":
        target.quit()
    else:
        peer.must.kill(target.pid, c.SIGKILL)
    target.wait_death()
    caller.wait_blocked(call, CALL)
    page = caller.page_size
    peer.must.read(full_pipe.read, peer.pages(1), page)
    assert call.result() == Err(ESRCH)
    full_pipe.holds(Piece(size - page, FILLING, page))


@clause("process_vmsplice:target:memory-is-looked-at-late")
@table("how", ("unmapped", "munmap"), ("rewritten", "fill"), ("given-back", "madvise"))
def test_memory_is_looked_at_when_there_is_room(caller, target, full_pipe, asleep, how):
    call, memory, peer, size = asleep
    if how == "munmap":
        target.must.munmap(memory, memory.length)
    elif how == "fill":
        memory.fill(3)
    else:
        target.must.madvise(memory, memory.length, c.MADV_DONTNEED)
    target.session.settle()
    page = caller.page_size
    peer.must.read(full_pipe.read, peer.pages(2), 2 * page)
    assert call.result() == (Err(EFAULT) if how == "munmap" else Ok(2 * page))
    rest = Piece(size - 2 * page, FILLING, 2 * page)
    now = Piece(2 * page, 3 if how == "fill" else None)
    full_pipe.holds(rest, *([] if how == "munmap" else [now]))


@clause("process_vmsplice:target:rights-lost-while-it-sleeps")
def test_a_target_that_becomes_forbidden_while_it_sleeps(
    caller, target, full_pipe, asleep, observe
):
    call, _, peer, _ = asleep
    target.must.prctl(c.PR_SET_DUMPABLE, 0, 0, 0, 0)
    peer.must.read(full_pipe.read, peer.pages(1), caller.page_size)
    observe(call.result())


@pytest.fixture
def replaced(caller, target, full_pipe, asleep):
    """The answer to a call whose target executed a program while it slept."""
    call, _, peer, _ = asleep
    execute(target)
    peer.must.read(full_pipe.read, peer.pages(1), caller.page_size)
    return call.result()


@clause("process_vmsplice:target:exec")
def test_a_target_that_executes_a_program_while_it_sleeps_gives_no_bytes(
    caller, full_pipe, replaced
):
    """Access was granted to an address space that is gone."""
    assert not replaced.ok, f"{replaced.call} = {replaced!r}, and no bytes should be sent"
    page, size = caller.page_size, full_pipe.capacity
    full_pipe.holds(Piece(size - page, FILLING, page))


@clause("process_vmsplice:target:exec-errno")
def test_error_of_a_call_whose_target_executed_a_program(replaced, observe):
    observe(replaced)


@clause("process_vmsplice:sharing:pipe-keeps-pages")
def test_the_pipe_keeps_the_pages_of_a_target_that_executes_a_program(caller, target, pipe, remote):
    assert send(caller, target.pid, pipe.write, [remote]) == Ok(remote.length)
    execute(target)
    pipe.holds(remote.piece(remote[:]))


@clause("process_vmsplice:errors:efault")
def test_memory_before_an_exec_is_not_there_after_it(caller, target, pipe, remote):
    assert send(caller, target.pid, pipe.write, [remote[:9]]) == Ok(9)
    pipe.holds(remote.piece(remote[:9]))
    execute(target)
    assert send(caller, target.pid, pipe.write, [remote[:9]]) == Err(EFAULT)
    pipe.holds()
