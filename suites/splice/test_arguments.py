"""Flags, lengths, descriptors, offsets, and which of several faults is reported."""

from errno import EBADF, EFAULT, EINVAL, ESPIPE, EXDEV
from typing import Any

from fixtures.cases import clause, needs, table
from fixtures.memory import KERNEL_ADDRESS
from fixtures.pipes import Pipe, make_fifo, make_pipe
from helpers import abi
from helpers.abi import constants as c
from helpers.child import Child
from helpers.outcome import Err, Ok, Result
from suites.shared import notifications
from suites.shared.files import memfd
from suites.shared.flags import UNKNOWN_FLAG, known_flags

pytestmark = needs("splice")

LLONG_MAX = (1 << 63) - 1

NOTIFICATION_IN = clause("splice:notification-pipe:input")
NOTIFICATION_OUT = clause("splice:notification-pipe:output")


@clause("splice:flags:known-are-accepted")
@known_flags
def test_each_flag_is_accepted(caller: Child, pipe: Pipe, flags: int) -> None:
    file = memfd(caller, 100)
    assert caller.splice(file.fd, None, pipe.write, None, 60, flags) == Ok(60)
    pipe.holds(file.data.piece(file.data[:60]))


@clause("splice:flags:einval-unknown")
def test_each_unknown_flag_is_einval(caller: Child, pipe: Pipe) -> None:
    file = memfd(caller, 100)
    answers = {
        bit: caller.begin.splice(file.fd, None, pipe.write, None, 10, 1 << bit)
        for bit in range(4, 32)
    }
    assert {b: p.result() for b, p in answers.items()} == dict.fromkeys(answers, Err(EINVAL))
    pipe.holds()
    assert file.position() == 0


@clause("splice:errors:ebadf")
@table("fd", ("minus-one", -1), ("at-fdcwd", c.AT_FDCWD), ("least", -(1 << 31)), ("high", 1 << 30))
@table("side", ("input", "input"), ("output", "output"))
def test_a_number_that_is_no_descriptor_is_ebadf(
    caller: Child, pipe: Pipe, side: str, fd: int
) -> None:
    fds = (fd, pipe.write) if side == "input" else (pipe.read, fd)
    assert caller.splice(fds[0], None, fds[1], None, 10, c.SPLICE_F_NONBLOCK) == Err(EBADF)
    pipe.holds()


@clause("splice:errors:ebadf")
@table("side", ("input", 0), ("output", 1))
def test_a_closed_descriptor_is_ebadf(caller: Child, pipe: Pipe, side: int) -> None:
    file = memfd(caller, 100)
    fds = (file.fd, pipe.write)
    caller.queued.close(fds[side])
    assert caller.splice(fds[0], None, fds[1], None, 10, 0) == Err(EBADF)


@clause("splice:errors:einval-no-pipe")
def test_two_files_are_einval(caller: Child) -> None:
    files = memfd(caller, 100), memfd(caller, 100)
    assert caller.splice(files[0].fd, None, files[1].fd, None, 10, 0) == Err(EINVAL)
    assert [file.position() for file in files] == [0, 0]
    files[1].holds(files[1].data.piece(files[1].data[:]))


@clause("splice:errors:einval-same-pipe")
@table("state", ("empty", False), ("with-bytes", True))
def test_the_two_ends_of_a_pipe_are_einval(caller: Child, pipe: Pipe, state: bool) -> None:
    data = caller.memory(10, seed=1)
    if state:
        pipe.put(data[:])
    flags = c.SPLICE_F_NONBLOCK
    assert caller.splice(pipe.read, None, pipe.write, None, 10, flags) == Err(EINVAL)
    pipe.holds(*([data.piece(data[:])] if state else []))


@clause("splice:errors:einval-same-pipe")
def test_two_openings_of_a_fifo_are_the_same_pipe(caller: Child, directory: str) -> None:
    fifo = make_fifo(caller, directory)
    again = caller.must.openat(c.AT_FDCWD, f"/proc/self/fd/{fifo}", c.O_RDWR, 0)
    assert caller.splice(fifo, None, again, None, 10, c.SPLICE_F_NONBLOCK) == Err(EINVAL)


@clause("splice:length:zero")
@table(
    "fd_in, off_in, fd_out, off_out, flags",
    ("nothing-is-right", -1, KERNEL_ADDRESS, -1, KERNEL_ADDRESS, (1 << 32) - 1),
    ("unknown-flag", "file", None, "write", None, UNKNOWN_FLAG),
    ("no-descriptor", -1, None, "write", None, 0),
    ("offset-of-a-pipe", "read", KERNEL_ADDRESS, "file", None, 0),
    ("bad-offset", "file", KERNEL_ADDRESS, "write", None, 0),
    ("wrong-mode", "write", None, "read", None, 0),
    ("no-pipe", "file", None, "file", None, 0),
    ("same-pipe", "read", None, "write", None, 0),
    ("all-right", "file", None, "write", None, 0),
)
def test_a_length_of_zero_is_0_whatever_else(
    caller: Child, pipe: Pipe, fd_in: Any, off_in: Any, fd_out: Any, off_out: Any, flags: int
) -> None:
    file = memfd(caller, 100)
    fds = {"file": file.fd, "read": pipe.read, "write": pipe.write, -1: -1}
    assert caller.splice(fds[fd_in], off_in, fds[fd_out], off_out, 0, flags) == Ok(0)
    pipe.holds()
    assert file.position() == 0


BAD = "bad"
GOOD = "good"
FLAGS_BEFORE_FDS = clause("splice:order:flags-before-fds")
FDS_BEFORE_OFFSETS = clause("splice:order:fds-before-offsets")
ESPIPE_FIRST = clause("splice:order:espipe-first")
EFAULT_BEFORE_MODES = clause("splice:order:efault-before-modes")
MODES_BEFORE_KINDS = clause("splice:order:modes-before-kinds")
KINDS_BEFORE_PIPE_STATE = clause("splice:order:kinds-before-pipe-state")


@table(
    "fd_in, off_in, fd_out, off_out, flags, answer",
    ("flags-before-input", "none", None, "none", None, UNKNOWN_FLAG, EINVAL,
     FLAGS_BEFORE_FDS),
    ("flags-before-offset", "read", BAD, "file", None, UNKNOWN_FLAG, EINVAL,
     FLAGS_BEFORE_FDS),
    ("input-before-offset-of-a-pipe", "none", None, "write", GOOD, 0, EBADF,
     FDS_BEFORE_OFFSETS),
    ("output-before-offset-of-a-pipe", "read", GOOD, "none", None, 0, EBADF,
     FDS_BEFORE_OFFSETS),
    ("output-before-bad-offset", "file", BAD, "none", None, 0, EBADF,
     FDS_BEFORE_OFFSETS),
    ("offset-of-the-input-pipe", "read", GOOD, "file", None, 0, ESPIPE,
     clause("splice:errors:espipe")),
    ("offset-of-the-output-pipe", "file", None, "write", GOOD, 0, ESPIPE,
     clause("splice:errors:espipe")),
    ("offsets-of-both-pipes", "read", GOOD, "other", GOOD, 0, ESPIPE,
     clause("splice:errors:espipe")),
    ("offset-of-a-pipe-before-bad-offset", "read", BAD, "file", None, 0, ESPIPE,
     ESPIPE_FIRST),
    ("offset-of-a-pipe-before-bad-offset-2", "file", None, "write", BAD, 0, ESPIPE,
     ESPIPE_FIRST),
    ("offset-of-a-pipe-before-the-other", "read", GOOD, "file", BAD, 0, ESPIPE,
     ESPIPE_FIRST),
    ("offset-of-a-pipe-before-the-other-2", "file", BAD, "write", GOOD, 0, ESPIPE,
     ESPIPE_FIRST),
    ("offset-of-a-pipe-before-its-mode", "write", GOOD, "file", None, 0, ESPIPE,
     ESPIPE_FIRST),
    ("offset-of-a-pipe-before-its-mode-2", "file", None, "read", GOOD, 0, ESPIPE,
     ESPIPE_FIRST),
    ("offset-of-a-pipe-before-same-pipe", "read", GOOD, "write", None, 0, ESPIPE,
     ESPIPE_FIRST),
    ("bad-input-offset", "file", BAD, "write", None, 0, EFAULT, clause("splice:errors:efault")),
    ("bad-output-offset", "read", None, "file", BAD, 0, EFAULT, clause("splice:errors:efault")),
    ("bad-offset-before-mode", "write-only", BAD, "write", None, 0, EFAULT,
     EFAULT_BEFORE_MODES),
    ("bad-offset-before-mode-2", "write", None, "file", BAD, 0, EFAULT,
     EFAULT_BEFORE_MODES),
    ("bad-offset-before-no-pipe", "file", BAD, "file", None, 0, EFAULT,
     EFAULT_BEFORE_MODES),
    ("bad-offset-before-no-pipe-2", "file", None, "file", BAD, 0, EFAULT,
     EFAULT_BEFORE_MODES),
    ("mode-before-no-pipe", "file", None, "read-only", None, 0, EBADF,
     MODES_BEFORE_KINDS),
    ("mode-before-no-pipe-2", "write-only", None, "file", None, 0, EBADF,
     MODES_BEFORE_KINDS),
    ("mode-before-same-pipe", "write", None, "write", None, 0, EBADF,
     MODES_BEFORE_KINDS),
    ("mode-before-append", "read", None, "read", None, 0, EBADF, MODES_BEFORE_KINDS),
    ("same-pipe-before-nothing-there", "read", None, "write", None, c.SPLICE_F_NONBLOCK, EINVAL,
     KINDS_BEFORE_PIPE_STATE),
    ("append-before-nothing-there", "read", None, "append", None, c.SPLICE_F_NONBLOCK, EINVAL,
     KINDS_BEFORE_PIPE_STATE),
    ("no-pipe-before-nothing-there", "file", None, "file", None, c.SPLICE_F_NONBLOCK, EINVAL,
     KINDS_BEFORE_PIPE_STATE),
)  # fmt: skip
def test_the_first_of_two_faults_is_reported(
    caller: Child, pipe: Pipe, directory: str,
    fd_in: str, off_in: str | None, fd_out: str, off_out: str | None, flags: int, answer: int,
) -> None:  # fmt: skip
    file = memfd(caller, 100)
    again = f"/proc/self/fd/{file.fd}"
    opened = {"read-only": c.O_RDONLY, "write-only": c.O_WRONLY, "append": c.O_WRONLY | c.O_APPEND}
    fds = {"none": -1, "file": file.fd, "read": pipe.read, "write": pipe.write}
    for name in {fd_in, fd_out} & set(opened):
        fds[name] = caller.must.openat(c.AT_FDCWD, again, opened[name], 0)
    if fd_out == "other":
        fds["other"] = make_pipe(caller).write
    offsets = {None: None, BAD: KERNEL_ADDRESS}
    given = [abi.new("loff_t *", 7) if off == GOOD else offsets[off] for off in (off_in, off_out)]
    call = caller.splice(fds[fd_in], given[0], fds[fd_out], given[1], 10, flags)
    assert call == Err(answer)
    pipe.holds()
    assert file.position() == 0
    assert all(offset[0] == 7 for offset in given if offset not in (None, KERNEL_ADDRESS))
    file.holds(file.data.piece(file.data[:]))


@clause("splice:errors:efault")
@table("place", ("null-page", 8), ("kernel", KERNEL_ADDRESS), ("hole", None))
def test_an_offset_that_cannot_be_read_is_efault(
    caller: Child, pipe: Pipe, place: int | None
) -> None:
    file = memfd(caller, 100)
    address = place if place is not None else caller.pages(1).end
    assert caller.splice(file.fd, address, pipe.write, None, 10, 0) == Err(EFAULT)
    assert caller.splice(pipe.read, None, file.fd, address, 10, 0) == Err(EFAULT)
    pipe.holds()
    assert file.position() == 0


@clause("splice:offsets:einval")
@table(
    "offset",
    ("minus-one", -1),
    ("least", -(1 << 63)),
    ("greatest", LLONG_MAX),
)
def test_an_offset_that_no_file_has_is_einval(caller: Child, pipe: Pipe, offset: int) -> None:
    file, data = memfd(caller, 100), caller.memory(10, seed=2)
    value = abi.new("loff_t *", offset)
    assert caller.splice(file.fd, value, pipe.write, None, 10, 0) == Err(EINVAL)
    pipe.holds()
    pipe.put(data[:])
    assert caller.splice(pipe.read, None, file.fd, value, 10, 0) == Err(EINVAL)
    assert value[0] == offset
    pipe.holds(data.piece(data[:]))
    file.holds(file.data.piece(file.data[:]))


@clause("splice:offsets:unseekable-is-einval")
@table("flags", ("plain", 0), ("nonblock", c.SPLICE_F_NONBLOCK))
def test_an_offset_of_a_socket_is_refused(caller: Child, pipe: Pipe, flags: int) -> None:
    sockets = abi.new("int[2]")
    caller.must.socketpair(c.AF_UNIX, c.SOCK_STREAM, 0, sockets)
    data = caller.memory(10, seed=2)
    caller.must.write(sockets[1], data, 10)
    pipe.put(data[:])
    offset = abi.new("loff_t *", 1)
    assert caller.splice(sockets[0], offset, pipe.write, None, 10, flags) == Err(EINVAL)
    assert caller.splice(pipe.read, None, sockets[0], offset, 10, flags) == Err(EINVAL)
    assert offset[0] == 1
    pipe.holds(data.piece(data[:]))


@clause("splice:errors:einval-append")
@table("offset", ("no-offset", False), ("offset", True))
def test_a_file_in_append_mode_is_einval_as_output(caller: Child, pipe: Pipe, offset: bool) -> None:
    file, data = memfd(caller, 100), caller.memory(10, seed=2)
    pipe.put(data[:])
    caller.must.fcntl(file.fd, c.F_SETFL, c.O_APPEND)
    place = abi.new("loff_t *", 50) if offset else None
    assert caller.splice(pipe.read, None, file.fd, place, 10, 0) == Err(EINVAL)
    pipe.holds(data.piece(data[:]))
    file.holds(file.data.piece(file.data[:]))


@clause("splice:append:only-files-mind")
def test_append_mode_matters_only_for_a_file_as_output(caller: Child, pipe: Pipe) -> None:
    file = memfd(caller, 100)
    caller.must.fcntl(file.fd, c.F_SETFL, c.O_APPEND)
    caller.must.fcntl(pipe.write, c.F_SETFL, c.O_APPEND)
    assert caller.splice(file.fd, None, pipe.write, None, 10, 0) == Ok(10)
    pipe.holds(file.data.piece(file.data[:10]))


@needs("i386")
@clause("splice:i386:same")
@table(
    "length, expected",
    ("ten", 10, Ok(10)),
    ("zero", 0, Ok(0)),
    ("2-to-31", 1 << 31, Ok(100)),
)
def test_the_i386_entry_does_the_same(
    caller: Child, pipe: Pipe, length: int, expected: Result
) -> None:
    file = memfd(caller, 100)
    place = abi.new("loff_t *", 0)
    assert caller.i386.splice(file.fd, place, pipe.write, None, length, 0) == expected
    assert place[0] == expected.value
    assert file.position() == 0
    pipe.holds(file.data.piece(file.data[: expected.value]))


@needs(notifications.NEEDS)
@table(
    "source, sink, answer",
    ("into-a-pipe", "notifications", "pipe", EINVAL, NOTIFICATION_IN),
    ("into-a-file", "notifications", "file", EINVAL, NOTIFICATION_IN),
    ("from-a-pipe", "pipe", "notifications", EXDEV, NOTIFICATION_OUT),
    ("from-a-file", "file", "notifications", EINVAL, NOTIFICATION_OUT),
    ("into-itself", "notifications", "notifications", EINVAL, NOTIFICATION_OUT),
)
def test_a_notification_pipe_is_no_pipe(
    caller: Child, pipe: Pipe, source: str, sink: str, answer: int
) -> None:
    data, other, file = (
        caller.memory(10, seed=1), notifications.notification_pipe(caller), memfd(caller, 100),
    )  # fmt: skip
    pipe.put(data[:])
    inputs = {"notifications": other.read, "pipe": pipe.read, "file": file.fd}
    outputs = {"notifications": other.write, "pipe": pipe.write, "file": file.fd}
    fds = inputs[source], outputs[sink]
    assert caller.splice(fds[0], None, fds[1], None, 10, c.SPLICE_F_NONBLOCK) == Err(answer)
    pipe.holds(data.piece(data[:]))
    assert file.position() == 0
    file.holds(file.part(0, 100))
