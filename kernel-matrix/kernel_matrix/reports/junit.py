"""JUnit XML: the elements that Jenkins, GitLab and the actions of GitHub all understand.

There is no standard. One testsuite for each kernel; the kernel is also in each classname, because
GitLab shows nothing else, and takes only the first of two cases with one classname and name.
"""

from collections import Counter
from collections.abc import Iterator
from xml.sax.saxutils import escape

from kernel_matrix.cells import Status
from kernel_matrix.journal import Case
from kernel_matrix.reports.results import KernelResults, Results
from kernel_matrix.reports.texts import cut, dotted, explained, facts, one_line, stamp, xml

_ELEMENTS = {
    "fail": ("failure", "assertion"),
    "stale": ("failure", "stale_expectation"),
    "crash": ("error", "kernel_crash"),
    "hang": ("error", "timeout"),
    "error": ("error", "harness"),
    "miss": ("error", "not_run"),
    "skip": ("skipped", "skip"),
    "deviation": ("skipped", "xfail"),
}
_COUNTED = {"failure": "failures", "error": "errors", "skipped": "skipped"}

_ATTRIBUTE = {'"': "&quot;", "\n": "&#10;", "\t": "&#9;", "\r": "&#13;"}
_MESSAGE = 1000


def render(results: Results) -> str:
    """The whole file."""
    suites = [_suite(kernel) for kernel in results.kernels]
    counts: Counter[str] = sum((count for _, count in suites), Counter())
    seconds = sum(kernel.summary.seconds for kernel in results.kernels)
    head = _tag("testsuites", name="kernel-matrix", **_numbers(counts), time=f"{seconds:.3f}")
    body = "".join(text for text, _ in suites)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{head}\n{body}</testsuites>\n'


def _tag(element: str, **attributes: str) -> str:
    texts = (f' {k}="{escape(xml(v), _ATTRIBUTE)}"' for k, v in attributes.items() if v)
    return f"<{element}{''.join(texts)}>"


def _numbers(counts: Counter[str]) -> dict[str, str]:
    return {key: str(counts[key]) for key in ("tests", "failures", "errors", "skipped")}


def _suite(kernel: KernelResults) -> tuple[str, Counter[str]]:
    counts: Counter[str] = Counter()
    cases = "".join(_cases(kernel, counts))
    started = stamp(kernel.started)
    numbers = _numbers(counts)
    seconds = f"{kernel.summary.seconds:.3f}"
    parts = [
        _tag("testsuite", name=kernel.id, **numbers, time=seconds, timestamp=started),
        "<properties>",
        *(_tag("property", name=key, value=v) + "</property>" for key, v in facts(kernel).items()),
        "</properties>",
    ]
    return "\n".join(parts) + f"\n{cases}</testsuite>\n", counts


def _cases(kernel: KernelResults, counts: Counter[str]) -> Iterator[str]:
    taken: Counter[tuple[str, str]] = Counter()
    for case in kernel.summary.cases:
        path, name = dotted(case.id)
        taken[path, name] += 1
        if taken[path, name] > 1:
            name = f"{name} ({taken[path, name]})"
        counts["tests"] += 1
        head = _tag(
            "testcase", classname=f"{kernel.id}.{path}", name=name, time=f"{case.seconds:.3f}"
        )
        yield f"{head}{_outcome(case, counts)}</testcase>\n"
    yield from _problem(kernel, counts)


def _outcome(case: Case, counts: Counter[str]) -> str:
    if case.verdict == "pass":
        return ""
    element, kind = _ELEMENTS[case.verdict]
    counts[_COUNTED[element]] += 1
    message = cut(one_line(case.known or case.headline), _MESSAGE)
    body = "" if case.verdict == "skip" else escape(xml(cut(explained(case))))
    return f"{_tag(element, message=message, type=kind)}{body}</{element}>"


def _problem(kernel: KernelResults, counts: Counter[str]) -> Iterator[str]:
    """What was wrong with the whole kernel, as a case: nothing else turns a pipeline red."""
    summary = kernel.summary
    if not summary.problem:
        return
    element = "skipped" if summary.blame in (Status.CLEAN, Status.NOTHING) else "error"
    counts["tests"] += 1
    counts[_COUNTED[element]] += 1
    head = _tag("testcase", classname=kernel.id, name="the kernel as a whole", time="0.000")
    message = cut(one_line(summary.problem), _MESSAGE)
    yield f"{head}{_tag(element, message=message, type='harness')}</{element}></testcase>\n"
