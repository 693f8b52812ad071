"""Hypothesis goes on though examples crash the machine, and a failure can be found again."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kernel_matrix.journal import Journal, load
from tests.conftest import ROOT

CASES = Path("tests/verdicts/breaking_properties.py")

pytestmark = pytest.mark.vm


@pytest.fixture(scope="module")
def run(
    tmp_path_factory: pytest.TempPathFactory, vm_kernel: str, run_pytest: Callable[..., Any]
) -> tuple[Journal, str]:
    """One run of them all: its journal and what it printed."""
    directory = tmp_path_factory.mktemp("breaking")
    done = run_pytest(
        CASES, "--kernel", vm_kernel, "--accel", "tcg", "--hypothesis-seed=5",
        "--journal", directory / "journal.jsonl", "--run-dir", directory,
    )  # fmt: skip
    assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stdout + done.stderr
    return load(directory / "journal.jsonl"), done.stdout


VERDICTS = {
    "test_panics_from_three_on": ("crash", "Kernel panic - not syncing: sysrq triggered crash"),
    "test_after_panics": ("pass", ""),
    "test_fails_from_nine_on": ("fail", "ten bytes are too many"),
    "test_children_are_fresh": ("pass", ""),
    "test_is_not_begun_on_a_kernel_without_the_call": ("skip", ""),
}


@pytest.mark.parametrize("name", VERDICTS)
def test_the_verdict_says_what_happened(run: tuple[Journal, str], name: str) -> None:
    verdict, message = VERDICTS[name]
    case = run[0].cases[f"{CASES}::{name}"]
    assert case.verdict == verdict
    assert message in case.message


@pytest.mark.parametrize(
    ("name", "smallest"), [("test_panics_from_three_on", 3), ("test_fails_from_nine_on", 9)]
)
def test_the_smallest_example_is_found(run: tuple[Journal, str], name: str, smallest: int) -> None:
    printed = re.sub(r"^E ", "  ", run[1], flags=re.MULTILINE)
    assert re.search(rf"{name}\(\s+example=\S+\s+number={smallest},", printed)


def test_machines_that_examples_crash_are_replaced(run: tuple[Journal, str]) -> None:
    assert len(run[0].boots) >= 3


def test_the_transcript_is_of_the_smallest_example(run: tuple[Journal, str]) -> None:
    transcript = run[0].cases[f"{CASES}::test_fails_from_nine_on"].transcript
    assert transcript.count("getpid()") == 1
    assert "mmap(0x10000000, 10, " in transcript


def test_the_seed_is_told(run: tuple[Journal, str]) -> None:
    assert run[1].count("--hypothesis-profile=ci --hypothesis-seed=5") == 2


def test_what_hypothesis_keeps_is_in_the_cache(
    tmp_path: Path, run_pytest: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERNEL_MATRIX_CACHE", str(tmp_path))
    monkeypatch.delenv("HYPOTHESIS_STORAGE_DIRECTORY", raising=False)
    before = [*ROOT.glob(".hypothesis/**/*")]
    run_pytest(CASES, "--collect-only")
    assert [*tmp_path.glob("hypothesis/*")]
    assert [*ROOT.glob(".hypothesis/**/*")] == before


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("--hypothesis-profile=fast", "no profile fast of property tests; there are: ci, thorough"),
        ("--hypothesis-seed=often", "--hypothesis-seed=often: expected a number"),
    ],
)
def test_a_wrong_option_is_one_line(run_pytest: Callable[..., Any], option: str, said: str) -> None:
    done = run_pytest(CASES, "--collect-only", option)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert f"ERROR: {said}" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
