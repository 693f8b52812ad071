"""What is said of cases that crash, hang, damage and fail in a real machine; the rest runs."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kernel_matrix.journal import Journal, load
from tests.conftest import ROOT, environment

CASES = Path("tests/verdicts/hostile_cases.py")

pytestmark = pytest.mark.vm


@pytest.fixture(scope="module")
def run(
    tmp_path_factory: pytest.TempPathFactory, vm_kernel: str, run_pytest: Callable[..., Any]
) -> tuple[Journal, str]:
    """One run of all hostile cases: its journal and what it printed."""
    directory = tmp_path_factory.mktemp("hostile")
    done = run_pytest(
        CASES, "--kernel", vm_kernel, "--accel", "tcg",
        "--journal", directory / "journal.jsonl", "--run-dir", directory,
    )  # fmt: skip
    assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stdout + done.stderr
    return load(directory / "journal.jsonl"), done.stdout


VERDICTS = {
    "test_first": ("pass", ""),
    "test_panic": ("crash", "Kernel panic - not syncing: sysrq triggered crash"),
    "test_after_panic": ("pass", ""),
    "test_blocks_for_ever": ("hang", "did not come back from read("),
    "test_after_hang": ("pass", ""),
    "test_child_is_killed_by_sigsegv": ("fail", "killed by SIGSEGV in peek(0x10, 1)"),
    "test_warns": ("fail", "the kernel became tainted (warning): "),
    "test_after_warning": ("pass", ""),
    "test_is_slow": ("pass", ""),
    "test_complains": ("fail", "the kernel complained: WARNING: possible recursive locking"),
    "test_after_complaint": ("pass", ""),
    "test_spoils": ("pass", ""),
    "test_after_spoiling": ("pass", ""),
    "test_would_spoil": ("skip", ""),
    "test_after_not_spoiling": ("pass", ""),
    "test_fails": ("fail", "close(0) = 0, expected -1 EBADF (Bad file descriptor)"),
    "test_set_up_fails": ("error", 'openat(AT_FDCWD, "/no/such/file", 0, 0) = -1 ENOENT'),
    "test_lacks": ("skip", ""),
    "test_last[negative]": ("pass", ""),
    "test_last[high]": ("pass", ""),
}


@pytest.mark.parametrize("name", VERDICTS)
def test_the_verdict_says_what_happened(run: tuple[Journal, str], name: str) -> None:
    verdict, message = VERDICTS[name]
    case = run[0].cases[f"{CASES}::{name}"]
    assert case.verdict == verdict
    assert message in case.message


def test_every_case_has_ended_once(run: tuple[Journal, str]) -> None:
    assert [case.id.split("::")[1] for case in run[0].results()] == list(VERDICTS)


def test_a_machine_is_booted_again_after_a_panic_after_a_warning_and_when_spoilt(
    run: tuple[Journal, str],
) -> None:
    assert [boot["machine"] for boot in run[0].boots] == [1, 2, 3, 4, 5, 6, 7]


def test_a_hang_tells_the_state_and_where_it_waits(run: tuple[Journal, str]) -> None:
    message = run[0].cases[f"{CASES}::test_blocks_for_ever"].message
    assert "state S, in call 0, wait channel " in message


def test_a_failure_shows_call_expectation_and_transcript(run: tuple[Journal, str]) -> None:
    case = run[0].cases[f"{CASES}::test_fails"]
    assert case.observed == "0"
    assert "close(0) = 0\nE         expected -1 EBADF (Bad file descriptor)" in case.longrepr
    assert case.transcript.startswith("caller ")
    assert case.transcript.endswith(": close(0) = 0")


def test_what_dies_is_tried_once_more_in_a_fresh_machine(run: tuple[Journal, str]) -> None:
    again = {case.id.split("::")[1]: case.again for case in run[0].results() if case.again}
    assert again == dict.fromkeys(("test_panic", "test_blocks_for_ever"), "reproduced 1 of 1")


def test_a_complaint_has_a_title_and_a_trace(run: tuple[Journal, str]) -> None:
    panic = run[0].cases[f"{CASES}::test_panic"]
    assert panic.title == panic.attempts[0].title == "panic: sysrq triggered crash"
    assert "sysrq_handle_crash" in panic.trace
    assert run[0].cases[f"{CASES}::test_warns"].title == "WARNING in made_up"
    complained = run[0].cases[f"{CASES}::test_complains"]
    assert complained.title == "lockdep: possible recursive locking"
    assert run[0].cases[f"{CASES}::test_fails"].title == ""
    assert run[0].cases[f"{CASES}::test_is_slow"].title == ""


def test_console_lines_are_those_of_the_case(run: tuple[Journal, str]) -> None:
    journal = run[0]
    assert "sysrq: Trigger a crash" in journal.cases[f"{CASES}::test_panic"].console
    assert "made_up+0x1/0x2" in journal.cases[f"{CASES}::test_warns"].console
    assert "sysrq" not in journal.cases[f"{CASES}::test_warns"].console


def test_the_skip_has_a_class_and_a_reason(run: tuple[Journal, str]) -> None:
    assert run[0].cases[f"{CASES}::test_lacks"].skip == {
        "class": "config",
        "reason": "CONFIG_NO_SUCH_OPTION is not set",
    }


def test_the_terminal_shows_transcript_and_console(run: tuple[Journal, str]) -> None:
    printed = run[1]
    assert "CRASH: panic: sysrq triggered crash" in printed
    assert "reproduced 1 of 1" in printed
    assert 'write(3, "c", 1) <unfinished ...>' in printed
    assert "Traceback" not in printed


def test_a_kernel_that_panics_at_boot_ends_the_run_with_one_line(
    tmp_path: Path, vm_kernel: str, run_pytest: Callable[..., Any]
) -> None:
    kernel = json.loads(Path(vm_kernel.removeprefix("resolved:")).read_text())
    path = tmp_path / "kernel.json"
    path.write_text(json.dumps(kernel | {"cmdline": "rdinit=/no/such/init"}))
    done = run_pytest(
        CASES, "-k", "first or last", "--kernel", f"resolved:{path}", "--accel", "tcg",
        "--journal", tmp_path / "journal.jsonl", "--run-dir", tmp_path,
    )  # fmt: skip
    assert done.returncode == 3
    said = [line for line in done.stdout.splitlines() if line.startswith("! ")]
    assert len(said) == 1
    assert "no machine: " in said[0]
    assert "did not boot: Kernel panic - not syncing: " in said[0]
    assert "Traceback" not in done.stdout + done.stderr
    journal = load(tmp_path / "journal.jsonl")
    assert "Kernel panic" in journal.boots[0]["failed"]
    assert [case.verdict for case in journal.results()] == ["error", "miss", "miss"]


def test_a_machine_that_freezes_is_a_hang_and_is_replaced(
    tmp_path: Path, vm_kernel: str, run_pytest: Callable[..., Any]
) -> None:
    done = run_pytest(
        "tests/verdicts/frozen_cases.py", "--kernel", vm_kernel, "--accel", "tcg",
        "--timeout-scale", "0.2", "--journal", tmp_path / "journal.jsonl", "--run-dir", tmp_path,
    )  # fmt: skip
    assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stdout + done.stderr
    frozen, after = load(tmp_path / "journal.jsonl").results()
    assert (frozen.verdict, after.verdict) == ("hang", "pass")
    assert "the agent does not answer any more; waited for: getpid()" in frozen.message
    assert not qemu_of(tmp_path)


def qemu_of(directory: Path) -> list[int]:
    """The QEMU processes that log into a directory."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if b"qemu-system" in words and bytes(directory) in words:
            found.append(int(entry.name))
    return found


def test_a_killed_runner_leaves_its_verdicts_and_no_machine(tmp_path: Path, vm_kernel: str) -> None:
    path = tmp_path / "journal.jsonl"
    runner = subprocess.Popen(
        [
            sys.executable, "-m", "pytest", "-p", "no:cacheprovider", str(CASES),
            "-k", "first or blocks or last", "--kernel", vm_kernel, "--accel", "tcg",
            "--journal", path, "--run-dir", tmp_path,
        ],
        cwd=ROOT, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    blocked = f"{CASES}::test_blocks_for_ever"
    assert wait_until(lambda: path.exists() and blocked in load(path).running)
    assert len(qemu_of(tmp_path)) == 1
    os.kill(runner.pid, signal.SIGKILL)
    runner.wait()
    assert wait_until(lambda: not qemu_of(tmp_path))
    verdicts = {case.id.split("::")[1]: case.verdict for case in load(path).results()}
    assert verdicts == {
        "test_first": "pass",
        "test_blocks_for_ever": "error",
        "test_last[negative]": "miss",
        "test_last[high]": "miss",
    }


def wait_until(condition: Callable[[], bool], seconds: float = 60) -> bool:
    """Look again and again, for at most so long."""
    import select
    import time

    limit = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > limit:
            return False
        select.select([], [], [], 0.02)
    return True
