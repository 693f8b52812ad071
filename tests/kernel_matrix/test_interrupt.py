"""An interrupt in each phase of a run: it ends soon, says what is known, and leaves nothing."""

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import environment

SOON = 15.0
FEW = "suites/tee/test_arguments.py"


class Started:
    """A run that is to be interrupted."""

    def __init__(self, place: Path, words: list[str], **variables: str) -> None:
        self.log = place / "said"
        argv = [sys.executable, "-P", "-m", "kernel_matrix", "run", "--out", str(place / "run")]
        settings = {"KERNEL_MATRIX_CACHE": str(place / "cache")} | variables
        with self.log.open("w") as out:
            self.process = subprocess.Popen(
                [*argv, *words], env=environment() | settings, stdout=out, stderr=out,
                stdin=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip

    def when(self, said: str, path: Path | None = None) -> "Started":
        """Wait until it says something, and a file is there."""
        deadline = time.monotonic() + 120
        while said not in self.log.read_text() or (path is not None and not path.exists()):
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.02)
        return self

    def interrupt(self, number: int = signal.SIGINT) -> str:
        """What it says; it must end soon, with everything that it has started."""
        self.process.send_signal(number)
        started = time.monotonic()
        status = self.process.wait(60)
        took = time.monotonic() - started
        said = self.log.read_text()
        assert status == 130, said
        assert took < SOON, said
        assert "Traceback" not in said
        assert family(self.process.pid) == [], said
        return said


def family(session: int) -> list[str]:
    """The programs of a session that still run."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
            if int(fields[3]) == session and fields[0] not in "ZX":
                found.append((path.parent / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found


@pytest.fixture
def deaf():
    """A mirror that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/debian"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_while_a_kernel_is_fetched(tmp_path, deaf, number):
    run = Started(tmp_path, ["--kernel", "debian:6.1"], KERNEL_MATRIX_MIRROR=deaf)
    said = run.when("fetching").interrupt(number)
    assert "debian:6.1: not started: interrupted" in said


def test_while_a_kernel_is_built(tmp_path):
    tree = tmp_path / "linux"
    tree.mkdir()
    for name in ("Kconfig", "Kbuild", ".config"):
        (tree / name).touch()
    makefile = f"VERSION = 6\nPATCHLEVEL = 1\nolddefconfig:\n\ttouch {tmp_path}/made; sleep 1000\n"
    (tree / "Makefile").write_text(makefile)
    run = Started(tmp_path, ["--kernel", f"tree:{tree}+build"])
    said = run.when("copying", tmp_path / "made").interrupt()
    assert "+build: not started: interrupted" in said
    made = [p.read_text() for p in Path("/proc").glob("[0-9]*/cmdline") if str(tree) in read(p)]
    assert made == []


def read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def test_while_cases_run(tmp_path):
    run = Started(tmp_path, ["--kernel", "local", "--report", "json", "--", "suites/tee"])
    said = run.when("local: run suites/").interrupt()
    assert "local: interrupted" in said
    assert (tmp_path / "run" / "results.json").exists()
    # What had ended is known.
    told = subprocess.run(
        [sys.executable, "-P", "-m", "kernel_matrix", "report", str(tmp_path / "run")],
        env=environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "cases were never started" in told.stdout


def test_while_the_report_is_made(tmp_path):
    history = tmp_path / "history.sqlite"
    with sqlite3.connect(history, isolation_level=None) as database:
        database.execute("CREATE TABLE x(y)")
        database.execute("BEGIN EXCLUSIVE")
        run = Started(
            tmp_path, ["--kernel", "local", "--", FEW], KERNEL_MATRIX_HISTORY=str(history)
        )
        said = run.when("transcripts, consoles").interrupt()
    assert said.endswith(f"interrupted: kernel-matrix report {tmp_path}/run says what is known\n")


@pytest.mark.vm
def test_while_a_machine_boots(tmp_path, vm_kernel):
    words = ["--kernel", vm_kernel, "--accel", "tcg", "--", FEW]
    cache = os.environ.get("KERNEL_MATRIX_CACHE")
    keep = {"KERNEL_MATRIX_CACHE": cache} if cache else {}
    run = Started(tmp_path, words, **keep)
    console = tmp_path / "run"
    run.when(": boot")
    deadline = time.monotonic() + 60
    while not list(console.glob("*/main/console-1.log")) and time.monotonic() < deadline:
        time.sleep(0.02)
    said = run.interrupt()
    assert "interrupted" in said
    qemu = [p for p in Path("/proc").glob("[0-9]*/cmdline") if str(console) in read(p)]
    assert qemu == []


def test_another_command(tmp_path):
    code = "import signal, time; signal.raise_signal(signal.SIGINT)"
    program = (
        "import sys; from kernel_matrix import cli, manifest\n"
        f"def load(*path):\n    {code}\n"
        "manifest.load = load; sys.argv = ['x', 'resolve', 'local']; cli.main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment(), capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (130, "interrupted\n")
