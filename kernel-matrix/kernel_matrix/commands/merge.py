"""Join the parts of a run that several machines did."""

from pathlib import Path

import click

from kernel_matrix import completion_words
from kernel_matrix.commands.options import example


@click.command(
    epilog=example(
        "  kernel-matrix merge part1 part2 --out results/merged\n"
        "  kernel-matrix merge artifacts --plan plan.json --report junit,markdown"
    )
)
@click.argument(
    "places",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR...",
    shell_complete=completion_words.runs,
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="RUN",
    help="A new directory for the run.  [default: results/<time>-<n>]",
)
@click.option(
    "--plan",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="What plan --format json has printed: says which jobs left nothing.",
)
@click.option(
    "--baseline",
    metavar="SIDE",
    shell_complete=completion_words.sides,
    help="Compare with a file of results or a run; then only what got worse is status 1.",
)
@click.option(
    "--report",
    "reports",
    default="",
    metavar="FORMAT,...",
    shell_complete=completion_words.reports,
    help="Also write these reports into the run's directory, see run.",
)
@click.option("--no-history", is_flag=True, help="Do not enter the run into the history.")
def merge(
    places: tuple[Path, ...],
    out: Path | None,
    plan: Path | None,
    baseline: str | None,
    reports: str,
    no_history: bool,
) -> None:
    """Join the runs in or below each DIR into one run, and say what it came to.

    Parts of one kernel (run --shard) become one; what ran nowhere is missed, and of what ran twice
    the worse result stands. Status as that of run.
    """
    from kernel_matrix import merge as joining
    from kernel_matrix import merge_files, report
    from kernel_matrix import plan as plans
    from kernel_matrix.commands import after_run
    from kernel_matrix.runner import new_directory

    planned = plans.read(merge_files.load_plan(plan)) if plan is not None else []
    runs = merge_files.find_runs(places)
    pieces = [piece for run in runs for piece in merge_files.pieces_of(run)]
    found = merge_files.in_order(joining.join(pieces, planned))
    kernels = [joined.kernel for joined in found]
    after = after_run.plan(reports, baseline, kernels, not no_history)
    directory = new_directory(out)
    merge_files.write(directory, found, runs[0])
    counts = ((len(runs), "run"), (len(pieces), "cell"), (len(found), "kernel"))
    told = ", ".join(f"{number} {word}{'s' * (number != 1)}" for number, word in counts)
    click.echo(f"{told}: {directory}")
    for line in joining.report(found):
        click.echo(line)
    raise SystemExit(after.conclude(directory, report.load(directory)))
