"""Yama's scopes, which restrict attaching alone: for every call with a pid.

Documentation/admin-guide/LSM/Yama.rst. A call that asked for PTRACE_MODE_READ would not notice.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest

from fixtures.identity import USER, Identity
from helpers.abi import constants as c
from helpers.outcome import Result
from suites.shared.permission import ALLOWED, REFUSED, attempt, judged
from suites.shared.reach import NAMED_SEED, Reach, Scene
from suites.shared.rows import Row, instances

NEEDS = ("root", "disposable", "config:CONFIG_SECURITY_YAMA")
NOBODY, ANYBODY = 0, (1 << 64) - 1
_PATH = "/proc/sys/kernel/yama/ptrace_scope"
_PROMISES = ("permission:yama",)


@contextmanager
def scope(scene: Scene, value: int) -> Iterator[None]:
    """Set for a block; 3 cannot be left again."""
    keeper = scene.new_child("keeper")
    fd = keeper.must.openat(c.AT_FDCWD, _PATH, c.O_RDWR, 0)
    before = keeper.memory(1)
    keeper.must.pread64(fd, before, 1, 0)
    keeper.must.pwrite64(fd, str(value).encode(), 1, 0)
    try:
        yield
    finally:
        if value < 3:
            keeper.must.pwrite64(fd, before, 1, 0)


def strangers(
    scene: Scene, value: int, tracer: int, keep: tuple[int, ...], expected: Result
) -> None:
    """Two processes of a user; the target may have allowed somebody, PR_SET_PTRACER."""
    Identity.of(USER, keep=keep).assume(scene.caller)
    Identity.of(USER).assume(scene.target)
    scene.target.must.prctl(c.PR_SET_PTRACER, tracer, 0, 0, 0)
    with scope(scene, value):
        judged(scene, expected)


def descendant(scene: Scene, value: int, expected: Result) -> None:
    """A grandchild."""
    Identity.of(USER).assume(scene.caller)
    child = scene.caller.fork("child").fork("grandchild")
    memory = child.pages(1, seed=NAMED_SEED)
    child.must.prctl(c.PR_SET_DUMPABLE, 1, 0, 0, 0)
    with scope(scene, value):
        attempt(scene.reach, child.pid, memory, expected)


def oneself(scene: Scene, value: int) -> None:
    """A process may look into itself in every scope."""
    Identity.of(USER).assume(scene.caller)
    with scope(scene, value):
        attempt(scene.reach, scene.caller.pid, scene.caller.pages(1, seed=NAMED_SEED), ALLOWED)


def scope_3(scene: Scene) -> None:
    """Nobody looks into another process, by whatever right, and it cannot be left again.

    All that is to be said of it, because it takes a machine.
    """
    root, user = scene.caller, scene.new_child("user")
    Identity.of(USER).assume(user)
    Identity.of(USER).assume(scene.target)
    scene.target.must.prctl(c.PR_SET_PTRACER, ANYBODY, 0, 0, 0)
    child = user.fork("child")
    sharer = root.fork("sharer", c.CLONE_VM | c.SIGCHLD)
    memory, of_child = scene.memory(), child.pages(1, seed=NAMED_SEED)
    child.must.prctl(c.PR_SET_DUMPABLE, 1, 0, 0, 0)
    own, of_user = (who.pages(1, seed=NAMED_SEED) for who in (root, user))
    by: dict[str, Reach] = {
        "root": scene.reach,
        "user": scene.reach_from(user),
        "sharer": scene.reach_from(sharer),
    }
    with scope(scene, 3):
        attempt(by["root"], scene.target.pid, memory, REFUSED)
        attempt(by["user"], scene.target.pid, memory, REFUSED)
        attempt(by["user"], child.pid, of_child, REFUSED)
        # who has the memory already is not asked
        attempt(by["root"], root.pid, own, ALLOWED)
        attempt(by["user"], user.pid, of_user, ALLOWED)
        attempt(by["sharer"], root.pid, own, ALLOWED)


#: Scope, whom the target allows, what the caller keeps.
_STRANGERS = (
    ("0", 0, NOBODY, (), ALLOWED),
    ("1-sibling", 1, NOBODY, (), REFUSED),
    ("1-anybody-may", 1, ANYBODY, (), ALLOWED),
    ("1-cap-sys-ptrace", 1, NOBODY, (c.CAP_SYS_PTRACE,), ALLOWED),
    ("2", 2, NOBODY, (), REFUSED),
    ("2-anybody-may", 2, ANYBODY, (), REFUSED),
    ("2-cap-sys-ptrace", 2, NOBODY, (c.CAP_SYS_PTRACE,), ALLOWED),
)


def cases(call: str) -> pytest.MarkDecorator:
    """Those that can be undone, for one call."""
    rows = [
        Row(
            name,
            partial(strangers, value=value, tracer=tracer, keep=keep, expected=expected),
            _PROMISES,
            NEEDS,
        )
        for name, value, tracer, keep, expected in _STRANGERS
    ]
    rows += [
        Row("1-descendant", partial(descendant, value=1, expected=ALLOWED), _PROMISES, NEEDS),
        Row("2-descendant", partial(descendant, value=2, expected=REFUSED), _PROMISES, NEEDS),
        Row("2-own-memory", partial(oneself, value=2), _PROMISES, NEEDS),
    ]
    return instances(call, rows)
