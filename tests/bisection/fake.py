"""A kernel's tree in which a file says what becomes of each commit; a step that reads it.

    python -m tests.bisection.fake PLAN

is a step of a bisection without a compiler and without a machine.
"""

import os
import signal
import sys
from pathlib import Path

from helpers.errors import UserError
from helpers.kernel import Kernel
from kernel_matrix import bisect_step
from kernel_matrix.bisect_build import Unbuildable
from kernel_matrix.bisect_step import Finding, Plan
from kernel_matrix.cells import Status, Summary
from kernel_matrix.journal import Attempt, Case
from kernel_matrix.providers import Say
from kernel_matrix.reports.results import KernelResults

CASE = "suites/vmsplice/test_x.py::test_y[row]"
UP = ({"what": "qemu tcg", "seconds": 1.0, "hello": {}},)
DOWN = ({"failed": "nothing on the console", "seconds": 60.0},)

CASES = {
    "pass": {"verdict": "pass"},
    "einval": {"verdict": "fail", "observed": "-1 EINVAL (Invalid argument)"},
    "efault": {"verdict": "fail", "observed": "-1 EFAULT (Bad address)"},
    "says-1": {"verdict": "pass", "observed": "1", "strength": "observed"},
    "says-2": {"verdict": "pass", "observed": "2", "strength": "observed"},
    "crash": {"verdict": "crash", "message": "Kernel panic"},
    "skip": {"verdict": "skip", "skip": {"class": "config", "reason": "CONFIG_X is not set"}},
    "error": {"verdict": "error", "message": "KeyError"},
    "miss": {"verdict": "miss", "message": "collected, but never started"},
    "flaky": {"verdict": "fail", "attempts": (Attempt("pass"),)},
}


def build(plan: Plan, sha: str, directory: Path, say: Say) -> Kernel:
    word = (plan.tree / "answer").read_text().strip()
    if word == "nobuild":
        raise Unbuildable("fs/splice.c:1: error: expected ';'")
    if word == "bug":
        raise ZeroDivisionError("ours")
    if word == "full":
        raise UserError("No space left on device")
    if word == "sleep":
        partial = directory / "partial"
        partial.write_text(str(os.getpid()))
        partial.rename(directory / "sleeping")
        signal.pause()
    say(f"built {word}")
    return Kernel(f"path:{sha}", sha[:12], origin=word, sha256=word)


def run(plan: Plan, kernel: Kernel, directory: Path) -> Finding:
    (directory / "ran").touch()
    return bisect_step.read(results(kernel.origin, plan.case), plan.case, kernel.sha256)


def results(word: str, ident: str) -> KernelResults:
    """What a run leaves."""
    if word == "noboot":
        summary = Summary("k", problem="no machine: it hangs", blame=Status.HARNESS)
        return KernelResults(summary, boots=DOWN)
    if word == "usage":
        summary = Summary("k", problem="not found: suites/x.py", blame=Status.USAGE)
        return KernelResults(summary)
    return KernelResults(Summary("k", cases=(Case(ident, **CASES[word]),)), boots=UP)


def script(plan: Path) -> list[str]:
    return [sys.executable, "-P", "-m", "tests.bisection.fake", str(plan)]


if __name__ == "__main__":
    sys.exit(bisect_step.main(sys.argv[1:], build, run))
