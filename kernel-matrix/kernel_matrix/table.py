"""The table and the list that end a run, as plain text."""

from collections import Counter
from collections.abc import Callable, Sequence

from kernel_matrix.cells import Summary
from kernel_matrix.journal import Case

Paint = Callable[[str, str], str]
"""Gives a text a colour by name; plain() leaves it as it is."""

COUNTS = ("pass", "fail", "known", "skip", "crash", "error")
_GROUPED = {
    "fail": ("fail", "stale"),
    "known": ("deviation",),
    "crash": ("crash", "hang"),
    "error": ("error", "miss"),
}
COLOURS = {"pass": "green", "fail": "red", "crash": "red", "error": "yellow", "skip": "cyan"}

# As many unexpected cases are printed; a broken kernel fails hundreds, and the rest is in the run.
MOST = 40


def plain(text: str, colour: str) -> str:
    """No colour."""
    return text


def count(summary: Summary, column: str) -> int:
    """The cases that a column of the table counts; hang is with crash, miss with error.

    A failure that was expected is known, and a case that should have failed and passes is a fail.
    """
    return grouped(summary.counts, column)


def grouped(counts: Counter[str], column: str) -> int:
    """See count()."""
    return sum(counts[verdict] for verdict in _GROUPED.get(column, (column,)))


def columns(summaries: Sequence[Summary]) -> tuple[str, ...]:
    """The heads of the table; known failures have a column only where there are some."""
    counts = (c for c in COUNTS if c != "known" or any(count(each, c) for each in summaries))
    return ("kernel", "boot s", "cases", *counts, "seconds")


def cells_of(summary: Summary, heads: Sequence[str]) -> list[str]:
    """One row of the table as texts."""
    boot = "-" if summary.boot_seconds is None else f"{summary.boot_seconds:.1f}"
    counts = [str(count(summary, column)) for column in heads[3:-1]]
    return [summary.id, boot, str(summary.total), *counts, f"{summary.seconds:.1f}"]


def render(summaries: Sequence[Summary], paint: Paint = plain) -> str:
    """The table: a row for each kernel, and below it what was wrong with whole kernels."""
    heads = columns(summaries)
    rows = [list(heads), *(cells_of(summary, heads) for summary in summaries)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(heads))]
    lines = []
    for row in rows:
        texts = []
        for index, (text, width) in enumerate(zip(row, widths, strict=True)):
            padded = text.ljust(width) if index == 0 else text.rjust(width)
            colour = COLOURS.get(heads[index])
            texts.append(paint(padded, colour) if colour and text.strip("0").isdigit() else padded)
        lines.append("  ".join(texts).rstrip())
    lines += [
        paint(f"{summary.id}: {summary.problem}", "yellow")
        for summary in summaries
        if summary.problem
    ]
    return "\n".join(lines)


def unexpected(summaries: Sequence[Summary], paint: Paint = plain, most: int = MOST) -> str:
    """Every case that somebody should look at: verdict, id, clauses, message; "" if there is none.

    A case that failed on several kernels is told once for each title or message, with the kernels.
    Cases that were never started say nothing one by one: there is one line for all of a kernel.
    """
    found: dict[tuple[str, str, str], tuple[Case, list[str]]] = {}
    lines = []
    for summary in summaries:
        for case in summary.cases:
            if case.unexpected and case.verdict != "miss":
                key = (case.id, case.verdict, case.headline)
                found.setdefault(key, (case, []))[1].append(summary.id)
        missed = [case.id for case in summary.cases if case.verdict == "miss"]
        if missed:
            verdict = paint("MISS", COLOURS["error"])
            lines.append(
                f"{verdict} {len(missed)} cases were never started, {missed[0]} the first of them"
                f"  [{summary.id}]"
            )
    for case, kernels in list(found.values())[:most]:
        colour = COLOURS["error" if case.verdict == "error" else "fail"]
        lines.append(f"{paint(case.verdict.upper(), colour)} {case.id}  [{', '.join(kernels)}]")
        if case.clauses:
            strength = f", {case.strength}" if case.strength else ""
            lines.append(f"    clause: {', '.join(case.clauses)}{strength}")
        message = case.message
        if case.observed and case.observed not in message:
            message = f"{message} (observed {case.observed})"
        titled = [case.title] if case.title not in ("", message) else []
        lines += [f"    {line}" for line in (*titled, *message.splitlines()[:3])]
        if case.again:
            lines.append(f"    {case.again}")
    if len(found) > most:
        lines.append(f"... and {len(found) - most} more")
    return "\n".join(lines)


BAR = 12
"""Characters of a bar."""


def progress_bar(done: int, total: int, width: int = BAR) -> str:
    """How far a cell is; as wide while nothing is known."""
    filled = width * done // total if total else 0
    return "█" * filled + "·" * (width - filled)
