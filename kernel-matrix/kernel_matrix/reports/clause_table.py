"""The promises, their cases, and what the kernels of a run made of them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from helpers.clauses import Clause, load_clauses
from helpers.errors import UserError
from kernel_matrix import compare_sides, report
from kernel_matrix.expectations import SUITES
from kernel_matrix.reports.results import Results
from kernel_matrix.table import Paint, plain
from kernel_matrix.transitions import OBSERVED, short

_WORST = ("crash", "hang", "fail", "stale", "deviation", "error", "miss", "pass", "skip")
_COLOURS = {"pass": "green", "skip": "cyan", "deviation": "cyan", "error": "yellow"}


@dataclass(frozen=True)
class Row:
    """One promise.

    Attributes:
        clause: the promise.
        cases: how many cases show it, in the run.
        verdicts: by kernel: the worst of its cases, or what was observed.
        counts: by kernel: how many cases came to what.
    """

    clause: Clause
    cases: int
    verdicts: dict[str, str]
    counts: dict[str, Counter[str]]


def last(where: str | None) -> Results | None:
    """The run that is asked for, or the last one; None if there is none yet.

    Raises:
        UserError: the one that is asked for is not there.
    """
    if where is None and not report.LATEST.exists():
        return None
    return compare_sides.load(where or str(report.LATEST))


def rows(call: str | None, results: Results | None, suites: Path = SUITES) -> list[Row]:
    """Every promise of a call, or of all calls.

    Raises:
        UserError: there is no such call.
    """
    known = load_clauses(suites)
    calls = sorted({ident.partition(":")[0] for ident in known})
    if call is not None and call not in calls:
        raise UserError(f"no clauses for {call!r}; there are some for: {', '.join(calls)}")
    wanted = {i: c for i, c in known.items() if call in (None, i.partition(":")[0])}
    cases: dict[str, set[str]] = {ident: set() for ident in wanted}
    counts: dict[str, dict[str, Counter[str]]] = {ident: {} for ident in wanted}
    answers: dict[str, dict[str, set[str]]] = {ident: {} for ident in wanted}
    for kernel in results.kernels if results else ():
        for case in kernel.summary.cases:
            for ident in case.clauses:
                if ident in wanted:
                    cases[ident].add(case.id)
                    counts[ident].setdefault(kernel.id, Counter())[case.verdict] += 1
                    if case.observed:
                        answers[ident].setdefault(kernel.id, set()).add(short(case.observed))
    return [
        Row(
            clause,
            len(cases[ident]),
            {
                kernel: verdict_of(clause, count, answers[ident].get(kernel, set()))
                for kernel, count in counts[ident].items()
            },
            counts[ident],
        )
        for ident, clause in wanted.items()
    ]


def verdict_of(clause: Clause, counts: Counter[str], answers: set[str]) -> str:
    """The worst verdict of a clause's cases; of an observed one that passes, the answers."""
    worst = next(verdict for verdict in _WORST if counts[verdict])
    if clause.strength.value == OBSERVED and worst == "pass" and answers:
        return ", ".join(sorted(answers))
    return worst


def render(found: Sequence[Row], paint: Paint = plain) -> str:
    """A table: clause, strength, cases, then a column for each kernel, then the texts."""
    kernels = list(dict.fromkeys(kernel for row in found for kernel in row.verdicts))
    table = [["clause", "strength", "cases", *kernels]]
    for row in found:
        table.append(
            [
                row.clause.id,
                row.clause.strength.value,
                str(row.cases) if kernels else "-",
                *(row.verdicts.get(kernel, "-") for kernel in kernels),
            ]
        )
    widths = [max(len(line[column]) for line in table) for column in range(len(table[0]))]
    lines = []
    for number, line in enumerate(table):
        texts = [text.ljust(width) for text, width in zip(line, widths, strict=True)]
        if number:
            texts[3:] = [paint(text, _COLOURS.get(text.strip(), "red")) for text in texts[3:]]
        lines.append("  ".join(texts).rstrip())
        if number:
            clause = found[number - 1].clause
            lines += [f"    {clause.text}", f"    {clause.source}"]
    return "\n".join(lines)


def to_json(found: Sequence[Row]) -> dict[str, Any]:
    """The same as an object."""
    return {
        "clauses": [
            {
                "id": row.clause.id,
                "strength": row.clause.strength.value,
                "source": row.clause.source,
                "text": row.clause.text,
                "cases": row.cases,
                "verdicts": row.verdicts,
                "counts": {kernel: dict(count) for kernel, count in row.counts.items()},
            }
            for row in found
        ]
    }
