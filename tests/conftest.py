"""What the tests of our own code share."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# What tests run is no part of the user's history.
os.environ["KERNEL_MATRIX_HISTORY"] = "off"

# A shell starts what runs in its background with interrupts ignored, and programs inherit that:
# those that tests start and interrupt would never end.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def vm_kernel(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A kernel for tests that boot one: $KERNEL_MATRIX_TEST_KERNEL, resolved once."""
    selector = os.environ.get("KERNEL_MATRIX_TEST_KERNEL", "debian:6.12")
    asked = subprocess.run(
        [sys.executable, "-m", "kernel_matrix", "resolve", "--json", selector],
        capture_output=True, text=True, check=True, env=environment(),
    )  # fmt: skip
    path = tmp_path_factory.mktemp("kernel") / "kernel.json"
    path.write_text(asked.stdout)
    return f"resolved:{path}"


def environment() -> dict[str, str]:
    """The environment in which our packages are found."""
    paths = os.pathsep.join(map(str, (ROOT, ROOT / "kernel-matrix")))
    return os.environ | {"PYTHONPATH": paths, "PYTEST_ADDOPTS": "", "COLUMNS": "160"}


@pytest.fixture(scope="session")
def run_pytest() -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """Runs pytest as a user would, in a process of its own."""

    def run(*args: object) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *map(str, args)],
            cwd=ROOT, capture_output=True, text=True, check=False, env=environment(), timeout=300,
        )  # fmt: skip

    return run
