"""The runner is killed at many moments: no finished verdict is lost, and nothing is left over."""

import json
import random
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from kernel_matrix import cells, journal
from kernel_matrix.cli import cli
from tests.conftest import environment

SOON = 60.0
"""Until everything is gone: far more than it takes, for hosts that have other work."""

NAMES = ("one", "two")
MARK = "KERNEL_MATRIX_TEST_MARK"


def matrix(place: Path, selector: str) -> Path:
    """A file with the same kernel under two names."""
    path = place / "matrix.toml"
    path.write_text("".join(f'[[kernel]]\nselector = "{selector}"\nid = "{n}"\n' for n in NAMES))
    return path


def start(place: Path, selector: str, *suites: str) -> "subprocess.Popen[bytes]":
    """A run over both; all that it starts bears a mark, and has a temporary directory of ours."""
    (place / "tmp").mkdir()
    words = ["--matrix", str(matrix(place, selector)), "--group", "all", "--jobs", "2"]
    words += ["--accel", "tcg", "--out", str(place / "run"), "--", *suites]
    with (place / "said").open("wb") as said:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "kernel_matrix", "run", *words],
            env=environment() | {MARK: str(place), "TMPDIR": str(place / "tmp")},
            stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True,
        )  # fmt: skip


def marked(place: Path) -> list[str]:
    """The programs of the run that are still there."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if f"{MARK}={place}\0".encode() in (path / "environ").read_bytes():
                found.append((path / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found


def written(run: Path) -> int:
    """How many lines all journals have."""
    return sum(path.read_bytes().count(b"\n") for path in run.glob(f"*/{journal.NAME}"))


def verdicts(run: Path) -> dict[tuple[str, str], str]:
    """What has ended, by kernel and case, as it stands in the journals."""
    found = {}
    for path in run.glob(f"*/{journal.NAME}"):
        for line in path.read_bytes().split(b"\n")[:-1]:
            entry = json.loads(line)
            if entry["t"] == "end":
                found[path.parent.name, entry["id"]] = entry["verdict"]
    return found


def until(reached, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 3 * SOON
    while not reached() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)


def say(*words: object) -> str:
    """What a command says; it does not end with a mistake or a bug."""
    done = CliRunner().invoke(cli, [*map(str, words)])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    assert done.exit_code != cells.Status.USAGE, done.output
    return done.stdout


def check(place: Path, known: dict[tuple[str, str], str]) -> None:
    """What was known when the runner was killed still is, and nothing else is there."""
    before = written(place / "run")
    run = place / "run"
    deadline = time.monotonic() + SOON
    while (left := marked(place)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert left == []
    assert list((place / "tmp").rglob("*")) == []
    assert "Traceback" not in (place / "said").read_text()
    now = verdicts(run)
    assert known.items() <= now.items()
    assert written(run) - before < 100  # pytest did not go on
    if not (run / "run.json").exists():  # it was killed before it had begun
        assert now == {}
        return
    told = {
        (kernel["id"], case["id"]): case["verdict"]
        for kernel in json.loads(say("report", run, "--format", "json"))["kernels"]
        for case in kernel["cases"]
    }
    assert now.items() <= told.items()
    assert {told[case] for case in told.keys() - now.keys()} <= {"miss", "error"}
    say("report", run)
    say("compare", run)
    if {name for name, _ in now} == set(NAMES):
        assert "run:one -> " in say("compare", f"{run}:one", f"{run}:two")


def killed(place: Path, process: "subprocess.Popen[bytes]", number: int) -> None:
    known = verdicts(place / "run")
    process.send_signal(number)
    status = process.wait(SOON)
    assert status in {-signal.SIGKILL, cells.Status.INTERRUPTED, 0}, (place / "said").read_text()
    check(place, known)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT], ids=["kill", "interrupt"])
def test_while_a_kernel_is_fetched(tmp_path, monkeypatch, number):
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        monkeypatch.setenv("KERNEL_MATRIX_MIRROR", f"http://127.0.0.1:{deaf.getsockname()[1]}/d")
        monkeypatch.setenv("KERNEL_MATRIX_CACHE", str(tmp_path / "cache"))
        process = start(tmp_path, "debian:6.1")
        until(lambda: any("methods/http" in program for program in marked(tmp_path)), process)
        killed(tmp_path, process, number)


# 142 cases have about 290 lines each time; the first four are before any case.
MOMENTS = [0, 1, 3, *sorted(random.Random(5).sample(range(8, 560), 5))]


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT], ids=["kill", "interrupt"])
def test_on_the_running_kernel(tmp_path, number, moment):
    process = start(tmp_path, "local", "suites/tee")
    run = tmp_path / "run"
    until(lambda: (run / "run.json").exists() and written(run) >= moment, process)
    killed(tmp_path, process, number)


@pytest.mark.vm
@pytest.mark.slow
@pytest.mark.parametrize("moment", ["boot", *MOMENTS])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT], ids=["kill", "interrupt"])
def test_with_machines(tmp_path, vm_kernel, number, moment):
    process = start(tmp_path, vm_kernel, "suites/tee")
    run = tmp_path / "run"
    if moment == "boot":
        until(lambda: list(run.glob("*/main/console-1.log")), process)
    else:
        until(lambda: (run / "run.json").exists() and written(run) >= moment, process)
    killed(tmp_path, process, number)
