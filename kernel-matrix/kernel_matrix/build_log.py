"""What the output of a kernel's make says: how far it is, and what went wrong first."""

import re
import time
from dataclasses import dataclass, field

from kernel_matrix.schedule import duration
from kernel_matrix.table import progress_bar

_STEP = re.compile(r"  [A-Z][A-Z0-9_]*(?: \[M\])? +\S")
# What a person has to look at, best first; make's own lines only say that something failed.
_ERRORS = (
    re.compile(r"^\S+?:\d+(?::\d+)?: (?:fatal )?error: .*"),
    re.compile(r"^.*(?:undefined reference to|multiple definition of) .*"),
    re.compile(r"^\S*Kconfig\S*:\d+: .*"),
    re.compile(r"^.*(?:No space left on device|: not found|command not found).*"),
    re.compile(r"^(?:\S+: )?[Ee]rror: .*"),
    re.compile(r"^make\[?\d*\]?: \*\*\* .*"),
)
_PERCENT = 5
"""A line of progress for so much of a build; before the first of them no time can be guessed."""

_SECONDS = (2.0, 20.0)
"""Between two lines, at least and at most."""


def is_step(line: str) -> bool:
    """Whether a line names a file that is made, as "  CC      fs/splice.o" does."""
    return _STEP.match(line) is not None


def first_error(log: str) -> str:
    """The first line that tells what went wrong; "" where none does."""
    lines = log.splitlines()
    for pattern in _ERRORS:
        for line in lines:
            if pattern.match(line):
                return line.strip()
    return ""


@dataclass
class Progress:
    """Turns the steps of a build into lines for people.

    Attributes:
        title: what is built.
        total: steps that it will take, from an earlier build or a guess.
        steps: steps so far.
    """

    title: str
    total: int
    steps: int = 0
    _started: float = field(default_factory=time.monotonic)
    _said: float = field(default_factory=time.monotonic)
    _told: int = 0

    def line(self, output: str, now: float) -> str | None:
        """Count a line of make's output.

        Returns:
            a line for people, if it is time for one.
        """
        if not is_step(output):
            return None
        self.steps += 1
        percent, least, most = self._percent(), *_SECONDS
        if now - self._said < (least if percent >= self._told + _PERCENT else most):
            return None
        self._said, self._told = now, percent
        return self.render(now - self._started)

    def render(self, seconds: float) -> str:
        """The state after some seconds; a total that was guessed too low is not believed."""
        if self.steps >= self.total:
            return f"{self.title}: {self.steps} steps"
        percent = self._percent()
        told = f"{self.title}: {progress_bar(self.steps, self.total)} {percent}%"
        if percent < _PERCENT:
            return told
        left = seconds * (self.total - self.steps) / self.steps
        return f"{told}, about {duration(left)} left"

    def _percent(self) -> int:
        return 100 * self.steps // self.total
