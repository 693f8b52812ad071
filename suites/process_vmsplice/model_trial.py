"""A plan done on the machine and in the model, step by step, and the two compared."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from errno import EAGAIN, errorcode
from typing import Any

from hypothesis import event

from fixtures.pipes import make_pipe
from fixtures.properties import Cast, MachineSpoiled
from helpers import abi
from helpers.abi import constants as c
from helpers.child import Child
from helpers.memory import Piece
from helpers.outcome import Result
from helpers.pending import ChildDied, Hang, Pending
from suites.process_vmsplice.model import SLEEPS, Call, Descriptor, Prediction, done, predict
from suites.process_vmsplice.model_memory import CALL, Frame
from suites.process_vmsplice.model_pipe import ModelPipe, Slot, Stretch
from suites.process_vmsplice.model_plans import (
    Change,
    CloseReader,
    Fork,
    Plan,
    Put,
    Read,
    Resize,
    Send,
    Step,
    Whose,
    Write,
    WriteFile,
)
from suites.process_vmsplice.model_side import Side, absolute, build

SLOTS = f"{CALL}:capacity:a-slot-for-each-page"
UNCHANGED = frozenset({f"{CALL}:safety:write-leaves-memory-alone", f"{CALL}:memory:as-target-sees"})
#: Pages of the buffers that the pipe is written from and read into.
_SOURCE, _SINK = 6, 34
#: Seeds of what is written to the pipe, and of what the first step writes to memory.
_PUT_SEED, _STEP_SEED = 1, 100


class Mismatch(AssertionError):
    """The machine does what the model does not predict."""


def mismatch(what: object, found: object, expected: object) -> Mismatch:
    """In two lines, as other failures are told."""
    return Mismatch(f"{what} = {found}\nexpected {expected}")


def told(clauses: Sequence[str] | frozenset[str]) -> str:
    """Names of clauses in a message."""
    return "(" + ", ".join(sorted(name.removeprefix(f"{CALL}:") for name in clauses)) + ")"


class Trial:
    """A plan while it is done."""

    def __init__(self, cast: Cast, plan: Plan) -> None:
        """Both windows are built, and an empty pipe with O_NONBLOCK on both ends."""
        self.cast = cast
        self.caller = cast.caller
        self.sides = {
            Whose.TARGET: build(cast.target, plan.target, Whose.TARGET),
            Whose.CALLER: build(cast.caller, plan.caller, Whose.CALLER),
        }
        page = self.caller.page_size
        self.page = page
        self.source = self.caller.pages(_SOURCE)
        self.filled = 0
        self.sink = self.caller.pages(_SINK)
        self.pipe = make_pipe(self.caller, c.O_NONBLOCK)
        self.model = ModelPipe(page, 0 if plan.slots else self.pipe.slots)
        if plan.slots:
            self._resize(plan.slots)
        self.reader: Child | None = None
        self.number = 0

    def run(self, plan: Plan) -> None:
        """Do every step, then look at everything.

        Raises:
            AssertionError: the machine does something else than the model.
        """
        __tracebackhide__ = True
        try:
            for step in plan.steps:
                self.number += 1
                self.do(step)
            self.finish()
        except Mismatch:
            self._page_of_zeros()
            raise
        self._page_of_zeros()

    def do(self, step: Step) -> None:
        """Do one step."""
        __tracebackhide__ = True
        if isinstance(step, Send):
            self._send(step)
        elif isinstance(step, Read):
            if self.model.readers:
                self._read(min(step.amount.of(self.page), self.sink.length))
        elif isinstance(step, Put):
            self._put(min(step.amount.of(self.page), self.source.length))
        elif isinstance(step, Resize):
            self._resize(step.slots)
        elif isinstance(step, CloseReader):
            self._close_reader()
        elif isinstance(step, Change):
            self._owner(step).change(step)
        elif isinstance(step, Write):
            self._owner(step).write(step, _STEP_SEED + self.number)
        elif isinstance(step, WriteFile):
            self.sides[Whose.TARGET].write_file(step, _STEP_SEED + self.number)
        elif isinstance(step, Fork):
            self._fork()
        else:
            self._leave()

    def _side(self, whose: Whose) -> Side | None:
        """A process of the plan; the target instead of its child if it has none."""
        if whose is Whose.NOBODY:
            return None
        return self.sides.get(whose, self.sides[Whose.TARGET])

    def _owner(self, step: Change | Write) -> Side:
        """Whose memory is changed."""
        side = self._side(step.whose)
        assert side is not None, "nobody has no memory"
        return side

    # -- the call

    def _send(self, step: Send) -> None:
        __tracebackhide__ = True
        call = self._modelled(step)
        arguments = self._arguments(step, call)
        predictions = predict(call, self.model)
        may_sleep = any(prediction.answer == SLEEPS for prediction in predictions)
        if may_sleep and self.reader is None:
            self.reader = self.caller.thread("reader")
        pending = self.caller.begin.process_vmsplice(*arguments)
        if may_sleep and self._sleeps(pending):
            _count(predictions[0].clauses)
            self._read(self.model.slots[0].length, self.reader)
            predictions = predict(call, self.model)
        result = pending.result()
        chosen = _chosen(result, predictions)
        if chosen is None:
            raise mismatch(result.call, repr(result), " or ".join(map(str, predictions)))
        done(call, chosen, self.model)
        _count(chosen.clauses)
        self._occupancy(result.call, chosen)

    def _modelled(self, step: Send) -> Call:
        side = self._side(step.whose)
        spans = None
        if step.segments is not None:
            spans = tuple(absolute(side or self.sides[Whose.TARGET], step.segments))
        count = step.count
        if count is None:
            count = 1 if spans is None else len(spans)
        return Call(side.space if side else None, step.fd, spans, count, step.flags)

    def _arguments(self, step: Send, call: Call) -> tuple[Any, ...]:
        side = self._side(step.whose)
        pid = side.child.pid if side else -1
        return pid, self._descriptor(step.fd), call.segments, call.count, call.flags

    def _descriptor(self, fd: Descriptor) -> int:
        if fd is Descriptor.FILE:
            return int(self.caller.must.memfd_create("no pipe", 0))
        if fd is Descriptor.READ_END and self.model.readers:
            return self.pipe.read
        return self.pipe.write if fd is Descriptor.WRITE_END else -1

    def _sleeps(self, pending: Pending[Result]) -> bool:
        """Whether a call that was begun sleeps; it may have answered instead."""
        __tracebackhide__ = True
        try:
            self.caller.wait_blocked(pending, "process_vmsplice")
        except AssertionError:
            if not pending.done:
                raise
            return False
        return True

    # -- the pipe

    def _read(self, count: int, reader: Child | None = None) -> None:
        """Read up to so many bytes, which must be those of the model."""
        __tracebackhide__ = True
        reader = reader or self.caller
        stretches = self.model.read(count)
        moved = sum(stretch.length for stretch in stretches)
        result = reader.read(self.pipe.read, self.sink, count)
        if _answer(result) != (moved or -EAGAIN):
            clauses = frozenset().union(*(s.clauses for s in stretches))
            raise mismatch(result.call, repr(result), f"{moved or 'EAGAIN'} {told(clauses)}")
        self._holds(reader, stretches)

    def _holds(self, reader: Child, stretches: list[Stretch]) -> None:
        """The buffer has these stretches, each in one of its alternatives."""
        __tracebackhide__ = True
        address, checks = self.sink.address, []
        for stretch in stretches:
            ways = [list(way) for way in stretch.alternatives]
            checks.append((stretch, [reader.begin_compare(address, way) for way in ways]))
            address += stretch.length
        for stretch, ways in checks:
            for judge in ways[:-1]:
                with suppress(AssertionError):
                    judge()
                    break
            else:
                _holds_or_told(ways[-1], stretch.clauses)
            _count(stretch.clauses)

    def _put(self, count: int) -> None:
        __tracebackhide__ = True
        start = 13 * self.number % self.page
        count = min(count, self.source.length - start)
        self._fill_source(start + count)
        expected = self.model.write(Piece(count, _PUT_SEED, start))
        result = self.caller.write(self.pipe.write, self.source[start : start + count], count)
        if _answer(result) != expected:
            raise mismatch(result.call, repr(result), _shown(expected, self.model.clauses()))

    def _fill_source(self, end: int) -> None:
        """The buffer that is written from has its pattern up to a byte: filling takes long."""
        if end > self.filled:
            start, length = self.source.address + self.filled, end - self.filled
            self.caller.fill(start, length, _PUT_SEED, self.filled)
            self.filled = end

    def _resize(self, slots: int) -> None:
        __tracebackhide__ = True
        expected = self.model.resize(slots)
        result = self.caller.fcntl(self.pipe.write, c.F_SETPIPE_SZ, slots * self.page)
        if _answer(result) != expected:
            raise mismatch(result.call, repr(result), _shown(expected, self.model.clauses()))

    def _close_reader(self) -> None:
        if self.model.readers:
            self.caller.catch(c.SIGPIPE)
            self.pipe.close_read()
            self.model.readers = False

    def _occupancy(self, what: object, chosen: Prediction | None = None) -> None:
        """FIONREAD is what the model says."""
        __tracebackhide__ = True
        if not self.model.readers:
            return
        count = abi.new("int *")
        self.caller.must.ioctl(self.pipe.read, c.FIONREAD, count)
        if count[0] != self.model.bytes:
            by = chosen.clauses if chosen else self.model.clauses()
            raise mismatch(f"{what}: FIONREAD", count[0], f"{self.model.bytes} {told(by)}")

    # -- memory

    def _fork(self) -> None:
        if Whose.RELATIVE not in self.sides:
            target = self.sides[Whose.TARGET]
            child = target.child.fork("relative")
            self.sides[Whose.RELATIVE] = target.forked(child)
            child.facts  # noqa: B018 # it exists from here on

    def _leave(self) -> None:
        if Whose.RELATIVE in self.sides:
            child = self.sides.pop(Whose.RELATIVE).child
            child.quit()
            child.wait_death()

    # -- the end

    def finish(self) -> None:
        """Everything that a model knows is so: bytes, slots, content, memory, signals."""
        __tracebackhide__ = True
        self._occupancy("at the end")
        self._free_slots()
        if self.model.bytes and self.model.readers:
            self._read(self.sink.length)
        for side in self.sides.values():
            _holds_or_told(side.compare, UNCHANGED)
        if not self.model.readers:
            caught = self.caller.caught(c.SIGPIPE)
            if caught != self.model.signals:
                clause = told({f"{CALL}:nobody-reads:epipe"})
                raise mismatch("SIGPIPE", caught, f"{self.model.signals} {clause}")

    def _page_of_zeros(self) -> None:
        """New memory is zeros: the page that all processes share until they write was not written.

        Raises:
            MachineSpoiled: it is not, and no later example would find it clean.
        """
        __tracebackhide__ = True
        memory = self.caller.pages(1)
        try:
            memory.unchanged()
        except AssertionError as error:
            raise MachineSpoiled(f"{error}\nexpected by {told(UNCHANGED)}") from None

    def _free_slots(self) -> None:
        """As many bytes in segments of their own go in as slots are free: vmsplice(2)."""
        __tracebackhide__ = True
        if not self.model.readers:
            return
        self._fill_source(1)
        byte = self.source[:1]
        count = self.model.size + 1
        free = self.model.free
        result = self.caller.vmsplice(self.pipe.write, [byte] * count, count, c.SPLICE_F_NONBLOCK)
        if _answer(result) != (free or -EAGAIN):
            expected = f"{free or 'EAGAIN'} free slots {told(self.model.clauses() | {SLOTS})}"
            raise mismatch(result.call, repr(result), expected)
        frame = Frame([Piece(1, _PUT_SEED), Piece(self.page - 1, None)])
        self.model.slots += [Slot(frame, 0, 1) for _ in range(free)]


def _count(clauses: Iterable[str]) -> None:
    """--hypothesis-show-statistics tells in how many examples a clause was used."""
    for name in clauses:
        event(name.removeprefix(f"{CALL}:"))


def _holds_or_told(judge: Callable[[], None], clauses: frozenset[str]) -> None:
    """Memory is as the model says, or the clauses are named by which it should be."""
    __tracebackhide__ = True
    try:
        judge()
    except (ChildDied, Hang):
        raise
    except AssertionError as error:
        raise Mismatch(f"{error}\nexpected by {told(clauses)}") from None


def _answer(result: Result) -> int:
    return result.value if result.ok else -result.errno


def _shown(answer: int, clauses: frozenset[str]) -> str:
    return f"{answer if answer >= 0 else f'-1 {errorcode[-answer]}'} {told(clauses)}"


def _chosen(result: Result, predictions: list[Prediction]) -> Prediction | None:
    answer = _answer(result)
    return next((p for p in predictions if p.answer == answer), None)
