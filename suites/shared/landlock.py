"""Landlock: who is in a domain looks into nobody outside it, for every call with a pid.

landlock(7), Ptrace restrictions: the caller's domain must be the target's, or one that the target's
lies in. It comes on top of the other rules: CAP_SYS_PTRACE does not help.
"""

from functools import partial

import pytest

from fixtures.identity import USER, Identity
from helpers import abi
from helpers.abi import constants as c
from helpers.child import Child
from helpers.outcome import Result
from suites.shared.permission import ALLOWED, REFUSED, attempt, judged
from suites.shared.reach import NAMED_SEED, Scene
from suites.shared.rows import Row, instances


def enter_domain(child: Child) -> None:
    """Have a child enter a domain of its own, inside the one that it is in."""
    rules = abi.new("uint64_t *", c.LANDLOCK_ACCESS_FS_MAKE_CHAR)
    child.queued.prctl(c.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    ruleset = child.must.landlock_create_ruleset(rules, 8, 0)
    child.must.landlock_restrict_self(ruleset, 0)


def apart(scene: Scene, caller: int, target: int, expected: Result) -> None:
    """Domains that each of the two enters by itself: none is inside one of the other's."""
    for child, times in ((scene.caller, caller), (scene.target, target)):
        for _ in range(times):
            enter_domain(child)
    judged(scene, expected)


def as_user(scene: Scene) -> None:
    """The same for two processes of a user."""
    for child in (scene.caller, scene.target):
        Identity.of(USER).assume(child)
    enter_domain(scene.caller)
    judged(scene, REFUSED)


def one_domain(scene: Scene, caller: int, child: int, *, up: bool, expected: Result) -> None:
    """A parent and its child in one domain, and how many more each enters inside it."""
    enter_domain(scene.caller)
    relative = scene.caller.fork("relative")
    relative.session.settle()
    for who, times in ((scene.caller, caller), (relative, child)):
        for _ in range(times):
            enter_domain(who)
    maker, owner = (relative, scene.caller) if up else (scene.caller, relative)
    memory = owner.pages(1, seed=NAMED_SEED)
    attempt(scene.reach_from(maker), owner.pid, memory, expected)


def oneself(scene: Scene) -> None:
    """A process in a domain may look into itself."""
    enter_domain(scene.caller)
    attempt(scene.reach, scene.caller.pid, scene.caller.pages(1, seed=NAMED_SEED), ALLOWED)


ROWS = (
    ("caller-in-a-domain", partial(apart, caller=1, target=0, expected=REFUSED), ()),
    ("target-in-a-domain", partial(apart, caller=0, target=1, expected=ALLOWED), ()),
    ("each-in-its-own", partial(apart, caller=1, target=1, expected=REFUSED), ()),
    ("caller-in-a-domain-as-user", as_user, ("root",)),
    ("same-domain", partial(one_domain, caller=0, child=0, up=False, expected=ALLOWED), ()),
    ("same-domain-parent", partial(one_domain, caller=0, child=0, up=True, expected=ALLOWED), ()),
    ("target-further-in", partial(one_domain, caller=0, child=1, up=False, expected=ALLOWED), ()),
    ("caller-further-in", partial(one_domain, caller=0, child=1, up=True, expected=REFUSED), ()),
    ("both-further-in", partial(one_domain, caller=1, child=1, up=False, expected=REFUSED), ()),
    ("own-memory", oneself, ()),
)


def cases(call: str) -> pytest.MarkDecorator:
    """All of them for one call."""
    promises = ("permission:landlock",)
    return instances(
        call, [Row(name, body, promises, ("landlock", *needs)) for name, body, needs in ROWS]
    )
