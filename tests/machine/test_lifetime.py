"""Processes that must not survive us, with a stand-in for QEMU."""

import os
import select
import shutil
import signal
import subprocess
import sys
import threading

import pytest

from helpers.machine import lifetime

RUNNER = """
import sys
from pathlib import Path
from helpers.machine import lifetime
process = lifetime.spawn(["/bin/sleep", "600"], log=Path(sys.argv[1]))
print(process.pid, flush=True)
{then}
"""


def gone(pid: int, seconds: float = 10) -> bool:
    """Whether the process ends in time; a zombie counts as ended."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        poller = select.poll()
        poller.register(descriptor, select.POLLIN)
        return bool(poller.poll(seconds * 1000))
    finally:
        os.close(descriptor)


@pytest.fixture(params=["setpriv", "python"])
def way(request, monkeypatch):
    """With setpriv, and as on a host that has none."""
    if request.param == "python":
        monkeypatch.setattr(lifetime.shutil, "which", lambda name: None)
    elif shutil.which("setpriv") is None:
        pytest.skip("no setpriv")
    return request.param


def runner(tmp_path, then):
    process = subprocess.Popen(
        [sys.executable, "-c", RUNNER.format(then=then), str(tmp_path / "log")],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
    )
    assert process.stdout is not None
    return process, int(process.stdout.readline())


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGSEGV])
def test_no_orphan_when_the_runner_is_killed(tmp_path, number):
    process, child = runner(tmp_path, "import signal; signal.pause()")
    process.send_signal(number)
    process.communicate()
    assert gone(child)


@pytest.mark.parametrize("then", ["", "raise SystemExit(3)", "import os; os._exit(1)"])
def test_no_orphan_when_the_runner_ends(tmp_path, then):
    process, child = runner(tmp_path, then)
    process.communicate()
    assert gone(child)


def test_a_thread_that_ends_does_not_take_it_along(tmp_path, way):
    started = []
    thread = threading.Thread(
        target=lambda: started.append(lifetime.spawn(["/bin/cat"], log=tmp_path / "log"))
    )
    thread.start()
    thread.join()
    (process,) = started
    read, write = os.pipe()
    try:
        # The wrapper has become the program, and is there to stay.
        other = lifetime.spawn(
            ["/bin/sh", "-c", f"echo up > /dev/fd/{write}; exec sleep 600"],
            log=tmp_path / "log2",
            pass_fds=[write],
        )
        os.close(write)
        assert os.read(read, 9) == b"up\n"
        assert other.poll() is None
        assert os.getpgid(other.pid) == other.pid != os.getpgid(0)
    finally:
        lifetime.end(process)
        assert lifetime.end(other) == -signal.SIGKILL
        assert lifetime.end(other) == -signal.SIGKILL
        os.close(read)


def test_a_parent_that_is_gone_already(way):
    """The child finds another parent than it was told of, and does not start."""
    setpriv = shutil.which("setpriv") if way == "setpriv" else None
    argv = lifetime.dying_with(1, ["/bin/echo", "started"], setpriv)
    done = subprocess.run(argv, capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (125, b"")


def test_output_and_arguments_pass_unchanged(tmp_path, way):
    words = ["a b", "$HOME", "'", "", "-c", "*"]
    process = lifetime.spawn(
        [sys.executable, "-c", "import sys; print(sys.argv[1:])", *words], log=tmp_path / "log"
    )
    assert process.wait() == 0
    assert (tmp_path / "log").read_text() == f"{words}\n"


def test_a_flooded_console_ends_the_process(tmp_path, way):
    flood = tmp_path / "flood"
    process = lifetime.spawn(
        ["/bin/sh", "-c", f"exec head -c 200000000 /dev/zero > {flood}"], log=tmp_path / "log"
    )
    assert process.wait() != 0
    assert flood.stat().st_size <= 128 << 20
    flood.unlink()
