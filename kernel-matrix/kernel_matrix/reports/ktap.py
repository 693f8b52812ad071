"""KTAP version 1, Documentation/dev-tools/ktap.rst of the kernel: a kernel is a test of its cases.

Diagnostics come before the result that they belong to. Their texts are indented after the "#", so
that none of them can be taken for "# Subtest: ...", which parsers look for.
"""

from collections import Counter
from collections.abc import Iterator

from kernel_matrix.cells import Status
from kernel_matrix.journal import Case
from kernel_matrix.reports.results import KernelResults, Results
from kernel_matrix.reports.texts import clean, cut, dotted, explained, facts, one_line

_TOTALS = ("pass", "fail", "xfail", "xpass", "skip", "error")
_COUNTED = {
    "pass": "pass",
    "fail": "fail",
    "stale": "xpass",
    "deviation": "xfail",
    "skip": "skip",
    "crash": "fail",
    "hang": "fail",
    "error": "error",
    "miss": "error",
}
_OK = ("pass", "skip", "deviation")
_DIRECTIVE = 200


def render(results: Results) -> str:
    """The whole document."""
    lines = ["KTAP version 1", f"1..{len(results.kernels)}"]
    counts: Counter[str] = Counter()
    for number, kernel in enumerate(results.kernels, 1):
        ok, part = _kernel(kernel, number)
        lines += part
        counts["pass" if ok else "fail"] += 1
    lines.append(_totals(counts))
    return "\n".join(lines) + "\n"


def _kernel(kernel: KernelResults, number: int) -> tuple[bool, list[str]]:
    summary = kernel.summary
    harmless = summary.blame in (Status.CLEAN, Status.NOTHING)
    ok = (harmless or not summary.problem) and all(case.verdict in _OK for case in summary.cases)
    lines = [f"# {key}: {_text(value)}" for key, value in facts(kernel).items()]
    if summary.cases:
        lines += [f"  {line}" for line in _cases(kernel)]
    directive = ""
    if summary.problem:
        directive = f" # {'SKIP' if ok else 'ERROR'} {_text(summary.problem)}"
    return ok, [*lines, f"{'ok' if ok else 'not ok'} {number} {_name(kernel.id)}{directive}"]


def _cases(kernel: KernelResults) -> Iterator[str]:
    cases = kernel.summary.cases
    yield "KTAP version 1"
    yield f"1..{len(cases)}"
    for number, case in enumerate(cases, 1):
        yield from _diagnostics(case)
        path, name = dotted(case.id)
        ok = "ok" if case.verdict in _OK else "not ok"
        yield f"{ok} {number} {_name(f'{path}.{name}')}{_directive(case)}"
    yield _totals(Counter(_COUNTED[case.verdict] for case in cases))


def _directive(case: Case) -> str:
    match case.verdict:
        case "skip":
            return f" # SKIP {_text(case.message)}"
        case "deviation":
            return f" # XFAIL {_text(case.known)}"
        case "hang":
            return f" # TIMEOUT {max(1, round(case.seconds))} seconds"
        case "crash":
            return f" # ERROR kernel panic: {_text(case.headline.removeprefix('panic: '))}"
        case "miss":
            return " # ERROR not run"
        case "error":
            return f" # ERROR {_text(case.message)}"
    return ""


def _diagnostics(case: Case) -> Iterator[str]:
    if case.verdict in ("pass", "skip", "miss"):
        return
    for line in clean(cut(explained(case))).splitlines():
        yield f"#   {line}".rstrip()


def _name(text: str) -> str:
    """A description: one line without "#"."""
    return one_line(clean(text)).replace("#", "_")


def _text(text: str) -> str:
    return one_line(clean(text)).replace("#", "_")[:_DIRECTIVE]


def _totals(counts: Counter[str]) -> str:
    return "# Totals: " + " ".join(f"{key}:{counts[key]}" for key in _TOTALS)
