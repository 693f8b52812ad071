"""The order of Debian versions, deb-version(7)."""

import re
from functools import cmp_to_key


def _order(character: str) -> int:
    """Where a character sorts: "~" before the end of the part, letters before all others."""
    if character == "~":
        return -1
    if character.isalpha():
        return ord(character)
    return ord(character) + 256


def _compare_text(left: str, right: str) -> int:
    for index in range(max(len(left), len(right))):
        a = _order(left[index]) if index < len(left) else 0
        b = _order(right[index]) if index < len(right) else 0
        if a != b:
            return -1 if a < b else 1
    return 0


def _compare_part(left: str, right: str) -> int:
    """Upstream versions or revisions: text and numbers in turn, starting with text."""
    a = re.findall(r"(\D*)(\d*)", left)
    b = re.findall(r"(\D*)(\d*)", right)
    for index in range(max(len(a), len(b))):
        text_a, number_a = a[index] if index < len(a) else ("", "")
        text_b, number_b = b[index] if index < len(b) else ("", "")
        text = _compare_text(text_a, text_b)
        if text:
            return text
        difference = int(number_a or 0) - int(number_b or 0)
        if difference:
            return -1 if difference < 0 else 1
    return 0


def split(version: str) -> tuple[int, str, str]:
    """Epoch, upstream version and Debian revision ("" where there is none)."""
    epoch, colon, rest = version.rpartition(":")
    upstream, dash, revision = rest.rpartition("-")
    if not dash:
        upstream, revision = rest, ""
    return (int(epoch) if colon and epoch.isdigit() else 0), upstream, revision


def compare(left: str, right: str) -> int:
    """-1, 0 or 1, as left is older than, as old as or newer than right."""
    epoch_a, upstream_a, revision_a = split(left)
    epoch_b, upstream_b, revision_b = split(right)
    if epoch_a != epoch_b:
        return -1 if epoch_a < epoch_b else 1
    return _compare_part(upstream_a, upstream_b) or _compare_part(revision_a, revision_b)


key = cmp_to_key(compare)
"""For sorted() and max()."""
