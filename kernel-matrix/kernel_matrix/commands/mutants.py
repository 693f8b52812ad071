"""Whether the suites notice planted bugs."""

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from kernel_matrix import completion_words, manifest
from kernel_matrix.cells import Status
from kernel_matrix.commands.options import accel_option, example

if TYPE_CHECKING:
    from helpers.kernel import Kernel
    from kernel_matrix.mutants.manifest import Mutant
    from kernel_matrix.mutants.plan import Plan
    from kernel_matrix.mutants.run import Outcome, Target


@click.command(
    epilog=example(
        "  kernel-matrix mutants\n"
        "  kernel-matrix mutants --sample 20 --seed 1 --json\n"
        "  kernel-matrix mutants --file my.toml --out results/mine\n"
        "  kernel-matrix mutants --id can-merge --id gup-force"
    ),
)
@click.option(
    "--file",
    type=click.Path(path_type=Path),
    help="Mutants of your own, in the form of kernel-matrix/reference/mutants.toml.",
)
@click.option(
    "--id",
    "idents",
    multiple=True,
    metavar="ID",
    shell_complete=completion_words.mutants,
    help="Only this one.",
)
@click.option("--sample", type=click.IntRange(1), metavar="N", help="Only N of them, by the seed.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the sample.")
@click.option("--list", "only_list", is_flag=True, help="Say which there are, and run nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--markdown", is_flag=True, help="Print the table of the README.")
@click.option(
    "--out", type=click.Path(path_type=Path), help="A new directory for logs and mutants.json."
)
@click.option(
    "--jobs", "-j", type=click.IntRange(1, 64), help="Machines at once.  [default: by cores]"
)
@click.option(
    "--deadline",
    type=click.FloatRange(1),
    default=120.0,
    show_default=True,
    help="Seconds for one mutant.",
)
@accel_option
def mutants(
    file: Path | None,
    idents: tuple[str, ...],
    sample: int | None,
    seed: int,
    only_list: bool,
    as_json: bool,
    markdown: bool,
    out: Path | None,
    jobs: int | None,
    deadline: float,
    accel: str,
) -> None:
    """Plant bugs in a reference kernel, one at a time, and see whether the suites notice.

    The bugs are those of kernel-matrix/reference/mutants.toml and what is generated from our
    implementation. One kernel holds nearly all of them; which one is active is chosen while it
    runs. A bug is caught by a case that fails with it, passes without it, and fails again.

    Exit status: 0 all were caught, 1 some survived, 2 usage, or a mutant of a file does not
    compile, 3 some have no verdict, 4 nothing ran.
    """
    from kernel_matrix import runner
    from kernel_matrix.mutants import table
    from kernel_matrix.mutants.plan import plan

    planned = plan(file, idents, sample, seed)
    if only_list:
        _list(planned, as_json)
        return

    def terminate(number: int, frame: object) -> NoReturn:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, terminate)
    directory = runner.new_directory(out) if out else _new_directory()
    started = time.monotonic()
    outcomes, seconds, interrupted = _run(planned, directory, jobs, deadline, accel)
    text = json.dumps(table.to_json(outcomes, seconds), indent=1)
    (directory / "mutants.json").write_text(text + "\n")
    if as_json:
        click.echo(text)
    elif markdown:
        click.echo(table.summary(outcomes))
    else:
        click.echo(table.render(outcomes, seconds))
        click.echo(
            f"\nlogs and mutants.json: {directory}, {time.monotonic() - started:.0f} s in all"
        )
    raise SystemExit(Status.INTERRUPTED if interrupted else table.status(outcomes))


def _new_directory() -> Path:
    """A directory in results/; "latest" stays with the runs on kernels."""
    from kernel_matrix import runner

    results = manifest.ROOT / "results"
    stamp = time.strftime("%Y%m%d-%H%M%S")
    return runner.new_directory(results / f"mutants-{stamp}-{os.getpid()}")


def _list(planned: "Plan", as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps([vars(mutant) for mutant in planned.chosen]))
        return
    for mutant in planned.chosen:
        note = mutant.symptom or " ".join(
            f"{' '.join(mutant.original.split())} -> {' '.join(mutant.replacement.split())}".split()
        )
        equivalent = "equivalent: " if mutant.id in planned.equivalent else ""
        click.echo(f"{mutant.id}  {mutant.place}  {equivalent}{note}")


def _run(
    planned: "Plan", directory: Path, jobs: int | None, deadline: float, accel: str
) -> "tuple[list[Outcome], float, bool]":
    """The outcomes in order, the seconds without building, and whether it was interrupted."""
    from kernel_matrix import runner, schedule
    from kernel_matrix.mutants.run import Outcome, Run

    by_id: dict[str, Outcome] = {}
    for mutant in planned.chosen:
        if mutant.id in planned.equivalent:
            argument = planned.equivalent[mutant.id].argument
            by_id[mutant.id] = Outcome(mutant, "equivalent", argument)
    todo = [mutant for mutant in planned.chosen if mutant.id not in by_id]
    if jobs is None:
        cpus = len(os.sched_getaffinity(0))
        jobs = schedule.automatic_jobs(cpus, runner.free_memory_mb(), len(todo))
    started = time.monotonic()
    last = 0.0

    def watch(outcome: "Outcome") -> None:
        nonlocal last
        by_id[outcome.mutant.id] = outcome
        now = time.monotonic() - started
        if outcome.status != "caught":
            say(f"{outcome.status}: {outcome.mutant.id} {outcome.note}")
        elif now - last > 10:
            last = now
            say(f"{len(by_id)} of {len(planned.chosen)}, {now:.0f} s")

    interrupted = False
    try:
        targets, control = _targets(planned, todo, by_id)
        started = time.monotonic()
        if targets:
            Run(control, directory, accel, jobs, watch, deadline).execute(targets)
    except KeyboardInterrupt:
        interrupted = True
    seconds = time.monotonic() - started
    outcomes = [by_id.get(m.id) or Outcome(m, "not run", "interrupted") for m in planned.chosen]
    return outcomes, seconds, interrupted


def say(line: str) -> None:
    """A line of progress."""
    click.echo(line, err=True)
    sys.stderr.flush()


def _targets(
    planned: "Plan", todo: "list[Mutant]", by_id: "dict[str, Outcome]"
) -> "tuple[list[Target], Kernel]":
    """What can be run, and the kernel without bugs; what cannot be built gets its outcome."""
    from kernel_matrix.mutants import build
    from kernel_matrix.mutants.run import Outcome, Target

    targets: list[Target] = []
    control: Kernel | None = None
    for debug in (False, True):
        members = [mutant for mutant in planned.mutants if bool(mutant.flavour) is debug]
        wanted = [mutant for mutant in todo if bool(mutant.flavour) is debug]
        if debug and not wanted:
            continue
        shared = build.shared(members, say, debug=debug)
        control = control or shared.kernel
        for mutant in wanted:
            if mutant.id in shared.alone:
                say(f"{mutant.id} gets a kernel of its own: {shared.alone[mutant.id]}")
                own = build.alone(mutant, say, debug=debug)
                if mutant.id in own.problems:
                    problem = own.problems[mutant.id]
                    by_id[mutant.id] = Outcome(mutant, "not buildable", problem)
                else:
                    targets.append(Target(mutant, own.kernel, 0, debug))
            elif mutant.id in shared.problems:
                by_id[mutant.id] = Outcome(mutant, "not buildable", shared.problems[mutant.id])
            else:
                targets.append(Target(mutant, shared.kernel, shared.numbers[mutant.id], debug))
    assert control is not None
    return targets, control
