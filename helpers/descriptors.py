"""Descriptors of every kind that a kernel has, and how each is made."""

from collections.abc import Callable
from dataclasses import dataclass
from errno import EACCES, EPERM

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


@dataclass(frozen=True)
class Kind:
    """A kind of descriptor.

    Attributes:
        name: stable, the name of a case.
        open: makes one in a child; the text is a directory where it may make files.
        everywhere: whether it works on every kernel without rights; else a case that uses it
            needs "fd:<name>".
    """

    name: str
    open: Callable[[Child, str], Result]
    everywhere: bool = True

    @property
    def requirement(self) -> tuple[str, ...]:
        """What a case that uses it needs."""
        return () if self.everywhere else (f"fd:{self.name}",)

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
        flags = int(child.must.fcntl(fd, c.F_GETFL, 0))
        path = bool(flags & c.O_PATH)
        access = flags & _ACCESS_MODE
        return cls(
            readable=not path and access in (c.O_RDONLY, c.O_RDWR),
            writable=not path and access in (c.O_WRONLY, c.O_RDWR),
            path=path,
        )


def cannot(result: Result) -> tuple[bool, str]:
    """Whether rights are what is missing, and the answer in words."""
    return result.errno in (EPERM, EACCES), f"answers -1 {errno_name(result.errno)}"


def _path(path: str, flags: int) -> Callable[[Child, str], Result]:
    return lambda child, directory: child.openat(c.AT_FDCWD, path, flags, 0)


def new_path(child: Child, directory: str, what: str) -> str:
    """A path in the directory that nothing has yet."""
    return f"{directory}/{what}-{child.addresses.take(1):x}"


def _file(flags: int) -> Callable[[Child, str], Result]:
    def open_file(child: Child, directory: str) -> Result:
        path = new_path(child, directory, "file")
        fd = int(child.must.openat(c.AT_FDCWD, path, c.O_RDWR | c.O_CREAT | c.O_EXCL, 0o666))
        child.queued.pwrite64(fd, child.memory(CONTENT, seed=9), CONTENT, 0)
        return fd_again(child, path, flags)

    return open_file


def fd_again(child: Child, path: str, flags: int) -> Result:
    """Another opening of a path."""
    return child.openat(c.AT_FDCWD, path, flags, 0)


def _memfd(child: Child, directory: str) -> Result:
    result = child.memfd_create("kind", c.MFD_ALLOW_SEALING)
    child.queued.pwrite64(result.value, child.memory(CONTENT, seed=9), CONTENT, 0)
    return result


def _pipe(end: int) -> Callable[[Child, str], Result]:
    def open_pipe(child: Child, directory: str) -> Result:
        fds = abi.new("int[2]")
        result = child.pipe2(fds, 0)
        return Result(fds[end]) if result.ok else result

    return open_pipe


def _fifo(child: Child, directory: str) -> Result:
    path = new_path(child, directory, "fifo")
    child.must.mknodat(c.AT_FDCWD, path, c.S_IFIFO | 0o666, 0)
    return child.openat(c.AT_FDCWD, path, c.O_RDWR, 0)


def _unix(child: Child, directory: str) -> Result:
    fds = abi.new("int[2]")
    result = child.socketpair(c.AF_UNIX, c.SOCK_STREAM, 0, fds)
    return Result(fds[0]) if result.ok else result


def _signalfd(child: Child, directory: str) -> Result:
    return child.signalfd4(-1, abi.new("uint64_t *", 0), _SIGNAL_SET_SIZE, 0)


def _perf_event(child: Child, directory: str) -> Result:
    # the first words of struct perf_event_attr: type, size, config
    attributes = abi.new("uint32_t[16]", [_SOFTWARE, _ATTR_SIZE, _DUMMY])
    return child.perf_event_open(attributes, 0, -1, -1, 0)


def _io_uring(child: Child, directory: str) -> Result:
    return child.io_uring_setup(1, abi.new(f"uint8_t[{_IO_URING_PARAMS_SIZE}]"))


def _bpf_map(child: Child, directory: str) -> Result:
    # the first words of union bpf_attr for this command: type, key size, value size, entries
    return child.bpf(_MAP_CREATE, abi.new("uint32_t[4]", [_ARRAY, 4, 8, 1]), 16)


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
    Kind("unix-socket", _unix),
    Kind("inet-socket", lambda child, directory: child.socket(c.AF_INET, c.SOCK_STREAM, 0), False),
    Kind("epoll", lambda child, directory: child.epoll_create1(0)),
    Kind("eventfd", lambda child, directory: child.eventfd2(0, 0)),
    Kind("signalfd", _signalfd),
    Kind("timerfd", lambda child, directory: child.timerfd_create(c.CLOCK_MONOTONIC, 0)),
    Kind("pidfd", lambda child, directory: child.pidfd_open(child.pid, 0), False),
    Kind("inotify", lambda child, directory: child.inotify_init1(0), False),
    Kind("fanotify", lambda child, directory: child.fanotify_init(0, 0), False),
    Kind("userfaultfd", lambda child, directory: child.userfaultfd(0), False),
    Kind("perf-event", _perf_event, False),
    Kind("io-uring", _io_uring, False),
    Kind("bpf-map", _bpf_map, False),
    Kind("fsopen", lambda child, directory: child.fsopen("proc", 0), False),
    Kind("fspick", lambda child, directory: child.fspick(c.AT_FDCWD, "/proc", 0), False),
    Kind("open-tree", lambda child, directory: child.open_tree(c.AT_FDCWD, "/proc", 0), False),
    Kind("memfd", _memfd),
    Kind("memfd-secret", lambda child, directory: child.memfd_secret(0), False),
)
