"""Known deviations: failures that are expected on some kernels, kernel-matrix/expectations/*.toml.

An expected failure is run like any other case. Failing in another way than expected is a failure,
and an entry whose case passes is stale, which is a failure too.
"""

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from helpers.clauses import load_clauses
from helpers.errors import UserError
from helpers.traits import TRAITS
from kernel_matrix import about
from kernel_matrix.journal import Case
from kernel_matrix.manifest import ROOT
from kernel_matrix.reports.results import KernelResults, Results, version_key
from kernel_matrix.transitions import OBSERVED, short

DIRECTORY = ROOT / "kernel-matrix" / "expectations"
SUITES = ROOT / "suites"

DEVIATION = "deviation"
STALE = "stale"

TODO = "TODO"
"""What an entry that was only proposed starts its reason with; such an entry is refused."""


@dataclass(frozen=True)
class Deviation:
    """One entry: which cases fail, on which kernels, how, and why nobody should be surprised.

    Attributes:
        place: "vmsplice.toml:12", for messages.
        reason: why they fail, one line.
        reference: where that is written: a commit, a message, a page.
        cases: patterns of case ids, "*" is any text; or else
        clause: the promise that is broken.
        kernels: patterns of kernel ids; () is all.
        since: the first version that fails, "" from the beginning.
        before: the first version that fails no more, "" to the end.
        config: "CONFIG_X=y": only kernels built so; "n" is not set.
        trait: only kernels that were found to be like that, helpers/traits.py.
        verdict: "fail", "crash" or "hang".
        observed: the answer, without the text of its errno; or else
        message: a part of the message.
    """

    place: str
    reason: str
    reference: str
    cases: tuple[str, ...] = ()
    clause: str = ""
    kernels: tuple[str, ...] = ()
    since: str = ""
    before: str = ""
    config: str = ""
    trait: str = ""
    verdict: str = "fail"
    observed: str = ""
    message: str = ""

    @cached_property
    def _cases(self) -> re.Pattern[str]:
        return _pattern(self.cases)

    @cached_property
    def _kernels(self) -> re.Pattern[str]:
        return _pattern(self.kernels)

    def on(self, kernel: KernelResults) -> bool:
        """Whether it is about this kernel; what is not known of a kernel it does not have."""
        if self.kernels and not self._kernels.fullmatch(kernel.id):
            return False
        if (self.since or self.before) and not kernel.version:
            return False
        key = version_key(kernel.version)
        if self.since and key < version_key(self.since):
            return False
        if self.before and not key < version_key(self.before):
            return False
        if self.trait and self.trait not in kernel.traits:
            return False
        return not self.config or _configured(kernel, self.config)

    def about(self, case: Case) -> bool:
        """Whether it is about this case."""
        if self.clause:
            return self.clause in case.clauses
        return self._cases.fullmatch(case.id) is not None

    def explains(self, case: Case) -> bool:
        """Whether the case fails in the way that is expected."""
        if case.verdict != self.verdict:
            return False
        return self.message in case.message if self.message else short(case.observed) == self.way

    @property
    def way(self) -> str:
        """How it fails, for people."""
        return short(self.observed) or self.message

    @property
    def known(self) -> str:
        """Reason and reference in one line."""
        return f"{self.reason} ({self.reference})"


def _pattern(patterns: Iterable[str]) -> re.Pattern[str]:
    """Only "*" means something: case ids are full of brackets."""
    return re.compile("|".join(".*".join(map(re.escape, p.split("*"))) for p in patterns))


def _configured(kernel: KernelResults, wanted: str) -> bool:
    text = about.kept_config(kernel.summary.directory, kernel.kernel.get("config"))
    if text is None:
        return False
    option, _, value = wanted.partition("=")
    found = re.search(rf"^{re.escape(option)}=(.*)$", text, re.MULTILINE)
    return (found[1] if found else "n") == value


@dataclass
class Tally:
    """What a run says of one entry: places are "kernel id" and case ids."""

    holds: list[tuple[str, str]] = field(default_factory=list)
    stale: list[tuple[str, str]] = field(default_factory=list)
    otherwise: list[tuple[str, str]] = field(default_factory=list)


def judge(
    results: Results,
    deviations: Iterable[Deviation],
    tallies: Mapping[Deviation, Tally] | None = None,
) -> Results:
    """A run with its expected failures marked as such, and its stale expectations as failures.

    Args:
        results: as the journals have them.
        deviations: the entries.
        tallies: filled with what is found, for each entry.
    """
    known = tuple(deviations)
    return Results(
        results.source, tuple(_judge_kernel(kernel, known, tallies) for kernel in results.kernels)
    )


def _judge_kernel(
    kernel: KernelResults,
    deviations: tuple[Deviation, ...],
    tallies: Mapping[Deviation, Tally] | None,
) -> KernelResults:
    here = [deviation for deviation in deviations if deviation.on(kernel)]
    if not here and not any(_only_observed(case) for case in kernel.summary.cases):
        return kernel

    def note(deviation: Deviation, case: Case, kind: str) -> None:
        if tallies is not None:
            getattr(tallies[deviation], kind).append((kernel.id, case.id))

    return kernel.judged(tuple(judge_case(case, here, note) for case in kernel.summary.cases))


Note = Callable[[Deviation, Case, str], None]
"""Is told what a case says of an entry: that it holds, is stale, or fails otherwise."""


def judge_case(
    case: Case, here: Iterable[Deviation], note: Note = lambda deviation, case, kind: None
) -> Case:
    """One case, judged by the entries that are about its kernel."""
    if _only_observed(case):
        return replace(case, verdict="pass", was=case.verdict)
    about = [d for d in here if d.about(case)] if case.verdict in _JUDGED else []
    return _judge_case(case, about, note) if about else case


def _only_observed(case: Case) -> bool:
    """What an observed clause answers is compared, but never a failure."""
    return case.verdict == "fail" and case.strength == OBSERVED


_JUDGED = ("pass", "fail", "crash", "hang")


def _judge_case(case: Case, about: list[Deviation], note: Note) -> Case:
    explained = next((deviation for deviation in about if deviation.explains(case)), None)
    if explained is not None:
        note(explained, case, "holds")
        return replace(case, verdict=DEVIATION, was=case.verdict, known=explained.known)
    for deviation in about:
        note(deviation, case, STALE if case.verdict == "pass" else "otherwise")
    first = about[0]
    if case.verdict == "pass":
        message = f"passes, but {first.place} expects it to fail: {first.reason}"
        return replace(case, verdict=STALE, was=case.verdict, message=message)
    otherwise = f"{first.place} expects {first.verdict}: {first.way}"
    if otherwise in case.message:  # a baseline was judged before
        return case
    return replace(case, message=f"{case.message} ({otherwise})")


_TEXTS = (
    "reason", "reference", "clause", "since", "before", "config", "trait", "verdict", "observed",
    "message",
)  # fmt: skip
_LISTS = ("cases", "kernels")
_VERSION = re.compile(r"\d+\.\d+[\w.~+-]*")
_CONFIG = re.compile(r"CONFIG_\w+=\S+")


def load(directory: Path = DIRECTORY, suites: Path = SUITES) -> tuple[Deviation, ...]:
    """Every entry below a directory.

    Raises:
        UserError: something in them is wrong; the text names file and line.
    """
    found: list[Deviation] = []
    clauses: frozenset[str] | None = None
    for path in sorted(directory.glob("*.toml")):
        if clauses is None:
            clauses = frozenset(load_clauses(suites))
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"{path}: cannot be read: {error}") from error
        found += parse(text, path.name, clauses)
    return tuple(found)


def headers(text: str) -> list[int]:
    """The lines, from 0, at which entries begin."""
    return [
        number
        for number, line in enumerate(text.splitlines())
        if re.match(r"\s*\[\[\s*deviation\s*\]\]", line)
    ]


def parse(text: str, name: str, clauses: frozenset[str]) -> list[Deviation]:
    """The entries of one file.

    Args:
        text: of the file.
        name: of the file, for messages.
        clauses: the ids of all clauses.

    Raises:
        UserError: something in it is wrong.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{name}: not TOML: {error}") from error
    unknown = sorted(set(data) - {"deviation"})
    if unknown or not isinstance(data.get("deviation", []), list):
        raise UserError(f"{name}: expected [[deviation]] tables and nothing else, not {unknown}")
    lines = headers(text)
    entries: dict[tuple[Any, ...], str] = {}
    found = []
    for index, item in enumerate(data.get("deviation", [])):
        place = f"{name}:{lines[index] + 1}" if index < len(lines) else name
        deviation = _deviation(item, place, clauses)
        key = tuple(vars(replace(deviation, place="", reason="", reference="")).items())
        if key in entries:
            raise UserError(f"{place}: says the same as {entries[key]}")
        entries[key] = place
        found.append(deviation)
    return found


def _deviation(item: dict[str, Any], place: str, clauses: frozenset[str]) -> Deviation:
    for key, value in item.items():
        if key in _TEXTS:
            right = isinstance(value, str) and value and "\n" not in value
        elif key in _LISTS:
            right = (
                bool(value) and isinstance(value, list) and all(isinstance(v, str) for v in value)
            )
        else:
            known = ", ".join(sorted((*_TEXTS, *_LISTS)))
            raise UserError(f"{place}: unknown key {key!r}; known: {known}")
        if not right:
            kind = "a text of one line" if key in _TEXTS else "a list of texts"
            raise UserError(f"{place}: {key} is {kind}, not {value!r}")
    for key in ("reason", "reference"):
        if key not in item or item[key].startswith(TODO):
            raise UserError(f"{place}: an entry needs a {key}; without one nobody can judge it")
    for one, other in (("cases", "clause"), ("observed", "message")):
        if (one in item) == (other in item):
            raise UserError(f"{place}: an entry has either {one} or {other}")
    if "clause" in item and item["clause"] not in clauses:
        raise UserError(f"{place}: no clause {item['clause']} in suites/*/clauses.toml")
    if item.get("verdict", "fail") not in ("fail", "crash", "hang"):
        raise UserError(f"{place}: verdict is fail, crash or hang, not {item['verdict']!r}")
    for key in ("since", "before"):
        if key in item and not _VERSION.fullmatch(item[key]):
            raise UserError(f"{place}: {key} is a version, as 6.12 or 6.12.5, not {item[key]!r}")
    if "config" in item and not _CONFIG.fullmatch(item["config"]):
        raise UserError(f"{place}: config is CONFIG_NAME=value, not {item['config']!r}")
    if item.get("trait", next(iter(TRAITS))) not in TRAITS:
        known = ", ".join(sorted(TRAITS))
        raise UserError(f"{place}: no trait {item['trait']}; known: {known}")
    values: dict[str, Any] = {k: tuple(v) if k in _LISTS else v for k, v in item.items()}
    return Deviation(place, **values)
