"""The cases that there are, as pytest collects them."""

import os
import subprocess
import sys

from helpers.errors import UserError
from kernel_matrix.cells import SUITES, last_words
from kernel_matrix.manifest import ROOT


def cases() -> list[str]:
    """The ids of all cases, in their order.

    Raises:
        UserError: pytest cannot collect them.
    """
    words = ["--collect-only", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", SUITES]
    done = subprocess.run(
        [sys.executable, "-P", "-m", "pytest", *words],
        cwd=ROOT, env={**os.environ, "PYTEST_ADDOPTS": ""}, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, errors="replace", check=False,
    )  # fmt: skip
    found = [line for line in done.stdout.splitlines() if line.startswith(f"{SUITES}/")]
    found = [line for line in found if "::" in line]
    if not found:
        raise UserError(f"the suites cannot be collected: {last_words(done.stdout + done.stderr)}")
    return found
