"""Sockets, devices and files of the kernel as ends."""

from errno import EAGAIN, EINVAL, EPIPE

from fixtures.cases import clause, needs, table
from fixtures.pipes import Pipe
from helpers import abi
from helpers.abi import constants as c
from helpers.child import Child
from helpers.outcome import Err, Ok

pytestmark = needs("splice")


def socket_pair(caller: Child) -> tuple[int, int]:
    sockets = abi.new("int[2]")
    caller.must.socketpair(c.AF_UNIX, c.SOCK_STREAM, 0, sockets)
    return sockets[0], sockets[1]


@clause("splice:sockets:both-ways")
@table("length", ("some", 60), ("all", 100), ("more", 200))
def test_bytes_of_a_socket_go_into_a_pipe(caller: Child, pipe: Pipe, length: int) -> None:
    (here, there), data = socket_pair(caller), caller.memory(100, seed=1)
    caller.must.write(there, data, 100)
    count = min(length, 100)
    assert caller.splice(here, None, pipe.write, None, length, 0) == Ok(count)
    pipe.holds(data.piece(data[:count]))


@clause("splice:sockets:both-ways")
@table("length", ("some", 60), ("all", 100), ("more", 200))
@table("flags", ("plain", 0), ("more-to-come", c.SPLICE_F_MORE))
def test_bytes_of_a_pipe_go_into_a_socket(
    caller: Child, pipe: Pipe, length: int, flags: int
) -> None:
    (here, there), data = socket_pair(caller), caller.memory(100, seed=1)
    got = caller.memory(110, seed=3)
    pipe.put(data[:])
    count = min(length, 100)
    assert caller.splice(pipe.read, None, here, None, length, flags) == Ok(count)
    assert caller.read(there, got, 110) == Ok(count)
    got.holds([data.piece(data[:count])])
    pipe.holds(data.piece(data[count:]))


@clause("splice:sockets:end-is-0")
@table("flags", ("plain", 0), ("nonblock", c.SPLICE_F_NONBLOCK))
def test_a_socket_whose_peer_is_gone_is_0(caller: Child, pipe: Pipe, flags: int) -> None:
    here, there = socket_pair(caller)
    caller.must.close(there)
    assert caller.splice(here, None, pipe.write, None, 10, flags) == Ok(0)
    pipe.holds()


@clause("splice:sockets:eagain")
@table("how", ("flag", "flag"), ("o-nonblock-of-the-socket", "socket"))
def test_an_empty_socket_is_eagain(caller: Child, pipe: Pipe, how: str) -> None:
    here, _ = socket_pair(caller)
    flags = c.SPLICE_F_NONBLOCK if how == "flag" else 0
    if how == "socket":
        caller.must.fcntl(here, c.F_SETFL, c.O_NONBLOCK)
    assert caller.splice(here, None, pipe.write, None, 10, flags) == Err(EAGAIN)
    pipe.holds()


@clause("splice:sockets:epipe")
def test_a_socket_that_nobody_reads_is_epipe(caller: Child, pipe: Pipe) -> None:
    (here, there), data = socket_pair(caller), caller.memory(10, seed=1)
    caller.catch(c.SIGPIPE)
    pipe.put(data[:])
    caller.must.close(there)
    assert caller.splice(pipe.read, None, here, None, 10, 0) == Err(EPIPE)
    assert caller.caught(c.SIGPIPE) == 1
    pipe.holds(data.piece(data[:]))


@clause("splice:devices:readable")
@table("path", ("urandom", "/dev/urandom"), ("sysctl", "/proc/sys/kernel/ostype", needs("sysctls")))
def test_a_device_or_a_sysctl_can_be_read(caller: Child, pipe: Pipe, path: str) -> None:
    fd = caller.must.openat(c.AT_FDCWD, path, c.O_RDONLY, 0)
    assert caller.splice(fd, None, pipe.write, None, 5, 0) == Ok(5)
    got = caller.memory(5)
    assert caller.read(pipe.read, got, 5) == Ok(5)
    if path.startswith("/proc"):
        assert got.read() == b"Linux"


@clause("splice:devices:sysctl-can-be-written")
@needs("root", "disposable", "sysctls")
def test_a_sysctl_can_be_written(caller: Child, pipe: Pipe) -> None:
    fd = caller.must.openat(c.AT_FDCWD, "/proc/sys/kernel/domainname", c.O_RDWR, 0)
    name = caller.memory(8)
    caller.poke(name.address, b"spliced\n")
    pipe.put(name[:])
    assert caller.splice(pipe.read, None, fd, None, 8, 0) == Ok(8)
    got = caller.memory(8)
    assert caller.pread64(fd, got, 8, 0) == Ok(8)
    assert got.read() == b"spliced\n"


@clause("splice:devices:not-readable-is-einval")
@table(
    "path",
    ("null", "/dev/null"),
    ("maps", "/proc/self/maps"),
    ("mem", "/proc/self/mem"),
    ("status", "/proc/self/status"),
    ("directory", "/proc/self"),
)
def test_what_cannot_be_spliced_is_einval(caller: Child, pipe: Pipe, path: str) -> None:
    fd = caller.must.openat(c.AT_FDCWD, path, c.O_RDONLY, 0)
    assert caller.splice(fd, None, pipe.write, None, 5, 0) == Err(EINVAL)
    pipe.holds()


@clause("splice:devices:not-writable-is-einval")
def test_what_cannot_be_written_by_splice_keeps_the_pipe(caller: Child, pipe: Pipe) -> None:
    data = caller.memory(8, seed=1)
    event = caller.must.eventfd2(0, 0)
    pipe.put(data[:])
    assert caller.splice(pipe.read, None, event, None, 8, 0) == Err(EINVAL)
    pipe.holds(data.piece(data[:]))
