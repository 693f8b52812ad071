"""Known deviations in a plain run of pytest: judged as kernel-matrix does, and never silently."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fixtures.deviations import Known, judge
from fixtures.verdicts import Case, Verdict
from kernel_matrix.expectations import load, parse
from kernel_matrix.known import of

SUITE = "suites/vmsplice/test_page_says.py"


def report(outcome: str) -> Any:
    return pytest.TestReport("x", ("x", 0, "x"), {}, outcome, None, "call")  # type: ignore[arg-type]


def case(verdict: Verdict, observed: str = "", message: str = "") -> Case:
    return Case("x", (), verdict=verdict, observed=observed, message=message)


EINVAL = Known("a.toml:1", "fail", "-1 EINVAL", "", "the reason (its reference)")
PANIC = Known("a.toml:9", "crash", "", "Kernel panic", "another (its reference)")


@pytest.mark.parametrize(
    ("was", "about", "outcome"),
    [
        (case("fail", "-1 EINVAL (Invalid argument)"), [EINVAL], "skipped"),
        (case("fail", "-1 EINVAL"), [EINVAL], "skipped"),
        (case("fail", "-1 EINVAL"), [PANIC, EINVAL], "skipped"),
        (case("fail", "-1 EFAULT (Bad address)"), [EINVAL], "failed"),
        (case("fail", "0"), [EINVAL], "failed"),
        (case("fail"), [EINVAL], "failed"),
        (case("error", "-1 EINVAL"), [EINVAL], "failed"),
        (case("hang"), [EINVAL], "failed"),
        (case("crash", message="Kernel panic - not syncing"), [PANIC], "skipped"),
        (case("crash", message="BUG"), [PANIC], "failed"),
        (case("pass"), [EINVAL], "failed"),
    ],
)
def test_what_becomes_of_a_case_with_entries(was: Case, about: list[Known], outcome: str) -> None:
    said = report("passed" if was.verdict == "pass" else "failed")
    judge(said, was, about)
    assert said.outcome == outcome
    assert hasattr(said, "wasxfail") == (outcome == "skipped")


def test_an_expected_failure_says_why() -> None:
    said = report("failed")
    judge(said, case("fail", "-1 EINVAL"), [PANIC, EINVAL])
    assert said.wasxfail == "known deviation, a.toml:1: the reason (its reference)"


def test_a_stale_entry_is_a_failure_that_names_it() -> None:
    said = report("passed")
    judge(said, case("pass"), [EINVAL])
    assert said.longrepr.startswith("STALE: passes, but a.toml:1 expects it to fail: the reason")


def test_another_failure_says_what_was_expected() -> None:
    said = report("failed")
    judge(said, case("fail", "0"), [EINVAL])
    assert said.sections == [("expected", "a.toml:1 expects fail: -1 EINVAL")]


ENTRIES = """
[[deviation]]
clause = "call:a"
kernels = ["debian:*"]
since = "6.1"
observed = "-1 EINVAL (Invalid argument)"
reason = "r"
reference = "s"

[[deviation]]
cases = ["suites/*[two]"]
verdict = "hang"
message = "did not come back"
reason = "r2"
reference = "s2"
"""
ONE = {
    "place": "a.toml:2", "verdict": "fail", "observed": "-1 EINVAL", "message": "", "known": "r (s)"
}  # fmt: skip
TWO = {
    "place": "a.toml:10", "verdict": "hang", "observed": "", "message": "did not come back",
    "known": "r2 (s2)",
}  # fmt: skip
CASES = {"suites/a[one]": ["call:a", "call:b"], "suites/a[two]": ["call:a"], "suites/b": []}


@pytest.mark.parametrize(
    ("kernel", "found"),
    [
        ({"id": "debian:6.1", "version": "6.1.192-2"}, {"one": [ONE], "two": [ONE, TWO]}),
        ({"id": "debian:5.10", "version": "5.10.262-1"}, {"two": [TWO]}),
        ({"id": "local", "release": "6.18.1"}, {"two": [TWO]}),
        ({}, {"two": [TWO]}),
    ],
)
def test_the_entries_of_a_case_on_a_kernel(
    kernel: dict[str, str], found: dict[str, list[dict[str, str]]]
) -> None:
    entries = parse(ENTRIES, "a.toml", frozenset({"call:a"}))
    assert of(kernel, CASES, entries) == {f"suites/a[{row}]": says for row, says in found.items()}


def test_the_projects_own_entries_are_right() -> None:
    assert load()


def test_a_plain_run_shows_known_deviations_and_is_green(run_pytest: Callable[..., Any]) -> None:
    done = run_pytest(SUITE, "-x")
    assert done.returncode == pytest.ExitCode.OK, done.stdout + done.stderr
    assert "2 xfailed" in done.stdout
    assert "test_page_says.py::test_a_gift_that_is_not_aligned_is_einval[length] - known" in (
        done.stdout
    )


def test_several_machines_know_them_too(run_pytest: Callable[..., Any]) -> None:
    done = run_pytest(SUITE, "-n", "2")
    assert done.returncode == pytest.ExitCode.OK, done.stdout + done.stderr
    assert "2 xfailed" in done.stdout


def test_whoever_reads_the_journal_judges(run_pytest: Callable[..., Any], tmp_path: Path) -> None:
    done = run_pytest(SUITE, "--journal", tmp_path / "journal.jsonl")
    assert done.returncode == pytest.ExitCode.TESTS_FAILED
    assert "2 failed" in done.stdout
