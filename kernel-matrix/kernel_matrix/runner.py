"""Runs cells: resolves the kernels, starts pytest for each, follows the journals.

Two threads resolve, those that take the longest first, so that the next kernel is downloaded while
others run: one of them the kernels that may have to be built, for which no other has to wait. As
many threads as there are slots run a cell each. The main thread only shows what they report.
"""

import json
import os
import queue
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from helpers.errors import UserError
from helpers.kernel import Kernel
from kernel_matrix import (
    about,
    cells,
    errands,
    expectations,
    journal,
    locked,
    providers,
    pytest_process,
    run_file,
    schedule,
)  # fmt: skip
from kernel_matrix.cells import Options, Status, Summary
from kernel_matrix.expectations import Deviation
from kernel_matrix.journal import Follower
from kernel_matrix.locked import Locked
from kernel_matrix.manifest import ROOT, Entry
from kernel_matrix.reports.results import KernelResults
from kernel_matrix.running_cell import Cell, Watch

TICK = 0.1
"""How often a journal is looked at, seconds."""

IDLE_SECONDS = 300.0
"""A cell whose journal does not grow for so long is ended, times the timeout scale."""

STOP_SECONDS = 30.0
"""So long after Ctrl-C everything has ended, or is given up."""

_NO_MORE = float("inf")


class Interrupted(Exception):
    """Somebody wants the run to end."""


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
        deviations: the expectations, for what is shown meanwhile.
        locks: exactly which kernels to take, by id; {} leaves it to the selectors.
        over: set when every cell has its summary.
    """

    directory: Path
    cells: list[Cell]
    options: Options
    jobs: int
    watch: Watch
    idle_seconds: float = IDLE_SECONDS
    deviations: tuple[Deviation, ...] = ()
    locks: dict[str, Locked] = field(default_factory=dict)
    over: threading.Event = field(default_factory=threading.Event)
    _stop: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _ended: set[str] = field(default_factory=set)

    @classmethod
    def planned(
        cls,
        directory: Path,
        entries: Sequence[Entry],
        options: Options,
        jobs: int,
        watch: Watch,
        deviations: tuple[Deviation, ...] = (),
    ) -> "Run":
        """A run over kernels, each with a directory of its own."""
        names = cells.directories([entry.id for entry in entries])
        seconds = run_file.last_seconds(ROOT / "results", options.words)
        planned = [
            Cell(entry, directory / name, expected=seconds.get(entry.id))
            for entry, name in zip(entries, names, strict=True)
        ]
        scale = max(1.0, options.timeout_scale)
        return cls(directory, planned, options, jobs, watch, IDLE_SECONDS * scale, deviations)

    def stop(self) -> None:
        """End it soon; what is running is told to report what it has. May be called again."""
        self._stop.set()
        errands.end_all()

    def execute(self) -> None:
        """Start it and return; see over."""
        self._write()
        ready: queue.PriorityQueue[_Ready] = queue.PriorityQueue()
        known = {c.entry.id: c.expected for c in self.cells if c.expected is not None}
        order = schedule.longest_first([c.entry.id for c in self.cells], known)
        ordered = sorted(self.cells, key=lambda cell: order.index(cell.entry.id))
        lanes = [
            [cell for cell in ordered if cell.may_be_built is built] for built in (False, True)
        ]
        resolving = [
            threading.Thread(target=self._resolve_all, args=(lane, ready), daemon=True)
            for lane in lanes
        ]
        for thread in resolving:
            thread.start()

        def finish() -> None:
            for thread in resolving:
                thread.join()
            for number in range(self.jobs):
                ready.put((_NO_MORE, number, None))

        threading.Thread(target=finish, daemon=True).start()
        for _ in range(self.jobs):
            threading.Thread(target=self._work, args=(ready,), daemon=True).start()

    def _resolve_all(self, lane: list[Cell], ready: "queue.PriorityQueue[_Ready]") -> None:
        for place, cell in enumerate(lane):
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
                problem = "not started: interrupted" if self._stop.is_set() else str(error)
                self._end(cell, Summary(cell.entry.id, problem=problem, blame=Status.HARNESS))
            except Exception as error:
                problem = f"internal error: {type(error).__name__}: {error}"
                self._end(cell, Summary(cell.entry.id, problem=problem, blame=Status.HARNESS))
            else:
                self._phase(cell, "ready", cell.kernel.origin if cell.kernel else "")
                longest = -_NO_MORE if cell.expected is None else -cell.expected
                ready.put((longest, place + len(self.cells) * cell.may_be_built, cell))

    def _resolve(self, cell: Cell) -> None:
        def say(line: str) -> None:
            if self._stop.is_set():
                raise Interrupted
            if line.startswith("downloading"):
                cell.phase = "download"
            cell.note = line
            self.watch(cell, "note", None)

        lock = self.locks.get(cell.entry.id)
        if lock is not None:
            kernel = locked.resolve(lock, say)
        else:
            kernel = cell.entry.applied(providers.resolve(cell.entry.selector, say))
        cell.kernel = kernel
        cell.deviations = self._about(kernel)
        try:
            cell.directory.mkdir(parents=True)
            description = json.dumps(kernel.to_json(), indent=1) + "\n"
            (cell.directory / "kernel.json").write_text(description)
            about.keep_config(kernel, cell.directory)
        except OSError as error:
            raise UserError(f"cannot write to {cell.directory}: {error.strerror}") from error

    def _about(self, kernel: Kernel, traits: frozenset[str] = frozenset()) -> tuple[Deviation, ...]:
        """The expectations about a kernel, as far as it is known."""
        found = KernelResults(Summary(kernel.id), kernel.to_json(), traits=traits)
        return tuple(each for each in self.deviations if each.on(found))

    def _work(self, ready: "queue.PriorityQueue[_Ready]") -> None:
        while (cell := ready.get()[2]) is not None:
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
        local = cell.kernel is not None and not cell.kernel.disposable
        self._phase(cell, "start" if local else "boot", "")
        follower = Follower(cell.directory / journal.NAME)
        log = cell.directory / "pytest.log"
        argv = cells.pytest_argv(cell.directory, self.options, ROOT)
        with log.open("wb") as output:
            process = pytest_process.start(argv, None if self.options.interactive else output)
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
                pytest_process.end(process)
                return "interrupted"
            idle = time.monotonic() - last
            if idle > self.idle_seconds and not self.options.interactive:
                pytest_process.end(process)
                where = ", ".join(follower.journal.running) or "no case"
                return f"nothing happened for {idle:.0f} s (running: {where}); ended"

    def _take(self, cell: Cell, follower: Follower, entry: dict[str, Any]) -> None:
        read = follower.journal
        cell.total = len(read.collected)
        if entry["t"] == "boot" and cell.phase == "boot":
            self._phase(cell, "run", str(entry.get("what", "")))
        elif entry["t"] == "traits" and cell.kernel is not None:
            cell.deviations = self._about(cell.kernel, read.traits)
        elif entry["t"] == "start":
            cell.note = entry["id"]
            if cell.phase == "start":
                self._phase(cell, "run", entry["id"])
        elif entry["t"] == "end" and entry["id"] in read.cases:
            case = expectations.judge_case(read.cases[entry["id"]], cell.deviations)
            if case.attempts:
                self.watch(cell, "again", case)
            else:
                cell.counts[case.verdict] += 1
                self.watch(cell, "case", case)

    def _phase(self, cell: Cell, phase: str, note: str) -> None:
        cell.phase, cell.note = phase, note
        self.watch(cell, "phase", None)

    def _end(self, cell: Cell, summary: Summary) -> None:
        cell.summary = summary
        judged = (expectations.judge_case(case, cell.deviations) for case in summary.cases)
        cell.counts = Counter(case.verdict for case in judged)
        try:
            self._write()
        except OSError as error:
            problem = f"cannot write to {self.directory}: {error.strerror}"
            cell.summary = replace(summary, problem=problem, blame=Status.HARNESS)
        try:
            blamed = "failed" if cell.summary.blame is not Status.CLEAN else "left out"
            self._phase(cell, blamed if cell.summary.problem else "done", cell.summary.problem)
        finally:
            # whatever happens to a thread, nobody waits for it for ever
            with self._lock:
                self._ended.add(cell.entry.id)
                if len(self._ended) == len(self.cells):
                    self.over.set()

    def _write(self) -> None:
        """run.json: what the journals alone do not tell, for reports made later."""
        with self._lock:
            data = {
                "words": self.options.words,
                "shard": self.options.shard,
                "cells": [cell.to_json() for cell in self.cells],
            }
            run_file.write(self.directory, data)


_Ready = tuple[float, int, Cell | None]
"""A cell that can be run, those first of which the numbers are smaller; None: there are no more."""


def unfinished(cell: Cell) -> Summary:
    """The summary of a cell whose thread was given up."""
    read = journal.load(cell.directory / journal.NAME)
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
