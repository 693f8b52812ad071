"""A comparison as plain text and as JSON."""

from collections.abc import Sequence
from typing import Any

from kernel_matrix.compare import QUIET, Boundary, Change, Comparison, Pair
from kernel_matrix.table import Paint, plain
from kernel_matrix.transitions import MEANING, REGRESSIONS, Transition, phrase, short

MOST = 40
"""As many cases of one sort are listed; the rest is counted."""

_COLOURS = {
    Transition.FIXED: "green",
    Transition.IMPROVED: "green",
    Transition.GAINED: "green",
    Transition.CHANGED: "yellow",
    Transition.HIDDEN: "yellow",
    Transition.UNKNOWN: "yellow",
    Transition.DRIFT: "cyan",
}

_ONE_SIDED = frozenset({Transition.APPEARED, Transition.DISAPPEARED})


def headline(comparison: Comparison) -> str:
    """How it came out, one line."""
    count = len(comparison.regressions())
    if count:
        return f"{count} regression{'s' if count > 1 else ''}"
    if not any(pair.changes for pair in comparison.pairs):
        return "nothing to compare"
    unknown = sum(pair.counts()[Transition.UNKNOWN] for pair in comparison.pairs)
    return f"no regression; {unknown} cases say nothing" if unknown else "no regression"


def detail(change: Change) -> str:
    """From what to what."""
    before = phrase(change.before) if change.before else "not there"
    after = phrase(change.after) if change.after else "not there"
    return f"{before} -> {after}" if change.before else after


def render(comparison: Comparison, paint: Paint = plain, most: int = MOST) -> str:
    """What changed, worst first, and how much did not."""
    lines = [f"{comparison.before} -> {comparison.after}"]
    for pair in comparison.pairs:
        lines += ["", *_pair(pair, paint, most)]
    lines += [f"only in {comparison.before}: {label}" for label in comparison.only_before]
    lines += [f"only in {comparison.after}: {label}" for label in comparison.only_after]
    colour = "red" if comparison.regressions() else "green"
    lines += ["", paint(headline(comparison), colour)]
    return "\n".join(lines)


def _pair(pair: Pair, paint: Paint, most: int) -> list[str]:
    counts = pair.counts()
    lines = [f"{pair.title}: " + (", ".join(f"{n} {w}" for w, n in _sorted(counts)) or "no case")]
    if pair.after.summary.problem:
        lines.append(paint(f"  {pair.after.summary.problem}", "yellow"))
    for word in MEANING:
        if word not in QUIET and word not in _ONE_SIDED:
            lines += _section(word, pair.of(word), paint, most)
    lines += _known(pair.known(), paint, most)
    for word in sorted(_ONE_SIDED):
        found = pair.of(word)
        if found:
            lines.append(f"  {word.upper()} {len(found)} cases, {found[0].id} the first of them")
    return lines


def _sorted(counts: dict[Transition, int]) -> list[tuple[Transition, int]]:
    return [(word, counts[word]) for word in MEANING if counts.get(word)]


def _section(word: Transition, found: Sequence[Change], paint: Paint, most: int) -> list[str]:
    lines = []
    colour = _COLOURS.get(word, "red")
    for change in found[:most]:
        lines.append(f"  {paint(word.upper(), colour)} {change.id}")
        clauses = ", ".join(change.case.clauses)
        strength = f", {change.case.strength}" if change.case.strength else ""
        if clauses:
            lines.append(f"      clause: {clauses}{strength}")
        lines.append(f"      {detail(change)}")
    if len(found) > most:
        lines.append(f"  ... and {len(found) - most} more: {word}")
    return lines


def _known(found: Sequence[Change], paint: Paint, most: int) -> list[str]:
    lines = [
        f"  {paint('KNOWN', 'cyan')} {change.id}\n      {detail(change)}; expected: {change.known}"
        for change in found[:most]
    ]
    return lines + ([f"  ... and {len(found) - most} more: known"] if len(found) > most else [])


def render_boundaries(found: Sequence[Boundary], paint: Paint = plain, most: int = MOST) -> str:
    """What changes between neighbouring kernels of one run, drift apart; "" if nothing does."""
    lines: list[str] = []
    changes = [each for each in found if not each.drift]
    drift = [each for each in found if each.drift]
    for title, part, colour in (
        ("changes between kernels", changes, "yellow"),
        ("observed clauses that drift, no failures", drift, "cyan"),
    ):
        if part:
            lines.append(paint(f"{title}: {len(part)}", colour))
        for each in part[:most]:
            lines += [f"  {each.case.id}", f"      {each.text}"]
        if len(part) > most:
            lines.append(f"  ... and {len(part) - most} more")
    return "\n".join(lines)


def to_json(comparison: Comparison) -> dict[str, Any]:
    """Everything that changed."""
    return {
        "format": "kernel-matrix comparison",
        "schema": 1,
        "before": comparison.before,
        "after": comparison.after,
        "status": int(comparison.status),
        "pairs": [_pair_json(pair) for pair in comparison.pairs],
        "only_before": list(comparison.only_before),
        "only_after": list(comparison.only_after),
    }


def _pair_json(pair: Pair) -> dict[str, Any]:
    return {
        "before": {"id": pair.before.id, "version": pair.before.version},
        "after": {"id": pair.after.id, "version": pair.after.version},
        "problem": pair.after.summary.problem,
        "counts": {str(word): count for word, count in _sorted(pair.counts())},
        "changes": [_change_json(c) for c in pair.changes if c.transition not in QUIET],
    }


def _change_json(change: Change) -> dict[str, Any]:
    case = change.case
    found: dict[str, Any] = {
        "id": change.id,
        "transition": str(change.transition),
        "regression": change.transition in REGRESSIONS and not change.known,
        "clauses": list(case.clauses),
        "strength": case.strength,
        "before": phrase(change.before) if change.before else None,
        "after": phrase(change.after) if change.after else None,
        "observed": [
            short(side.observed) if side else "" for side in (change.before, change.after)
        ],
        "expected": short(case.expected),
    }
    return found | ({"known": change.known} if change.known else {})


def boundaries_json(found: Sequence[Boundary]) -> dict[str, Any]:
    """The boundaries of one run."""
    return {
        "format": "kernel-matrix boundaries",
        "schema": 1,
        "boundaries": [
            {
                "id": each.case.id,
                "clauses": list(each.case.clauses),
                "strength": each.case.strength,
                "drift": each.drift,
                "text": each.text,
            }
            for each in found
        ],
    }
