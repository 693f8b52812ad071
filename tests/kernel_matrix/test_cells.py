import sys
from collections import Counter
from pathlib import Path

import pytest

from kernel_matrix import cells, journal
from kernel_matrix.cells import Options, Status, Summary


@pytest.fixture
def root(tmp_path):
    (tmp_path / "suites/vmsplice").mkdir(parents=True)
    return tmp_path


def rest(root, options):
    """What of a cell's command line is not always the same."""
    directory = root / "results/1/debian-6.1"
    argv = cells.pytest_argv(directory, options, root)
    assert argv[:3] == [sys.executable, "-m", "pytest"]
    for pair in (
        ("--kernel", f"resolved:{directory}/kernel.json"),
        ("--journal", f"{directory}/journal.jsonl"),
        ("--run-dir", str(directory)),
        ("-o", f"cache_dir={root}/.pytest_cache/kernels/debian-6.1"),
    ):
        place = argv.index(pair[0], 3)
        assert argv[place + 1] == pair[1]
        del argv[place : place + 2]
    return argv[3:]


AUTO = ["--accel", "auto", "--channel", "auto"]


@pytest.mark.parametrize(
    ("options", "argv"),
    [
        (Options(), ["suites", *AUTO, "--color=no"]),
        (
            Options("tcg", "serial", 600, 2.5),
            [
                "suites",
                "--accel",
                "tcg",
                "--channel",
                "serial",
                "--timeout-scale",
                "2.5",
                "--process-vmsplice-nr",
                "600",
                "--color=no",
            ],
        ),
        (
            Options(pytest=("suites/vmsplice", "-x")),
            [*AUTO, "--color=no", "suites/vmsplice", "-x"],
        ),
        (
            Options(pytest=("suites/vmsplice::test_a[b]",)),
            [*AUTO, "--color=no", "suites/vmsplice::test_a[b]"],
        ),
        # the value of an option is no path
        (
            Options(pytest=("-k", "hole and not x")),
            ["suites", *AUTO, "--color=no", "-k", "hole and not x"],
        ),
        (Options(pytest=("--pdb",)), ["suites", *AUTO, "--pdb"]),
    ],
)
def test_command_line(root, options, argv):
    assert rest(root, options) == argv


def test_the_directory_of_a_cell_can_be_named(root):
    argv = cells.pytest_argv(Path("/run/a"), Options(pytest=("--alluredir={cell}/allure",)), root)
    assert argv[-1] == "--alluredir=/run/a/allure"


def test_directories_are_safe_and_unique():
    names = cells.directories(["debian:6.12", "path:a b", "debian/6.12", "../..", "debian:7.3"])
    assert names == ["debian-6.12", "path-a-b", "debian-6.12-2", "kernel", "debian-7.3"]


def journal_of(*, finish=True, running=None, cases=1, no_boot=""):
    read = journal.Journal()
    for number in range(cases):
        read.cases[f"c{number}"] = journal.Case(f"c{number}", "pass")
    if running:
        read.running[running] = {}
    if no_boot:
        read.boots.append({"failed": no_boot})
    read.finish = {"exitstatus": 0} if finish else None
    return read


@pytest.mark.parametrize(
    ("read", "exit_status", "killed", "log", "problem", "blame"),
    [
        (journal_of(), 0, "", "", "", Status.CLEAN),
        (journal_of(), 1, "", "", "", Status.CLEAN),
        (journal_of(), None, "", "", "", Status.CLEAN),
        (journal_of(finish=False), 1, "too slow", "", "too slow", Status.HARNESS),
        (journal_of(), -9, "", "", "pytest was killed by signal 9", Status.HARNESS),
        (
            journal_of(finish=False, running="c9"),
            None,
            "",
            "",
            "the run was cut off in c9",
            Status.HARNESS,
        ),
        (
            journal_of(cases=0),
            4,
            "",
            "usage: pytest\nERROR: file or directory not found: x\n\n",
            "file or directory not found: x",
            Status.USAGE,
        ),
        # interrupted at a bad moment pytest writes a last line that says 0
        (journal_of(running="c9"), None, "", "", "the run was cut off in c9", Status.HARNESS),
        (journal_of(cases=0), 5, "", "", "no case was selected", Status.NOTHING),
        (journal_of(cases=0), 0, "", "", "no case was selected", Status.NOTHING),
        (journal_of(cases=0), 1, "", "", "no case ran", Status.HARNESS),
        (journal_of(), 3, "", "a\nb\n", "pytest failed: b", Status.HARNESS),
        (
            journal_of(cases=0, no_boot="it panicked"),
            3,
            "",
            "! something else !",
            "no machine: it panicked",
            Status.HARNESS,
        ),
        (
            journal_of(),
            2,
            "",
            "!!! stopped !!!",
            "pytest was interrupted",
            Status.HARNESS,
        ),
        (journal_of(), 77, "", "", "pytest ended with status 77: it said nothing", Status.HARNESS),
    ],
)
def test_judgement_of_a_cell(read, exit_status, killed, log, problem, blame):
    assert cells.judge(read, exit_status, killed, log) == (problem, blame)


@pytest.mark.parametrize(
    ("log", "words"),
    [
        ("", "it said nothing"),
        ("a\n=====\n\n", "a"),
        (
            "ERROR: usage: python -m pytest [options]\n"
            "python -m pytest: error: unrecognized arguments: --nix\n  inifile: x\n",
            "unrecognized arguments: --nix",
        ),
        ("ERROR: Exit: cannot boot x: it is empty\n", "cannot boot x: it is empty"),
        ("Exit: cannot boot x\n", "cannot boot x"),
        ("!!!!! _pytest.outcomes.Exit: no QEMU !!!!!\n", "no QEMU"),
        ("UsageError: no\n", "no"),
        ("an error occurred\n", "an error occurred"),
    ],
)
def test_last_words(log, words):
    assert cells.last_words(log) == words


def summary(blame=Status.CLEAN, **counts):
    return Summary("k", counts=Counter(counts), blame=blame)


@pytest.mark.parametrize(
    ("summaries", "status"),
    [
        ([], Status.NOTHING),
        ([summary(**{"pass": 3})], Status.CLEAN),
        ([summary(**{"pass": 3, "skip": 2})], Status.CLEAN),
        ([summary(skip=2)], Status.NOTHING),
        ([summary(Status.NOTHING)], Status.NOTHING),
        ([summary(fail=1)], Status.FINDINGS),
        ([summary(**{"pass": 1}), summary(crash=1)], Status.FINDINGS),
        ([summary(hang=1, skip=1)], Status.FINDINGS),
        ([summary(error=1)], Status.HARNESS),
        ([summary(miss=1, fail=1)], Status.HARNESS),
        ([summary(**{"pass": 1}), summary(Status.HARNESS)], Status.HARNESS),
        ([summary(fail=1), summary(Status.USAGE)], Status.USAGE),
        ([summary(Status.USAGE), summary(Status.HARNESS)], Status.HARNESS),
        # a kernel of a group that the mirror does not have
        ([summary(**{"pass": 1}), summary(Status.CLEAN)], Status.CLEAN),
    ],
)
def test_exit_status(summaries, status):
    assert cells.status(summaries) == status
