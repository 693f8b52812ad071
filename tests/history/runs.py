"""Results made up for tests of the history."""

from collections import Counter

from kernel_matrix.cells import Status, Summary
from kernel_matrix.journal import Attempt, Case
from kernel_matrix.reports.results import KernelResults, Results

CALL = "suites/vmsplice/test_length.py::test_length"
CLAUSE = "vmsplice:errors:einval"
DAY = 86400.0
START = 1_795_000_000.0

WORDS = {
    "pass": {"verdict": "pass"},
    "einval": {"verdict": "fail", "observed": "-1 EINVAL (Invalid argument)", "message": "at 0x1f"},
    "efault": {"verdict": "fail", "observed": "-1 EFAULT (Bad address)"},
    "crash": {"verdict": "crash", "message": "Kernel panic"},
    "lacks": {"verdict": "skip", "skip": {"class": "kernel-lacks", "reason": "ENOSYS"}},
    "root": {"verdict": "skip", "skip": {"class": "privilege", "reason": "not root"}},
    "error": {"verdict": "error", "message": "KeyError"},
    "again": {"verdict": "fail", "message": "x", "attempts": (Attempt("pass"),)},
}


def case(row: str, word: str, seconds: float = 0.0125) -> Case:
    return Case(
        f"{CALL}[{row}]", seconds=seconds, clauses=(CLAUSE,), strength="documented", **WORDS[word]
    )


def kernel(
    ident: str,
    days: float,
    words: dict[str, str],
    version: str = "6.1.1",
    problem: str = "",
    seconds: float = 0.0125,
) -> KernelResults:
    """A kernel of a run so many days after the first."""
    cases = tuple(case(row, word, seconds) for row, word in words.items())
    blame = Status.HARNESS if problem else Status.CLEAN
    counts = Counter(each.verdict for each in cases)
    summary = Summary(ident, 2.5, counts, 7.25, problem, blame, cases)
    described = {"release": f"{version}-amd64", "version": version, "arch": "x86_64"}
    boots = ({"what": "qemu tcg, virtio", "seconds": 2.5},)
    return KernelResults(summary, described, "v1", START + days * DAY, boots=boots)


def run(*kernels: KernelResults) -> Results:
    return Results("results/r", kernels)
