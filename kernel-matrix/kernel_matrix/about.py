"""What a run was made with, for whoever looks into its directory later and elsewhere."""

import gzip
import importlib.metadata
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from helpers.errors import UserError
from helpers.kernel import Kernel, read_config
from helpers.version import suite_version

FILE = "about.json"
CONFIG = "config.gz"

_PACKAGES = ("pytest", "pytest-xdist", "cffi", "click", "allure-pytest", "hypothesis")
_PREFIXES = ("KERNEL_MATRIX_", "PYTEST_", "PROCESS_VMSPLICE_NR", "XDG_")
_SECRET = ("PASSWORD", "TOKEN")


def write(directory: Path) -> None:
    """Say in a run's directory with what it was made.

    Raises:
        UserError: it cannot be written.
    """
    try:
        (directory / FILE).write_text(json.dumps(gathered(), indent=1) + "\n")
    except OSError as error:
        raise UserError(f"cannot write to {directory}: {error.strerror}") from error


def gathered() -> dict[str, Any]:
    """Versions, the command line, and what of the environment counts."""
    uname = os.uname()
    return {
        "version": suite_version(),
        "time": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "argv": sys.argv,
        "directory": str(Path.cwd()),
        "environment": _environment(),
        "python": platform.python_version(),
        "packages": {name: version for name in _PACKAGES if (version := _installed(name))},
        "qemu": _qemu(),
        "host": {
            "release": uname.release,
            "version": uname.version,
            "machine": uname.machine,
            "cpus": len(os.sched_getaffinity(0)),
            "kvm": os.access("/dev/kvm", os.R_OK | os.W_OK),
            "uid": os.getuid(),
        },
    }


def _environment() -> dict[str, str]:
    return {
        name: "(not kept)" if any(word in name for word in _SECRET) else value
        for name, value in sorted(os.environ.items())
        if name.startswith(_PREFIXES)
    }


def _installed(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _qemu() -> str:
    """The first line that QEMU says of itself, "" if there is none."""
    program = shutil.which("qemu-system-x86_64")
    if program is None:
        return ""
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    return done.stdout.partition("\n")[0]


def keep_config(kernel: Kernel, directory: Path) -> None:
    """Copy a kernel's configuration to its cell, where it is not gone when the cache is."""
    text = kernel.config_text()
    if text is not None:
        (directory / CONFIG).write_bytes(gzip.compress(text.encode(), 6, mtime=0))


def kept_config(directory: Path, path: object) -> str | None:
    """A kernel's configuration as it was in a run, None where it is not known.

    Args:
        directory: the cell's, Path() where there is none.
        path: where it was when the kernel was run, perhaps on another machine; "" or None where
            there was none.
    """
    kept = read_config(directory / CONFIG) if directory != Path() else None
    return read_config(Path(str(path))) if kept is None and path else kept
