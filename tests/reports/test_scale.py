"""Large runs: 100,000 lines of a journal."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kernel_matrix.reports.formats import FORMATS

CASES = 50_000
SECONDS = 10
MEGABYTES = 500


def write(directory: Path, every: int) -> Path:
    """A run of one kernel in which every so many cases fail."""
    cell = directory / "k"
    cell.mkdir(parents=True)
    idents = [f"suites/vmsplice/test_m{n % 20}.py::test_f[row-{n}]" for n in range(CASES)]
    kernel = {"id": "k", "selector": "k", "release": "6.1.192"}
    run = {"t": "run", "time": 1.0, "schema": 1, "suite": "v", "kernel": kernel, "argv": []}
    with (cell / "journal.jsonl").open("w") as file:
        for line in (run, {"t": "collected", "time": 2.0, "cases": idents}):
            file.write(json.dumps(line) + "\n")
        for number, ident in enumerate(idents):
            start = {"t": "start", "time": 3.0, "id": ident, "clauses": ["vmsplice:a:b"]}
            end = {"t": "end", "time": 3.1, "id": ident, "verdict": "pass", "seconds": 0.001}
            if number % every == 0:
                end |= {"verdict": "fail", "message": "x", "transcript": "call\n" * 500}
            file.write(f"{json.dumps(start)}\n{json.dumps(end)}\n")
        file.write('{"t": "finish", "time": 9.0, "exitstatus": 1}\n')
    item = {
        "id": "k", "selector": "k", "directory": "k", "over": True, "seconds": 9.0,
        "problem": "", "blame": 0,
    }  # fmt: skip
    (directory / "run.json").write_text(json.dumps({"schema": 1, "cells": [item]}))
    return directory


@pytest.mark.slow
def test_a_hundred_thousand_lines(tmp_path):
    old, new = write(tmp_path / "old", 50), write(tmp_path / "new", 49)
    out = tmp_path / "out"
    commands = [["report", old, "--format", name, "--out", out] for name in FORMATS]
    commands += [["report", old, "--out", out], ["compare", old, new, "--out", out]]
    for words in commands:
        started = time.monotonic()
        process = subprocess.Popen([sys.executable, "-m", "kernel_matrix", *words])
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode in (0, 1), words
        assert time.monotonic() - started < SECONDS, words
        assert usage.ru_maxrss < MEGABYTES * 1024, words
