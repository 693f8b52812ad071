import io
import os
import time
from collections import Counter
from pathlib import Path

from kernel_matrix import table
from kernel_matrix.bench import Figure, render
from kernel_matrix.cells import Status, Summary
from kernel_matrix.journal import Case
from kernel_matrix.live import Lines, draw
from kernel_matrix.manifest import Entry
from kernel_matrix.running_cell import Cell

FAIL = Case(
    "suites/x.py::test_a[b]",
    "fail",
    0.1,
    ("x:errors:einval",),
    "documented",
    "expected EINVAL",
    "0",
)
HANG = Case("suites/x.py::test_h", "hang", 5.0, message="blocked in pipe_read")

SUMMARIES = [
    Summary(
        "debian:6.12",
        2.74,
        Counter({"pass": 100, "fail": 1, "hang": 1, "crash": 1}),
        7.25,
        cases=(FAIL, HANG),
    ),
    Summary(
        "debian:7.3",
        3.0,
        Counter({"fail": 1, "miss": 2}),
        60.0,
        "the run was cut off",
        Status.HARNESS,
        (FAIL,),
    ),
    Summary("debian:6.99", problem="not available"),
]


def test_table():
    assert table.render(SUMMARIES).splitlines() == [
        "kernel       boot s  cases  pass  fail  skip  crash  error  seconds",
        "debian:6.12     2.7    103   100     1     0      2      0      7.2",
        "debian:7.3      3.0      3     0     1     0      0      2     60.0",
        "debian:6.99       -      0     0     0     0      0      0      0.0",
        "debian:7.3: the run was cut off",
        "debian:6.99: not available",
    ]


def test_colours_only_where_there_is_something():
    painted = table.render(SUMMARIES[:1], lambda text, colour: f"<{colour}>{text}</>")
    assert "<green> 100</>" in painted
    assert painted.count("<red>") == 2
    assert "<yellow>" not in painted


def test_unexpected_cases_are_told_once_with_their_kernels():
    assert table.unexpected(SUMMARIES).splitlines() == [
        "FAIL suites/x.py::test_a[b]  [debian:6.12, debian:7.3]",
        "    clause: x:errors:einval, documented",
        "    expected EINVAL (observed 0)",
        "HANG suites/x.py::test_h  [debian:6.12]",
        "    blocked in pipe_read",
    ]


def test_missed_cases_are_one_line():
    cases = tuple(Case(f"t{n}", "miss") for n in range(50))
    assert table.unexpected([Summary("k", cases=cases)]) == (
        "MISS 50 cases were never started, t0 the first of them  [k]"
    )


def test_a_long_list_is_cut():
    cases = tuple(Case(f"t{n}", "fail") for n in range(50))
    listing = table.unexpected([Summary("k", cases=cases)])
    assert listing.splitlines()[-1] == "... and 10 more"


def test_lines_for_logs():
    stream = io.StringIO()
    lines = Lines(stream)
    cell = Cell(Entry("debian:6.12", "debian:6.12"), Path("x"), phase="boot")
    lines.watch(cell, "phase", None)
    lines.watch(cell, "case", FAIL)
    lines.watch(cell, "case", Case("t", "pass"))
    cell.summary, cell.counts, cell.phase = SUMMARIES[0], SUMMARIES[0].counts, "done"
    lines.watch(cell, "phase", None)
    assert [text[9:] for text in stream.getvalue().splitlines()] == [
        "debian:6.12: boot",
        "debian:6.12: FAIL suites/x.py::test_a[b] expected EINVAL",
        "debian:6.12: done: 100 pass, 1 fail, 1 hang, 1 crash",
    ]


def test_a_reader_who_has_seen_enough_does_not_end_the_run():
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w", buffering=1) as stream:
        lines = Lines(stream)
        cell = Cell(Entry("debian:6.12", "debian:6.12"), Path("x"), phase="boot")
        lines.watch(cell, "phase", None)
        lines.watch(cell, "phase", None)
        os.dup2(os.open(os.devnull, os.O_WRONLY), writing)


def test_the_time_left_is_a_line_when_a_kernel_is_over():
    stream = io.StringIO()
    lines = Lines(stream)
    done = Cell(Entry("a", "a"), Path("x"), phase="done", summary=SUMMARIES[0])
    waiting = Cell(Entry("b", "b"), Path("x"), expected=204.0)
    lines.show([done, waiting])
    lines.watch(done, "phase", None)
    assert stream.getvalue().splitlines()[-1][9:] == "1 of 2 kernels, about 3 min 20 s left"


def test_screen_has_known_failures_and_the_time_left():
    from rich.console import Console

    cell = Cell(Entry("a", "a"), Path("x"), "run", "test_a", total=10, expected=50.0)
    cell.counts, cell.started = Counter({"pass": 2, "deviation": 3}), time.monotonic() - 10
    console = Console(width=120, file=io.StringIO())
    console.print(draw([cell, Cell(Entry("b", "b"), Path("x"), expected=40.0)], 2))
    head, row, *rest = console.file.getvalue().splitlines()
    assert head.split() == [
        "kernel",
        "phase",
        "pass",
        "fail",
        "known",
        "skip",
        "crash",
        "error",
        "left",
    ]
    assert row.split()[3:10] == ["2", "·", "3", "·", "·", "·", "25"]
    assert "about 40 s left" in rest[-1]


def test_screen_shows_brackets_as_they_are():
    from rich.console import Console

    cell = Cell(Entry("debian:6.12", "debian:6.12"), Path("x"), "run", "test_a[red]", total=10)
    cell.counts = Counter({"pass": 5})
    console = Console(width=120, file=io.StringIO())
    console.print(draw([cell]))
    text = console.file.getvalue()
    assert "test_a[red]" in text
    assert "█" * 6 + "·" * 6 in text


def test_figures():
    text = render({"rtt_8": Figure.of([0.0002, 0.0001, 0.0003]), "ratio": Figure.of([2.0])})
    assert text.splitlines()[1].split() == ["rtt_8", "0.100", "0.200", "0.300", "ms"]
    assert text.splitlines()[2].split() == ["ratio", "2.000", "2.000", "2.000"]


def test_known_failures_have_a_column_where_there_are_some():
    known = Summary("k", 2.0, Counter({"pass": 3, "deviation": 2, "stale": 1}), 4.0)
    assert table.render([known, SUMMARIES[2]]).splitlines()[:3] == [
        "kernel       boot s  cases  pass  fail  known  skip  crash  error  seconds",
        "k               2.0      6     3     1      2     0      0      0      4.0",
        "debian:6.99       -      0     0     0      0     0      0      0      0.0",
    ]
