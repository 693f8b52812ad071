"""A bisection in a real repository, with commits that say themselves what becomes of them."""

import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from helpers.errors import UserError
from kernel_matrix import bisect, bisect_git, bisect_step
from kernel_matrix.bisect import Request, Tools
from kernel_matrix.bisect_step import Answer, Finding
from kernel_matrix.cli import cli
from kernel_matrix.journal import Case

from . import fake
from .fake import CASE, CASES

ROOT = Path(__file__).resolve().parents[2]
TOOLS = Tools(fake.build, fake.run, fake.script)


@pytest.fixture(autouse=True)
def _surroundings(tmp_path, monkeypatch):
    monkeypatch.setenv("KERNEL_MATRIX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}:{ROOT / 'kernel-matrix'}")
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "A Name")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "a@example.org")
        monkeypatch.setenv(f"GIT_{who}_DATE", "2026-01-02T03:04:05+00:00")
    # A hook would be run by each checkout.
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")


def git(directory, *words):
    done = subprocess.run(
        ["git", "-C", directory, *words], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.fixture
def tree(tmp_path):
    """Makes a tree with a commit for each word."""

    def make(*words):
        path = tmp_path / "linux"
        path.mkdir()
        git(path, "init", "-q", "-b", "main")
        for name in ("Kconfig", "Kbuild"):
            (path / name).touch()
        for number, word in enumerate(words):
            (path / "answer").write_text(f"{word}\n")
            (path / "number").write_text(f"{number}\n")
            git(path, "add", "-A")
            git(path, "commit", "-qm", f"commit {number}: {word}\n\nMore about it.")
        return path

    return make


def state(path):
    """Everything about a repository that a user would miss or find."""
    return {
        "head": git(path, "rev-parse", "HEAD"),
        "branch": git(path, "symbolic-ref", "HEAD"),
        "refs": git(path, "for-each-ref"),
        "status": git(path, "status", "--porcelain", "--ignored"),
        "trees": git(path, "worktree", "list"),
        "stash": git(path, "stash", "list"),
    }


def find(path, tmp_path, good=None, bad="HEAD"):
    count = git(path, "rev-list", "--count", "HEAD")
    out = tmp_path / "out"
    out.mkdir(exist_ok=True)
    said = []
    request = Request(path, CASE, good or f"HEAD~{int(count) - 1}", bad)
    try:
        return bisect.find(request, out, said.append, TOOLS), said
    finally:
        assert not list((tmp_path / "cache/builds").glob("*/tree"))
        assert not list((tmp_path / "cache/builds").glob("*/objects"))


@pytest.mark.parametrize(
    ("words", "first", "before", "after"),
    [
        ("pass einval", 1, "pass", "observed -1 EINVAL"),
        ("pass pass pass einval einval", 3, "pass", "observed -1 EINVAL"),
        ("pass einval einval einval einval einval einval", 1, "pass", "observed -1 EINVAL"),
        # It fails at both ends, or passes at both: what changes is what is observed.
        ("efault efault einval einval", 2, "observed -1 EFAULT", "observed -1 EINVAL"),
        ("says-1 says-1 says-1 says-2", 3, "observed 1", "observed 2"),
        # It may get better.
        ("einval einval pass pass pass", 2, "observed -1 EINVAL", "pass"),
        # Something else than the bad end does is not bad.
        ("pass efault efault einval einval", 3, "observed -1 EFAULT", "observed -1 EINVAL"),
        ("pass pass crash crash crash", 2, "pass", "crash: Kernel panic"),
        # What cannot be tested is passed over, if there is another way.
        ("pass pass nobuild pass einval", 4, "pass", "observed -1 EINVAL"),
        ("pass pass noboot skip miss flaky einval einval pass-on", None, "", ""),
    ],
)
def test_the_commit_is_found(tree, tmp_path, capfd, words, first, before, after):
    words = words.replace(" pass-on", "").split()
    path = tree(*words)
    untouched = state(path)
    outcome, said = find(path, tmp_path)
    assert state(path) == untouched
    if first is None:
        assert outcome.first is None
        assert [each.subject for each in outcome.candidates] == [
            f"commit {n}: {words[n]}" for n in range(6, 1, -1)
        ]
        text = bisect.render(outcome)
        assert text.startswith("the first bad commit is one of these, ")
        told = [line.rpartition('")')[2] for line in text.splitlines()[1:6]]
        starts = ("", ": flaky: ", ": the case did not run:", ": skip (", ": does not boot: ")
        assert all(map(str.startswith, told, starts)), told
        assert told[0] == ""
        assert "  before them: pass\n  after them:  observed -1 EINVAL\n" in text
        return
    assert outcome.first.subject == f"commit {first}: {words[first]}"
    assert outcome.first.sha == git(path, "rev-parse", f"HEAD~{len(words) - 1 - first}")
    assert (outcome.before.told, outcome.after.told) == (before, after)
    assert bisect.render(outcome).startswith(
        f'first bad commit: {outcome.first.sha[:12]} ("commit {first}: {words[first]}")\n'
        "  A Name <a@example.org>, 2026-01-02T03:04:05+00:00\n"
        f"  before it:  {before}\n"
        f"  from it on: {after}\n"
    )
    assert json.loads(json.dumps(bisect.to_json(outcome)))["first"]["sha"] == outcome.first.sha
    assert said[0].startswith("the good end, ")
    # Steps that git runs are heard as those of the ends are.
    built = [line for line in said if line.startswith("built ")]
    assert len(built) >= outcome.tested - words.count("nobuild")
    assert capfd.readouterr().out == ""


def test_an_image_that_is_known_is_not_run_again(tree, tmp_path):
    path = tree(*["pass"] * 5, *["einval"] * 5)
    outcome, _ = find(path, tmp_path)
    assert outcome.first.subject == "commit 5: einval"
    assert outcome.tested > 3
    assert len(list(outcome.directory.glob("*/ran"))) == 2


def test_a_dirty_checkout_is_none_of_our_business(tree, tmp_path):
    path = tree("pass", "pass", "einval")
    (path / "answer").write_text("nobuild\n")
    (path / "untracked").touch()
    git(path, "add", "answer")
    (path / "number").write_text("changed")
    before = state(path)
    outcome, _ = find(path, tmp_path)
    assert outcome.first.subject == "commit 2: einval"
    assert state(path) == before


def test_a_bare_repository_will_do_and_so_will_a_folder_of_the_tree(tree, tmp_path):
    path = tree("pass", "pass", "einval")
    git(tmp_path, "clone", "-q", "--bare", str(path), "bare")
    assert find(tmp_path / "bare", tmp_path)[0].first.subject == "commit 2: einval"
    (path / "fs").mkdir()
    (tmp_path / "out").rename(tmp_path / "old")
    assert find(path / "fs", tmp_path)[0].first.subject == "commit 2: einval"


def test_the_history_may_have_merges(tree, tmp_path):
    path = tree("pass", "pass", "pass")
    git(path, "checkout", "-q", "-b", "side", "HEAD~1")
    for number in range(2):
        (path / "other").write_text(f"{number}")
        git(path, "add", "-A")
        git(path, "commit", "-qm", f"side {number}")
    (path / "answer").write_text("einval\n")
    git(path, "commit", "-qam", "the culprit")
    git(path, "checkout", "-q", "main")
    git(path, "merge", "-q", "--no-ff", "-m", "a merge", "side")
    outcome, _ = find(path, tmp_path, good="HEAD~2")
    assert outcome.first.subject == "the culprit"


def test_ends_on_two_branches(tree, tmp_path):
    path = tree("einval", "pass")
    git(path, "checkout", "-q", "-b", "side", "HEAD~1")
    (path / "number").write_text("9")
    git(path, "commit", "-qam", "side")
    # What lies behind both has what the bad end has: it was mended on the way to the good one.
    outcome, _ = find(path, tmp_path, good="main", bad="side")
    assert outcome.first is None
    assert "The merge base" in outcome.problem
    assert "\n" not in outcome.problem


def test_our_own_fault_ends_it(tree, tmp_path):
    path = tree("pass", "pass", "full", "einval", "einval")
    before = state(path)
    outcome, said = find(path, tmp_path)
    assert outcome.first is None
    assert "No space left on device; it is one of " in outcome.problem
    assert any("stop: No space left on device" in line for line in said)
    assert state(path) == before


def test_a_bug_of_ours_is_no_verdict(tree, tmp_path):
    path = tree("pass", "pass", "bug", "pass", "einval")
    outcome, said = find(path, tmp_path)
    assert outcome.first is None
    assert any("stop: internal error: ZeroDivisionError: ours" in line for line in said)


def test_a_step_that_does_not_even_start_is_no_verdict(tree, tmp_path):
    path = tree("pass", "pass", "pass", "einval")
    out = tmp_path / "out"
    out.mkdir()
    tools = Tools(fake.build, fake.run, lambda plan: [sys.executable, "-c", "import nix"])
    outcome = bisect.find(Request(path, CASE, "HEAD~3", "HEAD"), out, print, tools)
    assert outcome.first is None
    assert outcome.problem.startswith("a step failed at ")


@pytest.mark.parametrize(
    ("words", "ends", "said"),
    [
        ("pass einval", ("HEAD", "HEAD"), "--good and --bad are the same commit, "),
        ("pass einval", ("v1", "HEAD"), "has no commit 'v1'"),
        ("pass einval", ("HEAD~1", "--all"), "has no commit '--all'"),
        ("pass einval", ("HEAD", "HEAD~1"), "--good is the older one"),
        ("pass pass", ("HEAD~1", "HEAD"), "there is nothing to find: at "),
        ("einval einval", ("HEAD~1", "HEAD"), "the case comes to observed -1 EINVAL"),
        ("nobuild einval", ("HEAD~1", "HEAD"), "cannot be judged: does not build: fs/splice.c:1"),
        ("pass noboot", ("HEAD~1", "HEAD"), "cannot be judged: does not boot: no machine: it"),
        ("pass skip", ("HEAD~1", "HEAD"), "--config adds to the small configuration"),
        ("error pass", ("HEAD~1", "HEAD"), "cannot be judged: error: KeyError"),
        ("miss pass", ("HEAD~1", "HEAD"), "cannot be judged: the case did not run"),
        ("usage pass", ("HEAD~1", "HEAD"), "not found: suites/x.py"),
    ],
)
def test_what_cannot_be_bisected_is_one_line(tree, tmp_path, words, ends, said):
    path = tree(*words.split())
    before = state(path)
    with pytest.raises(UserError) as caught:
        find(path, tmp_path, *ends)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert state(path) == before


def test_what_is_no_tree_is_one_line(tree, tmp_path):
    for where, said in ((tmp_path, "is not a git tree"), (tmp_path / "x", "no such directory")):
        with pytest.raises(UserError, match=said):
            bisect_git.repository(where)
    path = tree("pass", "pass")
    git(path, "rm", "-q", "Kconfig")
    git(path, "commit", "-qm", "no kernel")
    with pytest.raises(UserError, match="is not a kernel's source tree"):
        find(path, tmp_path)


def test_a_work_tree_that_was_left_behind_is_no_hindrance(tree, tmp_path):
    path = tree("pass", "pass", "einval")
    before = state(path)
    with bisect_git.work_tree(path, tmp_path / "w", "HEAD"):
        (tmp_path / "w" / "number").write_text("changed")
        with bisect_git.work_tree(path, tmp_path / "w", "HEAD~1") as place:
            assert (place / "number").read_text() == "1\n"
    assert state(path) == before


def test_the_repository_is_clean_before_the_files_are_gone(tree, tmp_path, monkeypatch):
    path = tree("pass", "einval")
    before = state(path)
    seen = []
    remove = bisect_git.shutil.rmtree

    def rmtree(place, **options):
        seen.append(state(path) == before)
        remove(place, **options)

    with bisect_git.work_tree(path, tmp_path / "w", "HEAD"):
        monkeypatch.setattr(bisect_git.shutil, "rmtree", rmtree)
    assert seen[-1]
    assert not list(tmp_path.glob("w*"))


INTERRUPTED = """
import sys
from pathlib import Path
from kernel_matrix import bisect
from tests.bisection import fake
request = bisect.Request(Path(sys.argv[1]), fake.CASE, sys.argv[2], "HEAD")
tools = bisect.Tools(fake.build, fake.run, lambda plan: [*fake.script(plan)])
try:
    bisect.find(request, Path(sys.argv[3]), lambda line: print(line, flush=True), tools)
except KeyboardInterrupt as interrupt:
    print("interrupted:", interrupt)
    sys.exit(130)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_leaves_nothing(tree, tmp_path, number):
    path = tree("pass", "pass", "pass", "sleep", "pass", "pass", "einval")
    before = state(path)
    out = tmp_path / "out"
    out.mkdir()
    code = INTERRUPTED
    if number == signal.SIGTERM:
        code = f"import signal\nsignal.signal({number:d}, signal.default_int_handler)\n{code}"
    process = subprocess.Popen(
        [sys.executable, "-c", code, path, "HEAD~6", out], stdout=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 60
    while not (sleeping := list(out.glob("*/sleeping"))) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(number)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said.splitlines()[-1].startswith("interrupted: it is one of 6 commits, by what is in ")
    assert state(path) == before
    assert not list((tmp_path / "cache/builds").glob("*/tree"))
    step = int(sleeping[0].read_text())
    with pytest.raises(ProcessLookupError):
        os.kill(step, 0)


def test_when_it_is_killed_its_step_ends_too(tree, tmp_path):
    path = tree("pass", "pass", "sleep", "pass", "einval")
    out = tmp_path / "out"
    out.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, path, "HEAD~4", out], stdout=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 60
    while not (sleeping := list(out.glob("*/sleeping"))) and time.monotonic() < deadline:
        time.sleep(0.02)
    step = os.pidfd_open(int(sleeping[0].read_text()))
    process.kill()
    process.wait()
    ended, _, _ = select.select([step], [], [], 30)
    os.close(step)
    assert ended
    out.rename(tmp_path / "old")
    # What it has left behind is no hindrance.
    assert find(path, tmp_path, good="HEAD~1")[0].first.subject == "commit 4: einval"
    assert len(git(path, "worktree", "list").splitlines()) == 1


def test_a_step_that_nobody_listens_to_ends_the_bisection():
    reader, writer = os.pipe()
    os.close(reader)
    code = "from kernel_matrix import bisect_step; bisect_step.tell('x')"
    done = subprocess.run([sys.executable, "-c", code], stdout=writer, check=False)
    os.close(writer)
    assert done.returncode == Answer.ABORT


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("Bisecting: 3 revisions left to test after this (roughly 2 steps)", ", about 90 s left"),
        ("Bisecting: 0 revisions left to test after this (roughly 1 step)", ", about 60 s left"),
        ("Bisecting: 0 revisions left to test after this (roughly 0 steps)", ", about 30 s left"),
        ("Bisecting: a merge base must be tested", ""),
    ],
)
def test_how_long_it_will_take(line, said):
    assert bisect.with_time(line, 30) == line + said


GOOD = Case(CASE, "pass")
BAD = Case(CASE, **CASES["einval"])
REAL = "tee::test_each_flag_is_accepted[none]"


@pytest.mark.parametrize(
    ("word", "answer"),
    [
        ("pass", Answer.GOOD),
        ("einval", Answer.BAD),
        ("efault", Answer.GOOD),
        ("crash", Answer.GOOD),
        ("skip", Answer.SKIP),
        ("miss", Answer.SKIP),
        ("flaky", Answer.SKIP),
        ("noboot", Answer.SKIP),
        ("error", Answer.ABORT),
        ("usage", Answer.ABORT),
    ],
)
def test_what_a_step_answers(word, answer):
    finding = bisect_step.read(fake.results(word, CASE), CASE, "")
    assert bisect_step.judge(finding, GOOD, BAD) is answer


def test_the_answers_are_those_that_git_knows():
    # git-bisect(1): 1 to 127 but 125 is bad, 125 is skip, what is above 127 ends it.
    assert (Answer.GOOD, Answer.BAD, Answer.SKIP) == (0, 1, 125)
    assert Answer.ABORT > 127


def test_a_plan_is_read_as_it_was_written(tmp_path):
    plan = bisect_step.Plan(
        tmp_path, tmp_path / "o", tmp_path, CASE, (tmp_path / "c",), ("--accel", "tcg"), GOOD, BAD
    )
    assert bisect_step.Plan.load(plan.save(tmp_path / "plan.json")) == plan
    finding = Finding(BAD, "because", True, "0123")
    (tmp_path / "f").write_text(json.dumps(bisect_step.finding_json(finding)))
    assert bisect_step.load(tmp_path / "f", CASE) == finding


def test_mistakes_on_the_command_line(tree, tmp_path):
    path = tree("pass", "einval")
    words = ["--tree", str(path), "--good", "HEAD~1", "--bad", "HEAD"]
    words += ["--out", str(tmp_path / "o")]
    for case, said in (
        ("n-x", "no case 'n-x' in the suites"), ("test_", "cases in the suites: "),
        (REAL, "has no commit 'v9'; name one"),
    ):  # fmt: skip
        more = ["--good", "v9"] if case == REAL else []
        done = CliRunner().invoke(cli, ["bisect", *words, "--case", case, *more])
        assert done.exit_code == 2
        assert said in done.stderr
        assert done.stderr.count("\n") == 1
        assert not (tmp_path / "o").exists()
