"""KCIDB v5.3, what KernelCI's database takes: a file to be submitted by whoever has a token.

A checkout and a build for each kernel, a test for each case, an issue for each way in which a
kernel went down. A known deviation stays FAIL there: KCIDB has its own list of known issues.
"""

import hashlib
import json
import re
from collections import Counter
from typing import Any

from helpers.errors import UserError
from kernel_matrix.journal import Case
from kernel_matrix.reports.results import KernelResults, Results
from kernel_matrix.reports.texts import clean, cut, dotted, explained, facts, one_line, stamp
from kernel_matrix.transitions import short, steady

ORIGIN = "kernel_matrix"
SUITE = "kernel_matrix"
"""The first part of every path."""

_STATUS = {
    "pass": "PASS",
    "stale": "PASS",
    "fail": "FAIL",
    "deviation": "FAIL",
    "crash": "FAIL",
    "hang": "FAIL",
    "error": "ERROR",
    "miss": "MISS",
    "skip": "SKIP",
}


def render(results: Results, origin: str = ORIGIN) -> str:
    """The whole file."""
    return json.dumps(report(results, origin)) + "\n"


def report(results: Results, origin: str = ORIGIN) -> dict[str, Any]:
    """The same as an object.

    Raises:
        UserError: the origin is not of the form that KCIDB wants.
    """
    if not re.fullmatch("[a-z0-9_]+", origin):
        raise UserError(f"a KCIDB origin is small letters, digits and underscores: {origin!r}")
    found: dict[str, Any] = {
        "version": {"major": 5, "minor": 3},
        "checkouts": {},
        "builds": {},
        "tests": [],
        "issues": {},
        "incidents": [],
    }
    for kernel in results.kernels:
        _kernel(kernel, origin, found)
    return {
        key: list(value.values()) if key in ("checkouts", "builds", "issues") else value
        for key, value in found.items()
    }


def _digest(*parts: object) -> str:
    return hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()[:20]


def _kernel(kernel: KernelResults, origin: str, found: dict[str, Any]) -> None:
    """Add a kernel. The same kernel has the same checkout and build in every run."""
    if not kernel.kernel:  # never resolved: there is nothing that was tested
        return
    image = kernel.kernel.get("sha256") or f"{kernel.id} {kernel.version}"
    checkout, build = f"{origin}:{_digest('c', image)}", f"{origin}:{_digest('b', image)}"
    run = _digest(kernel.id, image, kernel.started)
    known = facts(kernel)
    found["checkouts"][checkout] = _filled(
        id=checkout,
        origin=origin,
        git_commit_name=kernel.version,
        comment=known.get("origin", ""),
        valid=True,
        misc={"kernel": kernel.id},
    )
    found["builds"][build] = _filled(
        id=build,
        origin=origin,
        checkout_id=checkout,
        architecture=re.sub(r"[^a-z0-9_]", "_", kernel.arch.lower()),
        comment=kernel.label,
        status="PASS",
        misc=known,
    )
    boot = _boot(kernel)
    if boot:
        found["tests"].append(
            boot | {"id": f"{origin}:{run}.boot", "origin": origin, "build_id": build}
        )
    taken: Counter[str] = Counter()
    for case in kernel.summary.cases:
        where = path(case.id)
        taken[where] += 1
        if taken[where] > 1:
            where = f"{where}-{taken[where]}"
        test = _test(kernel, case, where)
        test |= {"id": f"{origin}:{run}.{where}", "origin": origin, "build_id": build}
        found["tests"].append(test)
        if case.verdict in ("crash", "hang"):
            _incident(case, str(test["id"]), origin, found)


def _filled(**values: Any) -> dict[str, Any]:
    """An object without what is not known: KCIDB takes no null."""
    return {
        key: clean(value) if isinstance(value, str) else value
        for key, value in values.items()
        if value not in ("", None, {}, [])
    }


def path(ident: str) -> str:
    """A case's id as a path in KCIDB's tree of tests: dots between words of [A-Za-z0-9_-]."""
    place, name = dotted(ident)
    name, _, row = name.removesuffix("]").partition("[")
    parts = [SUITE, *place.split("."), name, row]
    words = (re.sub(r"[^A-Za-z0-9_-]+", "_", part) for part in parts)
    return ".".join(word for word in words if word)


def _boot(kernel: KernelResults) -> dict[str, Any]:
    """The test that KernelCI knows every kernel by; {} for the running kernel.

    A kernel whose machine said nothing at all was missed: nobody knows whose fault that is.
    """
    if not kernel.kernel.get("sha256"):
        return {}
    first = next(iter(kernel.boots), {})
    failed = str(first.get("failed") or "")
    excerpt = f"{failed}\n{first.get('console') or ''}" if failed else kernel.summary.problem
    return _filled(
        path="boot",
        status="FAIL" if failed else "PASS" if first else "MISS",
        start_time=stamp(kernel.started),
        duration=round(float(first.get("seconds") or 0.0), 3),
        log_excerpt=cut(excerpt) if failed or not first else "",
        environment=_filled(comment=kernel.machine, misc={"platform": _platform(kernel)}),
    )


def _test(kernel: KernelResults, case: Case, where: str) -> dict[str, Any]:
    misc = _filled(
        case=case.id,
        verdict=case.verdict,
        clauses=list(case.clauses),
        strength=case.strength,
        observed=short(case.observed),
        expected=short(case.expected),
        known=case.known,
        title=case.title,
        again=case.again,
        suite=kernel.suite,
    )
    if case.skip:
        misc["skip"] = {key: clean(str(value)) for key, value in case.skip.items()}
    excerpt = "" if case.verdict == "pass" else clean(cut(explained(case)))
    return _filled(
        path=where,
        status=_STATUS[case.verdict],
        start_time=stamp(case.started),
        duration=round(case.seconds, 4),
        comment=case.clauses[0] if case.clauses else "",
        log_excerpt=excerpt,
        environment=_filled(
            comment=kernel.machine,
            misc={"platform": _platform(kernel)},
        ),
        misc=misc,
    )


def _platform(kernel: KernelResults) -> str:
    arch = kernel.arch or "unknown"
    return f"qemu-{arch}" if kernel.machine.startswith("qemu") else arch


def _incident(case: Case, test: str, origin: str, found: dict[str, Any]) -> None:
    title = clean(one_line(case.headline)) or case.verdict
    issue = f"{origin}:{case.verdict}-{_digest(steady(title))}"
    found["issues"][issue] = {
        "id": issue,
        "version": 1,
        "origin": origin,
        "report_subject": title,
        "culprit": {"code": True, "tool": False, "harness": False},
    }
    found["incidents"].append(
        {
            "id": f"{origin}:{_digest('i', test, issue)}",
            "origin": origin,
            "issue_id": issue,
            "issue_version": 1,
            "test_id": test,
            "present": True,
        }
    )
