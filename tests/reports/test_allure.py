import json
import shutil
import subprocess
from pathlib import Path

import pytest

from helpers.errors import UserError
from kernel_matrix.reports import allure

from .samples import CASES, RUN, case, kernel, run

GENERATOR = "allure@3.18.0"


def written(directory: Path, found) -> dict[str, dict]:
    allure.write(directory, found)
    read = [json.loads(path.read_text()) for path in directory.glob("*-result.json")]
    return {each["name"]: each for each in read}


def test_every_verdict_has_its_status(tmp_path):
    found = written(tmp_path, RUN)
    assert {name: each["status"] for name, each in found.items()} == {
        "test_x[pass]": "passed",
        "test_x[fail]": "failed",
        "test_x[stale]": "failed",
        "test_x[crash]": "broken",
        "test_x[hang]": "broken",
        "test_x[error]": "broken",
        "test_x[miss]": "unknown",
        "test_x[skip]": "skipped",
        "test_x[deviation]": "failed",
    }
    assert found["test_x[deviation]"]["statusDetails"]["known"] is True


def test_what_a_result_carries(tmp_path):
    crash = written(tmp_path, RUN)["test_x[crash]"]
    labels = {each["name"]: each["value"] for each in crash["labels"]}
    assert labels["parentSuite"] == "debian:6.1"
    assert (labels["suite"], labels["subSuite"]) == ("vmsplice", "test_length")
    assert (labels["feature"], labels["story"]) == ("vmsplice", "vmsplice:errors:einval")
    assert (labels["severity"], labels["strength"]) == ("critical", "documented")
    assert {"name": "kernel", "value": "debian:6.1"} in crash["parameters"]
    assert crash["fullName"] == "suites.vmsplice.test_length#test_x"
    assert (crash["start"], crash["stop"]) == (1795392843250, 1795392843262)
    (console,) = crash["attachments"]
    assert console["name"] == "console"
    assert (tmp_path / console["source"]).read_text() == "[1.0] x\n[1.1] y\n"


def test_two_kernels_are_two_histories_of_one_case(tmp_path):
    found = run("r", kernel("a", "6.1", CASES[0]), kernel("b", "6.1", CASES[0]))
    allure.write(tmp_path, found)
    results = [json.loads(path.read_text()) for path in tmp_path.glob("*-result.json")]
    assert len({each["historyId"] for each in results}) == 2
    assert len({each["testCaseId"] for each in results}) == 1


def test_written_twice_it_is_the_same(tmp_path):
    first = written(tmp_path, RUN)
    assert written(tmp_path, RUN) == first


@pytest.mark.parametrize("text", ["a\x00b\x1b", "\ud800", "é" * 20000])
def test_any_text_can_be_in_it(tmp_path, text):
    bad = case(text, "crash", message=text, console=text, transcript=text, known=text)
    written(tmp_path, run("r", kernel("k", text, bad, problem=text)))


def test_a_directory_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="file: cannot be written"):
        allure.write(tmp_path / "file", RUN)


@pytest.mark.network
def test_allure_makes_a_report_of_it(tmp_path):
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("no npm to install Allure with")
    results, out = tmp_path / "results", tmp_path / "report"
    allure.write(results, run("r", *RUN.kernels, kernel("debian:6.12", "6.12.117", *CASES)))
    install = [npm, "install", "--no-audit", "--no-fund", "--silent", "--prefix", tmp_path]
    subprocess.run([*install, GENERATOR], check=True, timeout=300, capture_output=True)
    program = tmp_path / "node_modules" / ".bin" / "allure"
    subprocess.run(
        [program, "generate", results, "--output", out],
        cwd=tmp_path, check=True, timeout=120, capture_output=True,
    )  # fmt: skip
    stats = json.loads((out / "summary.json").read_text())["stats"]
    assert stats == {
        "total": 18, "passed": 2, "failed": 6, "broken": 6, "unknown": 2, "skipped": 2,
        "resolutions": {"accepted": 2},
    }  # fmt: skip
    assert (out / "index.html").stat().st_size > 1000
