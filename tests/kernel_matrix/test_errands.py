"""Programs that end with us."""

import os
import select
import shutil
import signal
import subprocess
import sys

import pytest

from kernel_matrix import errands
from tests.conftest import environment

pytestmark = pytest.mark.skipif(not shutil.which("setpriv"), reason="environment: no setpriv")


RUNNER = """
import subprocess, sys
from kernel_matrix import errands
subprocess.run(errands.bound([sys.executable, "-c", sys.argv[1]], "INT"))
"""
WAITS = """
import os, signal
def end(number, frame):
    os.write(1, b"ended")
    os._exit(0)
signal.signal(signal.SIGINT, end)
os.write(1, b"here\\n")
while True:
    signal.pause()
"""


def test_a_program_gets_its_signal_when_we_are_killed():
    with subprocess.Popen(
        [sys.executable, "-c", RUNNER, WAITS], env=environment(), stdout=subprocess.PIPE, text=True
    ) as runner:
        assert runner.stdout is not None
        assert runner.stdout.readline() == "here\n"
        runner.kill()
        assert select.select([runner.stdout], [], [], 30)[0]
        assert runner.stdout.read() == "ended"


def test_when_we_are_gone_before_it_can_ask_for_that_nothing_is_started(tmp_path):
    made = tmp_path / "made"
    argv = errands.bound(["touch", str(made)], "INT")
    # Its parent is not the one that made the command line, as if that had ended.
    assert subprocess.run(["sh", "-c", '"$@"; exit $?', "sh", *argv], check=False).returncode == 125
    assert not made.exists()
    assert subprocess.run(argv, check=False).returncode == 0
    assert made.exists()


def test_the_program_has_the_number_of_the_process_that_was_started():
    with subprocess.Popen(
        errands.bound(["sleep", "600"], "TERM"), start_new_session=True
    ) as process:
        os.killpg(process.pid, signal.SIGTERM)
        assert process.wait() == -signal.SIGTERM


def test_without_setpriv_it_is_started_as_it_is(monkeypatch):
    monkeypatch.setattr(errands.shutil, "which", lambda name: None)
    assert errands.bound(["make", "all"], "TERM") == ["make", "all"]
