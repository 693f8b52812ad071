"""Which version of the suites this is."""

import os
import subprocess
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[1]


def suite_version() -> str:
    """What git calls the work tree: a tag or commit, with "-dirty"; "unknown" without git."""
    try:
        described = subprocess.run(
            ["git", "-C", str(_ROOT), "describe", "--always", "--dirty"],
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
            capture_output=True, text=True, check=True,
        )  # fmt: skip
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return described.stdout.strip()
