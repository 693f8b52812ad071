"""A run with one case of each verdict, and kernels that came to nothing."""

from collections import Counter
from dataclasses import replace

from kernel_matrix.cells import Status, Summary
from kernel_matrix.journal import Case
from kernel_matrix.reports.results import KernelResults, Results

EINVAL = "-1 EINVAL (Invalid argument)"
PATH = "suites/vmsplice/test_length.py"
CALLS = "caller 41: vmsplice(5, [{iov_base=0x7f00, iov_len=4096}], 1, 0) = -1 EINVAL"


def case(row: str, verdict: str, **fields: object) -> Case:
    values = {"clauses": ("vmsplice:errors:einval",), "strength": "documented"} | fields
    return Case(f"{PATH}::test_x[{row}]", verdict, 0.0123, started=1795392843.25, **values)


CASES = (
    case("pass", "pass"),
    case(
        "fail",
        "fail",
        message=f"assert vmsplice(5) = {EINVAL}",
        observed=EINVAL,
        expected="-1 EFAULT (Bad address)",
        transcript=CALLS,
    ),
    case("stale", "stale", was="pass", message="passes, but x.toml:1 expects it to fail: old"),
    case("crash", "crash", message="Kernel panic - not syncing: x", console="[1.0] x\n[1.1] y\n"),
    case("hang", "hang", message="blocked in pipe_read"),
    case("error", "error", message="KeyError: 'a'", longrepr="Traceback"),
    case("miss", "miss", message="collected, but never started"),
    case(
        "skip",
        "skip",
        message="kernel-lacks: ENOSYS",
        skip={"class": "kernel-lacks", "reason": "ENOSYS"},
    ),
    case(
        "deviation",
        "deviation",
        was="fail",
        message=f"assert vmsplice(5) = {EINVAL}",
        observed=EINVAL,
        known="since 6.1 (commit 0123)",
    ),
)


def kernel(
    ident: str, version: str, *cases: Case, problem: str = "", blame: Status = Status.HARNESS
) -> KernelResults:
    counts = Counter(each.verdict for each in cases)
    blame = blame if problem else Status.CLEAN
    boot = 2.5 if cases else None
    summary = Summary(ident, boot, counts, 7.25, problem, blame, cases)
    described = {"release": f"{version}-amd64", "version": f"{version}-1", "arch": "x86_64"}
    described["sha256"] = "0123abcd" * 8
    boots = ({"what": "qemu tcg, virtio", "seconds": 2.5},) if cases else ()
    return KernelResults(summary, described, "v1-3-gabcdef", 1795392841.5, boots=boots)


def run(source: str, *kernels: KernelResults) -> Results:
    return Results(source, kernels)


_ABSENT = kernel("debian:6.99", "", problem="not available", blame=Status.CLEAN)
RUN = run(
    "results/r",
    kernel("debian:6.1", "6.1.192", *CASES),
    kernel("debian:7.3", "7.3.4", problem="the machine did not boot"),
    replace(_ABSENT, kernel={}, started=0.0),
)
