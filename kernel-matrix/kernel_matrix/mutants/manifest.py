"""mutants.toml: planted bugs as data, and which generated ones are no bugs.

    [[mutant]]
    id = "flags-not-checked"
    file = "fs/process_vmsplice.c"        # in the kernel's source
    original = "flags & ~SPLICE_F_ALL"    # there exactly once
    replacement = "0"
    clause = "process_vmsplice:errors:einval-flags"
    symptom = "an unknown flag is accepted"
    flavour = "debug"                     # only if nobody but a debug kernel can see it

    [[equivalent]]
    id = "the id of a mutant, of the table"
    argument = "why no program can tell the difference"

Loaded strictly: whatever is not understood is an error that names the line.
"""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from helpers.clauses import load_clauses
from helpers.errors import UserError
from kernel_matrix.build import OURS
from kernel_matrix.manifest import ROOT

MUTANTS = ROOT / "kernel-matrix" / "reference" / "mutants.toml"
SUITES = ROOT / "suites"
SERIES = "6.12"
"""The series that mutants are planted in; the text that they replace is of it."""

_EXAMPLE = "fs/process_vmsplice.c"

_KEYS = {"id", "file", "original", "replacement", "clause", "symptom", "flavour"}
_OPTIONAL = {"flavour"}
_FLAVOURS = ("debug",)
_ID = re.compile(r"[A-Za-z0-9][\w.:+-]*")


@dataclass(frozen=True)
class Mutant:
    """A bug that can be planted: other text at one place of the kernel's source.

    Attributes:
        id: stable; what the table and --id name it.
        file: path in the kernel's source.
        original: what is there.
        replacement: what is there instead.
        place: where this is written down, for messages.
        clause: the promise that it breaks, "" for a generated one.
        symptom: what is to be seen of it, "" for a generated one.
        flavour: "debug" if only a debug kernel shows it.
        offset: where the original begins, as a character; None where the text is there only once.
    """

    id: str
    file: str
    original: str
    replacement: str
    place: str
    clause: str = ""
    symptom: str = ""
    flavour: str = ""
    offset: int | None = None

    @property
    def generated(self) -> bool:
        """Made by an operator, not by a person."""
        return not self.clause

    def position(self, text: str) -> int:
        """Where in its file's text the original begins.

        Raises:
            UserError: it is not there, or not only once.
        """
        if self.offset is not None:
            if text.startswith(self.original, self.offset):
                return self.offset
            raise UserError(f"{self.place}: {self.file} has changed since {self.id} was generated")
        first = text.find(self.original)
        if first < 0:
            line = next(iter(self.original.strip().splitlines()), "")
            raise UserError(
                f"{self.place}: the original text of {self.id} is not in {self.file}: {line!r}; "
                "it must be exactly the same, with its tabs"
            )
        if text.find(self.original, first + 1) >= 0:
            lines = [
                str(text.count("\n", 0, match.start()) + 1)
                for match in re.finditer(f"(?={re.escape(self.original)})", text)
            ]
            raise UserError(
                f"{self.place}: the original text of {self.id} is in {self.file} {len(lines)} "
                f"times, lines {', '.join(lines)}; take in more of what is around it"
            )
        return first


@dataclass(frozen=True)
class Equivalent:
    """A mutant that is no bug, and why."""

    id: str
    argument: str
    place: str


@dataclass(frozen=True)
class Manifest:
    """What a file of mutants has, in its order."""

    mutants: tuple[Mutant, ...]
    equivalent: tuple[Equivalent, ...]


def load(path: Path = MUTANTS, suites: Path = SUITES) -> Manifest:
    """Read a file of mutants.

    Raises:
        UserError: it cannot be read or something in it is wrong; the text names file and line.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read: {error}") from error
    return parse(text, path.name if path == MUTANTS else str(path), frozenset(load_clauses(suites)))


def parse(text: str, name: str, clauses: frozenset[str]) -> Manifest:
    """What a text has.

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
        message, _, place = str(error).partition(" (at line ")
        line = place.partition(",")[0]
        raise UserError(f"{name}{f':{line}' if line else ''}: not TOML: {message}") from error
    for key, value in data.items():
        if key not in ("mutant", "equivalent") or not isinstance(value, list):
            raise UserError(
                f"{name}: expected [[mutant]] and [[equivalent]] tables and nothing else, not {key}"
            )
    places = {kind: _places(text, name, kind) for kind in ("mutant", "equivalent")}
    mutants = [
        _mutant(item, place, clauses)
        for item, place in zip(data.get("mutant", []), places["mutant"], strict=False)
    ]
    equivalent = [
        _equivalent(item, place)
        for item, place in zip(data.get("equivalent", []), places["equivalent"], strict=False)
    ]
    for entries in (mutants, equivalent):
        seen: dict[str, str] = {}
        for entry in entries:
            if entry.id in seen:
                raise UserError(f"{entry.place}: {entry.id} is there twice, see {seen[entry.id]}")
            seen[entry.id] = entry.place
    return Manifest(tuple(mutants), tuple(equivalent))


def _places(text: str, name: str, kind: str) -> list[str]:
    header = re.compile(rf"\s*\[\[\s*{kind}\s*\]\]")
    return [f"{name}:{n}" for n, line in enumerate(text.splitlines(), 1) if header.match(line)]


def _checked(item: Any, place: str, known: set[str], optional: set[str]) -> None:
    for key, value in item.items():
        if key not in known:
            raise UserError(
                f"{place}: unknown key {key!r}; known: {', '.join(sorted(known | optional))}"
            )
        if not isinstance(value, str) or not (value or key == "replacement"):
            raise UserError(f"{place}: {key} is a text, not {value!r}")
    missing = sorted(known - optional - set(item))
    if missing:
        raise UserError(f"{place}: {item.get('id', 'this entry')} has no {', '.join(missing)}")


def _mutant(item: Any, place: str, clauses: frozenset[str]) -> Mutant:
    _checked(item, place, _KEYS, _OPTIONAL)
    ident = item["id"]
    if not _ID.fullmatch(ident):
        raise UserError(f"{place}: id {ident!r}: letters, digits, and . : + - _ between them")
    path = PurePosixPath(item["file"])
    if path.is_absolute() or ".." in path.parts or path.suffix not in (".c", ".h"):
        raise UserError(
            f"{place}: file {item['file']!r} is no C file of the kernel's source, as {_EXAMPLE} is"
        )
    if path.name in OURS:
        # It lies in kernel-matrix/reference, and beside fs/splice.c once it is built.
        path = PurePosixPath("fs", path.name)
    if item["original"] == item["replacement"]:
        raise UserError(f"{place}: {ident} replaces a text by the same text")
    if item["clause"] not in clauses:
        raise UserError(f"{place}: no clause {item['clause']} in suites/*/clauses.toml")
    if item.get("flavour", _FLAVOURS[0]) not in _FLAVOURS:
        raise UserError(
            f"{place}: flavour is {' or '.join(_FLAVOURS)} or not there, not {item['flavour']!r}"
        )
    return Mutant(**{**item, "file": str(path), "symptom": item["symptom"].strip()}, place=place)


def _equivalent(item: Any, place: str) -> Equivalent:
    _checked(item, place, {"id", "argument"}, set())
    return Equivalent(item["id"], " ".join(item["argument"].split()), place)
