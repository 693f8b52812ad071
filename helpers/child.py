"""A process or thread in the machine that makes calls for a case."""

from collections.abc import Callable, Iterable
from typing import Any

from helpers import abi, binding, wire
from helpers.abi import constants as c
from helpers.answers import Task, TaskState
from helpers.calls import (
    Calls,
    Line,
    Numbers,
    Way,
    blob,
    explain,
    leading_zeros,
    matched,
    nothing,
    returned,
    value_of,
)
from helpers.memory import Addresses, Memory, Piece, Span, joined
from helpers.outcome import Result
from helpers.pending import Hang, Pending
from helpers.session import Session
from helpers.wire import Abi, Frame, Kind, varint

#: mmap()'s descriptor where there is no file: -1 in a register.
NO_FILE = (1 << 64) - 1
#: Bytes that one PEEK may bring.
_PEEK_LIMIT = 32768
#: Bytes that a call may give back and still share a message: answers to many have to fit into one.
_SHORT = 32
_SHOWN = 16
_SIGSET_SIZE = 8


class Child:
    """One task of a case: `child.read(fd, memory, 10)` is exactly that call, and gives its Result.

    The same calls in other ways: `child.must` raises SetupError unless it succeeds and gives the
    plain value, `child.queued` gives nothing and raises SetupError before the next call that counts
    if it failed, `child.begin` does not wait and gives a Pending, `child.soon` neither, for a call
    that does not block, `child.i386` goes through int $0x80.
    """

    def __init__(
        self,
        session: Session,
        task: Task,
        numbers: Numbers,
        addresses: Addresses,
        introduced: Pending[None],
    ) -> None:
        """Made by spawn(), fork() and thread()."""
        self.session = session
        self.task = task
        self.numbers = numbers
        self.addresses = addresses
        self._introduced = introduced
        self._calls = Calls(self, Way.NOW)
        self.must = Calls(self, Way.MUST)
        self.queued = Calls(self, Way.QUEUED)
        self.begin = Calls(self, Way.BEGIN)
        self.soon = Calls(self, Way.SOON)
        self.i386 = Calls(self, Way.NOW, Abi.I386)

    def __getattr__(self, name: str) -> Callable[..., Result]:
        """The call of that name, waited for."""
        if name.startswith("_"):
            raise AttributeError(name)
        call: Callable[..., Result] = getattr(self._calls, name)
        return call

    def __repr__(self) -> str:
        """Its role and pid."""
        return f"<{self.task.label} {self.task.pid or '?'}>"

    # -- identity

    @property
    def facts(self) -> Task:
        """All that it said of itself."""
        self._introduced.result()
        return self.task

    @property
    def pid(self) -> int:
        """Its process id in the agent's pid namespace."""
        return self.facts.pid

    @property
    def tid(self) -> int:
        """gettid() as it sees it itself."""
        return self.facts.tid

    # -- calls

    def make(self, encoded: binding.Encoded, way: Way, entry: Abi) -> Any:
        """Make one call in one way; the set-up of all children comes before it."""
        __tracebackhide__ = True
        if way is Way.QUEUED:
            return self._queue(encoded, entry)
        before = self.session.settle(self.task)
        # a call that is waited for travels with the set-up before it
        joins = way is Way.SOON or (way is not Way.BEGIN and bool(before))
        pending = self._send(
            encoded, entry, background=way is Way.BEGIN,
            together=joins and binding.given_back(encoded) <= _SHORT,
        )  # fmt: skip
        pending.before = before
        if way in (Way.SOON, Way.BEGIN):
            return pending
        result = pending.result()
        return result if way is Way.NOW else value_of(encoded, result)

    def _send(
        self,
        encoded: binding.Encoded,
        entry: Abi,
        *,
        background: bool = False,
        together: bool = False,
    ) -> Pending[Result]:
        transcript = self.session.transcript
        line = transcript.begin(self._who, encoded.text)

        def decode(frame: Frame) -> Result:
            result, notes = returned(frame, encoded)
            binding.take_back(encoded, result)
            shown = hex(result.value) if encoded.pointer and result.ok else repr(result)
            transcript.answer(line, shown, background)
            if notes:
                raise AssertionError(f"{encoded} = {result!r}, and {explain(notes)}")
            return result

        body = bytes((entry,)) + varint(1) + encoded.body
        return self.session.post(
            Kind.CALL, self.task, body, decode, what=encoded, together=together
        )

    def _who(self) -> str:
        return f"{self.task.label} {self.task.pid}"

    def syscall(self, number: int, *args: int, entry: Abi = Abi.NATIVE) -> Result:
        """A call by its number, registers as given."""
        result: Result = self.make(binding.encode_raw(number, args), Way.NOW, entry)
        return result

    def _queue(self, encoded: binding.Encoded, entry: Abi) -> None:
        """A call that must succeed; nobody waits for it before the next call that counts."""
        pending = self._send(encoded, entry, together=binding.given_back(encoded) <= _SHORT)
        decode = pending.decode

        def required(frame: Frame) -> Result:
            result = decode(frame)
            value_of(encoded, result)
            return result

        pending.decode = required
        self.session.expect(pending)

    # -- memory

    def memory(
        self,
        length: int,
        *,
        seed: int | None = None,
        prot: int = c.PROT_READ | c.PROT_WRITE,
        flags: int = c.MAP_PRIVATE | c.MAP_ANONYMOUS,
        fd: int = NO_FILE,
        offset: int = 0,
        align: int = 0,
    ) -> Memory:
        """A new mapping with a hole after it, filled with a seed's pattern if one is given.

        The mapping is asked for at an address of our choice, so that nothing has to be waited for.
        """
        address = self.addresses.take(length, align)
        flags |= c.MAP_FIXED_NOREPLACE
        self.queued.mmap(address, length, prot, flags, fd, offset)
        memory = Memory(address, length, child=self, seed=seed)
        if seed is not None:
            memory.fill(seed)
        return memory

    def pages(self, count: int, **how: Any) -> Memory:
        """memory() of that many pages of this machine."""
        return self.memory(count * self.page_size, **how)

    @property
    def page_size(self) -> int:
        """Bytes in a page of this machine."""
        assert self.session.hello is not None
        return self.session.hello.page_size

    def fill(self, address: int, length: int, seed: int, start: int = 0) -> None:
        """Write a seed's pattern, from its byte start on, into its own memory."""
        line = self._line(lambda: f"fill({address:#x}, {length}, seed={seed}, start={start})")
        body = b"".join(map(varint, (address, length, seed, start)))
        self._expect_done(Kind.FILL, body, line)

    def poke(self, address: int, data: bytes) -> None:
        """Write bytes into its own memory."""
        line = self._line(lambda: f"poke({address:#x}, {data[:_SHOWN].hex(' ')})")
        body = varint(address) + wire.blob(data)
        self._expect_done(Kind.POKE, body, line)

    def _expect_done(self, kind: Kind, body: bytes, what: object) -> None:
        pending = self.session.post(kind, self.task, body, nothing, what=what, together=True)
        self.session.expect(pending)

    def peek(self, address: int, length: int) -> bytes:
        """Bytes of its own memory."""
        __tracebackhide__ = True
        return self.peeks([Span(address, length)])

    def peeks(self, spans: Iterable[Span]) -> bytes:
        """The bytes of stretches of its own memory, asked for in one go."""
        __tracebackhide__ = True
        before = self.session.settle(self.task)
        parts = [
            self._peek(span.address + at, min(_PEEK_LIMIT, span.length - at))
            for span in spans
            for at in range(0, span.length, _PEEK_LIMIT)
        ]
        for part in parts:
            part.before = before
        return b"".join(part.result() for part in parts)

    def _peek(self, address: int, length: int) -> Pending[bytes]:
        body = varint(address) + varint(length)
        return self.session.post(
            Kind.PEEK, self.task, body, blob, what=f"peek({address:#x}, {length})"
        )

    def compare(self, address: int, pieces: list[Piece]) -> None:
        """Its memory from address on must hold these pieces.

        Raises:
            AssertionError: a byte differs; the message says where and how.
        """
        __tracebackhide__ = True
        self.begin_compare(address, pieces)()

    def begin_compare(self, address: int, pieces: list[Piece]) -> Callable[[], None]:
        """Ask for compare() without waiting; what it gives waits and judges."""
        before = self.session.settle(self.task)
        checks = []
        for piece in joined(pieces):
            pending = self._match(address, piece)
            pending.before = before
            checks.append((address, piece, pending))
            address += piece.length

        def judge() -> None:
            __tracebackhide__ = True
            for at, piece, pending in checks:
                matching = pending.result()
                if matching < piece.length:
                    self._differs(at, piece, matching)

        return judge

    def _match(self, address: int, piece: Piece) -> Pending[int]:
        __tracebackhide__ = True
        what = f"compare({address:#x}, {piece.length})"
        if piece.seed is None:
            body = varint(address) + varint(piece.length)
            return self.session.post(Kind.PEEK, self.task, body, leading_zeros, what=what)
        body = b"".join(map(varint, (address, piece.length, piece.seed, piece.start)))
        return self.session.post(Kind.MATCH, self.task, body, matched, what=what, together=True)

    def _differs(self, address: int, piece: Piece, matching: int) -> None:
        __tracebackhide__ = True
        count = min(_SHOWN, piece.length - matching)
        found = self.peek(address + matching, count)
        wanted = piece.bytes()[matching : matching + count]
        whose = "zeros" if piece.seed is None else f"pattern {piece.seed} from byte {piece.start}"
        raise AssertionError(
            f"{self._who()}: memory at {address + matching:#x} should hold {wanted.hex(' ')}"
            f" (byte {matching} of {piece.length} of {whose}), but holds {found.hex(' ')}"
        )

    def _line(self, text: Callable[[], str]) -> "Line":
        line = Line(text)
        self.session.transcript.begin(self._who, text).answer = ""
        return line

    # -- other tasks

    def fork(self, label: str, flags: int = c.SIGCHLD, *, hold: bool = False) -> "Child":
        """A child of this child by clone(2) with these flags."""
        self.session.settle(self.task)
        task = self.session.new_task(label)
        introduced = self.session.spawn(self.task, task, flags, wire.HOLD if hold else 0)
        self.session.expect(introduced)
        addresses = self.addresses if flags & c.CLONE_VM else Addresses(self.addresses.next)
        return Child(self.session, task, self.numbers, addresses, introduced)

    def thread(self, label: str) -> "Child":
        """A thread of this child's process, with a channel of its own."""
        shared = c.CLONE_VM | c.CLONE_FS | c.CLONE_FILES | c.CLONE_SIGHAND | c.CLONE_THREAD
        return self.fork(label, shared | c.CLONE_SYSVSEM)

    def quit(self, status: int = 0, *, group: bool = True) -> None:
        """Have it exit; nothing answers but its death."""
        self.session.settle()
        body = varint(status) + varint(int(group))
        self.session.post(Kind.QUIT, self.task, body, nothing, what="exit")

    def reap(self) -> None:
        """Have the agent reap it, when it was spawned with hold."""
        body = varint(self.task.id)
        self.session.post(Kind.REAP, None, body, nothing, what="reap").result()

    # -- what /proc and signals tell

    def state(self) -> TaskState:
        """Its state as /proc has it now."""
        return self.session.state(self.facts)

    def wait_blocked(
        self, pending: Pending[Result], call: str, entry: Abi = Abi.NATIVE
    ) -> TaskState:
        """Wait until /proc shows it asleep in that call, which must not have returned.

        Raises:
            AssertionError: the call returned.
            Hang: it neither sleeps nor returns.
        """
        __tracebackhide__ = True
        number = self.numbers.of(call, entry)
        seen = self.state()

        def asleep() -> bool:
            nonlocal seen
            if pending.done:
                raise AssertionError(f"{pending.what} = {pending.result()!r}, but it should block")
            seen = self.state()
            return seen.letter in ("S", "D") and (seen.call == number or seen.in_request)

        if not self.session.poll(asleep):
            raise Hang(f"{self._who()} should sleep in {call} (call {number}): {seen}")
        if pending.done:
            raise AssertionError(f"{pending.what} = {pending.result()!r}, but it should block")
        return seen

    def wait_death(self) -> str:
        """Wait until it is dead, and say how it died.

        Raises:
            Hang: it does not die.
        """
        __tracebackhide__ = True
        self.session.settle()
        if not self.session.poll(lambda: bool(self.task.death)):
            raise Hang(f"{self._who()} should die: {self.state()}")
        return self.task.death

    def catch(self, signal: int, *, restart: bool = False) -> None:
        """Install the counting handler for a signal, with SA_RESTART if asked."""
        facts = self.facts
        action = abi.new("struct kernel_sigaction *")
        action.handler, action.restorer = facts.handler, facts.restorer
        action.flags = c.SA_RESTORER | (c.SA_RESTART if restart else 0)
        self.must.rt_sigaction(signal, action, None, _SIGSET_SIZE)

    def ignore(self, signal: int) -> None:
        """Ignore a signal."""
        self._disposition(signal, 1)

    def default(self, signal: int) -> None:
        """Let a signal do what it does by default."""
        self._disposition(signal, 0)

    def _disposition(self, signal: int, handler: int) -> None:
        """SIG_DFL and SIG_IGN as signal(7) has them, include/uapi/asm-generic/signal-defs.h."""
        action = abi.new("struct kernel_sigaction *", {"handler": handler})
        self.queued.rt_sigaction(signal, action, None, _SIGSET_SIZE)

    def caught(self, signal: int) -> int:
        """How often the counting handler ran for a signal, in all tasks that share this memory."""
        return int.from_bytes(self.peek(self.facts.counts + 8 * signal, 8), "little")


def spawn(session: Session, label: str, numbers: Numbers) -> Child:
    """A fresh child of the agent itself; nothing is waited for until its pid is asked for."""
    task, introduced = session.fresh_child(label)
    session.expect(introduced)
    return Child(session, task, numbers, Addresses(), introduced)


def spawn_with(
    session: Session, label: str, numbers: Numbers, flags: int, *, hold: bool = False
) -> Child:
    """A child of the agent by clone(2) with these flags; held, it stays a zombie until reap()."""
    task = session.new_task(label)
    introduced = session.spawn(None, task, flags, wire.HOLD if hold else 0)
    session.expect(introduced)
    return Child(session, task, numbers, Addresses(), introduced)
