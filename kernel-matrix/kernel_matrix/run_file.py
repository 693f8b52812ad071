"""run.json: what the journals of a run do not tell, for reports, later runs and other machines."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from helpers.errors import UserError

NAME = "run.json"
SCHEMA = 1
_LOOKED_AT = 20
"""So many of the newest runs are asked how long a kernel took."""

SETTINGS = ("cmdline", "memory_mb", "cpus", "process_vmsplice_nr")
"""How a kernel is run, as the matrix had it."""

LOCKED_KEYS = ("release", "version", "arch", "sha256", "origin", *SETTINGS)
"""What is kept of a resolved kernel: enough to know whether another one is the same."""


def write(directory: Path, data: dict[str, Any]) -> None:
    """Replace the file of a run; whoever reads it meanwhile sees the old one or the new one."""
    partial = directory / f".{NAME}"
    partial.write_text(json.dumps({"schema": SCHEMA, **data}, indent=1) + "\n")
    partial.rename(directory / NAME)


def read(path: Path) -> dict[str, Any]:
    """What the run in a directory is, or the file itself.

    Raises:
        UserError: it is not the directory of a run.
    """
    file = path / NAME if path.is_dir() else path
    try:
        data = json.loads(file.read_text())
        if data["schema"] != SCHEMA:
            raise UserError(f"{path}: a run of schema {data['schema']}; this program reads 1")
        if not isinstance(data["cells"], list):
            raise TypeError("no cells")
    except FileNotFoundError as error:
        hint = "runs are in results/" if path.is_dir() else "no such directory"
        raise UserError(f"{path} is not the directory of a run; {hint}") from error
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise UserError(f"{file} cannot be read: {error}") from error
    return dict(data)


def last_seconds(results: Path, words: Sequence[str]) -> dict[str, float]:
    """How long each kernel took the last time that the same cases were run on it.

    Args:
        results: the directory of runs.
        words: what selects the cases, as Options.words has it.
    """
    try:
        # named by date and time
        runs = sorted(results.glob(f"*/{NAME}"), key=lambda path: path.parent.name, reverse=True)
    except OSError:
        return {}
    found: dict[str, float] = {}
    for path in runs[:_LOOKED_AT]:
        try:
            data = read(path)
            if data.get("words") != list(words):
                continue
            for cell in data["cells"]:
                if cell["over"] and not cell["problem"] and cell["seconds"]:
                    found.setdefault(str(cell["id"]), float(cell["seconds"]))
        except (UserError, KeyError, TypeError, ValueError):
            continue
    return found
