"""The promises, and what kernels make of them."""

import json

import click

from kernel_matrix import completion_words
from kernel_matrix.commands.options import example, give, paint


@click.command(
    epilog=example("  kernel-matrix clauses vmsplice\n  kernel-matrix clauses --json | jq .")
)
@click.argument("call", required=False, shell_complete=completion_words.calls)
@click.option(
    "--run",
    "where",
    shell_complete=completion_words.sides,
    help="A run, or one side as for compare.  [default: the last run]",
)
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
