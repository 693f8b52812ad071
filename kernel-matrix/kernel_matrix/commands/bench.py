"""Measure machines and cells."""

import json

import click

from kernel_matrix import completion_words, manifest, providers
from kernel_matrix.commands.options import accel_option, channel_option, example


@click.command(
    epilog=example("  kernel-matrix bench --kernel debian:6.1 --channel serial --repeat 7 --json")
)
@click.option(
    "--kernel",
    "selector",
    default="debian:6.12",
    show_default=True,
    metavar="SELECTOR",
    shell_complete=completion_words.kernels,
    help="The kernel to measure with.",
)
@accel_option
@channel_option
@click.option(
    "--repeat",
    type=click.IntRange(1, 100),
    default=5,
    show_default=True,
    help="How often each figure is measured.",
)
@click.option(
    "--suite", default="suites/process_vm_readv", show_default=True, help="What a whole cell runs."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def bench(selector: str, accel: str, channel: str, repeat: int, suite: str, as_json: bool) -> None:
    """Measure what a machine and a cell cost; times in seconds, median of several.

    \b
    bare_boot         from the start of QEMU to its exit, when /init powers off at once
    hello             from the start of QEMU to the agent's first frame, read on the host
    rtt_8, rtt_64     a request of 8 or 64 bytes and its answer
    cases_per_second  cases of a cell, by the time from the first one's end to the last one's
    cell              a whole cell: the pytest process from start to exit, boot included
    ratio             cell / bare_boot
    """
    from kernel_matrix import bench as benchmark

    entry = manifest.load().find(selector)
    kernel = entry.applied(
        providers.resolve(entry.selector, lambda line: click.echo(line, err=True))
    )
    settings = benchmark.Settings(accel, channel, repeat, suite)
    figures = benchmark.measure(kernel, settings, lambda line: click.echo(line, err=True))
    if as_json:
        click.echo(json.dumps({name: figure.to_json() for name, figure in figures.items()}))
    else:
        click.echo(benchmark.render(figures))
