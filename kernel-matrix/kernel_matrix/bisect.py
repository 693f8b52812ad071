"""Finds the commit from which on a case comes to something else, with git bisect."""

import re
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten
from typing import Any

from helpers.errors import UserError
from kernel_matrix import bisect_git, bisect_step, build_source, git
from kernel_matrix.bisect_git import Commit
from kernel_matrix.bisect_step import SAYS, Answer, Build, Finding, Plan, Run
from kernel_matrix.journal import Case
from kernel_matrix.providers import Say
from kernel_matrix.schedule import duration
from kernel_matrix.transitions import phrase, unchanged


@dataclass(frozen=True)
class Request:
    """What is looked for.

    Attributes:
        tree: a git tree of the kernel.
        case: the id of a case.
        good, bad: revisions.
        configs: fragments of configuration, over the small one.
        run: further arguments for kernel-matrix run.
    """

    tree: Path
    case: str
    good: str
    bad: str
    configs: tuple[Path, ...] = ()
    run: tuple[str, ...] = ()


@dataclass(frozen=True)
class Tools:
    """What builds, what runs, and how git starts a step; tests have others.

    Attributes:
        build, run: see bisect_step.
        script: from the file of a plan to the command line of a step.
    """

    build: Build = bisect_step.build
    run: Run = bisect_step.run
    script: Callable[[Path], Sequence[str]] = bisect_step.script


@dataclass(frozen=True)
class Outcome:
    """What a bisection came to.

    Attributes:
        request: what was looked for.
        good, bad: what the case came to at the ends.
        first: the commit, None if it is not known.
        before: what the case came to right before it, and
        after: from it on.
        candidates: the commits that it may be, where some could not be tested; the newest is bad.
        untested: why they could not be, by the commit's name.
        problem: why it is not known, one line; "" if it is.
        tested: how many commits were, the ends with them.
        directory: where everything about it is.
    """

    request: Request
    good: Case
    bad: Case
    first: Commit | None
    before: Finding
    after: Finding
    candidates: tuple[Commit, ...]
    untested: dict[str, str]
    problem: str
    tested: int
    directory: Path


def find(request: Request, directory: Path, say: Say, tools: Tools | None = None) -> Outcome:
    """Bisect; the user's checkout stays as it is, also when this is interrupted.

    Args:
        request: what is looked for.
        directory: an empty one, where everything about it goes.
        say: gets progress.
        tools: others than the real ones, for tests.

    Raises:
        UserError: there is nothing to find, or it cannot be looked for.
        KeyboardInterrupt: the user ended it; its text says what is known.
    """
    tools = tools or Tools()
    tree = bisect_git.repository(request.tree.expanduser())
    ends = _ends(tree, request)
    where = f"bisect-{tree.name}-{build_source.digest(str(tree))[:8]}"
    with build_source.workplace(where, say) as place:
        objects = place / "objects"
        try:
            with bisect_git.work_tree(tree, place / "tree", ends[0].sha) as work:
                plan = Plan(work, objects, directory, request.case, request.configs, request.run)
                return _bisect(request, plan, ends, tools, say)
        finally:
            # Without their sources, whose times make compares, they are of no use to anybody.
            shutil.rmtree(objects, ignore_errors=True)


def _ends(tree: Path, request: Request) -> tuple[Commit, Commit]:
    good, bad = (bisect_git.commit(tree, each) for each in (request.good, request.bad))
    if good.sha == bad.sha:
        raise UserError(f"--good and --bad are the same commit, {good.short}")
    if bisect_git.is_ancestor(tree, bad.sha, good.sha):
        raise UserError(
            f"--bad {bad.short} comes before --good {good.short}; --good is the older one, "
            "whatever the case comes to there"
        )
    for end in (good, bad):
        if not all(bisect_git.has(tree, end.sha, name) for name in ("Kconfig", "Kbuild")):
            raise UserError(f"{tree} at {end.short} is not a kernel's source tree")
    return good, bad


def _bisect(
    request: Request, plan: Plan, ends: tuple[Commit, Commit], tools: Tools, say: Say
) -> Outcome:
    good = _end("good", ends[0], plan, tools, say)
    # The first build was of everything; from here on it is what commits change.
    started, steps = time.monotonic(), 0
    bad = _end("bad", ends[1], plan, tools, say)
    if unchanged(good, bad):
        raise UserError(
            f"there is nothing to find: at {ends[0].short} as at {ends[1].short} the case comes to "
            f"{phrase(good)}"
        )
    plan = Plan(
        plan.tree, plan.objects, plan.directory, plan.case, plan.configs, plan.run, good, bad
    )
    file = plan.save(plan.directory / "plan.json")

    def tell(line: str) -> None:
        nonlocal steps
        if line.startswith(SAYS):
            say(line.removeprefix(SAYS))
        elif line.startswith("Bisecting: "):
            steps += 1
            say(with_time(line, (time.monotonic() - started) / steps))

    log = plan.directory / "bisect.log"
    try:
        conclusion = bisect_git.bisect(
            plan.tree, ends[0].sha, ends[1].sha, tools.script(file), tell, log
        )
    except KeyboardInterrupt:
        left = bisect_git.left(plan.tree)
        raise KeyboardInterrupt(f"it is one of {left} commits, by what is in {log}") from None
    return _outcome(request, plan, ends, conclusion)


def with_time(line: str, seconds: float) -> str:
    """What git says before a step, with how long it will take if a step takes so many seconds."""
    more = re.search(r"\(roughly (\d+) steps?\)$", line)
    return f"{line}, about {duration(seconds * (1 + int(more[1])))} left" if more else line


def _end(name: str, end: Commit, plan: Plan, tools: Tools, say: Say) -> Case:
    """What the case comes to at one end.

    Raises:
        UserError: that cannot be said.
    """
    say(f"the {name} end, {end.short}")
    git.output(plan.tree, "checkout", "--quiet", "--force", "--detach", end.sha)
    finding = bisect_step.examine(plan, end.sha, tools.build, tools.run, say)
    if finding.case is None or finding.why:
        lacks = finding.case is not None and finding.case.skip.get("class") == "config"
        hint = "; --config adds to the small configuration" if lacks else ""
        raise UserError(f"the {name} end, {end.short}, cannot be judged: {finding.told}{hint}")
    say(f"{end.short}: {finding.told}")
    return finding.case


def _outcome(
    request: Request, plan: Plan, ends: tuple[Commit, Commit], found: bisect_git.Conclusion
) -> Outcome:
    assert plan.good is not None
    assert plan.bad is not None
    if found.first and not _is_bad(plan, found.first):
        # git took a step that failed before it could say so for one that says "bad".
        found = bisect_git.Conclusion(problem=f"a step failed at {found.first[:12]}")
    first = bisect_git.described(plan.tree, found.first) if found.first else None
    before, after = Finding(plan.good), Finding(plan.bad)
    if first is not None:
        parents = git.output(plan.tree, "log", "-1", "--format=%P", first.sha).split()
        tested = (bisect_step.known(plan, each) for each in parents)
        before = next((each for each in tested if each is not None), before)
    problem = found.problem
    if problem and (stop := _stopped(plan)):
        problem = stop
    if problem and (left := bisect_git.left(plan.tree)):
        problem = f"{problem}; it is one of {left} commits"
    return Outcome(
        request, plan.good, plan.bad, first, before, after,
        tuple(bisect_git.described(plan.tree, each) for each in found.candidates),
        {each: finding.why for each in found.candidates
         if (finding := bisect_step.known(plan, each)) is not None and finding.why},
        problem, len(list(plan.directory.glob("*/finding.json"))), plan.directory,
    )  # fmt: skip


def _is_bad(plan: Plan, sha: str) -> bool:
    assert plan.good is not None
    assert plan.bad is not None
    found = bisect_step.known(plan, sha)
    return found is not None and bisect_step.judge(found, plan.good, plan.bad) is Answer.BAD


def _stopped(plan: Plan) -> str:
    """Why a step ended the bisection, "" if none did."""
    for path in plan.directory.glob("*/finding.json"):
        found = bisect_step.load(path, plan.case)
        if found is not None and found.fault:
            return f"at {path.parent.name}: {found.why}"
    return ""


def render(outcome: Outcome) -> str:
    """What a bisection came to, for people."""
    lines = []
    if outcome.first is not None:
        first = outcome.first
        lines += [
            f"first bad commit: {first.short}",
            f"  {first.author}, {first.date}",
            f"  before it:  {outcome.before.told}",
            f"  from it on: {outcome.after.told}",
        ]
    elif outcome.candidates:
        lines.append("the first bad commit is one of these, which cannot all be tested:")
        for each in outcome.candidates:
            why = shorten(outcome.untested.get(each.sha, ""), 72, placeholder=" ...")
            lines.append(f"  {each.short}{why and f': {why}'}")
        lines += [f"  before them: {outcome.before.told}", f"  after them:  {outcome.after.told}"]
    else:
        lines.append(f"the first bad commit is not known: {outcome.problem}")
    lines.append(f"{outcome.tested} commits were tested; all about it: {outcome.directory}")
    return "\n".join(lines)


def to_json(outcome: Outcome) -> dict[str, Any]:
    """The same for programs."""
    return {
        "case": outcome.request.case,
        "good": bisect_step.case_json(outcome.good),
        "bad": bisect_step.case_json(outcome.bad),
        "first": outcome.first and vars(outcome.first),
        "before": bisect_step.finding_json(outcome.before),
        "after": bisect_step.finding_json(outcome.after),
        "candidates": [
            {**vars(each), "why": outcome.untested.get(each.sha, "")} for each in outcome.candidates
        ],
        "problem": outcome.problem,
        "tested": outcome.tested,
        "directory": str(outcome.directory),
    }
