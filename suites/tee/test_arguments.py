"""Flags, descriptors, and which of several faults is reported."""

from errno import EAGAIN, EBADF, EINVAL

import pytest

from fixtures.cases import clause, needs, table
from fixtures.pipes import Pipe, make_fifo, make_pipe
from helpers.abi import constants as c
from helpers.child import Child
from helpers.descriptors import KINDS, Kind, Mode
from helpers.memory import Memory
from helpers.outcome import Err, Ok, Result
from suites.shared import notifications
from suites.shared.flags import UNKNOWN_FLAG, known_flags

pytestmark = needs("tee")

NO_PIPES = [kind for kind in KINDS if "pipe" not in kind.name and "fifo" not in kind.name]


@pytest.fixture
def data(caller: Child, pipe: Pipe) -> Memory:
    """Ten bytes that wait in the pipe."""
    data = caller.memory(10, seed=1)
    pipe.put(data[:])
    return data


@pytest.fixture
def output(caller: Child) -> Pipe:
    """A second pipe, empty."""
    return make_pipe(caller)


@clause("tee:flags:known-are-accepted")
@known_flags
def test_each_flag_is_accepted(
    caller: Child, pipe: Pipe, data: Memory, output: Pipe, flags: int
) -> None:
    assert caller.tee(pipe.read, output.write, 100, flags) == Ok(10)
    pipe.holds(data.piece(data[:]))
    output.holds(data.piece(data[:]))


@clause("tee:flags:einval-unknown")
def test_each_unknown_flag_is_einval(caller: Child, pipe: Pipe, data: Memory, output: Pipe) -> None:
    answers = {bit: caller.begin.tee(pipe.read, output.write, 10, 1 << bit) for bit in range(4, 32)}
    assert {b: p.result() for b, p in answers.items()} == dict.fromkeys(answers, Err(EINVAL))
    assert caller.tee(pipe.read, output.write, 10, (1 << 32) - 1) == Err(EINVAL)
    output.holds()
    pipe.holds(data.piece(data[:]))


@clause("tee:errors:ebadf")
@table("fd", ("minus-one", -1), ("at-fdcwd", c.AT_FDCWD), ("least", -(1 << 31)), ("high", 1 << 30))
@table("side", ("input", "input"), ("output", "output"))
def test_a_number_that_is_no_descriptor_is_ebadf(
    caller: Child, pipe: Pipe, data: Memory, side: str, fd: int
) -> None:
    fds = (fd, pipe.write) if side == "input" else (pipe.read, fd)
    assert caller.tee(*fds, 10, 0) == Err(EBADF)
    pipe.holds(data.piece(data[:]))


@clause("tee:errors:ebadf")
@table("side", ("input", 0), ("output", 1))
def test_a_closed_descriptor_is_ebadf(caller: Child, pipe: Pipe, output: Pipe, side: int) -> None:
    fds = (pipe.read, output.write)
    caller.queued.close(fds[side])
    assert caller.tee(*fds, 10, c.SPLICE_F_NONBLOCK) == Err(EBADF)


@clause("tee:errors:ebadf-mode")
@table(
    "inputs, outputs",
    ("write-end-as-input", "write", "write"),
    ("read-end-as-output", "read", "read"),
    ("both-wrong", "write", "read"),
    ("path-as-input", "path", "write"),
    ("path-as-output", "read", "path"),
)
def test_a_descriptor_of_the_wrong_mode_is_ebadf(
    caller: Child, pipe: Pipe, data: Memory, output: Pipe, inputs: str, outputs: str
) -> None:
    path = caller.must.openat(c.AT_FDCWD, f"/proc/self/fd/{pipe.read}", c.O_PATH, 0)
    fd_in = {"read": pipe.read, "write": pipe.write, "path": path}[inputs]
    fd_out = {"read": output.read, "write": output.write, "path": path}[outputs]
    assert caller.tee(fd_in, fd_out, 10, c.SPLICE_F_NONBLOCK) == Err(EBADF)
    output.holds()
    pipe.holds(data.piece(data[:]))


@clause("tee:errors:einval-no-pipe")
@table("kind", *[(kind.name, kind, needs(*kind.requirement)) for kind in NO_PIPES])
def test_a_descriptor_of_another_kind_is_refused(
    caller: Child, pipe: Pipe, data: Memory, output: Pipe, directory: str, kind: Kind
) -> None:
    """EINVAL; EBADF where its access mode is wrong as well, which is found first."""
    fd = kind.make(caller, directory)
    mode = Mode.of(caller, fd)
    as_input = Err(EINVAL if mode.readable else EBADF)
    as_output = Err(EINVAL if mode.writable else EBADF)
    assert caller.tee(fd, output.write, 10, c.SPLICE_F_NONBLOCK) == as_input
    assert caller.tee(pipe.read, fd, 10, c.SPLICE_F_NONBLOCK) == as_output
    output.holds()
    pipe.holds(data.piece(data[:]))


@clause("tee:errors:einval-same-pipe")
def test_the_two_ends_of_a_pipe_are_einval(caller: Child, pipe: Pipe, data: Memory) -> None:
    assert caller.tee(pipe.read, pipe.write, 10, c.SPLICE_F_NONBLOCK) == Err(EINVAL)
    pipe.holds(data.piece(data[:]))


@clause("tee:errors:einval-same-pipe")
def test_a_fifo_open_for_both_is_the_same_pipe(caller: Child, directory: str) -> None:
    fifo = make_fifo(caller, directory)
    assert caller.tee(fifo, fifo, 10, c.SPLICE_F_NONBLOCK) == Err(EINVAL)
    again = caller.must.openat(c.AT_FDCWD, f"/proc/self/fd/{fifo}", c.O_RDWR, 0)
    assert caller.tee(fifo, again, 10, c.SPLICE_F_NONBLOCK) == Err(EINVAL)


@clause("tee:fifo:is-a-pipe")
def test_fifos_are_pipes(caller: Child, directory: str) -> None:
    data = caller.memory(10, seed=1)
    fifos = [make_fifo(caller, directory), make_fifo(caller, directory)]
    pipes = [Pipe(caller, fifo, fifo) for fifo in fifos]
    pipes[0].put(data[:])
    assert caller.tee(*fifos, 6, 0) == Ok(6)
    pipes[0].holds(data.piece(data[:]))
    pipes[1].holds(data.piece(data[:6]))


@table(
    "fd_in, fd_out, length, flags, expected",
    ("flags-before-length", "full", "empty", 0, UNKNOWN_FLAG, Err(EINVAL),
     clause("tee:order:flags-first")),
    ("flags-before-fds", "none", "none", 1, UNKNOWN_FLAG, Err(EINVAL),
     clause("tee:order:flags-first")),
    ("length-before-fds", "none", "none", 0, 0, Ok(0), clause("tee:length:zero")),
    ("length-before-input", "none", "empty", 0, 0, Ok(0), clause("tee:length:zero")),
    ("length-before-no-pipe", "file", "file", 0, 0, Ok(0), clause("tee:length:zero")),
    ("length-before-same-pipe", "full", "full", 0, 0, Ok(0), clause("tee:length:zero")),
    ("no-descriptor-before-no-pipe", "file", "none", 1, 0, Err(EBADF),
     clause("tee:order:ebadf-before-einval")),
    ("no-descriptor-before-no-pipe-2", "none", "file", 1, 0, Err(EBADF),
     clause("tee:order:ebadf-before-einval")),
    ("mode-before-no-pipe", "file", "reader", 1, 0, Err(EBADF),
     clause("tee:order:ebadf-before-einval")),
    ("mode-before-no-pipe-2", "writer", "file", 1, 0, Err(EBADF),
     clause("tee:order:ebadf-before-einval")),
    ("mode-before-same-pipe", "writer", "empty", 1, 0, Err(EBADF),
     clause("tee:order:ebadf-before-einval")),
    ("no-pipe-before-nothing-there", "file", "empty", 1, c.SPLICE_F_NONBLOCK, Err(EINVAL),
     clause("tee:order:einval-before-eagain")),
    ("same-pipe-before-nothing-there", "nothing", "same", 1, c.SPLICE_F_NONBLOCK, Err(EINVAL),
     clause("tee:order:einval-before-eagain")),
)  # fmt: skip
def test_the_first_of_two_faults_is_reported(
    caller: Child, pipe: Pipe, data: Memory, output: Pipe,
    fd_in: str, fd_out: str, length: int, flags: int, expected: Result,
) -> None:  # fmt: skip
    file = caller.must.memfd_create("file", 0)
    inputs = {"full": pipe.read, "none": -1, "file": file, "writer": output.write,
              "nothing": output.read}  # fmt: skip
    outputs = {"empty": output.write, "none": -1, "file": file, "reader": pipe.read,
               "full": pipe.write, "same": output.write}  # fmt: skip
    assert caller.tee(inputs[fd_in], outputs[fd_out], length, flags) == expected
    output.holds()
    pipe.holds(data.piece(data[:]))


@clause("tee:order:input-before-output")
def test_an_empty_input_is_found_before_a_lonely_output(
    caller: Child, pipe: Pipe, output: Pipe
) -> None:
    caller.catch(c.SIGPIPE)
    output.close_read()
    assert caller.tee(pipe.read, output.write, 10, c.SPLICE_F_NONBLOCK) == Err(EAGAIN)
    assert caller.caught(c.SIGPIPE) == 0


@clause("tee:errors:einval-notification-pipe")
@needs(notifications.NEEDS)
@table("side", ("input", "input"), ("output", "output"))
def test_a_notification_pipe_is_einval(caller: Child, pipe: Pipe, side: str) -> None:
    data, other = caller.memory(10, seed=1), notifications.notification_pipe(caller)
    pipe.put(data[:])
    fds = (other.read, pipe.write) if side == "input" else (pipe.read, other.write)
    assert caller.tee(*fds, 10, c.SPLICE_F_NONBLOCK) == Err(EINVAL)
    pipe.holds(data.piece(data[:]))
