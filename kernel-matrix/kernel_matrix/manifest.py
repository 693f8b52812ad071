"""matrix.toml: the kernels that are tested by default, and their groups.

Loaded strictly: whatever is not understood is an error that names the line.
"""

import re
import tomllib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from helpers.errors import UserError
from helpers.kernel import Kernel
from kernel_matrix import providers

ROOT = Path(__file__).resolve().parents[2]
"""The work tree."""

MATRIX = ROOT / "kernel-matrix" / "matrix.toml"
ALL = "all"
DEFAULT = "default"


@dataclass(frozen=True)
class Entry:
    """A kernel that is asked for, before it is resolved.

    Attributes:
        selector: where it comes from.
        id: its name in reports.
        settings: the attributes of Kernel that the matrix sets for it.
        explicit: it was named on the command line.
    """

    selector: str
    id: str
    settings: dict[str, Any] = field(default_factory=dict)
    explicit: bool = False

    def applied(self, kernel: Kernel) -> Kernel:
        """A resolved kernel with this entry's name and settings."""
        return replace(kernel, id=self.id, **self.settings)


@dataclass(frozen=True)
class Manifest:
    """The kernels by id, and the groups as ids."""

    kernels: dict[str, Entry]
    groups: dict[str, tuple[str, ...]]

    def group(self, name: str) -> list[Entry]:
        """The kernels of a group.

        Raises:
            UserError: there is no such group.
        """
        if name == ALL:
            return list(self.kernels.values())
        if name not in self.groups:
            known = ", ".join([*self.groups, ALL])
            raise UserError(f"unknown group {name!r}; the groups are: {known}")
        return [self.kernels[member] for member in self.groups[name]]

    def select(self, selectors: tuple[str, ...], groups: tuple[str, ...]) -> list[Entry]:
        """What a command line asks for: kernels, groups, or else the default group.

        Raises:
            UserError: something is unknown, or two kernels have one name.
        """
        chosen: dict[str, Entry] = {}
        if not selectors and not groups:
            groups = (DEFAULT,)
        for name in groups:
            chosen.update({entry.id: entry for entry in self.group(name)})
        named: dict[str, str] = {}
        for selector in selectors:
            entry = self.find(selector)
            if named.setdefault(entry.id, entry.selector) != entry.selector:
                raise UserError(
                    f"two kernels have the name {entry.id!r}: {named[entry.id]} and "
                    f"{entry.selector}; rename one file, or give them ids in a file for --matrix"
                )
            chosen[entry.id] = entry
        for entry in chosen.values():
            providers.check(entry.selector)
        return list(chosen.values())

    def find(self, selector: str) -> Entry:
        """The entry that an id or selector means; a selector that no entry has is an entry too."""
        matching = [e for e in self.kernels.values() if selector in (e.id, e.selector)]
        if matching:
            return replace(matching[0], explicit=True)
        return Entry(selector, default_id(selector), explicit=True)


def default_id(selector: str) -> str:
    """The name in reports of a kernel that the matrix does not name."""
    prefix, _, rest = selector.partition(":")
    if prefix in ("path", "resolved"):
        return f"{prefix}:{Path(rest).name}"
    if prefix == "image":  # its options may have a password
        return f"{prefix}:{Path(rest.partition(',')[0]).name}"
    return selector


_KERNEL_KEYS: dict[str, tuple[type, str]] = {
    "selector": (str, "a selector"),
    "id": (str, "a name"),
    "memory_mb": (int, "a number of MiB"),
    "cpus": (int, "a number of CPUs"),
    "cmdline": (str, "kernel arguments"),
    "process_vmsplice_nr": (int, "a system call number"),
}
_RANGES = {
    "memory_mb": range(32, (1 << 20) + 1),
    "cpus": range(1, 256),
    "process_vmsplice_nr": range(4096),
}


def load(path: Path = MATRIX) -> Manifest:
    """Read a matrix file.

    Raises:
        UserError: it cannot be read or something in it is wrong; the text names file and line.
    """
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read: {error}") from error
    return parse(text, path.name if path == MATRIX else str(path))


def parse(text: str, name: str) -> Manifest:
    """The manifest in a text; name is that of the file, for the errors."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        # "... (at line 3, column 5)": the place goes to the front, where all others have it.
        message, _, place = str(error).partition(" (at line ")
        line = place.partition(",")[0]
        where = f"{name}:{line}" if line.isdigit() else name
        raise UserError(f"{where}: not TOML: {message}") from error
    lines = text.splitlines()
    _only(data, {"kernel", "groups"}, lambda key: f"{name}:{_line_of(lines, key)}")
    kernels = _kernels(data.get("kernel", []), lines, name)
    return Manifest(kernels, _groups(data.get("groups", {}), kernels, lines, name))


def _kernels(items: Any, lines: list[str], name: str) -> dict[str, Entry]:
    if not isinstance(items, list):
        raise UserError(f"{name}:{_line_of(lines, 'kernel')}: kernels are written as [[kernel]]")
    headers = [n for n, line in enumerate(lines) if re.match(r"\s*\[\[\s*kernel\s*\]\]", line)]
    kernels: dict[str, Entry] = {}
    for index, item in enumerate(items):
        header = headers[index] if index < len(headers) else 0

        def where(key: str, header: int = header) -> str:
            return f"{name}:{_line_of(lines, key, header)}"

        _only(item, set(_KERNEL_KEYS), where)
        if "selector" not in item:
            raise UserError(f"{name}:{header + 1}: this kernel has no selector")
        for key, value in item.items():
            kind, meaning = _KERNEL_KEYS[key]
            if type(value) is not kind:
                raise UserError(f"{where(key)}: {key} is {meaning}, not {value!r}")
            allowed = _RANGES.get(key)
            if allowed is not None and value not in allowed:
                low, high = allowed[0], allowed[-1]
                raise UserError(f"{where(key)}: {key} is {low} to {high}, not {value!r}")
        try:
            providers.find(item["selector"])
        except UserError as error:
            raise UserError(f"{where('selector')}: {error}") from error
        ident = item.get("id", default_id(item["selector"]))
        if ident in kernels:
            key = "id" if "id" in item else "selector"
            raise UserError(f"{where(key)}: two kernels have the name {ident!r}")
        settings = {k: v for k, v in item.items() if k not in ("selector", "id")}
        kernels[ident] = Entry(item["selector"], ident, settings)
    return kernels


def _groups(
    items: Any, kernels: dict[str, Entry], lines: list[str], name: str
) -> dict[str, tuple[str, ...]]:
    header = _line_of(lines, "groups") - 1
    if not isinstance(items, dict):
        raise UserError(f"{name}:{header + 1}: groups is a table, [groups]")
    groups: dict[str, tuple[str, ...]] = {}
    for key, members in items.items():
        where = f"{name}:{_line_of(lines, key, header)}"
        if key == ALL:
            raise UserError(f"{where}: the group {ALL!r} is every kernel; it cannot be defined")
        if not isinstance(members, list) or not all(isinstance(m, str) for m in members):
            raise UserError(f"{where}: a group is a list of names of kernels")
        for position, member in enumerate(members):
            line = _line_with(lines, f'"{member}"', _line_of(lines, key, header) - 1)
            if member not in kernels:
                raise UserError(f"{name}:{line}: group {key!r} has {member!r}, which is no kernel")
            if member in members[:position]:
                raise UserError(f"{name}:{line}: group {key!r} has {member!r} twice")
        groups[key] = tuple(members)
    return groups


def _only(table: Any, known: set[str], where: Any) -> None:
    if not isinstance(table, dict):
        raise UserError(f"{where('kernel')}: not a table")
    for key in table:
        if key not in known:
            raise UserError(f"{where(key)}: unknown key {key!r}; known: {', '.join(sorted(known))}")


def _line_of(lines: list[str], key: str, start: int = 0) -> int:
    """The line, from 1, where a key or a table is written; tomllib does not say."""
    quoted = rf"""["']?{re.escape(key)}["']?"""
    pattern = re.compile(rf"\s*(?:{quoted}\s*[=.]|\[+\s*{quoted}\s*[\].])")
    for number in range(start, len(lines)):
        if pattern.match(lines[number]):
            return number + 1
    return start + 1


def _line_with(lines: list[str], text: str, start: int) -> int:
    for number in range(start, len(lines)):
        if text in lines[number]:
            return number + 1
    return start + 1
