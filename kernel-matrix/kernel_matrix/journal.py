"""Reading a journal: what a run did, case by case, also of a run that was cut off.

The writer appends one JSON object a line: run, boot, traits, collected, start, end, finish. What is
not there says as much as what is: a case that started and did not end is where the runner died; one
that was collected and never started was missed.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from helpers.errors import UserError

SCHEMA = 1
NAME = "journal.jsonl"

VERDICTS = ("pass", "fail", "skip", "crash", "hang", "error", "miss")
"""What a case can come to. fail, crash and hang are findings; error and miss are our own.

The expectations add two: "deviation" for a failure that was expected, and "stale" for a case that
passes although it was expected to fail, which is a finding.
"""

FINDINGS = ("fail", "crash", "hang", "stale")
OWN_FAULTS = ("error", "miss")
RUNNER_LOST = "runner lost: the case started, and nothing says how it ended"

# With these pytest stops early because it was told to: what it left out is not missed.
_STOPS_EARLY = ("-x", "--exitfirst", "--maxfail", "--stepwise", "--sw", "--pdb")


@dataclass(frozen=True)
class Attempt:
    """One more try of a case, in a fresh machine.

    Attributes:
        verdict: one of VERDICTS.
        seconds: how long it took.
        message, title: as those of a case.
    """

    verdict: str
    seconds: float = 0.0
    message: str = ""
    title: str = ""


@dataclass(frozen=True)
class Case:
    """One case of a run, as its end line has it, and as the expectations judge it.

    A case that was tried more than once is what its first try came to.

    Attributes:
        verdict: one of VERDICTS; "deviation" or "stale" once the expectations were asked.
        expected: what should have been observed, as strace shows it; "" where nothing says so.
        started: when, seconds since the epoch; 0.0 if that is not known.
        was: the verdict before the expectations were asked, "" if they do not change it.
        known: why it was expected to fail: reason and reference; "" if it was not.
        title: what the kernel complained of, the same words for the same bug; "" if it did not.
        trace: the functions that the complaint names, innermost first, "name" or
            "name (file:line)".
        attempts: the tries after the first.
    """

    id: str
    verdict: str
    seconds: float = 0.0
    clauses: tuple[str, ...] = ()
    strength: str = ""
    message: str = ""
    observed: str = ""
    skip: dict[str, str] = field(default_factory=dict)
    transcript: str = ""
    console: str = ""
    longrepr: str = ""
    expected: str = ""
    started: float = 0.0
    was: str = ""
    known: str = ""
    title: str = ""
    trace: tuple[str, ...] = ()
    attempts: tuple[Attempt, ...] = ()

    @property
    def unexpected(self) -> bool:
        """Somebody should look at it."""
        return self.verdict in FINDINGS or self.verdict in OWN_FAULTS

    @property
    def headline(self) -> str:
        """What it came to, in words that are the same tomorrow if the kernel gave us any."""
        return self.title or self.message

    @property
    def flaky(self) -> bool:
        """It was tried again, and did not come to the same each time."""
        return any(attempt.verdict != (self.was or self.verdict) for attempt in self.attempts)

    @property
    def again(self) -> str:
        """What became of it when it was tried again: "reproduced 1 of 1"; "" if it was not."""
        first, more = self.was or self.verdict, [attempt.verdict for attempt in self.attempts]
        same = more.count(first)
        if not more:
            return ""
        if len(more) == 1:
            return "reproduced 1 of 1" if same else f"not reproduced: {more[0]}"
        if same == len(more):
            return f"reproduced {same} of {same}"
        found = ", ".join(f"{n} {v}" for v, n in Counter([first, *more]).items())
        return f"flaky: {found} of {len(more) + 1}"


@dataclass
class Journal:
    """What has been read of a journal so far; feed() takes its lines as they come.

    Attributes:
        run: the run line, {} before it.
        boots: the boot lines.
        traits: what the kernel was found to be like, helpers/traits.py.
        collected: the cases that were to be run, in order.
        cases: those that ended, by id.
        running: those that started and did not end yet, by id.
        finish: the finish line, None before it.
        stopped: why the run was ended before its last case, "" if it was not.
        shard: part and number of parts, if this is one of several.
        everything: the cases of all parts, in order.
        bad_lines: how many lines could not be understood.
    """

    run: dict[str, Any] = field(default_factory=dict)
    boots: list[dict[str, Any]] = field(default_factory=list)
    traits: frozenset[str] = frozenset()
    collected: list[str] = field(default_factory=list)
    cases: dict[str, Case] = field(default_factory=dict)
    running: dict[str, dict[str, Any]] = field(default_factory=dict)
    finish: dict[str, Any] | None = None
    stopped: str = ""
    shard: tuple[int, int] | None = None
    everything: list[str] = field(default_factory=list)
    bad_lines: int = 0

    def feed(self, line: str) -> dict[str, Any] | None:
        """Take one line.

        Returns:
            the line as an object, None if it is not one.

        Raises:
            UserError: the journal is of a schema that this program does not know.
        """
        try:
            entry = json.loads(line)
            kind = entry["t"]
            take = _TAKE.get(kind)
            if take is not None:
                take(self, entry)
        except (ValueError, KeyError, TypeError, AttributeError):
            self.bad_lines += 1
            return None
        return entry if isinstance(entry, dict) else None

    def results(self) -> list[Case]:
        """Every case, in the order of collection, with what the journal does not say outright."""
        order = dict.fromkeys([*self.collected, *self.cases, *self.running])
        return [case for ident in order if (case := self._result(ident)) is not None]

    def _result(self, ident: str) -> Case | None:
        if ident in self.running and ident not in self.cases:
            start = self.running[ident]
            return Case(
                ident,
                "error",
                clauses=tuple(start.get("clauses") or ()),
                strength=start.get("strength") or "",
                message=RUNNER_LOST,
                started=float(start.get("time") or 0.0),
            )
        if ident in self.cases:
            return self.cases[ident]
        if self.stopped_early:
            return None
        return Case(ident, "miss", message="collected, but never started")

    @property
    def stopped_early(self) -> bool:
        """It ended in order, before the last case, because the user wanted that."""
        words = self.run.get("argv") or []
        asked = any(
            word == option or word.startswith(f"{option}=")
            for word in words
            if isinstance(word, str)
            for option in _STOPS_EARLY
        )
        return asked and self.finish is not None

    def counts(self) -> Counter[str]:
        """How many cases came to which verdict."""
        return Counter(case.verdict for case in self.results())

    @property
    def boot_seconds(self) -> float | None:
        """How long the first machine took to boot, None if none did."""
        return float(self.boots[0].get("seconds") or 0.0) if self.boots else None


# As fixtures/verdicts.py explains a comparison of results.
_EXPECTED = re.compile(r"^E +expected (?P<value>.+?)(?: \(clause [^()]*\))?$", re.MULTILINE)


def _expected(longrepr: str) -> str:
    match = _EXPECTED.search(longrepr)
    return match["value"] if match else ""


def _take_run(journal: Journal, entry: dict[str, Any]) -> None:
    if entry.get("schema") != SCHEMA:
        raise UserError(
            f"this journal has schema {entry.get('schema')!r}; this program reads {SCHEMA}"
        )
    journal.run = entry


def _take_collected(journal: Journal, entry: dict[str, Any]) -> None:
    known = set(journal.collected)
    journal.collected += [case for case in entry["cases"] if case not in known]


def _take_traits(journal: Journal, entry: dict[str, Any]) -> None:
    journal.traits |= {str(trait) for trait in entry["traits"]}


def _take_start(journal: Journal, entry: dict[str, Any]) -> None:
    journal.running[entry["id"]] = entry


def _take_end(journal: Journal, entry: dict[str, Any]) -> None:
    start = journal.running.get(entry["id"], {})
    verdict = entry["verdict"]
    if verdict not in VERDICTS:
        raise ValueError(verdict)
    journal.running.pop(entry["id"], None)
    first = journal.cases.get(entry["id"])
    if first is not None and entry.get("attempt", 1) > 1:
        journal.cases[first.id] = replace(first, attempts=(*first.attempts, _attempt(entry)))
        return
    journal.cases[entry["id"]] = Case(
        id=entry["id"],
        verdict=verdict,
        seconds=float(entry.get("seconds") or 0.0),
        clauses=tuple(start.get("clauses") or entry.get("clauses") or ()),
        strength=start.get("strength") or entry.get("strength") or "",
        message=entry.get("message") or "",
        observed=entry.get("observed") or "",
        skip=entry.get("skip") or {},
        transcript=entry.get("transcript") or "",
        console=entry.get("console") or "",
        longrepr=entry.get("longrepr") or "",
        expected=entry.get("expected") or _expected(entry.get("longrepr") or ""),
        started=float(start.get("time") or 0.0),
        title=entry.get("title") or "",
        trace=tuple(entry.get("trace") or ()),
    )


def _attempt(entry: dict[str, Any]) -> Attempt:
    texts = {key: entry.get(key) or "" for key in ("message", "title")}
    return Attempt(entry["verdict"], float(entry.get("seconds") or 0.0), **texts)


def _take_finish(journal: Journal, entry: dict[str, Any]) -> None:
    journal.finish = entry


def _take_stopped(journal: Journal, entry: dict[str, Any]) -> None:
    journal.stopped = str(entry["reason"])


def _take_shard(journal: Journal, entry: dict[str, Any]) -> None:
    journal.shard = int(entry["index"]), int(entry["total"])
    journal.everything = [str(case) for case in entry["cases"]]


_TAKE = {
    "run": _take_run,
    "boot": lambda journal, entry: journal.boots.append(entry),
    "traits": _take_traits,
    "collected": _take_collected,
    "start": _take_start,
    "end": _take_end,
    "finish": _take_finish,
    "stopped": _take_stopped,
    "shard": _take_shard,
}


@dataclass
class Follower:
    """Reads a journal while it is being written.

    Attributes:
        path: the file; it need not be there yet.
        journal: what was read.
    """

    path: Path
    journal: Journal = field(default_factory=Journal)
    _offset: int = 0
    _rest: bytes = b""

    def poll(self) -> Iterator[dict[str, Any]]:
        """The lines that are new and complete."""
        try:
            with self.path.open("rb") as file:
                file.seek(self._offset)
                data = file.read()
        except FileNotFoundError:
            return
        self._offset += len(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            entry = self.journal.feed(line.decode("utf-8", "replace"))
            if entry is not None:
                yield entry


def read(lines: Iterable[str]) -> Journal:
    """A whole journal; a last line that was cut off is not there."""
    journal = Journal()
    for line in lines:
        if line.endswith("\n"):
            journal.feed(line)
    return journal


def load(path: Path) -> Journal:
    """The journal in a file; an empty one if there is no file.

    Raises:
        UserError: it cannot be read.
    """
    try:
        with path.open(errors="replace") as file:
            return read(file)
    except FileNotFoundError:
        return Journal()
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error
