"""One cell: one pytest process for one kernel. What it is started with, and what it came to.

Nothing here starts or reads anything; runner does.
"""

import re
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path

from kernel_matrix.journal import FINDINGS, NAME, OWN_FAULTS, Case, Journal

SUITES = "suites"
_INTERACTIVE = ("--pdb", "--trace")


class Status(IntEnum):
    """The exit statuses of kernel-matrix."""

    CLEAN = 0
    FINDINGS = 1
    USAGE = 2
    HARNESS = 3
    NOTHING = 4
    INTERRUPTED = 130


class PytestExit(IntEnum):
    """pytest's exit statuses, _pytest.config.ExitCode."""

    OK = 0
    FAILED = 1
    INTERRUPTED = 2
    INTERNAL = 3
    USAGE = 4
    NO_CASES = 5


@dataclass(frozen=True)
class Options:
    """What the user said for all cells.

    Attributes:
        accel: "auto", "kvm" or "tcg".
        channel: "auto", "virtio" or "serial".
        syscall_number: process_vmsplice's, None leaves it to kernel and defaults.
        timeout_scale: factor for deadlines.
        pytest: further arguments for pytest; {cell} in them becomes the cell's directory.
        flaky: how often what fails unexpectedly is repeated.
        order: the seed of a random order, "" for the usual order.
        shard: "I/N": only this part of the cases.
        durations: a file that makes the parts equally long, None if there is none.
    """

    accel: str = "auto"
    channel: str = "auto"
    syscall_number: int | None = None
    timeout_scale: float = 1.0
    pytest: tuple[str, ...] = ()
    flaky: int = 0
    order: str = ""
    shard: str = ""
    durations: Path | None = None

    @property
    def words(self) -> list[str]:
        """What decides which cases run: with the same words they take about the same time."""
        return [*self.pytest, *(["--shard", self.shard] if self.shard else [])]

    @property
    def interactive(self) -> bool:
        """The terminal belongs to pytest."""
        return any(word in _INTERACTIVE for word in self.pytest)


def slug(ident: str) -> str:
    """A kernel's id as the name of a directory; no artifact store refuses these characters."""
    return re.sub(r"[^\w.+~-]+", "-", ident).strip("-.") or "kernel"


def directories(idents: Sequence[str]) -> list[str]:
    """A directory name for each cell, no two the same."""
    taken: Counter[str] = Counter()
    names = []
    for ident in idents:
        name = slug(ident)
        taken[name] += 1
        names.append(name if taken[name] == 1 else f"{name}-{taken[name]}")
    return names


def pytest_argv(directory: Path, options: Options, root: Path) -> list[str]:
    """The command line of a cell, to be started in the work tree.

    Args:
        directory: the cell's, with kernel.json in it.
        options: the user's.
        root: the work tree; says which of the user's arguments are paths.
    """
    words = [word.replace("{cell}", str(directory)) for word in options.pytest]
    argv = [sys.executable, "-m", "pytest"]
    if not any(_is_path(word, root) for word in words):
        argv.append(SUITES)
    argv += ["--kernel", f"resolved:{directory / 'kernel.json'}"]
    argv += ["--journal", str(directory / NAME)]
    argv += ["--run-dir", str(directory)]
    argv += ["--accel", options.accel, "--channel", options.channel]
    if options.timeout_scale != 1.0:
        argv += ["--timeout-scale", f"{options.timeout_scale:g}"]
    if options.syscall_number is not None:
        argv += ["--process-vmsplice-nr", str(options.syscall_number)]
    if options.flaky:
        argv += ["--flaky", str(options.flaky)]
    if options.order:
        argv += ["--random-order-seed", options.order]
    if options.shard:
        argv += ["--shard", options.shard]
    if options.shard and options.durations is not None:
        argv += ["--shard-durations", str(options.durations)]
    # Each kernel remembers its own failures for --lf.
    argv += ["-o", f"cache_dir={root / '.pytest_cache' / 'kernels' / directory.name}"]
    if not options.interactive:
        argv.append("--color=no")
    return argv + words


def _is_path(word: str, root: Path) -> bool:
    name = word.split("::", 1)[0]
    return bool(name) and not name.startswith("-") and (root / name).exists()


@dataclass(frozen=True)
class Summary:
    """What a cell came to.

    Attributes:
        id: the kernel's.
        boot_seconds: of its first machine, None if none booted.
        counts: how many cases came to which verdict.
        seconds: how long the cell took.
        problem: why there is less than there should be, one line; "" if all is well.
        blame: whose problem it is: that of the arguments (USAGE), ours or the machine's (HARNESS),
            nobody's (NOTHING: there was nothing to do; CLEAN: the kernel is not available).
        cases: all results.
        directory: where everything about it is.
    """

    id: str
    boot_seconds: float | None = None
    counts: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    problem: str = ""
    blame: Status = Status.CLEAN
    cases: tuple[Case, ...] = ()
    directory: Path = Path()

    @property
    def total(self) -> int:
        """The number of cases."""
        return sum(self.counts.values())


def judge(journal: Journal, exit_status: int | None, killed: str, log: str) -> tuple[str, Status]:
    """What was wrong with a cell apart from its cases: problem and blame, see Summary.

    Args:
        journal: all that there is of it.
        exit_status: pytest's; negative for a signal, None if it is not known.
        killed: why we ended it, "" if we did not.
        log: the last part of its output.
    """
    if killed:
        return killed, Status.HARNESS
    if exit_status is None and journal.finish is not None:
        exit_status = journal.finish.get("exitstatus")
    if exit_status is not None and exit_status < 0:
        return f"pytest was killed by signal {-exit_status}", Status.HARNESS
    if journal.stopped:
        return journal.stopped, Status.HARNESS
    if exit_status == PytestExit.USAGE:
        return last_words(log), Status.USAGE
    no_boot = [boot["failed"] for boot in journal.boots if "failed" in boot]
    if exit_status == PytestExit.INTERNAL and no_boot:
        return f"no machine: {no_boot[-1]}", Status.HARNESS
    if exit_status == PytestExit.INTERNAL:
        return f"pytest failed: {last_words(log)}", Status.HARNESS
    if exit_status == PytestExit.NO_CASES or (exit_status == PytestExit.OK and not journal.cases):
        return "no case was selected", Status.NOTHING
    if exit_status == PytestExit.INTERRUPTED:
        return "pytest was interrupted", Status.HARNESS
    if exit_status not in (None, PytestExit.OK, PytestExit.FAILED):
        return f"pytest ended with status {exit_status}: {last_words(log)}", Status.HARNESS
    if journal.finish is None or journal.running:
        where = f" in {next(iter(journal.running))}" if journal.running else ""
        return f"the run was cut off{where}", Status.HARNESS
    if not journal.cases:
        return "no case ran", Status.HARNESS
    return "", Status.CLEAN


_ERROR = re.compile(r"(?i)(?:^|.*[\s:])(?:usage)?error: *(?!usage:)(?P<text>.+)")
_EXIT = re.compile(r"!* *[\w.]*\bExit: (?P<text>.+?)[ !]*")


def last_words(log: str) -> str:
    """The line of a log that says most: the last one that is called an error, or the last."""
    lines = [line.strip() for line in log.splitlines() if line.strip(" =_-")]
    errors = [match["text"] for line in lines if (match := _ERROR.fullmatch(line))]
    line = (errors or lines or ["it said nothing"])[-1]
    exit_line = _EXIT.fullmatch(line)
    return exit_line["text"] if exit_line else line


def status(summaries: Sequence[Summary]) -> Status:
    """The exit status of a run: what leaves its result in doubt comes before what it found."""
    blames = {summary.blame for summary in summaries}
    counts: Counter[str] = sum((summary.counts for summary in summaries), Counter())
    if Status.HARNESS in blames or any(counts[verdict] for verdict in OWN_FAULTS):
        return Status.HARNESS
    if Status.USAGE in blames:
        return Status.USAGE
    if any(counts[verdict] for verdict in FINDINGS):
        return Status.FINDINGS
    return Status.CLEAN if counts["pass"] or counts["deviation"] else Status.NOTHING
