"""What the expectations should say after a run: a diff for a person to judge, never applied."""

import difflib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from kernel_matrix.expectations import DEVIATION, STALE, TODO, Deviation, Tally, headers
from kernel_matrix.journal import Case
from kernel_matrix.reports.results import KernelResults, Results, version_key
from kernel_matrix.transitions import OBSERVED, short, telling

_FAILING = ("fail", "crash", "hang")


@dataclass(frozen=True)
class Group:
    """Cases that fail in one way on the same kernels."""

    call: str
    clauses: tuple[str, ...]
    verdict: str
    way: str
    is_observed: bool
    where: tuple[tuple[str, str], ...]


def diff(
    texts: Mapping[str, str],
    tallies: Mapping[Deviation, Tally],
    results: Results,
    directory: str,
) -> str:
    """A unified diff of all files, "" if nothing is to be changed.

    Args:
        texts: of the files, by name.
        tallies: what the run says of each entry.
        results: the run, judged by the entries.
        directory: of the files, for the diff's heads.
    """
    versions = {kernel.id: kernel.version for kernel in results.kernels}
    new = {name: retired(text, name, tallies, versions) for name, text in texts.items()}
    for call, entries in proposals(results).items():
        name = f"{call}.toml"
        new[name] = _joined(new.get(name, ""), entries)
    return "".join(
        line
        for name in sorted(new)
        for line in difflib.unified_diff(
            texts.get(name, "").splitlines(keepends=True),
            new[name].splitlines(keepends=True),
            f"a/{directory}/{name}" if name in texts else "/dev/null",
            f"b/{directory}/{name}",
        )
    )


def _joined(text: str, entries: Sequence[str]) -> str:
    before = f"{text.rstrip()}\n\n" if text.strip() else ""
    return before + "\n".join(entries)


def retired(
    text: str, name: str, tallies: Mapping[Deviation, Tally], versions: Mapping[str, str]
) -> str:
    """A file without its stale entries; one that is stale from some version on ends there."""
    lines = text.splitlines(keepends=True)
    heads = headers(text)
    starts = [*(_with_comments(lines, head) for head in heads), len(lines)]
    places = {deviation.place: tally for deviation, tally in tallies.items()}
    kept = lines[: starts[0]]
    for head, (start, end) in zip(heads, pairwise(starts), strict=True):
        tally = places.get(f"{name}:{head + 1}", Tally())
        if not tally.stale:
            kept += lines[start:end]
        elif tally.holds or tally.otherwise:
            kept += lines[start:head] + _ended(lines[head:end], tally, versions)
    return "".join(kept)


def _with_comments(lines: Sequence[str], head: int) -> int:
    """Where an entry begins: comments right above it belong to it."""
    while head and lines[head - 1].startswith("#"):
        head -= 1
    return head


def _ended(block: list[str], tally: Tally, versions: Mapping[str, str]) -> list[str]:
    stale = {versions.get(kernel, "") for kernel, _ in tally.stale}
    other = {versions.get(kernel, "") for kernel, _ in (*tally.holds, *tally.otherwise)}
    if "" not in stale | other:
        first = min(stale, key=version_key)
        if all(version_key(version) < version_key(first) for version in other):
            rest = [line for line in block[1:] if not line.startswith("before")]
            return [block[0], f'before = "{upstream(first)}"\n', *rest]
    cases = ", ".join(sorted({case for _, case in tally.stale}))
    return [block[0], f"# {TODO}: passes here and there: {cases}\n", *block[1:]]


def upstream(version: str) -> str:
    """A package's version without its revision: "6.12.117-1" is "6.12.117"."""
    return version.partition("-")[0]


def proposals(results: Results) -> dict[str, list[str]]:
    """New entries for failures that nothing expects, by call."""
    found: dict[str, list[str]] = {}
    grouped: dict[Group, list[str]] = {}
    for kernels in results.in_order():
        for group, cases in groups(kernels).items():
            grouped.setdefault(group, []).extend(cases)
    for group, cases in grouped.items():
        found.setdefault(group.call, []).append(entry(group, cases))
    return found


def groups(kernels: Sequence[KernelResults]) -> dict[Group, list[str]]:
    """The unexpected failures of one line of kernels, older first: cases by how and where."""
    failing: dict[tuple[str, str, str], list[int]] = {}
    samples: dict[str, Case] = {}
    for place, kernel in enumerate(kernels):
        for case in kernel.summary.cases:
            if case.verdict in _FAILING and case.strength != OBSERVED:
                way = short(case.observed) or case.message
                failing.setdefault((case.id, case.verdict, way), []).append(place)
                samples[case.id] = case
    found: dict[Group, list[str]] = {}
    for (ident, verdict, way), places in failing.items():
        case = samples[ident]
        group = Group(
            call_of(ident),
            case.clauses,
            verdict,
            way,
            bool(case.observed),
            _selector(kernels, ident, places),
        )
        found.setdefault(group, []).append(ident)
    return found


def call_of(ident: str) -> str:
    """The folder that a case lies in: that of its call."""
    parts = Path(ident.partition("::")[0]).parts
    return parts[1] if len(parts) > 2 else "other"


def _selector(
    kernels: Sequence[KernelResults], ident: str, places: Sequence[int]
) -> tuple[tuple[str, str], ...]:
    """The keys of an entry that mean these kernels and no other one of the line."""
    named = (("kernels", json.dumps([kernels[place].id for place in places])),)
    if not all(kernels[place].version for place in places) or len(kernels) == 1:
        return named
    judged = [place for place, kernel in enumerate(kernels) if telling(kernel.cases.get(ident))]
    first, last = judged.index(places[0]), judged.index(places[-1])
    if judged[first : last + 1] != list(places):
        return named
    keys = [("kernels", json.dumps([f"{kernels[0].line}:*"]))]
    if first:
        keys.append(("since", json.dumps(upstream(kernels[places[0]].version))))
    if last + 1 < len(judged):
        keys.append(("before", json.dumps(upstream(kernels[judged[last + 1]].version))))
    return tuple(keys)


def entry(group: Group, cases: Iterable[str]) -> str:
    """An entry as TOML; its reason is still to be written."""
    lines = ["[[deviation]]", "cases = ["]
    lines += [f"    {json.dumps(case, ensure_ascii=False)}," for case in sorted(set(cases))]
    lines += ["]"]
    lines += [f"{key} = {value}" for key, value in group.where]
    if group.verdict != "fail":
        lines.append(f"verdict = {json.dumps(group.verdict)}")
    key = "observed" if group.is_observed else "message"
    lines.append(f"{key} = {json.dumps(group.way, ensure_ascii=False)}")
    about = ", ".join(group.clauses) or "no clause"
    lines.append(f'reason = "{TODO}: why {about} is not kept"')
    lines.append(f'reference = "{TODO}: a commit, a message, a page"')
    return "\n".join(lines) + "\n"


def summary(tallies: Mapping[Deviation, Tally]) -> list[str]:
    """A line for each entry: what the run says of it."""
    lines = []
    for deviation, tally in tallies.items():
        state = _state(tally)
        counts = [
            f"{word} {_cases(places)} on {_kernels(places)}"
            for word, places in (
                ("holds for", tally.holds),
                ("stale for", tally.stale),
                ("fails otherwise for", tally.otherwise),
            )
            if places
        ]
        said = "; ".join(counts) or "says nothing of any case of this run"
        lines.append(f"{state:10} {deviation.place}: {said}")
    return lines


def to_json(tallies: Mapping[Deviation, Tally], proposed: str) -> dict[str, Any]:
    """The same for programs, with the diff, see diff()."""
    entries = []
    for deviation, tally in tallies.items():
        places = {
            word: [{"kernel": kernel, "case": case} for kernel, case in found]
            for word, found in vars(tally).items()
        }
        about = {
            "place": deviation.place,
            "clause": deviation.clause,
            "cases": list(deviation.cases),
            "reason": deviation.reason,
            "reference": deviation.reference,
        }
        entries.append({"state": _state(tally), **about, **places})
    return {"entries": entries, "diff": proposed}


def _state(tally: Tally) -> str:
    return STALE if tally.stale else DEVIATION if tally.holds else "unused"


def _cases(places: Iterable[tuple[str, str]]) -> str:
    number = len({case for _, case in places})
    return f"{number} case{'s' * (number != 1)}"


def _kernels(places: Iterable[tuple[str, str]]) -> str:
    return ", ".join(dict.fromkeys(kernel for kernel, _ in places))
