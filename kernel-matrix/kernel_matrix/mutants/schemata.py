"""One source text that holds many mutants, the active one chosen at run time by its number.

A mutant's function is there once more for it, as it would be with the bug; the original begins with
a switch over the number of the active mutant and calls that other one. So whatever is changed in a
function's body can be planted, declarations, labels and gotos included, and mutants at the same
place do not touch each other. What changes a declaration, a macro or a header's type cannot share
a kernel with others.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kernel_matrix.mutants.functions import Function, functions
from kernel_matrix.mutants.manifest import Mutant

VARIABLE = "process_vmsplice_mutant"
PARAMETER = "/sys/module/process_vmsplice/parameters/mutant"
"""Where the number of the active mutant is written, in a machine; 0 is none."""

_DEFINITION = f"""
#include <linux/moduleparam.h>
#undef MODULE_PARAM_PREFIX
#define MODULE_PARAM_PREFIX "process_vmsplice."
unsigned int {VARIABLE};
module_param_named(mutant, {VARIABLE}, uint, 0644);
"""


@dataclass(frozen=True)
class Schemata:
    """A text with mutants in it.

    Attributes:
        text: the source.
        alone: ids of those that cannot share it, and why.
    """

    text: str
    alone: dict[str, str]


def plant(text: str, file: str, mutants: Mapping[int, Mutant], *, define: bool) -> Schemata:
    """A source text with mutants in it.

    Args:
        text: of the file.
        file: its path in the kernel's source.
        mutants: those of this file, by number.
        define: the variable that chooses is defined here.

    Raises:
        UserError: a mutant's original is not in the text, or not only once.
    """
    source = text.encode()
    known = functions(source)
    variants: dict[int, list[tuple[int, Mutant, int]]] = {}
    alone: dict[str, str] = {}
    for number, mutant in mutants.items():
        start = len(text[: mutant.position(text)].encode())
        end = start + len(mutant.original.encode())
        index = next((i for i, f in enumerate(known) if f.body < start and end < f.end), None)
        if index is None:
            alone[mutant.id] = "it is in no function's body"
        elif not _balanced(_mutated(source, known[index], mutant, start)):
            alone[mutant.id] = "its braces are not balanced"
        else:
            variants.setdefault(index, []).append((number, mutant, start))
    parts: list[str] = [f'extern unsigned int {VARIABLE};\n#line 1 "{file}"\n']
    done = 0
    for index, function in enumerate(known):
        if index in variants:
            parts.append(source[done : function.start].decode())
            parts.append(_function(source, file, function, variants[index]))
            done = function.end
    parts.append(source[done:].decode())
    if define:
        parts.append(_DEFINITION)
    return Schemata("".join(parts), alone)


def replaced(text: str, mutant: Mutant) -> str:
    """A source text with one mutant in it, always active.

    Raises:
        UserError: the mutant's original is not in the text, or not only once.
    """
    start = mutant.position(text)
    return text[:start] + mutant.replacement + text[start + len(mutant.original) :]


def label(number: int) -> str:
    """What compilers call the file that a mutant's function is in."""
    return f"mutant-{number}"


def variant_name(function: str, number: int) -> str:
    """The name of the function that has a mutant."""
    return f"{function}__mutant_{number}"


def _mutated(source: bytes, function: Function, mutant: Mutant, start: int) -> str:
    """The function's body with the bug."""
    end = start + len(mutant.original.encode())
    body = source[function.body : start] + mutant.replacement.encode() + source[end : function.end]
    return body.decode()


def _balanced(body: str) -> bool:
    """Whether the text is one block and nothing more, so that its mistakes stay its own."""
    depth = 0
    for place, char in enumerate(body):
        depth += (char == "{") - (char == "}")
        if depth <= 0:
            return place == len(body) - 1
    return False


def _function(
    source: bytes, file: str, function: Function, variants: Sequence[tuple[int, Mutant, int]]
) -> str:
    first = source.count(b"\n", 0, function.start) + 1
    body_line = source.count(b"\n", 0, function.body) + 1
    arguments = ", ".join(function.arguments)
    parts, cases = ["\n"], []
    for number, mutant, start in variants:
        name = variant_name(function.name, number)
        parts.append(
            f'#line {body_line} "{label(number)}"\n'
            f"{function.header(name)}"
            f'#line {body_line} "{label(number)}"\n'
            f"{_mutated(source, function, mutant, start)}\n"
        )
        call = f"{name}({arguments});"
        call = f"{call} return;" if function.void else f"return {call}"
        cases.append(f"case {number}: {call}")
    switch = f"switch (READ_ONCE({VARIABLE})) {{ {' '.join(cases)} default: break; }}"
    parts.append(
        f'#line {first} "{file}"\n'
        f"{source[function.start : function.body].decode()}"
        f"{{ {switch} {source[function.body : function.end].decode()} }}"
    )
    return "".join(parts)
