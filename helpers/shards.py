"""Which part of the cases a machine runs when several share them: pure, and the same everywhere."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from helpers.errors import UserError


@dataclass(frozen=True)
class Shard:
    """One part of several.

    Attributes:
        index: which one, from 1.
        total: how many there are.
        planned: the parts of cases whose durations are known, from 1, by case id.
    """

    index: int
    total: int
    planned: Mapping[str, int] = field(default_factory=dict)

    def has(self, ident: str) -> bool:
        """Whether a case belongs to this part; each case belongs to exactly one."""
        return self.planned.get(ident, by_hash(ident, self.total)) == self.index

    def __str__(self) -> str:
        """As on the command line."""
        return f"{self.index}/{self.total}"


def parse(text: str, durations: Mapping[str, float] | None = None) -> Shard:
    """The part that "2/4" means.

    Args:
        text: from the command line.
        durations: seconds by case id; all machines must be given the same.

    Raises:
        UserError: it means none.
    """
    match = re.fullmatch(r"(\d{1,4})/(\d{1,4})", text)
    index, total = (int(match[1]), int(match[2])) if match else (0, 0)
    if not 1 <= index <= total:
        raise UserError(f"--shard {text}: expected I/N with I from 1 to N, as 2/4")
    return Shard(index, total, balanced(durations or {}, total))


def by_hash(ident: str, total: int) -> int:
    """The part of a case whose duration is not known: where it is now it stays."""
    return int.from_bytes(sha256(ident.encode()).digest()[:8], "big") % total + 1


def balanced(durations: Mapping[str, float], total: int) -> dict[str, int]:
    """Parts of about the same duration: the longest case first, each to where least is to be done.

    It depends on nothing but the durations, so that machines agree which select other cases.
    """
    loads = [0.0] * total
    parts = {}
    for ident in sorted(durations, key=lambda name: (-durations[name], name)):
        least = loads.index(min(loads))
        loads[least] += durations[ident]
        parts[ident] = least + 1
    return parts


def load_durations(path: Path) -> dict[str, float]:
    """Seconds by case id, from a JSON object.

    Raises:
        UserError: it cannot be read, or is something else.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        return {str(ident): float(seconds) for ident, seconds in data.items()}
    except OSError as error:
        raise UserError(f"cannot read the durations {path}: {error.strerror}") from error
    except (ValueError, TypeError, AttributeError) as error:
        raise UserError(f"{path}: not an object of seconds by case id: {error}") from error
