"""process_vmsplice: beside the bytes, what it does to pipe and caller is what vmsplice does."""

from errno import EFAULT, EPIPE

import pytest

from fixtures.cases import clause, needs, table
from fixtures.pipes import make_fifo, make_pipe
from helpers.abi import constants as c
from helpers.memory import Span
from helpers.outcome import Err, Ok
from suites.process_vmsplice.calls import send
from suites.shared.observing import Watch, written_nowait

pytestmark = needs("process_vmsplice", "foreign-memory", "vmsplice")

#: struct signalfd_siginfo: signalfd(2).
INFO_SIZE = 128
CODE = slice(8, 12)
PID = slice(12, 16)


@pytest.fixture
def end(caller, directory):
    """The write end of a FIFO, and a watch of it."""
    both = make_fifo(caller, directory)
    fd = caller.must.openat(c.AT_FDCWD, f"/proc/self/fd/{both}", c.O_WRONLY, 0)
    return fd, Watch(caller, both)


@clause("process_vmsplice:siblings:inotify")
@table("length", ("nothing", 0), ("one-byte", 1), ("a-page", 4096))
def test_inotify_tells_of_it_what_it_tells_of_vmsplice(caller, target, end, length):
    fd, watch = end
    own, other = caller.pages(1, seed=1), target.pages(1, seed=2)
    assert caller.vmsplice(fd, [own[:length]], 1, 0) == Ok(length)
    told = watch.seen()
    assert send(caller, target.pid, fd, [other[:length]]) == Ok(length)
    assert watch.seen() == told


@clause("process_vmsplice:siblings:inotify")
def test_inotify_does_not_tell_of_a_failure(caller, target, end):
    fd, watch = end
    hole = Span(target.pages(1).end, 9)
    assert caller.vmsplice(fd, [hole], 1, 0) == Err(EFAULT)
    told = watch.seen()
    assert send(caller, target.pid, fd, [hole]) == Err(EFAULT)
    assert watch.seen() == told


@clause("process_vmsplice:siblings:rwf-nowait")
@table("length", ("nothing", 0), ("some-bytes", 9))
def test_rwf_nowait_works_as_after_vmsplice(caller, target, pipe, length):
    other = make_pipe(caller)
    own, memory = caller.pages(1, seed=1), target.pages(1, seed=2)
    assert caller.vmsplice(other.write, [own[:length]], 1, 0) == Ok(length)
    assert send(caller, target.pid, pipe.write, [memory[:length]]) == Ok(length)
    assert written_nowait(caller, pipe.write) == written_nowait(caller, other.write)


@clause("process_vmsplice:siblings:sigpipe")
def test_sigpipe_comes_from_the_caller_as_that_of_vmsplice(caller, target, pipe):
    mask = (1 << c.SIGPIPE - 1).to_bytes(8, "little")
    caller.must.rt_sigprocmask(c.SIG_BLOCK, mask, None, 8)
    fd = caller.must.signalfd4(-1, mask, 8, 0)
    memory, info = caller.pages(1, seed=1), caller.memory(INFO_SIZE)
    pipe.close_read()

    def told():
        caller.must.read(fd, info, INFO_SIZE)
        return info.read()[CODE], int.from_bytes(info.read()[PID], "little")

    assert caller.vmsplice(pipe.write, [memory], 1, 0) == Err(EPIPE)
    code, pid = told()
    assert send(caller, target.pid, pipe.write, [target.pages(1, seed=2)]) == Err(EPIPE)
    assert told() == (code, pid)
    assert pid == caller.pid
