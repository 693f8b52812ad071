"""Flags, descriptors, and which of several faults is reported."""

from errno import EBADF, EFAULT, EINVAL

from fixtures.cases import clause, needs, table
from fixtures.memory import KERNEL_ADDRESS
from fixtures.pipes import Pipe, make_fifo
from helpers.abi import constants as c
from helpers.child import Child
from helpers.descriptors import KINDS, Kind
from helpers.outcome import Err, Ok, Result
from suites.shared import notifications
from suites.shared.flags import UNKNOWN_FLAG, known_flags

pytestmark = needs("vmsplice")

TOO_MANY = c.UIO_MAXIOV + 1


@clause("vmsplice:flags:known-are-accepted")
@known_flags
def test_each_flag_is_accepted(caller: Child, pipe: Pipe, flags: int) -> None:
    memory = caller.pages(1, seed=1)
    assert caller.vmsplice(pipe.write, [memory], 1, flags) == Ok(memory.length)
    pipe.holds(memory.piece(memory[:]))


@clause("vmsplice:flags:gift-unaligned-is-accepted")
def test_a_gift_need_not_be_aligned(caller: Child, pipe: Pipe) -> None:
    memory = caller.pages(1, seed=1)
    assert caller.vmsplice(pipe.write, [memory[3:13]], 1, c.SPLICE_F_GIFT) == Ok(10)
    pipe.holds(memory.piece(memory[3:13]))


@clause("vmsplice:flags:einval-unknown")
def test_each_unknown_flag_is_einval(caller: Child, pipe: Pipe) -> None:
    memory = caller.pages(1, seed=1)
    answers = {
        bit: caller.begin.vmsplice(pipe.write, [memory], 1, 1 << bit) for bit in range(4, 32)
    }
    assert {b: p.result() for b, p in answers.items()} == dict.fromkeys(answers, Err(EINVAL))
    pipe.holds()


@clause("vmsplice:flags:einval-unknown")
@table("known", ("nonblock", c.SPLICE_F_NONBLOCK), ("gift", c.SPLICE_F_GIFT))
def test_an_unknown_flag_is_einval_beside_a_known_one(
    caller: Child, pipe: Pipe, known: int
) -> None:
    memory = caller.pages(1, seed=1)
    assert caller.vmsplice(pipe.write, [memory], 1, known | UNKNOWN_FLAG) == Err(EINVAL)
    pipe.holds()


@clause("vmsplice:errors:ebadf")
@table("fd", ("minus-one", -1), ("at-fdcwd", c.AT_FDCWD), ("least", -(1 << 31)), ("high", 1 << 30))
def test_a_number_that_is_no_descriptor_is_ebadf(caller: Child, fd: int) -> None:
    memory = caller.pages(1, seed=1)
    assert caller.vmsplice(fd, [memory], 1, 0) == Err(EBADF)


@clause("vmsplice:errors:ebadf")
def test_a_closed_descriptor_is_ebadf(caller: Child, pipe: Pipe) -> None:
    memory = caller.pages(1, seed=1)
    pipe.close_write()
    assert caller.vmsplice(pipe.write, [memory], 1, 0) == Err(EBADF)


@clause("vmsplice:errors:ebadf-path")
def test_a_pipe_opened_as_path_is_ebadf(caller: Child, pipe: Pipe) -> None:
    memory = caller.pages(1, seed=1)
    path = caller.must.openat(c.AT_FDCWD, f"/proc/self/fd/{pipe.write}", c.O_PATH, 0)
    assert caller.vmsplice(path, [memory], 1, 0) == Err(EBADF)
    assert caller.vmsplice(path, [], 0, 0) == Err(EBADF)
    pipe.holds()


@clause("vmsplice:errors:ebadf-no-pipe")
@table("kind", *[(k.name, k, needs(*k.requirement)) for k in KINDS if "pipe" not in k.name
                 and "fifo" not in k.name])  # fmt: skip
def test_a_descriptor_of_another_kind_is_ebadf(caller: Child, directory: str, kind: Kind) -> None:
    memory = caller.pages(1, seed=1)
    fd = kind.make(caller, directory)
    assert caller.vmsplice(fd, [memory], 1, c.SPLICE_F_NONBLOCK) == Err(EBADF)
    memory.unchanged()


@clause("vmsplice:direction:write-wins")
def test_a_fifo_open_for_both_takes_memory(caller: Child, directory: str) -> None:
    memory = caller.pages(1, seed=1)
    fifo = make_fifo(caller, directory)
    before = caller.memory(4, seed=2)
    caller.must.write(fifo, before, 4)
    assert caller.vmsplice(fifo, [memory[:10]], 1, c.SPLICE_F_NONBLOCK) == Ok(10)
    memory.unchanged()
    Pipe(caller, fifo, fifo).holds(before.piece(before), memory.piece(memory[:10]))


@clause("vmsplice:direction:write-end")
def test_a_fifo_open_for_writing_takes_memory(caller: Child, directory: str) -> None:
    memory = caller.pages(1, seed=1)
    fifo = make_fifo(caller, directory)
    path = f"/proc/self/fd/{fifo}"
    write = caller.must.openat(c.AT_FDCWD, path, c.O_WRONLY, 0)
    read = caller.must.openat(c.AT_FDCWD, path, c.O_RDONLY, 0)
    assert caller.vmsplice(write, [memory[:10]], 1, 0) == Ok(10)
    Pipe(caller, read, write).holds(memory.piece(memory[:10]))


@table(
    "fd, segments, count, flags, expected",
    ("flags-before-fd", "none", "good", 1, UNKNOWN_FLAG, Err(EINVAL),
     clause("vmsplice:order:flags-first")),
    ("flags-before-count", "pipe", "good", TOO_MANY, UNKNOWN_FLAG, Err(EINVAL),
     clause("vmsplice:order:flags-first")),
    ("flags-before-nothing-to-do", "pipe", "good", 0, UNKNOWN_FLAG, Err(EINVAL),
     clause("vmsplice:order:flags-first")),
    ("fd-before-count", "none", "good", TOO_MANY, 0, Err(EBADF),
     clause("vmsplice:order:fd-before-segments")),
    ("fd-before-array", "none", "bad", 1, 0, Err(EBADF),
     clause("vmsplice:order:fd-before-segments")),
    ("fd-before-length", "none", "negative", 1, 0, Err(EBADF),
     clause("vmsplice:order:fd-before-segments")),
    ("fd-before-nothing-to-do", "none", "good", 0, 0, Err(EBADF),
     clause("vmsplice:order:fd-before-segments")),
    ("count-before-array", "pipe", "bad", TOO_MANY, 0, Err(EINVAL),
     clause("vmsplice:order:count-before-array")),
    ("count-before-no-pipe", "file", "good", TOO_MANY, 0, Err(EINVAL),
     clause("vmsplice:order:segments-before-pipe")),
    ("array-before-no-pipe", "file", "bad", 1, 0, Err(EFAULT),
     clause("vmsplice:order:segments-before-pipe")),
    ("length-before-no-pipe", "file", "negative", 1, 0, Err(EINVAL),
     clause("vmsplice:order:segments-before-pipe")),
    ("address-before-no-pipe", "file", "kernel", 1, 0, Err(EFAULT),
     clause("vmsplice:order:segments-before-pipe")),
    ("no-pipe-before-memory", "file", "hole", 1, 0, Err(EBADF),
     clause("vmsplice:order:pipe-before-memory")),
)  # fmt: skip
def test_the_first_of_two_faults_is_reported(
    caller: Child, pipe: Pipe, fd: str, segments: str, count: int, flags: int, expected: Result
) -> None:
    memory = caller.pages(1, seed=1)
    file = caller.must.memfd_create("file", 0)
    fds = {"none": -1, "pipe": pipe.write, "file": file}
    arrays = {
        "good": [memory[:3]],
        "bad": memory.end,
        "negative": [(memory.address, -1)],
        "kernel": [(KERNEL_ADDRESS, 3)],
        "hole": [(memory.end, 3)],
    }
    assert caller.vmsplice(fds[fd], arrays[segments], count, flags) == expected
    pipe.holds()


@clause("vmsplice:errors:ebadf-notification-pipe")
@needs(notifications.NEEDS)
@table("end", ("sent", "write"), ("received", "read"))
def test_a_notification_pipe_is_ebadf(caller: Child, end: str) -> None:
    memory, pipe = caller.pages(1, seed=1), notifications.notification_pipe(caller)
    fd = pipe.write if end == "write" else pipe.read
    assert caller.vmsplice(fd, [memory], 1, c.SPLICE_F_NONBLOCK) == Err(EBADF)
    memory.unchanged()
    assert caller.vmsplice(fd, [memory[:0]], 1, c.SPLICE_F_NONBLOCK) == Ok(0)
