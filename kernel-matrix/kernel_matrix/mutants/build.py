"""Kernels with planted bugs: one that holds all that can share it, one each for the others."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Any

from helpers.errors import UserError
from helpers.kernel import Kernel
from kernel_matrix import build, build_source
from kernel_matrix.mutants import manifest, schemata
from kernel_matrix.mutants.manifest import Mutant
from kernel_matrix.providers import Say, reference

_DEFINED_IN = "fs/splice.c"
# What is included by another file and is no object of its own.
_INCLUDED = {
    "fs/process_vmsplice.c": _DEFINED_IN,
    "fs/process_vmsplice_compat.h": _DEFINED_IN,
}


@dataclass
class Shared:
    """Mutants that share a kernel; see build.Plant.

    Attributes:
        mutants: by number, from 1.
        problems: why those that do not compile do not, by id.
        alone: why those that need a kernel of their own do, by id.
    """

    mutants: dict[int, Mutant]
    problems: dict[str, str] = field(default_factory=dict)
    alone: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, mutants: Sequence[Mutant]) -> "Shared":
        """Numbered in this order."""
        return cls(dict(enumerate(mutants, 1)))

    @property
    def digest(self) -> str:
        """See build.Plant."""
        return _digest(schemata, list(self.mutants.values()))

    @property
    def name(self) -> str:
        """See build.Plant."""
        return "mutants"

    @property
    def objects(self) -> list[str]:
        """See build.Plant."""
        files = {_DEFINED_IN, *(mutant.file for mutant in self.mutants.values())}
        sources = {PurePosixPath(_INCLUDED.get(file, file)) for file in files}
        return sorted(str(path.with_suffix(".o")) for path in sources if path.suffix == ".c")

    def rewrite(self, read: build_source.Read) -> dict[str, str]:
        """See build.Plant."""
        files = {_DEFINED_IN: dict[int, Mutant]()}
        for number, mutant in self.mutants.items():
            if mutant.id not in self.problems:
                files.setdefault(mutant.file, {})[number] = mutant
        texts = {}
        for file, mutants in files.items():
            try:
                text = read(file)
            except UserError as error:
                raise UserError(f"{next(iter(mutants.values())).place}: {error}") from error
            planted = schemata.plant(text, file, mutants, define=file == _DEFINED_IN)
            if len(planted.alone) < len(mutants) or file == _DEFINED_IN:
                texts[file] = planted.text
            self.alone |= planted.alone
        return texts

    def leave_out(self, output: str) -> bool:
        """See build.Plant."""
        found = mistakes(output)
        for number, line in found.items():
            self.problems[self.mutants[number].id] = line
        return bool(found)

    def record(self) -> dict[str, Any]:
        """See build.Plant."""
        return {
            "mutants": [
                {
                    "number": number,
                    "id": mutant.id,
                    "problem": self.problems.get(mutant.id, ""),
                    "alone": self.alone.get(mutant.id, ""),
                }
                for number, mutant in self.mutants.items()
            ]
        }


@dataclass
class Alone:
    """A mutant that is always active in a kernel of its own; see build.Plant."""

    mutant: Mutant

    @property
    def digest(self) -> str:
        """See build.Plant."""
        return _digest(build, [self.mutant])

    @property
    def name(self) -> str:
        """See build.Plant."""
        return f"mutant-{re.sub(r'[^A-Za-z0-9.-]+', '-', self.mutant.id)}"

    @property
    def objects(self) -> list[str]:
        """See build.Plant."""
        return []

    def rewrite(self, read: build_source.Read) -> dict[str, str]:
        """See build.Plant."""
        return {self.mutant.file: schemata.replaced(read(self.mutant.file), self.mutant)}

    def leave_out(self, output: str) -> bool:
        """See build.Plant."""
        return False

    def record(self) -> dict[str, Any]:
        """See build.Plant."""
        return {"mutants": [{"number": 0, "id": self.mutant.id, "problem": "", "alone": ""}]}


def _digest(maker: Any, mutants: Sequence[Mutant]) -> str:
    """A name for a list of mutants and for the way in which they are planted."""
    what = [[m.id, m.file, m.original, m.replacement, m.offset] for m in mutants]
    code = Path(maker.__file__).read_text()
    return sha256(json.dumps([what, code]).encode()).hexdigest()


_ERROR = re.compile(r"^(?P<file>\S+?):\d+(?::\d+)?: (?:fatal )?error: (?P<text>.*)")
_NAMED = re.compile(r"\bmutant-(\d+):\d")
_FUNCTION = re.compile(r"[Ii]n function [`'\u2018]\w+__mutant_(\d+)\b")
_LINKER = re.compile(r"undefined reference to .*")


def mistakes(output: str) -> dict[int, str]:
    """Which mutants do not build, and the compiler's or linker's line about each.

    The compiler is told that each is in a file of its own, by #line; a mistake in a macro is told
    with the macro's file, and with a note, or a function's name, that leads to the mutant.
    """
    found: dict[int, str] = {}
    lines = output.splitlines()
    inside: int | None = None
    for index, line in enumerate(lines):
        if function := _FUNCTION.search(line):
            inside = int(function[1])
        elif ": In function " in line or line.endswith(": At top level:"):
            inside = None
        error = _ERROR.match(line)
        linker = _LINKER.search(line)
        if not error and not linker:
            continue
        number = inside
        if error:
            following = [line]
            for more in lines[index + 1 :]:
                if _ERROR.match(more) or ": In function " in more:
                    break
                following.append(more)
            named = next((m for more in following if (m := _NAMED.search(more))), None)
            number = int(named[1]) if named else inside
        if number is not None:
            found.setdefault(number, error["text"] if error else linker[0])  # type: ignore[index]
    return found


@dataclass(frozen=True)
class Built:
    """A kernel with bugs, and what did not get into it.

    Attributes:
        kernel: to boot.
        numbers: of the mutants that it has, by id; 0 for one that is always active.
        problems: why others could not be built, by id.
        alone: why others need a kernel of their own, by id.
    """

    kernel: Kernel
    numbers: dict[str, int]
    problems: dict[str, str]
    alone: dict[str, str]


def shared(mutants: Sequence[Mutant], say: Say, *, debug: bool = False) -> Built:
    """The kernel that holds mutants, all but those that cannot share it.

    Raises:
        UserError: it cannot be built, or a mutant's original text is not in the source.
    """
    return _built(Shared.of(mutants), say, debug)


def alone(mutant: Mutant, say: Say, *, debug: bool = False) -> Built:
    """The kernel of one mutant; a mutant that does not compile is among its problems.

    Raises:
        UserError: the mutant's original text is not in the source.
    """
    try:
        return _built(Alone(mutant), say, debug)
    except build.NotBuilt as error:
        return Built(Kernel("", ""), {}, {mutant.id: error.reason}, {})


def _built(plant: Shared | Alone, say: Say, debug: bool) -> Built:
    recipe = reference.recipe(f"{manifest.SERIES}+debug" if debug else manifest.SERIES)
    directory = build.kernel(recipe, say, plant)
    kernel = reference.described(recipe, directory, f"{recipe.name}+{plant.name}")
    record = json.loads((directory / "mutants.json").read_text())["mutants"]
    return Built(
        kernel,
        {m["id"]: m["number"] for m in record if not m["problem"] and not m["alone"]},
        {m["id"]: m["problem"] for m in record if m["problem"]},
        {m["id"]: m["alone"] for m in record if m["alone"]},
    )
