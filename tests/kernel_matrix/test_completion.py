"""Completion, in the shells themselves where they are installed."""

import json
import os
import pty
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from kernel_matrix import completion, completion_words
from kernel_matrix.cli import COMMANDS, cli

ROOT = Path(__file__).resolve().parents[2]
KERNELS = ["debian:6.1", "debian:6.12", "reference:6.12"]
CASES = ["suites/tee/test_a.py::test_x[page]", "suites/tee/test_a.py::test_x[page-2]"]

ONLY_BASH = pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
ONLY_ZSH = pytest.mark.skipif(shutil.which("zsh") is None, reason="no zsh")
ONLY_FISH = pytest.mark.skipif(shutil.which("fish") is None, reason="no fish")


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A directory with a matrix, runs and files; the program is on the path."""
    matrix = "".join(f'[[kernel]]\nselector = "{name}"\n' for name in KERNELS)
    (tmp_path / "m.toml").write_text(f'{matrix}[groups]\nfast = ["debian:6.1"]\n')
    cell = tmp_path / "results" / "20260102-030405-1" / "debian-6.1"
    cell.mkdir(parents=True)
    (cell.parent / "run.json").write_text(json.dumps({"cells": [{"id": "debian:6.1"}]}))
    lines = [{"t": "run"}, {"t": "collected", "cases": CASES}]
    text = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)
    (cell / "journal.jsonl").write_text(text)
    (tmp_path / "results" / "latest").symlink_to(cell.parent.name)
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "bzImage").touch()
    version = tmp_path / "cache" / "kernels" / "debian" / "x"
    version.mkdir(parents=True)
    monkeypatch.setattr(completion_words, "_RESULTS", tmp_path / "results")
    monkeypatch.setenv("KERNEL_MATRIX_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def offered(line: str) -> list[str]:
    """What is offered after a line."""
    done = CliRunner().invoke(
        cli,
        prog_name=completion.PROGRAM,
        env={"COMP_LINE": line, completion.VARIABLE: "bash_complete"},
    )
    assert done.stderr == ""
    return [text.partition(",")[2] for text in done.stdout.splitlines() if text]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", list(COMMANDS)),
        ("com", ["compare", "completion"]),
        ("run --kernel ", ["local"]),
        ("run --matrix m.toml --kernel debian:6", ["debian:6.1", "debian:6.12"]),
        ("run --matrix m.toml --kernel=debian:6", ["debian:6.1", "debian:6.12"]),
        ("run --matrix m.toml --kernel ref", ["reference:6.12", "reference:"]),
        ("run --matrix m.toml --kernel gv", ["gvisor"]),
        ("run --kernel image:im", ["image:images/"]),
        ("run --kernel path:im", ["path:images/"]),
        ("run --kernel path:images/", ["path:images/bzImage"]),
        ("run --kernel path:/nonexistent/", []),
        ("run --matrix m.toml --group ", ["fast", "all"]),
        ("run --matrix nix.toml --group ", []),
        ("run --report ju", ["junit"]),
        ("run --report junit,k", ["junit,ktap", "junit,kcidb"]),
        ("run -- suites/tee/test_a.py::test_x[page-", CASES[1:]),
        ("run --acc", ["--accel"]),
        ("run --locked ", ["results/latest", "results/20260102-030405-1"]),
        ("run --durations la", ["last-good"]),
        ("mutants --id can-mer", ["can-merge"]),
        ("run --accel ", ["auto", "kvm", "tcg"]),
        ("report --format j", ["junit", "json"]),
        ("report ", ["results/latest", "results/20260102-030405-1"]),
        ("compare la", ["last-good"]),
        ("compare history:", ["history:debian:6.1"]),
        ("compare results/latest:", ["results/latest:debian:6.1"]),
        ("history suites/tee", CASES),
        ("history tee:errors:einval-no-pipe", ["tee:errors:einval-no-pipe"]),
        ("history 'suites/tee/test_a.py::test_x[page-", CASES[1:]),
        ("bisect --case ", CASES),
        ("clauses t", ["tee"]),
        ("completion ", ["bash", "zsh", "fish"]),
    ],
)
def test_what_is_offered(place, line, words):
    completion.register()
    found = offered(f"kernel-matrix {line}")
    assert [word for word in words if word not in found] == []
    if words != ["local"] and not line.endswith(("6", "einval-no-pipe")):
        assert sorted(found) == sorted(words)


def test_cached_kernels_are_offered(place, monkeypatch):
    from kernel_matrix.providers import debian

    found = [(place, {"version": "6.1.192-2"})]
    monkeypatch.setattr(debian, "cached", lambda: found)
    completion.register()
    assert offered("kernel-matrix resolve debian:6.1.19") == ["debian:6.1.192-2"]


def test_it_is_fast(place):
    """A person waits for it: CPU seconds of the whole process."""
    environment = program() | {"COMP_LINE": "kernel-matrix run --kernel deb"}
    before = os.times()
    subprocess.run(
        [sys.executable, "-P", "-m", "kernel_matrix"],
        env={**environment, completion.VARIABLE: "bash_complete"}, check=True, capture_output=True,
    )  # fmt: skip
    after = os.times()
    assert after.children_user + after.children_system < 0.3 + (
        before.children_user + before.children_system
    )


def program() -> dict[str, str]:
    """The environment in which kernel-matrix is a command."""
    return os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'kernel-matrix'}"}


@pytest.fixture
def command(place):
    """kernel-matrix as a command; the environment that finds it."""
    path = place / "bin" / "kernel-matrix"
    path.parent.mkdir()
    path.write_text(f'#!/bin/sh\nexec {sys.executable} -P -m kernel_matrix "$@"\n')
    path.chmod(0o755)
    return program() | {"PATH": f"{path.parent}:{os.environ['PATH']}", "HOME": str(place)}


BASH = """
source <(kernel-matrix completion bash)
try() {
    COMP_LINE=$1 COMP_POINT=${#1}
    compopt() { :; }
    _kernel_matrix_completion kernel-matrix
    printf '%s|' "${COMPREPLY[@]}"
    echo
}
try 'kernel-matrix run --matrix m.toml --group '
try 'kernel-matrix run --matrix m.toml --kernel debian:6'
try 'kernel-matrix run --matrix m.toml --kernel=debian:6'
try 'kernel-matrix run --kernel path:images/'
try 'kernel-matrix nix'
COMP_WORDBREAKS=${COMP_WORDBREAKS//:}
try 'kernel-matrix run --matrix m.toml --kernel debian:6'
"""


@ONLY_BASH
def test_bash_gets_what_is_behind_the_colon(command):
    done = subprocess.run(
        ["bash", "-c", BASH], env=command, capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "fast|all|", "6.1|6.12|", "6.1|6.12|", "images/bzImage|", "|", "debian:6.1|debian:6.12|",
    ]  # fmt: skip


def typed(argv: list[str], setup: str, keys: str, environment: dict[str, str]) -> str:
    """What a terminal has shown when a shell was set up and keys were typed."""
    environment = {**environment, "TERM": "dumb", "PS1": "> "}
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvpe(argv[0], argv, environment)
    os.set_blocking(terminal, False)
    shown = ""

    def until(text: str) -> None:
        nonlocal shown
        deadline = time.monotonic() + 20
        while text not in shown and time.monotonic() < deadline:
            try:
                shown += os.read(terminal, 4096).decode(errors="replace")
            except BlockingIOError:
                time.sleep(0.02)
            except OSError:
                break

    os.write(terminal, f"{setup}; echo re''ady\n".encode())
    until("ready")
    shown = ""
    os.write(terminal, keys.encode())
    until("END")
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    os.close(terminal)
    return shown


@ONLY_BASH
def test_typing_in_bash(command):
    shown = typed(
        ["bash", "--norc", "-i"],
        "source <(kernel-matrix completion bash)",
        "kernel-matrix run --matrix m.toml --kernel reference:6\t--group fa\t\x01echo E''ND \n",
        command,
    )
    assert "END kernel-matrix run --matrix m.toml --kernel reference:6.12 --group fast" in shown


@ONLY_ZSH
def test_typing_in_zsh(command):
    shown = typed(
        ["zsh", "-f", "-i"],
        "autoload -U compinit; compinit -u -D; source <(kernel-matrix completion zsh)",
        "kernel-matrix run --matrix m.toml --group fa\t\x01echo E''ND \n",
        command,
    )
    assert "END kernel-matrix run --matrix m.toml --group fast" in shown


@ONLY_FISH
def test_fish_completes(command):
    line = "complete -C 'kernel-matrix run --matrix m.toml --kernel debian:6'"
    done = subprocess.run(
        ["fish", "--no-config", "-c", f"kernel-matrix completion fish | source; {line}"],
        env=command, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.split() == ["debian:6.1", "debian:6.12"]
