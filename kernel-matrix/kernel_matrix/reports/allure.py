"""Allure results of a whole matrix: a file for each case of each kernel.

allure-pytest writes nothing for a case that crashed its process or never ran, and tells kernels
apart by nothing; so these are written from the journals. The kernel is a parameter and the parent
suite: without it Allure takes two kernels' results of one case for retries of each other.
"""

import hashlib
import json
import uuid
from collections import Counter
from pathlib import Path
from typing import Any

from helpers.errors import UserError
from kernel_matrix.journal import Case
from kernel_matrix.reports.results import KernelResults, Results
from kernel_matrix.reports.texts import clean, cut, dotted, explained, facts

DIRECTORY = "allure-results"

_STATUS = {
    "pass": "passed",
    "fail": "failed",
    "stale": "failed",
    "deviation": "failed",
    "crash": "broken",
    "hang": "broken",
    "error": "broken",
    "miss": "unknown",
    "skip": "skipped",
}
_SEVERITY = {
    "documented": "critical",
    "referenced": "normal",
    "established": "minor",
    "observed": "trivial",
}
_NAMESPACE = uuid.UUID("6f0a1c0e-5d7c-4a43-9a0b-6b1f7c1b8f11")


def write(directory: Path, results: Results) -> None:
    """Every result into a directory, which may have results of other runs in it.

    Raises:
        UserError: it cannot be written.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for kernel in results.kernels:
            _write_kernel(directory, kernel)
    except OSError as error:
        raise UserError(f"{directory}: cannot be written: {error.strerror}") from error


def _write_kernel(directory: Path, kernel: KernelResults) -> None:
    taken: Counter[str] = Counter()
    for case in kernel.summary.cases:
        taken[case.id] += 1
        key = f"{kernel.id} {kernel.started} {case.id} {taken[case.id]}"
        ident = str(uuid.uuid5(_NAMESPACE, clean(key)))
        found = result(kernel, case, ident)
        for number, (title, text) in enumerate(_attached(case)):
            source = f"{ident}-{number}-attachment.txt"
            (directory / source).write_text(text, encoding="utf-8")
            found["attachments"].append({"name": title, "source": source, "type": "text/plain"})
        (directory / f"{ident}-result.json").write_text(json.dumps(found))


def _attached(case: Case) -> list[tuple[str, str]]:
    texts = (("transcript", case.transcript), ("console", case.console))
    return [(title, clean(cut(text))) for title, text in texts if text.strip()]


def result(kernel: KernelResults, case: Case, ident: str) -> dict[str, Any]:
    """One case as Allure has it, without its attachments."""
    path, name = dotted(case.id)
    name, _, row = name.removesuffix("]").partition("[")
    full = f"suites.{path}#{name}"
    parameters = [{"name": "kernel", "value": kernel.id}]
    if row:
        parameters.insert(0, {"name": "case", "value": clean(row)})
    started = round((case.started or kernel.started) * 1000)
    return {
        "uuid": ident,
        "historyId": _md5(full, *(each["value"] for each in parameters)),
        "testCaseId": _md5(full),
        "fullName": clean(full),
        "name": clean(f"{name}[{row}]" if row else name),
        "status": _STATUS[case.verdict],
        "statusDetails": _details(case),
        "stage": "finished",
        "start": started,
        "stop": started + round(case.seconds * 1000),
        "description": "\n\n".join(f"{key}: {value}" for key, value in facts(kernel).items()),
        "parameters": parameters,
        "labels": [{"name": key, "value": clean(v)} for key, v in _labels(kernel, case, path) if v],
        "attachments": [],
    }


def _md5(*parts: str) -> str:
    """What Allure's own writers make identities with; nothing secret."""
    joined = "\0".join(parts).encode("utf-8", "replace")
    return hashlib.md5(joined, usedforsecurity=False).hexdigest()


def _details(case: Case) -> dict[str, Any]:
    if case.verdict == "pass":
        return {}
    found: dict[str, Any] = {"message": clean(cut(case.headline or case.verdict))}
    if case.verdict != "skip":
        found["trace"] = clean(cut(explained(case)))
    if case.known:
        found |= {"known": True, "message": clean(f"expected to fail: {case.known}")}
    return found


def _labels(kernel: KernelResults, case: Case, path: str) -> list[tuple[str, str]]:
    call, _, module = path.partition(".")
    clauses = [("story", clause) for clause in case.clauses]
    return [
        ("parentSuite", kernel.id),
        ("suite", call),
        ("subSuite", module),
        ("feature", case.clauses[0].partition(":")[0] if case.clauses else call),
        *clauses,
        ("severity", _SEVERITY.get(case.strength, "")),
        ("strength", case.strength),
        ("kernel", kernel.label),
        ("verdict", case.verdict),
        ("host", kernel.machine),
        ("framework", "pytest"),
        ("language", "python"),
    ]
