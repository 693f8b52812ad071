import json

import pytest

from helpers.errors import UserError
from kernel_matrix import bench, journal


def line(kind, **fields):
    return json.dumps({"t": kind, "time": 1.0, **fields}) + "\n"


def case(ident, verdict, at=1.0, **fields):
    return [
        line("start", id=ident, clauses=["x:y"], strength="documented", time=at),
        line("end", id=ident, verdict=verdict, seconds=0.5, time=at + 0.5, **fields),
    ]


HEAD = [
    line("run", schema=1, argv=["suites"], kernel={"selector": "local", "id": "local"}),
    line("collected", ids=4, cases=["a", "b", "c", "d"]),
    line("boot", machine=1, what="qemu", seconds=2.5),
]
WHOLE = [
    *HEAD,
    *case("a", "pass"),
    *case("b", "fail", message="no", observed="-1 EINVAL"),
    *case("c", "skip", skip={"class": "config", "reason": "off"}),
    *case("d", "crash"),
    line("finish", exitstatus=1),
]


def verdicts(lines):
    return {case.id: case.verdict for case in journal.read(lines).results()}


def test_whole():
    read = journal.read(WHOLE)
    assert verdicts(WHOLE) == {"a": "pass", "b": "fail", "c": "skip", "d": "crash"}
    assert read.boot_seconds == 2.5
    assert read.bad_lines == 0
    failed = read.cases["b"]
    assert (failed.clauses, failed.strength) == (("x:y",), "documented")
    assert (failed.message, failed.observed) == ("no", "-1 EINVAL")
    assert read.cases["c"].skip["class"] == "config"


def test_traits_of_all_workers_are_one_set():
    lines = [*HEAD, line("traits", traits=["one"]), line("traits", traits=["one", "other"])]
    assert journal.read(lines).traits == {"one", "other"}
    assert journal.read(HEAD).traits == frozenset()


def test_cut_off_anywhere():
    """However much of it was written: what is there counts, the rest is lost or missed."""
    text = "".join(WHOLE)
    whole = verdicts(WHOLE)
    for cut in range(len(text) + 1):
        lines = text[:cut].splitlines(keepends=True)
        read = journal.read(lines)
        assert read.bad_lines == 0
        complete = [written for written in lines if written.endswith("\n")]
        assert len(read.cases) == sum('"end"' in written for written in complete)
        for result in read.results():
            assert result.verdict in (whole[result.id], "error", "miss")
            if result.verdict == "error":
                assert result.message == journal.RUNNER_LOST


def test_runner_lost_and_missed():
    lines = [*HEAD, *case("a", "pass"), case("b", "fail")[0]]
    assert verdicts(lines) == {"a": "pass", "b": "error", "c": "miss", "d": "miss"}


TITLE = "NULL pointer dereference in pipe_read"


def again(verdict, attempt, **fields):
    """A further try of case "d", which crashed."""
    return [
        line("start", id="d", attempt=attempt),
        line("end", id="d", attempt=attempt, verdict=verdict, seconds=0.5, **fields),
    ]


@pytest.mark.parametrize(
    ("tries", "flaky", "words"),
    [
        ([], False, ""),
        (["crash"], False, "reproduced 1 of 1"),
        (["pass"], True, "not reproduced: pass"),
        (["crash", "crash"], False, "reproduced 2 of 2"),
        (["pass", "crash", "pass"], True, "flaky: 2 crash, 2 pass of 4"),
    ],
)
def test_a_case_that_is_tried_again_is_what_it_came_to_first(tries, flaky, words):
    lines = [*HEAD, *case("d", "crash", title=TITLE, trace=["pipe_read", "vfs_read"])]
    for number, verdict in enumerate(tries, 2):
        lines += again(verdict, number, title=TITLE)
    found = journal.read(lines).cases["d"]
    assert (found.verdict, found.headline, found.trace) == (
        "crash", TITLE, ("pipe_read", "vfs_read"),
    )  # fmt: skip
    assert [attempt.verdict for attempt in found.attempts] == tries
    assert (found.flaky, found.again) == (flaky, words)


def test_a_try_that_was_cut_off_takes_nothing_from_the_first():
    lines = [*HEAD, *case("d", "crash"), again("pass", 2)[0]]
    read = journal.read(lines)
    assert verdicts(lines)["d"] == "crash"
    assert list(read.running) == ["d"]


@pytest.mark.parametrize(
    ("argv", "finish", "missed"),
    [
        (["suites"], True, 3),
        (["suites", "-x"], True, 0),
        (["--maxfail=1"], True, 0),
        (["-x"], False, 3),
        (["-xylophone"], True, 3),
    ],
)
def test_stopping_early_is_not_missing(argv, finish, missed):
    lines = [
        line("run", schema=1, argv=argv),
        HEAD[1],
        *case("a", "fail"),
        *([line("finish", exitstatus=1)] if finish else []),
    ]
    assert journal.read(lines).counts()["miss"] == missed


@pytest.mark.parametrize(
    "rubbish",
    [
        "{}",
        "[1]",
        "null",
        "nonsense",
        '{"t": "end", "id": "a"}',
        '{"t": "end", "id": "a", "verdict": "great"}',
        '{"t": ["x"]}',
        '{"t": "collected", "cases": 3}',
        '{"t": "start"}',
    ],
)
def test_rubbish_is_counted_and_passed_over(rubbish):
    read = journal.read([*HEAD, rubbish + "\n", *case("a", "pass")])
    assert read.bad_lines == 1
    assert read.cases["a"].verdict == "pass"


def test_unknown_kinds_are_for_newer_programs():
    assert journal.read([*HEAD, line("weather", sun=1)]).bad_lines == 0


def test_another_schema_is_refused():
    with pytest.raises(UserError, match="schema 2"):
        journal.read([line("run", schema=2)])


def test_no_file_is_an_empty_journal(tmp_path):
    assert journal.load(tmp_path / "none").results() == []


def test_following_sees_only_whole_lines(tmp_path):
    file = tmp_path / "journal.jsonl"
    follower = journal.Follower(file)
    assert list(follower.poll()) == []
    text = "".join(WHOLE)
    seen = []
    for end in range(0, len(text) + 17, 17):
        file.write_text(text[:end])
        seen += [entry["t"] for entry in follower.poll()]
    assert seen == [json.loads(written)["t"] for written in WHOLE]
    assert follower.journal.counts() == journal.read(WHOLE).counts()


def test_rate_of_cases():
    three = [*case("a", "pass", at=1.0), *case("b", "pass", at=11.0), *case("c", "pass", at=11.5)]
    # the first one waits for the machine: what counts is the time from its end on
    assert bench.case_rate([*HEAD, *three]) == 2 / 10.5
    with pytest.raises(UserError, match="fewer than two"):
        bench.case_rate([*HEAD, *case("a", "pass")])
