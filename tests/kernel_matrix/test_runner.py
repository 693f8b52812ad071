"""The runner, with a small program in pytest's place."""

import json
import os
import signal
import sys
import threading
import time

import pytest

from helpers.errors import UserError
from kernel_matrix import cells, pytest_process, report, run_file, runner, schedule
from kernel_matrix.cells import Options, Status
from kernel_matrix.expectations import Deviation
from kernel_matrix.manifest import Entry

WRITER = """
import json, os, signal, sys, time
directory, what = sys.argv[1:]
def put(kind, **fields):
    with open(directory + "/journal.jsonl", "a") as file:
        file.write(json.dumps({"t": kind, "time": time.time(), **fields}) + chr(10))
put("run", schema=1, argv=[])
put("collected", ids=2, cases=["a", "b"])
put("boot", seconds=0.5)
put("start", id="a")
put("end", id="a", verdict="pass", seconds=0.1)
put("start", id="b")
put("traits", traits=["found"])
if what == "die":
    os.kill(os.getpid(), signal.SIGKILL)
if what in ("hang", "deaf"):
    if what == "deaf":
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    print("ready", flush=True)
    try:
        signal.pause()
        signal.pause()
    except KeyboardInterrupt:
        put("finish", exitstatus=2)
        sys.exit(2)
put("end", id="b", verdict="fail", seconds=0.1, message="no")
put("finish", exitstatus=1)
sys.exit(1)
"""


@pytest.fixture
def start(tmp_path, monkeypatch):
    """Starts a run of the running kernel whose cells do as they are told."""
    monkeypatch.setattr(pytest_process, "GRACE_SECONDS", 0.5)

    def make(*deeds, idle=60.0, selectors=None):
        queue = list(deeds)

        def argv(directory, options, root):
            return [sys.executable, "-c", WRITER, str(directory), queue.pop(0)]

        monkeypatch.setattr(cells, "pytest_argv", argv)
        names = selectors or ["local"] * len(deeds)
        entries = [Entry(name, f"k{n}", explicit=True) for n, name in enumerate(names)]
        run = runner.Run.planned(tmp_path, entries, Options(), 1, lambda *change: None)
        run.idle_seconds = idle
        return run

    return make


def finish(run):
    assert run.over.wait(30)


def test_cells_end_with_a_summary(start, tmp_path):
    run = start("work", "die")
    run.execute()
    finish(run)
    good, dead = (cell.summary for cell in run.cells)
    assert (good.counts["pass"], good.counts["fail"], good.problem) == (1, 1, "")
    assert good.boot_seconds == 0.5
    assert dead.problem == "pytest was killed by signal 9"
    assert dead.counts == {"pass": 1, "error": 1}
    # A report that is made later says the same.
    assert [s.problem for s in report.load(tmp_path)] == [good.problem, dead.problem]
    assert [s.counts for s in report.load(tmp_path)] == [good.counts, dead.counts]


@pytest.mark.parametrize("trait", ["", "found"])
def test_what_is_shown_meanwhile_is_judged(start, trait):
    run = start("work")
    run.deviations = (
        Deviation("x.toml:1", "why", "where", cases=("b",), message="no", trait=trait),
        Deviation("x.toml:2", "why", "where", cases=("a",), message="no", trait="other"),
    )
    seen = []

    def watch(cell, what, case):
        if case is not None:
            seen.append((case.verdict, dict(cell.counts)))

    run.watch = watch
    run.execute()
    finish(run)
    assert seen == [("pass", {"pass": 1}), ("deviation", {"pass": 1, "deviation": 1})]
    # the summary is as the journal has it: whoever reports judges
    assert run.cells[0].summary.counts == {"pass": 1, "fail": 1}
    assert run.cells[0].counts == {"pass": 1, "deviation": 1}


def test_a_full_disk_does_not_stop_the_end(start, monkeypatch):
    def full(directory, data):
        if any(cell["over"] for cell in data["cells"]):
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(run_file, "write", full)
    run = start("work")
    run.execute()
    finish(run)
    summary = run.cells[0].summary
    assert summary.problem.endswith(": No space left on device")
    assert (summary.blame, summary.counts["pass"]) == (Status.HARNESS, 1)


def test_the_longest_comes_first(start, monkeypatch):
    run = start("work", "work", "work")
    for cell, seconds in zip(run.cells, (5.0, 30.0, 20.0), strict=True):
        cell.expected = seconds
    begun = []
    run.watch = lambda cell, what, case: cell.phase == "start" and begun.append(cell.entry.id)
    resolved = threading.Event()
    original = run._resolve_all

    def resolve_all(*lane):
        original(*lane)
        resolved.set()

    worked = run._work
    monkeypatch.setattr(run, "_resolve_all", resolve_all)
    monkeypatch.setattr(run, "_work", lambda ready: (resolved.wait(20), worked(ready)))
    run.execute()
    finish(run)
    assert begun == ["k1", "k2", "k0"]


def test_what_was_resolved_is_written_into_the_run(start, tmp_path):
    run = start("work", selectors=["local"])
    run.execute()
    finish(run)
    data = json.loads((tmp_path / "run.json").read_text())
    assert data["cells"][0]["kernel"]["release"] == os.uname().release
    assert data["words"] == []


def test_a_kernel_that_is_not_there_does_not_stop_the_others(start):
    run = start("work", selectors=["path:/nonexistent", "local"])
    run.execute()
    finish(run)
    missing, good = (cell.summary for cell in run.cells)
    assert "no such file" in missing.problem
    assert good.problem == ""


@pytest.mark.parametrize("deed", ["hang", "deaf"])
def test_a_cell_in_which_nothing_happens_is_ended(start, deed):
    run = start(deed, idle=0.3)
    run.execute()
    finish(run)
    summary = run.cells[0].summary
    assert summary.problem.startswith("nothing happened for")
    assert "running: b" in summary.problem
    assert summary.blame is Status.HARNESS


def test_interrupted(start, tmp_path):
    run = start("hang", "work")
    run.execute()
    log = tmp_path / "k0" / "pytest.log"
    deadline = time.monotonic() + 20
    while not (log.exists() and log.read_text()) and time.monotonic() < deadline:
        run.over.wait(0.02)
    run.stop()
    finish(run)
    assert run.cells[0].summary.problem == "interrupted"
    assert run.cells[0].summary.counts["pass"] == 1
    assert run.cells[1].summary.problem == "not started: interrupted"


def test_report_of_a_run_whose_runner_was_killed(start, tmp_path):
    run = start("work", "work")
    run.execute()
    finish(run)
    # As SIGKILL leaves it: no summary, and a journal that stops in the middle of a line.
    data = json.loads((tmp_path / "run.json").read_text())
    for cell in data["cells"]:
        cell.update(over=False, seconds=None, problem="", blame=0)
    (tmp_path / "run.json").write_text(json.dumps(data))
    written = (tmp_path / "k0/journal.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "k0/journal.jsonl").write_text("".join(written[:6]) + '{"t": "en')
    (tmp_path / "k1/journal.jsonl").unlink()
    cut, never = report.load(tmp_path)
    assert cut.problem == "the run was cut off in b"
    assert cut.counts == {"pass": 1, "error": 1}
    assert "before this kernel was started" in never.problem
    assert cells.status([cut, never]) is Status.HARNESS


def test_report_of_something_else(tmp_path):
    with pytest.raises(UserError, match="is not the directory of a run"):
        report.load(tmp_path)
    (tmp_path / "run.json").write_text("[]")
    with pytest.raises(UserError, match="cannot be read"):
        report.load(tmp_path)


def test_a_run_never_overwrites(tmp_path):
    (tmp_path / "a").mkdir()
    assert runner.new_directory(tmp_path / "a") == tmp_path / "a"
    assert runner.new_directory(tmp_path / "b" / "c").is_dir()
    (tmp_path / "a" / "file").touch()
    with pytest.raises(UserError, match="is not empty"):
        runner.new_directory(tmp_path / "a")


def test_directories_in_results_are_numbered(tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "ROOT", tmp_path)
    monkeypatch.setattr(runner.time, "strftime", lambda form: "20260102-030405")
    names = [runner.new_directory(None).name for _ in range(3)]
    assert names == [f"20260102-030405-{n}" for n in (1, 2, 3)]
    assert os.readlink(tmp_path / "results/latest") == names[-1]  # noqa: PTH115


@pytest.mark.parametrize(
    ("cpus", "free", "wanted", "jobs"),
    [(1, 8000, 5, 1), (2, 8000, 5, 2), (64, 900000, 5, 2), (8, 900, 5, 1), (8, 8000, 1, 1)],
)
def test_automatic_jobs(cpus, free, wanted, jobs):
    assert schedule.automatic_jobs(cpus, free, wanted) == jobs


def test_signals_are_as_they_were():
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
