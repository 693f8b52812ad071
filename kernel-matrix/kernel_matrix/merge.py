"""Joining the parts of a run that several machines did: journals in, one journal and what is wrong.

Pure; merge_files.py reads and writes.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from helpers.errors import UserError
from kernel_matrix.cells import Status
from kernel_matrix.journal import Journal
from kernel_matrix.plan import Part

_WORST = ("crash", "hang", "fail", "error", "pass", "skip")
"""Of a case that ran twice the worse result stands."""


@dataclass(frozen=True)
class Piece:
    """One cell of one of the runs.

    Attributes:
        source: the directory of the run, for people.
        cell: it in run.json.
        journal: what was read of it.
        entries: the lines of its journal, as objects.
    """

    source: str
    cell: dict[str, Any]
    journal: Journal
    entries: tuple[dict[str, Any], ...] = ()

    @property
    def kernel(self) -> str:
        """The kernel's id."""
        return str(self.cell["id"])

    @property
    def what(self) -> str:
        """Which image it had: a hash, else a release."""
        known = self.cell.get("kernel") or self.journal.run.get("kernel") or {}
        return str(known.get("sha256") or known.get("release") or "")


@dataclass(frozen=True)
class Joined:
    """One kernel, joined.

    Attributes:
        kernel: its id.
        pieces: what it was made of.
        entries: the lines of the journal.
        problem: what is wrong with it as a whole, "" if nothing is.
        blame: whose problem it is.
        seconds: of all machines together.
        doubled: cases that ran in several pieces, with their verdicts.
        missed: cases that ran in none.
    """

    kernel: str
    pieces: tuple[Piece, ...]
    entries: tuple[dict[str, Any], ...] = ()
    problem: str = ""
    blame: Status = Status.CLEAN
    seconds: float = 0.0
    doubled: dict[str, tuple[str, ...]] = field(default_factory=dict)
    missed: tuple[str, ...] = ()


def join(pieces: Sequence[Piece], planned: Sequence[Part] = ()) -> list[Joined]:
    """The kernels of several runs, each once.

    Args:
        pieces: the cells, in the order of the runs.
        planned: the jobs that there should have been; () if nobody says.

    Raises:
        UserError: two runs had different kernels of one name.
    """
    by_kernel: dict[str, list[Piece]] = {part.kernel: [] for part in planned}
    for piece in pieces:
        by_kernel.setdefault(piece.kernel, []).append(piece)
    totals = {part.kernel: part.total for part in planned}
    return [_join(k, found, totals.get(k)) for k, found in by_kernel.items()]


def _join(kernel: str, pieces: list[Piece], total: int | None) -> Joined:
    if not pieces:
        return Joined(kernel, (), problem="no part of it is here", blame=Status.HARNESS)
    _same_kernel(kernel, pieces)
    results = [{case.id: case.verdict for case in _over(piece.journal)} for piece in pieces]
    ran: dict[str, list[int]] = {}
    for number, verdicts in enumerate(results):
        for ident in verdicts:
            ran.setdefault(ident, []).append(number)
    chosen = {
        ident: min(numbers, key=lambda n, i=ident: _WORST.index(results[n][i]))  # type: ignore[misc]
        for ident, numbers in ran.items()
    }
    order = _order(pieces)
    # A part that no case fell to says nothing, unless it is all that there is.
    counted = [piece for piece in pieces if _blame(piece) is not Status.NOTHING] or pieces
    problems = [
        f"{_name(piece)}{piece.cell['problem']}" for piece in counted if piece.cell["problem"]
    ]
    absent = _absent(pieces, total)
    if absent:
        problems.append(f"missing: shard {', '.join(absent)}")
    blame = Status.HARNESS if absent else max(map(_blame, counted))
    return Joined(
        kernel,
        tuple(pieces),
        tuple(_entries(pieces, chosen, order)),
        "; ".join(problems),
        blame if problems else Status.CLEAN,
        sum(float(piece.cell["seconds"] or 0.0) for piece in pieces),
        {i: tuple(results[n][i] for n in numbers) for i, numbers in ran.items() if numbers[1:]},
        tuple(ident for ident in order if ident not in ran),
    )


def _blame(piece: Piece) -> Status:
    return Status(int(piece.cell["blame"]))


def _over(journal: Journal) -> list[Any]:
    """The cases that say something; also one where the runner died says that."""
    return [case for case in journal.results() if case.verdict != "miss"]


def _same_kernel(kernel: str, pieces: Sequence[Piece]) -> None:
    first = pieces[0]
    for piece in pieces[1:]:
        if piece.what and first.what and piece.what != first.what:
            raise UserError(
                f"two kernels are called {kernel}: {first.what[:12]} in {first.source}, "
                f"{piece.what[:12]} in {piece.source}; run the parts with one --locked"
            )


def _order(pieces: Sequence[Piece]) -> list[str]:
    """All cases that there should be, in order; of a shard also those of the others."""
    order: dict[str, None] = {}
    for piece in sorted(pieces, key=lambda piece: not piece.journal.everything):
        journal = piece.journal
        order.update(dict.fromkeys([*journal.everything, *journal.collected, *journal.cases]))
    return list(order)


def _absent(pieces: Sequence[Piece], planned: int | None) -> list[str]:
    """The shards that are not there: of a plan, or of what the others say."""
    shards = {piece.journal.shard for piece in pieces if piece.journal.shard}
    totals = {total for _, total in shards} | ({planned} if planned and planned > 1 else set())
    have_all = any(piece.journal.shard is None and piece.journal.run for piece in pieces)
    return [
        f"{index}/{total}"
        for total in sorted(totals)
        for index in range(1, total + 1)
        if (index, total) not in shards and not have_all
    ]


def _name(piece: Piece) -> str:
    """In front of a problem of a part."""
    shard = piece.journal.shard
    return f"shard {shard[0]}/{shard[1]}: " if shard else ""


def _entries(
    pieces: Sequence[Piece], chosen: dict[str, int], order: list[str]
) -> Iterable[dict[str, Any]]:
    """One journal: a head, what was to be run, then all that happened by its time."""
    heads = [piece.journal.run for piece in pieces if piece.journal.run]
    if not heads:
        return
    first = min(heads, key=lambda head: float(head.get("time") or 0.0))
    yield {**first, "merged": [piece.source for piece in pieces]}
    yield {"t": "collected", "time": first.get("time", 0.0), "ids": len(order), "cases": order}
    happened = []
    for number, piece in enumerate(pieces):
        for entry in piece.entries:
            kind = entry.get("t")
            if kind in ("start", "end") and chosen.get(entry.get("id", "")) != number:
                continue
            if kind in ("boot", "traits", "start", "end", "stopped"):
                worker = entry.get("worker")
                named = {"worker": f"{number + 1}:{worker}"} if worker and pieces[1:] else {}
                happened.append({**entry, **named})
    yield from sorted(happened, key=lambda entry: float(entry.get("time") or 0.0))
    ends = [piece.journal.finish for piece in pieces]
    if all(end is not None for end in ends):
        known = [end for end in ends if end is not None]
        statuses = [int(end.get("exitstatus") or 0) for end in known]
        yield {**known[-1], "exitstatus": max(statuses)}


def lines(entries: Iterable[dict[str, Any]]) -> str:
    """The text of a journal."""
    return "".join(json.dumps(entry, separators=(",", ":")) + "\n" for entry in entries)


def report(found: Sequence[Joined], most: int = 10) -> list[str]:
    """What is missing, what is doubled and what does not fit together, for people."""
    said = []
    for joined in found:
        suites = {str(p.journal.run["suite"]) for p in joined.pieces if p.journal.run.get("suite")}
        if len(suites) > 1:
            said.append(f"{joined.kernel}: of several versions: {', '.join(sorted(suites))}")
        if joined.missed:
            first = joined.missed[0]
            count = len(joined.missed)
            said.append(f"{joined.kernel}: {count} cases ran nowhere, {first} the first of them")
        differ = {i: v for i, v in joined.doubled.items() if len(set(v)) > 1}
        if joined.doubled:
            text = f"{joined.kernel}: {len(joined.doubled)} cases ran more than once"
            text += "; the worse result stands" if differ else ", with the same result"
            said.append(text)
        for ident, verdicts in list(differ.items())[:most]:
            said.append(f"    {ident}: {', '.join(verdicts)}")
    return said
