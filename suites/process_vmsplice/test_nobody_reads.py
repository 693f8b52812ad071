"""process_vmsplice: a pipe whose readers are gone."""

from errno import EAGAIN, EFAULT, EPIPE, ESRCH

import pytest

from fixtures.cases import clause, needs, table
from helpers.abi import constants as c
from helpers.memory import Span
from helpers.outcome import Err, Ok
from suites.process_vmsplice.calls import send

pytestmark = needs("process_vmsplice", "foreign-memory")


@pytest.fixture
def lonely(caller, pipe):
    """A pipe that nobody reads, and a caller that counts SIGPIPE."""
    caller.catch(c.SIGPIPE)
    pipe.close_read()
    return pipe


@clause("process_vmsplice:nobody-reads:epipe")
@table(
    "flags",
    ("plain", 0),
    ("nonblock", c.SPLICE_F_NONBLOCK),
    ("gift", c.SPLICE_F_GIFT),
    ("all", 15),
)
@table("count", ("one", 1), ("three", 3), ("twenty", 20))
def test_it_is_epipe_with_one_sigpipe(caller, target, lonely, flags, count):
    memory = target.pages(1, seed=2)
    assert send(caller, target.pid, lonely.write, [memory] * count, flags) == Err(EPIPE)
    assert caller.caught(c.SIGPIPE) == 1
    memory.unchanged()


@clause("process_vmsplice:nobody-reads:epipe")
def test_an_ignored_sigpipe_leaves_epipe(caller, target, pipe, remote):
    caller.ignore(c.SIGPIPE)
    pipe.close_read()
    assert send(caller, target.pid, pipe.write, [remote]) == Err(EPIPE)


@clause("process_vmsplice:nobody-reads:epipe")
def test_it_is_killed_by_sigpipe_unless_handled(caller, target, pipe, remote):
    caller.default(c.SIGPIPE)
    pipe.close_read()
    caller.begin.process_vmsplice(target.pid, pipe.write, [remote], 1, 0)
    assert caller.wait_death() == "killed by SIGPIPE"
    assert target.getpid().ok


@clause("process_vmsplice:nobody-reads:epipe")
def test_the_signal_is_for_the_thread_that_called(caller, target, lonely, remote):
    thread = caller.thread("thread")
    caller.must.rt_sigprocmask(c.SIG_BLOCK, b"\0\x10" + bytes(6), None, 8)
    assert send(thread, target.pid, lonely.write, [remote]) == Err(EPIPE)
    assert caller.caught(c.SIGPIPE) == 1


@clause("process_vmsplice:nobody-reads:before-full")
def test_a_full_pipe_is_epipe_too(caller, target, full_pipe, remote):
    caller.catch(c.SIGPIPE)
    flags = c.SPLICE_F_NONBLOCK
    assert send(caller, target.pid, full_pipe.write, [remote], flags) == Err(EAGAIN)
    full_pipe.close_read()
    assert send(caller, target.pid, full_pipe.write, [remote], flags) == Err(EPIPE)
    assert send(caller, target.pid, full_pipe.write, [remote], 0) == Err(EPIPE)
    assert caller.caught(c.SIGPIPE) == 2


@clause("process_vmsplice:order:pipe-before-memory")
def test_memory_is_not_looked_at_when_nobody_reads(caller, target, lonely, remote):
    hole = Span(remote.end, 1)
    assert send(caller, target.pid, lonely.write, [hole]) == Err(EPIPE)
    assert caller.caught(c.SIGPIPE) == 1


@clause("process_vmsplice:order:pipe-before-memory")
def test_memory_is_not_looked_at_when_the_pipe_is_full(caller, target, full_pipe, remote):
    hole, flags = Span(remote.end, 1), c.SPLICE_F_NONBLOCK
    assert send(caller, target.pid, full_pipe.write, [hole], flags) == Err(EAGAIN)
    caller.must.read(full_pipe.read, caller.pages(1), caller.page_size)
    assert send(caller, target.pid, full_pipe.write, [hole], flags) == Err(EFAULT)


@clause("process_vmsplice:nobody-reads:only-if-it-would-send")
@table(
    "how, expected",
    ("no-process", "nobody", Err(ESRCH)),
    ("no-bytes", "empty", Ok(0)),
    ("bad-array", "array", Err(EFAULT)),
)
def test_there_is_no_signal_for_a_call_that_fails_before(
    caller, target, lonely, remote, how, expected
):
    pid = -1 if how == "nobody" else target.pid
    array = {"empty": [remote[:0]], "array": 8}.get(how, [remote[:]])
    assert caller.process_vmsplice(pid, lonely.write, array, 1, 0) == expected
    assert caller.caught(c.SIGPIPE) == 0


@clause("process_vmsplice:nobody-reads:content-goes")
def test_pages_in_a_pipe_are_given_back_when_its_readers_go(caller, target, pipe):
    memory = target.pages(2, seed=2)
    caller.catch(c.SIGPIPE)
    assert send(caller, target.pid, pipe.write, [memory]) == Ok(memory.length)
    pipe.close_read()
    assert send(caller, target.pid, pipe.write, [memory]) == Err(EPIPE)
    memory.unchanged()
