"""The kernel's interface: prototypes, structures, constants and call numbers.

calls.h and structures.h are C and parsed by cffi; numbers.toml and constants.py are written from
the system's headers by helpers.abi.generate.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import cffi

_HERE = Path(__file__).parent
#: The number that process_vmsplice has unless the user says otherwise: the first that
#: arch/x86/entry/syscalls/syscall_64.tbl leaves to everybody but x32.
PROCESS_VMSPLICE_NR = 548
I386 = "i386"

ffi: Any = cffi.FFI()
ffi.cdef((_HERE / "structures.h").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Param:
    """A parameter of a call.

    Attributes:
        name: as in calls.h.
        text: its C type, "const struct iovec *".
        pointee: the cffi type that a pointer points to, None for void and for numbers.
        is_pointer: whether it is a pointer.
        const: whether the call only reads what it points to.
        low, high: the numbers that its type holds; addresses for a pointer.
    """

    name: str
    text: str
    pointee: Any
    is_pointer: bool
    const: bool
    low: int
    high: int

    @property
    def is_iovec(self) -> bool:
        """Whether it is an array of segments, which has a form of its own for each entry."""
        return self.text == "const struct iovec *"


@dataclass(frozen=True)
class Prototype:
    """A call: its name, result type and parameters, from calls.h."""

    name: str
    result: str
    params: tuple[Param, ...]

    def __str__(self) -> str:
        """The declaration."""
        params = ", ".join(f"{p.text}{'' if p.is_pointer else ' '}{p.name}" for p in self.params)
        return f"{self.result} {self.name}({params or 'void'})"


def _param(text: str) -> Param:
    match = re.fullmatch(r"(.*?)(\w+)", text.strip())
    assert match is not None, text
    ctext, name = match.group(1).strip(), match.group(2)
    const = ctext.startswith("const ")
    ctype = ffi.typeof(ctext)
    if ctype.kind == "pointer":
        pointee = None if ctype.item.kind == "void" else ctype.item
        return Param(name, ctext, pointee, True, const, 0, (1 << 64) - 1)
    bits = 8 * ffi.sizeof(ctype)
    signed = int(ffi.cast(ctype, -1)) < 0
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    return Param(name, ctext, None, False, False, low, high)


@cache
def prototypes() -> Mapping[str, Prototype]:
    """Every call of calls.h by name."""
    text = re.sub(
        r"/\*.*?\*/", " ", (_HERE / "calls.h").read_text(encoding="utf-8"), flags=re.DOTALL
    )
    found = {}
    for declaration in filter(None, (part.strip() for part in text.split(";"))):
        match = re.fullmatch(r"([\w\s]+?[\s*]+)(\w+)\s*\((.*)\)", " ".join(declaration.split()))
        assert match is not None, declaration
        result, name, inside = match.groups()
        params = () if inside == "void" else tuple(_param(part) for part in inside.split(","))
        found[name] = Prototype(name, result.strip(), params)
    return found


@cache
def numbers(arch: str) -> Mapping[str, int]:
    """The call numbers of an architecture's table ("x86_64", "i386"), without process_vmsplice.

    Raises:
        KeyError: numbers.toml has no such architecture.
    """
    table: dict[str, dict[str, int]] = tomllib.loads(
        (_HERE / "numbers.toml").read_text(encoding="utf-8")
    )
    return table[arch]


def new(ctype: str, value: object = None) -> Any:
    """A C object to pass by pointer: "int[2]", or "struct pollfd *" with {"fd": 3}.

    After a call that is not const in that parameter it holds what the call left there.
    """
    return ffi.new(ctype) if value is None else ffi.new(ctype, value)
