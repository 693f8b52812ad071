"""What kernels answer differently to a Mover."""

from fixtures.cases import table
from fixtures.observation import Observe
from helpers.memory import Memory, Span
from suites.shared.mover import Mover
from suites.shared.mover_flags import CLAIMED
from suites.shared.observing import below_the_stack

_SSIZE_MAX = (1 << 63) - 1

__all__ = ["BEFORE", "CLAIMED", "claimed_flag", "local_longer_than_user_space", "stack"]

BEFORE = table("before", ("one-segment", ()), ("second-of-two", (1,)))


def local_longer_than_user_space(
    mover: Mover, local: Memory, remote: Memory, before: tuple[int, ...], observe: Observe
) -> None:
    """A local segment of SSIZE_MAX, and ten remote bytes."""
    segments = [local[:length] for length in before] + [Span(local.address, _SSIZE_MAX)]
    observe(mover(segments, [remote[:10]]))


def stack(mover: Mover, local: Memory, observe: Observe) -> None:
    """A remote byte below what is the stack now."""
    observe(mover([local], [below_the_stack(mover.target)]))


def claimed_flag(mover: Mover, local: Memory, remote: Memory, bit: int, observe: Observe) -> None:
    """A flag that somebody has proposed."""
    observe(mover([local[:5]], [remote[:5]], 1 << bit))
