import pytest

from kernel_matrix.reports import ktap

from .ktap_reader import read
from .samples import CASES, RUN, case, kernel, run


def test_every_verdict_has_its_result_and_directive():
    (first, *_) = read(ktap.render(RUN))
    found = [
        (each.name.rpartition(".")[2], each.ok, each.directive, each.said)
        for each in first.subtests
    ]
    assert found == [
        ("test_x[pass]", True, "", ""),
        ("test_x[fail]", False, "", ""),
        ("test_x[stale]", False, "", ""),
        ("test_x[crash]", False, "ERROR", "kernel panic: Kernel panic - not syncing: x"),
        ("test_x[hang]", False, "TIMEOUT", "1 seconds"),
        ("test_x[error]", False, "ERROR", "KeyError: 'a'"),
        ("test_x[miss]", False, "ERROR", "not run"),
        ("test_x[skip]", True, "SKIP", "kernel-lacks: ENOSYS"),
        ("test_x[deviation]", True, "XFAIL", "since 6.1 (commit 0123)"),
    ]  # fmt: skip


def test_kernels_are_tests_of_their_cases():
    first, lost, absent = read(ktap.render(RUN))
    assert (first.name, first.ok, first.directive) == ("debian:6.1", False, "")
    assert (lost.ok, lost.directive, lost.said) == (False, "ERROR", "the machine did not boot")
    assert (absent.ok, absent.directive, absent.said) == (True, "SKIP", "not available")
    (whole,) = read(ktap.render(run("r", kernel("k", "6.1", CASES[0], CASES[7], CASES[8]))))
    assert whole.ok


def test_diagnostics_come_before_their_result():
    (first, *_) = read(ktap.render(RUN))
    fail = first.subtests[1]
    assert fail.diagnostics[0] == "#   clause: vmsplice:errors:einval (documented)"
    assert "#   transcript:" in fail.diagnostics
    assert first.subtests[0].diagnostics == []
    assert "# release: 6.1.192-amd64" in RUN_LINES


RUN_LINES = ktap.render(RUN).splitlines()


def test_totals_add_up():
    totals = [line for line in RUN_LINES if "# Totals:" in line]
    assert totals == [
        "  # Totals: pass:1 fail:3 xfail:1 xpass:1 skip:1 error:2",
        "# Totals: pass:1 fail:2 xfail:0 xpass:0 skip:0 error:0",
    ]


@pytest.mark.parametrize(
    "text",
    ["ok 1 fooled # SKIP", "# Subtest: x", "KTAP version 1", "1..9", "a\nnot ok 2 b\x00\u2028c"],
)
def test_no_text_of_a_case_is_taken_for_a_result(text):
    bad = case(f"#{text}", "fail", message=text, console=text, transcript=text)
    skipped = case("s", "skip", message=text)
    (found,) = read(ktap.render(run("r", kernel("k", "6.1", bad, skipped, problem=text))))
    assert [each.ok for each in found.subtests] == [False, True]


def test_an_empty_run_is_a_plan_of_nothing():
    assert read(ktap.render(run("r"))) == []
