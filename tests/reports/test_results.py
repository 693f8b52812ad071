import json

from kernel_matrix import journal
from kernel_matrix.journal import Attempt, Case
from kernel_matrix.reports.results import load_json, load_run, to_json
from tests.compare.journals import PATH, end, write_run
from tests.reports import samples

LONGREPR = """\
expected = -1 EPERM (Operation not permitted)

>       assert caller.vmsplice(5) == expected
E       assert vmsplice(5) = -1 EFAULT (Bad address)
E         expected -1 EINVAL (Invalid argument) (clause vmsplice:errors:einval, documented)

suites/x.py:9: AssertionError"""


def test_what_was_expected_is_read_from_the_explanation_of_a_failure(tmp_path):
    failed = end("a", "fail", longrepr=LONGREPR, observed="-1 EFAULT (Bad address)")
    found = load_run(write_run(tmp_path / "r", {"x:6.1": [failed, end("b")]}))
    first, second = found.kernels[0].summary.cases
    assert first.expected == "-1 EINVAL (Invalid argument)"
    assert second.expected == ""
    assert first.started == 1795392843.0


def test_what_a_kernel_is_comes_from_the_journal(tmp_path):
    (kernel,) = load_run(write_run(tmp_path / "r", {"x:6.1": [end("a")]})).kernels
    assert (kernel.id, kernel.release, kernel.version) == ("x:6.1", "6.1-amd64", "6.1")
    assert (kernel.label, kernel.suite, kernel.machine) == ("x 6.1", "v1", "qemu tcg")


def test_a_kernel_without_a_journal_is_there_with_its_problem(tmp_path):
    run = write_run(tmp_path / "r", {"x:6.1": [end("a")]}, over=False)
    (run / "cell0" / "journal.jsonl").unlink()
    (run / "cell0" / "kernel.json").write_text('{"id": "x:6.1", "version": "6.1"}')
    (kernel,) = load_run(run).kernels
    assert kernel.summary.problem == "the runner ended before this kernel was started"
    assert kernel.label == "x 6.1"
    assert kernel.summary.cases == ()


def test_a_case_that_never_ended_is_an_error(tmp_path):
    run = write_run(tmp_path / "r", {"x:6.1": [{"id": f"{PATH}[a]"}]}, over=False)
    (case,) = load_run(run).kernels[0].summary.cases
    assert (case.verdict, case.message) == ("error", journal.RUNNER_LOST)


def test_titles_and_further_tries_survive_a_file(tmp_path):
    crashed = Case(
        "a", "crash", title="panic: x", trace=("f", "g (fs/pipe.c:1)"),
        attempts=(Attempt("pass", 0.5), Attempt("crash", 1.0, "Kernel panic", "panic: x")),
    )  # fmt: skip
    path = tmp_path / "results.json"
    path.write_text(json.dumps(to_json(samples.run("r", samples.kernel("x:6.1", "6.1", crashed)))))
    assert load_json(path).kernels[0].summary.cases == (crashed,)
