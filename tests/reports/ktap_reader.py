"""An independent reader of KTAP version 1, after Documentation/dev-tools/ktap.rst."""

import re
from dataclasses import dataclass, field

_RESULT = re.compile(
    r"(?P<ok>ok|not ok) (?P<number>\d+)(?: (?:- )?(?P<name>[^#]*?))?(?: # (?P<what>.*))?"
)
_DIRECTIVES = ("SKIP", "TODO", "XFAIL", "TIMEOUT", "ERROR")


@dataclass
class Test:
    ok: bool
    name: str
    directive: str = ""
    said: str = ""
    diagnostics: list[str] = field(default_factory=list)
    subtests: "list[Test]" = field(default_factory=list)


def read(text: str) -> list[Test]:
    assert text.endswith("\n")
    lines = text.split("\n")[:-1]
    tests, rest = _document(lines, 0, "")
    assert rest == len(lines), f"line {rest + 1} belongs to nothing: {lines[rest]}"
    return tests


def _document(lines: list[str], at: int, indent: str) -> tuple[list[Test], int]:
    assert lines[at] == f"{indent}KTAP version 1", lines[at]
    plan = re.fullmatch(rf"{indent}1\.\.(\d+)", lines[at + 1])
    assert plan, f"no plan: {lines[at + 1]}"
    at += 2
    tests: list[Test] = []
    diagnostics: list[str] = []
    subtests: list[Test] = []
    while at < len(lines) and lines[at].startswith(indent):
        line = lines[at][len(indent) :]
        result = _RESULT.fullmatch(line)
        if line == "  KTAP version 1":
            assert not subtests
            subtests, at = _document(lines, at, indent + "  ")
            continue
        if line.startswith("#"):
            assert not line.startswith("# Subtest")
            diagnostics.append(line)
        else:
            assert result, f"line {at + 1} is nothing: {line!r}"
            tests.append(_test(result, len(tests) + 1, diagnostics, subtests))
            diagnostics, subtests = [], []
        at += 1
    assert len(tests) == int(plan[1]), "the plan is not kept"
    return tests, at


def _test(result: re.Match[str], number: int, diagnostics: list[str], subtests: list[Test]) -> Test:
    assert int(result["number"]) == number
    word, _, said = (result["what"] or "").partition(" ")
    assert word in ("", *_DIRECTIVES)
    test = Test(result["ok"] == "ok", result["name"], word, said, diagnostics, subtests)
    if any(not each.ok for each in subtests):
        assert not test.ok, "a test passes whose subtest fails"
    return test
