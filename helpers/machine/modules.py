"""Which modules a kernel needs for a virtio port, and in which order.

A package as it is unpacked often has no modules.dep: depmod writes that when the package is
installed. What always is there are the modules, and each names in its .modinfo section what it
needs ("depends=virtio,virtio_ring"); that is what depmod's answer comes from too. modules.dep is
used where it exists, because it is one small file instead of a walk.
"""

import importlib
import lzma
import os
import re
import shutil
import subprocess
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from helpers.errors import UserError

State = Literal["modules", "builtin", "unknown", "missing"]

# What drives a virtio port on the PCI bus, with the Kconfig symbol of each.
VIRTIO_PORT = {"virtio_pci": "CONFIG_VIRTIO_PCI", "virtio_console": "CONFIG_VIRTIO_CONSOLE"}

_NAME = re.compile(r"[A-Za-z0-9_]{1,64}\Z")
_SUFFIX = re.compile(r"\.ko(?:\.(?:xz|gz|zst))?\Z")
_DEPENDS = re.compile(rb"\0depends=([^\0]*)\0")
_LIMIT = 64 << 20  # decompressed bytes of one module; the largest in distributions have 10 MB


@dataclass(frozen=True)
class Module:
    """A module, decompressed.

    Attributes:
        name: as in /proc/modules, with underscores.
        data: the ELF file, signature included.
    """

    name: str
    data: bytes


@dataclass(frozen=True)
class Selection:
    """What is to be done to have a driver in a kernel.

    Attributes:
        state: "modules" (load these), "builtin" (nothing to load), "unknown" (no modules found, and
            nothing says whether it is built in), "missing" (the kernel does not have it here).
        modules: in load order, dependencies first; not empty only for "modules".
        note: one line for people: where the answer comes from.
    """

    state: State
    modules: tuple[Module, ...] = ()
    note: str = ""


def module_name(path: str) -> str | None:
    """The module's name for a path such as "kernel/drivers/char/virtio-rng.ko.xz", else None."""
    base = path.rsplit("/", 1)[-1]
    match = _SUFFIX.search(base)
    name = base[: match.start()].replace("-", "_") if match else ""
    return name if _NAME.match(name) else None


def parse_dep(text: str) -> dict[str, tuple[str, tuple[str, ...]]]:
    """modules.dep: name -> (path, names of what must be loaded before), in no particular order."""
    result = {}
    for line in text.splitlines():
        path, colon, rest = line.partition(":")
        name = module_name(path.strip())
        if colon and name:
            needs = tuple(n for n in map(module_name, rest.split()) if n)
            result[name] = (path.strip(), needs)
    return result


def parse_builtin(text: str) -> frozenset[str]:
    """The names in modules.builtin."""
    return frozenset(n for n in map(module_name, text.split()) if n)


def parse_config(text: str) -> dict[str, str]:
    """A Kconfig file: symbol -> value; a symbol that "is not set" has the value "n"."""
    result = {}
    for line in text.splitlines():
        if line.startswith("CONFIG_"):
            key, _, value = line.partition("=")
            result[key] = value.strip()
        elif line.startswith("# CONFIG_") and line.endswith(" is not set"):
            result[line.split()[1]] = "n"
    return result


def depends(module: bytes) -> tuple[str, ...]:
    """What a module's .modinfo says it needs; names with underscores."""
    match = _DEPENDS.search(module)
    if match is None:
        return ()
    names = match.group(1).decode("ascii", "replace").replace("-", "_").split(",")
    return tuple(name for name in names if _NAME.match(name))


def load_order(wanted: tuple[str, ...], needs: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """`wanted` and everything it needs, dependencies first, each once.

    Raises:
        UserError: the dependencies form a circle.
    """
    order: dict[str, None] = {}

    def visit(name: str, path: tuple[str, ...]) -> None:
        if name in path:
            raise UserError(
                f"modules depend on each other in a circle: {' -> '.join([*path, name])}"
            )
        if name not in order:
            for need in needs.get(name, ()):
                visit(need, (*path, name))
            order[name] = None

    for name in wanted:
        visit(name, ())
    return tuple(order)


class Tree:
    """A directory lib/modules/<release>: names to paths, and nothing outside of it.

    Attributes:
        builtin: the names in modules.builtin, None where there is no such file.
    """

    def __init__(self, root: Path) -> None:
        """Index the directory.

        Raises:
            UserError: it is not a directory.
        """
        self.root = root.resolve()
        if not self.root.is_dir():
            raise UserError(
                f"no module directory {root}; give the kernel without modules or fetch it again"
            )
        builtin, dep = self.root / "modules.builtin", self.root / "modules.dep"
        self.builtin = (
            parse_builtin(builtin.read_text("utf-8", "replace")) if builtin.is_file() else None
        )
        self._dep = parse_dep(dep.read_text("utf-8", "replace")) if dep.is_file() else None
        self._paths = (
            {name: path for name, (path, _) in self._dep.items()} if self._dep else self._walk()
        )

    def _walk(self) -> dict[str, str]:
        paths = {}
        for folder, _, files in os.walk(self.root / "kernel"):
            for base in files:
                name = module_name(base)
                if name:
                    paths[name] = f"{folder}/{base}"
        return paths

    def __contains__(self, name: str) -> bool:
        """Whether there is a module of that name to load."""
        return name in self._paths

    def read(self, name: str) -> bytes:
        """The module's bytes, decompressed.

        Raises:
            UserError: its path leaves the directory, it cannot be read or not decompressed.
        """
        relative = self._paths[name]
        try:
            path = (self.root / relative).resolve(strict=True)
            if not path.is_relative_to(self.root):
                raise UserError(f"the module {relative} lies outside of {self.root}: refused")
            return decompress(path)
        except OSError as error:
            raise UserError(
                f"cannot read the module {relative}: {error.strerror}; fetch the kernel again"
            ) from error

    def load(self, wanted: tuple[str, ...]) -> tuple[Module, ...]:
        """`wanted` in load order with what it needs; what is built in is left out.

        Raises:
            UserError: as read() and load_order() do, or a dependency is nowhere.
        """
        data: dict[str, bytes] = {}
        needs: dict[str, tuple[str, ...]] = {}
        todo = [name for name in wanted if name in self]
        while todo:
            name = todo.pop()
            if name in data:
                continue
            data[name] = self.read(name)
            found = self._dep[name][1] if self._dep else depends(data[name])
            lost = [n for n in found if n not in self and n not in (self.builtin or ())]
            if lost and self.builtin is not None:
                raise UserError(
                    f"the module {name} needs {lost[0]}, which {self.root} lacks; fetch it again"
                )
            needs[name] = tuple(n for n in found if n in self)
            todo += needs[name]
        order = load_order(tuple(name for name in wanted if name in self), needs)
        return tuple(Module(name, data[name]) for name in order)


def decompress(path: Path) -> bytes:
    """A module file's bytes; the suffix tells how it is compressed.

    Raises:
        UserError: it is damaged or too large, or nothing here can decompress it.
        OSError: it cannot be read.
    """
    raw = path.read_bytes()
    whole = True
    try:
        if path.suffix == ".xz":
            unxz = lzma.LZMADecompressor()
            data, whole = unxz.decompress(raw, _LIMIT), unxz.eof
        elif path.suffix == ".gz":
            gunzip = zlib.decompressobj(wbits=31)
            data, whole = gunzip.decompress(raw, _LIMIT), gunzip.eof
        elif path.suffix == ".zst":
            data = _unzstd(path, raw)
        else:
            data = raw
    except (lzma.LZMAError, zlib.error) as error:
        raise UserError(
            f"cannot decompress the module {path.name}: {error}; fetch the kernel again"
        ) from error
    if len(data) >= _LIMIT or not whole or not data.startswith(b"\x7fELF"):
        raise UserError(
            f"the module {path.name} is not a whole ELF file of less than {_LIMIT >> 20} MB;"
            " fetch the kernel again"
        )
    return data


def _unzstd(path: Path, raw: bytes) -> bytes:
    try:
        zstandard = importlib.import_module("zstandard")
    except ImportError:
        tool = shutil.which("zstd")
        if tool is None:
            raise UserError(
                f"cannot decompress {path.name}: no zstd; apt-get install zstd"
            ) from None
        done = subprocess.run([tool, "-dcq"], input=raw, capture_output=True, check=False)
        if done.returncode:
            message = done.stderr.decode(errors="replace").strip()
            raise UserError(f"cannot decompress the module {path.name}: {message}") from None
        return done.stdout
    try:
        with zstandard.ZstdDecompressor().stream_reader(raw) as reader:
            return bytes(reader.read(_LIMIT))
    except zstandard.ZstdError as error:
        raise UserError(f"cannot decompress the module {path.name}: {error}") from error


def virtio_port(modules: Path | None, config: Path | None) -> Selection:
    """What a kernel needs for a virtio port: see Selection.

    A module that cannot be read is "missing" with the reason in the note: the serial port is there
    in any case.
    """
    return _virtio_port(modules, config)


@lru_cache(maxsize=4)
def _virtio_port(modules: Path | None, config: Path | None) -> Selection:
    symbols: dict[str, str] = {}
    if config is not None:
        try:
            symbols = parse_config(config.read_text("utf-8", "replace"))
        except OSError as error:
            raise UserError(
                f"cannot read the kernel's configuration {config}: {error.strerror}"
            ) from error
    try:
        tree = Tree(modules) if modules is not None else None
        states = {name: _state(name, tree, symbols) for name in VIRTIO_PORT}
        absent = [name for name, state in states.items() if state == "missing"]
        if absent:
            return Selection("missing", note=f"the kernel has no {' and no '.join(absent)}")
        if tree is not None and "modules" in states.values():
            return Selection(
                "modules", tree.load(tuple(VIRTIO_PORT)), f"modules of {tree.root.name}"
            )
    except UserError as error:
        return Selection("missing", note=str(error))
    if "unknown" in states.values():
        return Selection("unknown", note="nothing says whether virtio is built in")
    return Selection("builtin", note="virtio is built in")


def _state(name: str, tree: Tree | None, symbols: Mapping[str, str]) -> State:
    """Of one driver; an unset symbol proves something only where there is a configuration."""
    if tree is not None and name in tree:
        return "modules"
    if tree is not None and tree.builtin is not None:
        return "builtin" if name in tree.builtin else "missing"
    if symbols:
        return "builtin" if symbols.get(VIRTIO_PORT[name]) == "y" else "missing"
    return "unknown"
