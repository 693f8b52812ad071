"""A comparison as Markdown: regressions first, short enough for the summaries of CI systems."""

from collections.abc import Sequence
from itertools import islice

from kernel_matrix.compare import QUIET, Boundary, Change, Comparison, Pair
from kernel_matrix.compare_text import detail, headline
from kernel_matrix.reports.markup import LIMIT, MOST, Page, code, plain
from kernel_matrix.transitions import MEANING, REGRESSIONS, Transition

_TITLES = {
    Transition.CHANGED: "Changed: fails otherwise than before",
    Transition.HIDDEN: "Hidden: failed, and is skipped now",
    Transition.UNKNOWN: "Unknown: one side says nothing of the kernel",
    Transition.DRIFT: "Observed clauses that drift; no failures",
    Transition.FIXED: "Fixed",
    Transition.IMPROVED: "Improved",
    Transition.GAINED: "Gained",
    Transition.DISAPPEARED: "Disappeared",
    Transition.APPEARED: "Appeared",
}


def render(comparison: Comparison, limit: int = LIMIT) -> str:
    """The comparison as a page of at most so many bytes."""
    page = Page(limit)
    write(page, comparison)
    return page.text()


def write(page: Page, comparison: Comparison) -> None:
    """The comparison on a page that has more on it."""
    regressions = comparison.regressions()
    mark = "❌" if regressions else "✅"
    page.add(f"## {mark} {plain(headline(comparison))}")
    page.add(f"{code(comparison.before)} → {code(comparison.after)}")
    page.table(
        "Regressions",
        ("", "case", "clause", "what", "kernel"),
        (_row(pair, change) for pair, change in regressions),
        len(regressions),
    )
    known = [(pair, change) for pair in comparison.pairs for change in pair.known()]
    page.table(
        "Known deviations",
        ("case", "what", "expected because"),
        ((code(c.id), plain(detail(c)), plain(c.known)) for _, c in known),
        len(known),
    )
    for word in MEANING:
        if word not in QUIET and word not in REGRESSIONS:
            _table(page, comparison, word)
    _counts(page, comparison)
    for source, labels in (
        (comparison.before, comparison.only_before),
        (comparison.after, comparison.only_after),
    ):
        if labels:
            page.add(f"Only in {code(source)}: {plain(', '.join(labels))}")


def _row(pair: Pair, change: Change) -> list[str]:
    clauses = " ".join(code(clause) for clause in change.case.clauses)
    if change.case.strength:
        clauses += f" ({change.case.strength})"
    return [
        f"**{change.transition}**",
        code(change.id),
        clauses,
        plain(detail(change)),
        plain(pair.title),
    ]


def _table(page: Page, comparison: Comparison, word: Transition) -> None:
    found = [(pair, change) for pair in comparison.pairs for change in pair.of(word)]
    page.table(
        _TITLES[word],
        ("case", "what", "kernel"),
        ((code(c.id), plain(detail(c)), plain(pair.title)) for pair, c in found),
        len(found),
        most=MOST // 10 if word in (Transition.APPEARED, Transition.DISAPPEARED) else MOST,
    )


def _counts(page: Page, comparison: Comparison) -> None:
    counts = [pair.counts() for pair in comparison.pairs]
    words = [word for word in MEANING if any(count[word] for count in counts)]
    page.table(
        "Kernels",
        ("kernel", *words, "problem"),
        (
            [
                plain(pair.title),
                *(str(count[word]) for word in words),
                plain(pair.after.summary.problem),
            ]
            for pair, count in zip(comparison.pairs, counts, strict=True)
        ),
        len(comparison.pairs),
    )


def write_boundaries(page: Page, found: Sequence[Boundary]) -> None:
    """What changes between the kernels of one run, on a page that has more on it."""
    for title, drift in (
        ("Changes between kernels", False),
        ("Observed clauses that drift between kernels; no failures", True),
    ):
        part = [each for each in found if each.drift is drift]
        rows = ([code(each.case.id), plain(each.text, 600)] for each in islice(part, MOST))
        page.table(title, ("case", "what"), rows, len(part))
