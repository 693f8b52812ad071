"""What a run shows while it runs: a table on a terminal, lines everywhere else."""

import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, TextIO

from kernel_matrix.journal import Case
from kernel_matrix.schedule import duration, left, remaining
from kernel_matrix.table import BAR, COLOURS, COUNTS, grouped, progress_bar

if TYPE_CHECKING:
    from rich.live import Live
    from rich.table import Table

    from kernel_matrix.running_cell import Cell


_FRAME_SECONDS = 0.5
"""Between two drawings of the table, each of which takes 5 to 10 ms of a processor."""


class Display(Protocol):
    """Shows a run; a context manager around it."""

    def __enter__(self) -> "Display":
        """Begin."""
        ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave the terminal as it was."""

    def show(self, cells: Sequence["Cell"], slots: int = 1) -> None:
        """The cells that there are, and how many run side by side."""

    def watch(self, cell: "Cell", what: str, case: Case | None) -> None:
        """See runner.Watch."""

    def refresh(self) -> None:
        """Called ten times a second from the main thread."""


class Lines:
    """One line for each change of phase and for each case that somebody should look at."""

    def __init__(self, stream: TextIO | None = None) -> None:
        """Write to a stream, standard output if none is given."""
        self._stream = stream or sys.stdout
        self._lock = threading.Lock()
        self._started = time.monotonic()
        self._cells: Sequence[Cell] = ()
        self._slots = 1

    def __enter__(self) -> "Lines":
        """Nothing to prepare."""
        return self

    def __exit__(self, *error: object) -> None:
        """Nothing to restore."""

    def show(self, cells: Sequence["Cell"], slots: int = 1) -> None:
        """A line is printed when there is something to say."""
        self._cells, self._slots = cells, slots

    def watch(self, cell: "Cell", what: str, case: Case | None) -> None:
        """Print a line if this is worth one."""
        if what == "phase":
            self._print(cell, f"{cell.phase} {cell.note}".rstrip() + self._counts(cell))
            if cell.summary is not None:
                self._print_left()
        elif what == "again" and case is not None:
            self._print(cell, f"{case.verdict.upper()} {case.id} {case.again}")
        elif what == "note" and cell.phase != "run":
            self._print(cell, cell.note)
        elif case is not None and case.unexpected:
            self._print(cell, f"{case.verdict.upper()} {case.id} {case.headline}".rstrip())

    def refresh(self) -> None:
        """Lines stay as they are."""

    def _print_left(self) -> None:
        running = [cell for cell in self._cells if cell.summary is None]
        seconds = remaining([cell.job() for cell in running], self._slots)
        if running and seconds is not None:
            total = len(self._cells)
            done = f"{total - len(running)} of {total} kernels"
            self._write(f"{done}, about {duration(seconds)} left")

    def _counts(self, cell: "Cell") -> str:
        if cell.summary is None or not cell.counts:
            return ""
        counts = cell.counts
        return ": " + ", ".join(f"{number} {verdict}" for verdict, number in counts.items())

    def _print(self, cell: "Cell", text: str) -> None:
        self._write(f"{cell.entry.id}: {text}")

    def _write(self, text: str) -> None:
        seconds = time.monotonic() - self._started
        # A reader who has seen enough (head) does not end the run: its results are files.
        with self._lock, suppress(BrokenPipeError):
            print(f"[{seconds:6.1f}] {text}", file=self._stream, flush=True)


class Screen:
    """A table that is drawn again and again: kernel, phase, progress, verdicts."""

    def __init__(self) -> None:
        """Nothing is drawn before the block is entered."""
        self._cells: Sequence[Cell] = ()
        self._slots = 1
        self._live: Live | None = None
        self._next = 0.0

    def __enter__(self) -> "Screen":
        """Take the terminal."""
        from rich.live import Live

        self._live = Live(transient=True, auto_refresh=False)
        self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        """Give the terminal back; the table goes, the final one is printed by others."""
        if self._live is not None:
            self._live.stop()

    def show(self, cells: Sequence["Cell"], slots: int = 1) -> None:
        """Draw these."""
        self._cells, self._slots = cells, slots

    def watch(self, cell: "Cell", what: str, case: Case | None) -> None:
        """A case that somebody should look at stays above the table."""
        if case is not None and case.unexpected and self._live is not None:
            from rich.text import Text

            verdict, said = case.verdict.upper(), case.again or case.headline
            line = Text(f"{verdict} [{cell.entry.id}] {case.id} {said}", overflow="ellipsis")
            line.no_wrap = True
            line.stylize("red", 0, len(verdict))
            self._live.console.print(line)

    def refresh(self) -> None:
        """Draw, if that was not done just now."""
        now = time.monotonic()
        if self._live is not None and now >= self._next:
            self._next = now + _FRAME_SECONDS
            self._live.update(draw(self._cells, self._slots), refresh=True)


def draw(cells: Sequence["Cell"], slots: int = 1) -> "Table":
    """The table of a moment."""
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    # Of a narrow terminal the note gets what is left.
    longest = max((len(cell.entry.id) for cell in cells), default=0)
    table.add_column("kernel", no_wrap=True, min_width=min(longest, 30))
    table.add_column("phase", no_wrap=True, min_width=8)
    table.add_column("", no_wrap=True, min_width=BAR)
    known = any(cell.counts["deviation"] for cell in cells)
    columns = [name for name in COUNTS if name != "known" or known]
    for name in (*columns, "left"):
        table.add_column(name, justify="right", no_wrap=True, min_width=len(name))
    table.add_column("", no_wrap=True, overflow="ellipsis", ratio=1)
    for cell in list(cells):
        counts = cell.counts
        shown = []
        for name in columns:
            number = grouped(counts, name)
            style = COLOURS.get(name, "cyan")
            shown.append(f"[{style}]{number}[/]" if number else "·")
        seconds = None if cell.summary is not None else left(cell.job())
        shown.append("" if seconds is None else duration(seconds))
        bar = progress_bar(sum(counts.values()), cell.total) if cell.total else ""
        # Of a case its name is enough, the folders are the same all the time.
        note = (cell.note.rpartition("/")[2] if cell.phase == "run" else cell.note).replace(
            "[", r"\["
        )
        table.add_row(cell.entry.id, cell.phase, bar, *shown, note)
    running = [cell.job() for cell in cells if cell.summary is None]
    seconds = remaining(running, slots) if running else None
    if seconds is not None:
        table.caption = f"about {duration(seconds)} left"
        table.caption_justify = "left"
    return table


def pick(terminal: bool, interactive: bool) -> Display:
    """A screen on a terminal, unless pytest wants the terminal for itself."""
    return Screen() if terminal and not interactive else Lines()
