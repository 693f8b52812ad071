"""The report of a run that is over."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from helpers.errors import UserError
from kernel_matrix import completion_words
from kernel_matrix.cells import Status
from kernel_matrix.commands.options import LATEST, example, give, paint

if TYPE_CHECKING:
    from kernel_matrix.reports.results import Results


def print_results(
    results: "Results", directory: Path, boundaries: int = 20, out: Path | None = None
) -> Status:
    """The table of a run and what was found; its exit status.

    Args:
        results: the run, judged.
        directory: of the run.
        boundaries: so many cases that change between kernels are listed.
        out: a file instead of standard output.
    """
    from kernel_matrix import cells, compare, compare_text, table

    summaries = [kernel.summary for kernel in results.kernels]
    colours = paint() if out is None else table.plain
    changes = compare_text.render_boundaries(compare.boundaries(results), colours, boundaries)
    shown = os.path.relpath(directory) if directory.is_relative_to(Path.cwd()) else directory
    parts = [
        table.unexpected(summaries, colours),
        changes,
        table.render(summaries, colours),
        f"transcripts, consoles and logs: {shown}",
    ]
    give("\n" + "\n\n".join(part for part in parts if part), out)
    return cells.status(summaries)


@click.command(
    epilog=example(
        "  kernel-matrix report results/20260102-030405-1\n"
        "  kernel-matrix report --format junit --out junit.xml\n"
        "  kernel-matrix report --format html --out report.html"
    )
)
@click.argument(
    "directory",
    type=click.Path(path_type=Path),
    required=False,
    metavar="[RUN]",
    shell_complete=completion_words.runs,
)
@click.option(
    "--format",
    "name",
    type=click.Choice(["text", "junit", "ktap", "kcidb", "allure", "markdown", "html", "json"]),
    default="text",
    show_default=True,
    help="json is what --baseline and compare take; allure is a directory of files.",
)
@click.option("--out", type=click.Path(path_type=Path), help="A file.  [default: standard output]")
@click.option(
    "--origin",
    default="kernel_matrix",
    show_default=True,
    help="Who reports, for kcidb: the name that KernelCI gave you.",
)
def report(directory: Path | None, name: str, out: Path | None, origin: str) -> None:
    """Print the report of a RUN again, the last one if none is named.

    It is made from the journals alone: also for a run whose runner was killed. As text it has the
    exit status of the run; in the other formats 0, once it is written.
    """
    from kernel_matrix import compare_sides
    from kernel_matrix.reports import allure, formats, kcidb

    where = directory or LATEST
    found = compare_sides.judged(where)
    if name == "text":
        raise SystemExit(print_results(found, where, out=out))
    if name == formats.ALLURE:
        if out is None:
            raise UserError("allure is a directory of files: name one with --out")
        allure.write(out, found)
    elif name == "kcidb":
        give(kcidb.render(found, origin), out)
    else:
        give(formats.FORMATS[name].render(found, None), out)
