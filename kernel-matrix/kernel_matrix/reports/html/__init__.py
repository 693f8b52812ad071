"""A run as one HTML file that needs nothing else: no network, no server, no other file."""

from collections.abc import Mapping, Sequence

from kernel_matrix.compare import Comparison
from kernel_matrix.reports.html import data, page, past
from kernel_matrix.reports.results import Results


def render(
    results: Results,
    comparison: Comparison | None = None,
    start: str = "overview",
    earlier: Mapping[str, Sequence[str]] | None = None,
) -> str:
    """The page.

    Args:
        results: a run, judged.
        comparison: of it with a baseline, whose regressions then come first.
        start: the part that is shown when the address names none: "overview", "changes".
        earlier: what earlier runs say of a case, in lines.

    Raises:
        UserError: the clauses of the work tree cannot be read.
    """
    return page.assemble(data.encode(results, comparison, start, earlier or {}))


def render_with_history(
    results: Results, comparison: Comparison | None = None, start: str = "overview"
) -> str:
    """The page, with what the user's history has of earlier runs.

    Raises:
        UserError: the clauses of the work tree cannot be read.
    """
    return render(results, comparison, start, past.of(results))
