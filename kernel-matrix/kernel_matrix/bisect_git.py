"""git, as a bisection uses it: everything happens in a work tree of its own.

The user's checkout, index and branches are not touched; what git bisect notes down belongs to that
work tree (gitrepository-layout(5): refs/bisect and BISECT_* are per work tree) and goes with it.
"""

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from helpers.errors import UserError
from kernel_matrix import git

_END_SECONDS = 60.0


@dataclass(frozen=True)
class Commit:
    """A commit, for people.

    Attributes:
        sha: its whole name.
        subject: the first line of its message.
        author: name and address.
        date: of the commit, ISO 8601.
    """

    sha: str
    subject: str
    author: str
    date: str

    @property
    def short(self) -> str:
        """As the kernel's documentation wants commits cited: 12 digits and the subject."""
        return f'{self.sha[:12]} ("{self.subject}")'


@dataclass(frozen=True)
class Conclusion:
    """What git bisect came to.

    Attributes:
        first: the first bad commit, "" if there is not one.
        candidates: those that it may be, where some could not be tested.
        problem: why there is neither, as git says it.
    """

    first: str = ""
    candidates: tuple[str, ...] = ()
    problem: str = ""


def repository(tree: Path) -> Path:
    """The top of a tree that git knows.

    Raises:
        UserError: it is none.
    """
    if not tree.is_dir():
        raise UserError(f"{tree}: no such directory; name a git tree of the kernel")
    try:
        bare = git.output(tree, "rev-parse", "--is-bare-repository").strip() == "true"
        if bare:
            return tree.absolute()
        return Path(git.output(tree, "rev-parse", "--show-toplevel").strip())
    except UserError as error:
        raise UserError(f"{tree} is not a git tree: {error}") from error


def commit(tree: Path, revision: str) -> Commit:
    """The commit that a revision names.

    Raises:
        UserError: it names none.
    """
    try:
        # What begins with a dash would be an option.
        sha = git.output(
            tree, "rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}"
        )
    except UserError as error:
        raise UserError(
            f"{tree} has no commit {revision!r}; name one that is there, or fetch it"
        ) from error
    return described(tree, sha.strip())


def described(tree: Path, sha: str) -> Commit:
    """A commit whose name is known."""
    text = git.output(
        tree, "log", "-1", "--no-show-signature", "--format=%H%n%s%n%an <%ae>%n%cI", sha
    )
    return Commit(*text.splitlines()[:4])


def has(tree: Path, sha: str, path: str) -> bool:
    """Whether a file is in a commit."""
    with suppress(UserError):
        git.output(tree, "cat-file", "-e", f"{sha}:{path}")
        return True
    return False


def is_ancestor(tree: Path, old: str, new: str) -> bool:
    """Whether a commit is part of another's history."""
    return git.output(tree, "rev-list", "--count", old, f"^{new}").strip() == "0"


@contextmanager
def work_tree(tree: Path, place: Path, sha: str) -> Iterator[Path]:
    """A work tree of a repository at a commit; it is gone after the block.

    Args:
        tree: the repository.
        place: where; what a bisection that was killed has left there is removed.
        sha: the commit.

    Raises:
        UserError: git cannot make it.
    """
    _remove(tree, place)
    try:
        git.output(tree, "worktree", "add", "--quiet", "--detach", str(place), sha)
        yield place
    finally:
        _remove(tree, place)


def _remove(tree: Path, place: Path) -> None:
    """First the repository knows nothing of it any more: its files take longer, and are ours."""
    old = place.with_name(f"{place.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if place.exists():
        place.rename(old)
    with suppress(UserError):  # there is none
        git.output(tree, "worktree", "remove", "--force", "--force", str(place))
    shutil.rmtree(old, ignore_errors=True)


def bisect(
    place: Path,
    good: str,
    bad: str,
    script: Sequence[str],
    tell: Callable[[str], None],
    log: Path,
) -> Conclusion:
    """Run git bisect in a work tree; whatever happens, nothing of it still runs afterwards.

    Args:
        place: the work tree.
        good: a commit from before the change.
        bad: one that has it.
        script: is run for each commit: its status is 0 good, 1 bad, 125 cannot be tested, from 128
            on it ends the bisection.
        tell: gets each line that git and the script print.
        log: gets them too, and git's own log.
    """
    with log.open("w", errors="replace") as out:
        status, lines = _run(git.argv(place, "bisect", "start", bad, good), out.write, tell)
        if status:
            return Conclusion(problem=_last(lines))
        try:
            _, lines = _run(git.argv(place, "bisect", "run", *script), out.write, tell)
        finally:
            told = git.output(place, "bisect", "log")
            out.write(f"\n{told}")
    return concluded(told, lines)


def left(place: Path) -> int:
    """How many commits may be the first bad one, by what is known so far; 0 if nothing is."""
    if not git.output(place, "for-each-ref", "refs/bisect/bad"):
        return 0
    good = git.output(
        place, "for-each-ref", "--format=^%(objectname)", "refs/bisect/good-*"
    ).split()
    return int(git.output(place, "rev-list", "--count", "refs/bisect/bad", *good))


def _run(
    command: list[str], write: Callable[[str], object], tell: Callable[[str], None]
) -> tuple[int, list[str]]:
    process = subprocess.Popen(
        command,
        env=git.environment(),
        stdin=subprocess.PIPE,  # it closes when we are gone: bisect_step.end_with_the_bisection()
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,  # the terminal's interrupt is for us, and we end all of it
    )
    assert process.stdin is not None
    assert process.stdout is not None
    # Not communicate() is to close it: the step would be interrupted while it ends.
    ours, process.stdin = process.stdin, None
    lines = []
    with ours, process.stdout as output:
        try:
            for line in output:
                write(line)
                lines.append(line.rstrip("\n"))
                tell(lines[-1])
        except BaseException:
            _end(process)
            raise
    return process.wait(), lines


def _end(process: subprocess.Popen[str]) -> None:
    """End git and the script; both may be asked, and what they started ends with them."""
    assert process.stdout is not None
    for number in (signal.SIGINT, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        try:
            # git ends at once, the script when it has cleaned up: then nobody has the pipe.
            process.communicate(timeout=_END_SECONDS)
        except subprocess.TimeoutExpired:
            continue
        return


def concluded(log: str, lines: Sequence[str] = ()) -> Conclusion:
    """What git bisect came to, by its own log.

    Args:
        log: what git bisect log prints.
        lines: what it printed while it ran.
    """
    first = re.search(r"^# first bad commit: \[(\w+)\]", log, re.MULTILINE)
    if first:
        return Conclusion(first[1])
    candidates = re.findall(r"^# possible first bad commit: \[(\w+)\]", log, re.MULTILINE)
    if candidates:
        return Conclusion(candidates=tuple(candidates))
    return Conclusion(problem=_last(lines))


def _last(lines: Sequence[str]) -> str:
    """The line of git's that says why it ended."""
    said = [line for line in lines if line.strip()]
    for start in ("The merge base ", "fatal: ", "error: "):
        if found := [line for line in said if line.startswith(start)]:
            return found[-1]
    return (said or ["git bisect said nothing"])[-1]
