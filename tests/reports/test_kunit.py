"""What the kernel's own reader of KTAP makes of ours, where a kernel's sources are at hand."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.cache import cache_dir
from kernel_matrix.reports import ktap
from kernel_matrix.reports.results import version_key

from .samples import CASES, RUN, kernel, run


@pytest.fixture
def kunit() -> Path:
    """Of the newest sources in the cache: before 6.x it did not read nested KTAP."""
    found = list(cache_dir().glob("builds/*/source/linux/tools/testing/kunit/kunit.py"))
    if not found:
        pytest.skip("no kernel sources in the cache; building a reference kernel fetches them")
    return max(found, key=lambda path: version_key(path.parts[-6]))


@pytest.mark.parametrize(
    ("results", "said"),
    [
        (RUN, "Ran 11 tests: passed: 2, failed: 7, skipped: 2"),
        (run("r", kernel("k", "6.1", CASES[0], CASES[7])), "Ran 2 tests: passed: 1, skipped: 1"),
    ],
)
def test_kunit_counts_as_we_do(kunit, tmp_path, results, said):
    path = tmp_path / "results.ktap"
    path.write_text(ktap.render(results))
    done = subprocess.run(
        [sys.executable, "-B", kunit, "parse", path],
        cwd=kunit.parents[3], capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    output = re.sub(r"\x1b\[[\d;]*m", "", done.stdout)
    assert said in output
    assert "[ERROR]" not in output
