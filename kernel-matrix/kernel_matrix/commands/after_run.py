"""What is said and written when a run is over: the table, the comparison, the reports."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import click

from helpers.errors import UserError
from kernel_matrix import compare, compare_sides, compare_text, expectations, history, history_query
from kernel_matrix.cells import Status, Summary
from kernel_matrix.commands.options import paint
from kernel_matrix.commands.report import print_results
from kernel_matrix.expectations import Deviation
from kernel_matrix.reports import formats, results
from kernel_matrix.reports.results import KernelResults, Results


@dataclass(frozen=True)
class AfterRun:
    """What is to be done, checked before the run.

    Attributes:
        names: of the reports.
        baseline: what to compare with, None for nothing.
        deviations: the expectations.
        keep: enter the run into the history.
    """

    names: tuple[str, ...]
    baseline: Results | None
    deviations: tuple[Deviation, ...]
    keep: bool = True

    def conclude(self, directory: Path, summaries: Sequence[Summary]) -> int:
        """Print what the run came to, write the reports, and say its exit status.

        Raises:
            UserError: a report cannot be written.
        """
        found = expectations.judge(_results(directory, summaries), self.deviations)
        status = print_results(found, directory)
        if self.keep:
            history.keep(found, _say)
        compared = None
        if self.baseline is not None:
            compared = compare.compare(self.baseline, found)
            click.echo(f"\n{compare_text.render(compared, paint())}")
            status = _with_baseline(status, compared.status)
        for path in formats.write(directory, self.names, found, compared):
            click.echo(f"written: {path}")
        return status


def _with_baseline(run: Status, compared: Status) -> Status:
    """A regression is proved whatever else went wrong; known failures are nothing new."""
    if compared is Status.FINDINGS:
        return compared
    return run if run in (Status.HARNESS, Status.USAGE) else compared


def _results(directory: Path, summaries: Sequence[Summary]) -> Results:
    """The results in a directory, with what only the runner knows of cells that it gave up."""
    try:
        read = {kernel.id: kernel for kernel in results.load_run(directory).kernels}
    except UserError:  # what is on the disk is lost; the verdicts are still at hand
        read = {}
    kernels = []
    for summary in summaries:
        kernel = read.get(summary.id, KernelResults(summary))
        merged = replace(kernel.summary, problem=summary.problem, blame=summary.blame)
        kernels.append(replace(kernel, summary=merged))
    return Results(str(directory), tuple(kernels))


def _say(line: str) -> None:
    click.echo(line, err=True)


def plan(names: str, baseline: str | None, kernels: Sequence[str], keep: bool = True) -> AfterRun:
    """What a command line asks for.

    Args:
        names: of reports, with commas.
        baseline: a side, as for compare.
        kernels: the ids of those that will run.
        keep: enter the run into the history.

    Raises:
        UserError: a report or the baseline does not exist, the baseline has none of the kernels,
            or the expectations are wrong.
    """
    planned = tuple(KernelResults(Summary(ident)) for ident in kernels)
    side = None if baseline is None else _side(baseline, planned)
    if side is not None:
        compare.compare(side, Results("this run", planned))
    return AfterRun(formats.named(names), side, expectations.load(), keep)


def _side(baseline: str, planned: Sequence[KernelResults]) -> Results | None:
    """What to compare with; that nothing was good before the first run is no error."""
    try:
        side = compare_sides.load(baseline, against=planned)
    except history.NoneYet:
        side = Results(baseline, ())
    if baseline != history_query.LAST_GOOD or side.kernels:
        return side
    _say("the history has no good run of these kernels yet: nothing to compare with")
    return None
