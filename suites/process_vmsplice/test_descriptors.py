"""process_vmsplice: what fd must be."""

from errno import EBADF, EINVAL, EPERM, ESRCH

from fixtures.cases import clause, needs, table
from fixtures.identity import USER, Identity
from fixtures.pipes import Pipe, make_fifo, make_pipe
from helpers.abi import constants as c
from helpers.descriptors import KINDS
from helpers.outcome import Err, Ok
from suites.process_vmsplice.calls import send

pytestmark = needs("process_vmsplice", "foreign-memory")

NO_PIPES = tuple(kind for kind in KINDS if "pipe" not in kind.name and "fifo" not in kind.name)


@clause("process_vmsplice:errors:ebadf")
@table("fd", ("minus-1", -1), ("at-fdcwd", c.AT_FDCWD), ("int-min", -1 << 31), ("high", 1 << 30))
def test_number_that_is_no_descriptor_is_ebadf(caller, target, remote, fd):
    assert send(caller, target.pid, fd, [remote]) == Err(EBADF)
    remote.unchanged()


@clause("process_vmsplice:errors:ebadf")
def test_closed_descriptor_is_ebadf(caller, target, pipe, remote):
    pipe.close_write()
    assert send(caller, target.pid, pipe.write, [remote]) == Err(EBADF)
    pipe.holds()


@clause("process_vmsplice:errors:ebadf")
def test_descriptor_of_the_target_is_not_the_callers(caller, target, remote):
    pipe = make_pipe(target)
    high = target.must.fcntl(pipe.write, c.F_DUPFD, 200)
    assert send(caller, target.pid, high, [remote]) == Err(EBADF)
    pipe.holds()


@clause("process_vmsplice:errors:ebadf-no-pipe")
@table("kind", *((kind.name, kind, needs(*kind.requirement)) for kind in NO_PIPES))
def test_descriptor_that_is_no_pipe_is_ebadf(caller, target, remote, directory, kind):
    fd = kind.make(caller, directory)
    assert send(caller, target.pid, fd, [remote], c.SPLICE_F_NONBLOCK) == Err(EBADF)
    remote.unchanged()


@clause("process_vmsplice:errors:ebadf-no-pipe")
def test_descriptor_that_is_no_pipe_is_ebadf_though_nothing_moves(caller, target, remote):
    fd = caller.must.memfd_create("file", 0)
    assert send(caller, target.pid, fd, [remote[:0]]) == Err(EBADF)


@clause("process_vmsplice:errors:ebadf-no-pipe")
@needs("root", "disposable")
def test_terminal_is_ebadf(caller, target, remote):
    fd = caller.must.openat(c.AT_FDCWD, "/dev/console", c.O_RDWR, 0)
    assert send(caller, target.pid, fd, [remote[:1]], c.SPLICE_F_NONBLOCK) == Err(EBADF)


@clause("process_vmsplice:errors:ebadf-read-end")
@table("content", ("empty", 0), ("with-bytes", 5))
@table("flags", ("plain", 0), ("nonblock", c.SPLICE_F_NONBLOCK))
def test_read_end_is_ebadf_and_never_fills_the_targets_memory(
    caller, target, pipe, remote, content, flags
):
    data = caller.memory(5, seed=3)
    if content:
        pipe.put(data[:])
    assert send(caller, target.pid, pipe.read, [remote], flags) == Err(EBADF)
    remote.unchanged()
    pipe.holds(data.piece(data[:content]))


@clause("process_vmsplice:errors:ebadf-path")
def test_pipe_opened_as_path_is_ebadf(caller, target, pipe, remote):
    path = caller.must.openat(c.AT_FDCWD, f"/proc/self/fd/{pipe.write}", c.O_PATH, 0)
    assert send(caller, target.pid, path, [remote]) == Err(EBADF)
    pipe.holds()


@clause("process_vmsplice:descriptor:fifo")
@table(
    "flags, expected",
    ("write-only", c.O_WRONLY, Ok(10)),
    ("read-write", c.O_RDWR, Ok(10)),
    ("write-only-nonblock", c.O_WRONLY | c.O_NONBLOCK, Ok(10)),
    ("read-only", c.O_RDONLY, Err(EBADF), clause("process_vmsplice:errors:ebadf-read-end")),
    ("path", c.O_PATH, Err(EBADF), clause("process_vmsplice:errors:ebadf-path")),
)
def test_fifo_is_a_pipe_as_it_was_opened(caller, target, remote, directory, flags, expected):
    fifo = make_fifo(caller, directory)
    fd = caller.must.openat(c.AT_FDCWD, f"/proc/self/fd/{fifo}", flags, 0)
    assert send(caller, target.pid, fd, [remote[:10]]) == expected
    remote.unchanged()
    Pipe(caller, fifo, fifo).holds(remote.piece(remote[: 10 if expected.ok else 0]))


@clause("process_vmsplice:descriptor:fifo")
def test_what_is_sent_follows_what_is_in_the_fifo(caller, target, remote, directory):
    fifo = make_fifo(caller, directory)
    before = caller.memory(4, seed=3)
    caller.must.write(fifo, before, 4)
    assert send(caller, target.pid, fifo, [remote[:10]], c.SPLICE_F_NONBLOCK) == Ok(10)
    Pipe(caller, fifo, fifo).holds(before.piece(before), remote.piece(remote[:10]))


@clause("process_vmsplice:descriptor:duplicate")
def test_duplicate_of_a_write_end_works(caller, target, pipe, remote):
    high = caller.must.fcntl(pipe.write, c.F_DUPFD, 500)
    pipe.close_write()
    assert send(caller, target.pid, high, [remote[:10]]) == Ok(10)
    pipe.holds(remote.piece(remote[:10]))


@clause("process_vmsplice:order:process-before-pipe")
@table("end", ("read-end", "read"), ("no-pipe", "file"))
@table("who", ("no-process", "nobody"), ("forbidden", "forbidden", needs("root")))
def test_process_is_judged_before_what_the_descriptor_is(caller, target, pipe, remote, end, who):
    fd = pipe.read if end == "read" else caller.must.memfd_create("file", 0)
    if who == "forbidden":
        Identity.of(USER).assume(caller)
    pid = -1 if who == "nobody" else target.pid
    assert send(caller, pid, fd, [remote]) == Err(ESRCH if who == "nobody" else EPERM)
    pipe.holds()


@clause("process_vmsplice:descriptor:packets")
def test_what_is_sent_into_a_packet_pipe_is_a_stream_between_packets(caller, target, remote):
    pipe = make_pipe(caller, c.O_DIRECT)
    packet, sink = caller.memory(6, seed=3), caller.pages(1, seed=4)
    pipe.put(packet[:3])
    assert send(caller, target.pid, pipe.write, [remote[:5], remote[5:8]]) == Ok(8)
    pipe.put(packet[3:])
    assert caller.read(pipe.read, sink, 100) == Ok(3)
    sink.holds([packet.piece(packet[:3])])
    pipe.holds(remote.piece(remote[:8]), packet.piece(packet[3:]))


@clause("process_vmsplice:descriptor:no-reference-kept")
@table(
    "pid, flags, expected",
    ("success", 0, 0, Ok(3)),
    ("unknown-flag", 0, 1 << 31, Err(EINVAL)),
    ("no-process", -1, 0, Err(ESRCH)),
)
def test_call_of_a_thread_keeps_no_reference(caller, target, pipe, remote, pid, flags, expected):
    """It takes a reference where descriptors are shared; end of file shows it is back."""
    thread, sink = caller.thread("thread"), caller.pages(1)
    answer = send(thread, pid or target.pid, pipe.write, [remote[:3]], flags)
    assert answer == expected
    if answer.ok:
        caller.must.read(pipe.read, sink, 3)
    pipe.close_write()
    assert caller.read(pipe.read, sink, 1) == Ok(0)
