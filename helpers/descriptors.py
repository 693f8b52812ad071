"""Descriptors of every kind that a kernel has, and how each is made."""

from collections.abc import Callable
from dataclasses import dataclass
from errno import EACCES, EPERM
from typing import Any

from helpers import abi
from helpers.abi import constants as c
from helpers.child import Child
from helpers.outcome import Result, errno_name

#: Bytes in a file or memfd that a kind is made with.
CONTENT = 100
#: What fcntl(F_GETFL) says of the access mode: fcntl(2), O_ACCMODE.
_ACCESS_MODE = 3
_SIGNAL_SET_SIZE = 8
#: enum perf_type_id, enum perf_sw_ids, PERF_ATTR_SIZE_VER0: include/uapi/linux/perf_event.h
_SOFTWARE, _DUMMY, _ATTR_SIZE = 1, 9, 64
#: enum bpf_cmd, enum bpf_map_type: include/uapi/linux/bpf.h
_MAP_CREATE, _ARRAY = 0, 2
#: struct io_uring_params: include/uapi/linux/io_uring.h
_IO_URING_PARAMS_SIZE = 120


#: Asks for a descriptor without waiting; what it gives waits.
Start = Callable[[Child, str], Callable[[], Result]]


@dataclass(frozen=True)
class Kind:
    """A kind of descriptor.

    Attributes:
        name: stable, the name of a case.
        start: asks for one in a child without waiting, so that many kinds cost one round trip;
            what it gives waits. The text is a directory where it may make files.
        everywhere: whether it works on every kernel without rights; else a case that uses it
            needs "fd:<name>".
    """

    name: str
    start: Start
    everywhere: bool = True

    @property
    def requirement(self) -> tuple[str, ...]:
        """What a case that uses it needs."""
        return () if self.everywhere else (f"fd:{self.name}",)

    def open(self, child: Child, directory: str) -> Result:
        """A descriptor of this kind, or why there is none."""
        return self.start(child, directory)()

    def make(self, child: Child, directory: str) -> int:
        """A new descriptor of this kind.

        Raises:
            AssertionError: it cannot be made here; declare its requirement.
        """
        result = self.open(child, directory)
        assert result.ok, f"a descriptor of kind {self.name}: {result!r}"
        return result.value


@dataclass(frozen=True)
class Mode:
    """How a descriptor is open, asked for and not assumed: kernels disagree on some kinds."""

    readable: bool
    writable: bool
    path: bool

    @classmethod
    def of(cls, child: Child, fd: int) -> "Mode":
        """What fcntl(F_GETFL) says."""
        return cls.start(child, fd)()

    @classmethod
    def start(cls, child: Child, fd: int) -> Callable[[], "Mode"]:
        """Ask for it without waiting; what it gives waits."""
        pending = child.soon.fcntl(fd, c.F_GETFL, 0)

        def judge() -> Mode:
            flags = pending.result().value
            path = bool(flags & c.O_PATH)
            access = flags & _ACCESS_MODE
            return cls(
                readable=not path and access in (c.O_RDONLY, c.O_RDWR),
                writable=not path and access in (c.O_WRONLY, c.O_RDWR),
                path=path,
            )

        return judge


def cannot(result: Result) -> tuple[bool, str]:
    """Whether rights are what is missing, and the answer in words."""
    return result.errno in (EPERM, EACCES), f"answers -1 {errno_name(result.errno)}"


def new_path(child: Child, directory: str, what: str) -> str:
    """A path in the directory that nothing has yet."""
    return f"{directory}/{what}-{child.addresses.take(1):x}"


def _one(ask: Callable[[Child], Any]) -> Start:
    """A kind that is made by one call, which is not waited for."""
    return lambda child, directory: ask(child).result


def _path(path: str, flags: int) -> Start:
    return _one(lambda child: child.soon.openat(c.AT_FDCWD, path, flags, 0))


def _file(flags: int) -> Start:
    def start(child: Child, directory: str) -> Callable[[], Result]:
        path = new_path(child, directory, "file")
        create = c.O_RDWR | c.O_CREAT | c.O_EXCL
        made = child.soon.openat(c.AT_FDCWD, path, create, 0o666)
        opened = child.soon.openat(c.AT_FDCWD, path, flags, 0)

        def finish() -> Result:
            _write_content(child, made.result())
            result: Result = opened.result()
            return result

        return finish

    return start


def _memfd(child: Child, directory: str) -> Callable[[], Result]:
    made = child.soon.memfd_create("kind", c.MFD_ALLOW_SEALING)

    def finish() -> Result:
        result: Result = made.result()
        _write_content(child, result)
        return result

    return finish


def _write_content(child: Child, made: Result) -> None:
    if made.ok:
        child.queued.pwrite64(made.value, bytes(CONTENT), CONTENT, 0)


def _first_of(ask: Callable[[Child, Any], Any], end: int = 0) -> Start:
    """A kind that comes in pairs."""

    def start(child: Child, directory: str) -> Callable[[], Result]:
        fds = abi.new("int[2]")
        made = ask(child, fds)

        def finish() -> Result:
            result: Result = made.result()
            return Result(fds[end]) if result.ok else result

        return finish

    return start


def _pipe(end: int) -> Start:
    return _first_of(lambda child, fds: child.soon.pipe2(fds, 0), end)


def _fifo(child: Child, directory: str) -> Callable[[], Result]:
    path = new_path(child, directory, "fifo")
    child.soon.mknodat(c.AT_FDCWD, path, c.S_IFIFO | 0o666, 0)
    opened = child.soon.openat(c.AT_FDCWD, path, c.O_RDWR, 0)
    finish: Callable[[], Result] = opened.result
    return finish


def _signalfd(child: Child) -> Any:
    return child.soon.signalfd4(-1, abi.new("uint64_t *", 0), _SIGNAL_SET_SIZE, 0)


def _perf_event(child: Child) -> Any:
    # the first words of struct perf_event_attr: type, size, config
    attributes = abi.new("uint32_t[16]", [_SOFTWARE, _ATTR_SIZE, _DUMMY])
    return child.soon.perf_event_open(attributes, 0, -1, -1, 0)


def _io_uring(child: Child) -> Any:
    return child.soon.io_uring_setup(1, abi.new(f"uint8_t[{_IO_URING_PARAMS_SIZE}]"))


def _bpf_map(child: Child) -> Any:
    # the first words of union bpf_attr for this command: type, key size, value size, entries
    return child.soon.bpf(_MAP_CREATE, abi.new("uint32_t[4]", [_ARRAY, 4, 8, 1]), 16)


#: The 25 kinds that the LTP enumerates in its tst_fd, and some more.
KINDS = (
    Kind("file", _file(c.O_RDWR)),
    Kind("file-read-only", _file(c.O_RDONLY)),
    Kind("file-write-only", _file(c.O_WRONLY)),
    Kind("file-append", _file(c.O_RDWR | c.O_APPEND)),
    Kind("path", _file(c.O_PATH)),
    Kind("directory", _path("/proc", c.O_RDONLY | c.O_DIRECTORY)),
    Kind("dev-zero", _path("/dev/zero", c.O_RDONLY), everywhere=False),
    Kind("dev-null", _path("/dev/null", c.O_RDWR)),
    Kind("proc-maps", _path("/proc/self/maps", c.O_RDONLY)),
    Kind("pipe-read", _pipe(0)),
    Kind("pipe-write", _pipe(1)),
    Kind("fifo-read-write", _fifo),
    Kind(
        "unix-socket",
        _first_of(lambda child, fds: child.soon.socketpair(c.AF_UNIX, c.SOCK_STREAM, 0, fds)),
    ),
    Kind("inet-socket", _one(lambda child: child.soon.socket(c.AF_INET, c.SOCK_STREAM, 0)), False),
    Kind("epoll", _one(lambda child: child.soon.epoll_create1(0))),
    Kind("eventfd", _one(lambda child: child.soon.eventfd2(0, 0))),
    Kind("signalfd", _one(_signalfd)),
    Kind("timerfd", _one(lambda child: child.soon.timerfd_create(c.CLOCK_MONOTONIC, 0))),
    Kind("pidfd", _one(lambda child: child.soon.pidfd_open(child.pid, 0)), False),
    Kind("inotify", _one(lambda child: child.soon.inotify_init1(0)), False),
    Kind("fanotify", _one(lambda child: child.soon.fanotify_init(0, 0)), False),
    Kind("userfaultfd", _one(lambda child: child.soon.userfaultfd(0)), False),
    Kind("perf-event", _one(_perf_event), False),
    Kind("io-uring", _one(_io_uring), False),
    Kind("bpf-map", _one(_bpf_map), False),
    Kind("fsopen", _one(lambda child: child.soon.fsopen("proc", 0)), False),
    Kind("fspick", _one(lambda child: child.soon.fspick(c.AT_FDCWD, "/proc", 0)), False),
    Kind("open-tree", _one(lambda child: child.soon.open_tree(c.AT_FDCWD, "/proc", 0)), False),
    Kind("memfd", _memfd),
    Kind("memfd-secret", _one(lambda child: child.soon.memfd_secret(0)), False),
)
