"""What earlier runs say of the cases that somebody will ask about, where a history is kept."""

import sqlite3
from collections.abc import Iterable, Iterator
from itertools import islice

from helpers.errors import UserError
from kernel_matrix import history, history_query, history_rows
from kernel_matrix.compare import boundaries
from kernel_matrix.history_rows import Run
from kernel_matrix.journal import Case
from kernel_matrix.reports.results import Results
from kernel_matrix.transitions import phrase, spans, telling

MOST = 300
"""So many cases are asked about."""


def of(results: Results) -> dict[str, list[str]]:
    """Lines by case: those of unexpected and changing cases, on the kernels of the run.

    {} without a history: a report does not need one.
    """
    try:
        with history.reading() as database:
            return _read(database, results)
    except UserError:
        return {}


def _read(database: sqlite3.Connection, results: Results) -> dict[str, list[str]]:
    before = {
        kernel.id: history_rows.runs(database, kernel.id, kernel.started or None)
        for kernel in results.kernels
    }
    found = {}
    for name in islice(dict.fromkeys(_asked(results)), MOST):
        answers = history_rows.of_case(database, name)
        lines = [line for runs in before.values() for line in _lines(runs, answers)]
        if lines:
            found[name] = lines
    return found


def _asked(results: Results) -> Iterator[str]:
    for kernel in results.kernels:
        for case in kernel.summary.cases:
            if case.unexpected and case.verdict != "miss":
                yield case.id
    for change in boundaries(results):
        yield change.case.id


def _lines(runs: Iterable[Run], answers: dict[int, Case]) -> Iterator[str]:
    """What a case did on one kernel, from when to when."""
    having = [run for run in runs if run.answers in answers]
    cases = [answers[run.answers] for run in having]
    for span in spans(cases):
        first, last = having[span.first], having[span.last]
        count = sum(telling(case) for case in cases[span.first : span.last + 1])
        days = dict.fromkeys(history_query.day(run.started) for run in (first, last))
        builds = dict.fromkeys(run.version or run.release for run in (first, last))
        where = " to ".join(filter(None, builds))
        when = f"{count} run{'s' * (count != 1)}, {' to '.join(days)}"
        yield f"{first.kernel}: {phrase(span.case)} ({', '.join(filter(None, (where, when)))})"
