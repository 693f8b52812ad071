"""What a pipe tells those who wait for it: poll, edges of epoll, SIGIO."""

from helpers import abi
from helpers.abi import constants as c
from helpers.child import Child
from helpers.memory import Piece
from helpers.outcome import Ok

_SIGNAL_SET_SIZE = 8


def polled(child: Child, fd: int) -> int:
    """What poll(2) says of a descriptor at once, asked for input and output."""
    wanted = abi.new("struct pollfd *", {"fd": fd, "events": c.POLLIN | c.POLLOUT})
    child.must.poll(wanted, 1, 0)
    return int(wanted.revents)


class Edges:
    """An epoll instance of a child that tells of edges on one descriptor."""

    def __init__(self, child: Child, fd: int, events: int = c.EPOLLIN) -> None:
        """Begin to watch; what was there before makes the first edge."""
        self._child = child
        self._epoll = child.must.epoll_create1(0)
        event = abi.new("struct epoll_event *", {"events": events | c.EPOLLET})
        child.must.epoll_ctl(self._epoll, c.EPOLL_CTL_ADD, fd, event)

    def seen(self) -> bool:
        """Whether there was an edge since this was asked last."""
        event = abi.new("struct epoll_event *")
        count = self._child.must.epoll_pwait(self._epoll, event, 1, 0, None, _SIGNAL_SET_SIZE)
        return count == 1


def ask_for_sigio(child: Child, fd: int) -> None:
    """Have the child get SIGIO, and count it, when the descriptor becomes ready: fcntl(2)."""
    child.catch(c.SIGIO)
    child.queued.fcntl(fd, c.F_SETOWN, child.pid)
    child.queued.fcntl(fd, c.F_SETFL, c.FASYNC)


def file_holds(child: Child, fd: int, *pieces: Piece, at: int = 0) -> None:
    """A file holds these pieces from an offset on, and ends there."""
    total = sum(piece.length for piece in pieces)
    memory = child.memory(total + 1, seed=98)
    assert child.pread64(fd, memory, total + 1, at) == Ok(total)
    memory.holds(list(pieces))
