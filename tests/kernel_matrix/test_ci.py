"""The examples of jobs in kernel-matrix/ci: by the CI systems' schemas, and by our command line."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest
from ruamel.yaml import YAML

from kernel_matrix import plan
from kernel_matrix.cli import cli
from kernel_matrix.reports import formats

CI = Path(__file__).resolve().parents[2] / "kernel-matrix" / "ci"
FILES = sorted(CI.glob("*.yml"))
SCREEN = (45, 100)
"""Lines and columns that the jobs for GitHub and GitLab may have together."""

KEPT = {"matrix.kernel", "matrix.shard", "matrix.name", "steps.plan.outputs.matrix"}
KEPT |= {"needs.plan.outputs.matrix", "fromJSON(needs.plan.outputs.matrix)"}


def texts(value: object) -> list[str]:
    """Every text in a document."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for item in value.values() for text in texts(item)]
    if isinstance(value, list):
        return [text for item in value for text in texts(item)]
    return []


def document(path: Path) -> object:
    return YAML(typ="safe").load(path.read_text())


def test_there_is_one_for_each_way():
    assert {path.stem for path in FILES} == {"github", "gitlab", "github-shards", "gitlab-shards"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_published_schema_takes_it(path):
    words = ["vendor.github-workflows"]
    if path.stem.startswith("gitlab"):
        words = ["vendor.gitlab-ci", "--data-transform", "gitlab-ci"]
    done = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", *words, path],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


def test_the_plan_for_gitlab_is_a_pipeline(tmp_path):
    (tmp_path / "plan.yml").write_text(plan.render("gitlab", ["debian:6.1", "local"], 2))
    test_the_published_schema_takes_it(tmp_path.joinpath("plan.yml").rename(tmp_path / "gitlab"))


def test_the_jobs_of_the_plan_for_gitlab_stand_alone():
    # A pipeline that another one starts has its own `default:`, not that of the other.
    planning = document(CI / "gitlab-shards.yml")["plan"]
    for job in json.loads(plan.render("gitlab", ["local"], 1)).values():
        for key in ("image", "before_script"):
            assert job[key] == planning[key]


COMMAND = re.compile(r"(?P<program>[\w./-]*kernel-matrix(?:/run)?) (?P<words>[^|>;&)\n]+)")


def commands(path: Path) -> list[list[str]]:
    """Our commands in a file, as the words that click gets."""
    found = []
    for text in texts(document(path)):
        for match in COMMAND.finditer(text):
            words = shlex.split(match["words"])
            if match["program"].endswith("kernel-matrix/run"):
                found.append(["run", *words])
            elif match["program"].endswith(".venv/bin/kernel-matrix"):
                found.append(words)
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_our_command_line_takes_what_it_says(path, tmp_path, monkeypatch):
    (tmp_path / "parts").mkdir()
    monkeypatch.chdir(tmp_path)
    found = commands(path)
    assert found
    for name, *words in found:
        if words == ["--help"]:
            continue
        words = ["1/2" if word == "$SHARD" else word for word in words]
        context = click.Context(cli)
        command = cli.get_command(context, name)
        assert command is not None
        parsed = command.make_context(name, words, parent=context).params
        for report in formats.named(parsed.get("reports") or ""):
            assert report
        if "markdown" in (parsed.get("reports") or ""):
            # What is shown as the job's summary is what is written.
            assert f"{parsed['out']}/summary.md" in path.read_text() or "gitlab" in path.stem


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_expressions_are_known(path):
    found = set(re.findall(r"\$\{\{ (.*?) \}\}", path.read_text()))
    assert found <= KEPT


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_nothing_from_outside_gets_into_a_shell(path):
    # An expression in a script is pasted, not quoted: kernels' names come by way of variables.
    for text in texts(document(path)):
        if "\n" in text or "kernel-matrix" in text:
            assert "${{" not in text


def test_the_jobs_of_a_kernels_tree_fit_on_a_screen():
    text = "".join((CI / f"{name}.yml").read_text() for name in ("github", "gitlab"))
    lines = text.splitlines()
    assert (len(lines), max(map(len, lines))) <= SCREEN
    assert max(map(len, lines)) <= SCREEN[1]


def test_scripts_of_gitlab_and_github_do_the_same():
    assert commands(CI / "github.yml") == commands(CI / "gitlab.yml")
