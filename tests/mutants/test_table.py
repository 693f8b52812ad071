"""What is said of outcomes, and what a command line means."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from helpers.errors import UserError
from helpers.kernel import Kernel
from kernel_matrix.cells import Status
from kernel_matrix.cli import cli
from kernel_matrix.commands import mutants as command
from kernel_matrix.mutants import build, table
from kernel_matrix.mutants.manifest import Mutant
from kernel_matrix.mutants.plan import plan
from kernel_matrix.mutants.run import Outcome

HAND = Mutant("by-hand", "fs/splice.c", "a", "b", "m.toml:1", "splice:a:b", "seen")
MADE = Mutant("fill:drop:x", "fs/process_vmsplice.c", "a", ";", "process_vmsplice.c:7")
CAUGHT = Outcome(
    HAND, "caught", "", "suites/splice/test_a.py::test_b[c]", ("splice:a:b",), "fail",
    "it was\nseen", 0.5, 3, found={"transcript": "calls"},
)  # fmt: skip
SURVIVED = Outcome(MADE, "survived", seconds=9.0, ran=900, flakes=("suites/tee/test_t.py::test_t",))


def test_the_table():
    text = table.render([CAUGHT, SURVIVED], 10.0)
    lines = text.splitlines()
    assert lines[1] == "by-hand      caught    0.5  splice/test_a::test_b[c]  it was seen"
    assert lines[4:] == [
        "2 mutants: 1 caught, 1 survived",
        "caught: 50.0 % of those that ran",
        "time: 10 s, 5.00 s for each mutant, at most 9.0 s (fill:drop:x)",
        "survived: fill:drop:x",
        "failed once and not again: suites/tee/test_t.py::test_t",
    ]


def test_the_summary_in_markdown():
    lines = table.summary([CAUGHT, SURVIVED]).splitlines()
    assert lines[2] == "| `fs/splice.c`, by hand | 1 | 1 | 0 | 0 | 0 | splice 1 |"
    assert lines[3] == "| `fs/process_vmsplice.c`, generated | 1 | 0 | 1 | 0 | 0 |  |"
    assert lines[-1] == "Survivors: `fill:drop:x`."


def test_json():
    data = json.loads(json.dumps(table.to_json([CAUGHT, SURVIVED], 10.0)))
    assert data["counts"] == {"caught": 1, "survived": 1}
    first = data["mutants"][0]
    assert (first["suite"], first["message"], first["transcript"]) == (
        "splice", "it was\nseen", "calls",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("outcomes", "status"),
    [
        ([CAUGHT], Status.CLEAN),
        ([CAUGHT, SURVIVED], Status.FINDINGS),
        ([CAUGHT, SURVIVED, Outcome(MADE, "no verdict")], Status.HARNESS),
        ([CAUGHT, Outcome(MADE, "not run")], Status.HARNESS),
        ([CAUGHT, Outcome(MADE, "not buildable")], Status.CLEAN),
        ([CAUGHT, Outcome(HAND, "not buildable")], Status.USAGE),
        ([Outcome(HAND, "equivalent")], Status.NOTHING),
        ([CAUGHT, Outcome(HAND, "equivalent")], Status.CLEAN),
    ],
)
def test_status(outcomes, status):
    assert table.status(outcomes) is status


ENTRY = """\
[[mutant]]
id = "{0}"
file = "fs/splice.c"
original = "{0}"
replacement = ""
clause = "splice:length:zero"
symptom = "x"
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(
        "".join(ENTRY.format(name) for name in "abcdef")
        + '[[equivalent]]\nid = "c"\nargument = "why"\n'
    )
    return path


def chosen(*args, **kwargs):
    return [mutant.id for mutant in plan(*args, **kwargs).chosen]


def test_samples_are_always_the_same_and_leave_out_what_is_equivalent(file):
    assert chosen(file) == list("abcdef")
    assert chosen(file, sample=3, seed=1) == chosen(file, sample=3, seed=1)
    assert len({tuple(chosen(file, sample=3, seed=seed)) for seed in range(9)}) > 3
    assert chosen(file, sample=99) == list("abdef")
    assert len(plan(file, sample=1).mutants) == 6


def test_one_by_its_id(file):
    assert chosen(file, ["d"]) == ["d"]
    with pytest.raises(UserError, match=r"no mutant z in .*mine.toml"):
        plan(file, ["z"])


def test_an_argument_for_a_mutant_that_is_gone(file):
    file.write_text(
        file.read_text().replace('[[equivalent]]\nid = "c"', '[[equivalent]]\nid = "g"')
    )
    with pytest.raises(UserError, match=r"mine.toml:43: no mutant g any more"):
        plan(file)


def test_ours():
    planned = plan(None)
    assert len(planned.mutants) > 500
    assert set(planned.equivalent) < {mutant.id for mutant in planned.mutants}


def test_the_command_lists(file):
    done = CliRunner().invoke(cli, ["mutants", "--file", str(file), "--list"])
    assert done.output.splitlines()[2] == f"c  {file}:15  equivalent: x"


def test_the_command_says_mistakes_in_one_line(file):
    file.write_text(file.read_text().replace("splice:length:zero", "splice:no:clause"))
    done = CliRunner().invoke(cli, ["mutants", "--file", str(file)])
    assert done.exit_code == Status.USAGE
    assert done.output == f"error: {file}:1: no clause splice:no:clause in suites/*/clauses.toml\n"


def test_each_mutant_gets_a_kernel_that_has_it(tmp_path, monkeypatch):
    """One that cannot share gets its own; what does not compile has its outcome at once."""
    path = tmp_path / "mine.toml"
    debug = ENTRY.format("d") + 'flavour = "debug"\n'
    path.write_text("".join(ENTRY.format(name) for name in "abc") + debug)
    shared_kernel, own, slow = (Kernel("reference:x", f"reference:{n}") for n in ("s", "o", "d"))

    def shared(mutants, say, *, debug=False):
        if debug:
            assert [mutant.id for mutant in mutants] == ["d"]
            return build.Built(slow, {"d": 1}, {}, {})
        assert [mutant.id for mutant in mutants] == ["a", "b", "c"]
        return build.Built(shared_kernel, {"a": 1}, {"b": "no such thing"}, {"c": "a macro"})

    monkeypatch.setattr(build, "shared", shared)
    monkeypatch.setattr(build, "alone", lambda *args, **kw: build.Built(own, {"c": 0}, {}, {}))
    planned = plan(path)
    outcomes = {}
    targets, control = command._targets(planned, list(planned.chosen), outcomes)
    assert control is shared_kernel
    assert [(t.mutant.id, t.kernel.id, t.number, t.debug) for t in targets] == [
        ("a", "reference:s", 1, False), ("c", "reference:o", 0, False),
        ("d", "reference:d", 1, True),
    ]  # fmt: skip
    assert [(o.status, o.note) for o in outcomes.values()] == [("not buildable", "no such thing")]


def test_interrupted_while_it_builds(file, tmp_path, monkeypatch):
    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "_targets", interrupt)
    out = tmp_path / "out"
    done = CliRunner().invoke(cli, ["mutants", "--file", str(file), "--out", str(out)])
    assert done.exit_code == Status.INTERRUPTED
    assert "6 mutants: 1 equivalent, 5 not run" in done.output
    assert Path(out / "mutants.json").exists()
