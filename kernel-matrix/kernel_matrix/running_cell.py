"""One cell while it runs: what the runner writes and the display reads."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from helpers.kernel import Kernel
from kernel_matrix import run_file, schedule
from kernel_matrix.cells import Summary
from kernel_matrix.expectations import Deviation
from kernel_matrix.journal import Case
from kernel_matrix.manifest import Entry


@dataclass
class Cell:
    """A cell while it runs. Written by one thread, read by the one that shows it.

    Attributes:
        entry: the kernel that is asked for.
        directory: where everything about it goes.
        phase: waiting, resolve, download, ready, boot (start where nothing is booted), run, done or
            failed.
        note: one line about the phase.
        kernel: once it is resolved.
        total: its cases, 0 while nobody knows.
        counts: how many of them came to what, as the expectations judge it.
        started: when it began, as time.monotonic() has it.
        summary: once it is over.
        expected: seconds that it took the last time, None if nobody knows.
        deviations: the expectations about its kernel, as far as that is known.
    """

    entry: Entry
    directory: Path
    phase: str = "waiting"
    note: str = ""
    kernel: Kernel | None = None
    total: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    started: float = 0.0
    summary: Summary | None = None
    expected: float | None = None
    deviations: tuple[Deviation, ...] = ()

    def job(self) -> schedule.Job:
        """How far it is."""
        running = self.phase in _RUNNING
        elapsed = time.monotonic() - self.started if running else 0.0
        done = sum(self.counts.values())
        return schedule.Job(running, elapsed, done, self.total, self.expected)

    @property
    def may_be_built(self) -> bool:
        """Whether its kernel may take minutes to make."""
        selector = self.entry.selector
        return selector.startswith("reference:") or selector.endswith("+build")

    def to_json(self) -> dict[str, Any]:
        """It in run.json."""
        kernel = self.kernel.to_json() if self.kernel is not None else {}
        return {
            "id": self.entry.id,
            "selector": self.entry.selector,
            "directory": self.directory.name,
            "kernel": {key: kernel[key] for key in run_file.LOCKED_KEYS if key in kernel},
            "over": self.summary is not None,
            "seconds": self.summary.seconds if self.summary else None,
            "problem": self.summary.problem if self.summary else "",
            "blame": int(self.summary.blame) if self.summary else 0,
        }


_RUNNING = ("boot", "start", "run")


Watch = Callable[[Cell, str, Case | None], None]
"""Called at each change of a cell, from any thread: "phase", "note", "case" with the case, or
"again" with a case that was tried once more."""
