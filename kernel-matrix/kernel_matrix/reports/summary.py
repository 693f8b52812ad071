"""A run as Markdown: what is wrong first, then what changes between kernels, then the table."""

from kernel_matrix.compare import Comparison, boundaries
from kernel_matrix.compare_markdown import write, write_boundaries
from kernel_matrix.journal import Case
from kernel_matrix.reports.markup import LIMIT, Page, code, plain
from kernel_matrix.reports.results import Results

_VERDICTS = ("pass", "fail", "stale", "crash", "hang", "deviation", "skip", "error", "miss")
_ORDER = ("crash", "hang", "fail", "stale", "error")


def render(results: Results, comparison: Comparison | None = None, limit: int = LIMIT) -> str:
    """The page.

    Args:
        results: a run, judged.
        comparison: of it with a baseline, which then comes first.
        limit: bytes that it may have.
    """
    page = Page(limit)
    if comparison is not None:
        write(page, comparison)
    else:
        page.add("## Kernel matrix")
    _counts(page, results)
    _findings(page, results)
    write_boundaries(page, boundaries(results))
    return page.text()


def _counts(page: Page, results: Results) -> None:
    used = [v for v in _VERDICTS if any(k.summary.counts[v] for k in results.kernels)]
    page.table(
        "Kernels of this run",
        ("kernel", *used, "seconds", "problem"),
        (
            [
                plain(kernel.label),
                *(str(kernel.summary.counts[verdict]) for verdict in used),
                f"{kernel.summary.seconds:.1f}",
                plain(kernel.summary.problem),
            ]
            for kernel in results.kernels
        ),
        len(results.kernels),
    )


def _findings(page: Page, results: Results) -> None:
    """Every unexpected case once for each headline, with the kernels; missed ones as a number."""
    found: dict[tuple[str, str, str], tuple[Case, list[str]]] = {}
    missed = 0
    for kernel in results.kernels:
        for case in kernel.summary.cases:
            if case.verdict == "miss":
                missed += 1
            elif case.unexpected:
                key = (case.id, case.verdict, case.headline)
                found.setdefault(key, (case, []))[1].append(kernel.id)
    listed = sorted(found.values(), key=lambda item: _ORDER.index(item[0].verdict))
    page.table(
        "Not as promised",
        ("", "case", "clause", "what", "kernels"),
        (
            [
                f"**{case.verdict}**",
                code(case.id),
                " ".join(map(code, case.clauses)) + (f" ({case.strength})" * bool(case.strength)),
                plain(f"{case.headline} ({case.again})" if case.again else case.headline),
                plain(", ".join(kernels)),
            ]
            for case, kernels in listed
        ),
        len(listed),
    )
    if missed:
        page.add(f"{missed} cases were never started.")
