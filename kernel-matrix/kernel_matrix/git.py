"""git commands, in any directory and whatever the user has set."""

import os
import subprocess
from pathlib import Path

from helpers.errors import UserError

# Neither the user's hooks nor a configured helper have a part in this.
_SETTINGS = ("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false")


def output(directory: Path, *words: str) -> str:
    """What a git command prints.

    Raises:
        UserError: it failed; the text is what git says.
    """
    try:
        done = subprocess.run(
            argv(directory, *words), env=environment(), capture_output=True, text=True,
            errors="replace", stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip
    except FileNotFoundError as error:
        raise UserError("git is not installed") from error
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        lines = [x for x in lines if x.startswith(("fatal: ", "error: "))] + lines
        reason = lines[0] if lines else ""
        reason = reason.removeprefix("fatal: ").removeprefix("error: ")
        raise UserError(f"git {words[0]}: {reason or f'status {done.returncode}'}")
    return done.stdout


def argv(directory: Path, *words: str) -> list[str]:
    """A git command in a directory."""
    return ["git", "-C", str(directory), *_SETTINGS, *words]


def environment() -> dict[str, str]:
    """Ours, without what would send git to another repository, as in a hook."""
    names = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_PREFIX")
    ours = {"LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0"}
    return {k: v for k, v in os.environ.items() if k not in names} | ours
