"""Kernels that can be tested."""

import json

import click

from helpers.errors import UserError
from kernel_matrix.cells import Status
from kernel_matrix.commands.options import example


@click.command(
    epilog=example("  kernel-matrix kernels --all\n  kernel-matrix kernels --json | jq .")
)
@click.option(
    "--all", "everything", is_flag=True, help="Every version, not only each series' newest."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
def kernels(everything: bool, as_json: bool) -> None:
    """List the kernels that can be tested: of the mirror, and in the cache."""
    from kernel_matrix.providers import debian, debindex

    have = {directory for directory, _ in debian.cached()}
    try:
        index = debian.read_index(lambda line: click.echo(line, err=True))
    except UserError as error:
        click.echo(f"error: {error}", err=True)
        packages = dict.fromkeys((data["version"], data["release"]) for _, data in debian.cached())
        cached = [
            {
                "selector": f"debian:{version}",
                "version": version,
                "release": release,
                "cached": True,
            }
            for version, release in packages
        ]
        if as_json:
            click.echo(json.dumps(cached, indent=1))
        else:
            for row in cached:
                click.echo(f"{row['selector']:28} {row['release']:40} cached")
        raise SystemExit(Status.HARNESS) from error
    known = index.kernels
    if not everything:
        series = dict.fromkeys(kernel.series for kernel in known)
        known = [debindex.choose(known, name) for name in sorted(series, key=debindex.series_key)]
    rows = [
        {
            "selector": f"debian:{kernel.version if everything else kernel.series}",
            "version": kernel.version,
            "release": kernel.release,
            "suite": kernel.suite,
            "cached": debian.entry(kernel) in have,
        }
        for kernel in known
    ]
    if as_json:
        click.echo(json.dumps(rows, indent=1))
    else:
        click.echo(f"{'selector':14} {'version':24} {'release':38} {'suite':20}")
        for row in rows:
            name = "" if everything else row["selector"]
            mark = "cached" if row["cached"] else ""
            line = f"{name:14} {row['version']:24} {row['release']:38} {row['suite']:20} {mark}"
            click.echo(line.rstrip())
    for suite, reason in index.missing.items():
        click.echo(f"{suite}: not fetched: {reason}", err=True)
