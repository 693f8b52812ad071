"""What the history tells: when a case changed, what flakes, what is slow, which run was good."""

import sqlite3
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median

from helpers.errors import UserError
from kernel_matrix import history_rows
from kernel_matrix.history_rows import Run
from kernel_matrix.journal import Case
from kernel_matrix.reports.results import KernelResults, Results, version_key
from kernel_matrix.transitions import fingerprint, kind, spans, telling

LAST_GOOD = "last-good"
KERNEL = "history:"

RECENT = 5
"""So many of the last runs say how long a case takes."""


@dataclass(frozen=True)
class Stretch:
    """Runs in a row, of one kernel, in which a case did the same.

    Attributes:
        case: what it came to, in the first of them.
        first, last: the runs.
        runs: how many.
    """

    case: Case
    first: Run
    last: Run
    runs: int


@dataclass(frozen=True)
class Flakes:
    """How often a case came to something else although nothing was different.

    Runs are alike if kernel, configuration, machine and suites are the same; there must be two.

    Attributes:
        odd: runs that did not come to what most of their like came to, or that came to several
            things when the case was tried again.
        alike: runs that have their like.
    """

    odd: int = 0
    alike: int = 0

    @property
    def rate(self) -> float:
        """Between 0 and 1."""
        return self.odd / self.alike if self.alike else 0.0


@dataclass(frozen=True)
class Line:
    """A case on one kernel, over time.

    Attributes:
        kernel: its name.
        runs: in which the case was, oldest first.
        stretches: what it did, oldest first; runs that say nothing of the kernel are in none.
        silent: how many such runs there are.
        flakes: how often it came to something else for no reason.
        seconds: how long it takes, the median of the last runs.
    """

    kernel: str
    runs: tuple[Run, ...]
    stretches: tuple[Stretch, ...]
    silent: int
    flakes: Flakes
    seconds: float


@dataclass(frozen=True)
class Flaky:
    """A case that flakes.

    Attributes:
        case: its name.
        flakes: on all kernels.
        kernels: where.
        verdicts: what it came to there, and how often.
    """

    case: str
    flakes: Flakes
    kernels: tuple[str, ...]
    verdicts: Counter[str] = field(default_factory=Counter)


def lines_of(database: sqlite3.Connection, name: str) -> list[Line]:
    """A case on every kernel that it ran on."""
    answers = history_rows.of_case(database, name)
    lines: dict[str, list[Run]] = {}
    for run in history_rows.runs(database):
        if run.answers in answers:
            lines.setdefault(run.kernel, []).append(run)
    ordered = sorted(lines, key=_in_order)
    return [_line(database, name, kernel, lines[kernel], answers) for kernel in ordered]


def _in_order(kernel: str) -> tuple[str, object]:
    """Kernels of a family side by side, by their versions."""
    family, _, version = kernel.partition(":")
    return family, version_key(version)


def _line(
    database: sqlite3.Connection,
    name: str,
    kernel: str,
    runs: list[Run],
    answers: dict[int, Case],
) -> Line:
    cases = [answers[run.answers] for run in runs]
    stretches = []
    for span in spans(cases):
        inside = [n for n in range(span.first, span.last + 1) if telling(cases[n])]
        stretches.append(Stretch(span.case, runs[span.first], runs[span.last], len(inside)))
    recent = [dict(history_rows.durations(database, run))[name] for run in runs[-RECENT:]]
    silent = sum(not telling(case) for case in cases)
    flakes = count_flakes((run, answers[run.answers]) for run in runs)
    return Line(kernel, tuple(runs), tuple(stretches), silent, flakes, median(recent))


def count_flakes(found: Iterable[tuple[Run, Case]]) -> Flakes:
    """How often a case flaked in some runs."""
    groups: defaultdict[tuple[int, str, str], list[Case]] = defaultdict(list)
    for run, case in found:
        if telling(case):
            groups[run.same_again].append(case)
    odd = alike = 0
    for cases in groups.values():
        if len(cases) < 2 and not cases[0].flaky:
            continue
        usual = Counter(map(_sort, cases)).most_common(1)[0][0]
        alike += len(cases)
        odd += sum(_sort(case) != usual or case.flaky for case in cases)
    return Flakes(odd, alike)


def _sort(case: Case) -> tuple[str, str]:
    return kind(case), fingerprint(case)


def flaky(database: sqlite3.Connection) -> list[Flaky]:
    """Every case that flakes, the worst first."""
    groups: defaultdict[tuple[int, str, str], list[Run]] = defaultdict(list)
    for run in history_rows.runs(database):
        groups[run.same_again].append(run)
    # Where all runs of a group have the same answers and no case was tried again, none flaked.
    tried = {
        number
        for (number,) in database.execute(
            "SELECT DISTINCT answers FROM answer JOIN outcome ON outcome.id = outcome"
            " WHERE json_extract(details, '$.attempts') IS NOT NULL"
        )
    }
    kept = [
        runs
        for runs in groups.values()
        if len({run.answers for run in runs}) > 1 or any(run.answers in tried for run in runs)
    ]
    suspects = {name for runs in kept for name in _differing(database, {r.answers for r in runs})}
    found = []
    everything = [run for runs in groups.values() for run in runs]
    for name in suspects:
        answers = history_rows.of_case(database, name)
        runs = [(run, answers[run.answers]) for run in everything if run.answers in answers]
        flakes = count_flakes(runs)
        if not flakes.odd:
            continue
        where = dict.fromkeys(run.kernel for run, _ in runs)
        on = tuple(k for k in where if count_flakes(p for p in runs if p[0].kernel == k).odd)
        verdicts = Counter(case.verdict for run, case in runs if run.kernel in on)
        found.append(Flaky(name, flakes, on, verdicts))
    return sorted(found, key=lambda each: (-each.flakes.rate, -each.flakes.odd, each.case))


def _differing(database: sqlite3.Connection, answers: set[int]) -> list[str]:
    """The cases that are not the same in some sets of answers, or were tried again."""
    marks = ", ".join("?" * len(answers))
    rows = database.execute(
        "SELECT name FROM answer JOIN cases ON cases.id = answer.which"
        " JOIN outcome ON outcome.id = outcome"
        f" WHERE answers IN ({marks}) GROUP BY which"
        " HAVING count(DISTINCT outcome) > 1"
        " OR max(json_extract(details, '$.attempts')) IS NOT NULL",
        tuple(answers),
    )
    return [name for (name,) in rows]


def times(database: sqlite3.Connection) -> dict[str, dict[str, float]]:
    """How long each case takes on each kernel: the median of its last runs, seconds.

    Returns:
        case -> kernel -> seconds.
    """
    found: defaultdict[str, dict[str, float]] = defaultdict(dict)
    for kernel, runs in by_kernel(history_rows.runs(database)).items():
        seconds: defaultdict[str, list[float]] = defaultdict(list)
        for run in runs[-RECENT:]:
            for name, value in history_rows.durations(database, run):
                seconds[name].append(value)
        for name, values in seconds.items():
            found[name][kernel] = median(values)
    return dict(found)


def by_kernel(runs: Iterable[Run]) -> dict[str, list[Run]]:
    """Runs by the names of their kernels."""
    found: dict[str, list[Run]] = {}
    for run in runs:
        found.setdefault(run.kernel, []).append(run)
    return found


def last(database: sqlite3.Connection, kernel: str) -> Results:
    """The last run of a kernel, whatever it came to.

    Raises:
        UserError: there is none.
    """
    found = history_rows.runs(database, kernel)
    if not found:
        known = ", ".join(by_kernel(history_rows.runs(database))) or "no kernel"
        raise UserError(f"{KERNEL}{kernel}: no run of this kernel in the history; it has {known}")
    loaded = history_rows.load(database, found[-1])
    return Results(f"{KERNEL}{kernel} of {day(found[-1].started)}", (loaded,))


def last_good(database: sqlite3.Connection, kernels: Sequence[KernelResults]) -> Results:
    """Of each kernel the last good run before this one; kernels that have none are left out.

    A run that was of a part of the suites only is no measure for the whole: it must have had at
    least half of the cases.

    Args:
        database: the history.
        kernels: what is to be compared with it; one that has not run yet has no cases.
    """
    found = []
    for kernel in kernels:
        earlier = history_rows.runs(database, kernel.id, kernel.started or None)
        for run in reversed(earlier):
            if run.good and 2 * run.cases >= len(kernel.summary.cases):
                found.append(history_rows.load(database, run))
                break
    return Results("the last good runs", tuple(found))


def day(started: float) -> str:
    """A date for people."""
    return time.strftime("%Y-%m-%d", time.localtime(started))
