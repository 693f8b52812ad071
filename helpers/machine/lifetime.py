"""Processes that die with us, however we die.

Linux can send a process a signal when its parent ends (prctl PR_SET_PDEATHSIG, prctl(2)). Three
traps are closed here:

* "Parent" is the thread that forked. A machine that is launched from a short-lived thread would be
  killed when that thread ends, so everything is started by one thread that lives as long as we do.
* The parent may be gone before the child asked for the signal. The child then sees another parent
  and exits.
* Code that runs between fork and exec in a process with threads can deadlock (subprocess warns of
  preexec_fn). So prctl is called after exec, by a small program that then becomes the real one:
  setpriv and sh, or, where there is no setpriv, this Python.

The setting survives execve(2) unless the new program gains privileges.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

# $0 is the pid that must be the parent. `ulimit -f` bounds each file that the process writes: what
# a guest prints on its console must not fill the disk (in blocks of 512 bytes; some shells have
# blocks of 1 KB and allow twice as much).
_SHELL = '[ "$PPID" = "$0" ] || exit 125; ulimit -c 0; ulimit -f "$1"; shift; exec "$@"'

_PYTHON = """
import ctypes, os, resource, sys
ctypes.CDLL(None).prctl(1, 9, 0, 0, 0)
if os.getppid() != int(sys.argv[1]):
    sys.exit(125)
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
limit = int(sys.argv[2]) << 9
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
os.execvp(sys.argv[3], sys.argv[3:])
"""


def dying_with(
    parent: int, argv: Sequence[str], setpriv: str | None, file_mb: int = 64
) -> list[str]:
    """The command line that runs `argv` so that it is killed when process `parent` ends."""
    words = [str(parent), str(file_mb << 11), *argv]
    if setpriv:
        return [setpriv, "--pdeathsig", "KILL", "/bin/sh", "-c", _SHELL, *words]
    return [sys.executable, "-I", "-S", "-c", _PYTHON, *words]


@cache
def _starter(pid: int) -> ThreadPoolExecutor:
    """The thread that starts everything; one per process, so that a fork gets its own."""
    return ThreadPoolExecutor(1, thread_name_prefix=f"starter-{pid}")


def spawn(
    argv: Sequence[str],
    *,
    log: Path,
    pass_fds: Sequence[int] = (),
    guarded: bool = True,
    environment: Mapping[str, str] | None = None,
    stdin: int = subprocess.DEVNULL,
    file_mb: int = 64,
) -> "subprocess.Popen[bytes]":
    """Start a process that dies with us, in a process group of its own (Ctrl-C is for us).

    Args:
        argv: the program, an absolute path or looked up in PATH, and its arguments.
        log: file for its standard output and error, created or truncated.
        pass_fds: descriptors that it inherits under the same numbers.
        guarded: ask for the signal on its behalf, and bound its files. Not for a program that asks
            for it itself and whose limits are under test.
        environment: variables to add to ours.
        stdin: descriptor that becomes its standard input.
        file_mb: how many MB each of its files may have, if it is guarded.

    Raises:
        OSError: it cannot be started or the log cannot be written.
    """
    words = list(argv)
    if guarded:
        words = dying_with(os.getpid(), argv, shutil.which("setpriv"), file_mb)
    with log.open("wb") as stream:

        def start() -> "subprocess.Popen[bytes]":
            return subprocess.Popen(
                words,
                stdin=stdin,
                stdout=stream,
                stderr=stream,
                pass_fds=tuple(pass_fds),
                process_group=0,
                env={**os.environ, **(environment or {})},
            )

        return _starter(os.getpid()).submit(start).result()


def end(process: "subprocess.Popen[bytes]") -> int:
    """Kill the process if it still runs, reap it, return its status as Popen.returncode does."""
    if process.poll() is None:
        process.kill()
    return process.wait()
