"""A bisection of a real kernel's tree: takes minutes, 3 GB, and the network if need be."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kernel_matrix import build_source
from tests.conftest import environment

SERIES = "6.1"
CASE = "vmsplice::test_an_unknown_flag_is_einval_beside_a_known_one[nonblock]"
CHECK = "\tif (unlikely(flags & ~SPLICE_F_ALL))\n\t\treturn -EINVAL;\n"

# Subject, file, what is replaced, by what; the first place in the file.
COMMITS = (
    ("README: more of it", "README", "Linux", "The Linux"),
    ("splice: a comment", "fs/splice.c", "/*\n", "/*\n * Splicing.\n"),
    ("splice: does not build", "fs/splice.c", CHECK, CHECK.replace(";", "")),
    ("splice: builds again", "fs/splice.c", CHECK.replace(";", ""), CHECK),
    ("vmsplice: unknown flags are EPERM", "fs/splice.c", CHECK, CHECK.replace("EINVAL", "EPERM")),
    ("pipe: a comment", "fs/pipe.c", "/*\n", "/*\n * Pipes.\n"),
    ("splice: another comment", "fs/splice.c", "/*\n", "/*\n * In pipes.\n"),
)


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Path]:
    """A repository of a kernel, with a commit for each change."""
    path = tmp_path / "linux"
    with build_source.workplace(SERIES, print) as place:
        package = build_source.find_package(place, SERIES, print)
        shutil.copytree(build_source.source(place, package, print), path, symlinks=True)
    git(path, "init", "-q")
    git(path, "config", "core.compression", "0")
    git(path, "add", "-A", "-f")
    git(path, "commit", "-qm", f"Linux {SERIES}")
    for subject, name, old, new in COMMITS:
        text = (path / name).read_text()
        assert old in text
        (path / name).write_text(text.replace(old, new, 1))
        git(path, "commit", "-qam", subject)
    yield path
    shutil.rmtree(path)


def git(path: Path, *words: str) -> None:
    who = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "gc.auto=0"]
    subprocess.run(["git", "-C", path, *who, *words], check=True)


@pytest.mark.slow
@pytest.mark.vm
@pytest.mark.network
def test_a_kernel(tree, tmp_path):
    words = ["--tree", str(tree), "--good", f"HEAD~{len(COMMITS)}", "--bad", "HEAD"]
    words += ["--case", CASE, "--out", str(tmp_path / "out"), "--json"]
    done = subprocess.run(
        [sys.executable, "-P", "-m", "kernel_matrix", "bisect", *words],
        env=environment(), stdout=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0
    found = json.loads(done.stdout)
    assert found["first"]["subject"] == "vmsplice: unknown flags are EPERM"
    assert found["before"]["case"]["verdict"] == "pass"
    assert found["after"]["case"]["observed"].startswith("-1 EPERM")
    assert judged((tmp_path / "out/bisect.log").read_text()) == {
        "bad": {COMMITS[-1][0], COMMITS[4][0]},
        "good": {f"Linux {SERIES}", COMMITS[3][0]},
        "skip": {COMMITS[2][0]},
    }
    trees = subprocess.run(
        ["git", "-C", tree, "worktree", "list"], stdout=subprocess.PIPE, text=True, check=True
    )
    assert trees.stdout.count("\n") == 1


def judged(log: str) -> dict[str, set[str]]:
    """The subjects of the commits by what git was told of them."""
    told: dict[str, set[str]] = {}
    for answer, subject in re.findall(r"^# (bad|good|skip): \[\w+\] (.*)$", log, re.MULTILINE):
        told.setdefault(answer, set()).add(subject)
    return told
