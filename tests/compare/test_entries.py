"""The expectations of this project: every entry is about a case that exists."""

from kernel_matrix import expectations
from kernel_matrix.journal import Case


def test_every_entry_is_about_a_case_that_exists(run_pytest):
    deviations = expectations.load()
    if not deviations:
        return
    done = run_pytest("suites", "--collect-only", "-q")
    cases = [Case(line, "pass") for line in done.stdout.splitlines() if "::" in line]
    assert cases, done.stdout + done.stderr
    for deviation in deviations:
        for pattern in deviation.cases:
            one = expectations.Deviation(deviation.place, "", "", cases=(pattern,))
            assert any(map(one.about, cases)), f"{deviation.place}: no case is {pattern}"
