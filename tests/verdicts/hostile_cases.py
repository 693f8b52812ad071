"""Cases that misbehave on purpose; test_hostile.py runs them and looks at what is said of them.

Not collected by itself: a disposable machine is needed.
"""

from errno import EBADF

from fixtures.cases import needs, spoils, table
from fixtures.machine import Live
from fixtures.pipes import Pipe
from helpers.abi import constants as c
from helpers.child import Child
from helpers.outcome import Err, Ok

pytestmark = needs("disposable")


def write_file(child: Child, path: str, text: bytes) -> None:
    fd = child.must.openat(c.AT_FDCWD, path, c.O_WRONLY, 0)
    child.write(fd, text, len(text))


def test_first(caller: Child) -> None:
    assert caller.getpid() == Ok(caller.pid)


def test_panic(caller: Child) -> None:
    write_file(caller, "/proc/sysrq-trigger", b"c")


def test_after_panic(caller: Child) -> None:
    assert caller.close(-1 & 0xFFFFFFFF) == Err(EBADF)


def test_blocks_for_ever(caller: Child, pipe: Pipe) -> None:
    memory = caller.pages(1)
    caller.begin.read(pipe.read, memory, 1).result(seconds=1)


def test_after_hang(machine: Live, caller: Child) -> None:
    assert machine.number == 4, "a blocked child costs its case, not the machine"


def test_child_is_killed_by_sigsegv(caller: Child) -> None:
    caller.peek(16, 1)


def test_warns(caller: Child) -> None:
    """What a WARN leaves behind: lines on the console and a taint flag."""
    write_file(caller, "/dev/kmsg", b"<4>WARNING: CPU: 0 PID: 1 at fs/splice.c:1 made_up+0x1/0x2\n")
    write_file(caller, "/proc/sys/kernel/tainted", b"512")


def test_after_warning(machine: Live) -> None:
    assert machine.number == 5, "a tainted machine is replaced"


def test_is_slow(caller: Child) -> None:
    """What a busy host makes a kernel say of any case."""
    write_file(caller, "/dev/kmsg", b"<3>rcu: INFO: rcu_sched self-detected stall on CPU\n")


def test_complains(caller: Child) -> None:
    """What lockdep leaves behind: lines alone."""
    write_file(caller, "/dev/kmsg", b"<3>WARNING: possible recursive locking detected\n")


def test_after_complaint(machine: Live) -> None:
    assert machine.number == 6, "lockdep says nothing a second time"


@spoils
def test_spoils(caller: Child) -> None:
    """It passes, and nothing shows what it did."""
    assert caller.getpid() == Ok(caller.pid)


def test_after_spoiling(machine: Live) -> None:
    assert machine.number == 7, "a spoilt machine is replaced"


@spoils
@needs("config:CONFIG_NO_SUCH_OPTION")
def test_would_spoil(caller: Child) -> None: ...


def test_after_not_spoiling(machine: Live) -> None:
    assert machine.number == 7, "a machine that was left alone is not replaced"


def test_fails(caller: Child) -> None:
    assert caller.close(0) == Err(EBADF)


def test_set_up_fails(caller: Child) -> None:
    caller.must.openat(c.AT_FDCWD, "/no/such/file", c.O_RDONLY, 0)


@needs("config:CONFIG_NO_SUCH_OPTION")
def test_lacks(caller: Child) -> None:
    raise AssertionError("not reached")


@table("descriptor, expected", ("negative", -1, Err(EBADF)), ("high", 1 << 30, Err(EBADF)))
def test_last(caller: Child, descriptor: int, expected: object) -> None:
    assert caller.fcntl(descriptor & 0xFFFFFFFF, c.F_GETFD, 0) == expected
