"""process_vmsplice: ids, capabilities, dumpability, sharing and namespaces; ptrace(2)."""

from errno import EPERM

import pytest

from fixtures.cases import clause, needs, table
from fixtures.identity import OTHER, USER, Identity, set_capabilities
from fixtures.pipes import make_pipe
from helpers.abi.constants import (
    CAP_CHOWN,
    CLONE_NEWUSER,
    CLONE_VM,
    PR_SET_DUMPABLE,
    SIGCHLD,
    SPLICE_F_NONBLOCK,
)
from helpers.memory import Span
from helpers.outcome import Err, Ok
from suites.process_vmsplice.calls import send
from suites.shared import permission
from suites.shared.permission import ALLOWED, MOVED, REFUSED

pytestmark = needs("process_vmsplice", "foreign-memory")


def attempt(caller, target, pipe, remote, expected):
    """The target's bytes arrive, or nothing moves."""
    part = remote[5 : 5 + MOVED]
    assert send(caller, target.pid, pipe.write, [part]) == expected
    pipe.holds(*([remote.piece(part)] if expected.ok else []))
    remote.unchanged()


@needs("root")
@clause("process_vmsplice:permission:same-ids")
@table("groups", ("alike", ()), ("target-has-more-groups", (0, OTHER)))
def test_same_ids_are_allowed(caller, target, pipe, remote, groups):
    Identity.of(USER).assume(caller)
    Identity.of(USER, groups=groups).assume(target)
    attempt(caller, target, pipe, remote, ALLOWED)


@needs("root")
@clause("process_vmsplice:permission:each-id")
@permission.OTHER_IDS_OF_TARGET
def test_one_other_id_of_the_target_is_eperm(caller, target, pipe, remote, uids, gids):
    Identity.of(USER).assume(caller)
    Identity(uids, gids).assume(target)
    attempt(caller, target, pipe, remote, REFUSED)


@needs("root")
@clause("process_vmsplice:permission:real-ids-of-caller")
@permission.IDS_OF_CALLER
def test_real_ids_of_the_caller_decide(caller, target, pipe, remote, uids, gids, expected):
    Identity(uids, gids).assume(caller)
    Identity.of(USER).assume(target)
    attempt(caller, target, pipe, remote, expected)


@needs("root")
@clause("process_vmsplice:permission:real-ids-of-caller")
def test_supplementary_group_does_not_count(caller, target, pipe, remote):
    Identity.of(USER, OTHER, groups=(USER,)).assume(caller)
    Identity.of(USER).assume(target)
    attempt(caller, target, pipe, remote, REFUSED)


@needs("root")
@clause("process_vmsplice:errors:eperm")
def test_user_may_not_look_into_root(caller, target, pipe, remote):
    Identity.of(USER).assume(caller)
    attempt(caller, target, pipe, remote, REFUSED)


@needs("root")
@clause("process_vmsplice:permission:cap-sys-ptrace")
@permission.CAPABILITY
def test_cap_sys_ptrace_overrides_ids_and_nothing_else_does(
    caller, target, pipe, remote, caller_ids, keep, effective, target_ids, expected
):
    if caller_ids is not None:
        Identity(caller_ids, caller_ids, keep, effective).assume(caller)
    if target_ids is not None:
        Identity(target_ids, target_ids).assume(target)
    attempt(caller, target, pipe, remote, expected)


@needs("root")
@clause("process_vmsplice:permission:capabilities-of-target")
@permission.CAPABILITIES_OF_TARGET
def test_target_with_capabilities_that_the_caller_lacks_is_eperm(
    caller, target, pipe, remote, caller_keeps, effective, target_keeps, expected
):
    Identity.of(USER, keep=caller_keeps, effective=effective).assume(caller)
    Identity.of(USER, keep=target_keeps).assume(target)
    attempt(caller, target, pipe, remote, expected)


@needs("root")
@clause("process_vmsplice:permission:capabilities-of-target")
def test_permitted_capabilities_of_the_target_count_when_not_effective(
    caller, target, pipe, remote
):
    Identity.of(USER).assume(caller)
    Identity.of(USER, keep=(CAP_CHOWN,), effective=()).assume(target)
    attempt(caller, target, pipe, remote, REFUSED)


@needs("root")
@clause("process_vmsplice:permission:dumpable")
@permission.DUMPABLE
def test_target_that_is_not_dumpable_is_eperm(
    caller, target, pipe, remote, keep, caller_dumpable, target_dumpable, expected
):
    Identity.of(USER, keep=keep, dumpable=caller_dumpable).assume(caller)
    Identity.of(USER, dumpable=target_dumpable).assume(target)
    attempt(caller, target, pipe, remote, expected)


# Elsewhere fs.suid_dumpable may have been set to leave such a process dumpable.
@needs("root", "disposable")
@clause("process_vmsplice:permission:dumpable")
def test_target_that_changed_its_ids_is_not_dumpable(caller, target, pipe, remote):
    Identity.of(USER).assume(caller)
    target.queued.setresgid(*permission.ALICE)
    target.queued.setresuid(*permission.ALICE)
    attempt(caller, target, pipe, remote, REFUSED)


@clause("process_vmsplice:permission:own-memory")
@table("user", ("as-it-is", None), ("as-user", USER, needs("root")))
def test_own_memory_is_allowed_though_not_dumpable(caller, pipe, local, user):
    if user is not None:
        Identity.of(user).assume(caller)
    caller.queued.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    attempt(caller, caller, pipe, local, ALLOWED)


@needs("root")
@clause("process_vmsplice:permission:own-memory")
@table("flags, expected", ("shared", CLONE_VM, ALLOWED), ("copied", 0, REFUSED))
def test_memory_shared_with_the_target_is_allowed_whoever_the_caller_is(target, flags, expected):
    remote = target.pages(1, seed=2)
    caller = target.fork("caller", flags | SIGCHLD)
    pipe = make_pipe(caller)
    Identity.of(USER, dumpable=0).assume(caller)
    attempt(caller, target, pipe, remote, expected)


@needs("root")
@clause("process_vmsplice:permission:own-memory")
def test_thread_with_other_ids_is_allowed(target):
    remote = target.pages(1, seed=2)
    caller = target.thread("caller")
    pipe = make_pipe(caller)
    Identity.of(USER, dumpable=0).assume(caller)
    attempt(caller, target, pipe, remote, ALLOWED)


@needs("user-namespaces")
@clause("process_vmsplice:permission:user-namespace")
@table("both", ("of-its-parent", False), ("of-its-sibling", True))
def test_capabilities_in_a_namespace_do_not_count_for_others(caller, target, pipe, remote, both):
    # the ids are the same, and all capabilities are there: in the wrong namespace
    caller.must.unshare(CLONE_NEWUSER)
    if both:
        target.must.unshare(CLONE_NEWUSER)
    attempt(caller, target, pipe, remote, REFUSED)


@needs("user-namespaces")
@clause("process_vmsplice:permission:user-namespace")
def test_owner_of_a_namespace_may_look_into_its_processes(caller, target, pipe, remote):
    target.must.unshare(CLONE_NEWUSER)
    set_capabilities(caller, ())
    attempt(caller, target, pipe, remote, ALLOWED)


@needs("root", "user-namespaces")
@clause("process_vmsplice:permission:user-namespace")
def test_user_who_does_not_own_a_namespace_may_not(caller, target, pipe, remote):
    target.must.unshare(CLONE_NEWUSER)
    Identity.of(USER).assume(caller)
    attempt(caller, target, pipe, remote, REFUSED)


@pytest.fixture
def forbidden(caller, target):
    """A target that the caller may not look into."""
    target.session.settle()
    Identity.of(USER).assume(caller)
    return target


@needs("root")
@clause("process_vmsplice:order:permission-before-memory")
@table("what", ("hole", "hole"), ("no-bytes", "empty"))
def test_permission_is_asked_for_before_memory_is_looked_at(caller, forbidden, pipe, remote, what):
    part = remote[:0] if what == "empty" else Span(remote.end, 9)
    assert send(caller, forbidden.pid, pipe.write, [part]) == Err(EPERM)
    pipe.holds()


@needs("root")
@clause("process_vmsplice:order:permission-before-sleep")
@table("flags", ("plain", 0), ("nonblock", SPLICE_F_NONBLOCK))
def test_who_may_not_look_does_not_wait_for_room(caller, forbidden, full_pipe, remote, flags):
    assert send(caller, forbidden.pid, full_pipe.write, [remote], flags) == Err(EPERM)
    full_pipe.holds(full_pipe.content())


@needs("root")
@clause("process_vmsplice:permission:asked-each-time")
def test_permission_that_was_lost_is_refused(caller, target, pipe, remote):
    assert send(caller, target.pid, pipe.write, [remote[:9]]) == Ok(9)
    Identity.of(USER).assume(caller)
    assert send(caller, target.pid, pipe.write, [remote[9:18]]) == Err(EPERM)
    pipe.holds(remote.piece(remote[:9]))
