"""A kernel with a planted bug against one without: a regression in every report.

The planted bug lets process_vmsplice accept unknown flags: the cases that give one fail, and no
other. Slow: the first time the kernel with planted bugs is built.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from junitparser import Failure, JUnitXml

from kernel_matrix import providers
from tests.conftest import ROOT, environment

pytestmark = [pytest.mark.slow, pytest.mark.vm, pytest.mark.network]

SELECTOR = "reference:6.12+mutants"
BUG = "flags-not-checked"
CLAUSE = "process_vmsplice:errors:einval-flags"
SUITE = "suites/process_vmsplice/test_flags.py"


def kernel_matrix(status: int, *arguments: object) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "kernel_matrix", *map(str, arguments)],
        cwd=ROOT, capture_output=True, text=True, check=False, env=environment(), timeout=300,
    )  # fmt: skip
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout


def manifest(path: Path, number: int) -> Path:
    """One kernel, with a planted bug of that number active, 0 for none."""
    path.write_text(
        f'[[kernel]]\nselector = "{SELECTOR}"\nid = "it"\n'
        f'cmdline = "process_vmsplice.mutant={number}"\n\n[groups]\ndefault = ["it"]\n'
    )
    return path


@pytest.fixture
def broken(tmp_path: Path) -> tuple[Path, str]:
    """The run with the bug, against one without as baseline, and what it printed."""
    kernel = providers.resolve(SELECTOR, print)
    assert kernel.image is not None
    planted = json.loads((kernel.image.parent / "mutants.json").read_text())["mutants"]
    number = next(mutant["number"] for mutant in planted if mutant["id"] == BUG)
    good, bad, baseline = tmp_path / "good", tmp_path / "bad", tmp_path / "baseline.json"
    run = ("run", "--accel", "tcg")
    without = manifest(tmp_path / "without.toml", 0)
    kernel_matrix(0, *run, "--matrix", without, "--out", good, "--", SUITE)
    kernel_matrix(0, "report", good, "--format", "json", "--out", baseline)
    reports = ("--report", "junit,kcidb,markdown,html", "--baseline", baseline)
    with_bug = manifest(tmp_path / "with.toml", number)
    return bad, kernel_matrix(1, *run, "--matrix", with_bug, "--out", bad, *reports, "--", SUITE)


def test_a_planted_bug_is_a_regression_in_every_report(broken: tuple[Path, str]) -> None:
    directory, printed = broken
    cases = [case for suite in JUnitXml.fromfile(str(directory / "junit.xml")) for case in suite]
    failed = [case.name for case in cases if any(isinstance(r, Failure) for r in case.result)]
    assert {name.partition("[")[0] for name in failed} == {
        "test_a_bit_that_is_no_flag_is_einval",
        "test_an_unknown_flag_is_einval_though_there_is_nothing_to_do",
    }
    assert len(failed) < len(cases)
    kcidb = json.loads((directory / "kcidb.json").read_text())
    assert sum(test["status"] == "FAIL" for test in kcidb["tests"]) == len(failed)
    for text in (printed, (directory / "summary.md").read_text()):
        assert f"{len(failed)} regressions" in text
        assert all(word in text for word in (CLAUSE, failed[0]))
    page = (directory / "report.html").read_text()
    assert CLAUSE.rpartition(":")[2] in page
    assert "test_a_bit_that_is_no_flag_is_einval" in page
