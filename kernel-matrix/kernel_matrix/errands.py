"""Programs that are run on the way to a kernel: apt, make, tar, cp. They end with an interrupt.

A thread that waits for one of them cannot be interrupted; the program can, and then the thread goes
on and finds that it failed.
"""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

# $0 is the pid that must be the parent: if that has ended before the signal was asked for, nothing
# is started. See helpers/machine/lifetime.py, which does this for machines.
_SHELL = '[ "$PPID" = "$0" ] || exit 125; exec "$@"'

_running: set["subprocess.Popen[Any]"] = set()


@contextmanager
def errand(process: "subprocess.Popen[Any]") -> Iterator[None]:
    """While it is waited for in the block, end_all() ends it."""
    _running.add(process)
    try:
        yield
    finally:
        _running.discard(process)


def run(
    argv: Sequence[str], *, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> "subprocess.CompletedProcess[str]":
    """Run one to its end, or ours; what it says on both its outputs is stdout."""
    with subprocess.Popen(
        bound(argv, "TERM"), env=env, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, errors="replace",
    ) as process, errand(process):  # fmt: skip
        output, _ = process.communicate()
    return subprocess.CompletedProcess(argv, process.returncode, output)


def bound(argv: Sequence[str], number: str) -> list[str]:
    """The command line of a program that gets a signal when we end, also by SIGKILL.

    "We" is the thread that starts it (prctl(2), PR_SET_PDEATHSIG): it must wait for the program.

    Args:
        argv: the program and its arguments.
        number: the signal, "INT".
    """
    if shutil.which("setpriv") is None:
        return list(argv)
    return ["setpriv", "--pdeathsig", number, "/bin/sh", "-c", _SHELL, str(os.getpid()), *argv]


def end_all() -> None:
    """Ask every one that runs to end, with what it has started if it has a group of its own."""
    for process in list(_running):
        with suppress(ProcessLookupError):
            if os.getpgid(process.pid) == process.pid:
                os.killpg(process.pid, signal.SIGTERM)
            else:
                process.terminate()
