"""process_vm_readv: whose user and group ids allow it; ptrace(2), access mode checking."""

from errno import EPERM

from fixtures.cases import clause, needs
from fixtures.identity import OTHER, USER, Identity
from fixtures.vectors import readv
from helpers.memory import unchanged
from helpers.outcome import Err, Ok
from suites.shared import permission

pytestmark = [needs("process_vm_readv", "foreign-memory", "root")]


def allowed(caller, target, local, remote):
    """The call works, and gives the target's bytes."""
    assert readv(caller, target.pid, [local[:20]], [remote[5:25]]) == Ok(20)
    local.received([local[:20]], [remote.piece(remote[5:25])])


def refused(caller, target, local, remote):
    """The call is EPERM, and moves nothing."""
    assert readv(caller, target.pid, [local[:20]], [remote[5:25]]) == Err(EPERM)
    unchanged(local, remote)


@clause("process_vm_readv:permission:same-ids")
def test_same_ids_are_allowed(caller, target, local, remote):
    Identity.of(USER).assume(caller)
    Identity.of(USER).assume(target)
    allowed(caller, target, local, remote)


@clause("process_vm_readv:errors:eperm")
@clause("process_vm_readv:permission:each-id")
@permission.OTHER_IDS_OF_TARGET
def test_one_other_id_of_the_target_is_eperm(caller, target, local, remote, uids, gids):
    Identity.of(USER).assume(caller)
    Identity(uids, gids).assume(target)
    refused(caller, target, local, remote)


@clause("process_vm_readv:permission:real-ids-of-caller")
@permission.IDS_OF_CALLER
def test_real_ids_of_the_caller_decide(caller, target, local, remote, uids, gids, expected):
    Identity(uids, gids).assume(caller)
    Identity.of(USER).assume(target)
    attempt = allowed if expected.ok else refused
    attempt(caller, target, local, remote)


@clause("process_vm_readv:permission:real-ids-of-caller")
def test_supplementary_group_does_not_count(caller, target, local, remote):
    Identity.of(USER, OTHER, groups=(USER,)).assume(caller)
    Identity.of(USER).assume(target)
    refused(caller, target, local, remote)


@clause("process_vm_readv:permission:same-ids")
def test_supplementary_groups_of_the_target_do_not_count(caller, target, local, remote):
    Identity.of(USER).assume(caller)
    Identity.of(USER, groups=(0, OTHER)).assume(target)
    allowed(caller, target, local, remote)


@clause("process_vm_readv:errors:eperm")
def test_user_may_not_read_root(caller, target, local, remote):
    Identity.of(USER).assume(caller)
    refused(caller, target, local, remote)
