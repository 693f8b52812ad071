"""The reference kernels, booted: cases_*.py on each of them.

$KERNEL_MATRIX_TEST_REFERENCE is the one kernel that all of it runs on, "6.12" by default; the
first run builds it. The long ones are marked slow: other series, and everything under debug.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from helpers.kernel import Kernel
from kernel_matrix import build, build_config, build_make, build_source, providers
from tests.conftest import ROOT, environment

CASES = sorted(Path(__file__).parent.glob("cases_*.py"))
FIRST = os.environ.get("KERNEL_MATRIX_TEST_REFERENCE", "6.12")
OTHERS = [series for series in build.available() if series != FIRST]

pytestmark = [pytest.mark.vm, pytest.mark.network]


@pytest.fixture
def run(tmp_path):
    """Runs the cases on a reference kernel; gives what pytest printed."""

    def run_cases(rest, *arguments, cpus=1, timeout=300):
        kernel = providers.resolve(f"reference:{rest}", print)
        kernel = replace(kernel, cpus=cpus)
        (tmp_path / "kernel.json").write_text(json.dumps(kernel.to_json()))
        where = ["--kernel", f"resolved:{tmp_path / 'kernel.json'}", "--accel", "tcg"]
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *CASES, *where, "--run-dir", tmp_path, *arguments],
            cwd=ROOT, capture_output=True, text=True, check=False, env=environment(),
            timeout=timeout,
        )  # fmt: skip
        assert done.returncode == pytest.ExitCode.OK, done.stdout + done.stderr
        assert "crash" not in done.stdout
        return done.stdout

    return run_cases


def test_calls_and_leaks(run):
    printed = run(FIRST, "-m", "not slow")
    assert re.search(r"\d\d passed", printed)


@pytest.mark.slow
@pytest.mark.parametrize("series", OTHERS)
def test_calls_and_leaks_on_the_other_series(run, series):
    printed = run(series, "-m", "not slow")
    assert re.search(r"\d\d passed", printed)


@pytest.mark.slow
def test_calls_and_leaks_under_debug(run):
    printed = run(f"{FIRST}+debug", "-m", "not slow", "--timeout-scale", "5", timeout=1200)
    assert re.search(r"\d\d passed", printed)
    assert "skipped" not in printed


@pytest.mark.slow
def test_a_minute_of_callers_and_targets_under_debug(run):
    run(f"{FIRST}+debug", "-m", "slow", "--timeout-scale", "5", cpus=2, timeout=600)


def test_the_kernels_own_style_checker_has_nothing_to_say():
    kernel: Kernel = providers.resolve(f"reference:{FIRST}", print)
    assert kernel.image is not None
    tree = build.cache_dir() / "builds" / FIRST / "source" / "linux"
    if shutil.which("perl") is None or not (tree / "scripts/checkpatch.pl").exists():
        pytest.skip("no perl, or no source any more")
    checkpatch = ["perl", "scripts/checkpatch.pl", "--strict", "--no-signoff", "--terse"]
    for path in sorted(build.REFERENCE.glob("*.[ch]")):
        check(tree, [*checkpatch, "--no-tree", "-f", str(path)])
    for path in sorted((build.REFERENCE / "patches").glob("*.patch")):
        check(tree, [*checkpatch, str(path)])


@pytest.mark.slow
def test_our_files_compile_without_a_warning(tmp_path):
    recipe = build.Recipe(FIRST, False, build.NUMBER)
    build_make.require_tools()
    with build_source.workplace(FIRST, print) as directory:
        package = build_source.find_package(directory, FIRST, print)
        tree = build_source.source(directory, package, print)
        ours = {f"fs/{name}": build.REFERENCE / name for name in build.OURS}
        build_source.apply(tree, recipe.patch(), ours)
        # In a directory of its own: other warnings are another command line, and make would
        # compile everything again.
        objects, log = tmp_path / "objects", tmp_path / "log"
        objects.mkdir()
        options = tmp_path / "asked.config"
        options.write_text(build_config.text_of(build_config.merged(recipe.fragments, FIRST)))
        asked = {"KCONFIG_ALLCONFIG": str(options)}
        build_make.make(tree, objects, ["allnoconfig"], log=log, environment=asked)
        build_make.make(tree, objects, ["W=1", "fs/splice.o"], log=log)
    printed = log.read_text()
    assert "  CC      fs/splice.o" in printed
    assert re.findall(r".*process_vmsplice\S*:\d+.*warning:.*", printed) == []


def check(tree, argv):
    done = subprocess.run(argv, cwd=tree, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr
