"""What the page shows, as compact JSON: every text once, results as numbers of them.

What a guest said is hostile and may be endless: texts are made visible and cut, and logs that
have no room are left out with a note, those of unexpected results last.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from helpers.clauses import Clause, load_clauses
from kernel_matrix import compare_text
from kernel_matrix.compare import QUIET, Comparison, Pair, boundaries
from kernel_matrix.expectations import SUITES
from kernel_matrix.journal import Case
from kernel_matrix.reports.results import KernelResults, Results, version_key
from kernel_matrix.reports.texts import cut, facts, stamp
from kernel_matrix.transitions import MEANING, phrase, short

SCHEMA = 1

LOG = 16384
"""Bytes of one log."""
ALL_LOGS = 2_000_000
"""Bytes of all logs of the page together."""
WORDS = 1500
"""Bytes of a message or an answer."""
ALL_WORDS = 1_000_000
"""Bytes of all of those together."""
NO_ROOM = "(left out to keep this page small)"

LEFT_OUT = -1
"""In the place of a log that had no room."""

_HIDDEN = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    r"\ud800-\udfff]"
)


def visible(text: str) -> str:
    """A text in which nothing is hidden, moves a cursor or turns the order of what follows.

    Controls become their pictures ("␛"), the others their numbers ("<U+202E>").
    """
    return _HIDDEN.sub(_picture, text.replace("\r\n", "\n"))


def _picture(match: re.Match[str]) -> str:
    number = ord(match[0])
    if number < 0x20:
        return chr(0x2400 + number)
    return "\u2421" if number == 0x7F else f"<U+{number:04X}>"


@dataclass
class Texts:
    """Texts by their numbers; each is kept once, and 0 is the empty one.

    Attributes:
        found: every text and its number.
        words: bytes that messages and answers may still use.
        logs: bytes that logs may still use.
    """

    found: dict[str, int] = field(default_factory=lambda: {"": 0})
    words: int = ALL_WORDS
    logs: int = ALL_LOGS

    def name(self, text: str) -> int:
        """One of our own texts: an id, a path, a statement."""
        return self.found.setdefault(visible(text), len(self.found))

    def word(self, text: str) -> int:
        """A message or an answer, which may come from a guest."""
        kept = visible(cut(text, WORDS))
        if kept not in self.found:
            size = len(kept.encode())
            if size > self.words:
                return self.name(NO_ROOM)
            self.words -= size
        return self.name(kept)

    def log(self, text: str) -> int:
        """A transcript or a console; LEFT_OUT if there is no room."""
        kept = visible(cut(text.rstrip(), LOG))
        if kept in self.found:
            return self.found[kept]
        size = len(kept.encode())
        if size > self.logs:
            return LEFT_OUT
        self.logs -= size
        return self.name(kept)


_FIRST_LOGS = ("crash", "hang", "fail", "stale", "error", "deviation")
"""Whose logs are kept before those of the others."""


@dataclass(frozen=True)
class Column:
    """A kernel of the page; of a comparison also the one before it."""

    kernel: KernelResults
    before: bool = False


class Encoder:
    """Collects the parts of one page.

    Attributes:
        texts: all texts so far.
    """

    def __init__(self, clauses: dict[str, Clause]) -> None:
        """Nothing yet.

        Args:
            clauses: the promises that are known, by id.
        """
        self.texts = Texts()
        self._clauses = clauses
        self._clause_rows: dict[str, list[Any]] = {}
        self._cases: dict[str, list[Any]] = {}
        self._numbers: dict[str, int] = {}
        self._outcomes: dict[tuple[Any, ...], int] = {}

    def case(self, case: Case) -> int:
        """The number of a case."""
        if case.id not in self._numbers:
            function, bracket, row = case.id.partition("[")
            self._numbers[case.id] = len(self._numbers)
            self._cases[case.id] = [
                self.texts.name(function),
                self.texts.name(f"{bracket}{row}"),
                self.texts.name(case.strength),
                *(self._clause(ident, case.strength) for ident in case.clauses),
            ]
        return self._numbers[case.id]

    def number(self, ident: str) -> int:
        """The number of a case that is there."""
        return self._numbers[ident]

    def _clause(self, ident: str, strength: str) -> int:
        if ident not in self._clause_rows:
            known = self._clauses.get(ident)
            row = (strength, "", "")
            if known is not None:
                row = (known.strength.value, known.source, known.text)
            number = len(self._clause_rows)
            self._clause_rows[ident] = [number, visible(ident), *map(self.texts.name, row)]
        found: int = self._clause_rows[ident][0]
        return found

    def outcome(self, case: Case) -> int:
        """The number of what a case came to."""
        word = self.texts.word
        key = (
            case.verdict,
            word(short(case.observed)),
            word(short(case.expected)),
            word(case.message),
            self.texts.name(case.skip.get("class", "")),
            word(case.skip.get("reason", "")),
            word(case.known),
            case.was,
            word(case.title),
            word("\n".join(case.trace)),
            case.again,
        )
        return self._outcomes.setdefault(key, len(self._outcomes))

    def column(self, column: Column) -> dict[str, Any]:
        """One kernel: what it is, and its results by the number of the case."""
        kernel, summary = column.kernel, column.kernel.summary
        known = facts(kernel)
        results = {self.case(c): (self.outcome(c), round(c.seconds * 1000)) for c in summary.cases}
        row = [results.get(number, (-1, 0)) for number in range(len(self._numbers))]
        return {
            "id": visible(kernel.id),
            "label": visible(kernel.label),
            "line": visible(kernel.line),
            "before": column.before,
            "facts": {key: visible(cut(text, WORDS)) for key, text in known.items()},
            "cmdline": visible(str(kernel.kernel.get("cmdline") or "")),
            "boot": summary.boot_seconds,
            "seconds": round(summary.seconds, 1),
            "started": stamp(kernel.started),
            "problem": visible(cut(summary.problem, WORDS)),
            "counts": {word: count for word, count in summary.counts.items() if count},
            "outcomes": [outcome for outcome, _ in row],
            "milliseconds": [milliseconds for _, milliseconds in row],
            "logs": {},
        }

    def logs(self, columns: list[Column], into: list[dict[str, Any]]) -> None:
        """The logs of all kernels, those that matter first."""
        found = [
            (number, case)
            for number, column in enumerate(columns)
            for case in column.kernel.summary.cases
            if case.transcript or case.console or case.longrepr
        ]
        ranks = {verdict: rank for rank, verdict in enumerate(_FIRST_LOGS)}
        for number, case in sorted(found, key=lambda item: ranks.get(item[1].verdict, len(ranks))):
            logs = (case.transcript, case.console, case.longrepr)
            into[number]["logs"][self._numbers[case.id]] = list(map(self.texts.log, logs))

    def tables(self) -> dict[str, Any]:
        """Everything that was collected and has a number."""
        return {
            "clauses": [row[1:] for row in self._clause_rows.values()],
            "cases": list(self._cases.values()),
            "outcomes": [_trimmed(outcome) for outcome in self._outcomes],
            "texts": list(self.texts.found),
        }


def _trimmed(outcome: tuple[Any, ...]) -> list[Any]:
    """Without the empty ones at its end, which are most of it."""
    last = max(place for place, value in enumerate(outcome) if value)
    return list(outcome[: last + 1])


def encode(
    results: Results,
    comparison: Comparison | None = None,
    start: str = "overview",
    earlier: Mapping[str, Sequence[str]] | None = None,
) -> dict[str, Any]:
    """Everything that the page shows.

    Args:
        results: a run, judged.
        comparison: of it with a baseline, None if there is none.
        start: the part that is shown first.
        earlier: what earlier runs say of a case, in lines.
    """
    columns = list(_columns(results, comparison))
    encoder = Encoder(load_clauses(SUITES))
    for column in columns:  # every case has its number before the first row is made
        for case in column.kernel.summary.cases:
            encoder.case(case)
    kernels = [encoder.column(column) for column in columns]
    encoder.logs(columns, kernels)
    places = {id(column.kernel): number for number, column in enumerate(columns)}
    found = {
        "schema": SCHEMA,
        "headline": headline(results, comparison),
        "source": _where(results.source),
        "suite": visible(next((k.suite for k in results.kernels if k.suite), "")),
        "started": min((each["started"] for each in kernels if each["started"]), default=""),
        "start": start,
        "kernels": kernels,
        "changes": list(_changes(results, encoder, places)),
        "earlier": {
            encoder.number(name): list(map(encoder.texts.word, lines))
            for name, lines in (earlier or {}).items()
        },
        "comparison": comparison and _comparison(comparison, encoder, places),
    }
    return found | encoder.tables()


def _columns(results: Results, comparison: Comparison | None) -> Iterable[Column]:
    """The kernels in the order of their versions, each behind the one it is compared with."""
    before = {id(pair.after): pair.before for pair in comparison.pairs} if comparison else {}
    for line in results.in_order():
        for kernel in sorted(line, key=_place):
            if id(kernel) in before:
                yield Column(before[id(kernel)], before=True)
            yield Column(kernel)


def _place(kernel: KernelResults) -> Any:
    """A kernel that is not available has no version; its series is in its name."""
    return version_key(kernel.version or kernel.id.partition(":")[2])


def _changes(
    results: Results, encoder: Encoder, places: dict[int, int]
) -> Iterable[dict[str, Any]]:
    """What changes between the kernels of the run: where, and what there is on each side."""
    for found in boundaries(results):
        yield {
            "case": encoder.case(found.case),
            "drift": found.drift,
            "text": encoder.texts.word(found.text),
            "kernels": [places[id(kernel)] for kernel in found.kernels],
            "spans": [
                [span.first, span.last, encoder.texts.word(phrase(span.case)), span.case.verdict]
                for span in found.spans
            ],
        }


def _comparison(comparison: Comparison, encoder: Encoder, places: dict[int, int]) -> dict[str, Any]:
    return {
        "before": _where(comparison.before),
        "after": _where(comparison.after),
        "only_before": [visible(label) for label in comparison.only_before],
        "only_after": [visible(label) for label in comparison.only_after],
        "pairs": [_pair(pair, encoder, places) for pair in comparison.pairs],
    }


def _pair(pair: Pair, encoder: Encoder, places: dict[int, int]) -> dict[str, Any]:
    counts = pair.counts()
    return {
        "before": places[id(pair.before)],
        "after": places[id(pair.after)],
        "counts": {str(word): counts[word] for word in MEANING if counts[word]},
        "changes": [
            [
                encoder.case(change.case),
                str(change.transition),
                int(change.is_regression),
                encoder.texts.word(compare_text.detail(change).replace(" -> ", " → ", 1)),
                encoder.texts.word(change.known),
            ]
            for change in pair.changes
            if change.transition not in QUIET
        ],
    }


def _where(source: str) -> str:
    """Where results were read, without folders that mean nothing to other readers."""
    path = Path(source)
    return visible(path.resolve().name if path.is_dir() else source.rpartition("/")[2])


def headline(results: Results, comparison: Comparison | None = None) -> str:
    """How it came out, one line."""
    if comparison is not None:
        return _capital(compare_text.headline(comparison))
    kernels = results.kernels
    unexpected = {
        kernel.id: {c.id for c in kernel.summary.cases if c.unexpected and c.verdict != "miss"}
        for kernel in kernels
    }
    hit = [kernel for kernel in kernels if unexpected[kernel.id]]
    findings = set().union(*unexpected.values())
    parts = []
    if findings:
        parts.append(f"{_many(len(findings), 'case')} not as promised on {_of(hit, kernels)}")
    lost = [kernel for kernel in kernels if kernel.summary.problem]
    if lost:
        parts.append(f"no full result of {_of(lost, kernels)}")
    ran = [kernel for kernel in kernels if kernel.summary.cases]
    if not parts and ran:
        return f"Nothing unexpected on {_many(len(ran), 'kernel')}"
    return _capital("; ".join(parts) or "nothing ran")


def _of(some: list[KernelResults], kernels: tuple[KernelResults, ...]) -> str:
    if len(kernels) == 1:
        return "this kernel"
    return f"{len(some)} of {len(kernels)} kernels"


def _many(count: int, word: str) -> str:
    return f"{count} {word}{'s' * (count != 1)}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
