"""pytest by itself, on the running kernel: several machines, Allure's results, mistakes."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kernel_matrix.journal import load
from tests.conftest import ROOT, environment

SUITE = "suites/process_vm_readv/test_flags.py"
FAILING = "tests/verdicts/failing_cases.py"


@pytest.fixture
def results(tmp_path: Path, run_pytest: Callable[..., Any]) -> dict[str, dict[str, Any]]:
    """Allure's results of a few cases, by name."""
    run_pytest(SUITE, FAILING, "--alluredir", tmp_path)
    found = {}
    for path in tmp_path.glob("*-result.json"):
        result = json.loads(path.read_text())
        names = {(tmp_path / a["source"]).read_text() for a in result.get("attachments", [])}
        found[result["name"]] = result | {"texts": names}
    return found


def labels(result: dict[str, Any]) -> dict[str, str]:
    return {label["name"]: label["value"] for label in result["labels"]}


def test_allure_shows_clause_strength_and_transcript(results: dict[str, dict[str, Any]]) -> None:
    failed = results["test_fails"]
    assert failed["status"] == "failed"
    told = labels(failed)
    assert told["feature"] == "process_vm_readv"
    assert told["story"] == "process_vm_readv:errors:einval-flags"
    assert (told["strength"], told["severity"]) == ("documented", "critical")
    assert "flags argument" in failed["description"]
    assert any("process_vm_readv(" in text and "= 0" in text for text in failed["texts"])
    assert {r["status"] for name, r in results.items() if name != "test_fails"} == {"passed"}


def test_a_failure_names_call_clause_and_expectation(run_pytest: Callable[..., Any]) -> None:
    printed = run_pytest(FAILING).stdout
    assert "process_vm_readv(0, NULL, 0, NULL, 0, 0) = 0" in printed
    wanted = "expected -1 EINVAL (Invalid argument) (clause process_vm_readv:errors:einval-flags"
    assert f"{wanted}, documented)" in printed
    assert "helpers/" not in printed, "a failure is shown at the case's own line"


def test_a_directory_that_nobody_named_does_not_stay(
    run_pytest: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    run_pytest(FAILING, "-n", "2")
    assert list(tmp_path.glob("kernel-matrix-*")) == []


def test_a_reason_to_skip_is_told_once_with_its_count(run_pytest: Callable[..., Any]) -> None:
    printed = run_pytest("suites/process_vmsplice/test_presence.py", "--process-vmsplice-nr", "600")
    lines = [line for line in printed.stdout.splitlines() if line.startswith("SKIPPED")]
    assert [line.split(maxsplit=2)[2] for line in lines] == [
        "kernel-lacks: call 600 is not there: ENOSYS"
    ]
    assert f"{lines[0].split()[1]} skipped" in printed.stdout


def test_several_machines_share_one_journal(tmp_path: Path, run_pytest: Callable[..., Any]) -> None:
    path = tmp_path / "journal.jsonl"
    done = run_pytest(SUITE, FAILING, "-n", "2", "--journal", path, "--run-dir", tmp_path)
    assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stdout + done.stderr
    journal = load(path)
    assert journal.bad_lines == 0
    assert {boot["worker"] for boot in journal.boots} == {"gw0", "gw1"}
    verdicts = {case.id: case.verdict for case in journal.results()}
    assert len(verdicts) == len(journal.collected) > 3
    assert [name for name, verdict in verdicts.items() if verdict == "fail"] == [
        f"{FAILING}::test_fails"
    ]
    assert journal.finish is not None
    assert journal.finish["exitstatus"] == 1


@pytest.mark.parametrize(
    ("arguments", "variables", "said"),
    [
        (["--kernel", "nonsense:1"], {}, "unknown kernel selector 'nonsense:1'"),
        (["--kernel", "path:/no/such/file"], {}, "/no/such/file"),
        (["--kernel", "resolved:/no/such/file"], {}, "cannot read the kernel description"),
        ([], {"KERNEL_MATRIX_ACCEL": "fast"}, "KERNEL_MATRIX_ACCEL=fast: expected auto, kvm or"),
        ([], {"PROCESS_VMSPLICE_NR": "many"}, "PROCESS_VMSPLICE_NR=many: expected a call number"),
        (["--journal", "/no/such/directory/j"], {}, "cannot write the journal"),
        ([], {"KERNEL_MATRIX_CACHE": "/proc/none"}, "cannot write to the cache /proc/none"),
    ],
)
def test_a_mistake_is_one_line(
    tmp_path: Path, arguments: list[str], variables: dict[str, str], said: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", SUITE, *arguments],
        cwd=ROOT, env=environment() | {"TMPDIR": str(tmp_path)} | variables,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    printed = done.stdout + done.stderr
    assert done.returncode == pytest.ExitCode.USAGE_ERROR, printed
    assert said in printed
    assert "Traceback" not in printed
    assert "INTERNALERROR" not in printed


def test_no_compiler_is_one_line(tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("git", "sh", "env", "setpriv"):
        found = shutil.which(name)
        if found:
            (programs / name).symlink_to(found)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", SUITE],
        cwd=ROOT, capture_output=True, text=True, check=False,
        env=environment() | {"PATH": str(programs), "KERNEL_MATRIX_CACHE": str(tmp_path / "cache")},
    )  # fmt: skip
    printed = done.stdout + done.stderr
    assert done.returncode == pytest.ExitCode.USAGE_ERROR, printed
    assert "gcc" in printed
    assert "Traceback" not in printed
    agents = tmp_path / "cache" / "agent"
    assert not agents.exists() or not list(agents.iterdir())
