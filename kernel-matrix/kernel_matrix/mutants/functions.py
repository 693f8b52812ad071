"""The functions of a C file, as tree-sitter finds them: where they are, and how to make another.

What the kernel's sources have and C does not is dealt with before: words such as __user become
blanks, so that offsets stay; SYSCALL_DEFINEn(...) { } is known to be a function.
"""

import re
from dataclasses import dataclass
from functools import cache

import tree_sitter_c
from tree_sitter import Language, Node, Parser

_WORDS = re.compile(
    rb"\b(?:__user|__force|__iomem|__rcu|__percpu|__must_check|noinline|__always_inline|__init"
    rb"|__cold|__sched|asmlinkage|__printf\([^()]*\)|__must_hold\([^()]*\)|__acquires\([^()]*\)"
    rb"|__releases\([^()]*\))"
)
_SYSCALL = re.compile(r"\s*SYSCALL_DEFINE\d\s*\((?P<arguments>.*)\)\s*", re.S)
_GROUPS = frozenset({"preproc_if", "preproc_ifdef", "preproc_else", "preproc_elif"})


@dataclass(frozen=True)
class Function:
    """A function's definition; offsets are bytes.

    Attributes:
        name: its name.
        start: where it begins.
        body: where its "{" is.
        end: behind its "}".
        arguments: the names of its parameters.
        void: it returns nothing.
        before: what a declaration has before the name.
        after: what it has behind the name.
        node: the body, as parsed.
    """

    name: str
    start: int
    body: int
    end: int
    arguments: tuple[str, ...]
    void: bool
    before: str
    after: str
    node: Node

    def header(self, name: str) -> str:
        """The beginning of a static function of another name with the same type."""
        before = re.sub(r"\b(?:static|extern|inline|noinline|__always_inline)\b", "", self.before)
        return f"static noinline {' '.join(before.split())} {name}{self.after.rstrip()}\n"


@cache
def _parser() -> Parser:
    return Parser(Language(tree_sitter_c.language()))


def parse(source: bytes) -> Node:
    """The syntax tree of a C file of the kernel; what is not understood is an ERROR node of it."""
    blanked = _WORDS.sub(lambda match: b" " * len(match[0]), source)
    return _parser().parse(blanked).root_node


def functions(source: bytes) -> list[Function]:
    """The functions that a file defines, in order."""
    return _in(source, parse(source))


def _in(source: bytes, parent: Node) -> list[Function]:
    found = []
    children = parent.children
    for index, node in enumerate(children):
        if node.type in _GROUPS:
            found += _in(source, node)
        elif node.type == "function_definition":
            function = _plain(source, node)
            if function is not None:
                found.append(function)
        elif node.type == "compound_statement" and index:
            function = _syscall(source, children[index - 1], node)
            if function is not None:
                found.append(function)
    return found


def _text(source: bytes, start: int, end: int) -> str:
    return source[start:end].decode("utf-8", "replace")


def _innermost(node: Node | None) -> Node | None:
    """The identifier that a declarator declares."""
    while node is not None and node.type != "identifier":
        inner = node.child_by_field_name("declarator")
        if inner is None:
            inner = next((c for c in node.named_children if c.type.endswith("declarator")), None)
        node = inner
    return node


def _plain(source: bytes, node: Node) -> Function | None:
    body = node.child_by_field_name("body")
    declarator = node.child_by_field_name("declarator")
    while declarator is not None and declarator.type != "function_declarator":
        declarator = declarator.child_by_field_name("declarator")
    if body is None or declarator is None:
        return None
    name = _innermost(declarator)
    parameters = declarator.child_by_field_name("parameters")
    if name is None or parameters is None:
        return None
    arguments = []
    for parameter in parameters.named_children:
        if parameter.type == "comment":
            continue
        declared = _innermost(parameter.child_by_field_name("declarator"))
        if declared is not None:
            arguments.append(_text(source, declared.start_byte, declared.end_byte))
        elif _text(source, parameter.start_byte, parameter.end_byte) != "void":
            return None  # "..." or a parameter without a name: it cannot be passed on
    before = _text(source, node.start_byte, name.start_byte)
    return Function(
        _text(source, name.start_byte, name.end_byte),
        node.start_byte, body.start_byte, body.end_byte, tuple(arguments),
        re.search(r"\bvoid\s*$", before) is not None,
        before, _text(source, name.end_byte, body.start_byte), body,
    )  # fmt: skip


def _syscall(source: bytes, head: Node, body: Node) -> Function | None:
    match = _SYSCALL.fullmatch(_text(source, head.start_byte, body.start_byte))
    if match is None:
        return None
    name, *pairs = (" ".join(word.split()) for word in match["arguments"].split(","))
    types, arguments = pairs[::2], tuple(pairs[1::2])
    declared = ", ".join(f"{kind} {word}" for kind, word in zip(types, arguments, strict=True))
    return Function(
        name, head.start_byte, body.start_byte, body.end_byte, arguments, False,
        "long ", f"({declared or 'void'})", body,
    )  # fmt: skip
