"""Directories of runs made up for tests, as the runner and the journal's writer leave them."""

import json
from pathlib import Path
from typing import Any

PATH = "suites/process_vmsplice/test_presence.py::test_call"
CLAUSE = "process_vmsplice:presence:fingerprint"


def end(row: str, verdict: str = "pass", **fields: Any) -> dict[str, Any]:
    return {"id": f"{PATH}[{row}]", "verdict": verdict, "seconds": 0.01, **fields}


def wrong(row: str, observed: str = "-1 EINVAL (Invalid argument)") -> dict[str, Any]:
    longrepr = f"E  assert\nE    expected 0 (clause {CLAUSE}, established)"
    return end(row, "fail", observed=observed, message=f"assert = {observed}", longrepr=longrepr)


def write_run(directory: Path, kernels: dict[str, list[dict[str, Any]]], over: bool = True) -> Path:
    """A run; the ids of kernels are "<line>:<version>"."""
    cells = []
    for number, (ident, ends) in enumerate(kernels.items()):
        cell = directory / f"cell{number}"
        cell.mkdir(parents=True)
        lines = list(_lines(ident, ends, over))
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (cell / "journal.jsonl").write_text(text)
        seconds = 1.5 if over else None
        cells.append(
            {
                "id": ident, "selector": ident, "directory": cell.name, "over": over,
                "seconds": seconds, "problem": "", "blame": 0,
            }
        )  # fmt: skip
    directory.mkdir(exist_ok=True)
    (directory / "run.json").write_text(json.dumps({"schema": 1, "cells": cells}))
    return directory


def _lines(ident: str, ends: list[dict[str, Any]], over: bool) -> Any:
    version = ident.partition(":")[2]
    kernel = {"id": ident, "selector": ident, "release": f"{version}-amd64", "version": version}
    yield {
        "t": "run",
        "time": 1795392841.5,
        "schema": 1,
        "suite": "v1",
        "kernel": kernel,
        "argv": [],
    }
    yield {"t": "boot", "time": 1795392842.5, "seconds": 1.0, "what": "qemu tcg", "hello": {}}
    yield {"t": "collected", "time": 1795392842.6, "cases": [each["id"] for each in ends]}
    for each in ends:
        common = {"time": 1795392843.0, "worker": "main", "machine": 1}
        yield {
            "t": "start",
            **common,
            "id": each["id"],
            "clauses": [CLAUSE],
            "strength": "established",
        }
        if "verdict" in each:
            yield {"t": "end", **common, **each}
    if over:
        yield {"t": "finish", "time": 1795392850.0, "exitstatus": 0}
