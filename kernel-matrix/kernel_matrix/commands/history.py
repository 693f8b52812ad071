"""What kernels did in earlier runs."""

import json
import sqlite3
import sys
from pathlib import Path

import click

from helpers.errors import UserError
from kernel_matrix import completion_words
from kernel_matrix.cells import Status
from kernel_matrix.commands.options import example, give, paint

_MOST = 20
_MOST_CASES = 10


@click.command(
    epilog=example(
        '  kernel-matrix history "vmsplice::test_memory_that_cannot_be_read_is_efault[unmapped]"\n'
        "  kernel-matrix history vmsplice:errors:einval --json\n"
        "  kernel-matrix history --flaky\n"
        "  kernel-matrix compare last-good results/latest"
    )
)
@click.argument("case", required=False, shell_complete=completion_words.cases_and_clauses)
@click.option("--flaky", "what", flag_value="flaky", help="The cases that came to other things.")
@click.option("--slowest", "what", flag_value="slowest", help="The cases that take longest.")
@click.option("--all", "everything", is_flag=True, help="Do not cut long lists.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON value.")
@click.option(
    "--add",
    "runs",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="RUN",
    shell_complete=completion_words.runs,
    help="Enter the run in this directory first, as from another machine.",
)
def history(
    case: str | None, what: str | None, everything: bool, as_json: bool, runs: tuple[Path, ...]
) -> None:
    """Say what a CASE did on each kernel over time: when it changed, and how often it flaked.

    CASE is a case's id, a part of it, or the id of a clause. Without one: what the history holds.
    A case flakes where runs with the same kernel, configuration, machine and suites disagree.

    Every run is entered when it ends, unless --no-history is given. The history is
    kernel-matrix/history.sqlite in the user's data directory, or the file in
    KERNEL_MATRIX_HISTORY, which can be "off".
    """
    from kernel_matrix import history as store

    if case is not None and what is not None:
        raise UserError(f"--{what} is about all cases; leave out {case!r}")
    for directory in runs:
        _add(directory)
    with store.reading() as database:
        if what is not None:
            text = _list(database, what, as_json, sys.maxsize if everything else _MOST)
        elif case is not None:
            text = _case(database, case, as_json, sys.maxsize if everything else _MOST_CASES)
        else:
            text = _overview(database, as_json)
    give(text, None)


def _add(directory: Path) -> None:
    from kernel_matrix import compare_sides
    from kernel_matrix import history as store

    store.kept_in()
    if not store.keep(compare_sides.judged(directory), lambda line: click.echo(line, err=True)):
        raise SystemExit(Status.HARNESS)


def _case(database: sqlite3.Connection, text: str, as_json: bool, most: int) -> str:
    from kernel_matrix import case_names, history_query, history_rows, history_text

    found = history_rows.of_clause(database, text)
    found = found or case_names.matching(text, history_rows.names(database))
    if not found:
        raise UserError(f"no case or clause {text!r} in the history")
    if len(found) > most and not as_json:
        listed = case_names.listed(found)
        raise UserError(f"{text!r} is {len(found)} cases: {listed}; name fewer, or use --all")
    lines = {name: history_query.lines_of(database, name) for name in found}
    if as_json:
        return json.dumps(
            [
                history_text.case_json(name, on, history_rows.of_case(database, name))
                for name, on in lines.items()
            ],
            indent=1,
        )
    colours = paint()
    return "\n\n".join(history_text.render_case(name, on, colours) for name, on in lines.items())


def _list(database: sqlite3.Connection, what: str, as_json: bool, most: int) -> str:
    from kernel_matrix import history_query, history_text

    if what == "flaky":
        flaky = history_query.flaky(database)
        if as_json:
            return json.dumps(history_text.flaky_json(flaky), indent=1)
        return history_text.render_flaky(flaky, most)
    times = history_query.times(database)
    if as_json:
        return json.dumps(times, indent=1)
    return history_text.render_slowest(history_text.slowest(times), most)


def _overview(database: sqlite3.Connection, as_json: bool) -> str:
    from kernel_matrix import history_rows, history_text

    runs = history_rows.runs(database)
    if as_json:
        return json.dumps([history_text.run_json(run) for run in runs], indent=1)
    return history_text.render_kernels(runs, paint())
