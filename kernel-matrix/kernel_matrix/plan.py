"""The cells of a run as a job matrix, for the CI system that somebody already has. Pure."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from helpers.errors import UserError
from kernel_matrix.cells import slug


@dataclass(frozen=True)
class Part:
    """One job: a part of the cases on one kernel.

    Attributes:
        kernel: what --kernel is to be given.
        index, total: what --shard is to be given.
    """

    kernel: str
    index: int = 1
    total: int = 1

    @property
    def shard(self) -> str:
        """As --shard takes it."""
        return f"{self.index}/{self.total}"

    @property
    def name(self) -> str:
        """For a job or a directory."""
        name = slug(self.kernel)
        return name if self.total == 1 else f"{name}-{self.index}-of-{self.total}"


def parts(kernels: Sequence[str], shards: int) -> list[Part]:
    """Every part of every kernel."""
    return [Part(k, index, shards) for k in kernels for index in range(1, shards + 1)]


def _rows(found: Sequence[Part]) -> list[dict[str, str]]:
    return [{"name": part.name, "kernel": part.kernel, "shard": part.shard} for part in found]


def _json(found: Sequence[Part]) -> str:
    return json.dumps(
        {"format": "kernel-matrix plan", "schema": 1, "cells": _rows(found)}, indent=1
    )


def _github(found: Sequence[Part]) -> str:
    """In one line, as $GITHUB_OUTPUT wants it, for `strategy: matrix: ${{ fromJSON(...) }}`."""
    return json.dumps({"include": _rows(found)}, separators=(",", ":"))


_IMAGE = "debian:trixie"
_SETUP = (
    "apt-get update",
    "apt-get install -y --no-install-recommends ca-certificates python3-venv",
)
_SCRIPT = (
    './kernel-matrix/run --kernel "$KERNEL" --shard "$SHARD" --report junit --out "results/$NAME"'
)
_MERGE = (
    "./kernel-matrix/run --help",
    'printf "%s" "$PLAN" > plan.json',
    ".venv/bin/kernel-matrix merge results --plan plan.json --report markdown,html --out all",
)


def _gitlab(found: Sequence[Part]) -> str:
    """A pipeline of its own, for `trigger: include: artifact:`; JSON is YAML too.

    Its jobs get nothing of the `default:` of the pipeline that starts it. Those of a later stage
    have the artifacts of all before it, also of those that failed.
    """
    rows = [{key.upper(): value for key, value in row.items()} for row in _rows(found)]
    job = {
        "stage": "test",
        "image": _IMAGE,
        "before_script": list(_SETUP),
        "parallel": {"matrix": rows},
        "script": [_SCRIPT],
        "artifacts": {
            "when": "always",
            "paths": ["results"],
            "reports": {"junit": "results/*/junit.xml"},
        },
    }
    merge = {
        "stage": "deploy",
        "when": "always",
        "image": _IMAGE,
        "before_script": list(_SETUP),
        "variables": {"PLAN": json.dumps({"cells": _rows(found)}, separators=(",", ":"))},
        "script": list(_MERGE),
        "artifacts": {"when": "always", "paths": ["all"]},
    }
    return json.dumps({"kernel-matrix": job, "merge": merge}, indent=1)


_MOST = {"github": 256, "gitlab": 200}
"""Jobs that one matrix may have: GitHub's documented limit, and GitLab's."""

FORMATS: dict[str, Callable[[Sequence[Part]], str]] = {
    "github": _github,
    "gitlab": _gitlab,
    "json": _json,
}


def render(name: str, kernels: Sequence[str], shards: int) -> str:
    """The plan in a format.

    Raises:
        UserError: the CI system does not take so many jobs.
    """
    found = parts(kernels, shards)
    most = _MOST.get(name, len(found))
    if len(found) > most:
        raise UserError(
            f"{len(found)} jobs ({len(kernels)} kernels, {shards} shards) are more than the {most} "
            f"that a matrix of {name} may have; use fewer shards"
        )
    return FORMATS[name](found)


def read(data: Mapping[str, Any]) -> list[Part]:
    """The parts of a plan that was written as json or github.

    Raises:
        UserError: it is none.
    """
    try:
        rows = data["cells"] if "cells" in data else data["include"]
        return [Part(str(row["kernel"]), *map(int, row["shard"].split("/"))) for row in rows]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError("not a plan: write one with kernel-matrix plan --format json") from error
