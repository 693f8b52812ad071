"""What the agent's answers say: of its machine, of a task, of a case that ended."""

from collections.abc import Callable
from dataclasses import dataclass
from signal import Signals

from helpers import wire
from helpers.errors import ProtocolError
from helpers.wire import Frame, How, Reader


@dataclass(frozen=True)
class Hello:
    """What the agent said of its machine: the values of WIRE_HELLO, as text."""

    values: dict[str, str]

    def number(self, key: str) -> int:
        """A numeric value; 0 if the agent did not say."""
        text = self.values.get(key, "")
        return int(text) if text.isdigit() else 0

    @property
    def page_size(self) -> int:
        """Bytes in a page of that machine."""
        return self.number("page_size")


@dataclass(frozen=True)
class TaskState:
    """A task as /proc shows it.

    Attributes:
        letter: its state, "" when there is no such task.
        call: the number of the call that it is in; None in user space, or where /proc does not say.
        wchan: its wait channel.
        unanswered: requests that it has not answered.
        in_request: /proc does not say the call, but it sleeps executing what it was asked for.
    """

    letter: str
    call: int | None
    wchan: str
    unanswered: int
    in_request: bool = False

    def __str__(self) -> str:
        """For messages."""
        if not self.letter:
            return "no such task"
        call = "running in user space" if self.call is None else f"in call {self.call}"
        call = "in the call it was asked for" if self.in_request else call
        return f"state {self.letter}, {call}, wait channel {self.wchan or 'unknown'}"


@dataclass(frozen=True)
class Killed:
    """A child that was still busy at the end of a case."""

    label: str
    letter: str
    call: str


@dataclass(frozen=True)
class Stuck:
    """A task that could not be killed: the machine cannot be used any more."""

    label: str
    pid: int
    letter: str
    wchan: str


@dataclass(frozen=True)
class EndOfCase:
    """The agent's account of a case: WIRE_ENDED."""

    taint: int
    killed: tuple[Killed, ...]
    stuck: tuple[Stuck, ...]
    counters: dict[str, int]


@dataclass
class Task:
    """What the session knows about a child.

    Attributes:
        id: its number on the wire.
        label: its role in the case, "caller".
        pid: as the agent's pid namespace has it; 0 until it introduced itself.
        own_pid, tid: getpid() and gettid() as it sees them.
        arena, handler, restorer, counts: addresses, see WIRE_CHILD.
        fd: the descriptor of its channel.
        death: "exited with 3", "killed by SIGSEGV"; "" while it lives.
    """

    id: int
    label: str
    pid: int = 0
    own_pid: int = 0
    tid: int = 0
    arena: int = 0
    handler: int = 0
    restorer: int = 0
    counts: int = 0
    fd: int = 0
    death: str = ""
    status: int | None = None

    def introduce(self, body: bytes) -> None:
        """Take the facts of a WIRE_CHILD frame."""
        reader = Reader(body, "CHILD")
        facts = [reader.varint() for _ in range(8)]
        reader.end()
        self.pid, self.own_pid, self.tid, self.arena = facts[:4]
        self.handler, self.restorer, self.counts, self.fd = facts[4:]


def hello(frame: Frame) -> Hello:
    """Take a HELLO apart.

    Raises:
        ProtocolError: it is not one, or speaks another version.
    """
    reader = Reader(frame.body, "HELLO")
    if reader.raw(len(wire.MAGIC)) != wire.MAGIC:
        raise ProtocolError(f"the machine did not greet like an agent: {frame.body[:16].hex(' ')}")
    version = reader.varint()
    if version != wire.VERSION:
        raise ProtocolError(
            f"the agent speaks version {version} of the protocol, not {wire.VERSION}"
        )
    lines = reader.text().splitlines()
    return Hello(dict(line.split("=", 1) for line in lines if "=" in line))


def task_state(frame: Frame) -> TaskState:
    """Take a STATED apart."""
    reader = Reader(frame.body, "STATED")
    letter, call, wchan, unanswered = reader.text(), reader.text(), reader.text(), reader.varint()
    head = call.split(" ", 1)[0].strip()
    number = int(head) if head.lstrip("-").isdigit() else None
    return TaskState(letter, number, wchan.strip(), unanswered, head == "request")


def end_of_case(frame: Frame, label: Callable[[int], str]) -> EndOfCase:
    """Take an ENDED apart; label names a child by its number."""
    reader = Reader(frame.body, "ENDED")
    taint = reader.varint()
    killed = tuple(
        Killed(label(reader.varint()), reader.text(), reader.text())
        for _ in range(reader.count(wire.MAX_CHILDREN))
    )
    stuck = tuple(
        Stuck(label(reader.varint()), reader.varint(), reader.text(), reader.text())
        for _ in range(reader.count(4 * wire.MAX_CHILDREN))
    )
    values = [reader.varint() for _ in range(reader.count(len(wire.COUNTERS)))]
    reader.end()
    counters = {n: v - 1 for n, v in zip(wire.COUNTERS, values, strict=False) if v}
    return EndOfCase(taint, killed, stuck, counters)


def death(how: int, code: int) -> str:
    """How a child died, in words."""
    if how == How.SIGNAL:
        try:
            return f"killed by {Signals(code).name}"
        except ValueError:
            return f"killed by signal {code}"
    return f"exited with {code}" if how == How.EXIT else "gone"
