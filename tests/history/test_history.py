"""Entering runs: what is kept, by many at once, and when file or disk are not as they should be."""

import os
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from helpers.errors import UserError
from helpers.kernel import Kernel
from kernel_matrix import about, history, history_rows
from kernel_matrix.cells import Summary
from kernel_matrix.journal import Case
from kernel_matrix.reports.results import KernelResults, Results

from .runs import kernel, run

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def path(tmp_path, monkeypatch):
    """The history of a test."""
    monkeypatch.setenv("KERNEL_MATRIX_HISTORY", str(tmp_path / "data" / "history.sqlite"))
    return tmp_path / "data" / "history.sqlite"


def keep(found: Results) -> list[str]:
    lines: list[str] = []
    assert history.keep(found, lines.append) == (not lines or "a new history begins" in lines[-1])
    return lines


def dump(path: Path) -> list[str]:
    with sqlite3.connect(path) as database:
        return list(database.iterdump())


def count(path: Path, table: str = "run") -> int:
    with sqlite3.connect(path) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return int(database.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def load(number: int = 0) -> KernelResults:
    with history.reading() as database:
        return history_rows.load(database, history_rows.runs(database)[number])


def test_what_is_read_is_what_was_entered(path):
    words = {name: name for name in ("pass", "einval", "crash", "lacks", "error", "again")}
    before = kernel("debian:6.1", 0, words, problem="pytest was killed")
    assert keep(run(before)) == []
    after = load()
    assert after.summary.problem == "pytest was killed"
    assert after.version == "6.1.1"
    assert (after.started, after.suite, after.machine) == (before.started, "v1", before.machine)
    for case in before.summary.cases:
        read = after.cases[case.id]
        if case.attempts:
            assert [each.verdict for each in read.attempts] == ["pass"]
            read = replace(read, attempts=case.attempts)
        assert read == case


def test_the_verdict_is_what_the_kernel_did_not_what_was_expected(path):
    judged = kernel("k", 0, {"a": "einval"})
    cases = (replace(judged.summary.cases[0], verdict="deviation", was="fail", known="old"),)
    keep(run(judged.judged(cases)))
    with history.reading() as database:
        assert history_rows.runs(database)[0].good
    assert load().summary.cases[0].verdict == "fail"


def test_the_same_run_twice_changes_nothing(path):
    found = run(kernel("debian:6.1", 0, {"a": "pass"}), kernel("debian:6.2", 0, {"a": "einval"}))
    keep(found)
    once = dump(path)
    keep(found)
    assert dump(path) == once


def test_a_run_of_which_more_is_known_takes_its_place(path):
    keep(run(kernel("k", 0, {"a": "pass"})))
    keep(run(kernel("k", 0, {"a": "pass", "b": "einval"})))
    keep(run(kernel("k", 0, {"a": "pass"})))
    assert count(path) == 1
    assert len(load().cases) == 2


def test_what_does_not_change_is_kept_once(path):
    for day in range(5):
        keep(run(kernel("k", day, {"a": "pass", "b": "einval"}, seconds=day)))
    assert (count(path), count(path, "answers"), count(path, "answer")) == (5, 1, 2)
    # Addresses, process ids and times in messages are others each time.
    moved = kernel("k", 9, {"a": "pass", "b": "einval"})
    moved = moved.judged(
        (moved.summary.cases[0], replace(moved.summary.cases[1], message="at 0x2"))
    )
    keep(run(moved))
    assert count(path, "answers") == 1


def test_a_kernel_that_never_started_is_not_entered(path):
    keep(run(replace(kernel("k", 0, {"a": "error"}), started=0.0), kernel("l", 0, {})))
    assert count(path) == 0


def test_builds_of_a_kernel_are_told_apart(path, tmp_path):
    config = tmp_path / "config"
    for day, text in enumerate(("CONFIG_A=y\n", "CONFIG_A=n\n", "CONFIG_A=y\n")):
        config.write_text(text)
        found = kernel("k", day, {"a": "pass"})
        keep(run(replace(found, kernel={**found.kernel, "config": str(config)})))
    with history.reading() as database:
        first, second, third = history_rows.runs(database)
    assert (first.build, first.config) == (third.build, third.config)
    assert first.config != second.config


def test_a_build_is_the_same_where_only_its_cell_is_left(path, tmp_path):
    config = tmp_path / "config"
    config.write_text("CONFIG_A=y\n")
    about.keep_config(Kernel("k", "k", config=config), tmp_path)
    for day in range(2):
        found = kernel("k", day, {"a": "pass"})
        keep(run(replace(
            found, kernel={**found.kernel, "config": str(config)},
            summary=replace(found.summary, directory=tmp_path),
        )))  # fmt: skip
        config.unlink(missing_ok=True)
    with history.reading() as database:
        first, second = history_rows.runs(database)
    assert first.config
    assert (first.build, first.config) == (second.build, second.config)


def large(kernels: int, cases: int, started: float) -> Results:
    def one(number: int) -> KernelResults:
        found = tuple(
            Case(
                f"suites/vmsplice/test_m{n % 20}.py::test_name[row-{n}]",
                "pass" if n % 9 else "fail",
                0.001 * (n % 50) + started / 1e9,
                (f"vmsplice:topic:c{n % 400}",),
                "documented",
                message="" if n % 9 else f"assert vmsplice(5) = {n}",
            )
            for n in range(cases)
        )
        counts = Counter(case.verdict for case in found)
        summary = Summary(f"debian:6.{number}", 2.5, counts, 30.0, cases=found)
        return KernelResults(summary, {"version": f"6.{number}.1"}, "v1", started + number)

    return Results("r", tuple(map(one, range(kernels))))


def test_a_whole_matrix_is_entered_fast_and_takes_little(path):
    used = []
    for number in range(3):
        found = large(15, 2100, 1e9 + 1000 * number)
        before, size = time.process_time(), path.stat().st_size if path.exists() else 0
        keep(found)
        used.append((time.process_time() - before, path.stat().st_size - size))
    assert max(seconds for seconds, _ in used) < 1.5
    assert used[0][1] < 2_000_000
    assert used[1][1] < 150_000
    assert used[2][1] < 150_000


WRITER = """
import sys
sys.path[:0] = [{root!r}, {root!r} + "/kernel-matrix"]
from tests.history.runs import kernel, run
from kernel_matrix import history
sys.stdin.read()  # all begin at once
for day in range({each}):
    found = run(*(kernel(f"k{{n}}", 100 * {number} + day, {{"a": "pass", "b": "einval"}})
                  for n in range(3)))
    assert history.keep(found, print)
"""


def many(processes: int, each: int) -> str:
    """Runs entered by many processes at once; what they said."""
    running = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER.format(root=str(ROOT), each=each, number=number)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        for number in range(processes)
    ]  # fmt: skip
    for process in running:
        assert process.stdin is not None
        process.stdin.close()
        process.stdin = None
    said = "".join(process.communicate(timeout=120)[0] for process in running)
    assert [process.returncode for process in running] == [0] * processes, said
    return said


def test_many_processes_at_once(path):
    assert many(12, 8) == ""
    assert count(path) == 12 * 8 * 3


def test_many_processes_find_a_file_that_is_none(path):
    path.parent.mkdir()
    path.write_bytes(b"nothing that anybody knows " * 999)
    said = many(8, 2)
    assert said.count("\n") == 1
    assert "not an SQLite database" in said
    aside = path.parent.glob("history.sqlite.*")
    assert [each.read_bytes()[:7] for each in aside] == [b"nothing"]
    assert count(path) == 8 * 2 * 3


def test_a_writer_that_is_killed_leaves_nothing_half_done(path):
    keep(run(kernel("k", 0, {"a": "pass"})))
    killed = f"""
import os, sqlite3, sys
database = sqlite3.connect({str(path)!r}, isolation_level=None)
database.execute("PRAGMA cache_size = 1")
database.execute("BEGIN IMMEDIATE")
database.execute("DELETE FROM answer")
for number in range(5000):
    database.execute("INSERT INTO cases(name) VALUES (?)", (f"x{{number}}" * 20,))
os.kill(os.getpid(), 9)
"""
    done = subprocess.run([sys.executable, "-c", killed], check=False)
    assert done.returncode == -signal.SIGKILL
    assert path.with_name("history.sqlite-journal").exists()  # or nothing was on the disk yet
    assert len(load().cases) == 1
    assert keep(run(kernel("k", 1, {"a": "pass"}))) == []
    assert (count(path), count(path, "cases")) == (2, 1)


def test_a_run_is_entered_whole_or_not_at_all(path, monkeypatch):
    keep(run(kernel("k", 0, {"a": "pass"})))
    once = dump(path)

    def stumble(database: sqlite3.Connection, found: Results) -> None:
        database.execute("DELETE FROM run")
        raise UserError("no more")

    monkeypatch.setattr(history_rows, "enter", stumble)
    assert keep(run(kernel("k", 1, {"a": "pass"})))[0].endswith("no more")
    assert dump(path) == once


def test_what_somebody_else_has_set_aside_already_stays(path):
    keep(run(kernel("k", 0, {"a": "pass"})))
    said: list[str] = []
    history._set_aside(path, said.append)
    assert (said, count(path)) == ([], 1)


def test_a_history_that_another_process_has_locked_stays(path, monkeypatch):
    keep(run(kernel("k", 0, {"a": "pass"})))
    monkeypatch.setattr(history, "_WAIT_SECONDS", 0.01)
    said: list[str] = []
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        history._set_aside(path, said.append)
    assert (said, count(path)) == ([], 1)


def test_a_file_that_somebody_else_has_moved_meanwhile(path, monkeypatch):
    path.parent.mkdir()
    garbage(path)
    set_aside = history._set_aside

    def late(path: Path, say: history.Say) -> None:
        path.rename(path.with_name("moved"))
        set_aside(path, say)

    monkeypatch.setattr(history, "_set_aside", late)
    assert keep(run(kernel("k", 0, {"a": "pass"}))) == []
    assert count(path) == 1


def garbage(path: Path) -> None:
    path.write_bytes(b"x" * 5000)


def foreign(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE bookmarks(x)")


def newer(path: Path) -> None:
    keep(run(kernel("k", 0, {"a": "pass"})))
    with sqlite3.connect(path) as database:
        database.execute(f"PRAGMA user_version = {history.VERSION + 1}")


def damaged(path: Path) -> None:
    keep(large(2, 500, 1e9))
    data = bytearray(path.read_bytes())
    data[8192:] = os.urandom(len(data) - 8192)
    path.write_bytes(data)


def cut_off(path: Path) -> None:
    keep(large(2, 500, 1e9))
    os.truncate(path, path.stat().st_size // 2)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (garbage, "not an SQLite database"),
        (foreign, "the database of another program"),
        (newer, f"of version {history.VERSION + 1}, this program writes {history.VERSION}"),
        (damaged, "damaged"),
        (cut_off, "damaged"),
    ],
)
def test_what_is_no_history_is_set_aside(path, spoil, said):
    path.parent.mkdir()
    spoil(path)
    data = path.read_bytes()
    (line,) = keep(run(kernel("k", 1, {"a": "pass"})))
    assert said in line
    (aside,) = path.parent.glob("history.sqlite.*")
    assert aside.name in line
    assert aside.read_bytes() == data
    assert count(path) == 1


def test_an_empty_file_is_a_history_that_begins(path):
    path.parent.mkdir()
    path.touch()
    assert keep(run(kernel("k", 0, {"a": "pass"}))) == []
    assert count(path) == 1


def test_a_place_that_cannot_be_written_is_one_line(path, tmp_path):
    path.parent.touch()
    (line,) = keep(run(kernel("k", 0, {"a": "pass"})))
    assert line.startswith("this run is not in the history, ")
    path.parent.unlink()
    path.mkdir(parents=True)
    (line,) = keep(run(kernel("k", 0, {"a": "pass"})))
    assert line.endswith("cannot be opened")


def test_a_disk_that_is_full_is_one_line(path):
    keep(run(kernel("k", 0, {"a": "pass"})))
    once = dump(path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size, hard))
    try:
        (line,) = keep(large(3, 2000, 1e9))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert line.startswith("this run is not in the history, ")
    assert dump(path) == once


def test_off(monkeypatch):
    monkeypatch.setenv("KERNEL_MATRIX_HISTORY", history.OFF)
    lines: list[str] = []
    assert not history.keep(run(kernel("k", 0, {"a": "pass"})), lines.append)
    assert lines == []


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"KERNEL_MATRIX_HISTORY": "/x/y"}, "/x/y"),
        ({"XDG_DATA_HOME": "/data"}, "/data/kernel-matrix/history.sqlite"),
        ({"HOME": "/h"}, "/h/.local/share/kernel-matrix/history.sqlite"),
    ],
)
def test_location(monkeypatch, environment, expected):
    for name in ("KERNEL_MATRIX_HISTORY", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert history.location() == Path(expected)
