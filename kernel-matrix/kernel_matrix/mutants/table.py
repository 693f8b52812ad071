"""What mutants came to: for people, as JSON, and as the table of a README."""

from collections import Counter
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

from kernel_matrix.cells import Status
from kernel_matrix.mutants.run import Outcome, count

SCHEMA = 1


def render(outcomes: Sequence[Outcome], seconds: float) -> str:
    """A line for each mutant, and the totals."""
    rows = [("mutant", "", "s", "by", "seen")]
    for outcome in outcomes:
        rows.append(
            (
                outcome.mutant.id,
                outcome.status,
                f"{outcome.seconds:.1f}" if outcome.seconds else "",
                _short(outcome.case),
                _cut(outcome.message or outcome.note),
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = [
        "  ".join([*(cell.ljust(w) for cell, w in zip(row, widths, strict=False)), row[4]]).rstrip()
        for row in rows
    ]
    return "\n".join([*lines, "", totals(outcomes, seconds)])


def totals(outcomes: Sequence[Outcome], seconds: float) -> str:
    """The sums, the share that was caught, and who survived."""
    counts = count(outcomes)
    ran = [outcome for outcome in outcomes if outcome.ran]
    judged = counts.get("caught", 0) + counts.get("survived", 0) + counts.get("no verdict", 0)
    lines = [f"{len(outcomes)} mutants: " + ", ".join(f"{n} {s}" for s, n in counts.items())]
    if judged:
        lines.append(f"caught: {100 * counts.get('caught', 0) / judged:.1f} % of those that ran")
    if ran:
        longest = max(ran, key=lambda outcome: outcome.seconds)
        lines.append(
            f"time: {seconds:.0f} s, {seconds / len(ran):.2f} s for each mutant, at most "
            f"{longest.seconds:.1f} s ({longest.mutant.id})"
        )
    for status in ("survived", "no verdict"):
        names = [outcome.mutant.id for outcome in outcomes if outcome.status == status]
        lines += [f"{status}: {name}" for name in names]
    flakes = sorted({case for outcome in outcomes for case in outcome.flakes})
    lines += [f"failed once and not again: {case}" for case in flakes]
    return "\n".join(lines)


def summary(outcomes: Sequence[Outcome]) -> str:
    """A table in Markdown: where the bugs were planted, and which suites caught them."""
    groups: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        kind = "generated" if outcome.mutant.generated else "by hand"
        groups.setdefault(f"`{outcome.mutant.file}`, {kind}", []).append(outcome)
    lines = [
        "| planted in | mutants | caught | survived | equivalent | not buildable | caught by |",
        "|---|--:|--:|--:|--:|--:|---|",
    ]
    for name, members in groups.items():
        counts = count(members)
        suites = Counter(outcome.suite for outcome in members if outcome.status == "caught")
        by = ", ".join(f"{suite} {number}" for suite, number in suites.most_common())
        survived = counts.get("survived", 0) + counts.get("no verdict", 0)
        lines.append(
            f"| {name} | {len(members)} | {counts.get('caught', 0)} | {survived} "
            f"| {counts.get('equivalent', 0)} | {counts.get('not buildable', 0)} | {by} |"
        )
    names = [f"`{o.mutant.id}`" for o in outcomes if o.status in ("survived", "no verdict")]
    lines += ["", f"Survivors: {', '.join(names) if names else 'none'}."]
    return "\n".join(lines)


def to_json(outcomes: Sequence[Outcome], seconds: float) -> dict[str, Any]:
    """Everything, for a machine."""
    return {
        "schema": SCHEMA,
        "seconds": round(seconds, 1),
        "counts": count(outcomes),
        "mutants": [
            {
                "id": outcome.mutant.id,
                "place": outcome.mutant.place,
                "file": outcome.mutant.file,
                "original": outcome.mutant.original,
                "replacement": outcome.mutant.replacement,
                "clause": outcome.mutant.clause,
                "symptom": outcome.mutant.symptom,
                "status": outcome.status,
                "note": outcome.note,
                "suite": outcome.suite,
                "case": outcome.case,
                "clauses": list(outcome.clauses),
                "verdict": outcome.verdict,
                "message": outcome.message,
                "seconds": round(outcome.seconds, 2),
                "ran": outcome.ran,
                "errors": outcome.errors,
                "flakes": list(outcome.flakes),
                "transcript": outcome.found.get("transcript", ""),
                "console": outcome.found.get("console", ""),
            }
            for outcome in outcomes
        ],
    }


def status(outcomes: Sequence[Outcome]) -> Status:
    """The exit status: what leaves the result in doubt comes before what it found."""
    counts = count(outcomes)
    if counts.get("not run") or counts.get("no verdict"):
        return Status.HARNESS
    if any(o.status == "not buildable" and not o.mutant.generated for o in outcomes):
        return Status.USAGE
    if counts.get("survived"):
        return Status.FINDINGS
    return Status.CLEAN if counts.get("caught") else Status.NOTHING


def _short(case: str) -> str:
    """A case without the folders that all have."""
    path, _, name = case.removeprefix("suites/").partition("::")
    return f"{PurePosixPath(path).with_suffix('')}::{name}" if name else path


def _cut(text: str, most: int = 100) -> str:
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"
