"""Which fault of a Mover's arguments is reported, or whether a transfer of nothing is."""

from collections.abc import Callable
from errno import EFAULT, EINVAL, EPERM, ESRCH
from typing import Any

import pytest

from fixtures.cases import clause, table
from fixtures.identity import USER, Identity
from fixtures.memory import KERNEL_ADDRESS
from fixtures.processes import NewChild
from helpers.abi.constants import UIO_MAXIOV
from helpers.memory import Memory, Span, unchanged
from helpers.outcome import Err, Ok, Result
from suites.shared.mover import Mover

UNKNOWN_FLAG = 1 << 31

#: Makes (array, count) of a page that has a hole behind it.
Vector = Callable[[Memory], tuple[Any, int]]


def good(memory: Memory) -> tuple[Any, int]:
    """Nothing wrong."""
    return [memory[:16]], 1


def absent(memory: Memory) -> tuple[Any, int]:
    """No segment: nothing to transfer."""
    return None, 0


def empty(memory: Memory) -> tuple[Any, int]:
    """One segment without a byte: nothing to transfer."""
    return [memory[:0]], 1


def null(memory: Memory) -> tuple[Any, int]:
    """The array cannot be read: EFAULT."""
    return None, 1


def too_many(memory: Memory) -> tuple[Any, int]:
    """EINVAL."""
    return [memory[:16]], UIO_MAXIOV + 1


def negative(memory: Memory) -> tuple[Any, int]:
    """EINVAL."""
    return [Span(memory.address, -1)], 1


def kernel(memory: Memory) -> tuple[Any, int]:
    """EFAULT in the local vector, before anything is looked at."""
    return [Span(KERNEL_ADDRESS, 16)], 1


def hole(memory: Memory) -> tuple[Any, int]:
    """EFAULT when it comes to copying."""
    return [Span(memory.end, 16)], 1


#: What decides, as the last part of a clause's id.
FLAGS, LOCAL, NOTHING_LOCAL = "flags-first", "local-before-remote", "nothing-local"
REMOTE, NOTHING_REMOTE = "remote-before-process", "nothing-remote"
PROCESS, PERMISSION = "process-before-memory", "permission-before-memory"

#: name, flags, local vector, remote vector, answer, what decides
Row = tuple[str, int, Vector, Vector, Result, str]

_WITH_A_TARGET: tuple[Row, ...] = (
    ("flags-before-local-array", UNKNOWN_FLAG, null, good, Err(EINVAL), FLAGS),
    ("flags-before-local-address", UNKNOWN_FLAG, kernel, good, Err(EINVAL), FLAGS),
    ("flags-before-nothing-local", UNKNOWN_FLAG, absent, good, Err(EINVAL), FLAGS),
    ("flags-before-remote-array", UNKNOWN_FLAG, good, null, Err(EINVAL), FLAGS),
    ("flags-before-remote-memory", UNKNOWN_FLAG, good, hole, Err(EINVAL), FLAGS),
    ("local-count-before-remote-array", 0, too_many, null, Err(EINVAL), LOCAL),
    ("local-count-before-nothing-remote", 0, too_many, absent, Err(EINVAL), LOCAL),
    ("local-length-before-remote-array", 0, negative, null, Err(EINVAL), LOCAL),
    ("local-length-before-nothing-remote", 0, negative, empty, Err(EINVAL), LOCAL),
    ("local-array-before-remote-count", 0, null, too_many, Err(EFAULT), LOCAL),
    ("local-array-before-remote-length", 0, null, negative, Err(EFAULT), LOCAL),
    ("local-array-before-nothing-remote", 0, null, absent, Err(EFAULT), LOCAL),
    ("local-address-before-remote-count", 0, kernel, too_many, Err(EFAULT), LOCAL),
    ("local-address-before-nothing-remote", 0, kernel, empty, Err(EFAULT), LOCAL),
    ("no-local-segment-before-remote-array", 0, absent, null, Ok(0), NOTHING_LOCAL),
    ("no-local-byte-before-remote-array", 0, empty, null, Ok(0), NOTHING_LOCAL),
    ("no-local-segment-before-remote-count", 0, absent, too_many, Ok(0), NOTHING_LOCAL),
    ("no-local-byte-before-remote-length", 0, empty, negative, Ok(0), NOTHING_LOCAL),
    ("no-local-byte-before-remote-memory", 0, empty, hole, Ok(0), NOTHING_LOCAL),
    ("no-remote-segment-before-local-memory", 0, hole, absent, Ok(0), NOTHING_REMOTE),
    ("no-remote-byte-before-local-memory", 0, hole, empty, Ok(0), NOTHING_REMOTE),
)

_WITHOUT_A_PROCESS: tuple[Row, ...] = (
    ("flags", UNKNOWN_FLAG, good, good, Err(EINVAL), FLAGS),
    ("local-count", 0, too_many, good, Err(EINVAL), LOCAL),
    ("local-length", 0, negative, good, Err(EINVAL), LOCAL),
    ("local-array", 0, null, good, Err(EFAULT), LOCAL),
    ("local-address", 0, kernel, good, Err(EFAULT), LOCAL),
    ("no-local-segment", 0, absent, good, Ok(0), NOTHING_LOCAL),
    ("no-local-byte", 0, empty, good, Ok(0), NOTHING_LOCAL),
    ("remote-count", 0, good, too_many, Err(EINVAL), REMOTE),
    ("remote-length", 0, good, negative, Err(EINVAL), REMOTE),
    ("remote-array", 0, good, null, Err(EFAULT), REMOTE),
    ("no-remote-segment", 0, good, absent, Ok(0), NOTHING_REMOTE),
    ("no-remote-byte", 0, good, empty, Ok(0), NOTHING_REMOTE),
    ("not-local-memory", 0, hole, good, Err(ESRCH), PROCESS),
    ("not-remote-memory", 0, good, hole, Err(ESRCH), PROCESS),
    ("not-remote-address", 0, good, kernel, Err(ESRCH), PROCESS),
)

_FORBIDDEN: tuple[Row, ...] = (
    ("flags", UNKNOWN_FLAG, good, good, Err(EINVAL), FLAGS),
    ("local-array", 0, null, good, Err(EFAULT), LOCAL),
    ("no-local-segment", 0, absent, good, Ok(0), NOTHING_LOCAL),
    ("no-local-byte", 0, empty, good, Ok(0), NOTHING_LOCAL),
    ("remote-array", 0, good, null, Err(EFAULT), REMOTE),
    ("remote-count", 0, good, too_many, Err(EINVAL), REMOTE),
    ("no-remote-segment", 0, good, absent, Ok(0), NOTHING_REMOTE),
    ("no-remote-byte", 0, good, empty, Ok(0), NOTHING_REMOTE),
    ("not-local-memory", 0, hole, good, Err(EPERM), PERMISSION),
    ("not-remote-memory", 0, good, hole, Err(EPERM), PERMISSION),
)


def _of(call: str, rows: tuple[Row, ...]) -> pytest.MarkDecorator:
    named = ((*row, clause(f"{call}:order:{decides}")) for *row, decides in rows)
    return table("flags, local_vector, remote_vector, expected", *named)


def with_a_target(call: str) -> pytest.MarkDecorator:
    """Two faults of a call whose target is there and may be accessed."""
    return _of(call, _WITH_A_TARGET)


def without_a_process(call: str) -> pytest.MarkDecorator:
    """Faults of a call whose pid is nobody's."""
    return _of(call, _WITHOUT_A_PROCESS)


def forbidden(call: str) -> pytest.MarkDecorator:
    """Faults of a call whose target may not be accessed."""
    return _of(call, _FORBIDDEN)


def judged(
    mover: Mover, local: Memory, remote: Memory,
    flags: int, local_vector: Vector, remote_vector: Vector, expected: Result,
) -> None:  # fmt: skip
    """Two things are wrong, or one and nothing is to be moved."""
    assert mover.raw(*local_vector(local), *remote_vector(remote), flags) == expected
    unchanged(local, remote)


def judged_without_a_process(
    mover: Mover, local: Memory,
    flags: int, local_vector: Vector, remote_vector: Vector, expected: Result,
) -> None:  # fmt: skip
    """The same for pid -1."""
    assert mover.raw(*local_vector(local), *remote_vector(local), flags, pid=-1) == expected
    local.unchanged()


def judged_when_forbidden(
    mover: Mover, local: Memory, remote: Memory,
    flags: int, local_vector: Vector, remote_vector: Vector, expected: Result,
) -> None:  # fmt: skip
    """The same for a target that the caller may not look into."""
    Identity.of(USER).assume(mover.caller)
    judged(mover, local, remote, flags, local_vector, remote_vector, expected)


def zombie_for_the_unprivileged(mover: Mover, new_child: NewChild, local: Memory) -> None:
    """A task without memory is ESRCH also for those who may not access it."""
    zombie = new_child("zombie", hold=True)
    Identity.of(USER).assume(mover.caller)
    zombie.quit()
    zombie.wait_death()
    assert mover([local[:8]], [local[8:16]], pid=zombie.pid) == Err(ESRCH)
    local.unchanged()
