"""Complaints that say nothing of the kernel under test: harmless.toml, each with its reason."""

import re
import tomllib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from helpers.errors import UserError
from helpers.machine.complaints import Complaint

FILE = Path(__file__).with_name("harmless.toml")


def without_harmless(found: Iterable[Complaint]) -> list[Complaint]:
    """Those complaints that somebody should look at.

    Raises:
        UserError: harmless.toml is not as it should be.
    """
    left = list(found)
    patterns = _harmless() if left else ()
    return [each for each in left if not any(p.search(each.line) for p in patterns)]


@cache
def _harmless() -> tuple[re.Pattern[str], ...]:
    return load(FILE)


def load(path: Path) -> tuple[re.Pattern[str], ...]:
    """The lines of a file.

    Raises:
        UserError: it cannot be read, or an entry is not a line with a reason.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read: {error}") from error
    entries = data.pop("harmless", [])
    if data or not isinstance(entries, list):
        raise UserError(f"{path}: expected [[harmless]] tables and nothing else")
    return tuple(_pattern(path, number, entry) for number, entry in enumerate(entries, 1))


def _pattern(path: Path, number: int, entry: object) -> re.Pattern[str]:
    texts = entry if isinstance(entry, dict) else {}
    right = set(texts) == {"line", "reason"} and all(
        isinstance(text, str) and text.strip(" *") for text in texts.values()
    )
    if not right:
        raise UserError(f"{path}: entry {number} needs a line and a reason, and nothing else")
    return re.compile(".*".join(map(re.escape, texts["line"].split("*"))))
