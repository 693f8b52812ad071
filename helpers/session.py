"""A conversation with the agent of one machine: requests, answers, deadlines.

Requests are queued and go out together when somebody waits for an answer, so that what does not
depend on each other's answers costs one round trip. Nothing here knows pytest.
"""

import socket
from collections.abc import Callable, Sequence
from errno import ECONNRESET, EPIPE, ESRCH
from typing import TypeVar

from helpers import answers, wire
from helpers.abi.constants import SIGCHLD
from helpers.answers import EndOfCase, Hello, Task, TaskState
from helpers.channel import Channel
from helpers.deadline import Deadline
from helpers.errors import MachineLost, ProtocolError, SetupError
from helpers.pending import ChildDied, Hang, Pending
from helpers.transcript import Transcript
from helpers.wire import End, Frame, How, Kind, Reader

T = TypeVar("T")

#: What the agent answers where it passes on a request to a child that is no more.
_GONE = (ESRCH, EPIPE, ECONNRESET)
#: END without counters.
NOTHING_MORE = End(0)

#: Seconds that an answer may take before the child is called hanging; scaled for emulation.
REQUEST_SECONDS = 20.0
#: Seconds for the agent itself to answer, when a child did not.
AGENT_SECONDS = 10.0
#: Children spawned ahead of the next case, while the host is busy with itself, if nobody knows how
#: many it wants: most cases want a caller and a target.
SPARES = 2
#: Milliseconds that the agent waits for killed children to die.
KILL_MILLISECONDS = 10_000


class Session:
    """The host's end of the channel to one agent."""

    def __init__(
        self,
        channel: socket.socket,
        lost: Callable[[], MachineLost],
        *,
        scale: float = 1.0,
        stolen: Callable[[], float] = lambda: 0.0,
    ) -> None:
        """Take over a connected stream; lost says why, when it ends.

        Deadlines are times scale, and come later by what the host stole from the machine.
        """
        self.transcript = Transcript()
        self.tasks: dict[int, Task] = {}
        self.scale = scale
        self.dead: MachineLost | None = None
        self.hello: Hello | None = None
        self._channel = Channel(channel)
        self._lost = lost
        self._stolen = stolen
        self._stolen_before = 0.0
        self._pending: dict[tuple[int, int], Pending[object]] = {}
        self._setup: list[Pending[object]] = []
        self._spares: list[tuple[Task, Pending[None]]] = []
        self._seq = 0
        self._next_id = 0
        self._case_deadline: Deadline | None = None
        #: Children of the agent itself that this case has wanted so far.
        self.children = 0
        self._asked = True

    # -- the stream

    def wait_hello(self, seconds: float) -> Hello:
        """Wait for the agent to introduce itself.

        Raises:
            MachineLost: it did not, or speaks another version.
        """
        deadline = self._deadline(seconds)
        while self.hello is None:
            if not self._pump(deadline.left()) and deadline.left() <= 0:
                raise self._lose(MachineLost("boot", f"the agent said nothing for {seconds:.0f} s"))
        return self.hello

    def _deadline(self, seconds: float) -> Deadline:
        return Deadline(seconds, self._stolen, self._stolen_before)

    def _pump(self, seconds: float) -> bool:
        """Send what is queued and take what arrives; False when nothing came in that time."""
        if self.dead is not None:
            raise self.dead
        try:
            frames = self._channel.exchange(seconds)
            for frame in frames:
                self._take(frame)
        except EOFError:
            raise self._lose(self._lost()) from None
        except ProtocolError as error:
            raise self._lose(MachineLost("protocol", str(error))) from error
        return bool(frames)

    def _lose(self, lost: MachineLost) -> MachineLost:
        self.dead = lost
        self.transcript.note(f"machine lost: {lost.reason}")
        return lost

    def _take(self, frame: Frame) -> None:
        """Give a frame to whoever waits for it."""
        if frame.kind is Kind.HELLO:
            self.hello = answers.hello(frame)
        elif frame.kind is Kind.CHILD:
            task = self._task(frame)
            task.introduce(frame.body)
            if frame.seq:
                self._resolve(frame)
        elif frame.kind is Kind.EXITED:
            self._exited(frame)
        elif frame.kind is Kind.ERROR:
            self._refused(frame)
        else:
            self._resolve(frame)

    def _task(self, frame: Frame) -> Task:
        task = self.tasks.get(frame.child)
        if task is None:
            raise ProtocolError(
                f"the agent sent a {frame.kind.name} of child {frame.child}, which is not"
            )
        return task

    def _answered(self, frame: Frame) -> Pending[object]:
        pending = self._pending.pop((frame.child, frame.seq), None)
        if pending is None:
            raise ProtocolError(
                f"the agent sent a {frame.kind.name} of child {frame.child} that answers no request"
            )
        return pending

    def _refused(self, frame: Frame) -> None:
        reader = Reader(frame.body, "ERROR")
        number, text = reader.varint(), reader.text()
        if frame.child and number in _GONE:
            return  # asked after its death, of which we are told too: that is the answer
        if frame.seq == 0:
            raise ProtocolError(f"the agent gave up: {text}")
        pending = self._answered(frame)
        pending.resolve(
            None, SetupError(f"{pending.what}: the agent refused: {text} (errno {number})")
        )

    def _resolve(self, frame: Frame) -> None:
        pending = self._answered(frame)
        try:
            value = pending.decode(frame)
        except ProtocolError:
            raise
        except (AssertionError, SetupError) as error:
            pending.resolve(None, error)
        else:
            pending.resolve(value, None)

    def _exited(self, frame: Frame) -> None:
        task = self._task(frame)
        reader = Reader(frame.body, "EXITED")
        how, code = reader.varint(), reader.varint()
        task.death = answers.death(how, code)
        task.status = code if how != How.GONE else None
        self.transcript.note(f"{task.label} {task.pid}: +++ {task.death} +++")
        for key in [key for key in self._pending if key[0] == task.id]:
            pending = self._pending.pop(key)
            pending.resolve(
                None, ChildDied(f"{task.label} {task.pid} {task.death} in {pending.what}")
            )

    # -- requests

    def post(
        self,
        kind: Kind,
        task: Task | None,
        body: bytes,
        decode: Callable[[Frame], T],
        *,
        what: object,
        together: bool = False,
    ) -> Pending[T]:
        """Queue a request; its answer comes when somebody waits. task None is the agent itself.

        Args:
            kind: of the request.
            body: of the request.
            task: who is asked.
            decode: makes the answer's value of its frame.
            what: names the request in messages; only turned into text for one.
            together: it does not block and its answer is short: it may share a message.
        """
        if self.dead is not None:
            raise self.dead
        self._asked = True
        pending = Pending(self, task, what, decode, line=task)
        if task is not None and task.death:
            pending.resolve(None, ChildDied(f"{task.label} {task.pid} {task.death} before {what}"))
            return pending
        self._seq += 1
        child = task.id if task is not None else 0
        self._channel.put(kind, child, self._seq, body, together=together)
        self._pending[child, self._seq] = pending  # type: ignore[assignment]
        return pending

    def spawn(self, asked: Task | None, new: Task, flags: int, options: int = 0) -> Pending[None]:
        """Ask the agent, or a child, to clone itself; the answer is the new task's introduction."""

        def spawned(frame: Frame) -> None:
            result = Reader(frame.body, "SPAWNED").svarint()
            if result < 0:
                self._pending.pop((new.id, seq), None)
                introduced.resolve(
                    None, SetupError(f"clone({flags:#x}) for {new.label} failed: errno {-result}")
                )
                self.tasks.pop(new.id, None)

        body = b"".join(map(wire.varint, (new.id, flags, options)))
        what = f"clone({flags:#x}) as {new.label}"
        self.post(Kind.SPAWN, asked, body, spawned, what=what)
        seq = self._seq
        # where another task makes it, it may come to nothing after requests were sent to it
        line = new if asked is None else None
        introduced: Pending[None] = Pending(self, asked or new, what, lambda frame: None, line=line)
        self._pending[new.id, seq] = introduced  # type: ignore[assignment]
        return introduced

    def expect(self, pending: Pending[T]) -> Pending[T]:
        """Count this answer among the set-up: settle() waits for it, it must be no error."""
        self._setup.append(pending)  # type: ignore[arg-type]
        return pending

    def settle(self, task: Task | None = None) -> Sequence[Pending[object]]:
        """Wait until all set-up has been answered, in every child.

        Args:
            task: who is asked for something next. Its own set-up comes before that anyway, and
                saves a round trip when it is not waited for.

        Returns:
            What was not waited for: for Pending.before.

        Raises:
            SetupError: a part of it failed.
        """
        __tracebackhide__ = True
        waiting, self._setup = self._setup, []
        kept = []
        for pending in waiting:
            if task is not None and pending.line is task and not pending.done:
                kept.append(pending)
            else:
                pending.result()
        self._setup = kept
        return kept

    def wait(self, pending: Pending[T], seconds: float | None = None) -> None:
        """Wait until this answer is there.

        Raises:
            Hang: it did not come in time; the machine answers, the child does not.
            MachineLost: the machine is gone or does not answer either.
        """
        __tracebackhide__ = True
        own = self._deadline(seconds if seconds is not None else REQUEST_SECONDS * self.scale)
        deadlines = [own] if self._case_deadline is None else [own, self._case_deadline]
        while not pending.done:
            left = min(deadline.left() for deadline in deadlines)
            # what has arrived counts, also when it was this process that came late
            if self._pump(max(0.0, left)) and left > 0:
                continue
            if min(deadline.left() for deadline in deadlines) <= 0 and not pending.done:
                raise self._hang(pending)

    def _hang(self, pending: Pending[T]) -> Exception:
        task = pending.task
        if task is None:
            return self._silent(pending.what)
        state = self._state_within(task, pending.what)
        what = str(pending.what)
        if any(not earlier.done for earlier in pending.before):
            what += ", or from set-up that was asked for with it"
        return Hang(f"{task.label} {task.pid} did not come back from {what}: {state}")

    def _silent(self, what: object) -> MachineLost:
        lost = self._lost()
        reason = f"the agent does not answer any more; waited for: {what}"
        if lost.kind == "crash":
            return self._lose(lost)
        return self._lose(MachineLost("hang", reason, lost.console))

    def _state_within(self, task: Task, wanted: object) -> TaskState:
        """The task's state; wanted is what it is asked for, if not even the agent answers."""
        pending = self.post(
            Kind.STATE, None, wire.varint(task.id), answers.task_state, what="STATE"
        )
        deadline = self._deadline(AGENT_SECONDS * self.scale)
        while not pending.done:
            if not self._pump(deadline.left()) and deadline.left() <= 0 and not pending.done:
                raise self._silent(wanted)
        return pending.result()

    def state(self, task: Task) -> TaskState:
        """The task as /proc has it now."""
        return self._state_within(task, f"the state of {task.label} {task.pid}")

    def poll(self, condition: Callable[[], bool], seconds: float | None = None) -> bool:
        """Ask again and again, with growing pauses that an arriving frame ends, until it is so."""
        deadline = self._deadline(REQUEST_SECONDS * self.scale if seconds is None else seconds)
        pause = 0.0002
        while not condition():
            left = deadline.left()
            if left <= 0:
                return False
            self._pump(min(pause, left))
            pause = min(2 * pause, 0.02)
        return True

    def ping(self, data: bytes = b"") -> bytes:
        """A round trip to the agent and back with these bytes."""
        return self.post(Kind.PING, None, data, lambda frame: frame.body, what="PING").result()

    def fresh_child(self, label: str) -> tuple[Task, Pending[None]]:
        """A plain child of the agent that has done nothing yet, and its introduction."""
        self.children += 1
        if self._spares:
            self._asked = True
            task, introduced = self._spares.pop(0)
            task.label = label
            return task, introduced
        task = self.new_task(label)
        return task, self.spawn(None, task, SIGCHLD)

    def new_task(self, label: str) -> Task:
        """A task with the next free id; it does not exist until it is spawned.

        Raises:
            SetupError: a case may have 250 children.
        """
        for offset in range(wire.MAX_CHILDREN):
            number = (self._next_id + offset) % wire.MAX_CHILDREN + 1
            if number not in self.tasks:
                self._next_id = number
                self.tasks[number] = Task(number, label)
                return self.tasks[number]
        raise SetupError(f"a case may have at most {wire.MAX_CHILDREN} children at once")

    # -- cases

    def begin_case(self, seconds: float) -> None:
        """Start a case that may take so long in all; its transcript begins empty."""
        self.transcript.clear()
        self._setup.clear()
        self.children = 0
        self._stolen_before = self._stolen()
        self._case_deadline = self._deadline(seconds * self.scale)

    def no_deadline(self) -> None:
        """Let the case take as long as it wants: somebody looks at it."""
        self._case_deadline = None

    def end_case(self, flags: End = NOTHING_MORE, spares: int = SPARES) -> EndOfCase | None:
        """Have the agent kill what the case left, and report.

        A case that wanted nothing of the machine, because it was skipped before, leaves nothing:
        None, and the agent is not asked.

        Args:
            flags: what else to report.
            spares: children to make for the next case.

        Raises:
            MachineLost: the agent does not answer any more.
        """
        self._case_deadline = None
        if not self._asked and not flags:
            return None
        body = wire.varint(flags) + wire.varint(int(KILL_MILLISECONDS * self.scale))
        pending = self.post(
            Kind.END, None, body, lambda frame: answers.end_of_case(frame, self._label), what="END"
        )
        ending = self._seq
        # asked for in the same message, they are made while the host keeps its books
        self._spares.clear()
        made = [self.fresh_child("spare") for _ in range(spares)]
        self.wait(pending, KILL_MILLISECONDS * self.scale / 1000 + AGENT_SECONDS * self.scale)
        ended = pending.result()
        self.tasks = {task.id: task for task, _ in made}
        self._pending = {key: left for key, left in self._pending.items() if key[1] > ending}
        self._setup.clear()
        self._spares += made
        self._asked = False
        return ended

    def _label(self, number: int) -> str:
        task = self.tasks.get(number)
        return f"{task.label} {task.pid}" if task else f"child {number}"

    def power_off(self) -> None:
        """Ask the machine to power off; the channel closes when it does."""
        self._seq += 1
        self._channel.put(Kind.POWEROFF, 0, self._seq)
        self._channel.send()
