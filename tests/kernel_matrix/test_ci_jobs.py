"""The jobs of kernel-matrix/ci are run: each step's shell, with stand-ins for what they install.

A stand-in for `run` and for `.venv/bin/kernel-matrix` puts the running kernel and a small suite in
place of the kernels that a job names; what it is told else, it does.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from kernel_matrix import plan
from tests.conftest import environment

CI = Path(__file__).resolve().parents[2] / "kernel-matrix" / "ci"
FEW = "suites/tee/test_arguments.py"
OURS = f"""\
#!/bin/sh
# Of a job's kernels the running one, of all suites a small one.
for word; do
    shift
    case $word in
        path:*) word=local;;
        stock) set -- "$@" all --matrix {{matrix}}; continue;;
    esac
    set -- "$@" "$word"
done
case "$*" in *--help*) exit 0;; esac
case $1 in run) set -- "$@" --no-history -- {FEW};; merge) set -- "$@" --no-history;; esac
exec {sys.executable} -P -m kernel_matrix "$@"
"""
RUN = """\
#!/bin/sh
exec "$(dirname "$0")/../.venv/bin/kernel-matrix" run "$@"
"""
NOTHING = "#!/bin/sh\nexit 0\n"
SUDO = '#!/bin/sh\nexec "$@"\n'
CHMOD = '#!/bin/sh\ncase "$*" in */dev/*) exit 0;; esac\nexec /bin/chmod "$@"\n'
MAKE = "#!/bin/sh\nmkdir -p arch/x86/boot && touch arch/x86/boot/bzImage\n"
GIT = "#!/bin/sh\ntest -d kernel-matrix\n"


class Place:
    """A directory with a checkout of ours in it, and a PATH with the stand-ins."""

    def __init__(self, top: Path, checkout: str) -> None:
        self.top = top
        self.summary = top / "summary"
        self.output = top / "output"
        self.tree = top / "tree"
        ours = self.tree / checkout
        matrix = top / "matrix.toml"
        matrix.parent.mkdir(exist_ok=True)
        matrix.write_text('[[kernel]]\nselector = "local"\n')
        for name, text in (("sudo", SUDO), ("apt-get", NOTHING), ("make", MAKE), ("git", GIT),
                           ("chmod", CHMOD)):  # fmt: skip
            script(top / "bin" / name, text)
        script(ours / "kernel-matrix/run", RUN)
        script(ours / ".venv/bin/kernel-matrix", OURS.replace("{matrix}", str(matrix)))

    def run(self, *commands: str, shell: str = "bash", **variables: str) -> int:
        """The status of one step."""
        settings = {
            "PATH": f"{self.top / 'bin'}:{os.environ['PATH']}",
            "GITHUB_STEP_SUMMARY": str(self.summary), "GITHUB_OUTPUT": str(self.output),
        }  # fmt: skip
        done = subprocess.run(
            [shell, "-e", "-c", "\n".join(commands)], cwd=self.tree, check=False,
            env=environment() | settings | variables, capture_output=True, text=True,
        )  # fmt: skip
        print(done.stdout, done.stderr)
        return done.returncode


def script(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


def document(name: str) -> dict:
    found = YAML(typ="safe").load((CI / f"{name}.yml").read_text())
    assert isinstance(found, dict)
    return found


def steps(job: dict, place: Place, shell: str, **variables: str) -> list[int]:
    """The statuses of a job's steps; those that are not for a failed job are left out, as there."""
    statuses: list[int] = []
    for step in job["steps"]:
        when = step.get("if", "")
        if any(statuses) and "always()" not in when:
            continue
        file = re.search(r"hashFiles\('(.*?)'\)", when)
        if "run" in step and (file is None or (place.tree / file[1]).exists()):
            statuses.append(place.run(step["run"], shell=shell, **variables))
    return statuses


@pytest.fixture
def baseline(tmp_path: Path) -> Path:
    """What the job is compared with."""
    place = Place(tmp_path / "before", ".")
    assert place.run("./kernel-matrix/run --kernel local --report json --out results") == 0
    return place.tree / "results/results.json"


def test_the_jobs_of_a_kernels_tree(tmp_path, baseline):
    github, gitlab = (Place(tmp_path / name, "kernel-matrix") for name in ("github", "gitlab"))
    for place in (github, gitlab):
        shutil.copy(baseline, place.tree / "baseline.json")
    (job,) = document("github")["jobs"].values()
    assert set(steps(job, github, "bash")) == {0}
    assert github.summary.read_text() == (github.tree / "results/summary.md").read_text()
    (job,) = document("gitlab").values()
    assert gitlab.run(*job["before_script"], *job["script"]) == 0
    assert (gitlab.tree / job["artifacts"]["reports"]["junit"]).is_file()


def test_a_regression_is_a_red_job_with_a_summary(tmp_path, baseline):
    place = Place(tmp_path / "github", "kernel-matrix")
    data = json.loads(baseline.read_text())
    case = next(case for case in data["kernels"][0]["cases"] if case["verdict"] == "skip")
    case["verdict"] = "pass"
    (place.tree / "baseline.json").write_text(json.dumps(data))
    (job,) = document("github")["jobs"].values()
    assert steps(job, place, "bash")[-2] != 0
    assert case["id"].rpartition("::")[2] in place.summary.read_text()


def test_without_a_baseline_the_job_says_so(tmp_path, capfd):
    place = Place(tmp_path / "github", "kernel-matrix")
    (job,) = document("github")["jobs"].values()
    assert steps(job, place, "bash")[-1] == 2
    assert not place.summary.exists()
    assert "error: baseline.json: no such run or file" in capfd.readouterr().out


@pytest.mark.parametrize("lost", [False, True])
def test_shards_on_github(tmp_path, lost):
    jobs = document("github-shards")["jobs"]
    place = Place(tmp_path / "plan", ".")
    # In a container steps have sh.
    assert set(steps(jobs["plan"], place, "sh", SETUP="true")) == {0}
    name, _, value = place.output.read_text().strip().partition("=")
    assert name == "matrix"
    rows = json.loads(value)["include"]
    assert [row["shard"] for row in rows] == ["1/2", "2/2"]
    merged = Place(tmp_path / "merge", ".")
    for row in rows[: 1 if lost else 2]:
        cell = Place(tmp_path / row["name"], ".")
        settings = {"KERNEL": row["kernel"], "SHARD": row["shard"], "SETUP": "true"}
        assert set(steps(jobs["cell"], cell, "sh", **settings)) == {0}
        assert_artifact(f"part-{row['name']}", cell.tree / "part")
        shutil.copytree(cell.tree / "part", merged.tree / "parts" / f"part-{row['name']}")
    statuses = steps(jobs["merge"], merged, "sh", SETUP="true", PLAN=value)
    assert set(statuses[:-2]) == {0}
    assert statuses[-2:] == [3 if lost else 0, 0]
    assert ("missing: shard 2/2" in merged.summary.read_text()) is lost


def test_shards_on_gitlab(tmp_path):
    jobs = document("gitlab-shards")
    place = Place(tmp_path / "gitlab", ".")
    assert place.run(*jobs["plan"]["before_script"], *jobs["plan"]["script"]) == 0
    (planned,) = jobs["plan"]["artifacts"]["paths"]
    pipeline = json.loads((place.tree / planned).read_text())
    cells, merge = pipeline["kernel-matrix"], pipeline["merge"]
    for row in cells["parallel"]["matrix"]:
        assert place.run(*cells["before_script"], *cells["script"], **row) == 0
    assert len(list(place.tree.glob(cells["artifacts"]["reports"]["junit"]))) == 2
    assert place.run(*merge["before_script"], *merge["script"], **merge["variables"]) == 0
    assert (place.tree / "all/summary.md").is_file()
    assert merge["artifacts"]["paths"] == ["all"]


def assert_artifact(name: str, directory: Path) -> None:
    """upload-artifact takes it: a file system of Windows would."""
    for path in directory.rglob("*"):
        assert not re.search(r'[":<>|*?\r\n\\]', str(path.relative_to(directory)))
        assert path.is_file() or path.is_dir()
        assert not path.name.startswith(".")
    assert not re.search(r'[":<>|*?\r\n\\/]', name)


def test_the_merge_of_gitlab_has_the_plan():
    pipeline = json.loads(plan.render("gitlab", ["debian:6.1"], 2))
    data = json.loads(pipeline["merge"]["variables"]["PLAN"])
    assert plan.read(data) == plan.parts(["debian:6.1"], 2)
    # A dollar would be taken for a variable.
    assert "$" not in pipeline["merge"]["variables"]["PLAN"]
