"""Which case a person means by the few words that they type."""

import re
from collections.abc import Iterable

from helpers.errors import UserError

_MOST = 3


def matching(text: str, names: Iterable[str]) -> list[str]:
    """The cases that a text means: the one of that name, else all that contain it.

    "..." and "*" stand for anything, so that what a report has cut can be used.

    Args:
        text: a case's id or a part of it; "vmsplice::[row]" is any such row of suites/vmsplice.
        names: all ids.
    """
    known = list(names)
    if text in known:
        return [text]
    parts = re.split(r"\*|\.\.\.|…", text)
    call, colons, rest = parts[0].partition("::")
    if colons and "/" not in call and not call.endswith(".py"):
        # The call's folder stands for the modules in it.
        parts = [f"suites/{call}/", "::", rest, *parts[1:]]
    pattern = re.compile(".*".join(map(re.escape, parts)))
    return [name for name in known if pattern.search(name)]


def one(text: str, names: Iterable[str], where: str) -> str:
    """The one case that a text means.

    Raises:
        UserError: it means none or several.
    """
    found = matching(text, names)
    if not found:
        raise UserError(f"no case {text!r} in {where}; kernel-matrix clauses lists the promises")
    if len(found) > 1:
        raise UserError(f"{text!r} is {len(found)} cases in {where}: {listed(found)}")
    return found[0]


def listed(found: list[str]) -> str:
    """Some names in one line."""
    more = f" and {len(found) - _MOST} more" if len(found) > _MOST else ""
    return ", ".join(found[:_MOST]) + more
