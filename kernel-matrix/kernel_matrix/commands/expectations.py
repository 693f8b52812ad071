"""Known deviations, against a run."""

import json

import click

from kernel_matrix import completion_words
from kernel_matrix.cells import Status
from kernel_matrix.commands.options import LATEST, example
from kernel_matrix.manifest import ROOT


@click.command(
    epilog=example(
        "  kernel-matrix expectations\n"
        "  kernel-matrix expectations --update | git apply\n"
        "  kernel-matrix expectations results/latest --json | jq .entries"
    )
)
@click.argument("side", required=False, metavar="[RUN]", shell_complete=completion_words.sides)
@click.option("--update", is_flag=True, help="Print a diff that makes the entries fit the run.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def expectations(side: str | None, update: bool, as_json: bool) -> None:
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
    if as_json:
        click.echo(json.dumps(expectations_update.to_json(tallies, diff), indent=1))
    else:
        for line in expectations_update.summary(tallies):
            click.echo(line)
        if not tallies:
            click.echo(f"no entry in {place}")
    if diff:
        click.echo("what does not fit: kernel-matrix expectations --update", err=True)
        raise SystemExit(Status.FINDINGS)
