"""The pytest of a cell as a process: started so that it does not outlive us, ended like Ctrl-C."""

import os
import signal
import subprocess
from contextlib import suppress
from typing import Any

from helpers.cache import cache_dir
from kernel_matrix import errands
from kernel_matrix.manifest import ROOT

GRACE_SECONDS = 10.0
"""So long it may take to write what it has."""


def start(argv: list[str], output: Any) -> "subprocess.Popen[bytes]":
    """pytest, in a session of its own unless it has the terminal; it does not outlive us."""
    environment = {
        **os.environ,
        "PYTHONUNBUFFERED": "1",
        # pytest rewrites a hundred modules at each start, 0.7 s, unless it may keep them somewhere.
        "PYTHONDONTWRITEBYTECODE": "",
        "PYTHONPYCACHEPREFIX": str(cache_dir() / "bytecode"),
    }
    if output is None:
        return subprocess.Popen(argv, cwd=ROOT, env=environment)
    return subprocess.Popen(
        errands.bound(argv, "INT"),
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def end(process: "subprocess.Popen[bytes]") -> None:
    """As Ctrl-C would, so that it writes what it has; by force when it does not."""
    group = os.getpgid(process.pid) == process.pid
    for number, seconds in ((signal.SIGINT, GRACE_SECONDS), (signal.SIGKILL, GRACE_SECONDS)):
        try:
            if group:
                os.killpg(process.pid, number)
            else:
                process.send_signal(number)
            process.wait(seconds)
        except ProcessLookupError:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            continue
        break
    if group:
        # What pytest left behind in its session.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
