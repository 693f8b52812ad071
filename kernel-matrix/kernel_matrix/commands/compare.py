"""What changed between two sides, or along the kernels of a run."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from helpers.errors import UserError
from kernel_matrix import completion_words
from kernel_matrix.cells import Status
from kernel_matrix.commands.options import LATEST, example, give, paint

if TYPE_CHECKING:
    from kernel_matrix.reports.results import Results


@click.command(
    epilog=example(
        "  kernel-matrix compare results/20260102-030405-1 results/latest\n"
        "  kernel-matrix compare debian:5.10 debian:7.3 --observed\n"
        "  kernel-matrix compare baseline.json results/latest:debian:6.12 --format markdown\n"
        "  kernel-matrix compare last-good results/latest\n"
        "  kernel-matrix compare results/latest"
    )
)
@click.argument(
    "sides", nargs=-1, metavar="[BEFORE [AFTER]]", shell_complete=completion_words.sides
)
@click.option(
    "--format",
    "name",
    type=click.Choice(["text", "markdown", "html", "json"]),
    default="text",
    show_default=True,
)
@click.option("--out", type=click.Path(path_type=Path), help="A file.  [default: standard output]")
@click.option(
    "--save",
    type=click.Path(path_type=Path),
    help="Also keep the newer side as a baseline, in a file.",
)
@click.option("--observed", is_flag=True, help="Only the observed clauses, which never fail.")
@click.option("--all", "everything", is_flag=True, help="Do not cut long lists.")
def compare(
    sides: tuple[str, ...],
    name: str,
    out: Path | None,
    save: Path | None,
    observed: bool,
    everything: bool,
) -> None:
    """Say what changed from BEFORE to AFTER, or between the kernels of one run.

    A side is the directory of a run, RUN:KERNEL for one kernel of it, a file that report --format
    json or --save wrote, or the name of a kernel of the last run. In the history there are
    history:KERNEL, the last run of a kernel, and as BEFORE last-good, the last good run of each
    kernel before AFTER. With one side, or none for the last run, its kernels are compared with
    their neighbours, in the order of their versions.

    \b
    Exit status of a comparison of two sides:
      0  no regression              3  a result of AFTER is missing or in doubt
      1  a regression               4  there was nothing to compare
      2  usage
    """
    from kernel_matrix import compare_sides
    from kernel_matrix.reports import formats

    if len(sides) > 2:
        raise UserError(f"compare takes one or two sides, not {len(sides)}")
    most = sys.maxsize if everything else 0
    loaded: list[Results] = []
    for side in reversed(sides or (str(LATEST),)):
        against = loaded[0].kernels if loaded else ()
        loaded.insert(0, compare_sides.load(side, against=against))
    if observed:
        loaded = [compare_sides.observed(side) for side in loaded]
    if save is not None:
        formats.save(save, formats.to_json(loaded[-1]))
    if len(loaded) == 1:
        raise SystemExit(_neighbours(loaded[0], name, out, most))
    raise SystemExit(_sides(loaded[0], loaded[1], name, out, most))


def _sides(before: "Results", after: "Results", name: str, out: Path | None, most: int) -> int:
    from kernel_matrix import compare as comparing
    from kernel_matrix import compare_markdown, compare_text, table
    from kernel_matrix.reports import html

    compared = comparing.compare(before, after)
    if name == "json":
        give(json.dumps(compare_text.to_json(compared), indent=1), out)
    elif name == "markdown":
        give(compare_markdown.render(compared), out)
    elif name == "html":
        give(html.render_with_history(after, compared), out)
    else:
        colours = paint() if out is None else table.plain
        give(compare_text.render(compared, colours, most or compare_text.MOST), out)
    return compared.status


_ALONE = (
    "no kernel of this run has a neighbour, another version of the same line: compare two with "
    "kernel-matrix compare RUN:KERNEL RUN:KERNEL"
)


def _neighbours(results: "Results", name: str, out: Path | None, most: int) -> int:
    from kernel_matrix import compare as comparing
    from kernel_matrix import compare_markdown, compare_text, table
    from kernel_matrix.reports import html
    from kernel_matrix.reports.markup import Page

    found = comparing.boundaries(results)
    several = any(len(line) > 1 for line in results.in_order())
    if name == "json":
        give(json.dumps(compare_text.boundaries_json(found), indent=1), out)
    elif name == "markdown":
        page = Page()
        page.add(f"## {len(found)} cases change between kernels")
        compare_markdown.write_boundaries(page, found)
        give(page.text(), out)
    elif name == "html":
        give(html.render_with_history(results, start="changes"), out)
    else:
        colours = paint() if out is None else table.plain
        text = compare_text.render_boundaries(found, colours, most or compare_text.MOST)
        nothing = "nothing changes between the kernels of this run" if several else _ALONE
        give(text or nothing, out)
    return Status.CLEAN if several else Status.NOTHING
