import json

import pytest
from click.testing import CliRunner

from helpers.errors import UserError
from kernel_matrix import compare_sides, expectations, report
from kernel_matrix.cells import Status, Summary
from kernel_matrix.cli import cli
from kernel_matrix.commands import after_run
from kernel_matrix.commands import expectations as expectations_command

from .journals import CLAUSE, PATH, end, write_run, wrong


@pytest.fixture
def entries(tmp_path, monkeypatch):
    """No expectations but those that a test writes."""
    directory = tmp_path / "expectations"
    directory.mkdir()
    monkeypatch.setattr(expectations, "DIRECTORY", directory)
    monkeypatch.setattr(expectations.load, "__defaults__", (directory, expectations.SUITES))
    monkeypatch.setattr(expectations_command, "ROOT", tmp_path)
    return directory


@pytest.fixture
def runs(tmp_path, entries):
    old = {"x:6.1": [end("a"), wrong("b")], "x:6.2": [end("a"), end("b")]}
    new = {"x:6.1": [wrong("a"), wrong("b")], "x:6.2": [end("a"), end("b")]}
    return write_run(tmp_path / "old", old), write_run(tmp_path / "new", new)


def invoke(*argv: object) -> tuple[int, str]:
    done = CliRunner().invoke(cli, [str(word) for word in argv])
    assert done.exception is None or isinstance(done.exception, SystemExit)
    return done.exit_code, done.output


@pytest.mark.parametrize(
    ("before", "after", "status", "said"),
    [
        ("old", "new", 1, "REGRESSION"),
        ("new", "old", 0, "FIXED"),
        ("old:x:6.1", "new:x:6.1", 1, "1 regression"),
        ("old:x:6.2", "new:x:6.2", 0, "2 same"),
        ("old:x:6.1", "old:x:6.2", 0, "1 fixed"),
        ("old:x:6.1", "new:x:6.9", 2, "no kernel 'x:6.9'; it has x:6.1, x:6.2"),
        ("old", "nothing", 2, "error: "),
    ],
)
def test_two_sides(runs, tmp_path, before, after, status, said):
    found = invoke("compare", f"{tmp_path}/{before}", f"{tmp_path}/{after}")
    assert found[0] == status
    assert said in found[1]


def test_a_baseline_takes_the_place_of_a_run(runs, tmp_path):
    old, new = runs
    saved = tmp_path / "baseline.json"
    assert invoke("compare", old, old, "--save", saved)[0] == 0
    made = tmp_path / "made.json"
    assert invoke("report", old, "--format", "json", "--out", made)[0] == 0
    assert json.loads(saved.read_text()) == json.loads(made.read_text())
    status, text = invoke("compare", saved, new)
    assert (status, "1 regression" in text) == (1, True)
    assert invoke("compare", f"{saved}:x:6.2", f"{new}:x:6.2")[0] == 0


def test_neighbours(runs):
    old, _ = runs
    status, text = invoke("compare", old)
    assert status == 0
    assert "observed -1 EINVAL instead of 0 up to x 6.1; pass from x 6.2 on" in text
    status, text = invoke("compare", f"{old}:x:6.1")
    assert status == 4
    assert text.startswith("no kernel of this run has a neighbour, ")


@pytest.mark.parametrize(
    ("name", "start"), [("markdown", "## ❌ 1 regression\n"), ("json", '{\n "format": "kernel-m')]
)
def test_formats_of_compare(runs, tmp_path, name, start):
    out = tmp_path / "out"
    assert invoke("compare", *runs, "--format", name, "--out", out) == (1, "")
    assert out.read_text().startswith(start)


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("junit", "<?xml"),
        ("ktap", "KTAP version 1\n1..2\n"),
        ("kcidb", '{"version"'),
        ("markdown", "## Kernel matrix"),
        ("json", '{"format":"kernel-matrix results"'),
    ],
)
def test_formats_of_report(runs, name, start):
    status, text = invoke("report", runs[0], "--format", name)
    assert status == 0
    assert text.startswith(start)


def test_allure_is_a_directory(runs, tmp_path):
    assert invoke("report", runs[0], "--format", "allure") == (
        2,
        "error: allure is a directory of files: name one with --out\n",
    )
    assert invoke("report", runs[0], "--format", "allure", "--out", tmp_path / "a") == (0, "")
    assert len(list((tmp_path / "a").glob("*-result.json"))) == 4


def test_the_text_of_a_run_has_its_status(runs, tmp_path):
    status, text = invoke("report", runs[1])
    assert status == 1
    assert "x:6.1      1.0      2     0     2     0      0      0      1.5" in text
    assert "changes between kernels: 2" in text
    assert invoke("report", runs[1], "--out", tmp_path / "no" / "where")[0] == 2


def test_a_run_that_was_cut_off_is_reported(tmp_path, entries):
    cut = write_run(tmp_path / "cut", {"x:6.1": [end("a"), {"id": f"{PATH}[b]"}]}, over=False)
    status, text = invoke("report", cut)
    assert status == 3
    assert "runner lost" in text
    assert (
        invoke("compare", write_run(tmp_path / "r", {"x:6.1": [end("a"), end("b")]}), cut)[0] == 3
    )


@pytest.mark.parametrize(
    ("side", "message"),
    [
        ("nix", "nix: no such run or file, and no kernel of the last run (x:6.1)"),
        ("last:nix", "last: no kernel 'nix'; it has x:6.1"),
    ],
)
def test_a_side_that_is_not_there_is_one_line(tmp_path, entries, monkeypatch, side, message):
    monkeypatch.chdir(tmp_path)
    last = write_run(tmp_path / "last", {"x:6.1": [end("a")]})
    with pytest.raises(UserError) as caught:
        compare_sides.load(side, last)
    assert str(caught.value) == message
    assert compare_sides.load("x:6.1", last).kernels[0].id == "x:6.1"


ENTRY = f"""\
[[deviation]]
cases = ["{PATH}[*]"]
since = "6.1"
observed = "-1 EINVAL"
reason = "asks too early"
reference = "a page"
"""


def test_expectations(runs, entries, tmp_path):
    old, _ = runs
    status, text = invoke("expectations", old)
    assert status == 1
    assert "no entry in expectations" in text
    status, text = invoke("expectations", old, "--update")
    assert status == 0
    assert f'+    "{PATH}[b]",' in text.splitlines()
    (entries / "process_vmsplice.toml").write_text(ENTRY.replace("*", "b") + 'before = "6.2"\n')
    status, text = invoke("expectations", old)
    assert (status, text) == (0, "deviation  process_vmsplice.toml:1: holds for 1 case on x:6.1\n")
    status, text = invoke("expectations", old, "--json")
    assert status == 0
    found = json.loads(text)
    assert found["diff"] == ""
    (entry,) = found["entries"]
    assert (entry["state"], entry["place"]) == ("deviation", "process_vmsplice.toml:1")
    assert entry["holds"] == [{"kernel": "x:6.1", "case": f"{PATH}[b]"}]
    assert (entry["stale"], entry["reason"]) == ([], "asks too early")
    status, text = invoke("report", old)
    assert status == 0
    assert "known" in text
    assert invoke("compare", runs[0], runs[1])[0] == 1
    assert invoke("compare", f"{old}:x:6.2", f"{old}:x:6.1")[0] == 0  # known, no news
    (entries / "process_vmsplice.toml").write_text(ENTRY.replace("*", "b"))
    status, text = invoke("report", old)
    assert status == 1
    assert "STALE" in text
    (entries / "process_vmsplice.toml").write_text("[[deviation]]\n")
    assert invoke("report", old) == (
        2,
        "error: process_vmsplice.toml:1: an entry needs a reason; "
        "without one nobody can judge it\n",
    )


def test_clauses(runs):
    status, text = invoke("clauses", "process_vmsplice", "--run", runs[1])
    assert status == 0
    row = next(line for line in text.splitlines() if line.startswith(CLAUSE))
    assert row.split()[1:] == ["established", "2", "fail", "pass"]
    data = json.loads(invoke("clauses", "process_vmsplice", "--run", runs[1], "--json")[1])
    found = {each["id"]: each for each in data["clauses"]}[CLAUSE]
    assert found["verdicts"] == {"x:6.1": "fail", "x:6.2": "pass"}
    assert found["counts"] == {"x:6.1": {"fail": 2}, "x:6.2": {"pass": 2}}
    assert invoke("clauses", "nix", "--run", runs[1])[0] == 2


def test_clauses_without_a_run(tmp_path, monkeypatch):
    monkeypatch.setattr(report, "LATEST", tmp_path / "latest")
    status, text = invoke("clauses")
    assert status == 0
    assert CLAUSE in text


def test_a_run_ends_with_its_comparison_and_its_reports(runs, capsys):
    old, new = runs
    after = after_run.plan("junit, markdown", str(old), ["x:6.1", "x:6.2"])
    assert after.conclude(new, report.load(new)) == 1
    said = capsys.readouterr().out
    assert "1 regression" in said
    assert f"written: {new}/junit.xml" in said
    assert (new / "summary.md").read_text().startswith("## ❌ 1 regression")
    again = after_run.plan("", str(new), ["x:6.1", "x:6.2"])
    assert again.conclude(new, report.load(new)) == 0, "failing as before is no regression"
    plain = after_run.plan("", None, ["x:6.1", "x:6.2"])
    assert plain.conclude(new, report.load(new)) == 1


def test_a_run_whose_directory_is_gone_is_still_told(runs, tmp_path, capsys):
    new = runs[1]
    summaries = report.load(new)
    after = after_run.plan("", None, ["x:6.1", "x:6.2"])
    assert after.conclude(tmp_path / "gone", summaries) == 1
    assert "x:6.1      1.0      2     0     2" in capsys.readouterr().out


def test_a_harness_failure_is_not_hidden_by_a_baseline(runs):
    old, _ = runs
    first, second = report.load(old)
    lost = Summary(second.id, problem="pytest was killed", blame=Status.HARNESS)
    after = after_run.plan("", str(old), ["x:6.1", "x:6.2"])
    assert after.conclude(old, [first, lost]) == 3


@pytest.mark.parametrize(
    ("names", "side", "message"),
    [
        ("junit,nix", None, "unknown report 'nix'; the reports are: junit, ktap, "),
        ("", "nix", "nix: no such run or file"),
        ("", "old", "no kernel is in both: "),
    ],
)  # fmt: skip
def test_what_is_wrong_with_reports_is_said_before_the_run(runs, tmp_path, names, side, message):
    where = str(tmp_path / side) if side == "old" else side
    with pytest.raises(UserError, match=message):
        after_run.plan(names, where, ["x:9", "x:10"])
