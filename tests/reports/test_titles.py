"""A crash is told by its title, and whether it was reproduced, in every report."""

import json

import junitparser
import pytest

from kernel_matrix import table, transitions
from kernel_matrix.journal import Attempt, Case
from kernel_matrix.reports import allure, junit, kcidb, ktap, summary
from tests.reports import samples

TITLE = "KASAN: slab-use-after-free Read in pipe_read"


def crash(*attempts: Attempt, number: int = 1, title: str = TITLE) -> Case:
    """A crash whose message differs from run to run."""
    return Case(
        "suites/tee/test_a.py::test_b[c]", "crash", 1.0, ("tee:a:b",), "documented",
        message=f"BUG: KASAN: slab-use-after-free in pipe_read+0x{number:x}/0x50 (pid {number})",
        title=title, trace=("pipe_read (fs/pipe.c:12)", "vfs_read"), attempts=attempts,
    )  # fmt: skip


def told(case: Case) -> dict[str, str]:
    """What each format makes of a run with that one case."""
    kernel = samples.kernel("debian:6.1", "6.1.192", case)
    results = samples.run("r", kernel)
    return {
        "table": table.unexpected([kernel.summary]),
        "junit": junit.render(results),
        "kcidb": kcidb.render(results),
        "ktap": ktap.render(results),
        "markdown": summary.render(results),
        "allure": json.dumps(allure.result(kernel, case, "x")),
    }


@pytest.mark.parametrize("form", ["table", "junit", "kcidb", "ktap", "markdown", "allure"])
@pytest.mark.parametrize(
    ("attempts", "words"),
    [((), ""), ((Attempt("crash"),), "reproduced 1 of 1"), ((Attempt("pass"),), "not reproduced")],
)
def test_every_report_has_the_title_and_the_tries(form, attempts, words):
    text = told(crash(*attempts))[form].replace("\\_", "_")
    assert TITLE in text
    assert words in text
    assert ("reproduced" in text) == bool(attempts)


def test_the_red_line_of_junit_is_the_same_tomorrow():
    def message(number: int) -> str:
        parsed = junitparser.JUnitXml.fromstring(told(crash(number=number))["junit"].encode())
        (suite,) = parsed
        (case,) = suite
        return case.result[0].message

    assert message(1) == message(77) == TITLE


def test_the_same_crash_is_the_same_issue_for_kcidb():
    def issue(**how: object) -> str:
        (found,) = json.loads(told(crash(**how))["kcidb"])["issues"]
        assert found["report_subject"]
        return found["id"]

    assert issue(number=1) == issue(number=77)
    assert issue(number=1) != issue(title="panic: something else")


def test_another_crash_of_one_case_is_a_change():
    same = transitions.transition(crash(number=1), crash(number=77))
    other = transitions.transition(crash(), crash(title="panic: something else"))
    assert (same, other) == ("still failing", "changed")


def test_the_body_has_attempts_and_call_trace():
    text = told(crash(Attempt("pass"), Attempt("crash", title=TITLE)))["junit"]
    assert f"flaky: 2 crash, 1 pass of 3\nattempt 2: pass\nattempt 3: crash {TITLE}\n" in text
    assert "call trace:\npipe_read (fs/pipe.c:12)\nvfs_read" in text
