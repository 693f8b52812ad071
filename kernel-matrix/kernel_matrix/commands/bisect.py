"""Which commit made a case come to something else."""

import json
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

import click

from helpers.errors import UserError
from kernel_matrix import completion_words
from kernel_matrix.cells import Status
from kernel_matrix.commands.options import accel_option, channel_option, example
from kernel_matrix.manifest import ROOT


@click.command(
    epilog=example(
        "  kernel-matrix bisect --tree ~/linux --good v6.12 --bad v6.13 \\\n"
        '    --case "vmsplice::test_memory_that_cannot_be_read_is_efault[unmapped]"'
    )
)
@click.option("--tree", type=click.Path(path_type=Path), required=True, help="A git tree.")
@click.option(
    "--case",
    required=True,
    shell_complete=completion_words.cases,
    help="A case's id, or a part of it that no other has.",
)
@click.option("--good", required=True, metavar="REV", help="A commit from before the change.")
@click.option("--bad", required=True, metavar="REV", help="A commit that has it.")
@click.option(
    "--config",
    "configs",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A fragment of Kconfig, over the small configuration.",
)
@accel_option
@channel_option
@click.option(
    "--syscall-number", type=click.IntRange(0, 4095), help="The number of process_vmsplice."
)
@click.option(
    "--timeout-scale",
    type=click.FloatRange(0.01, 1000),
    default=1.0,
    help="Factor for all deadlines.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="A new directory for everything.  [default: results/bisect-<time>]",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def bisect(
    tree: Path,
    case: str,
    good: str,
    bad: str,
    configs: tuple[Path, ...],
    accel: str,
    channel: str,
    syscall_number: int | None,
    timeout_scale: float,
    out: Path | None,
    as_json: bool,
) -> None:
    """Find the commit from which on a case comes to something else, with git bisect.

    What the case comes to at GOOD and at BAD is found out first: both may pass and only what they
    observe be different. A commit is bad if it does what BAD does; one that does not build or boot,
    or on which the case is skipped, is passed over. Kernels are built in the small configuration
    of the reference kernels, in a work tree of its own: the checkout in --tree stays as it is.

    \b
    Exit status:
      0  the commit is found         3  it is not: commits could not be tested, or we failed
      2  usage
    """
    from kernel_matrix import bisect as bisecting
    from kernel_matrix import bisect_git, build_make

    bisect_git.repository(tree.expanduser())  # said before the suites are looked through
    build_make.require_tools()
    run = ["--accel", accel, "--channel", channel, "--timeout-scale", f"{timeout_scale:g}"]
    if syscall_number is not None:
        run += ["--syscall-number", str(syscall_number)]
    configs = tuple(each.absolute() for each in configs)
    request = bisecting.Request(tree, _case(case), good, bad, configs, tuple(run))

    def terminate(number: int, frame: object) -> NoReturn:
        raise KeyboardInterrupt("terminated")

    signal.signal(signal.SIGTERM, terminate)
    started = time.monotonic()

    def say(line: str) -> None:
        click.echo(f"[{time.monotonic() - started:6.1f}] {line}", err=True)

    directory = _directory(out)
    try:
        outcome = bisecting.find(request, directory, say)
    except UserError:
        with suppress(OSError):
            directory.rmdir()  # unless there is something in it
        raise
    except KeyboardInterrupt as interrupt:
        click.echo(f"interrupted: {str(interrupt) or 'nothing is known yet'}", err=True)
        raise SystemExit(Status.INTERRUPTED) from None
    text = json.dumps(bisecting.to_json(outcome), indent=1)
    (outcome.directory / "bisect.json").write_text(f"{text}\n")
    click.echo(text if as_json else f"\n{bisecting.render(outcome)}")
    raise SystemExit(Status.CLEAN if outcome.first is not None else Status.HARNESS)


def _case(text: str) -> str:
    """The id of the case that is meant.

    Raises:
        UserError: it is none, or several.
    """
    from kernel_matrix import case_names, suites

    return case_names.one(text, suites.cases(), "the suites")


def _directory(out: Path | None) -> Path:
    from kernel_matrix import runner

    if out is None:
        # Not a run of several kernels: results/latest stays what it was.
        out = ROOT / "results" / time.strftime("bisect-%Y%m%d-%H%M%S")
    return runner.new_directory(out)
