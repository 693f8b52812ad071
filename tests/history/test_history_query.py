"""What the history tells, and the commands that ask it."""

import json

import pytest
from click.testing import CliRunner

from helpers.errors import UserError
from kernel_matrix import case_names, expectations, history, history_query, history_rows
from kernel_matrix.cli import cli
from kernel_matrix.commands import after_run
from kernel_matrix.history_query import Flakes
from kernel_matrix.journal import Case
from tests.compare.journals import end, write_run, wrong

from .runs import CALL, CLAUSE, DAY, START, kernel, run


@pytest.fixture(autouse=True)
def path(tmp_path, monkeypatch):
    monkeypatch.setenv("KERNEL_MATRIX_HISTORY", str(tmp_path / "history.sqlite"))
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.setattr(expectations.load, "__defaults__", (tmp_path, expectations.SUITES))


def keep(*kernels):
    lines = []
    assert history.keep(run(*kernels), lines.append), lines


def line(row="a"):
    with history.reading() as database:
        (found,) = history_query.lines_of(database, f"{CALL}[{row}]")
    return found


def invoke(*words):
    done = CliRunner().invoke(cli, [str(word) for word in words])
    assert done.exception is None or isinstance(done.exception, SystemExit)
    return done.exit_code, done.output


@pytest.mark.parametrize(
    ("words", "stretches", "silent"),
    [
        (["pass"] * 3, [("pass", 0, 2, 3)], 0),
        (["pass", "pass", "einval"], [("pass", 0, 1, 2), ("fail", 2, 2, 1)], 0),
        (["einval", "efault"], [("fail", 0, 0, 1), ("fail", 1, 1, 1)], 0),
        (["pass", "error", "root", "pass"], [("pass", 0, 3, 2)], 2),
        (["pass", "lacks", "pass"], [("pass", 0, 0, 1), ("skip", 1, 1, 1), ("pass", 2, 2, 1)], 0),
        (["error"], [], 1),
    ],
)
def test_when_a_case_changed(words, stretches, silent):
    for day, word in enumerate(words):
        keep(kernel("k", day, {"a": word}, f"6.1.{day}"))
    found = line()
    told = [
        (s.case.verdict, int(s.first.version[4:]), int(s.last.version[4:]), s.runs)
        for s in found.stretches
    ]
    assert (told, found.silent) == (stretches, silent)


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        # (version, what it came to)
        ([("1", "pass"), ("1", "pass")], Flakes(0, 2)),
        ([("1", "pass"), ("1", "einval"), ("1", "pass")], Flakes(1, 3)),
        ([("1", "einval"), ("1", "efault"), ("1", "efault")], Flakes(1, 3)),
        # Another kernel may do something else; that is no flake, nor is a run that says nothing.
        ([("1", "pass"), ("2", "einval")], Flakes(0, 0)),
        ([("1", "pass"), ("1", "error"), ("1", "root")], Flakes(0, 0)),
        (
            [("1", "pass"), ("1", "pass"), ("2", "pass"), ("2", "crash"), ("2", "crash")],
            Flakes(1, 5),
        ),
        # Tried again at once, it came to something else: one run is enough.
        ([("1", "again")], Flakes(1, 1)),
        ([("1", "again"), ("1", "again")], Flakes(2, 2)),
    ],
)
def test_flakes(runs, expected):
    for day, (version, word) in enumerate(runs):
        keep(kernel("k", day, {"a": word, "other": "pass"}, version))
    assert line().flakes == expected
    with history.reading() as database:
        found = history_query.flaky(database)
    assert [(each.case, each.flakes) for each in found] == (
        [(f"{CALL}[a]", expected)] if expected.odd else []
    )


def test_the_rate_is_of_all_kernels_and_where_it_flakes_is_said():
    for day, word in enumerate(("pass", "einval", "pass", "pass")):
        keep(kernel("k", day, {"a": word}), kernel("l", day + 0.5, {"a": "pass"}))
    with history.reading() as database:
        (found,) = history_query.flaky(database)
    assert found.flakes.rate == 1 / 8
    assert (found.kernels, dict(found.verdicts)) == (("k",), {"pass": 3, "fail": 1})


def test_how_long_a_case_takes_is_the_median_of_its_last_runs():
    for day, seconds in enumerate((9.0, 9.0, 0.3, 0.1, 0.2, 5.0, 0.2)):
        keep(kernel("k", day, {"a": "pass"}, seconds=seconds))
    keep(kernel("l", 8, {"a": "pass", "b": "pass"}, seconds=0.4))
    assert line_seconds() == {f"{CALL}[a]": {"k": 0.2, "l": 0.4}, f"{CALL}[b]": {"l": 0.4}}


def line_seconds():
    with history.reading() as database:
        return history_query.times(database)


def test_a_run_that_was_cut_off_is_not_good():
    keep(kernel("k", 0, {"a": "pass"}), kernel("l", 0, {"a": "pass"}, problem="interrupted"))
    with history.reading() as database:
        assert [run.good for run in history_rows.runs(database)] == [True, False]


@pytest.mark.parametrize(
    ("earlier", "cases", "expected"),
    [
        # day of each good or bad run before day 10 -> the day that is taken
        ([(1, {"a": "pass"}), (2, {"a": "pass"})], {"a": "pass"}, 2),
        ([(1, {"a": "pass"}), (2, {"a": "einval"})], {"a": "pass"}, 1),
        ([(1, {"a": "pass"}), (11, {"a": "pass"})], {"a": "pass"}, 1),
        ([(1, {"a": "pass"}), (10, {"a": "pass"})], {"a": "pass"}, 1),
        ([(1, dict.fromkeys("abcd", "pass")), (2, {"a": "pass"})], dict.fromkeys("abc", "pass"), 1),
        ([(1, {"a": "lacks"})], {"a": "pass"}, None),
        ([(1, {"a": "einval"})], {"a": "pass"}, None),
    ],
)
def test_the_last_good_run(earlier, cases, expected):
    for day, words in earlier:
        keep(kernel("k", day, words))
        keep(kernel("l", day + 0.25, {"z": "pass"}))
    with history.reading() as database:
        found = history_query.last_good(database, (kernel("k", 10, cases),)).kernels
    days = [(each.started - START) / DAY for each in found]
    assert days == ([] if expected is None else [expected])


def test_compare_with_the_history(tmp_path):
    write_run(tmp_path / "r", {"k": [wrong("a"), end("b")]})
    directory = tmp_path / "r"
    assert invoke("compare", "last-good", directory) == (
        2,
        f"error: no history yet: the first run makes {tmp_path}/history.sqlite\n",
    )
    good = kernel("k", 0, {})
    good = good.judged(tuple(_as_written(row) for row in "ab"))
    keep(good)
    status, text = invoke("compare", "last-good", directory)
    assert status == 1
    assert "1 regression" in text
    assert "1 same" in text
    assert invoke("compare", "history:k", directory)[0] == 1
    # Now that run is in the history too, and still not compared with itself.
    assert invoke("history", "--add", directory)[0] == 0
    assert invoke("compare", "last-good", directory)[0] == 1
    assert invoke("compare", "history:k", directory)[0] == 0
    status, text = invoke("compare", "history:x", directory)
    assert (status, text.count("\n")) == (2, 1)
    assert "no run of this kernel in the history; it has k" in text


def test_before_the_first_run_there_is_nothing_to_compare_with(capsys):
    assert after_run.plan("", "last-good", ["k"]).baseline is None
    keep(kernel("k", 0, {"a": "einval"}))
    assert after_run.plan("", "last-good", ["k"]).baseline is None
    assert capsys.readouterr().err.count("nothing to compare with\n") == 2
    keep(kernel("k", 1, {"a": "pass"}))
    assert [each.id for each in after_run.plan("", "last-good", ["k", "l"]).baseline.kernels] == [
        "k"
    ]


def _as_written(row):
    return Case(end(row)["id"], "pass", clauses=("c",), strength="established")


def test_what_the_command_says():
    for day, word in enumerate(("pass", "pass", "einval")):
        keep(kernel("debian:6.12", day, {"a": word, "b": "pass"}, f"6.12.{day}"))
    keep(kernel("debian:6.1", 0, {"a": "pass"}, "6.1.9"))
    status, text = invoke("history", f"{CALL}[a]")
    assert status == 0
    assert text == (
        f"{CALL}[a]\n"
        "  debian:6.1  1 run, 2026-11-18; not run twice alike; 12.5 ms\n"
        "    pass  [6.1.9, since 2026-11-18, 1 run]\n"
        "  debian:6.12  3 runs, 2026-11-18 to 2026-11-20; not run twice alike; 12.5 ms\n"
        "    pass  [6.12.0 to 6.12.1, since 2026-11-18, 2 runs]\n"
        "    fail: observed -1 EINVAL  [6.12.2, since 2026-11-20, 1 run]\n"
    )
    assert invoke("history", CLAUSE)[1].count(CALL) == 2
    assert invoke("history", "length[b")[1].startswith(f"{CALL}[b]\n")
    status, text = invoke("history")
    assert text.splitlines()[1:] == [
        "debian:6.12     3       3  2026-11-20  2026-11-19  6.12.1",
        "debian:6.1      1       1  2026-11-18  2026-11-18  6.1.9",
    ]
    assert invoke("history", "--flaky")[1].startswith("no case came to different things")
    assert invoke("history", "--slowest")[1].count("\n") == 2


def test_json():
    for day, word in enumerate(("pass", "einval", "pass")):
        keep(kernel("k", day, {"a": word, "b": "pass"}))
    (case,) = json.loads(invoke("history", f"{CALL}[a]", "--json")[1])
    (on,) = case["kernels"]
    assert [each["verdict"] for each in on["runs"]] == ["pass", "fail", "pass"]
    assert [each["verdict"] for each in on["changes"]] == ["pass", "fail", "pass"]
    assert on["flakes"] == {"odd": 1, "alike": 3, "rate": 0.333333}
    assert len(json.loads(invoke("history", "--json")[1])) == 3
    assert [each["case"] for each in json.loads(invoke("history", "--flaky", "--json")[1])] == [
        f"{CALL}[a]"
    ]
    assert set(json.loads(invoke("history", "--slowest", "--json")[1])) == {
        f"{CALL}[a]", f"{CALL}[b]",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nix"], "no case or clause 'nix' in the history"),
        (["nix", "--flaky"], "--flaky is about all cases; leave out 'nix'"),
        (["test_length"], "'test_length' is 12 cases: "),
        (["--add", "/nonexistent"], "/nonexistent is not the directory of a run"),
    ],
)
def test_mistakes(words, said):
    keep(kernel("k", 0, {f"r{n}": "pass" for n in range(12)}))
    status, text = invoke("history", *words)
    assert (status, text.count("\n")) == (2, 1)
    assert said in text


def test_a_run_cannot_be_added_to_no_history(tmp_path, monkeypatch):
    write_run(tmp_path / "r", {"k": [end("a")]})
    monkeypatch.setenv("KERNEL_MATRIX_HISTORY", history.OFF)
    said = "error: no history is kept: KERNEL_MATRIX_HISTORY is off\n"
    assert invoke("history", "--add", tmp_path / "r") == (2, said)


NAMES = [
    "suites/vmsplice/test_a.py::test_x[page]",
    "suites/vmsplice/test_a.py::test_x[page-2]",
    "suites/process_vmsplice/test_a.py::test_x[page]",
    "suites/splice/test_b.py::test_y",
    "suites/splice/test_b.py::test_y[z]",
]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (NAMES[0], [0]),
        (NAMES[3], [3]),
        ("test_y", [3, 4]),
        ("[page]", [0, 2]),
        ("vmsplice::test_x[page]", [0]),
        ("vmsplice::[page]", [0]),
        ("vmsplice::…[page-2]", [1]),
        ("vmsplice::*page", [0, 1]),
        ("process_vmsplice/...x[", [2]),
        ("test_a.py::test_x", [0, 1, 2]),
        ("nix", []),
    ],
)
def test_which_case_is_meant(text, found):
    assert case_names.matching(text, NAMES) == [NAMES[n] for n in found]


def test_one_case():
    assert case_names.one("test_y[", NAMES, "suites") == NAMES[4]
    with pytest.raises(UserError, match="no case 'nix' in suites"):
        case_names.one("nix", NAMES, "suites")
    with pytest.raises(UserError, match=r"'\[page\]' is 2 cases in suites: "):
        case_names.one("[page]", NAMES, "suites")
