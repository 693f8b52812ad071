"""The flags of a Mover: none is defined, and two bits are asked for upstream."""

from errno import EINVAL

from fixtures.cases import table
from helpers.memory import Memory, unchanged
from helpers.outcome import Err, Ok
from suites.shared.mover import Mover

#: Bits 0 and 1 have been proposed for a pidfd and for not waiting: a kernel may define them one
#: day, so that they are observed and not judged.
CLAIMED = table("bit", ("bit-0", 0), ("bit-1", 1))
_UNCLAIMED = range(2, 64)

UNKNOWN = table(
    "flags",
    ("bit-2", 1 << 2),
    ("bit-31", 1 << 31),
    ("bit-32", 1 << 32),
    ("every-bit", (1 << 64) - 1),
)


def unknown(mover: Mover, local: Memory, remote: Memory, flags: int) -> None:
    """Flags that do not exist."""
    assert mover([local], [remote], flags) == Err(EINVAL)
    unchanged(local, remote)


def each_bit(mover: Mover, local: Memory, remote: Memory) -> None:
    """Each bit that nobody has asked for, alone."""
    calls = {bit: mover.begin([local], [remote], 1 << bit) for bit in _UNCLAIMED}
    answers = {bit: call.result() for bit, call in calls.items()}
    assert answers == dict.fromkeys(answers, Err(EINVAL))
    unchanged(local, remote)


#: (local count, remote count)
NOTHING_ASKED = table("shape", ("no-local", (0, 1)), ("no-remote", (1, 0)), ("neither", (0, 0)))


def nothing_asked(mover: Mover, local_count: int, remote_count: int) -> None:
    """There are no arrays."""
    pid = mover.caller.pid
    assert mover.raw(None, local_count, None, remote_count, 1 << 31, pid=pid) == Err(EINVAL)


def none(mover: Mover, local: Memory, remote: Memory) -> None:
    """Flags of 0."""
    assert mover([local[:5]], [remote[:5]], 0) == Ok(5)
    mover.moved(local, [local[:5]], remote, [remote[:5]])
