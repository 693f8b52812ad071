"""Running a kernel's make: at low priority, with progress, leaving nothing behind."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from helpers.errors import UserError
from kernel_matrix import build_log, errands
from kernel_matrix.providers import Say

# Program -> Debian package. gelf.h is a header: objtool, which every x86 kernel builds, needs it.
_PROGRAMS = {
    "make": "make",
    "gcc": "gcc",
    "ld": "binutils",
    "bc": "bc",
    "bison": "bison",
    "flex": "flex",
    "patch": "patch",
    "tar": "tar",
    "xz": "xz-utils",
    "lz4": "lz4",
}
_HEADERS = {"gelf.h": "libelf-dev"}
_END_SECONDS = 10.0

REPEATABLE = {
    "KBUILD_BUILD_USER": "kernel-matrix",
    "KBUILD_BUILD_HOST": "reference",
    "KBUILD_BUILD_TIMESTAMP": "Thu Jan  1 00:00:00 UTC 1970",
    "KBUILD_BUILD_VERSION": "1",
}
"""For make(): nothing of this machine gets into the image, the same inputs give the same kernel.

So what a kernel does is known if another one has the same hash.
"""


def require_tools() -> None:
    """Name everything that is missing at once.

    Raises:
        UserError: something is; the text has the command that installs it.
    """
    missing = [package for program, package in _PROGRAMS.items() if shutil.which(program) is None]
    if "gcc" not in missing:
        for header, package in _HEADERS.items():
            found = subprocess.run(
                ["gcc", "-E", "-x", "c", "-"],
                input=f"#include <{header}>\n", text=True, capture_output=True, check=False,
            )  # fmt: skip
            if found.returncode:
                missing.append(package)
    if missing:
        raise UserError(
            "building a kernel needs packages that are not installed; this installs them: "
            f"apt-get install -y --no-install-recommends {' '.join(missing)}"
        )


def compiler() -> str:
    """What builds: the versions of compiler and linker."""
    lines = []
    for program in ("gcc", "ld"):
        done = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
        lines.append(done.stdout.splitlines()[0])
    return ", ".join(lines)


def make(
    source: Path,
    objects: Path,
    targets: Sequence[str],
    *,
    log: Path,
    progress: build_log.Progress | None = None,
    say: Say = lambda line: None,
    environment: dict[str, str] | None = None,
) -> None:
    """Run make for a tree with the objects elsewhere; on any exception make is ended first.

    Args:
        source: the source tree.
        objects: the output directory, O=.
        targets: what to make.
        log: gets the output, appended.
        progress: counts the steps; None says nothing.
        say: gets its lines.
        environment: variables for make, beside ours.

    Raises:
        UserError: it failed; the text is the first error that a compiler printed.
    """
    jobs = len(os.sched_getaffinity(0))
    argv = ["make", "-C", str(source), f"O={objects}", f"-j{jobs}", *targets]
    if shutil.which("ionice"):
        argv = ["ionice", "-c3", *argv]
    # If we are killed, make must not go on with nobody to hold the lock.
    argv = errands.bound(["nice", "-n", "19", *argv], "TERM")
    start = log.stat().st_size if log.exists() else 0
    with log.open("a", errors="replace") as out:
        process = subprocess.Popen(
            argv,
            env={**_clean(), **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            # A group of its own: the terminal's interrupt is for us, and we end all of it.
            start_new_session=True,
        )
        assert process.stdout is not None
        try:
            with errands.errand(process), process.stdout as lines:
                for line in lines:
                    out.write(line)
                    if progress and (told := progress.line(line.rstrip("\n"), time.monotonic())):
                        say(told)
            status = process.wait()
        except BaseException:
            _end(process)
            raise
    if status:
        with log.open(errors="replace") as file:
            file.seek(start)
            reason = build_log.first_error(file.read())
        reason = reason.replace(f"{source}/", "") or f"make ended with status {status}"
        raise UserError(f"{reason}; all of it is in {log}")


def _end(process: subprocess.Popen[str]) -> None:
    """End make and all compilers: SIGTERM lets make remove half-made targets."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            process.wait(_END_SECONDS)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue
        return


def _clean() -> dict[str, str]:
    """Our environment without what would change the build behind the cache's back."""
    unwanted = ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "KBUILD", "KCFLAGS", "KCONFIG", "ARCH", "LLVM")
    kept = {k: v for k, v in os.environ.items() if not k.startswith((*unwanted, "CROSS_COMPILE"))}
    return {**kept, "LC_ALL": "C", "GCC_COLORS": ""}
