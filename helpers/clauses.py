"""The promises that cases check, one file of them for each call: suites/<call>/clauses.toml."""

import re
import tomllib
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from helpers.errors import UserError

_ID = re.compile(r"[a-z0-9_]+(:[a-z0-9-]+)+")
_KEYS = frozenset({"id", "strength", "source", "text"})


class Strength(Enum):
    """How much a clause binds a kernel; design.md, Words."""

    DOCUMENTED = "documented"
    REFERENCED = "referenced"
    ESTABLISHED = "established"
    OBSERVED = "observed"


@dataclass(frozen=True)
class Clause:
    """One promise.

    Attributes:
        id: stable for ever, "process_vm_readv:errors:einval-flags".
        strength: how much it binds.
        source: the manual page's section, or the kernel's file, that says so.
        text: the promise in one line.
    """

    id: str
    strength: Strength
    source: str
    text: str

    def __str__(self) -> str:
        """For messages."""
        return f"clause {self.id}, {self.strength.value}"


def load_clauses(suites: Path) -> dict[str, Clause]:
    """All clauses below a directory of suites, by id.

    Raises:
        UserError: a file has an unknown key or value, or an id twice; the line names the place.
    """
    found: dict[str, Clause] = {}
    for path in sorted(suites.glob("*/clauses.toml")):
        for clause in _read(path):
            if clause.id in found:
                raise UserError(f"{path}: clause {clause.id} is defined twice")
            found[clause.id] = clause
    return found


def _read(path: Path) -> list[Clause]:
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{path}: {error}") from error
    if set(data) != {"clause"}:
        raise UserError(
            f"{path}: expected [[clause]] tables and nothing else, found {sorted(data)}"
        )
    return [_clause(path, entry) for entry in data["clause"]]


def _clause(path: Path, entry: dict[str, str]) -> Clause:
    name = entry.get("id", "?")
    if set(entry) != _KEYS:
        raise UserError(f"{path}: clause {name} must have exactly {', '.join(sorted(_KEYS))}")
    if not _ID.fullmatch(name):
        raise UserError(f"{path}: clause id {name} is not of the form call:part:name")
    if "\n" in entry["text"].strip():
        raise UserError(f"{path}: clause {name}: text is one line")
    try:
        strength = Strength(entry["strength"])
    except ValueError:
        known = ", ".join(s.value for s in Strength)
        raise UserError(
            f"{path}: clause {name}: strength {entry['strength']} is none of {known}"
        ) from None
    return Clause(name, strength, entry["source"], entry["text"].strip())
