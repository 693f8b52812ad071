"""Cases are tried again in fresh machines, and machines that are lost again and again end a run."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kernel_matrix import cells
from kernel_matrix.journal import Journal, load

CASES = "tests/verdicts/flaky_cases.py"
BOTH = pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "xdist"])


def run(run_pytest: Callable[..., Any], directory: Path, *words: object) -> tuple[Any, Journal]:
    path = directory / "journal.jsonl"
    done = run_pytest(CASES, "--journal", path, "--run-dir", directory, *words)
    return done, load(path)


def told(journal: Journal) -> dict[str, tuple[str, str]]:
    """Verdict of the first try and what became of the others, by the name of the case."""
    return {case.id.split("::")[1]: (case.verdict, case.again) for case in journal.results()}


@BOTH
def test_what_is_lost_is_tried_once_more(
    tmp_path: Path, run_pytest: Callable[..., Any], workers: tuple[str, ...]
) -> None:
    done, journal = run(run_pytest, tmp_path, "-k", "passes or lost or each", *workers)
    assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stdout + done.stderr
    found = told(journal)
    assert found["test_passes"] == ("pass", "")
    # the number of its machine is 1 only if it is the first case of its worker
    if not workers:
        assert found["test_is_lost_in_the_first_machine"] == ("crash", "not reproduced: pass")
    assert found["test_is_lost_in_each_machine"] == ("crash", "reproduced 1 of 1")
    assert found["test_fails_in_each_machine"] == ("fail", "")
    assert "tried again in a fresh machine" in done.stdout
    assert "reproduced 1 of 1" in done.stdout
    assert journal.bad_lines == 0
    assert not journal.running


@BOTH
def test_unexpected_failures_are_repeated_as_often_as_asked(
    tmp_path: Path, run_pytest: Callable[..., Any], workers: tuple[str, ...]
) -> None:
    names = "each or observes"
    done, journal = run(run_pytest, tmp_path, "-k", names, "--flaky", "3", *workers)
    assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stdout + done.stderr
    found = told(journal)
    assert found["test_fails_in_each_machine"] == ("fail", "reproduced 3 of 3")
    assert found["test_is_lost_in_each_machine"] == ("crash", "reproduced 3 of 3")
    assert found["test_observes_nothing_but_fails"] == ("fail", "")
    verdict, again = found["test_fails_in_each_other_machine"]
    assert verdict == "pass" or again == "flaky: 2 fail, 2 pass of 4"
    case = next(case for case in journal.results() if "each_other" in case.id)
    assert case.flaky == (verdict == "fail")


def test_a_failure_that_is_expected_is_not_repeated(
    tmp_path: Path, run_pytest: Callable[..., Any]
) -> None:
    path = tmp_path / "journal.jsonl"
    suite = "suites/vmsplice/test_page_says.py"
    run_pytest(suite, "--flaky", "2", "--journal", path, "--run-dir", tmp_path)
    cases = load(path).results()
    assert "fail" in {case.verdict for case in cases}
    assert not any(case.attempts for case in cases)


@BOTH
def test_three_machines_lost_in_a_row_end_the_run(
    tmp_path: Path, run_pytest: Callable[..., Any], workers: tuple[str, ...]
) -> None:
    done, journal = run(run_pytest, tmp_path, "-k", "doomed", *workers)
    assert done.returncode == 3, done.stdout + done.stderr
    assert "3 machines lost in a row, the last one: " in done.stdout + done.stderr
    assert "INTERNALERROR" not in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    verdicts = [verdict for verdict, _ in told(journal).values()]
    if not workers:
        assert verdicts == ["crash"] * 3 + ["miss"] * 10
    else:
        assert verdicts.count("crash") >= 3
        assert set(verdicts) <= {"crash", "pass", "miss"}
    problem, blame = cells.judge(journal, done.returncode, "", "")
    assert problem.startswith("3 machines lost in a row")
    assert blame is cells.Status.HARNESS


def test_a_debugger_sees_a_case_once(tmp_path: Path, run_pytest: Callable[..., Any]) -> None:
    words = ("-k", "fails_in_each_machine", "--flaky", "2", "--pdb")
    done, journal = run(run_pytest, tmp_path, *words)
    assert "(Pdb)" in done.stdout
    assert told(journal)["test_fails_in_each_machine"][1] == ""


def test_other_reporters_know_the_first_try_alone(
    tmp_path: Path, run_pytest: Callable[..., Any]
) -> None:
    words = ("-k", "first_machine or other", "--flaky", "1", "--alluredir", tmp_path / "allure")
    done, _ = run(run_pytest, tmp_path, *words, "--junitxml", tmp_path / "junit.xml")
    assert "1 failed" in done.stdout
    (status,) = {
        path.read_text().split('"status": "')[1].split('"')[0]
        for path in (tmp_path / "allure").glob("*-result.json")
        if "first_machine" in path.read_text()
    }
    assert status == "broken"
    assert 'failures="1"' in (tmp_path / "junit.xml").read_text()
