"""The commands that say something of runs that are over: report, compare, clauses, expectations."""

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from helpers.errors import UserError
from kernel_matrix.cells import Status
from kernel_matrix.manifest import ROOT

if TYPE_CHECKING:
    from kernel_matrix.reports.results import Results
    from kernel_matrix.table import Paint

LATEST = ROOT / "results" / "latest"


def example(text: str) -> str:
    """An epilog that click does not re-flow."""
    return f"\b\nExample:\n{text}"


def paint() -> "Paint":
    """Colours, if the output is a terminal and the user wants them."""
    from kernel_matrix import table

    def colour(text: str, name: str) -> str:
        return click.style(text, fg=name)

    return colour if sys.stdout.isatty() and "NO_COLOR" not in os.environ else table.plain


def give(text: str, out: Path | None) -> None:
    """A text to a file or to standard output."""
    from kernel_matrix.reports import formats

    if out is None:
        click.echo(text.removesuffix("\n"))
    else:
        formats.save(out, text if text.endswith("\n") else f"{text}\n")


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
        "  kernel-matrix report --format junit --out junit.xml"
    )
)
@click.argument("directory", type=click.Path(path_type=Path), required=False, metavar="[RUN]")
@click.option(
    "--format",
    "name",
    type=click.Choice(["text", "junit", "ktap", "kcidb", "allure", "markdown", "json"]),
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


@click.command(
    epilog=example(
        "  kernel-matrix compare results/20260102-030405-1 results/latest\n"
        "  kernel-matrix compare debian:5.10 debian:7.3 --observed\n"
        "  kernel-matrix compare baseline.json results/latest:debian:6.12 --format markdown\n"
        "  kernel-matrix compare results/latest"
    )
)
@click.argument("sides", nargs=-1, metavar="[BEFORE [AFTER]]")
@click.option(
    "--format",
    "name",
    type=click.Choice(["text", "markdown", "json"]),
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
    json or --save wrote, or the name of a kernel of the last run. With one side, or none for the
    last run, its kernels are compared with their neighbours, in the order of their versions.

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
    loaded = [compare_sides.load(side) for side in sides or (str(LATEST),)]
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

    compared = comparing.compare(before, after)
    if name == "json":
        give(json.dumps(compare_text.to_json(compared), indent=1), out)
    elif name == "markdown":
        give(compare_markdown.render(compared), out)
    else:
        colours = paint() if out is None else table.plain
        give(compare_text.render(compared, colours, most or compare_text.MOST), out)
    return compared.status


def _neighbours(results: "Results", name: str, out: Path | None, most: int) -> int:
    from kernel_matrix import compare as comparing
    from kernel_matrix import compare_markdown, compare_text, table
    from kernel_matrix.reports.markup import Page

    found = comparing.boundaries(results)
    if name == "json":
        give(json.dumps(compare_text.boundaries_json(found), indent=1), out)
    elif name == "markdown":
        page = Page()
        page.add(f"## {len(found)} cases change between kernels")
        compare_markdown.write_boundaries(page, found)
        give(page.text(), out)
    else:
        colours = paint() if out is None else table.plain
        text = compare_text.render_boundaries(found, colours, most or compare_text.MOST)
        give(text or "nothing changes between the kernels of this run", out)
    if not any(len(line) > 1 for line in results.in_order()):
        return Status.NOTHING
    return Status.CLEAN


@click.command(
    epilog=example("  kernel-matrix clauses vmsplice\n  kernel-matrix clauses --json | jq .")
)
@click.argument("call", required=False)
@click.option("--run", "where", help="A run, or one side as for compare.  [default: the last run]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def clauses(call: str | None, where: str | None, as_json: bool) -> None:
    """List the promises, of one CALL or all: how much each binds, its cases, its last verdicts.

    The verdicts are those of the last run: pass if all cases of the clause pass, else the worst.
    """
    from kernel_matrix.reports import clause_table

    rows = clause_table.rows(call, clause_table.last(where))
    give(
        json.dumps(clause_table.to_json(rows), indent=1)
        if as_json
        else clause_table.render(rows, paint()),
        None,
    )


@click.command(
    epilog=example(
        "  kernel-matrix expectations\n  kernel-matrix expectations --update | git apply"
    )
)
@click.argument("side", required=False, metavar="[RUN]")
@click.option("--update", is_flag=True, help="Print a diff that makes the entries fit the run.")
def expectations(side: str | None, update: bool) -> None:
    """Say of each known deviation whether it still holds, in a RUN or the last one.

    \b
    Exit status:
      0  every entry that the run says something of holds, and nothing fails unexpectedly
      1  an entry is stale, or there is a failure that no entry expects
    """
    from kernel_matrix import compare_sides, expectations_update
    from kernel_matrix import expectations as known

    raw = compare_sides.load_raw(side or str(LATEST))
    tallies = {deviation: known.Tally() for deviation in known.load()}
    judged = known.judge(raw, tallies, tallies)
    texts = {path.name: path.read_text() for path in sorted(known.DIRECTORY.glob("*.toml"))}
    place = known.DIRECTORY.relative_to(ROOT)
    diff = expectations_update.diff(texts, tallies, judged, str(place))
    if update:
        click.echo(diff, nl=False)
        return
    for line in expectations_update.summary(tallies):
        click.echo(line)
    if not tallies:
        click.echo(f"no entry in {place}")
    if diff:
        click.echo("what does not fit: kernel-matrix expectations --update", err=True)
        raise SystemExit(Status.FINDINGS)


COMMANDS = (report, compare, clauses, expectations)
