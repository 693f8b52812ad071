import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace

import pytest

from helpers.errors import UserError
from kernel_matrix import about, journal, merge, merge_files, report, run_file
from kernel_matrix.cells import Status
from kernel_matrix.journal import Journal
from kernel_matrix.merge import Piece
from kernel_matrix.plan import Part
from kernel_matrix.reports import junit, results
from tests.conftest import ROOT, environment

ALL = ["a", "b", "c", "d"]


def piece(source, verdicts, *, kernel="k", shard=None, sha="x" * 64, problem="", finish=True):
    """A cell whose cases came to these verdicts; a shard knows of all cases."""
    lines = [{"t": "run", "schema": 1, "time": 1.0, "suite": "v1", "argv": []}]
    if shard:
        lines.append({"t": "shard", "index": shard[0], "total": shard[1], "cases": ALL})
    lines.append({"t": "collected", "cases": list(verdicts)})
    lines.append({"t": "boot", "time": 2.0, "worker": "main", "machine": 1, "seconds": 2.5})
    for at, (ident, verdict) in enumerate(verdicts.items(), 3):
        lines.append({"t": "start", "time": at, "id": ident})
        if verdict:
            lines.append({"t": "end", "time": at + 0.5, "id": ident, "verdict": verdict})
    if finish:
        lines.append({"t": "finish", "time": 99.0, "exitstatus": 0})
    read = Journal()
    entries = tuple(read.feed(json.dumps(line)) for line in lines)
    assert read.bad_lines == 0
    cell = {
        "id": kernel, "selector": kernel, "directory": "cell", "kernel": {"sha256": sha},
        "seconds": 10.0, "problem": problem, "blame": 3 if problem else 0,
    }  # fmt: skip
    return Piece(source, cell, read, entries)


def verdicts(joined):
    read = journal.read(merge.lines(joined.entries).splitlines(keepends=True))
    assert read.bad_lines == 0
    return {case.id: case.verdict for case in read.results()}


def test_two_shards_are_one_run():
    (joined,) = merge.join(
        [
            piece("2", {"b": "pass", "d": "skip"}, shard=(2, 2)),
            piece("1", {"a": "fail", "c": "pass"}, shard=(1, 2)),
        ]
    )
    assert list(verdicts(joined).items()) == [
        ("a", "fail"), ("b", "pass"), ("c", "pass"), ("d", "skip"),
    ]  # fmt: skip
    assert (joined.problem, joined.blame, joined.seconds) == ("", Status.CLEAN, 20.0)
    assert (joined.missed, joined.doubled) == ((), {})
    assert merge.report([joined]) == []


@pytest.mark.parametrize(
    ("other", "problem", "blame"),
    [
        ({}, "", Status.CLEAN),
        ({"problem": "no machine"}, "shard 1/2: no machine", Status.HARNESS),
    ],
)
def test_a_shard_without_cases_says_nothing_of_the_others(other, problem, blame):
    nothing = piece("2", {}, shard=(2, 2), problem="no case was selected")
    nothing.cell["blame"] = int(Status.NOTHING)
    (joined,) = merge.join([piece("1", {"a": "pass"}, shard=(1, 2), **other), nothing])
    assert (joined.problem, joined.blame) == (problem, blame)
    (alone,) = merge.join([replace(nothing, journal=Journal())])
    assert (alone.problem, alone.blame) == ("no case was selected", Status.NOTHING)


def test_what_the_kernels_were_found_to_be_like_is_kept():
    pieces = [piece(name, {name: "pass"}) for name in "ab"]
    found = {"t": "traits", "time": 2.5, "worker": "main", "traits": ["posted"]}
    pieces[1] = replace(pieces[1], entries=(*pieces[1].entries, found))
    (joined,) = merge.join(pieces)
    text = merge.lines(joined.entries)
    assert journal.read(text.splitlines(keepends=True)).traits == {"posted"}


def test_a_shard_that_is_not_there_is_missed():
    (joined,) = merge.join([piece("1", {"a": "pass", "c": "pass"}, shard=(1, 2))])
    assert verdicts(joined) == {"a": "pass", "b": "miss", "c": "pass", "d": "miss"}
    assert (joined.problem, joined.blame) == ("missing: shard 2/2", Status.HARNESS)
    assert merge.report([joined]) == ["k: 2 cases ran nowhere, b the first of them"]


def test_a_plan_knows_what_left_nothing():
    planned = [Part("k", 1, 2), Part("k", 2, 2), Part("gone")]
    joined = merge.join([piece("1", {"a": "pass"}, shard=(1, 2))], planned)
    assert [each.problem for each in joined] == ["missing: shard 2/2", "no part of it is here"]
    whole = merge.join([piece("1", {"a": "pass"})], [Part("k")])
    assert whole[0].problem == ""


def test_a_shard_that_was_cut_off():
    (joined,) = merge.join(
        [
            piece("1", {"a": "pass", "c": ""}, shard=(1, 2), finish=False, problem="killed"),
            piece("2", {"b": "pass", "d": "pass"}, shard=(2, 2)),
        ]
    )
    assert verdicts(joined) == {"a": "pass", "b": "pass", "c": "error", "d": "pass"}
    assert joined.problem == "shard 1/2: killed"
    read = journal.read(merge.lines(joined.entries).splitlines(keepends=True))
    assert read.finish is None


@pytest.mark.parametrize(
    ("first", "second", "stands"),
    [
        ("pass", "pass", "pass"),
        ("pass", "fail", "fail"),
        ("crash", "fail", "crash"),
        ("skip", "pass", "pass"),
        ("", "pass", "error"),
    ],
)
def test_of_what_ran_twice_the_worse_stands(first, second, stands):
    for pair in ((first, second), (second, first)):
        pieces = [piece(str(n), {"a": verdict}) for n, verdict in enumerate(pair)]
        (joined,) = merge.join(pieces)
        assert verdicts(joined) == {"a": stands}
        assert list(joined.doubled) == ["a"]
        (line, *more) = merge.report([joined])
        assert ("the worse result stands" in line) == bool(more) == (first != second)


def test_machines_of_several_parts_are_told_apart():
    pieces = [piece("1", {"a": "pass"}), piece("2", {"b": "pass"})]
    (joined,) = merge.join(pieces)
    assert [e["worker"] for e in joined.entries if e["t"] == "boot"] == ["1:main", "2:main"]


def test_parts_of_several_versions_are_told():
    pieces = [piece("1", {"a": "pass"}), piece("2", {"b": "pass"})]
    pieces[1].journal.run["suite"] = "v2"
    assert merge.report(merge.join(pieces)) == ["k: of several versions: v1, v2"]


def test_two_kernels_of_one_name_are_not_joined():
    with pytest.raises(UserError, match=r"two kernels are called k: xxx.* in 1, yyy.* in 2"):
        merge.join([piece("1", {"a": "pass"}), piece("2", {"b": "pass"}, sha="y" * 64)])


def test_what_describes_a_kernel_goes_with_it(tmp_path):
    (tmp_path / "run/cell").mkdir(parents=True)
    for name in ("kernel.json", about.CONFIG):
        (tmp_path / "run/cell" / name).write_text(name)
    (joined,) = merge.join([piece(str(tmp_path / "run"), {"a": "pass"})])
    merge_files.write(tmp_path / "out", [joined], _run_file(tmp_path / "run"))
    for name in ("kernel.json", about.CONFIG):
        assert (tmp_path / "out/k" / name).read_text() == name


def _run_file(directory):
    run_file.write(directory, {"words": [], "shard": "", "cells": []})
    return directory


def test_directories_without_runs(tmp_path):
    with pytest.raises(UserError, match="no run in it"):
        merge_files.find_runs([tmp_path])


MATRIX = """
[[kernel]]
selector = "local"
id = "one"

[[kernel]]
selector = "local"
id = "two"

[groups]
default = ["one", "two"]
"""
SUITE = "suites/process_vm_readv/test_flags.py"


def kernel_matrix(*words, status=0):
    """The program, as a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "kernel_matrix", *map(str, words)],
        cwd=ROOT, env=environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout


def without_times(text):
    """A report without what is never the same."""
    never_same = r' (?:time|timestamp)="[^"]*"|name="(?:boot_seconds|suite)" value="[^"]*"'
    return re.sub(never_same, "", text)


def test_a_group_in_shards_reports_as_one_run(tmp_path):
    matrix = tmp_path / "matrix.toml"
    matrix.write_text(MATRIX)
    plan = json.loads(kernel_matrix("plan", "--matrix", matrix, "--shards", "2"))
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    words = ["--matrix", matrix, "--no-history"]
    kernel_matrix("run", *words, "--out", tmp_path / "whole", "--", SUITE)
    for row in plan["cells"]:
        out = ("--out", tmp_path / "artifacts" / row["name"])
        selected = ("--kernel", row["kernel"], "--shard", row["shard"])
        kernel_matrix("run", *words, *selected, *out, "--", SUITE)
    merged = tmp_path / "merged"
    merging = ("merge", tmp_path / "artifacts", "--plan", tmp_path / "plan.json", "--out", merged)
    said = kernel_matrix(*merging)
    assert said.startswith("4 runs, 4 cells, 2 kernels: ")
    whole, joined = (results.load_run(tmp_path / name) for name in ("whole", "merged"))
    assert without_times(junit.render(joined)) == without_times(junit.render(whole))
    for one, other in zip(whole.kernels, joined.kernels, strict=True):
        assert list(one.cases) == list(other.cases)
        assert one.summary.counts == other.summary.counts
        assert one.summary.total > 3

    # a job that left nothing
    shutil.rmtree(tmp_path / "artifacts" / "two-2-of-2")
    again = ("merge", tmp_path / "artifacts", "--plan", tmp_path / "plan.json")
    said = kernel_matrix(*again, "--out", tmp_path / "part", status=3)
    assert "two: missing: shard 2/2" in said
    assert "cases ran nowhere" in said
    assert report.load(tmp_path / "part")[0].problem == ""
