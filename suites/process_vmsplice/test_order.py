"""process_vmsplice: which of two faults is reported, for every two that can be there at once."""

from collections.abc import Callable
from dataclasses import dataclass, field
from errno import EAGAIN, EBADF, EFAULT, EINVAL, EPERM, EPIPE, ESRCH
from itertools import combinations
from typing import Any

import pytest

from fixtures.cases import clause, needs
from fixtures.identity import USER, Identity
from helpers.abi import constants as c
from helpers.child import Child
from helpers.memory import Memory, Span
from helpers.outcome import Err, Ok, Result

pytestmark = needs("process_vmsplice", "foreign-memory")


@dataclass
class Call:
    """A call that would succeed, for the faults to spoil."""

    caller: Child
    pipe: Any
    memory: Memory
    arguments: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Fault:
    """Something that decides the answer alone.

    Attributes:
        name: part of a case's name.
        touches: what it needs of the call; two faults that need the same cannot meet.
        answer: to a call with this fault alone.
        spoil: makes the call have it.
    """

    name: str
    touches: str
    answer: Result
    spoil: Callable[[Call], None]


def argument(name: str, value: Callable[[Call], Any]) -> Callable[[Call], None]:
    """Replaces an argument."""
    return lambda call: call.arguments.update({name: value(call)})


def flag(bits: int) -> Callable[[Call], None]:
    """Adds flags."""
    return lambda call: call.arguments.update(flags=call.arguments["flags"] | bits)


def forbidden(call: Call) -> None:
    """The caller becomes somebody who may not look into the target."""
    Identity.of(USER).assume(call.caller)


def unaligned(call: Call) -> None:
    """A gift that is no whole page."""
    flag(c.SPLICE_F_GIFT)(call)
    call.arguments["iov"] = [call.memory[3:9]]


def full(call: Call) -> None:
    """No room, and no wish to wait for some."""
    call.pipe.fill()
    flag(c.SPLICE_F_NONBLOCK)(call)


def file(call: Call) -> int:
    """A descriptor of something else."""
    return int(call.caller.must.memfd_create("file", 0))


FAULTS = (
    Fault("flags", "flags", Err(EINVAL), flag(1 << 4)),
    Fault("count", "count", Err(EINVAL), argument("count", lambda call: c.UIO_MAXIOV + 1)),
    Fault("none", "count", Ok(0), argument("count", lambda call: 0)),
    Fault("not-open", "fd pipe", Err(EBADF), argument("fd", lambda call: -1)),
    Fault("no-process", "pid", Err(ESRCH), argument("pid", lambda call: -1)),
    Fault("forbidden", "pid", Err(EPERM), forbidden),
    Fault("read-end", "fd pipe", Err(EBADF), argument("fd", lambda call: call.pipe.read)),
    Fault("no-pipe", "fd pipe", Err(EBADF), argument("fd", file)),
    Fault("array", "iov", Err(EFAULT), argument("iov", lambda call: None)),
    Fault("length", "iov", Err(EINVAL), argument("iov", lambda call: [(call.memory.address, -1)])),
    Fault("unaligned", "iov", Err(EINVAL), unaligned),
    Fault("empty", "iov", Ok(0), argument("iov", lambda call: [call.memory[:0]])),
    Fault("no-readers", "pipe", Err(EPIPE), lambda call: call.pipe.close_read()),
    Fault("full", "pipe", Err(EAGAIN), full),
    Fault("hole", "iov", Err(EFAULT), argument("iov", lambda call: [Span(call.memory.end, 4096)])),
)
BY_NAME = {fault.name: fault for fault in FAULTS}

#: What the siblings agree on, or the fingerprint needs: who is reported before whom.
PIPE, PROCESS = ("no-readers", "full"), ("no-process", "forbidden")
ARRAY = ("array", "length", "unaligned", "empty")
BEFORE: dict[str, tuple[str, tuple[str, ...]]] = {
    "flags": ("flags-first", tuple(name for name in BY_NAME if name != "flags")),
    "count": ("count-before-descriptor-and-array", ("not-open", *PROCESS, *ARRAY, *PIPE, "hole")),
    "none": ("none-before-all-but-flags", ("not-open", *PROCESS, *ARRAY, *PIPE, "hole")),
    "not-open": ("descriptor-before-array", (*ARRAY, "hole")),
    "no-process": ("process-before-pipe", ("read-end", "no-pipe", *PIPE, "hole")),
    "forbidden": ("process-before-pipe", ("read-end", "no-pipe", *PIPE, "hole")),
    "no-pipe": ("descriptor-before-memory", ("hole",)),
    "read-end": ("descriptor-before-memory", ("hole",)),
    **dict.fromkeys(ARRAY, ("array-before-pipe", PIPE)),
    **dict.fromkeys(PIPE, ("pipe-before-memory", ("hole",))),
}


def rows(binding: bool) -> list[Any]:
    """Every two faults that can meet: those whose order is promised, or the others."""
    found = []
    for first, second in combinations(FAULTS, 2):
        if set(first.touches.split()) & set(second.touches.split()):
            continue
        promise, losers = BEFORE.get(first.name, ("", ()))
        promised = second.name in losers
        if promised != binding:
            continue
        marks = [needs("root")] if "forbidden" in (first.name, second.name) else []
        if promised:
            marks.append(clause(f"process_vmsplice:order:{promise}"))
        found.append(pytest.param(first, second, id=f"{first.name}-{second.name}", marks=marks))
    return found


@pytest.fixture
def call(caller, target, pipe):
    """A call that succeeds until it is spoiled."""
    memory = target.pages(1, seed=2)
    good = {"pid": target.pid, "fd": pipe.write, "iov": [memory[:]], "count": 1, "flags": 0}
    return Call(caller, pipe, memory, good)


def made(call: Call, *faults: Fault) -> Result:
    """The answer to the spoiled call, which moves nothing."""
    call.caller.ignore(c.SIGPIPE)
    for fault in faults:
        fault.spoil(call)
    result = call.caller.process_vmsplice(*call.arguments.values())
    call.memory.unchanged()
    names = {fault.name for fault in faults}
    if "no-readers" not in names:
        call.pipe.holds(*([call.pipe.content()] if "full" in names else []))
    return result


@clause("process_vmsplice:order:each-alone")
@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(f, id=f.name, marks=[needs("root")] if f.name == "forbidden" else [])
        for f in FAULTS
    ],
)
def test_each_fault_alone_has_its_answer(call, fault):
    assert made(call, fault) == fault.answer


@pytest.mark.parametrize(("first", "second"), rows(binding=True))
def test_the_first_of_two_faults_is_reported(call, first, second):
    assert made(call, first, second) == first.answer


@clause("process_vmsplice:order:not-promised")
@pytest.mark.parametrize(("first", "second"), rows(binding=False))
def test_one_of_two_faults_is_reported(call, first, second, observe):
    observe(made(call, first, second))
