"""Run the suites on kernels."""

import os
import secrets
import signal
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from helpers import shards
from helpers.cache import cache_dir
from helpers.errors import UserError
from kernel_matrix import completion_words, manifest
from kernel_matrix.cells import Options, Status
from kernel_matrix.commands.options import (
    accel_option,
    built,
    channel_option,
    example,
    group_option,
    matrix_option,
)

if TYPE_CHECKING:
    from kernel_matrix.cells import Summary
    from kernel_matrix.expectations import Deviation
    from kernel_matrix.locked import Locked


@click.command(
    epilog=example(
        "  kernel-matrix run\n"
        "  kernel-matrix run --group stock --jobs 2\n"
        "  kernel-matrix run --kernel path:bzImage --syscall-number 548 -- -k hole -x\n"
        "  kernel-matrix run --kernel path:bzImage --baseline baseline.json --report junit,html\n"
        "  kernel-matrix run --locked results/latest --flaky 3 --random-order\n"
        "  kernel-matrix run --group stock --shard 1/4 --durations baseline.json --out part1"
    ),
)
@click.option(
    "--kernel",
    "selectors",
    multiple=True,
    metavar="SELECTOR",
    shell_complete=completion_words.kernels,
    help="A kernel: debian:6.12, path:<bzImage>, local, or an id of matrix.toml.",
)
@click.option("--build", is_flag=True, help="Build a copy of each tree:<directory>, and use that.")
@group_option
@matrix_option
@accel_option
@channel_option
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
    shell_complete=completion_words.sides,
    help="Compare with a file of results, a run, or last-good in the history; then only what got "
    "worse is status 1.",
)
@click.option(
    "--report",
    "reports",
    default="",
    metavar="FORMAT,...",
    shell_complete=completion_words.reports,
    help="Also write junit, ktap, kcidb, allure, markdown, html or json into the run's directory.",
)
@click.option(
    "--flaky",
    type=click.IntRange(0, 100),
    default=0,
    metavar="N",
    help="Repeat what fails unexpectedly N times, each time in a fresh machine.",
)
@click.option("--random-order", is_flag=True, help="Shuffle the cases; the seed is printed.")
@click.option(
    "--random-order-seed", metavar="S", help="Shuffle them as a seed printed before says."
)
@click.option(
    "--shard",
    metavar="I/N",
    help="Run part I of N of the cases; see plan, and merge, which joins the parts.",
)
@click.option(
    "--durations",
    metavar="SIDE",
    shell_complete=completion_words.sides,
    help="Make the parts equally long by a run or file of results, the same for all parts.",
)
@click.option(
    "--locked",
    type=click.Path(path_type=Path),
    metavar="RUN",
    shell_complete=completion_words.runs,
    help="Exactly the kernels of a run, or of a copy of its run.json.",
)
@click.option("--no-history", is_flag=True, help="Do not enter this run into the history.")
@click.argument(
    "pytest_args",
    nargs=-1,
    type=click.UNPROCESSED,
    shell_complete=completion_words.cases,
)
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
    flaky: int,
    random_order: bool,
    random_order_seed: str | None,
    shard: str | None,
    durations: str | None,
    locked: Path | None,
    no_history: bool,
    pytest_args: tuple[str, ...],
) -> None:
    """Run the suites on kernels and say what each of them does.

    PYTEST_ARGS, after --, are for pytest. Paths among them are relative to the work tree and
    take the place of all suites; {cell} becomes the directory of each kernel's run.
    """
    if build:
        selectors = tuple(map(built, selectors))
    if syscall_number is not None:
        # Reference kernels are built with the number that the suites are told.
        os.environ["PROCESS_VMSPLICE_NR"] = str(syscall_number)
    known = manifest.load(matrix)
    locks: dict[str, Locked] = {}
    if locked is None:
        entries = known.select(selectors, groups)
    else:
        locks, entries = _locked(known, locked, selectors, groups)
    cache_dir()  # one that cannot be written is one line, not one for each kernel
    if random_order and random_order_seed is None:
        random_order_seed = str(secrets.randbelow(10**8))
    if random_order_seed:
        click.echo(f"random order: --random-order-seed {random_order_seed}")
    options = Options(
        accel, channel, syscall_number, timeout_scale, pytest_args,
        flaky=flaky, order=random_order_seed or "", shard=str(shards.parse(shard)) if shard else "",
    )  # fmt: skip
    from kernel_matrix import durations as durations_file

    if durations is not None and not shard:
        raise UserError(
            "--durations makes the parts of --shard I/N equally long; without it, no use"
        )
    seconds = durations_file.load(durations) if durations is not None else {}
    from kernel_matrix import about
    from kernel_matrix.commands import after_run
    from kernel_matrix.runner import new_directory

    # What is wrong with these is said before an hour of work, not after it.
    after = after_run.plan(reports, baseline, [entry.id for entry in entries], not no_history)
    directory = new_directory(out)
    about.write(directory)
    if seconds:
        options = replace(options, durations=durations_file.write(directory, seconds))
    planned = Plan(entries, options, after.deviations, locks)
    summaries, interrupted = _run(planned, directory, jobs)
    try:
        status = after.conclude(directory, summaries)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"kernel-matrix report {directory} says what is known") from None
    raise SystemExit(Status.INTERRUPTED if interrupted else status)


def _locked(
    known: manifest.Manifest, source: Path, selectors: tuple[str, ...], groups: tuple[str, ...]
) -> "tuple[dict[str, Locked], list[manifest.Entry]]":
    """The kernels of a run, and which of them to test: all of them if none are selected."""
    from kernel_matrix import locked

    locks = locked.load(source)
    chosen = known.select(selectors, groups) if selectors or groups else None
    return locks, locked.entries(locks, chosen, source)


@dataclass(frozen=True)
class Plan:
    """What is run and how."""

    entries: list[manifest.Entry]
    options: Options
    deviations: "tuple[Deviation, ...]"
    locks: "dict[str, Locked]"


def _run(plan: Plan, directory: Path, jobs: int | None) -> "tuple[list[Summary], bool]":
    """What the cells came to, and whether the run was interrupted."""
    from kernel_matrix import live, runner, schedule

    entries, options = plan.entries, plan.options

    display = live.pick(sys.stdout.isatty(), options.interactive)
    if jobs is None:
        cpus = len(os.sched_getaffinity(0))
        jobs = schedule.automatic_jobs(cpus, runner.free_memory_mb(), len(entries))
    if options.interactive:
        jobs = 1
    planned = runner.Run.planned(directory, entries, options, jobs, display.watch, plan.deviations)
    planned.locks = plan.locks
    display.show(planned.cells, jobs)

    with display, _Interrupts() as interrupts:
        planned.execute()
        give_up = float("inf")
        # Not Thread.join: interrupted, it takes the thread for ended.
        while not planned.over.wait(runner.TICK) and time.monotonic() < give_up:
            display.refresh()
            if interrupts.count > 1:
                break
            if interrupts.count:
                give_up = min(give_up, time.monotonic() + runner.STOP_SECONDS)
                # With a debugger pytest got it as well, and ends in its own way.
                if not options.interactive:
                    planned.stop()
    summaries = [cell.summary or runner.unfinished(cell) for cell in planned.cells]
    return summaries, interrupts.count > 0


class _Interrupts:
    """Counts them: as an exception one could come where a run is half begun."""

    def __init__(self) -> None:
        self.count = 0

    def __enter__(self) -> "_Interrupts":
        signal.signal(signal.SIGINT, self._take)
        signal.signal(signal.SIGTERM, self._take)
        return self

    def _take(self, number: int, frame: object) -> None:
        self.count += 1

    def __exit__(self, *error: object) -> None:
        # What is left can be interrupted anywhere.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.default_int_handler)
