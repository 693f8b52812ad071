"""Who may look into whom: the rules of ptrace(2), access mode checking, for every call."""

from errno import EPERM
from functools import partial
from typing import Any

import pytest

from fixtures.identity import OTHER, USER, Identity, set_capabilities
from helpers.abi.constants import (
    CAP_CHOWN,
    CAP_SYS_NICE,
    CAP_SYS_PTRACE,
    CLONE_NEWUSER,
    CLONE_VM,
    PR_SET_DUMPABLE,
    SIGCHLD,
)
from helpers.memory import Memory
from helpers.outcome import Err, Ok, Result
from suites.shared.execute import execute, program_with_mode
from suites.shared.reach import NAMED_SEED, Body, Reach, Scene
from suites.shared.rows import Row, instances

MOVED = 20
ALLOWED, REFUSED = Ok(MOVED), Err(EPERM)
SAME = (USER, USER, USER)
ALICE, BOB = SAME, (OTHER, OTHER, OTHER)
Ids = tuple[int, int, int]
Capabilities = tuple[int, ...]


def attempt(reach: Reach, pid: int, memory: Memory, expected: Result) -> None:
    """A few bytes are moved, or none."""
    part = memory[5 : 5 + MOVED]
    assert reach(pid, [part]) == expected
    reach.moved(memory, *([part] if expected.ok else []))


def judged(scene: Scene, expected: Result) -> None:
    """What comes of the caller's attempt at the target."""
    attempt(scene.reach, scene.target.pid, scene.memory(), expected)


def same_ids(scene: Scene, groups: tuple[int, ...]) -> None:
    """Whoever has the target's user and group is allowed, whatever other groups it has."""
    Identity.of(USER).assume(scene.caller)
    Identity.of(USER, groups=groups).assume(scene.target)
    judged(scene, ALLOWED)


def one_other_id(scene: Scene, uids: Ids, gids: Ids) -> None:
    """Any single id of the target that is not the caller's is enough to refuse."""
    Identity.of(USER).assume(scene.caller)
    Identity(uids, gids).assume(scene.target)
    judged(scene, REFUSED)


def real_ids_of_the_caller(scene: Scene, uids: Ids, gids: Ids, expected: Result) -> None:
    """Of the caller's ids the real ones count."""
    Identity(uids, gids).assume(scene.caller)
    Identity.of(USER).assume(scene.target)
    judged(scene, expected)


def supplementary_group(scene: Scene) -> None:
    """That the target's group is among the caller's supplementary ones does not help."""
    Identity.of(USER, OTHER, groups=(USER,)).assume(scene.caller)
    Identity.of(USER).assume(scene.target)
    judged(scene, REFUSED)


def user_against_root(scene: Scene) -> None:
    """A user may not look into root's processes."""
    Identity.of(USER).assume(scene.caller)
    judged(scene, REFUSED)


def capability(
    scene: Scene,
    ids: Ids | None,
    keep: Capabilities,
    effective: Capabilities | None,
    target_ids: Ids | None,
    expected: Result,
) -> None:
    """CAP_SYS_PTRACE, effective, overrides ids; no other capability does."""
    if ids is not None:
        Identity(ids, ids, keep, effective).assume(scene.caller)
    if target_ids is not None:
        Identity(target_ids, target_ids).assume(scene.target)
    judged(scene, expected)


def capabilities_of_the_target(
    scene: Scene,
    keep: Capabilities,
    effective: Capabilities | None,
    target_keeps: Capabilities,
    target_effective: Capabilities | None,
    expected: Result,
) -> None:
    """What the target is permitted the caller must be permitted too."""
    Identity.of(USER, keep=keep, effective=effective).assume(scene.caller)
    Identity.of(USER, keep=target_keeps, effective=target_effective).assume(scene.target)
    judged(scene, expected)


def dumpable(scene: Scene, keep: Capabilities, own: int, of_target: int, expected: Result) -> None:
    """A target that is not dumpable takes CAP_SYS_PTRACE; whether the caller is does not matter."""
    Identity.of(USER, keep=keep, dumpable=own).assume(scene.caller)
    Identity.of(USER, dumpable=of_target).assume(scene.target)
    judged(scene, expected)


def target_that_changed_its_ids(scene: Scene) -> None:
    """A change of ids clears dumpability: prctl(2), PR_SET_DUMPABLE."""
    Identity.of(USER).assume(scene.caller)
    scene.target.queued.setresgid(*ALICE)
    scene.target.queued.setresuid(*ALICE)
    judged(scene, REFUSED)


def executed(scene: Scene, mode: int, keep: Capabilities, expected: Result) -> None:
    """A target that executes a file which it cannot read is not dumpable: execve(2), proc(5)."""
    Identity.of(USER, keep=keep).assume(scene.caller)
    path = program_with_mode(scene.target, mode)
    Identity.of(USER).assume(scene.target)
    execute(scene.target, path)
    judged(scene, expected)


def own_memory(scene: Scene, user: int | None) -> None:
    """A process may always look into itself."""
    memory = scene.caller.pages(1, seed=NAMED_SEED)
    if user is not None:
        Identity.of(user).assume(scene.caller)
    scene.caller.queued.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    attempt(scene.reach, scene.caller.pid, memory, ALLOWED)


def relative(scene: Scene, flags: int, expected: Result) -> None:
    """Who shares the target's memory is allowed whoever it is; who has a copy is not."""
    memory = scene.memory()
    caller = scene.target.fork("relative", flags | SIGCHLD)
    reach = scene.reach_from(caller)
    Identity.of(USER, dumpable=0).assume(caller)
    attempt(reach, scene.target.pid, memory, expected)


def thread_with_other_ids(scene: Scene) -> None:
    """A thread of the target is allowed, though its ids are others."""
    memory = scene.memory()
    thread = scene.target.thread("thread")
    reach = scene.reach_from(thread)
    Identity.of(USER, dumpable=0).assume(thread)
    attempt(reach, scene.target.pid, memory, ALLOWED)


def capabilities_in_a_namespace(scene: Scene, *, both: bool) -> None:
    """All capabilities in a user namespace of one's own do not count for its parent or sibling."""
    scene.caller.must.unshare(CLONE_NEWUSER)
    if both:
        scene.target.must.unshare(CLONE_NEWUSER)
    judged(scene, REFUSED)


def owner_of_the_namespace(scene: Scene) -> None:
    """Who owns a user namespace may look into its processes."""
    scene.target.must.unshare(CLONE_NEWUSER)
    set_capabilities(scene.caller, ())
    judged(scene, ALLOWED)


def stranger_to_the_namespace(scene: Scene) -> None:
    """Who does not own it may not."""
    scene.target.must.unshare(CLONE_NEWUSER)
    Identity.of(USER).assume(scene.caller)
    judged(scene, REFUSED)


#: The target's ids; the caller's are all USER.
_OTHER_IDS = (
    ("real-uid", (OTHER, USER, USER), SAME),
    ("effective-uid", (USER, OTHER, USER), SAME),
    ("saved-uid", (USER, USER, OTHER), SAME),
    ("real-gid", SAME, (OTHER, USER, USER)),
    ("effective-gid", SAME, (USER, OTHER, USER)),
    ("saved-gid", SAME, (USER, USER, OTHER)),
    ("all-uids", BOB, SAME),
    ("all-gids", SAME, BOB),
    ("all", BOB, BOB),
    ("saved-uid-of-root", (USER, USER, 0), SAME),
    ("saved-gid-of-root", SAME, (USER, USER, 0)),
)

#: The caller's ids; the target's are all USER.
_IDS_OF_CALLER = (
    ("real-uid-alone-is-the-targets", (USER, OTHER, OTHER), SAME, ALLOWED),
    ("real-uid-alone-is-another", (OTHER, USER, USER), SAME, REFUSED),
    ("effective-uid-alone-is-the-targets", (OTHER, USER, OTHER), SAME, REFUSED),
    ("saved-uid-alone-is-the-targets", (OTHER, OTHER, USER), SAME, REFUSED),
    ("real-gid-alone-is-the-targets", SAME, (USER, OTHER, OTHER), ALLOWED),
    ("real-gid-alone-is-another", SAME, (OTHER, USER, USER), REFUSED),
    ("effective-gid-alone-is-the-targets", SAME, (OTHER, USER, OTHER), REFUSED),
    ("saved-gid-alone-is-the-targets", SAME, (OTHER, OTHER, USER), REFUSED),
    ("effective-ids-are-another", (USER, OTHER, OTHER), (USER, OTHER, OTHER), ALLOWED),
    # the effective uid 0 comes without capabilities here
    ("effective-uid-of-root-alone", (OTHER, 0, 0), SAME, REFUSED),
)

#: The caller's ids, capabilities, the effective ones of them; the target's ids.
_CAPABILITY = (
    ("other-user-with-it", ALICE, (CAP_SYS_PTRACE,), None, BOB, ALLOWED),
    ("other-user-with-others", ALICE, (CAP_CHOWN, CAP_SYS_NICE), None, BOB, REFUSED),
    ("permitted-but-not-effective", ALICE, (CAP_SYS_PTRACE,), (), BOB, REFUSED),
    ("user-against-root-with-it", ALICE, (CAP_SYS_PTRACE,), None, None, ALLOWED),
    ("root-without-it", (0, 0, 0), (CAP_CHOWN,), None, ALICE, REFUSED),
    ("root-with-it-alone", (0, 0, 0), (CAP_SYS_PTRACE,), None, ALICE, ALLOWED),
    ("root-with-everything", None, (), None, ALICE, ALLOWED),
    ("root-without-it-against-root", (0, 0, 0), (CAP_CHOWN,), None, None, REFUSED),
)

#: The caller's capabilities, the effective ones of them; the same of the target.
_CAPABILITIES = (
    ("target-has-one", (), None, (CAP_CHOWN,), None, REFUSED),
    ("target-has-another", (CAP_CHOWN,), None, (CAP_SYS_NICE,), None, REFUSED),
    ("target-has-more", (CAP_CHOWN,), None, (CAP_CHOWN, CAP_SYS_NICE), None, REFUSED),
    ("both-have-the-same", (CAP_CHOWN,), None, (CAP_CHOWN,), None, ALLOWED),
    ("caller-has-more", (CAP_CHOWN, CAP_SYS_NICE), None, (CAP_CHOWN,), None, ALLOWED),
    ("callers-permitted-ones-count", (CAP_CHOWN,), (), (CAP_CHOWN,), None, ALLOWED),
    ("targets-permitted-ones-count", (), None, (CAP_CHOWN,), (), REFUSED),
    ("cap-sys-ptrace-makes-up-for-it", (CAP_SYS_PTRACE,), None, (CAP_CHOWN,), None, ALLOWED),
)

#: The caller's capabilities, whether it is dumpable, whether the target is.
_DUMPABLE = (
    ("target-is-not", (), 1, 0, REFUSED),
    ("target-is-not-but-cap-sys-ptrace", (CAP_SYS_PTRACE,), 1, 0, ALLOWED),
    ("target-is-not-and-other-capability", (CAP_CHOWN,), 1, 0, REFUSED),
    ("neither-is", (), 0, 0, REFUSED),
    ("caller-is-not", (), 0, 1, ALLOWED),
)

#: Rights of the file that the target executes, the caller's capabilities.
_EXECUTED = (
    ("readable", 0o755, (), ALLOWED),
    ("unreadable", 0o711, (), REFUSED),
    ("unreadable-but-cap-sys-ptrace", 0o711, (CAP_SYS_PTRACE,), ALLOWED),
)

_ROOT, _USER_NAMESPACES = ("root",), ("user-namespaces",)


def _bound(body: Any, *values: Any) -> Body:
    return lambda scene: body(scene, *values)


def _each(prefix: str, body: Any, rows: Any, *promises: str) -> list[Row]:
    return [Row(f"{prefix}-{name}", _bound(body, *rest), promises, _ROOT) for name, *rest in rows]


ROWS = (
    Row("same-ids", partial(same_ids, groups=()), ("permission:same-ids",), _ROOT),
    Row(
        "same-ids-target-has-more-groups",
        partial(same_ids, groups=(0, OTHER)),
        ("permission:same-ids",),
        _ROOT,
    ),
    Row("user-against-root", user_against_root, ("errors:eperm",), _ROOT),
    *_each("target-has-another", one_other_id, _OTHER_IDS, "permission:each-id", "errors:eperm"),
    *_each("caller", real_ids_of_the_caller, _IDS_OF_CALLER, "permission:real-ids-of-caller"),
    Row("supplementary-group", supplementary_group, ("permission:real-ids-of-caller",), _ROOT),
    *_each("capability", capability, _CAPABILITY, "permission:cap-sys-ptrace"),
    *_each(
        "capabilities",
        capabilities_of_the_target,
        _CAPABILITIES,
        "permission:capabilities-of-target",
    ),
    *_each("dumpable", dumpable, _DUMPABLE, "permission:dumpable"),
    # elsewhere fs.suid_dumpable may have been set to leave such a process dumpable
    Row(
        "dumpable-target-changed-its-ids",
        target_that_changed_its_ids,
        ("permission:dumpable",),
        ("root", "disposable"),
    ),
    *[
        Row(
            f"executed-{name}",
            _bound(executed, *rest),
            ("permission:dumpable",),
            ("root", "disposable"),
        )
        for name, *rest in _EXECUTED
    ],
    Row("own-memory", partial(own_memory, user=None), ("permission:own-memory",)),
    Row("own-memory-as-user", partial(own_memory, user=USER), ("permission:own-memory",), _ROOT),
    Row(
        "shared-memory",
        partial(relative, flags=CLONE_VM, expected=ALLOWED),
        ("permission:own-memory",),
        _ROOT,
    ),
    Row(
        "copied-memory",
        partial(relative, flags=0, expected=REFUSED),
        ("permission:own-memory",),
        _ROOT,
    ),
    Row("thread-with-other-ids", thread_with_other_ids, ("permission:own-memory",), _ROOT),
    Row(
        "namespace-of-the-parent",
        partial(capabilities_in_a_namespace, both=False),
        ("permission:user-namespace",),
        _USER_NAMESPACES,
    ),
    Row(
        "namespace-of-a-sibling",
        partial(capabilities_in_a_namespace, both=True),
        ("permission:user-namespace",),
        _USER_NAMESPACES,
    ),
    Row(
        "namespace-and-its-owner",
        owner_of_the_namespace,
        ("permission:user-namespace",),
        _USER_NAMESPACES,
    ),
    Row(
        "namespace-and-a-stranger",
        stranger_to_the_namespace,
        ("permission:user-namespace",),
        ("root", "user-namespaces"),
    ),
)


def cases(call: str) -> pytest.MarkDecorator:
    """All of them for one call."""
    return instances(call, ROWS)
