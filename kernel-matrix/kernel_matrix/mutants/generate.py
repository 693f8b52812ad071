"""Mutants made systematically: the usual operators, applied to our implementation's syntax tree.

An id is made of function, operator, what is changed and the statement that it is in, with a number
where the same is there again, so that an edit elsewhere changes no other id.
"""

import operator
import re
from collections import Counter
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import PurePosixPath

from tree_sitter import Node

from kernel_matrix import build
from kernel_matrix.mutants import manifest
from kernel_matrix.mutants.functions import functions
from kernel_matrix.mutants.manifest import Mutant

Change = tuple[str, Node, str]
"""An operator's name, what it changes, and into what."""

_RELATIONS = {
    "<": ("<=", ">"), "<=": ("<", ">="), ">": (">=", "<"), ">=": (">", "<="),
    "==": ("!=",), "!=": ("==",),
}  # fmt: skip
_ARITHMETIC = {
    "+": ("-",), "-": ("+",), "*": ("/",), "/": ("*",), "%": ("/",),
    "<<": (">>",), ">>": ("<<",), "&": ("|",), "|": ("&",), "^": ("|",),
}  # fmt: skip
_ASSIGNMENTS = {"+=": ("-=", "="), "-=": ("+=", "="), "|=": ("&=", "="), "&=": ("|=", "=")}
_COUNTS = {"++": "--", "--": "++"}
_SYMMETRIC = frozenset({"min", "max", "min3", "max3", "min_t", "max_t"})
_LIMITS = _SYMMETRIC | {"DIV_ROUND_UP"}
_SLUG = 24


def standard() -> list[Mutant]:
    """What mutants.toml has, and what is generated: the mutants of reference:<series>+mutants."""
    return [*manifest.load().mutants, *generated()]


def generated() -> list[Mutant]:
    """The mutants of our implementation."""
    made = []
    for name in build.OURS:
        text = (build.REFERENCE / name).read_text(encoding="utf-8")
        made += of(text, f"fs/{name}", manifest.SERIES)
    return made


def of(text: str, file: str, series: str) -> list[Mutant]:
    """The mutants of one file, in the order of its text.

    Args:
        text: of the file.
        file: its path in the kernel's source.
        series: what PROCESS_VMSPLICE_SERIES stands for; what is not compiled then is left alone.
    """
    source = text.encode()
    off = _left_out(text, series)
    made = []
    for function in functions(source):
        if any(start <= function.body < end for start, end in off):
            continue
        seen: Counter[str] = Counter()
        for name, node, replacement in _changes(function.node):
            if any(start <= node.start_byte < end for start, end in off):
                continue
            original = source[node.start_byte : node.end_byte].decode()
            if original == replacement:
                continue
            ident = f"{function.name}:{name}:{_slug(original, replacement, _around(node))}"
            seen[ident] += 1
            number = f".{seen[ident]}" if seen[ident] > 1 else ""
            line = node.start_point[0] + 1
            place = f"{PurePosixPath(file).name}:{line}"
            offset = len(source[: node.start_byte].decode())
            made.append(
                Mutant(f"{ident}{number}", file, original, replacement, place, offset=offset)
            )
    return made


def _slug(original: str, replacement: str, around: str) -> str:
    """A few words of a text, and what tells it, its replacement and its statement from others."""
    words = re.sub(r"\W+", "-", original).strip("-")[:_SLUG].strip("-")
    sum256 = sha256("\0".join((original, replacement, around)).encode()).hexdigest()[:4]
    return f"{words}-{sum256}" if words else sum256


def _around(node: Node) -> str:
    """The statement that a node is in, of a loop or an if its head, with single spaces."""
    inside: Node | None = node
    while inside is not None and not inside.type.endswith(("statement", "declaration")):
        inside = inside.parent
    if inside is None:
        return ""
    words = _text(inside).split()
    block = inside.child_by_field_name("body") or inside.child_by_field_name("consequence")
    if block is not None:
        words = words[: len(words) - len(_text(block).split())]
        if inside.child_by_field_name("alternative") is not None:
            words = _text(inside.child_by_field_name("condition")).split()
    return " ".join(words)


_CONDITION = re.compile(r"#\s*if PROCESS_VMSPLICE_SERIES (<|<=|>|>=|==) (\d+)\s*")
_COMPARE: dict[str, Callable[[int, int], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq,
}  # fmt: skip


def _left_out(text: str, series: str) -> list[tuple[int, int]]:
    """Which bytes the preprocessor drops in a series."""
    major, _, minor = series.partition(".")
    value = int(major) * 100 + int(minor)
    ranges, stack, offset = [], [], 0
    for line in text.splitlines(keepends=True):
        if re.match(r"#\s*if", line):
            match = _CONDITION.fullmatch(line)
            stack.append(_COMPARE[match[1]](value, int(match[2])) if match else True)
        elif re.match(r"#\s*else", line) and stack:
            stack[-1] = not stack[-1]
        elif re.match(r"#\s*endif", line) and stack:
            stack.pop()
        length = len(line.encode())
        if not all(stack):
            ranges.append((offset, offset + length))
        offset += length
    return ranges


def _changes(body: Node) -> Iterator[Change]:
    """Every change of every operator below a node, in the order of the text."""
    # The condition of an #if is not the compiler's.
    condition = body.child_by_field_name("condition") if "preproc" in body.type else None
    for node in body.children:
        if node.type == "ERROR" or node == condition:
            continue
        for change in _OPERATORS.get(node.type, _nothing)(node):
            if not change[1].has_error:
                yield change
        yield from _changes(node)


def _nothing(node: Node) -> Iterator[Change]:
    yield from ()


def _text(node: Node | None) -> str:
    assert node is not None
    assert node.text is not None
    return node.text.decode()


def _field(node: Node, name: str) -> Node:
    """A part that nodes of this type always have."""
    part = node.child_by_field_name(name)
    assert part is not None
    return part


def _binary(node: Node) -> Iterator[Change]:
    left, right, kind = _field(node, "left"), _field(node, "right"), _field(node, "operator").type
    if kind in ("&&", "||"):
        other = "||" if kind == "&&" else "&&"
        yield "logical", node, f"({_text(left)}) {other} ({_text(right)})"
        yield "only-left", node, _text(left)
        yield "only-right", node, _text(right)
        return
    name = "relation" if kind in _RELATIONS else "arithmetic"
    for new in _RELATIONS.get(kind, _ARITHMETIC.get(kind, ())):
        yield name, node, f"{_text(left)} {new} {_text(right)}"


def _assignment(node: Node) -> Iterator[Change]:
    left, right, sign = _field(node, "left"), _field(node, "right"), _field(node, "operator")
    for new in _ASSIGNMENTS.get(sign.type, ()):
        yield "assignment", node, f"{_text(left)} {new} {_text(right)}"
    yield from _off_by_one(right)


def _off_by_one(node: Node) -> Iterator[Change]:
    """A computed amount that is one too small or too large."""
    computed = False
    if node.type == "binary_expression":
        computed = _field(node, "operator").type in ("+", "-", "*", "/")
    elif node.type == "call_expression":
        computed = _text(_field(node, "function")) in _LIMITS
    if computed:
        yield "off-by-one", node, f"({_text(node)}) + 1"
        yield "off-by-one", node, f"({_text(node)}) - 1"


def _declarator(node: Node) -> Iterator[Change]:
    value = node.child_by_field_name("value")
    if value is not None:
        yield from _off_by_one(value)


def _number(node: Node) -> Iterator[Change]:
    value = int(_text(node).rstrip("uUlL"), 0)
    for new in (value + 1, value - 1):
        yield "constant", node, str(new) if new >= 0 else f"({new})"


def _unary(node: Node) -> Iterator[Change]:
    inner, sign = _field(node, "argument"), _field(node, "operator")
    if sign.type == "-" and re.fullmatch(r"E[A-Z0-9]+", _text(inner)):
        yield "errno", node, "-EIO"
        yield "sign", node, _text(inner)
    elif sign.type in ("!", "~", "-"):
        yield "sign", node, _text(inner)


def _update(node: Node) -> Iterator[Change]:
    inner, sign = _field(node, "argument"), _field(node, "operator")
    yield "count", node, _text(node).replace(sign.type, _COUNTS[sign.type])
    yield "count", node, _text(inner)


def _choice(node: Node) -> Iterator[Change]:
    condition, yes = _field(node, "condition"), _field(node, "consequence")
    no = _field(node, "alternative")
    yield "negate", node, f"!({_text(condition)}) ? {_text(yes)} : {_text(no)}"
    yield "always", node, _text(yes)
    yield "never", node, _text(no)


def _condition(node: Node) -> Iterator[Change]:
    condition = node.child_by_field_name("condition")
    if condition is None or condition.type != "parenthesized_expression":
        return
    inside = condition.named_children[0]
    sign = inside.child_by_field_name("operator")
    if sign is None or sign.type not in ("!", "==", "!="):  # what other operators do
        yield "negate", condition, f"(!{_text(condition)})"
    yield "never", condition, "(0)"
    if node.type == "if_statement":
        yield "always", condition, "(1)"


def _for(node: Node) -> Iterator[Change]:
    condition = node.child_by_field_name("condition")
    if condition is not None:
        yield "negate", condition, f"!({_text(condition)})"
        yield "never", condition, "0"


def _statement(node: Node) -> Iterator[Change]:
    if len(node.named_children):
        yield "drop", node, ";"


def _jump(node: Node) -> Iterator[Change]:
    # "if (x) goto y;" without the goto is what "never" makes of it.
    if not _is_all_of_an_if(node):
        yield "drop", node, ";"


def _is_all_of_an_if(node: Node) -> bool:
    block = node.parent
    assert block is not None
    if block.type == "compound_statement":
        if len([child for child in block.named_children if child.type != "comment"]) > 1:
            return False
        block = block.parent
        assert block is not None
    return block.type == "if_statement" and block.child_by_field_name("alternative") is None


def _return(node: Node) -> Iterator[Change]:
    block = node.parent
    inside = block.parent if block is not None and block.type == "compound_statement" else block
    is_last = block is not None and inside is not None and inside.type == "function_definition"
    if not is_last and not _is_all_of_an_if(node):
        yield "drop", node, ";"
    values = [child for child in node.named_children if child.type != "comment"]
    if values and _text(values[0]) != "0":
        yield "return", values[0], "0"
        yield from _off_by_one(values[0])


def _call(node: Node) -> Iterator[Change]:
    arguments = _field(node, "arguments")
    given = [child for child in arguments.named_children if child.type != "comment"]
    name = _text(_field(node, "function"))
    if name in _SYMMETRIC:
        return
    first = 1 if name.endswith("_t") else 0
    for index in range(first, len(given) - 1):
        words = [_text(word) for word in given]
        words[index], words[index + 1] = words[index + 1], words[index]
        yield "swap", arguments, f"({', '.join(words)})"


_Operator = Callable[[Node], Iterator[Change]]
_OPERATORS: dict[str, _Operator] = {
    "binary_expression": _binary,
    "assignment_expression": _assignment,
    "init_declarator": _declarator,
    "number_literal": _number,
    "unary_expression": _unary,
    "update_expression": _update,
    "conditional_expression": _choice,
    "if_statement": _condition,
    "while_statement": _condition,
    "for_statement": _for,
    "expression_statement": _statement,
    "return_statement": _return,
    "call_expression": _call,
    "break_statement": _jump,
    "continue_statement": _jump,
    "goto_statement": _jump,
}
