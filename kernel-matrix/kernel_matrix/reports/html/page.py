"""The page put together: template, styles and scripts of this folder, and the data.

The scripts are modules for editors and linters. A page of one file has nothing to import from, so
there each becomes a function that returns what it exports.
"""

import hashlib
import json
import re
from base64 import b64encode
from html import escape
from pathlib import Path
from string import Template
from typing import Any

FOLDER = Path(__file__).resolve().parent

STYLES = (
    "base.css",
    "filters.css",
    "matrix.css",
    "cases.css",
    "detail.css",
    "parts.css",
    "print.css",
)
SCRIPTS = (
    "words.js",
    "dom.js",
    "data.js",
    "outcome.js",
    "filters.js",
    "detail.js",
    "matrix.js",
    "cases.js",
    "findings.js",
    "overview.js",
    "changes.js",
    "known.js",
    "main.js",
)
"""In the order of their imports."""

_IMPORT = re.compile(r"^import (\{[^}]*\}) from \"\./(\w+)\.js\";$", re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:const|function) (\w+))", re.MULTILINE)


def assemble(found: dict[str, Any]) -> str:
    """The page that shows what data.encode() made."""
    style = "\n".join(_read(name) for name in STYLES)
    modules = "".join(_module(name) for name in SCRIPTS)
    script = f'"use strict";\n(() => {{\n{modules}}})();\n'
    return Template(_read("page.html")).substitute(
        title=escape(found["headline"]),
        subject=escape(found["source"]),
        style=style,
        style_hash=_hash(style),
        script=script,
        script_hash=_hash(script),
        data=embedded(found),
        kernels="\n".join(_static_row(kernel) for kernel in found["kernels"]),
    )


def _read(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def _module(name: str) -> str:
    source = _IMPORT.sub(r"const \1 = \2_js;", _read(name))
    exported = ", ".join(_EXPORT.findall(source))
    body = _EXPORT.sub("", source)
    return f"const {name.replace('.', '_')} = (() => {{\n{body}return {{ {exported} }};\n}})();\n"


def _hash(text: str) -> str:
    """What the policy in the page's head knows a block by: no other one is run."""
    return f"sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


_ESCAPED = {ord(character): f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}


def embedded(value: object) -> str:
    """JSON that cannot end the element it is in."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).translate(_ESCAPED)


def _static_row(kernel: dict[str, Any]) -> str:
    counts = ", ".join(f"{count} {word}" for word, count in kernel["counts"].items())
    return f"<tr><th scope=row>{escape(kernel['label'])}<td>{escape(kernel['problem'] or counts)}"
