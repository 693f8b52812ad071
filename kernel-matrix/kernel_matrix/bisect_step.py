"""One commit of a bisection: build it, run the case on it, say good, bad or neither.

    python -m kernel_matrix.bisect_step PLAN

is what git bisect runs, in the work tree with the commit checked out. Its statuses are git's: 0
good, 1 bad, 125 this commit cannot be tested, 128 and more end the bisection (git-bisect(1)).
"""

import json
import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

from helpers.errors import UserError
from helpers.kernel import Kernel
from kernel_matrix import bisect_build, bisect_git, errands, git, history_rows
from kernel_matrix.cells import Status
from kernel_matrix.journal import Case
from kernel_matrix.manifest import ROOT
from kernel_matrix.providers import Say
from kernel_matrix.reports import results
from kernel_matrix.transitions import phrase, telling, unchanged

SAYS = "kernel-matrix: "
"""Lines of a step for people begin with this; all others are git's."""


class Answer(IntEnum):
    """What a step says to git bisect."""

    GOOD = 0
    BAD = 1
    SKIP = 125
    ABORT = 129


@dataclass(frozen=True)
class Plan:
    """What all steps of a bisection have in common; a JSON file tells them.

    Attributes:
        tree: the work tree.
        objects: where kernels are built.
        directory: of the bisection; each commit has one in it.
        case: the id of the case.
        configs: fragments of configuration over the small one.
        run: further arguments for kernel-matrix run.
        good, bad: what the case came to at the ends, None while that is being found out.
    """

    tree: Path
    objects: Path
    directory: Path
    case: str
    configs: tuple[Path, ...] = ()
    run: tuple[str, ...] = ()
    good: Case | None = None
    bad: Case | None = None

    def save(self, path: Path) -> Path:
        """Write it for the steps."""
        data = {
            "tree": str(self.tree),
            "objects": str(self.objects),
            "directory": str(self.directory),
            "case": self.case,
            "configs": [str(each) for each in self.configs],
            "run": list(self.run),
            "good": case_json(self.good),
            "bad": case_json(self.bad),
        }
        path.write_text(json.dumps(data, indent=1) + "\n")
        return path

    @classmethod
    def load(cls, path: Path) -> "Plan":
        """Read it again."""
        data = json.loads(path.read_text())
        return cls(
            Path(data["tree"]),
            Path(data["objects"]),
            Path(data["directory"]),
            data["case"],
            tuple(map(Path, data["configs"])),
            tuple(data["run"]),
            case_from(data["case"], data["good"]),
            case_from(data["case"], data["bad"]),
        )


def case_json(case: Case | None) -> dict[str, Any] | None:
    """What a case came to, for JSON."""
    return case if case is None else {"verdict": case.verdict, **history_rows.details(case)}


def case_from(name: str, data: Mapping[str, Any] | None) -> Case | None:
    """The same as a case."""
    return data if data is None else history_rows.case_of(name, data["verdict"], json.dumps(data))


@dataclass(frozen=True)
class Finding:
    """What one commit came to.

    Attributes:
        case: the result; None if there is none.
        why: why there is none, or none that says something.
        fault: that is our fault, not the commit's.
        sha256: of the kernel.
    """

    case: Case | None = None
    why: str = ""
    fault: bool = False
    sha256: str = ""

    @property
    def told(self) -> str:
        """For people."""
        return self.why or (phrase(self.case) if self.case else "nothing")


def judge(finding: Finding, good: Case, bad: Case) -> Answer:
    """A commit is bad if it does what the bad end does; another change than that is none."""
    if finding.fault:
        return Answer.ABORT
    if finding.case is None or finding.why:
        return Answer.SKIP
    return Answer.BAD if unchanged(bad, finding.case) else Answer.GOOD


Build = Callable[[Plan, str, Path, Say], Kernel]
Run = Callable[[Plan, Kernel, Path], Finding]


def examine(plan: Plan, sha: str, build: Build, run: Run, say: Say) -> Finding:
    """Build the commit that is checked out and run the case on it, unless the result is known.

    An image that was run before does the same again: many commits change nothing in it.
    """
    directory = plan.directory / sha[:12]
    found = known(plan, sha)
    if found is not None and not found.fault:
        return found
    directory.mkdir(parents=True, exist_ok=True)
    try:
        kernel = build(plan, sha, directory, say)
    except bisect_build.Unbuildable as error:
        finding = Finding(why=f"does not build: {error}")
    except UserError as error:
        finding = Finding(why=str(error), fault=True)
    else:
        finding = _same_image(plan, kernel.sha256) or run(plan, kernel, directory)
    (directory / "finding.json").write_text(json.dumps(finding_json(finding), indent=1) + "\n")
    return finding


def known(plan: Plan, sha: str) -> Finding | None:
    """What a commit came to when it was tested, None if it was not."""
    return load(plan.directory / sha[:12] / "finding.json", plan.case)


def _same_image(plan: Plan, sha256: str) -> Finding | None:
    for path in plan.directory.glob("*/finding.json"):
        found = load(path, plan.case)
        if found is not None and found.sha256 == sha256 and not found.fault:
            return found
    return None


def finding_json(finding: Finding) -> dict[str, Any]:
    """A finding for JSON."""
    return {
        "case": case_json(finding.case),
        "why": finding.why,
        "fault": finding.fault,
        "sha256": finding.sha256,
    }


def load(path: Path, case: str) -> Finding | None:
    """A finding that was kept, None if there is none."""
    try:
        data = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return Finding(case_from(case, data["case"]), data["why"], data["fault"], data["sha256"])


def build(plan: Plan, sha: str, directory: Path, say: Say) -> Kernel:
    """See bisect_build.build()."""
    log = directory / "build.log"
    return bisect_build.build(plan.tree, plan.objects, plan.configs, sha[:12], log, say)


def run(plan: Plan, kernel: Kernel, directory: Path) -> Finding:
    """Run the case on a kernel, as kernel-matrix run does."""
    # The name of the file is the name of the kernel in the run.
    described = directory / kernel.id
    described.write_text(json.dumps(kernel.to_json(), indent=1) + "\n")
    out = directory / "run"
    if out.exists():  # of a step that was interrupted
        out.rename(directory / f"run-{os.getpid()}")
    argv = [sys.executable, "-P", "-m", "kernel_matrix", "run", "--no-history", "--out", str(out)]
    argv += ["--kernel", f"resolved:{described}", *plan.run, "--", plan.case]
    done = subprocess.run(
        errands.bound(argv, "INT"), cwd=ROOT, env=environment(), stdin=subprocess.DEVNULL,
        capture_output=True, text=True, errors="replace", check=False,
    )  # fmt: skip
    if done.returncode == Status.INTERRUPTED:
        raise KeyboardInterrupt
    try:
        (found,) = results.load_run(out).kernels
    except (UserError, ValueError):
        return Finding(why=_last_line(done.stderr or done.stdout), fault=True)
    return read(found, plan.case, kernel.sha256)


def read(found: results.KernelResults, ident: str, sha256: str) -> Finding:
    """What a run of one case says of the commit.

    That no machine came up is the commit's fault: at both ends of the bisection one did.
    """
    case = found.cases.get(ident)
    summary = found.summary
    if not found.boots or all("failed" in boot for boot in found.boots):
        fault = summary.blame is Status.USAGE
        return Finding(why=f"does not boot: {summary.problem}", fault=fault, sha256=sha256)
    if case is None or case.verdict == "miss":
        return Finding(why=f"the case did not run: {summary.problem}", sha256=sha256)
    if case.verdict == "error":
        return Finding(case, f"error: {case.message}", fault=True, sha256=sha256)
    if case.verdict == "skip":
        return Finding(case, phrase(case), sha256=sha256)
    if case.flaky:
        return Finding(case, f"flaky: {case.again}", sha256=sha256)
    assert telling(case)
    return Finding(case, sha256=sha256)


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()] or ["it said nothing"]
    return f"kernel-matrix run: {lines[-1].removeprefix('error: ')}"


def environment() -> dict[str, str]:
    """In which our packages are found from anywhere, also in a kernel's tree."""
    paths = os.pathsep.join(map(str, (ROOT, ROOT / "kernel-matrix")))
    return git.environment() | {"PYTHONPATH": paths}


def script(plan: Path) -> Sequence[str]:
    """The command line of a step."""
    return (sys.executable, "-P", "-m", "kernel_matrix.bisect_step", str(plan))


def tell(line: str) -> None:
    """One line for people, by way of git; without anybody who reads it the bisection ends."""
    try:
        os.write(sys.stdout.fileno(), f"{SAYS}{line}\n".encode(errors="replace"))
    except BrokenPipeError:
        raise SystemExit(Answer.ABORT) from None


def end_with_the_bisection() -> None:
    """End, with what was started, when the process that bisects is gone.

    git stands between us, in several processes: what tells is our standard input, a pipe of which
    that process alone has the other end (bisect_git).
    """
    if not stat.S_ISFIFO(os.fstat(0).st_mode):
        return

    def wait() -> None:
        os.read(0, 1)
        os.killpg(0, signal.SIGINT)

    threading.Thread(target=wait, daemon=True).start()


def main(words: Sequence[str], build: Build = build, run: Run = run) -> int:
    """Examine the commit that is checked out.

    Whatever goes wrong with us ends the bisection: Python's own status for it, 1, is "bad".
    """
    try:
        end_with_the_bisection()
        return _answer(words, build, run)
    except KeyboardInterrupt:
        return 128 + 2
    except UserError as error:
        tell(f"stop: {error}")
    except Exception as error:
        tell(f"stop: internal error: {type(error).__name__}: {error}")
    return Answer.ABORT


def _answer(words: Sequence[str], build: Build, run: Run) -> Answer:
    plan = Plan.load(Path(words[0]))
    assert plan.good is not None
    assert plan.bad is not None
    sha = git.output(plan.tree, "rev-parse", "HEAD").strip()
    finding = examine(plan, sha, build, run, tell)
    answer = judge(finding, plan.good, plan.bad)
    word = {Answer.SKIP: "cannot be tested", Answer.ABORT: "stop"}.get(answer, answer.name.lower())
    tell(f"{bisect_git.described(plan.tree, sha).short}: {word}: {finding.told}")
    return answer


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
