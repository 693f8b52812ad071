"""What the HTML report takes from the history."""

from dataclasses import replace

import pytest

from kernel_matrix import history
from kernel_matrix.history_query import day
from kernel_matrix.reports.html import past

from .samples import CASES, kernel, run

PASS = CASES[0]
FIRST, SECOND, THIRD = (day(1e9 + number * 86400) for number in (1, 2, 3))
FAIL = replace(PASS, verdict="fail", observed="0", expected="1", message="not 1")


@pytest.fixture(autouse=True)
def own_history(tmp_path, monkeypatch):
    monkeypatch.setenv("KERNEL_MATRIX_HISTORY", str(tmp_path / "history.sqlite"))


def keep(version, case, started):
    found = replace(kernel("debian:6.1", version, case), started=started)
    assert history.keep(run("r", found), print)
    return run("r", found)


def test_a_case_that_fails_is_told_of():
    for number, case in enumerate((PASS, PASS, FAIL), 1):
        keep(f"6.1.{number}", case, 1e9 + number * 86400)
    now = keep("6.1.4", FAIL, 2e9)  # it is in the history before it is reported
    assert past.of(now) == {
        FAIL.id: [
            f"debian:6.1: pass (6.1.1-1 to 6.1.2-1, 2 runs, {FIRST} to {SECOND})",
            f"debian:6.1: observed 0 instead of 1 (6.1.3-1, 1 run, {THIRD})",
        ]
    }


def test_a_case_that_is_as_promised_is_not():
    keep("6.1.1", FAIL, 1e9)
    assert past.of(keep("6.1.2", PASS, 2e9)) == {}


@pytest.mark.parametrize("content", [None, b"no database"])
def test_no_history_is_no_reason_to_fail(tmp_path, content):
    if content is not None:
        (tmp_path / "history.sqlite").write_bytes(content)
    assert past.of(run("r", kernel("debian:6.1", "6.1", FAIL))) == {}
