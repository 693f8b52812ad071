"""The other ways in and around: the i386 entry, packet pipes, ordinary users, other threads."""

from errno import EAGAIN, EBADF, EFAULT, EINVAL

from fixtures.cases import clause, needs, table
from fixtures.identity import OTHER, Identity
from fixtures.pipes import Pipe, make_pipe
from helpers.abi import constants as c
from helpers.child import Child
from helpers.memory import spans
from helpers.outcome import Err, Ok, Result
from suites.shared.sysctls import setting

pytestmark = needs("vmsplice")
I386 = needs("i386")


@I386
@clause("vmsplice:i386:segments")
@table("count", ("one", 1), ("three", 3), ("nine", 9), ("iov-max", c.UIO_MAXIOV))
def test_the_i386_entry_takes_short_segments(caller: Child, pipe: Pipe, count: int) -> None:
    memory = caller.pages(1, seed=1)
    taken = min(count, pipe.slots)
    segments = list(spans(memory, 2, count))
    assert caller.i386.vmsplice(pipe.write, segments, count, 0) == Ok(2 * taken)
    pipe.holds(memory.piece(memory[: 2 * taken]))


@I386
@clause("vmsplice:i386:segments")
def test_the_i386_entry_fills_memory(caller: Child, pipe: Pipe) -> None:
    memory, data = caller.pages(1, seed=1), caller.memory(10, seed=2)
    pipe.put(data[:])
    parts = [memory[3:7], memory[20:30]]
    assert caller.i386.vmsplice(pipe.read, parts, 2, 0) == Ok(10)
    memory.received(parts, [data.piece(data[:])])


@I386
@clause("vmsplice:i386:errors")
@table(
    "fd, base, length, count, flags, expected",
    ("unknown-flag", 1, 0, 3, 1, 0x10, Err(EINVAL)),
    ("no-descriptor", -1, 0, 3, 1, 0, Err(EBADF)),
    ("too-many", 1, 0, 3, c.UIO_MAXIOV + 1, 0, Err(EINVAL)),
    ("negative-length", 1, 0, -1, 1, 0, Err(EINVAL)),
    ("least-length", 1, 0, -(1 << 31), 1, 0, Err(EINVAL)),
    ("hole", 1, 4096, 3, 1, 0, Err(EFAULT)),
    ("nothing", 1, 0, 0, 1, 0, Ok(0)),
    ("flags-before-fd", -1, 0, 3, 1, 0x10, Err(EINVAL)),
)
def test_the_i386_entry_refuses_the_same(
    caller: Child, pipe: Pipe, fd: int, base: int, length: int, count: int, flags: int,
    expected: Result,
) -> None:  # fmt: skip
    memory = caller.pages(1, seed=1)
    address = memory.end if base else memory.address
    segments = [(address, length)] + [(address, 0)] * (count - 1)
    descriptor = pipe.write if fd == 1 else fd
    assert caller.i386.vmsplice(descriptor, segments, count, flags) == expected
    pipe.holds()


@clause("vmsplice:packets:are-not-made")
def test_what_is_sent_into_a_packet_pipe_is_no_packet(caller: Child) -> None:
    pipe = make_pipe(caller, c.O_DIRECT)
    memory = caller.pages(1, seed=1)
    assert caller.vmsplice(pipe.write, [memory[:3]], 1, 0) == Ok(3)
    assert caller.vmsplice(pipe.write, [memory[3:6]], 1, 0) == Ok(3)
    pipe.holds(memory.piece(memory[:6]))


@clause("vmsplice:packets:keep-their-bounds")
def test_a_packet_after_it_is_read_apart(caller: Child) -> None:
    pipe = make_pipe(caller, c.O_DIRECT)
    memory, packet = caller.pages(1, seed=1), caller.memory(6, seed=2)
    sink = caller.pages(1, seed=3)
    pipe.put(packet[:3])
    assert caller.vmsplice(pipe.write, [memory[:5]], 1, 0) == Ok(5)
    pipe.put(packet[3:])
    assert caller.read(pipe.read, sink, 100) == Ok(3)
    sink.holds([packet.piece(packet[:3])])
    pipe.holds(memory.piece(memory[:5]), packet.piece(packet[3:]))


@clause("vmsplice:receive:fills-memory")
def test_several_packets_are_received_together(caller: Child) -> None:
    pipe = make_pipe(caller, c.O_DIRECT)
    memory, packet = caller.pages(1, seed=1), caller.memory(6, seed=2)
    pipe.put(packet[:3])
    pipe.put(packet[3:])
    assert caller.vmsplice(pipe.read, [memory[5:50]], 1, 0) == Ok(6)
    memory.received([memory[5:50]], [packet.piece(packet[:])])


@clause("vmsplice:rights:none-needed")
@needs("root")
def test_an_ordinary_user_may_use_it(caller: Child) -> None:
    Identity.of(OTHER).assume(caller)
    pipe = make_pipe(caller)
    memory, got = caller.pages(1, seed=1), caller.pages(1, seed=2)
    assert caller.vmsplice(pipe.write, [memory], 1, c.SPLICE_F_GIFT) == Ok(memory.length)
    assert caller.vmsplice(pipe.read, [got], 1, 0) == Ok(memory.length)
    got.holds([memory.piece(memory[:])])


@clause("vmsplice:capacity:a-slot-for-each-page")
@needs("root", "disposable")
def test_a_user_with_many_pipes_has_small_ones(caller: Child) -> None:
    """fs/pipe.c, PIPE_MIN_DEF_BUFFERS, for a user over fs.pipe-user-pages-soft."""
    default = make_pipe(caller).slots
    user = caller.fork("user")
    with setting(caller, "/proc/sys/fs/pipe-user-pages-soft", default):
        Identity.of(OTHER).assume(user)
        pipes = [make_pipe(user), make_pipe(user)]
        memory = user.pages(4, seed=1)
        answers = [user.vmsplice(p.write, [memory], 1, c.SPLICE_F_NONBLOCK) for p in pipes]
        again = user.vmsplice(pipes[1].write, [memory], 1, c.SPLICE_F_NONBLOCK)
    page = caller.page_size
    assert [p.slots for p in pipes] == [default, 2]
    assert answers == [Ok(4 * page), Ok(2 * page)]
    assert again == Err(EAGAIN)
    pipes[1].holds(memory.piece(memory[: 2 * page]))


@clause("vmsplice:threads:close-releases-the-pipe")
@table(
    "segment, flags, expected",
    ("success", "good", 0, Ok(3)),
    ("unknown-flag", "good", 0x10, Err(EINVAL)),
    ("hole", "hole", 0, Err(EFAULT)),
    ("negative-length", "negative", 0, Err(EINVAL)),
)
def test_a_call_of_a_thread_keeps_no_reference(
    caller: Child, pipe: Pipe, segment: str, flags: int, expected: Result
) -> None:
    """The call takes a reference where descriptors are shared; end of file shows it is back."""
    memory, sink = caller.pages(1, seed=1), caller.pages(1)
    thread = caller.thread("thread")
    part = {"good": memory[:3], "hole": (memory.end, 3), "negative": (memory.address, -1)}[segment]
    assert thread.vmsplice(pipe.write, [part], 1, flags) == expected
    if expected.ok:
        caller.must.read(pipe.read, sink, 3)
    pipe.close_write()
    assert caller.read(pipe.read, sink, 1) == Ok(0)
