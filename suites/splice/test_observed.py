"""What kernels answer differently: recorded and compared, never a failure."""

from errno import EINTR

from fixtures.cases import clause, needs, table
from fixtures.observation import Observe
from fixtures.pipes import Pipe, make_fifo
from helpers import abi
from helpers.abi import constants as c
from helpers.child import Child
from helpers.memory import Span
from helpers.outcome import Err
from suites.shared.files import disk_file, memfd
from suites.shared.mappings import POISONS, poison
from suites.shared.observing import Watch, answer, read_nowait, sleeps_or_answers, written_nowait

pytestmark = needs("splice")

SIZE_MAX = (1 << 64) - 1


@clause("splice:observed:length-of-size-max")
def test_a_length_of_size_max(caller: Child, pipe: Pipe, observe: Observe) -> None:
    file = memfd(caller, 100)
    caller.must.lseek(file.fd, 100, c.SEEK_SET)
    observe(caller.splice(file.fd, None, pipe.write, None, SIZE_MAX, 0))


@clause("splice:observed:bad-offset-and-full-pipe")
def test_a_bad_offset_and_a_full_pipe(caller: Child, full_pipe: Pipe, observe: Observe) -> None:
    file = memfd(caller, 100)
    offset = abi.new("loff_t *", -1)
    observe(caller.splice(file.fd, offset, full_pipe.write, None, 10, c.SPLICE_F_NONBLOCK))


@clause("splice:observed:bad-offset-and-full-pipe")
def test_whether_a_bad_offset_waits_for_room(
    caller: Child, full_pipe: Pipe, observe: Observe
) -> None:
    file = memfd(caller, 100)
    offset = abi.new("loff_t *", -1)
    pending = caller.begin.splice(file.fd, offset, full_pipe.write, None, 10, 0)
    observe(sleeps_or_answers(caller, pending, "splice"))


@clause("splice:observed:dev-zero-and-full")
@table("path", ("zero", "/dev/zero"), ("full", "/dev/full"))
def test_a_device_without_end_as_input(
    caller: Child, pipe: Pipe, path: str, observe: Observe
) -> None:
    device = caller.must.openat(c.AT_FDCWD, path, c.O_RDONLY, 0)
    observe(caller.splice(device, None, pipe.write, None, 100, 0))


@clause("splice:observed:dev-zero-and-full")
@table("path", ("zero", "/dev/zero"), ("full", "/dev/full"))
def test_a_device_that_keeps_nothing_as_output(
    caller: Child, pipe: Pipe, path: str, observe: Observe
) -> None:
    device = caller.must.openat(c.AT_FDCWD, path, c.O_WRONLY, 0)
    pipe.put(caller.memory(100, seed=1)[:])
    observe(caller.splice(pipe.read, None, device, None, 100, 0))


@clause("splice:observed:dev-zero-and-full")
@table("path", ("zero", "/dev/zero"), ("full", "/dev/full"))
def test_two_gigabytes_of_a_device_without_end(
    caller: Child, pipe: Pipe, path: str, observe: Observe
) -> None:
    device, capacity = caller.must.openat(c.AT_FDCWD, path, c.O_RDONLY, 0), pipe.capacity
    result = caller.splice(device, None, pipe.write, None, 1 << 31, 0)
    observe("what the pipe takes" if result == capacity else result)


@clause("splice:observed:slots-into-datagrams")
@needs("vmsplice")
def test_two_slots_into_a_datagram_socket(caller: Child, pipe: Pipe, observe: Observe) -> None:
    sockets = abi.new("int[2]")
    caller.must.socketpair(c.AF_UNIX, c.SOCK_DGRAM, 0, sockets)
    here, there = sockets
    memory, got = caller.pages(1, seed=1), caller.memory(10)
    caller.must.vmsplice(pipe.write, [memory[:3], memory[3:7]], 2, 0)
    caller.must.splice(pipe.read, None, here, None, 7, 0)
    caller.must.fcntl(there, c.F_SETFL, c.O_NONBLOCK)
    lengths = []
    while (result := caller.read(there, got, 10)).ok:
        lengths.append(answer(result))
    observe(" and ".join(lengths) or "none")


@clause("splice:observed:file-offset-after-seek-and-signal")
def test_the_file_offset_after_a_seek_and_a_signal(
    caller: Child, full_pipe: Pipe, observe: Observe
) -> None:
    file, peer = memfd(caller, 200), caller.thread("peer")
    caller.catch(c.SIGUSR1)
    caller.must.lseek(file.fd, 5, c.SEEK_SET)
    pending = caller.begin.splice(file.fd, None, full_pipe.write, None, 10, 0)
    caller.wait_blocked(pending, "splice")
    peer.must.lseek(file.fd, 100, c.SEEK_SET)
    peer.must.tgkill(caller.pid, caller.tid, c.SIGUSR1)
    assert pending.result() == Err(EINTR)
    observe(file.position())


@clause("splice:observed:sealed-against-growing")
def test_more_than_a_sealed_file_takes(caller: Child, pipe: Pipe, observe: Observe) -> None:
    page = caller.page_size
    file = memfd(caller, page)
    caller.must.fcntl(file.fd, c.F_ADD_SEALS, c.F_SEAL_GROW)
    pipe.put(caller.pages(2, seed=1)[:])
    result = caller.splice(pipe.read, None, file.fd, None, 2 * page, 0)
    observe("one page" if result == page else result)


@clause("splice:observed:rwf-nowait")
def test_nowait_before_and_after(caller: Child, pipe: Pipe, observe: Observe) -> None:
    file = memfd(caller, 0)
    pipe.put(caller.memory(3, seed=1)[:])
    before = read_nowait(caller, pipe.read)
    caller.must.splice(pipe.read, None, file.fd, None, 1, 0)
    observe(f"{before}, then {read_nowait(caller, pipe.read)}")


@clause("splice:observed:rwf-nowait")
def test_nowait_at_the_other_end(caller: Child, pipe: Pipe, observe: Observe) -> None:
    file = memfd(caller, 0)
    pipe.put(caller.memory(3, seed=1)[:])
    caller.must.splice(pipe.read, None, file.fd, None, 1, 0)
    observe(written_nowait(caller, pipe.write))


@clause("splice:observed:rwf-nowait-on-a-fifo")
def test_nowait_on_a_fifo(caller: Child, directory: str, observe: Observe) -> None:
    file, fifo = memfd(caller, 0), fifo_with(caller, directory, caller.memory(3, seed=1)[:])
    before = read_nowait(caller, fifo)
    caller.must.splice(fifo, None, file.fd, None, 1, 0)
    observe(f"{before}, then {read_nowait(caller, fifo)}")


def fifo_with(caller: Child, directory: str, data: Span) -> int:
    fifo = make_fifo(caller, directory)
    caller.must.write(fifo, data, data.length)
    return fifo


@clause("splice:observed:inotify")
@table("end", ("input", 0), ("output", 1))
@table("other", ("fifo", "fifo"), ("file", "file"))
def test_inotify(caller: Child, directory: str, end: int, other: str, observe: Observe) -> None:
    fifos = [fifo_with(caller, directory, caller.memory(1, seed=1)[:]) for _ in range(2)]
    ends = list(fifos)
    if other == "file":
        ends[1 - end] = memfd(caller, 1).fd
    watch = Watch(caller, fifos[end])
    caller.must.splice(ends[0], None, ends[1], None, 1, 0)
    observe(watch.seen())


@clause("splice:observed:inotify")
@table("end", ("input", 0), ("output", 1))
def test_inotify_of_a_file(
    caller: Child, pipe: Pipe, directory: str, end: int, observe: Observe
) -> None:
    file = disk_file(caller, directory, 1)
    ends = [(file.fd, pipe.write), (pipe.read, file.fd)][end]
    if end:
        pipe.put(caller.memory(1, seed=1)[:])
    watch = Watch(caller, file.fd)
    caller.must.splice(ends[0], None, ends[1], None, 1, 0)
    observe(watch.seen())


def modified_by(caller: Child, fd: int, how: str) -> str:
    """Whether bytes that come into a pipe change its time.

    It is set to a time long ago first, so that nothing depends on the clock's ticks.
    """
    seen = abi.new("struct statx_head *")
    past = abi.new("struct timespec[2]", [(1, 0), (1, 0)])
    file = memfd(caller, 1)
    caller.must.utimensat(fd, None, past, 0)
    if how == "write":
        caller.must.write(fd, caller.memory(1, seed=1), 1)
    else:
        caller.must.splice(file.fd, None, fd, None, 1, 0)
    caller.must.statx(fd, "", c.AT_EMPTY_PATH, c.STATX_BASIC_STATS, seen)
    return "unchanged" if seen.stx_mtime.tv_sec == 1 else "changed"


HOW = table("how", ("write", "write"), ("splice", "splice"))


@clause("splice:observed:times-of-an-anonymous-pipe")
@needs("pipe-times")
@HOW
def test_the_time_of_an_anonymous_pipe(
    caller: Child, pipe: Pipe, how: str, observe: Observe
) -> None:
    observe(modified_by(caller, pipe.write, how))


@clause("splice:observed:times-of-a-fifo")
@needs("pipe-times")
@HOW
def test_the_time_of_a_fifo(caller: Child, directory: str, how: str, observe: Observe) -> None:
    observe(modified_by(caller, make_fifo(caller, directory), how))


@clause("splice:observed:poisoned-page")
@needs(*POISONS)
@table("way", ("read", "read"), ("written", "write"))
def test_a_poisoned_page_of_a_file(caller: Child, pipe: Pipe, way: str, observe: Observe) -> None:
    """The file is one in memory; the page has its error through a mapping."""
    page = caller.page_size
    file = memfd(caller, page)
    mapping = caller.pages(1, flags=c.MAP_SHARED, fd=file.fd)
    caller.peek(mapping.address, 1)
    poison(caller, mapping)
    if way == "write":
        pipe.put(caller.memory(10, seed=1)[:])
        observe(caller.splice(pipe.read, None, file.fd, None, 10, 0))
    else:
        observe(caller.splice(file.fd, None, pipe.write, None, 10, 0))
