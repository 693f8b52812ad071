"""How long cases took, so that shards can be made equally long."""

import json
from pathlib import Path

from helpers.errors import UserError
from kernel_matrix import compare_sides
from kernel_matrix.reports.results import Results

NAME = "durations.json"


def of(results: Results) -> dict[str, float]:
    """Seconds by case id, on the kernel where it took the longest; what never ended has none."""
    found: dict[str, float] = {}
    for kernel in results.kernels:
        for case in kernel.summary.cases:
            if case.seconds:
                found[case.id] = max(case.seconds, found.get(case.id, 0.0))
    return found


def load(side: str) -> dict[str, float]:
    """The durations in a run or a file of results.

    Raises:
        UserError: it is neither, or has no durations.
    """
    found = of(compare_sides.load_raw(side))
    if not found:
        raise UserError(f"--durations {side}: no case of it has a duration")
    return found


def write(directory: Path, found: dict[str, float]) -> Path:
    """The durations as pytest's --shard-durations takes them."""
    path = directory / NAME
    try:
        path.write_text(json.dumps(found, indent=0, sort_keys=True) + "\n")
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror}") from error
    return path
