"""What became of a case from one kernel to another: pure functions over pairs of results.

The words are those of KernelCI's comparison of trees where it has them (regression, fixed, new
failure, still failing, appeared, disappeared); the others are ours.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from kernel_matrix.journal import Case

TELLING_SKIPS = ("config", "kernel-lacks")
"""The classes of a skip that say something of the kernel; all others are about where it ran."""

OBSERVED = "observed"
"""The strength of a clause whose answer is recorded and compared, but is never a failure."""


class Kind(StrEnum):
    """What a result says of the kernel."""

    PASS = "pass"
    FAIL = "fail"
    CRASH = "crash"
    SKIP = "skip"
    UNKNOWN = "unknown"
    ABSENT = "absent"


class Transition(StrEnum):
    """What became of a case."""

    REGRESSION = "regression"
    WORSE = "worse"
    NEW_FAILURE = "new failure"
    LOST = "lost"
    HIDDEN = "hidden"
    CHANGED = "changed"
    UNKNOWN = "unknown"
    DRIFT = "drift"
    FIXED = "fixed"
    IMPROVED = "improved"
    GAINED = "gained"
    APPEARED = "appeared"
    DISAPPEARED = "disappeared"
    STILL_FAILING = "still failing"
    SAME = "same"


MEANING = {
    Transition.REGRESSION: "passed, and fails now",
    Transition.WORSE: "failed, and takes the kernel or the machine down now",
    Transition.NEW_FAILURE: "fails, and could not be judged before or was not there",
    Transition.LOST: "passed, and is skipped now: the kernel or its configuration lacks something",
    Transition.HIDDEN: "failed, and is skipped now",
    Transition.CHANGED: "the same verdict for another reason",
    Transition.UNKNOWN: "one side says nothing of the kernel",
    Transition.DRIFT: "an observed clause answers otherwise; never a failure",
    Transition.FIXED: "failed, and passes now",
    Transition.IMPROVED: "took the machine down, and only fails now",
    Transition.GAINED: "was skipped, and passes now",
    Transition.APPEARED: "was not there, and does not fail",
    Transition.DISAPPEARED: "is not there any more",
    Transition.STILL_FAILING: "fails as before",
    Transition.SAME: "as before",
}
"""What each word means, in one line; the order is that of reports, worst first."""

REGRESSIONS = frozenset(
    {Transition.REGRESSION, Transition.WORSE, Transition.NEW_FAILURE, Transition.LOST}
)
"""With one of these a comparison fails."""

_KINDS = {
    "pass": Kind.PASS,
    "fail": Kind.FAIL,
    "crash": Kind.CRASH,
    "hang": Kind.CRASH,
    "skip": Kind.SKIP,
    "error": Kind.UNKNOWN,
    "miss": Kind.UNKNOWN,
}

_ROWS = {
    #             pass        fail             crash            skip       unknown    absent
    Kind.PASS: "same        regression       regression       lost       unknown    disappeared",
    Kind.FAIL: "fixed       still_failing    worse            hidden     unknown    disappeared",
    Kind.CRASH: "fixed       improved         still_failing    hidden     unknown    disappeared",
    Kind.SKIP: "gained      new_failure      new_failure      same       unknown    disappeared",
    Kind.UNKNOWN: "unknown     new_failure      new_failure      unknown    unknown    disappeared",
    Kind.ABSENT: "appeared    new_failure      new_failure      appeared   unknown    same",
}
_TABLE = {
    (before, after): Transition[word.upper()]
    for before, row in _ROWS.items()
    for after, word in zip(Kind, row.split(), strict=True)
}


def verdict(case: Case) -> str:
    """What the kernel did, whether it was expected to or not."""
    return case.was or case.verdict


def kind(case: Case | None) -> Kind:
    """What a result says of the kernel; an observed clause that "failed" was observed."""
    if case is None:
        return Kind.ABSENT
    found = _KINDS[verdict(case)]
    if found is Kind.FAIL and case.strength == OBSERVED:
        return Kind.PASS
    return found


def short(value: str) -> str:
    """An answer without the text of its errno: "-1 EINVAL (Invalid argument)" is "-1 EINVAL"."""
    return re.sub(r"^(-1 E[A-Z0-9]+) \(.*\)$", r"\1", value)


_VOLATILE = re.compile(r"0x[0-9a-f]+|\d+")


def steady(text: str) -> str:
    """A text that is the same tomorrow: without addresses, process ids and times."""
    return _VOLATILE.sub("N", text)


def fingerprint(case: Case) -> str:
    """What tells two results of one verdict apart: the answer or title, else the message.

    Numbers in messages are addresses, process ids and times as often as they are answers.
    """
    match kind(case):
        case Kind.SKIP:
            return case.skip.get("class", "")
        case Kind.CRASH:
            return f"{verdict(case)} {case.title or short(case.observed)}"
    if case.observed or verdict(case) == "pass":
        return short(case.observed)
    return steady(case.headline)


def transition(before: Case | None, after: Case | None) -> Transition:
    """What became of a case.

    Args:
        before: its result on the older kernel, None if it was not there.
        after: its result on the newer one.
    """
    kinds = kind(before), kind(after)
    found = _TABLE[kinds]
    if before is None or after is None:
        return found
    if found in (Transition.SAME, Transition.STILL_FAILING):
        if fingerprint(before) == fingerprint(after):
            return found
        return Transition.DRIFT if after.strength == OBSERVED else Transition.CHANGED
    skipped = {Transition.LOST: after, Transition.GAINED: before}.get(found)
    if skipped is not None and not telling(skipped):
        return Transition.UNKNOWN
    return found


def telling(case: Case | None) -> bool:
    """Whether a result says something of the kernel."""
    found = kind(case)
    if found is Kind.SKIP and case is not None:
        return case.skip.get("class") in TELLING_SKIPS
    return found not in (Kind.UNKNOWN, Kind.ABSENT)


@dataclass(frozen=True)
class Span:
    """Neighbouring kernels on which a case does the same.

    Attributes:
        first, last: their places in the order.
        case: the result on the first.
    """

    first: int
    last: int
    case: Case


def spans(results: Sequence[Case | None]) -> list[Span]:
    """A case over kernels in order, cut where it changes.

    Kernels on which it says nothing are passed over: they belong to no span.
    """
    found: list[Span] = []
    for place, case in enumerate(results):
        if case is None or not telling(case):
            continue
        if found and unchanged(found[-1].case, case):
            found[-1] = Span(found[-1].first, place, found[-1].case)
        else:
            found.append(Span(place, place, case))
    return found


def unchanged(before: Case, after: Case) -> bool:
    """Whether a case does the same on two kernels."""
    return transition(before, after) in (Transition.SAME, Transition.STILL_FAILING)


_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_PHRASE = 300


def phrase(case: Case) -> str:
    """A result in a few words: "pass", "observed -1 EINVAL instead of -1 EFAULT".

    Part of it may come from the kernel under test: nothing in it moves a terminal's cursor.
    """
    text = _CONTROL.sub("?", _phrase(case))
    return text if len(text) <= _PHRASE else f"{text[: _PHRASE - 3]}..."


def _phrase(case: Case) -> str:
    found = kind(case)
    if case.strength == OBSERVED and found is Kind.PASS:
        return f"observed {short(case.observed)}" if case.observed else "observed nothing"
    if found is Kind.SKIP:
        return f"skip ({case.skip.get('class', '')}: {case.skip.get('reason', '')})"
    if found is Kind.FAIL and case.observed and case.expected:
        return f"observed {short(case.observed)} instead of {short(case.expected)}"
    if found is Kind.FAIL and case.observed:
        return f"observed {short(case.observed)}"
    word = verdict(case)
    return f"{word}: {case.headline.splitlines()[0]}" if case.headline else word


def boundary(found: Sequence[Span], names: Sequence[str]) -> str:
    """Where a case changes, in one line.

    Args:
        found: at least one span.
        names: of the kernels, in their order.
    """
    first, rest = found[0], found[1:]
    if len(rest) == 1 and kind(first.case) is Kind.PASS and not first.case.observed:
        last = rest[0]
        return (
            f"{phrase(first.case)} up to {names[first.last]}, "
            f"differs from {names[last.first]} on: {phrase(last.case)}"
        )
    parts = [f"{phrase(first.case)} up to {names[first.last]}"]
    for span in rest[:-1]:
        where = f"from {names[span.first]} to {names[span.last]}"
        if span.first == span.last:
            where = f"on {names[span.first]}"
        parts.append(f"{phrase(span.case)} {where}")
    parts += [f"{phrase(span.case)} from {names[span.first]} on" for span in rest[-1:]]
    return "; ".join(parts)
