import json
import re
from dataclasses import replace

import pytest
from kcidb_io import schema

from helpers.errors import UserError
from kernel_matrix.reports import kcidb

from .samples import CASES, RUN, case, kernel, run


def valid(found) -> dict:
    text = kcidb.render(found)
    data = json.loads(text)
    schema.V5_3.validate(data)
    return data


def cases(data: dict) -> list[dict]:
    return [test for test in data["tests"] if test["path"] != "boot"]


def test_every_verdict_has_its_status():
    data = valid(RUN)
    found = {test["misc"]["case"].partition("[")[2]: test["status"] for test in cases(data)}
    assert found == {
        "pass]": "PASS",
        "fail]": "FAIL",
        "stale]": "PASS",
        "crash]": "FAIL",
        "hang]": "FAIL",
        "error]": "ERROR",
        "miss]": "MISS",
        "skip]": "SKIP",
        "deviation]": "FAIL",
    }


def test_what_goes_down_is_an_issue_with_its_incident():
    data = valid(RUN)
    assert [issue["report_subject"] for issue in data["issues"]] == [
        "Kernel panic - not syncing: x",
        "blocked in pipe_read",
    ]
    tests = {test["id"]: test["misc"]["verdict"] for test in cases(data)}
    assert [tests[each["test_id"]] for each in data["incidents"]] == ["crash", "hang"]
    assert {each["issue_id"] for each in data["incidents"]} == {i["id"] for i in data["issues"]}


PANIC = {"failed": "did not boot", "seconds": 3.0, "console": "Kernel panic\x00"}


@pytest.mark.parametrize(
    ("boots", "status", "excerpt"),
    [
        (({"what": "qemu tcg", "seconds": 2.5},), "PASS", None),
        ((PANIC,), "FAIL", "did not boot\nKernel panic"),
        ((), "MISS", "no mirror"),
    ],
)
def test_a_kernel_that_does_not_boot_is_there_too(boots, status, excerpt):
    found = replace(kernel("k", "6.1", problem="no mirror"), boots=boots)
    (test,) = valid(run("r", found))["tests"]
    assert (test["path"], test["status"]) == ("boot", status)
    assert test.get("log_excerpt") == excerpt


def test_neither_the_running_kernel_nor_one_that_is_not_there_was_booted():
    running = kernel("local", "6.1", CASES[0])
    running.kernel["sha256"] = ""
    absent = replace(kernel("debian:6.99", ""), kernel={})
    data = valid(run("r", running, absent))
    assert [test["path"] for test in data["tests"]] == [
        "kernel_matrix.vmsplice.test_length.test_x.pass"
    ]
    assert len(data["builds"]) == 1


def test_one_bug_on_two_kernels_is_one_issue():
    one, two = (case("x", "crash", message=f"BUG: bad page at 0x{n}f, pid {n}") for n in (4, 17))
    data = valid(run("r", kernel("a", "6.1", one), kernel("b", "6.2", two)))
    assert len(data["issues"]) == 1
    assert len(data["incidents"]) == 2


def test_ids_are_the_same_whenever_the_report_is_made_and_no_two_are():
    assert kcidb.render(RUN) == kcidb.render(RUN)
    data = valid(run("r", kernel("a", "6.1", *CASES, *CASES), kernel("b", "6.1", *CASES)))
    for key in ("checkouts", "builds", "tests", "issues", "incidents"):
        idents = [each["id"] for each in data[key]]
        assert len(set(idents)) == len(idents), key
    paths = [test["path"] for test in cases(data)[: 2 * len(CASES)]]
    assert len(set(paths)) == len(paths)


def test_fields_that_the_dashboard_wants():
    test = cases(valid(RUN))[1]
    assert test["path"] == "kernel_matrix.vmsplice.test_length.test_x.fail"
    assert test["start_time"] == "2026-11-23T00:14:03.250+00:00"
    assert test["duration"] == 0.0123
    assert test["environment"]["misc"] == {"platform": "qemu-x86_64"}
    assert test["misc"]["observed"] == "-1 EINVAL"
    assert "transcript:" in test["log_excerpt"]


@pytest.mark.parametrize(
    ("ident", "path"),
    [
        ("suites/a/test_b.py::test_c[d-e]", "kernel_matrix.a.test_b.test_c.d-e"),
        ("suites/a/test_b.py::test_c", "kernel_matrix.a.test_b.test_c"),
        ("suites/a/test_b.py::test_c[a::b/c.d é [x]]", "kernel_matrix.a.test_b.test_c.a_b_c_d_x_"),
        ("suites/a/test_b.py::T::test_c[0]", "kernel_matrix.a.test_b.T.test_c.0"),
        ("x.py", "kernel_matrix.x.x"),
    ],
)
def test_paths(ident, path):
    assert kcidb.path(ident) == path
    assert re.fullmatch(r"[a-zA-Z0-9_-]+(\.[a-zA-Z0-9_-]+)*", path)


@pytest.mark.parametrize("text", ["a\x00b\x1b", "\ud800", "é" * 20000, "x" * 20000])
def test_any_text_can_be_in_it(text):
    bad = case("x", "crash", message=text, console=text, observed=text, known=text, expected=text)
    data = valid(run("r", kernel("k", text, bad, problem=text)))
    assert len(cases(data)[0]["log_excerpt"]) <= 16384


def test_an_empty_run_and_another_origin():
    assert valid(run("r"))["tests"] == []
    assert kcidb.report(RUN, "my_ci")["tests"][1]["id"].startswith("my_ci:")
    with pytest.raises(UserError, match="a KCIDB origin is small letters"):
        kcidb.report(RUN, "My CI")
