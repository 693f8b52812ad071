"""Observed clauses: the value is in the journal, and only the harness can make a case fail."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fixtures.observation import observed_text
from helpers.outcome import Err, Ok
from kernel_matrix.journal import Journal, load

CASES = "tests/verdicts/observing_cases.py"


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory, run_pytest: Callable[..., Any]) -> Journal:
    path: Path = tmp_path_factory.mktemp("observed") / "journal.jsonl"
    run_pytest(CASES, "--journal", path)
    return load(path)


EXPECTED = {
    "test_an_error": ("pass", "-1 EBADF", ""),
    "test_a_count": ("pass", "0", ""),
    "test_a_text": ("pass", "a slot is lost", ""),
    "test_nothing": ("error", "", "never calls observe"),
    "test_the_fixture_is_not_called": ("error", "", "never calls observe"),
    "test_twice": ("error", "1", "a case observes once; it has '1' already"),
    "test_no_line_of_a_report[empty]": ("error", "", "one line of 1 to 60 characters, not ''"),
    "test_no_line_of_a_report[lines]": ("error", "", "one line of 1 to 60 characters"),
    "test_no_line_of_a_report[long]": ("error", "", "one line of 1 to 60 characters"),
    "test_set_up_fails": ("error", "1", "close(99) = -1 EBADF"),
    "test_of_a_clause_that_binds": ("error", "", "vmsplice:errors:ebadf, documented: assert"),
    "test_of_no_clause": ("error", "", "this case has no clause"),
    "test_the_nearest_clause_counts": ("fail", "-1 EBADF", ""),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_what_the_journal_says(journal: Journal, name: str) -> None:
    verdict, observed, message = EXPECTED[name]
    case = journal.cases[f"{CASES}::{name}"]
    assert (case.verdict, case.observed.split(" (")[0]) == (verdict, observed)
    assert message in case.message


def test_junit_has_it_too(tmp_path: Path, run_pytest: Callable[..., Any]) -> None:
    run_pytest(CASES, "-k", "a_text", "-n", "1", "--junitxml", tmp_path / "junit.xml")
    assert 'name="observed" value="a slot is lost"' in (tmp_path / "junit.xml").read_text()


def test_every_case_was_run(journal: Journal) -> None:
    assert [case.id.split("::")[1] for case in journal.results()] == list(EXPECTED)


def test_the_strength_is_in_the_journal(journal: Journal) -> None:
    assert journal.cases[f"{CASES}::test_a_count"].strength == "observed"


@pytest.mark.parametrize(
    ("value", "text"),
    [(Err(22), "-1 EINVAL"), (Ok(65536), "65536"), (Err(512), "-1 ERESTARTSYS"), (0, "0")],
    ids=str,
)
def test_an_observation_is_short(value: object, text: str) -> None:
    assert observed_text(value) == text  # type: ignore[arg-type]
