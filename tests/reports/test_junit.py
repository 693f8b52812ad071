import pytest
from junitparser import Error, Failure, JUnitXml, Skipped

from kernel_matrix.reports import junit
from kernel_matrix.reports.texts import LIMIT

from .samples import CASES, RUN, case, kernel, run


def parsed(text: str) -> JUnitXml:
    return JUnitXml.fromstring(text.encode())


def test_every_verdict_is_what_ci_systems_take_it_for():
    (suite, *_) = parsed(junit.render(RUN))
    found = {each.name: [(type(r), r.type) for r in each.result] for each in suite}
    assert found == {
        "test_x[pass]": [],
        "test_x[fail]": [(Failure, "assertion")],
        "test_x[stale]": [(Failure, "stale_expectation")],
        "test_x[crash]": [(Error, "kernel_crash")],
        "test_x[hang]": [(Error, "timeout")],
        "test_x[error]": [(Error, "harness")],
        "test_x[miss]": [(Error, "not_run")],
        "test_x[skip]": [(Skipped, "skip")],
        "test_x[deviation]": [(Skipped, "xfail")],
    }


def test_the_numbers_are_those_of_the_cases():
    read = parsed(junit.render(RUN))
    before = [(s.name, s.tests, s.failures, s.errors, s.skipped) for s in read]
    for suite in read:
        suite.update_statistics()
    assert [(s.name, s.tests, s.failures, s.errors, s.skipped) for s in read] == before
    assert before == [
        ("debian:6.1", 9, 2, 4, 2),
        ("debian:7.3", 1, 0, 1, 0),
        ("debian:6.99", 1, 0, 0, 1),
    ]
    assert (read.tests, read.failures, read.errors, read.skipped) == (11, 2, 5, 3)


def test_what_is_said_of_a_suite_and_of_a_failure():
    (suite, lost, absent) = parsed(junit.render(RUN))
    properties = {each.name: each.value for each in suite.properties()}
    assert properties["release"] == "6.1.192-amd64"
    assert properties["machine"] == "qemu tcg, virtio"
    assert suite.timestamp.startswith("2026-11-23T00:14:01")
    fail = next(each for each in suite if each.name == "test_x[fail]")
    assert fail.classname == "debian:6.1.vmsplice.test_length"
    assert fail.result[0].message == "assert vmsplice(5) = -1 EINVAL (Invalid argument)"
    assert "clause: vmsplice:errors:einval (documented)" in fail.result[0].text
    assert "transcript:\ncaller 41: vmsplice" in fail.result[0].text
    assert [each.result[0].message for each in lost] == ["the machine did not boot"]
    assert [type(each.result[0]) for each in absent] == [Skipped]


def test_no_two_cases_have_one_name():
    twice = run("r", kernel("k", "6.1", *CASES, *CASES), kernel("l", "6.1", *CASES))
    names = [(each.classname, each.name) for suite in parsed(junit.render(twice)) for each in suite]
    assert len(set(names)) == len(names) == 3 * len(CASES)


@pytest.mark.parametrize(
    "text", ["a\x00b\x1b[0m\x0b\x08", "\ud800 lone", "\ufffe\uffff", "]]> & <b> \"'", "é😀\r\n\t"]
)
def test_any_text_can_be_in_it(text):
    bad = case("x", "fail", message=text, console=text, transcript=text, longrepr=text)
    (suite,) = parsed(junit.render(run("r", kernel("k", text, bad, problem=text))))
    assert len(list(suite)) == 2


def test_logs_are_cut():
    big = case("x", "crash", message="é" * 100000, console="ü" * 100000, longrepr="l" * 100000)
    text = junit.render(run("r", kernel("k", "6.1", big)))
    assert len(text.encode()) < LIMIT + 8000
    (suite,) = parsed(text)
    assert "bytes and more left out" in next(iter(suite)).result[0].text


def test_an_empty_run_is_a_file_too():
    assert parsed(junit.render(run("r"))).tests == 0
