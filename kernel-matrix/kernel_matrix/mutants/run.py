"""Runs the suites against mutants, in several machines at once.

Every catch is proved: the case that failed passes with the mutant off, and fails again with it on.
Results do not depend on which machine is faster: what was learnt of earlier mutants is used only
from one round of mutants to the next.
"""

import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from helpers.errors import UserError
from helpers.kernel import Kernel
from kernel_matrix.mutants import order
from kernel_matrix.mutants.manifest import Mutant
from kernel_matrix.mutants.slots import Lost, Slot

ROUND = 16
"""So many mutants are run with what was learnt before them."""

DEADLINE = 120.0
"""Seconds that one mutant may take."""

_STATUS = ("caught", "survived", "not buildable", "equivalent", "no verdict", "not run")


@dataclass(frozen=True)
class Outcome:
    """What became of a mutant.

    Attributes:
        mutant: which.
        status: caught, survived, not buildable, equivalent, no verdict (its deadline passed, or
            its machine did not boot), or not run.
        note: why, where it was not caught.
        case: which case caught it.
        clauses: what that case checks.
        verdict: fail, crash or hang.
        message: what was seen.
        seconds: that it took.
        ran: how many cases ran.
        errors: cases that said nothing because their set-up failed.
        flakes: cases that failed with it, and not again.
        found: everything about the case that caught it: transcript, console.
    """

    mutant: Mutant
    status: str
    note: str = ""
    case: str = ""
    clauses: tuple[str, ...] = ()
    verdict: str = ""
    message: str = ""
    seconds: float = 0.0
    ran: int = 0
    errors: int = 0
    flakes: tuple[str, ...] = ()
    found: dict[str, Any] = field(default_factory=dict, compare=False)

    @property
    def suite(self) -> str:
        """The suite that caught it, "" if none did."""
        return self.case.split("/")[1] if self.case.count("/") > 1 else self.case.partition("::")[0]


@dataclass(frozen=True)
class Target:
    """A mutant, and the kernel that it is in.

    Attributes:
        mutant: which.
        kernel: that has it.
        number: that makes it active; 0 if it always is.
        debug: the kernel is a debug kernel.
    """

    mutant: Mutant
    kernel: Kernel
    number: int
    debug: bool = False


Watch = Callable[[Outcome], None]
"""Told of each outcome, from any thread."""


@dataclass
class Run:
    """A run over mutants.

    Attributes:
        control: a kernel without any active mutant.
        directory: for logs.
        accel: "auto", "kvm" or "tcg".
        jobs: machines at once.
        watch: who is told.
        deadline: seconds for a mutant.
        unusable: cases that fail without a mutant too.
        slot: makes a process for a target's kernel and a directory.
    """

    control: Kernel
    directory: Path
    accel: str
    jobs: int
    watch: Watch
    deadline: float = DEADLINE
    unusable: set[str] = field(default_factory=set)
    slot: "Callable[[Target, Path], Slot] | None" = None
    _knowledge: order.Knowledge = field(default_factory=order.Knowledge)
    _slots: list[Slot] = field(default_factory=list)
    _controls: list[Slot] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _stop: threading.Event = field(default_factory=threading.Event)

    def execute(self, targets: Sequence[Target]) -> None:
        """Run them all; targets of one kernel are run together.

        Raises:
            UserError: no machine boots.
            KeyboardInterrupt: somebody wants it to end; everything has been ended.
        """
        kernels: dict[str, list[Target]] = {}
        for target in targets:
            kernels.setdefault(target.kernel.id, []).append(target)
        # The threads last as long as the run: a process dies with the thread that started it.
        pool = ThreadPoolExecutor(self.jobs)
        try:
            for group in kernels.values():
                for begin in range(0, len(group), ROUND):
                    self._round(pool, group[begin : begin + ROUND])
        finally:
            self._stop.set()
            for slot in (*self._slots, *self._controls):
                slot.close()
            pool.shutdown()

    def _round(self, pool: ThreadPoolExecutor, targets: Sequence[Target]) -> None:
        todo: queue.SimpleQueue[Target] = queue.SimpleQueue()
        for target in targets:
            todo.put(target)
        done: list[Outcome] = []
        slots = self._ready(targets[0], len(targets))
        working = [pool.submit(self._work, slot, todo, done) for slot in slots]
        # Not a plain wait: it would not let an interrupt through.
        while not all(work.done() for work in working):
            time.sleep(0.05)
        for work in working:
            work.result()
        for outcome in sorted(done, key=lambda outcome: outcome.mutant.id):
            # a case that notices by waiting until its deadline is no good first try
            if outcome.status == "caught" and outcome.verdict != "hang":
                self._knowledge.caught(outcome.mutant, outcome.case)

    def _new_slot(self, target: Target, directory: Path) -> Slot:
        if self.slot is not None:
            return self.slot(target, directory)
        settable = target.number != 0
        return Slot(target.kernel, directory, self.accel, settable, target.debug)

    def _ready(self, target: Target, wanted: int) -> list[Slot]:
        """As many slots for a kernel as are of use; those of another one are ended."""
        for slot in [slot for slot in self._slots if slot.kernel != target.kernel]:
            slot.close()
            self._slots.remove(slot)
        while len(self._slots) < min(self.jobs, wanted):
            directory = self.directory / f"slot-{len(self._slots) + 1}"
            self._slots.append(self._new_slot(target, directory))
        return self._slots[:wanted]

    def _work(self, slot: Slot, todo: "queue.SimpleQueue[Target]", done: list[Outcome]) -> None:
        while not self._stop.is_set():
            try:
                target = todo.get_nowait()
            except queue.Empty:
                return
            started = time.monotonic()
            try:
                if not slot.running:
                    slot.start()
                    started = time.monotonic()
                outcome = self._examine(target, slot, started)
            except (Lost, UserError) as error:
                if self._stop.is_set():
                    return
                if isinstance(error, UserError) and target.number:
                    self._stop.set()
                    raise
                seconds = time.monotonic() - started
                outcome = Outcome(target.mutant, "no verdict", str(error), seconds=seconds)
            with self._lock:
                done.append(outcome)
            self.watch(outcome)

    def _examine(self, target: Target, slot: Slot, started: float) -> Outcome:
        until = started + self.deadline * (5 if target.debug else 1)
        left = order.of(target.mutant, slot.cases, self._knowledge)
        ran = errors = 0
        flakes = []
        while left := [ident for ident in left if ident not in self.unusable]:
            answer = slot.ask(left, target.number, until)
            ran += answer["ran"]
            errors += len(answer["errors"])
            found = answer["found"]
            if found is None:
                break
            case = found["id"]
            left = left[left.index(case) + 1 :]
            if not self._passes_without(case, target, slot, until):
                continue
            again = slot.ask([case], target.number, until)["found"]
            if again is None:
                flakes.append(case)
                continue
            return Outcome(
                target.mutant, "caught", "", case, tuple(found["clauses"]), found["verdict"],
                found["message"], time.monotonic() - started, ran, errors, tuple(flakes), found,
            )  # fmt: skip
        return Outcome(
            target.mutant, "survived", seconds=time.monotonic() - started,
            ran=ran, errors=errors, flakes=tuple(flakes),
        )  # fmt: skip

    def _passes_without(self, case: str, target: Target, slot: Slot, until: float) -> bool:
        """Whether a case passes with no mutant; if need be on a machine that nobody has harmed."""
        if target.number:
            for fresh in (False, True):
                answer = slot.ask([case], 0, until, fresh=fresh)
                if answer["found"] is None and not answer["errors"]:
                    return True
        else:
            control = Slot(self.control, self.directory / "control", self.accel, debug=target.debug)
            self._controls.append(control)
            try:
                if self._stop.is_set():  # else it may have been too late to be closed
                    raise Lost("interrupted")
                control.start()
                answer = control.ask([case], 0, until)
            finally:
                control.close()
                self._controls.remove(control)
            if answer["found"] is None and not answer["errors"]:
                return True
        self.unusable.add(case)
        return False


def count(outcomes: Sequence[Outcome]) -> dict[str, int]:
    """How many outcomes have which status."""
    return {s: n for s in _STATUS if (n := sum(o.status == s for o in outcomes))}
