"""What process_vmsplice(2) does, as its clauses say: the answer to any call, and what it moves.

Made from the clauses alone, for the property tests to compare a kernel with. Where no clause says
which of two faults is reported there is more than one prediction; the kernel's answer chooses.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from errno import EAGAIN, EBADF, EFAULT, EINVAL, EPIPE, ESRCH, errorcode

from helpers.abi import constants as c
from helpers.memory import Span
from suites.process_vmsplice.model_memory import CALL, Space
from suites.process_vmsplice.model_memory import EFAULT as BAD_MEMORY
from suites.process_vmsplice.model_pipe import ModelPipe, Slot

#: What stands for an answer that does not come before somebody makes room.
SLEEPS = "sleeps"

KNOWN_FLAGS = c.SPLICE_F_MOVE | c.SPLICE_F_NONBLOCK | c.SPLICE_F_MORE | c.SPLICE_F_GIFT
_SSIZE_MAX = (1 << 63) - 1


class Descriptor(Enum):
    """What fd is."""

    WRITE_END = "write end"
    READ_END = "read end"
    FILE = "file"
    CLOSED = "closed"


@dataclass(frozen=True)
class Call:
    """The arguments of a call.

    Attributes:
        space: of the process that pid names; None if there is no such process.
        fd: what the descriptor is.
        segments: the array; None if it cannot be read.
        count: nr_segs.
        flags: as they are.
    """

    space: Space | None
    fd: Descriptor
    segments: tuple[Span, ...] | None
    count: int
    flags: int = 0


@dataclass(frozen=True)
class Prediction:
    """What a call may do.

    Attributes:
        answer: a count, a negative errno, or SLEEPS.
        clauses: that say so.
        slots: what goes into the pipe.
    """

    answer: int | str
    clauses: tuple[str, ...]
    slots: tuple[Slot, ...] = ()

    def __str__(self) -> str:
        """As strace shows an answer, and the clauses."""
        shown = f"-1 {errorcode[-self.answer]}" if self._failed() else str(self.answer)
        return f"{shown} ({', '.join(name.removeprefix(f'{CALL}:') for name in self.clauses)})"

    def _failed(self) -> bool:
        return isinstance(self.answer, int) and self.answer < 0


@dataclass(frozen=True)
class Fault:
    """Something that decides a call's answer alone: its name, the answer and the clause."""

    name: str
    answer: int | str
    clause: str


_KIND = ("wrong-end", "no-pipe")
_ARRAY = ("array", "length", "gift", "empty")
_PIPE = ("no-readers", "full")
_REST = ("closed", "no-process", *_KIND, *_ARRAY, *_PIPE)

#: Which fault is found before which others, and by which clause; before memory all of them are.
#: What is not here is not promised.
BEFORE: dict[str, tuple[str, tuple[str, ...]]] = {
    "flags": (f"{CALL}:order:flags-first", ("count", "none", *_REST)),
    "none": (f"{CALL}:order:none-before-all-but-flags", _REST),
    "count": (
        f"{CALL}:order:count-before-descriptor-and-array",
        ("closed", "no-process", *_ARRAY, *_PIPE),
    ),
    "closed": (f"{CALL}:order:descriptor-before-array", _ARRAY),
    "no-process": (f"{CALL}:order:process-before-pipe", (*_KIND, *_PIPE)),
    **dict.fromkeys(_KIND, (f"{CALL}:order:descriptor-before-memory", ())),
    **dict.fromkeys(_ARRAY, (f"{CALL}:order:array-before-pipe", _PIPE)),
    "no-readers": (f"{CALL}:nobody-reads:before-full", ("full",)),
    "full": (f"{CALL}:order:pipe-before-memory", ()),
}


def predict(call: Call, pipe: ModelPipe) -> list[Prediction]:
    """All that the call may do to the pipe; nothing is done to it yet."""
    found = faults(call, pipe)
    predictions = _first_of(found, call, pipe)
    if _only_empty_ones_unaligned(call, pipe.page):
        # process_vmsplice:flags:gift-empty-unaligned: whether these count is not promised
        without = [fault for fault in found if fault.name != "gift"]
        predictions += _first_of(without, call, pipe)
    return predictions


def _first_of(found: list[Fault], call: Call, pipe: ModelPipe) -> list[Prediction]:
    """What a call with these faults may answer: each that is not found after another."""
    if not found:
        return [transfer(call, pipe)]
    names = {fault.name for fault in found}
    losers = {loser for name in names for loser in BEFORE[name][1]}
    predictions = []
    for fault in found:
        if fault.name not in losers:
            order, later = BEFORE[fault.name]
            clauses = (fault.clause, order) if names & set(later) else (fault.clause,)
            predictions.append(Prediction(fault.answer, clauses))
    return predictions


def faults(call: Call, pipe: ModelPipe) -> list[Fault]:
    """Everything but memory that decides the call's answer, whichever of it is reported."""
    found = []
    if call.flags & ~KNOWN_FLAGS:
        found.append(Fault("flags", -EINVAL, f"{CALL}:errors:einval-flags"))
    if call.count > c.UIO_MAXIOV:
        found.append(Fault("count", -EINVAL, f"{CALL}:errors:einval-nr-segs"))
    if call.count == 0:
        found.append(Fault("none", 0, f"{CALL}:segments:none-is-0-whatever-else"))
    if call.space is None:
        found.append(Fault("no-process", -ESRCH, f"{CALL}:errors:esrch"))
    found += _descriptor_faults(call.fd)
    found += _array_faults(call, pipe.page)
    if call.fd is Descriptor.WRITE_END:
        found += _pipe_faults(call, pipe)
    return found


def _descriptor_faults(fd: Descriptor) -> list[Fault]:
    if fd is Descriptor.CLOSED:
        return [Fault("closed", -EBADF, f"{CALL}:errors:ebadf")]
    if fd is Descriptor.READ_END:
        return [Fault("wrong-end", -EBADF, f"{CALL}:errors:ebadf-read-end")]
    if fd is Descriptor.FILE:
        return [Fault("no-pipe", -EBADF, f"{CALL}:errors:ebadf-no-pipe")]
    return []


def _array_faults(call: Call, page: int) -> list[Fault]:
    if call.segments is None:
        return [Fault("array", -EFAULT, f"{CALL}:errors:efault-array")] if call.count else []
    found = []
    if any(not 0 <= segment.length <= _SSIZE_MAX for segment in call.segments):
        found.append(Fault("length", -EINVAL, f"{CALL}:errors:einval-length"))
    if call.flags & c.SPLICE_F_GIFT and any(map(_unaligned(page), call.segments)):
        found.append(Fault("gift", -EINVAL, f"{CALL}:errors:einval-gift"))
    if not any(segment.length for segment in call.segments):
        found.append(Fault("empty", 0, f"{CALL}:segments:nothing-is-0"))
    return found


def _unaligned(page: int) -> Callable[[Span], bool]:
    return lambda segment: bool(segment.address % page or segment.length % page)


def _only_empty_ones_unaligned(call: Call, page: int) -> bool:
    segments = call.segments or ()
    odd = [segment for segment in segments if _unaligned(page)(segment)]
    return bool(odd) and not any(s.length for s in odd) and bool(call.flags & c.SPLICE_F_GIFT)


def _pipe_faults(call: Call, pipe: ModelPipe) -> list[Fault]:
    if not pipe.readers:
        return [Fault("no-readers", -EPIPE, f"{CALL}:nobody-reads:epipe")]
    if pipe.free:
        return []
    if call.flags & c.SPLICE_F_NONBLOCK:
        return [Fault("full", -EAGAIN, f"{CALL}:errors:eagain")]
    return [Fault("full", SLEEPS, f"{CALL}:blocking:sleeps")]


def transfer(call: Call, pipe: ModelPipe) -> Prediction:
    """What moves when nothing is wrong but, maybe, memory that cannot be read."""
    assert call.space is not None
    used = {f"{CALL}:return:bytes-moved"}
    slots: list[Slot] = []
    ended = _fill(call.space, call.segments or (), pipe.free, slots, used)
    if ended and slots:
        used |= {f"{CALL}:partial:up-to-the-bad-page", f"{CALL}:partial:does-not-sleep"}
    if len(slots) > 1:
        used |= {f"{CALL}:segments:array-order", f"{CALL}:capacity:a-slot-for-each-page"}
    moved = sum(slot.length for slot in slots)
    if not moved:
        return Prediction(-EFAULT, (BAD_MEMORY,))
    return Prediction(moved, tuple(sorted(used)), tuple(slots))


def _fill(
    space: Space, segments: Sequence[Span], free: int, slots: list[Slot], used: set[str]
) -> bool:
    """Put the pages of the segments into slots, in order; whether memory ended it."""
    for segment in segments:
        at, left = segment.address, segment.length
        while left:
            if len(slots) == free:
                used.add(f"{CALL}:partial:does-not-sleep")
                return False
            number, offset = divmod(at, space.page)
            found = space.read(number)
            if found.frame is None:
                used.add(found.clause)
                return True
            count = min(left, space.page - offset)
            slots.append(Slot(found.frame, offset, count, clauses=frozenset({found.clause})))
            at, left = at + count, left - count
    return False


def done(call: Call, prediction: Prediction, pipe: ModelPipe) -> None:
    """Do to the pipe what a call did that the kernel answered in this way."""
    if prediction.answer == -EPIPE:
        pipe.signals += 1
    for slot in prediction.slots:
        slot.frame.sent = True
    pipe.slots += prediction.slots
