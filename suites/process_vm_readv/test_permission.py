"""process_vm_readv: capabilities, dumpability, sharing and namespaces; ptrace(2)."""

from errno import EPERM

from fixtures.cases import clause, needs, table
from fixtures.identity import USER, Identity, set_capabilities
from fixtures.vectors import readv
from helpers.abi.constants import (
    CAP_CHOWN,
    CLONE_NEWUSER,
    CLONE_VM,
    PR_SET_DUMPABLE,
    SIGCHLD,
)
from helpers.memory import unchanged
from helpers.outcome import Err, Ok
from suites.shared import permission

pytestmark = [needs("process_vm_readv", "foreign-memory")]


def attempt(caller, target, local, remote, expected):
    """Read 20 bytes: the target's arrive, or nothing does."""
    result = readv(caller, target.pid, [local[:20]], [remote[5:25]])
    assert result == expected
    if result.ok:
        local.received([local[:20]], [remote.piece(remote[5:25])])
    else:
        unchanged(local, remote)


@needs("root")
@clause("process_vm_readv:permission:cap-sys-ptrace")
@permission.CAPABILITY
def test_cap_sys_ptrace_overrides_ids_and_nothing_else_does(
    caller, target, local, remote, caller_ids, keep, effective, target_ids, expected
):
    if caller_ids is not None:
        Identity(caller_ids, caller_ids, keep, effective).assume(caller)
    if target_ids is not None:
        Identity(target_ids, target_ids).assume(target)
    attempt(caller, target, local, remote, expected)


@needs("root")
@clause("process_vm_readv:permission:capabilities-of-target")
@permission.CAPABILITIES_OF_TARGET
def test_target_with_capabilities_that_the_caller_lacks_is_eperm(
    caller, target, local, remote, caller_keeps, effective, target_keeps, expected
):
    Identity.of(USER, keep=caller_keeps, effective=effective).assume(caller)
    Identity.of(USER, keep=target_keeps).assume(target)
    attempt(caller, target, local, remote, expected)


@needs("root")
@clause("process_vm_readv:permission:capabilities-of-target")
def test_permitted_capabilities_of_the_target_count_when_not_effective(
    caller, target, local, remote
):
    Identity.of(USER).assume(caller)
    Identity.of(USER, keep=(CAP_CHOWN,), effective=()).assume(target)
    attempt(caller, target, local, remote, Err(EPERM))


@needs("root")
@clause("process_vm_readv:permission:dumpable")
@permission.DUMPABLE
def test_target_that_is_not_dumpable_is_eperm(
    caller, target, local, remote, keep, caller_dumpable, target_dumpable, expected
):
    Identity.of(USER, keep=keep, dumpable=caller_dumpable).assume(caller)
    Identity.of(USER, dumpable=target_dumpable).assume(target)
    attempt(caller, target, local, remote, expected)


# Elsewhere fs.suid_dumpable may have been set to leave such a process dumpable.
@needs("root", "disposable")
@clause("process_vm_readv:permission:dumpable")
def test_target_that_changed_its_ids_is_not_dumpable(caller, target, local, remote):
    Identity.of(USER).assume(caller)
    target.queued.setresgid(*permission.ALICE)
    target.queued.setresuid(*permission.ALICE)
    attempt(caller, target, local, remote, Err(EPERM))


@clause("process_vm_readv:permission:own-memory")
@table("user", ("as-it-is", None), ("as-user", USER, needs("root")))
def test_own_memory_is_allowed_though_not_dumpable(caller, local, user):
    if user is not None:
        Identity.of(user).assume(caller)
    caller.queued.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    assert readv(caller, caller.pid, [local[:20]], [local[50:70]]) == Ok(20)
    local.received([local[:20]], [local.piece(local[50:70])])


@needs("root")
@clause("process_vm_readv:permission:own-memory")
@table("flags, expected", ("shared", CLONE_VM, Ok(20)), ("copied", 0, Err(EPERM)))
def test_memory_shared_with_the_target_is_allowed_whoever_the_caller_is(target, flags, expected):
    remote = target.pages(1, seed=2)
    caller = target.fork("caller", flags | SIGCHLD)
    local = caller.pages(1, seed=1)
    Identity.of(USER, dumpable=0).assume(caller)
    attempt(caller, target, local, remote, expected)


@needs("root")
@clause("process_vm_readv:permission:own-memory")
def test_thread_with_other_ids_is_allowed(target):
    remote = target.pages(1, seed=2)
    caller = target.thread("caller")
    local = caller.pages(1, seed=1)
    Identity.of(USER, dumpable=0).assume(caller)
    attempt(caller, target, local, remote, Ok(20))


@needs("user-namespaces")
@clause("process_vm_readv:permission:user-namespace")
def test_capabilities_in_a_child_namespace_do_not_count_for_its_parent(
    caller, target, local, remote
):
    # the ids are the same, and all capabilities are there: in the wrong namespace
    caller.must.unshare(CLONE_NEWUSER)
    attempt(caller, target, local, remote, Err(EPERM))


@needs("user-namespaces")
@clause("process_vm_readv:permission:user-namespace")
def test_capabilities_in_a_namespace_do_not_count_for_its_sibling(caller, target, local, remote):
    caller.must.unshare(CLONE_NEWUSER)
    target.must.unshare(CLONE_NEWUSER)
    attempt(caller, target, local, remote, Err(EPERM))


@needs("user-namespaces")
@clause("process_vm_readv:permission:user-namespace")
def test_owner_of_a_namespace_may_read_its_processes(caller, target, local, remote):
    target.must.unshare(CLONE_NEWUSER)
    set_capabilities(caller, ())
    attempt(caller, target, local, remote, Ok(20))


@needs("root", "user-namespaces")
@clause("process_vm_readv:permission:user-namespace")
def test_user_who_does_not_own_a_namespace_may_not(caller, target, local, remote):
    target.must.unshare(CLONE_NEWUSER)
    Identity.of(USER).assume(caller)
    attempt(caller, target, local, remote, Err(EPERM))
