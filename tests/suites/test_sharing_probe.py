"""Kernels may come that copy: no case of what sharing shows fails on one."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

FILES = (
    "suites/vmsplice/test_sharing.py",
    "suites/vmsplice/test_copy_on_write.py",
    "suites/vmsplice/test_huge_pages.py",
    "suites/vmsplice/test_capacity.py",
    "suites/splice/test_sharing.py",
    "suites/tee/test_transfer.py",
    "suites/process_vm_writev/test_copies.py",
)
#: Not what a call takes: pwritev2(2) waits for room for all of it, as vmsplice(2) must not.
SHORT = "not takes-what-fits and not many-pages-in-a-segment"
COPIES = ("vmsplice copies: what is written later is not seen",
          "splice copies: what is written later is not seen")  # fmt: skip


def ends(run_pytest: Callable[..., Any], journal: Path, *more: str) -> list[dict[str, Any]]:
    """The journal's "end" lines of the cases, on the running kernel."""
    done = run_pytest("-q", "-k", SHORT, "--journal", journal, *more, *FILES)
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    found = [line for line in lines if line["t"] == "end"]
    assert found, done.stdout + done.stderr
    return found


@pytest.fixture(scope="module")
def copying(
    tmp_path_factory: pytest.TempPathFactory, run_pytest: Callable[..., Any]
) -> list[dict[str, Any]]:
    journal = tmp_path_factory.mktemp("copying") / "journal.jsonl"
    return ends(run_pytest, journal, "-p", "tests.suites.copying")


def test_no_case_fails_on_a_kernel_that_copies(copying: list[dict[str, Any]]) -> None:
    wrong = {e["id"]: e["message"] for e in copying if e["verdict"] not in ("pass", "skip")}
    assert wrong == {}


def test_what_sharing_shows_is_skipped_there_and_nothing_else(
    copying: list[dict[str, Any]], run_pytest: Callable[..., Any], tmp_path: Path
) -> None:
    """What the running kernel, which shares, passes, is skipped for no other reason."""
    here = {e["id"]: e for e in ends(run_pytest, tmp_path / "journal.jsonl")}
    skipped = [e for e in copying if e["verdict"] == "skip" and here[e["id"]]["verdict"] == "pass"]
    assert {e["skip"]["class"] for e in skipped} == {"kernel-lacks"}
    assert {e["skip"]["reason"] for e in skipped} == set(COPIES)
    calls = {Path(e["id"]).parts[1] for e in skipped}
    assert calls == {"vmsplice", "splice", "tee", "process_vm_writev"}
    assert not [e["id"] for e in here.values() if e.get("skip", {}).get("reason") in COPIES]
