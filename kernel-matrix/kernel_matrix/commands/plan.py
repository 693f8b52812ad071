"""The cells of a run as a job matrix."""

from pathlib import Path

import click

from kernel_matrix import completion_words, manifest
from kernel_matrix.commands.options import example, group_option, matrix_option


@click.command(
    epilog=example(
        "  kernel-matrix plan --group stock --shards 2 --format github\n"
        '  echo "matrix=$(kernel-matrix plan --format github)" >> "$GITHUB_OUTPUT"\n'
        "  kernel-matrix plan --group stock --format gitlab > plan.yml"
    )
)
@click.option(
    "--kernel",
    "selectors",
    multiple=True,
    metavar="SELECTOR",
    shell_complete=completion_words.kernels,
    help="A kernel, as for run.",
)
@group_option
@matrix_option
@click.option(
    "--shards",
    type=click.IntRange(1, 100),
    default=1,
    show_default=True,
    help="Parts into which the cases of each kernel are cut.",
)
@click.option(
    "--format",
    "name",
    type=click.Choice(["github", "gitlab", "json"]),
    default="json",
    show_default=True,
    help="github is a matrix in one line, gitlab a pipeline, json is for other programs and merge.",
)
def plan(
    selectors: tuple[str, ...], groups: tuple[str, ...], matrix: Path, shards: int, name: str
) -> None:
    """Print the jobs that a run can be cut into, for a CI system with several machines.

    Each job runs `run --kernel KERNEL --shard SHARD`; merge joins what they leave.
    """
    from kernel_matrix import plan as plans

    chosen = manifest.load(matrix).select(selectors, groups)
    click.echo(plans.render(name, [entry.id for entry in chosen], shards))
