"""Which Debian mirror this machine uses: sources.list(5), in both of its forms."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from helpers.errors import UserError

RELEASES = ("bullseye", "bookworm", "trixie", "forky", "duke", "sid")
"""Debian's own names; a suite is one of them with or without a pocket such as -security."""

_ALIASES = ("oldoldstable", "oldstable", "stable", "testing", "unstable", "experimental", "buster")
_POCKETS = ("", "-security", "/updates", "-updates", "-backports", "-proposed-updates")
_DEBIAN_SUITES = frozenset(f"{name}{pocket}" for name in RELEASES + _ALIASES for pocket in _POCKETS)
_SECURITY = ("-security", "/updates")


@dataclass(frozen=True)
class Entry:
    """One repository of a sources file: one address, one suite."""

    uri: str
    suite: str
    components: tuple[str, ...]


@dataclass(frozen=True)
class Mirror:
    """Where Debian's archive and its security archive are, as base addresses without a slash."""

    main: str
    security: str


def parse_list(text: str) -> Iterator[Entry]:
    """The deb lines of the one-line form: deb [ option=value ... ] uri suite component..."""
    for line in text.splitlines():
        match = re.match(r"\s*deb\s+(?:\[[^\]]*\]\s*)?([^\s#]+)\s+([^\s#]+)([^#]*)", line)
        if match:
            yield Entry(match[1], match[2], tuple(match[3].split()))


def parse_deb822(text: str) -> Iterator[Entry]:
    """The deb stanzas of the form with fields; a field goes on in lines that begin with a blank."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    for stanza in re.split(r"\n[ \t]*\n", "\n".join(lines)):
        fields: dict[str, str] = {}
        last = ""
        for line in stanza.splitlines():
            if line[:1] in (" ", "\t") and last:
                fields[last] += " " + line.strip()
            elif ":" in line:
                last, _, value = line.partition(":")
                last = last.strip().lower()
                fields[last] = value.strip()
        enabled = fields.get("enabled", "yes").lower() not in ("no", "false", "0", "off")
        if not enabled or "deb" not in fields.get("types", "").split():
            continue
        for uri in fields.get("uris", "").split():
            for suite in fields.get("suites", "").split():
                yield Entry(uri, suite, tuple(fields.get("components", "").split()))


def choose(entries: list[Entry]) -> Mirror | None:
    """The mirror among everything that a machine gets packages from.

    Other archives use Debian's suite names too; what sets Debian's apart is the component main
    and, nearly everywhere, a path that ends in /debian.
    """
    ours = [
        entry
        for entry in entries
        if entry.suite in _DEBIAN_SUITES
        and "main" in entry.components
        and not entry.uri.startswith("cdrom:")
    ]
    main = [e.uri.rstrip("/") for e in ours if not e.suite.endswith(_SECURITY)]
    security = [e.uri.rstrip("/") for e in ours if e.suite.endswith(_SECURITY)]
    if not main:
        return None
    best = min(main, key=lambda uri: not re.search(r"/debian$", uri))
    return Mirror(best, security[0] if security else security_beside(best))


def security_beside(main: str) -> str:
    """The security archive of a mirror that has both, as mirrors lay them out."""
    return f"{main}-security"


def find_mirror(etc: Path = Path("/etc/apt")) -> Mirror:
    """KERNEL_MATRIX_MIRROR, or else what this machine's own sources say.

    Raises:
        UserError: neither names a Debian mirror.
    """
    explicit = os.environ.get("KERNEL_MATRIX_MIRROR", "").rstrip("/")
    if explicit:
        if ":/" not in explicit or re.search(r"\s", explicit):
            raise UserError(
                f"KERNEL_MATRIX_MIRROR is {explicit!r}, not the base address of a Debian mirror"
            )
        return Mirror(explicit, security_beside(explicit))
    entries: list[Entry] = []
    files = [etc / "sources.list", *sorted((etc / "sources.list.d").glob("*"))]
    for file in files:
        try:
            text = file.read_text(errors="replace")
        except OSError:
            continue
        if file.suffix == ".list":
            entries += parse_list(text)
        elif file.suffix == ".sources":
            entries += parse_deb822(text)
    mirror = choose(entries)
    if mirror is None:
        raise UserError(
            f"no Debian mirror in {etc}; set KERNEL_MATRIX_MIRROR to the base address of one"
        )
    return mirror
