"""What a report is made of: the results of one run, kernel by kernel, and what the kernels are."""

import json
import re
from collections import Counter
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from helpers.errors import UserError
from kernel_matrix import report
from kernel_matrix.cells import Status, Summary
from kernel_matrix.journal import Attempt, Case, Journal
from kernel_matrix.providers import debversion

FORMAT = "kernel-matrix results"
SCHEMA = 1

_FLAVOUR = re.compile(r"\+[a-z]+$")


@dataclass(frozen=True)
class KernelResults:
    """One kernel of a run.

    Attributes:
        summary: what its cell came to, with all cases.
        kernel: Kernel.to_json() of it, {} if it was never resolved.
        suite: the version of the suites.
        started: seconds since the epoch, 0.0 if it never started.
        host: of the machine that pytest ran on: release, machine, cpus.
        boots: the boot lines of the journal.
        traits: what it was found to be like, helpers/traits.py.
    """

    summary: Summary
    kernel: dict[str, Any] = field(default_factory=dict)
    suite: str = ""
    started: float = 0.0
    host: dict[str, Any] = field(default_factory=dict)
    boots: tuple[dict[str, Any], ...] = ()
    traits: frozenset[str] = frozenset()

    @property
    def id(self) -> str:
        """The kernel's name in reports."""
        return self.summary.id

    @cached_property
    def cases(self) -> dict[str, Case]:
        """Every case by its id, in order."""
        return {case.id: case for case in self.summary.cases}

    @property
    def hello(self) -> dict[str, str]:
        """What the kernel said of itself when it first booted."""
        found: dict[str, str] = next((b["hello"] for b in self.boots if b.get("hello")), {})
        return found

    @property
    def release(self) -> str:
        """Its uname -r, "" if nobody knows."""
        return str(self.kernel.get("release") or self.hello.get("release") or "")

    @property
    def version(self) -> str:
        """The package's version, else the release."""
        return str(self.kernel.get("version") or self.release)

    @property
    def arch(self) -> str:
        """Its uname -m, "" if nobody knows."""
        return str(self.kernel.get("arch") or self.hello.get("machine") or "")

    @property
    def line(self) -> str:
        """The family whose versions can be ordered: "debian" of "debian:6.12".

        A flavour is a family of its own: "reference+debug" of "reference:6.12+debug".
        """
        flavour = _FLAVOUR.search(self.id)
        return self.id.partition(":")[0] + (flavour[0] if flavour else "")

    @property
    def label(self) -> str:
        """For people: "debian 6.1.192-2", "path:bzImage (7.3.0-rc1)", "local"."""
        if not self.version:
            return self.id
        line, _, rest = self.id.partition(":")
        if rest and (self.version.startswith(rest) or self.release.startswith(rest)):
            return f"{line} {self.version}"
        return f"{self.id} ({self.version})"

    @property
    def machine(self) -> str:
        """What it ran on, one line."""
        return next((str(boot["what"]) for boot in self.boots if boot.get("what")), "")

    def judged(self, cases: tuple[Case, ...]) -> "KernelResults":
        """The same with other cases, counted again."""
        counts = Counter(case.verdict for case in cases)
        return replace(self, summary=replace(self.summary, cases=cases, counts=counts))


@dataclass(frozen=True)
class Results:
    """The kernels of one run.

    Attributes:
        source: where this was read, for people.
        kernels: in the order of the run.
    """

    source: str
    kernels: tuple[KernelResults, ...]

    def in_order(self) -> list[list[KernelResults]]:
        """The kernels of each line by version, older first."""
        lines: dict[str, list[KernelResults]] = {}
        for kernel in self.kernels:
            lines.setdefault(kernel.line, []).append(kernel)
        return [sorted(found, key=lambda k: version_key(k.version)) for found in lines.values()]


def version_key(version: str) -> Any:
    """For sorted(): packages' versions, releases and tags; a release candidate is before it."""
    return debversion.key(re.sub(r"[-.~]?(rc\d)", r"~\1", version.removeprefix("v")))


def load_run(directory: Path) -> Results:
    """The results of a run.

    Raises:
        UserError: it is not the directory of a run.
    """
    found = report.load_cells(directory)
    return Results(str(directory), tuple(_kernel(summary, read) for summary, read in found))


def _kernel(summary: Summary, read: Journal) -> KernelResults:
    return KernelResults(
        summary,
        read.run.get("kernel") or _described(summary.directory / "kernel.json"),
        str(read.run.get("suite") or ""),
        float(read.run.get("time") or 0.0),
        read.run.get("host") or {},
        tuple(read.boots),
        read.traits,
    )


def _described(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


_KERNEL_KEYS = ("selector", "release", "version", "arch", "sha256", "origin", "cmdline")
_CASE_KEYS = ("verdict", "was", "known", "strength", "message", "expected", "observed", "title")


def to_json(results: Results) -> dict[str, Any]:
    """Everything but transcripts and consoles; what load_json() takes, so that it is a baseline."""
    return {
        "format": FORMAT,
        "schema": SCHEMA,
        "source": results.source,
        "kernels": [_kernel_json(kernel) for kernel in results.kernels],
    }


def _kernel_json(kernel: KernelResults) -> dict[str, Any]:
    summary = kernel.summary
    known = {key: kernel.kernel[key] for key in _KERNEL_KEYS if kernel.kernel.get(key)}
    if kernel.release:
        known["release"] = kernel.release
    return {
        "id": summary.id,
        "kernel": known,
        "suite": kernel.suite,
        "started": kernel.started,
        "machine": kernel.machine,
        "traits": sorted(kernel.traits),
        "boot_seconds": summary.boot_seconds,
        "seconds": round(summary.seconds, 3),
        "problem": summary.problem,
        "blame": int(summary.blame),
        "counts": dict(summary.counts),
        "cases": [_case_json(case) for case in summary.cases],
    }


def _case_json(case: Case) -> dict[str, Any]:
    found: dict[str, Any] = {"id": case.id, "seconds": case.seconds}
    found |= {key: value for key in _CASE_KEYS if (value := getattr(case, key))}
    if case.clauses:
        found["clauses"] = list(case.clauses)
    if case.skip:
        found["skip"] = case.skip
    if case.trace:
        found["trace"] = list(case.trace)
    if case.attempts:
        found["attempts"] = [asdict(attempt) for attempt in case.attempts]
    return found


def load_json(path: Path) -> Results:
    """Results that to_json() made.

    Raises:
        UserError: it cannot be read, or is something else.
    """
    try:
        data = json.loads(path.read_text())
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise UserError(f"{path}: not JSON: {error}") from error
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise UserError(
            f"{path}: not the results of a run; make them with: "
            "kernel-matrix report RUN --format json --out FILE"
        )
    if data.get("schema") != SCHEMA:
        raise UserError(
            f"{path}: results of schema {data.get('schema')!r}; this program reads {SCHEMA}"
        )
    try:
        kernels = tuple(_kernel_of(item) for item in data["kernels"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(f"{path}: damaged: {type(error).__name__}: {error}") from error
    return Results(str(path), kernels)


def _kernel_of(item: dict[str, Any]) -> KernelResults:
    summary = Summary(
        item["id"],
        item["boot_seconds"],
        Counter(item["counts"]),
        float(item["seconds"]),
        item["problem"],
        Status(item["blame"]),
        tuple(_case_of(case) for case in item["cases"]),
    )
    boots = ({"what": item["machine"]},) if item["machine"] else ()
    traits = frozenset(item.get("traits", ()))
    return KernelResults(
        summary, item["kernel"], item["suite"], float(item["started"]), boots=boots, traits=traits
    )


def _case_of(item: dict[str, Any]) -> Case:
    texts = {key: item[key] for key in _CASE_KEYS[1:] if key in item}
    return Case(
        item["id"],
        item["verdict"],
        float(item["seconds"]),
        tuple(item.get("clauses", ())),
        skip=item.get("skip", {}),
        trace=tuple(item.get("trace", ())),
        attempts=tuple(Attempt(**attempt) for attempt in item.get("attempts", ())),
        **texts,
    )
