"""Results into the rows of the history, and rows into results. No files here: see history.py."""

import json
import sqlite3
import struct
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b, sha256
from typing import Any

from kernel_matrix import about
from kernel_matrix.cells import Summary
from kernel_matrix.journal import Attempt, Case
from kernel_matrix.reports.results import KernelResults, Results
from kernel_matrix.transitions import short, steady, verdict

_TEXTS = ("observed", "expected", "message", "title", "strength")


def enter(database: sqlite3.Connection, found: Results) -> None:
    """Enter every kernel of a run that a case was started on.

    Args:
        database: in a transaction.
        found: judged.
    """
    tables = _Tables(database)
    for kernel in found.kernels:
        if kernel.started and kernel.summary.cases:
            _enter(database, tables, kernel)


def _enter(database: sqlite3.Connection, tables: "_Tables", kernel: KernelResults) -> None:
    build = _build(database, kernel)
    summary = kernel.summary
    there = database.execute(
        "SELECT id, cases FROM run WHERE kernel = ? AND started = ?", (build, kernel.started)
    ).fetchone()
    if there is not None:
        if there[1] >= len(summary.cases):
            return
        database.execute("DELETE FROM run WHERE id = ?", (there[0],))
    ordered = sorted((tables.case(case.id), case) for case in _unique(summary.cases))
    answers = tables.answers([(number, tables.outcome(case)) for number, case in ordered])
    row = (
        build, kernel.started, kernel.suite, kernel.machine, round(summary.seconds, 3),
        summary.boot_seconds, summary.problem, is_good(summary), len(ordered), answers,
        packed([case.seconds for _, case in ordered]),
    )  # fmt: skip
    database.execute(
        "INSERT INTO run(kernel, started, suite, machine, seconds, boot, problem, good, cases,"
        f" answers, durations) VALUES ({', '.join('?' * len(row))})",
        row,
    )


def _unique(cases: Iterable[Case]) -> Iterable[Case]:
    return {case.id: case for case in cases}.values()


def is_good(summary: Summary) -> bool:
    """Something ran, and nothing of it needs to be looked at."""
    ran = summary.counts["pass"] or summary.counts["deviation"]
    return bool(ran) and not summary.problem and not any(c.unexpected for c in summary.cases)


def _build(database: sqlite3.Connection, kernel: KernelResults) -> int:
    known = kernel.kernel
    key = (
        kernel.id, kernel.version, kernel.release, str(known.get("sha256") or ""),
        config_hash(about.kept_config(kernel.summary.directory, known.get("config"))),
    )  # fmt: skip
    database.execute(
        "INSERT OR IGNORE INTO kernel(name, version, release, sha256, config, arch, origin)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (*key, kernel.arch, str(known.get("origin") or "")),
    )
    (number,) = database.execute(
        "SELECT id FROM kernel WHERE name = ? AND version = ? AND release = ? AND sha256 = ?"
        " AND config = ?",
        key,
    ).fetchone()
    return int(number)


def config_hash(text: str | None) -> str:
    """A name for a configuration: 12 digits; "" if there is none."""
    return sha256(text.encode()).hexdigest()[:12] if text else ""


def packed(seconds: Sequence[float]) -> bytes:
    """Durations, in the order of the numbers of their cases."""
    units = (min(round(value * 10_000), 0xFFFFFFFF) for value in seconds)
    return zlib.compress(struct.pack(f"<{len(seconds)}I", *units))


def unpacked(data: bytes) -> list[float]:
    """What packed() took, in seconds."""
    raw = zlib.decompress(data)
    return [value / 10_000 for value in struct.unpack(f"<{len(raw) // 4}I", raw)]


class _Tables:
    """The numbers of what is in the tables; what is new is added to them."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self._cases: dict[str, int] = dict(database.execute("SELECT name, id FROM cases"))
        self._outcomes: dict[bytes, int] = dict(database.execute("SELECT digest, id FROM outcome"))
        self._seen: dict[tuple[object, ...], int] = {}

    def case(self, name: str) -> int:
        if name not in self._cases:
            self._cases[name] = self._insert("INSERT INTO cases(name) VALUES (?)", name)
        return self._cases[name]

    def _insert(self, statement: str, *values: object) -> int:
        number = self._database.execute(statement, values).lastrowid
        assert number is not None
        return number

    def outcome(self, case: Case) -> int:
        word = verdict(case)
        passed = word == "pass"
        key = (
            word, case.clauses, case.strength, case.observed, case.expected,
            "" if passed else case.message, tuple(case.skip.items()), case.title, case.attempts,
        )  # fmt: skip
        if key not in self._seen:
            self._seen[key] = self._outcome(word, details(case))
        return self._seen[key]

    def _outcome(self, word: str, found: dict[str, Any]) -> int:
        # What it is known by has no addresses, process ids and times: they are others each time.
        same = {**found, "message": steady(found.get("message", ""))}
        same["observed"] = short(found.get("observed", ""))
        if "skip" in same:
            same["skip"] = {key: steady(text) for key, text in same["skip"].items()}
        digest = blake2b(json.dumps([word, same]).encode(), digest_size=12).digest()
        if digest not in self._outcomes:
            self._outcomes[digest] = self._insert(
                "INSERT INTO outcome(verdict, details, digest) VALUES (?, ?, ?)",
                word, json.dumps(found, separators=(",", ":")), digest,
            )  # fmt: skip
        return self._outcomes[digest]

    def answers(self, found: list[tuple[int, int]]) -> int:
        flat = [number for pair in found for number in pair]
        digest = blake2b(struct.pack(f"<{len(flat)}I", *flat), digest_size=16).digest()
        there = self._database.execute(
            "SELECT id FROM answers WHERE digest = ?", (digest,)
        ).fetchone()
        if there is not None:
            return int(there[0])
        number = self._insert("INSERT INTO answers(digest) VALUES (?)", digest)
        self._database.executemany(f"INSERT INTO answer VALUES ({number}, ?, ?)", found)
        return number


def details(case: Case) -> dict[str, Any]:
    """What belongs to a verdict, for JSON: what is not there is empty."""
    found: dict[str, Any] = {name: value for name in _TEXTS if (value := getattr(case, name))}
    if verdict(case) == "pass":
        found.pop("message", None)
    if case.clauses:
        found["clauses"] = case.clauses
    if case.skip:
        found["skip"] = case.skip
    if case.attempts:
        found["attempts"] = [attempt.verdict for attempt in case.attempts]
    return found


def case_of(name: str, word: str, text: str, seconds: float = 0.0) -> Case:
    """A case from its outcome's row."""
    data = json.loads(text)
    return Case(
        name,
        word,
        seconds,
        tuple(data.get("clauses", ())),
        skip=data.get("skip", {}),
        attempts=tuple(Attempt(each) for each in data.get("attempts", ())),
        **{key: data[key] for key in _TEXTS if key in data},
    )


@dataclass(frozen=True)
class Run:
    """One kernel in one run.

    Attributes:
        number: of its row.
        kernel: the kernel's name.
        build: the number of this build of it.
        version, release, sha256, config, arch, origin: see the table kernel.
        started, suite, machine, seconds, boot, problem, good, cases, answers: see the table run.
    """

    number: int
    kernel: str
    build: int
    version: str
    release: str
    sha256: str
    config: str
    arch: str
    origin: str
    started: float
    suite: str
    machine: str
    seconds: float
    boot: float | None
    problem: str
    good: bool
    cases: int
    answers: int

    @property
    def same_again(self) -> tuple[int, str, str]:
        """Runs that are alike in this should come to the same."""
        return self.build, self.suite, self.machine


_RUN = (
    "SELECT run.id, kernel.name, kernel.id, version, release, sha256, config, arch, origin,"
    " started, suite, machine, seconds, boot, problem, good, cases, answers"
    " FROM run JOIN kernel ON kernel.id = run.kernel"
)


def runs(
    database: sqlite3.Connection, kernel: str | None = None, before: float | None = None
) -> list[Run]:
    """The runs, oldest first; of one kernel, or from before a time."""
    rows = database.execute(
        f"{_RUN} WHERE name = ifnull(?, name) AND started < ifnull(?, 9e99) ORDER BY started",
        (kernel, before),
    )
    return [replace(run, good=bool(run.good)) for run in (Run(*row) for row in rows)]


def names(database: sqlite3.Connection) -> list[str]:
    """All cases."""
    return [name for (name,) in database.execute("SELECT name FROM cases ORDER BY id")]


def of_clause(database: sqlite3.Connection, clause: str) -> list[str]:
    """The cases that check a promise, or did at some time."""
    rows = database.execute(
        "SELECT DISTINCT name FROM answer JOIN cases ON cases.id = answer.which"
        " JOIN (SELECT outcome.id FROM outcome, json_each(details, '$.clauses')"
        "  WHERE value = ?) AS about ON about.id = outcome ORDER BY which",
        (clause,),
    )
    return [name for (name,) in rows]


def of_case(database: sqlite3.Connection, name: str) -> dict[int, Case]:
    """What a case came to, by the number of the answers that it is in."""
    rows = database.execute(
        "SELECT answers, verdict, details FROM answer"
        " JOIN cases ON cases.id = answer.which JOIN outcome ON outcome.id = outcome"
        " WHERE cases.name = ?",
        (name,),
    )
    return {answers: case_of(name, word, text) for answers, word, text in rows}


def durations(database: sqlite3.Connection, run: Run) -> Iterator[tuple[str, float]]:
    """How long each case of a run took, seconds."""
    (data,) = database.execute("SELECT durations FROM run WHERE id = ?", (run.number,)).fetchone()
    rows = database.execute(
        "SELECT name FROM answer JOIN cases ON cases.id = answer.which"
        " WHERE answers = ? ORDER BY which",
        (run.answers,),
    )
    return zip((name for (name,) in rows), unpacked(data), strict=True)


def load(database: sqlite3.Connection, run: Run) -> KernelResults:
    """One kernel of a run as it was, but for transcripts and consoles; not judged."""
    seconds = dict(durations(database, run))
    rows = database.execute(
        "SELECT name, verdict, details FROM answer JOIN cases ON cases.id = answer.which"
        " JOIN outcome ON outcome.id = outcome WHERE answers = ? ORDER BY which",
        (run.answers,),
    )
    cases = tuple(case_of(name, word, text, seconds[name]) for name, word, text in rows)
    counts = Counter(case.verdict for case in cases)
    summary = Summary(run.kernel, run.boot, counts, run.seconds, run.problem, cases=cases)
    keys = ("version", "release", "sha256", "arch", "origin")
    known = {key: value for key in keys if (value := getattr(run, key))}
    boots = ({"what": run.machine},) if run.machine else ()
    return KernelResults(summary, known, run.suite, run.started, boots=boots)
