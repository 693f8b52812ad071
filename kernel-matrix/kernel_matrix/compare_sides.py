"""What the user means by one side of a comparison: a run, a kernel of a run, a file of results."""

from collections.abc import Sequence
from pathlib import Path

from helpers.errors import UserError
from kernel_matrix import expectations, history, history_query, report
from kernel_matrix.reports import results
from kernel_matrix.reports.results import KernelResults, Results
from kernel_matrix.transitions import OBSERVED

HINT = (
    "a run is a directory in results/, RUN:KERNEL one kernel of it, KERNEL one of the last run, "
    f"{history_query.LAST_GOOD} and {history_query.KERNEL}KERNEL are in the history"
)


def load(text: str, latest: Path = report.LATEST, against: Sequence[KernelResults] = ()) -> Results:
    """The results that a word of the command line means, judged by the expectations.

    A file of results is as it was judged when it was written.

    Args:
        text: a run's directory, "<run>:<kernel id>", a file of results, the id of a kernel of the
            last run, "history:<kernel id>" for its last run in the history, or "last-good".
        latest: the last run.
        against: the kernels of the other side, of which last-good has the last good runs.

    Raises:
        UserError: it is none of them; the text says what there is.
    """
    return expectations.judge(load_raw(text, latest, against), expectations.load())


def load_raw(
    text: str, latest: Path = report.LATEST, against: Sequence[KernelResults] = ()
) -> Results:
    """The same as the journals have it.

    Raises:
        UserError: it is none of them.
    """
    path = Path(text)
    if path.exists():
        return _read(path)
    if text == history_query.LAST_GOOD:
        with history.reading() as database:
            return history_query.last_good(database, against)
    if text.startswith(history_query.KERNEL):
        with history.reading() as database:
            return history_query.last(database, text.removeprefix(history_query.KERNEL))
    for position, character in enumerate(text):
        where = Path(text[:position])
        if character == ":" and position and where.exists():
            return only(_read(where), text[position + 1 :])
    if not latest.exists():
        raise UserError(f"{text}: no such run or file, and there is no last run; {HINT}")
    found = _read(latest)
    if all(kernel.id != text for kernel in found.kernels):
        known = ", ".join(kernel.id for kernel in found.kernels)
        raise UserError(f"{text}: no such run or file, and no kernel of the last run ({known})")
    return only(found, text)


def _read(path: Path) -> Results:
    return results.load_run(path) if path.is_dir() else results.load_json(path)


def judged(directory: Path) -> Results:
    """A run, judged by the expectations.

    Raises:
        UserError: it is not the directory of a run.
    """
    return expectations.judge(results.load_run(directory), expectations.load())


def observed(found: Results) -> Results:
    """Only the observed clauses."""
    return Results(
        found.source,
        tuple(
            kernel.judged(tuple(c for c in kernel.summary.cases if c.strength == OBSERVED))
            for kernel in found.kernels
        ),
    )


def only(found: Results, ident: str) -> Results:
    """One kernel of a run.

    Raises:
        UserError: the run has no such kernel.
    """
    kernels = tuple(kernel for kernel in found.kernels if kernel.id == ident)
    if not kernels:
        known = ", ".join(kernel.id for kernel in found.kernels) or "none"
        raise UserError(f"{found.source}: no kernel {ident!r}; it has {known}")
    return Results(f"{found.source}:{ident}", kernels)
