"""Runs cells: resolves the kernels, starts pytest for each, follows the journals.

One thread resolves, in order, so that the next kernel is downloaded while others run; as many
threads as there are slots run a cell each. The main thread only shows what they report.
"""

import json
import os
import queue
import shutil
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from helpers.cache import cache_dir
from helpers.errors import UserError
from helpers.kernel import Kernel
from kernel_matrix import cells, journal, providers
from kernel_matrix.cells import Options, Status, Summary
from kernel_matrix.journal import Case, Follower
from kernel_matrix.manifest import ROOT, Entry

TICK = 0.1
"""How often a journal is looked at, seconds."""

IDLE_SECONDS = 300.0
"""A cell whose journal does not grow for so long is ended, times the timeout scale."""

STOP_SECONDS = 30.0
"""So long after Ctrl-C everything has ended, or is given up."""

_GRACE_SECONDS = 10.0
_SCHEMA = 1


class Interrupted(Exception):
    """Somebody wants the run to end."""


@dataclass
class Cell:
    """A cell while it runs. Written by one thread, read by the one that shows it.

    Attributes:
        entry: the kernel that is asked for.
        directory: where everything about it goes.
        phase: waiting, resolve, download, boot, run, done or failed.
        note: one line about the phase.
        kernel: once it is resolved.
        summary: once it is over.
    """

    entry: Entry
    directory: Path
    phase: str = "waiting"
    note: str = ""
    kernel: Kernel | None = None
    total: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    started: float = 0.0
    summary: Summary | None = None


Watch = Callable[[Cell, str, Case | None], None]
"""Called at each change of a cell, from any thread: "phase", "note" or "case" with the case."""


def automatic_jobs(cpus: int, free_mb: int, wanted: int) -> int:
    """How many cells run side by side: at most two, a core and a gigabyte for each."""
    return max(1, min(2, cpus, free_mb // 1024, wanted))


def free_memory_mb() -> int:
    """MiB that new processes can have."""
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) // 1024
    except OSError:
        pass
    return 1024


def new_directory(explicit: Path | None) -> Path:
    """A directory for a run that holds nothing yet: the user's, or the next one in results/.

    Raises:
        UserError: the user's has something in it, or it cannot be made.
    """
    try:
        if explicit is not None:
            explicit.mkdir(parents=True, exist_ok=True)
            if any(explicit.iterdir()):
                raise UserError(f"{explicit} is not empty; a run never overwrites: name a new one")
            return explicit.absolute()
        results = ROOT / "results"
        results.mkdir(exist_ok=True)
        stamp = time.strftime("%Y%m%d-%H%M%S")
        number = 1
        while True:
            directory = results / f"{stamp}-{number}"
            try:
                directory.mkdir()
            except FileExistsError:
                number += 1
                continue
            _point_latest(results, directory)
            return directory
    except OSError as error:
        raise UserError(
            f"cannot make a directory for the run: {error}; name another with --out"
        ) from error


def _point_latest(results: Path, directory: Path) -> None:
    """results/latest; two runs at once may both try, and the later one stands."""
    link = results / f".latest.{os.getpid()}"
    link.unlink(missing_ok=True)
    link.symlink_to(directory.name)
    link.rename(results / "latest")


@dataclass
class Run:
    """A run of several cells.

    Attributes:
        directory: of the run.
        cells: in the order in which they are reported.
        options: what they are started with.
        jobs: how many at a time.
        watch: who is told.
        idle_seconds: see IDLE_SECONDS.
        over: set when every cell has its summary.
    """

    directory: Path
    cells: list[Cell]
    options: Options
    jobs: int
    watch: Watch
    idle_seconds: float = IDLE_SECONDS
    over: threading.Event = field(default_factory=threading.Event)
    _stop: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def planned(
        cls, directory: Path, entries: Sequence[Entry], options: Options, jobs: int, watch: Watch
    ) -> "Run":
        """A run over kernels, each with a directory of its own."""
        names = cells.directories([entry.id for entry in entries])
        planned = [Cell(e, directory / n) for e, n in zip(entries, names, strict=True)]
        scale = max(1.0, options.timeout_scale)
        return cls(directory, planned, options, jobs, watch, IDLE_SECONDS * scale)

    def stop(self) -> None:
        """End it soon; what is running is told to report what it has."""
        self._stop.set()

    def execute(self) -> None:
        """Start it and return; see over."""
        self._write()
        ready: queue.Queue[Cell | None] = queue.Queue()
        threading.Thread(target=self._resolve_all, args=(ready,), daemon=True).start()
        for _ in range(self.jobs):
            threading.Thread(target=self._work, args=(ready,), daemon=True).start()

    def _resolve_all(self, ready: "queue.Queue[Cell | None]") -> None:
        for cell in self.cells:
            if self._stop.is_set():
                self._end(cell, Summary(cell.entry.id, problem="not started: interrupted"))
                continue
            cell.started = time.monotonic()
            self._phase(cell, "resolve", cell.entry.selector)
            try:
                self._resolve(cell)
            except Interrupted:
                self._end(cell, Summary(cell.entry.id, problem="not started: interrupted"))
            except providers.NotAvailable as error:
                blame = Status.USAGE if cell.entry.explicit else Status.CLEAN
                self._end(cell, Summary(cell.entry.id, problem=str(error), blame=blame))
            except UserError as error:
                self._end(cell, Summary(cell.entry.id, problem=str(error), blame=Status.HARNESS))
            except Exception as error:
                problem = f"internal error: {type(error).__name__}: {error}"
                self._end(cell, Summary(cell.entry.id, problem=problem, blame=Status.HARNESS))
            else:
                self._phase(cell, "ready", cell.kernel.origin if cell.kernel else "")
                ready.put(cell)
        for _ in range(self.jobs):
            ready.put(None)

    def _resolve(self, cell: Cell) -> None:
        def say(line: str) -> None:
            if self._stop.is_set():
                raise Interrupted
            if line.startswith("downloading"):
                cell.phase = "download"
            cell.note = line
            self.watch(cell, "note", None)

        kernel = cell.entry.applied(providers.resolve(cell.entry.selector, say))
        cell.kernel = kernel
        try:
            cell.directory.mkdir(parents=True)
            description = json.dumps(kernel.to_json(), indent=1) + "\n"
            (cell.directory / "kernel.json").write_text(description)
        except OSError as error:
            raise UserError(f"cannot write to {cell.directory}: {error.strerror}") from error

    def _work(self, ready: "queue.Queue[Cell | None]") -> None:
        while (cell := ready.get()) is not None:
            cell.started = time.monotonic()
            try:
                summary = self._run_cell(cell)
            except Exception as error:
                problem = f"internal error: {type(error).__name__}: {error}"
                summary = Summary(cell.entry.id, problem=problem, blame=Status.HARNESS)
            self._end(cell, summary)

    def _run_cell(self, cell: Cell) -> Summary:
        if self._stop.is_set():
            return Summary(cell.entry.id, problem="not started: interrupted")
        local = cell.kernel is not None and cell.kernel.image is None
        self._phase(cell, "start" if local else "boot", "")
        follower = Follower(cell.directory / "journal.jsonl")
        log = cell.directory / "pytest.log"
        argv = cells.pytest_argv(cell.directory, self.options, ROOT)
        with log.open("wb") as output:
            process = _start(argv, None if self.options.interactive else output)
            killed = self._follow(cell, follower, process)
        for entry in follower.poll():
            self._take(cell, follower, entry)
        read = follower.journal
        tail = log.read_bytes()[-16384:].decode("utf-8", "replace")
        problem, blame = cells.judge(read, process.returncode, killed, tail)
        return Summary(
            cell.entry.id,
            read.boot_seconds,
            read.counts(),
            time.monotonic() - cell.started,
            problem,
            blame,
            tuple(read.results()),
            cell.directory,
        )

    def _follow(self, cell: Cell, follower: Follower, process: "subprocess.Popen[bytes]") -> str:
        """Until the process ends; the reason if it had to be ended."""
        last = time.monotonic()
        while True:
            try:
                process.wait(TICK)
                return ""
            except subprocess.TimeoutExpired:
                pass
            for entry in follower.poll():
                last = time.monotonic()
                self._take(cell, follower, entry)
            if self._stop.is_set():
                _end_process(process)
                return "interrupted"
            idle = time.monotonic() - last
            if idle > self.idle_seconds and not self.options.interactive:
                _end_process(process)
                where = ", ".join(follower.journal.running) or "no case"
                return f"nothing happened for {idle:.0f} s (running: {where}); ended"

    def _take(self, cell: Cell, follower: Follower, entry: dict[str, Any]) -> None:
        read = follower.journal
        cell.total = len(read.collected)
        if entry["t"] == "boot" and cell.phase == "boot":
            self._phase(cell, "run", str(entry.get("what", "")))
        elif entry["t"] == "start":
            cell.note = entry["id"]
            if cell.phase == "start":
                self._phase(cell, "run", entry["id"])
        elif entry["t"] == "end" and entry["id"] in read.cases:
            case = read.cases[entry["id"]]
            cell.counts[case.verdict] += 1
            self.watch(cell, "case", case)

    def _phase(self, cell: Cell, phase: str, note: str) -> None:
        cell.phase, cell.note = phase, note
        self.watch(cell, "phase", None)

    def _end(self, cell: Cell, summary: Summary) -> None:
        cell.summary = summary
        cell.counts = Counter(summary.counts)
        self._write()
        self._phase(cell, "failed" if summary.problem else "done", summary.problem)
        if all(each.summary is not None for each in self.cells):
            self.over.set()

    def _write(self) -> None:
        """run.json: what the journals alone do not tell, for reports made later."""
        with self._lock:
            data = {
                "schema": _SCHEMA,
                "cells": [
                    {
                        "id": cell.entry.id,
                        "selector": cell.entry.selector,
                        "directory": cell.directory.name,
                        "over": cell.summary is not None,
                        "seconds": cell.summary.seconds if cell.summary else None,
                        "problem": cell.summary.problem if cell.summary else "",
                        "blame": int(cell.summary.blame) if cell.summary else 0,
                    }
                    for cell in self.cells
                ],
            }
            partial = self.directory / ".run.json"
            partial.write_text(json.dumps(data, indent=1) + "\n")
            partial.rename(self.directory / "run.json")


def unfinished(cell: Cell) -> Summary:
    """The summary of a cell whose thread was given up."""
    read = journal.load(cell.directory / "journal.jsonl")
    return Summary(
        cell.entry.id,
        read.boot_seconds,
        read.counts(),
        time.monotonic() - cell.started if cell.started else 0.0,
        f"interrupted in phase {cell.phase}",
        Status.HARNESS,
        tuple(read.results()),
        cell.directory,
    )


def _start(argv: list[str], output: Any) -> "subprocess.Popen[bytes]":
    """pytest, in a session of its own unless it has the terminal; it does not outlive us."""
    environment = {
        **os.environ,
        "PYTHONUNBUFFERED": "1",
        # pytest rewrites a hundred modules at each start, 0.7 s, unless it may keep them somewhere.
        "PYTHONDONTWRITEBYTECODE": "",
        "PYTHONPYCACHEPREFIX": str(cache_dir() / "bytecode"),
    }
    if output is None:
        return subprocess.Popen(argv, cwd=ROOT, env=environment)
    if shutil.which("setpriv"):
        argv = ["setpriv", "--pdeathsig", "INT", *argv]
    return subprocess.Popen(
        argv,
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def _end_process(process: "subprocess.Popen[bytes]") -> None:
    """As Ctrl-C would, so that it writes what it has; by force when it does not."""
    group = os.getpgid(process.pid) == process.pid
    for number, seconds in ((signal.SIGINT, _GRACE_SECONDS), (signal.SIGKILL, _GRACE_SECONDS)):
        try:
            if group:
                os.killpg(process.pid, number)
            else:
                process.send_signal(number)
            process.wait(seconds)
        except ProcessLookupError:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            continue
        break
    if group:
        # What pytest left behind in its session.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
