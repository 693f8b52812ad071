"""What a machine and a cell cost, measured."""

import json
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from helpers.errors import MachineLost, UserError
from helpers.kernel import Kernel
from kernel_matrix import cells, journal
from kernel_matrix.cells import Options, PytestExit
from kernel_matrix.manifest import ROOT
from kernel_matrix.providers import Say

_PINGS = 400
_WARM_UP = 20
_HELLO_SECONDS = 120.0
_BARE_SECONDS = 120.0

_UNITS = {
    "bare_boot": ("s", 1.0),
    "hello": ("s", 1.0),
    "rtt_8": ("ms", 1000.0),
    "rtt_64": ("ms", 1000.0),
    "cases_per_second": ("/s", 1.0),
    "cell": ("s", 1.0),
    "ratio": ("", 1.0),
}
"""The figures in the order in which they are told; unit and factor for people, JSON has seconds."""


@dataclass(frozen=True)
class Figure:
    """One measured quantity: seconds, or a number where there is no unit of time."""

    min: float
    median: float
    max: float

    @classmethod
    def of(cls, samples: list[float]) -> "Figure":
        """From at least one sample."""
        return cls(min(samples), statistics.median(samples), max(samples))

    def to_json(self) -> dict[str, float]:
        """The keys min, median and max."""
        return {"min": self.min, "median": self.median, "max": self.max}


@dataclass(frozen=True)
class Settings:
    """How to measure.

    Attributes:
        accel: "auto", "kvm" or "tcg".
        channel: "auto", "virtio" or "serial".
        repeat: how often.
        suite: what a whole cell runs, a path in the work tree.
    """

    accel: str
    channel: str
    repeat: int
    suite: str


def measure(kernel: Kernel, settings: Settings, say: Say) -> dict[str, Figure]:
    """All figures. What is compared is measured in turn, so that both see the same other load.

    Raises:
        UserError: the kernel cannot be booted, or the cell does not run.
    """
    if kernel.image is None:
        raise UserError("bench measures machines, and the running kernel is none; name another")
    if not (ROOT / settings.suite.partition("::")[0]).exists():
        raise UserError(f"no {settings.suite} in the work tree; name what a cell runs with --suite")
    samples: dict[str, list[float]] = {name: [] for name in _UNITS}
    with tempfile.TemporaryDirectory(prefix="kernel-matrix-bench-") as name:
        place = Path(name)
        # The first start builds agent and initramfs and probes KVM, and fills the page cache.
        say("warming up")
        _bare_boot(kernel, settings, place / "warm-up")
        for turn in range(settings.repeat):
            say(f"measuring, {turn + 1} of {settings.repeat}")
            bare = _bare_boot(kernel, settings, place / f"bare-{turn}")
            hello, rtt_8, rtt_64 = _hello(kernel, settings, place / f"hello-{turn}")
            cell, rate = _cell(kernel, settings, place / f"cell-{turn}")
            values = (bare, hello, rtt_8, rtt_64, rate, cell, cell / bare)
            for key, value in zip(_UNITS, values, strict=True):
                samples[key].append(value)
    return {key: Figure.of(values) for key, values in samples.items()}


def render(figures: dict[str, Figure]) -> str:
    """A table for people."""
    lines = [f"{'':18}{'min':>10}{'median':>10}{'max':>10}"]
    for name, figure in figures.items():
        unit, factor = _UNITS[name]
        numbers = (figure.min * factor, figure.median * factor, figure.max * factor)
        lines.append((f"{name:18}" + "".join(f"{n:10.3f}" for n in numbers) + f"  {unit}").rstrip())
    return "\n".join(lines)


def _timed(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def _bare_boot(kernel: Kernel, settings: Settings, logdir: Path) -> float:
    """From the start of QEMU to its exit; only /init's argument differs from a machine's line."""
    from helpers.machine.qemu import QemuMachine

    machine = QemuMachine(
        kernel,
        accel=settings.accel,  # type: ignore[arg-type]
        channel=settings.channel,  # type: ignore[arg-type]
        logdir=logdir,
        poweroff=True,
    )
    start = time.perf_counter()
    try:
        machine.launch()
        assert machine.process is not None
        machine.process.wait(_BARE_SECONDS)
        seconds = time.perf_counter() - start
        if machine.process.returncode != 0:
            raise UserError(f"{kernel.id} does not power off: {machine.why_lost()}")
        return seconds
    except subprocess.TimeoutExpired:
        raise UserError(f"{kernel.id} does not power off within {_BARE_SECONDS:.0f} s") from None
    finally:
        machine.close()


def _hello(kernel: Kernel, settings: Settings, logdir: Path) -> tuple[float, float, float]:
    """Boot to hello, and the medians of many round trips of 8 and of 64 bytes."""
    from helpers.machine import open_machine
    from helpers.session import Session

    machine = open_machine(kernel, accel=settings.accel, channel=settings.channel, logdir=logdir)
    try:
        start = time.perf_counter()
        machine.start()
        session = Session(machine.channel, machine.why_lost)
        session.wait_hello(_HELLO_SECONDS)
        hello = time.perf_counter() - start
        trips = []
        for size in (8, 64):
            data = bytes(range(size))
            times = [_timed(lambda data=data: session.ping(data)) for _ in range(_WARM_UP + _PINGS)]  # type: ignore[misc]
            trips.append(statistics.median(times[_WARM_UP:]))
        return hello, trips[0], trips[1]
    except MachineLost as lost:
        raise UserError(f"{kernel.id}: {lost}") from lost
    finally:
        machine.close()


def _cell(kernel: Kernel, settings: Settings, directory: Path) -> tuple[float, float]:
    """A whole cell: seconds of the pytest process, and cases per second while cases ran."""
    directory.mkdir()
    (directory / "kernel.json").write_text(json.dumps(kernel.to_json()))
    options = Options(settings.accel, settings.channel, pytest=(settings.suite,))
    # What failed here is not what a user wants to see again with --lf.
    argv = [*cells.pytest_argv(directory, options, ROOT), "-o", f"cache_dir={directory / 'cache'}"]
    start = time.perf_counter()
    done = subprocess.run(
        argv, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    seconds = time.perf_counter() - start
    if done.returncode not in (PytestExit.OK, PytestExit.FAILED):
        words = cells.last_words(done.stdout + done.stderr)
        raise UserError(f"the cell ended with status {done.returncode}: {words}")
    return seconds, case_rate((directory / journal.NAME).read_text().splitlines())


def case_rate(lines: list[str]) -> float:
    """Cases per second in a journal, from the end of the first case to that of the last.

    The first case waits for the machine to boot, which is another figure.

    Raises:
        UserError: fewer than two cases ran.
    """
    read = journal.Journal()
    entries = [entry for entry in map(read.feed, lines) if entry is not None]
    ends = [entry["time"] for entry in entries if entry["t"] == "end"]
    if len(ends) < 2:
        raise UserError("fewer than two cases ran; nothing can be said about their rate")
    return float((len(ends) - 1) / (max(ends) - min(ends)))
