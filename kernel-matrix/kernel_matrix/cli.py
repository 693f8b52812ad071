"""The command kernel-matrix."""

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from helpers.cache import cache_dir
from helpers.errors import UserError
from kernel_matrix import manifest, providers
from kernel_matrix.cells import Options, Status
from kernel_matrix.reports.commands import COMMANDS, example

if TYPE_CHECKING:
    from kernel_matrix.cells import Summary

_SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


class _OneLine(click.Group):
    """Foreseeable mistakes are one line on standard error, never a traceback."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except UserError as error:
            click.echo(f"error: {error}", err=True)
            ctx.exit(Status.USAGE)
        except BrokenPipeError:
            # The reader of our output has seen enough; python must not complain when it flushes.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ctx.exit(Status.CLEAN)


_accel = click.option(
    "--accel",
    type=click.Choice(["auto", "kvm", "tcg"]),
    default="auto",
    envvar="KERNEL_MATRIX_ACCEL",
    show_default=True,
    help="How QEMU runs the kernel.",
)
_channel = click.option(
    "--channel",
    type=click.Choice(["auto", "virtio", "serial"]),
    default="auto",
    show_default=True,
    help="How the agent is reached.",
)


@click.group(cls=_OneLine, context_settings=_SETTINGS)
def cli() -> None:
    """Do kernels keep the promises of process_vmsplice(2) and of the calls that it is made of?

    Exit status: 0 clean, 1 findings, 2 usage, 3 the harness or a machine failed, 4 nothing ran.
    """


@cli.command(epilog=example("  kernel-matrix resolve debian:6.12 --json"))
@click.argument("selector")
@click.option("--json", "as_json", is_flag=True, help="Print the kernel as a JSON object.")
@click.option("--build", is_flag=True, help="Build a copy of tree:<directory>, and use that.")
def resolve(selector: str, as_json: bool, build: bool) -> None:
    """Fetch the kernel that SELECTOR means, and say where it is.

    \b
    debian:6.12                        the newest package of a series
    debian:6.1.192-2                   a package version
    debian:6.12.95+deb13-cloud-amd64   a release
    reference:6.12[+debug]             our own process_vmsplice, built here
    tree:<directory>                   what was built in a tree
    tree:<directory>+build             the same with --build: a copy is configured and built
    path:arch/x86/boot/bzImage         a kernel image
    local                              the running kernel
    or an id in matrix.toml
    """
    entry = manifest.load().find(_built(selector) if build else selector)
    kernel = entry.applied(
        providers.resolve(entry.selector, lambda line: click.echo(line, err=True))
    )
    if as_json:
        click.echo(json.dumps(kernel.to_json()))
        return
    for key, value in kernel.to_json().items():
        if value not in (None, ""):
            click.echo(f"{key:20} {value}")


def _built(selector: str) -> str:
    """The selector of a tree as that of a copy that is built."""
    is_tree = selector.startswith("tree:") and not selector.endswith("+build")
    return f"{selector}+build" if is_tree else selector


@cli.command(epilog=example("  kernel-matrix kernels --all"))
@click.option(
    "--all", "everything", is_flag=True, help="Every version, not only each series' newest."
)
def kernels(everything: bool) -> None:
    """List the kernels that can be tested: of the mirror, and in the cache."""
    from kernel_matrix.providers import debian, debindex

    have = {directory for directory, _ in debian.cached()}
    try:
        index = debian.read_index(lambda line: click.echo(line, err=True))
    except UserError as error:
        click.echo(f"error: {error}", err=True)
        for directory, data in debian.cached():
            click.echo(f"{data['version']:28} {data['release']:40} cached  {directory}")
        raise SystemExit(Status.HARNESS) from error
    known = index.kernels
    if not everything:
        series = dict.fromkeys(kernel.series for kernel in known)
        known = [debindex.choose(known, name) for name in sorted(series, key=debindex.series_key)]
    click.echo(f"{'selector':14} {'version':24} {'release':38} {'suite':20}")
    for kernel in known:
        mark = "cached" if debian.entry(kernel) in have else ""
        name = f"debian:{kernel.series}" if not everything else ""
        line = f"{name:14} {kernel.version:24} {kernel.release:38} {kernel.suite:20} {mark}"
        click.echo(line.rstrip())
    for suite, reason in index.missing.items():
        click.echo(f"{suite}: not fetched: {reason}", err=True)


@cli.command(epilog=example("  kernel-matrix clean --kernels"))
@click.option("--kernels", "parts", flag_value="kernels", multiple=True, help="Remove the kernels.")
@click.option(
    "--builds",
    "parts",
    flag_value="builds",
    multiple=True,
    help="Remove the sources and objects of kernels built here.",
)
@click.option("--lists", "parts", flag_value="apt", multiple=True, help="Remove package lists.")
@click.option("--all", "parts", flag_value="*", multiple=True, help="Remove everything.")
def clean(parts: tuple[str, ...]) -> None:
    """Show what the cache holds; remove the named parts of it, and what was left half done."""
    from kernel_matrix import cache_contents

    for part in cache_contents.contents():
        remove = part.abandoned or part.name in parts or "*" in parts
        click.echo(f"{part.size / 1e6:9.1f} MB  {part.path}{'  removed' if remove else ''}")
        if remove:
            cache_contents.remove(part)


@cli.command(
    epilog=example(
        "  kernel-matrix run\n"
        "  kernel-matrix run --group stock --jobs 2\n"
        "  kernel-matrix run --kernel path:bzImage --syscall-number 548 -- -k hole -x\n"
        "  kernel-matrix run --kernel path:bzImage --baseline baseline.json --report junit,markdown"
    ),
)
@click.option(
    "--kernel",
    "selectors",
    multiple=True,
    metavar="SELECTOR",
    help="A kernel: debian:6.12, path:<bzImage>, local, or an id of matrix.toml.",
)
@click.option("--build", is_flag=True, help="Build a copy of each tree:<directory>, and use that.")
@click.option(
    "--group",
    "groups",
    multiple=True,
    metavar="NAME",
    help="A group of matrix.toml, or all.  [default: default]",
)
@click.option(
    "--matrix",
    type=click.Path(path_type=Path),
    default=manifest.MATRIX,
    show_default="kernel-matrix/matrix.toml",
    help="Another file with kernels and groups.",
)
@_accel
@_channel
@click.option(
    "--jobs",
    "-j",
    type=click.IntRange(1, 64),
    help="Kernels at a time.  [default: 1 or 2, by cores and memory]",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="A new directory for everything.  [default: results/<time>-<n>]",
)
@click.option(
    "--syscall-number",
    type=click.IntRange(0, 4095),
    help="The number of process_vmsplice.  [default: 548]",
)
@click.option(
    "--timeout-scale",
    type=click.FloatRange(0.01, 1000),
    default=1.0,
    help="Factor for all deadlines.",
)
@click.option(
    "--baseline",
    metavar="SIDE",
    help="Compare with a file of results or a run; then only what got worse is status 1.",
)
@click.option(
    "--report",
    "reports",
    default="",
    metavar="FORMAT,...",
    help="Also write junit, ktap, kcidb, allure, markdown or json into the run's directory.",
)
@click.argument("pytest_args", nargs=-1, type=click.UNPROCESSED)
def run(
    selectors: tuple[str, ...],
    groups: tuple[str, ...],
    build: bool,
    matrix: Path,
    accel: str,
    channel: str,
    jobs: int | None,
    out: Path | None,
    syscall_number: int | None,
    timeout_scale: float,
    baseline: str | None,
    reports: str,
    pytest_args: tuple[str, ...],
) -> None:
    """Run the suites on kernels and say what each of them does.

    PYTEST_ARGS, after --, are for pytest. Paths among them are relative to the work tree and
    take the place of all suites; {cell} becomes the directory of each kernel's run.
    """
    if build:
        selectors = tuple(map(_built, selectors))
    entries = manifest.load(matrix).select(selectors, groups)
    cache_dir()  # one that cannot be written is one line, not one for each kernel
    options = Options(accel, channel, syscall_number, timeout_scale, pytest_args)
    from kernel_matrix.reports import after_run

    # What is wrong with these is said before an hour of work, not after it.
    after = after_run.plan(reports, baseline, [entry.id for entry in entries])
    directory, summaries, interrupted = _run(entries, options, jobs, out)
    status = after.conclude(directory, summaries)
    raise SystemExit(Status.INTERRUPTED if interrupted else status)


def _run(
    entries: list[manifest.Entry], options: Options, jobs: int | None, out: Path | None
) -> "tuple[Path, list[Summary], bool]":
    """The directory of the run, what its cells came to, and whether it was interrupted."""
    from kernel_matrix import live, runner

    display = live.pick(sys.stdout.isatty(), options.interactive)
    if jobs is None:
        cpus = len(os.sched_getaffinity(0))
        jobs = runner.automatic_jobs(cpus, runner.free_memory_mb(), len(entries))
    if options.interactive:
        jobs = 1
    directory = runner.new_directory(out)
    planned = runner.Run.planned(directory, entries, options, jobs, display.watch)
    display.show(planned.cells)

    def terminate(number: int, frame: object) -> NoReturn:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, terminate)
    interrupted = False
    with display:
        planned.execute()
        give_up = float("inf")
        over = False
        while not over and time.monotonic() < give_up:
            try:
                # Not Thread.join: interrupted, it takes the thread for ended.
                over = planned.over.wait(runner.TICK)
                display.refresh()
            except KeyboardInterrupt:
                if interrupted:
                    break
                interrupted = True
                if not options.interactive:
                    planned.stop()
                # With a debugger pytest got it as well, and ends in its own way.
                give_up = time.monotonic() + runner.STOP_SECONDS
    summaries = [cell.summary or runner.unfinished(cell) for cell in planned.cells]
    return directory, summaries, interrupted


@cli.command(
    epilog=example("  kernel-matrix bench --kernel debian:6.1 --channel serial --repeat 7 --json")
)
@click.option(
    "--kernel",
    "selector",
    default="debian:6.12",
    show_default=True,
    metavar="SELECTOR",
    help="The kernel to measure with.",
)
@_accel
@_channel
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


for command in COMMANDS:
    cli.add_command(command)


def main() -> None:
    """Run the command line."""
    try:
        cli(prog_name="kernel-matrix")
    except KeyboardInterrupt:
        click.echo("interrupted", err=True)
        raise SystemExit(Status.INTERRUPTED) from None
