"""Every case names a clause, and every clause that a manual page makes has a case."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from helpers.clauses import Clause, Strength, load_clauses
from tests.conftest import ROOT

SUITES = ROOT / "suites"


@pytest.fixture(scope="module")
def clauses() -> dict[str, Clause]:
    return load_clauses(SUITES)


@pytest.fixture(scope="module")
def cases(
    tmp_path_factory: pytest.TempPathFactory, run_pytest: Callable[..., Any]
) -> dict[str, list[str]]:
    path = tmp_path_factory.mktemp("clauses") / "dump.json"
    done = run_pytest(
        "suites",
        "--collect-only",
        "-q",
        "-m",
        "",
        "-p",
        "tests.suites.clause_dump",
        "--dump-clauses",
        path,
    )
    assert done.returncode == pytest.ExitCode.OK, done.stdout + done.stderr
    found: dict[str, list[str]] = json.loads(path.read_text())
    return found


def test_there_are_cases(cases: dict[str, list[str]]) -> None:
    assert len(cases) >= 60


def test_every_case_names_a_clause_of_its_own_call(cases: dict[str, list[str]]) -> None:
    for case, named in cases.items():
        call = Path(case).parts[1]
        assert named, f"{case} names no clause"
        assert all(clause.split(":")[0] == call for clause in named), case


def test_every_promise_of_a_page_has_a_case(
    clauses: dict[str, Clause], cases: dict[str, list[str]]
) -> None:
    named = {clause for of_case in cases.values() for clause in of_case}
    binding = (Strength.DOCUMENTED, Strength.REFERENCED)
    bare = [c.id for c in clauses.values() if c.strength in binding and c.id not in named]
    assert bare == []


def test_no_clause_is_without_a_case(
    clauses: dict[str, Clause], cases: dict[str, list[str]]
) -> None:
    named = {clause for of_case in cases.values() for clause in of_case}
    assert sorted(set(clauses) - named) == []


def test_a_clause_is_of_the_call_in_whose_folder_it_is() -> None:
    for path in SUITES.glob("*/clauses.toml"):
        ids = re.findall(r'^id = "([^"]+)"', path.read_text(), flags=re.MULTILINE)
        assert ids, path
        assert {name.split(":")[0] for name in ids} == {path.parent.name}


@pytest.mark.parametrize(
    "path", sorted(SUITES.glob("*/*.py")), ids=lambda p: f"{p.parent.name}/{p.name}"
)
def test_a_suite_packs_no_bytes_starts_nothing_and_knows_no_version(path: Path) -> None:
    text = path.read_text()
    for forbidden in ("import struct", "subprocess", "time.sleep", "uname", "hello.values"):
        assert forbidden not in text, f"{path.name} has {forbidden!r}"


def test_the_table_of_the_readme_counts_what_is_there(
    clauses: dict[str, Clause], cases: dict[str, list[str]]
) -> None:
    """Its numbers are round: not above what there is, and not far below."""
    rows = readme_rows((ROOT / "README.md").read_text())
    if not rows:
        pytest.skip("README.md has no table of clauses and cases for each call")
    calls = {path.parent.name for path in SUITES.glob("*/clauses.toml")}
    assert set(rows) == calls
    for call, stated in rows.items():
        there = (
            sum(name.split(":")[0] == call for name in clauses),
            sum(Path(case).parts[1] == call for case in cases),
        )
        for said, is_there in zip(stated, there, strict=True):
            assert said <= is_there < 1.3 * said, f"README.md says {stated} of {call}: {there}"


def readme_rows(text: str) -> dict[str, tuple[int, int]]:
    """Call to (clauses, cases), of a table whose header begins so."""
    _, _, table = text.partition("| call | clauses | cases |")
    found = re.findall(r"^\| (\w+) \| (\d+) \| (\d+) \|", table.split("\n\n")[0], re.MULTILINE)
    return {call: (int(of_clauses), int(of_cases)) for call, of_clauses, of_cases in found}


def test_a_table_of_the_readme_is_understood() -> None:
    table = ["| call | clauses | cases | LTP |", "|---|---|---|---|", "| tee | 40 | 130 | 4 |"]
    text = "\n".join(["a", "", *table, "", "| b | 1 | 2 |"])
    assert readme_rows(text) == {"tee": (40, 130)}
    assert readme_rows("no table") == {}
