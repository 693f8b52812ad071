"""Results made up for tests."""

from collections import Counter

from kernel_matrix.cells import Status, Summary
from kernel_matrix.journal import Case
from kernel_matrix.reports.results import KernelResults, Results

EINVAL = "-1 EINVAL (Invalid argument)"
EFAULT = "-1 EFAULT (Bad address)"
CALL = "suites/vmsplice/test_length.py::test_length"


def case(name: str, verdict: str = "pass", **fields: object) -> Case:
    values = {"clauses": ("vmsplice:errors:einval",), "strength": "documented"} | fields
    return Case(f"{CALL}[{name}]", verdict, 0.01, **values)


def wrong(name: str, observed: str = EINVAL, **fields: object) -> Case:
    message = f"assert vmsplice(5) = {observed}"
    return case(name, "fail", observed=observed, expected=EFAULT, message=message, **fields)


def drifting(name: str, observed: str) -> Case:
    return case(name, observed=observed, strength="observed")


def kernel(ident: str, version: str, *cases: Case, problem: str = "") -> KernelResults:
    blame = Status.HARNESS if problem else Status.CLEAN
    counts = Counter(each.verdict for each in cases)
    summary = Summary(ident, 2.5, counts, 7.0, problem, blame, cases)
    described = {"release": f"{version}-amd64", "version": f"{version}-1", "arch": "x86_64"}
    return KernelResults(summary, described if version else {}, "v1-3-gabcdef", 1795392841.5)


def run(source: str, *kernels: KernelResults) -> Results:
    return Results(source, kernels)
