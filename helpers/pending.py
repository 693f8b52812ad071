"""Answers that are on their way, and what comes instead of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from helpers.answers import Task
from helpers.errors import SetupError
from helpers.wire import Frame

if TYPE_CHECKING:
    from helpers.session import Session

T = TypeVar("T")


class ChildDied(AssertionError):
    """A child died that should have answered; the message says how."""


class Hang(AssertionError):
    """A child did not answer in time; the message has its state, call and wait channel."""


@dataclass(eq=False)
class Pending(Generic[T]):
    """An answer that is on its way."""

    session: "Session"
    task: Task | None
    what: object
    decode: Callable[[Frame], T]
    done: bool = False
    value: T | None = None
    error: Exception | None = None
    #: Set-up that the same task was asked for earlier: the answer means nothing if it failed.
    before: "Sequence[Pending[object]]" = ()
    #: Whose requests are worked off before those that it is sent later; None: nobody's.
    line: Task | None = None

    def result(self, seconds: float | None = None) -> T:
        """Wait for the answer.

        Raises:
            Hang: it did not come in time.
            ChildDied: the child died instead.
            MachineLost: the machine did.
            SetupError: what the task had to do before failed.
        """
        __tracebackhide__ = True
        try:
            if not self.done:
                self.session.wait(self, seconds)
        except Hang:
            self._check_before()
            raise
        self._check_before()
        if not isinstance(self.error, ChildDied):
            for earlier in self.before:
                earlier.result()
        if self.error is not None:
            raise self.error
        return self.value  # type: ignore[return-value] # done, no error: it is there

    def _check_before(self) -> None:
        """Set-up that failed explains a hang or a death as well as an answer."""
        __tracebackhide__ = True
        for earlier in self.before:
            if isinstance(earlier.error, SetupError):
                raise earlier.error

    def resolve(self, value: T | None, error: Exception | None) -> None:
        """Called by the session, once."""
        self.done, self.value, self.error = True, value, error
