"""Arrays of segments that no call takes: too many, too long, not readable."""

from collections.abc import Sequence

from fixtures.cases import table
from fixtures.memory import KERNEL_ADDRESS
from fixtures.vectors import place
from helpers.abi.constants import UIO_MAXIOV
from helpers.child import Child
from helpers.memory import Memory, Span

WRAPPED = 1 << 32
#: Counts that are too large whether the kernel looks at 32 bits or at 64.
TOO_MANY = (
    ("iov-max-plus-1", UIO_MAXIOV + 1),
    ("int-min", 1 << 31),
    ("ulong-max", (1 << 64) - 1),
)

_SSIZE_MIN = -1 << 63
_SEGMENT = 16

NEGATIVE = table(
    "position, length",
    ("first-minus-1", 0, -1),
    ("middle-minus-1", 1, -1),
    ("last-minus-1", 2, -1),
    ("first-ssize-min", 0, _SSIZE_MIN),
    ("last-ssize-min", 2, _SSIZE_MIN),
)


def with_length(memory: Memory, position: int, length: int) -> list[Span]:
    """Three segments of 16 bytes, but the one at a position of another length."""
    segments = [memory[start : start + 16] for start in (0, 32, 64)]
    segments[position] = Span(segments[position].address, length)
    return segments


def _null(caller: Child, segments: Sequence[Span]) -> int:
    return 0


def _hole(caller: Child, segments: Sequence[Span]) -> int:
    return caller.pages(1).end


def _kernel(caller: Child, segments: Sequence[Span]) -> int:
    return KERNEL_ADDRESS


def _crossing(caller: Child, segments: Sequence[Span]) -> int:
    """The first element can be read, the second lies in a hole."""
    address = caller.pages(1).end - _SEGMENT
    place(caller, address, segments[:1])
    return address


def _torn(caller: Child, segments: Sequence[Span]) -> int:
    """Only the address of the second element can be read, not its length."""
    address = caller.pages(1).end - 24
    place(caller, address, segments[:1])
    return address


#: Each row makes an array of two segments that cannot be read in full.
UNREADABLE_ARRAYS = table(
    "where",
    ("null", _null),
    ("hole", _hole),
    ("kernel-address", _kernel),
    ("second-element-in-a-hole", _crossing),
    ("second-element-torn", _torn),
)
