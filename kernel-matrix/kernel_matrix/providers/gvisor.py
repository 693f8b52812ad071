"""gvisor: the runsc that is installed, another implementation of Linux's system calls."""

import platform
import re
import subprocess

from helpers.errors import UserError
from helpers.kernel import Kernel
from helpers.machine.gvisor import PLATFORM, find_runsc
from kernel_matrix.providers import NotAvailable, Say

_SECONDS = 20.0


def check(rest: str) -> None:
    """There is one runsc in PATH: nothing may follow the prefix."""
    if rest:
        raise UserError(f"gvisor:{rest} means nothing; the selector of the installed runsc: gvisor")


def resolve(rest: str, say: Say) -> Kernel:
    """Describe the runsc that is installed; the release is only known in a sandbox."""
    try:
        binary = find_runsc()
    except UserError as error:
        raise NotAvailable(str(error)) from error
    try:
        done = subprocess.run(
            [binary, "--version"], capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UserError(f"gvisor: {binary} --version does not work: {error}") from error
    version = version_of(done.stdout)
    if not version:
        raise UserError(f"gvisor: {binary} --version names no version; is it gVisor's runsc?")
    return Kernel(
        selector="gvisor",
        id="gvisor",
        version=version,
        arch=platform.machine(),
        origin=f"gVisor, runsc {version} at {binary}, platform {PLATFORM}",
        machine="gvisor",
    )


def version_of(text: str) -> str:
    """The version in what `runsc --version` prints, "" without one.

    A package says "runsc version 0.0~20221219.0", a release "runsc version release-20240115.0".
    """
    found = re.search(r"^runsc version (?:release-)?(\S+)$", text, re.MULTILINE)
    return found[1] if found else ""
