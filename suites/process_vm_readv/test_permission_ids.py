"""process_vm_readv: whose user and group ids allow it; ptrace(2), access mode checking."""

from errno import EPERM

from fixtures.cases import clause, needs, table
from fixtures.identity import OTHER, USER, Identity
from fixtures.vectors import readv
from helpers.memory import unchanged
from helpers.outcome import Err, Ok

pytestmark = [needs("process_vm_readv", "foreign-memory", "root")]

SAME = (USER, USER, USER)


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
@table(
    "uids, gids",
    ("real-uid", (OTHER, USER, USER), SAME),
    ("effective-uid", (USER, OTHER, USER), SAME),
    ("saved-uid", (USER, USER, OTHER), SAME),
    ("real-gid", SAME, (OTHER, USER, USER)),
    ("effective-gid", SAME, (USER, OTHER, USER)),
    ("saved-gid", SAME, (USER, USER, OTHER)),
    ("all-uids", (OTHER, OTHER, OTHER), SAME),
    ("all-gids", SAME, (OTHER, OTHER, OTHER)),
    ("all", (OTHER, OTHER, OTHER), (OTHER, OTHER, OTHER)),
    ("saved-uid-of-root", (USER, USER, 0), SAME),
    ("saved-gid-of-root", SAME, (USER, USER, 0)),
)
def test_one_other_id_of_the_target_is_eperm(caller, target, local, remote, uids, gids):
    Identity.of(USER).assume(caller)
    Identity(uids, gids).assume(target)
    refused(caller, target, local, remote)


@clause("process_vm_readv:permission:real-ids-of-caller")
@table(
    "uids, gids, outcome",
    ("real-uid-alone-is-the-targets", (USER, OTHER, OTHER), SAME, allowed),
    ("real-uid-alone-is-another", (OTHER, USER, USER), SAME, refused),
    ("effective-uid-alone-is-the-targets", (OTHER, USER, OTHER), SAME, refused),
    ("saved-uid-alone-is-the-targets", (OTHER, OTHER, USER), SAME, refused),
    ("real-gid-alone-is-the-targets", SAME, (USER, OTHER, OTHER), allowed),
    ("real-gid-alone-is-another", SAME, (OTHER, USER, USER), refused),
    ("effective-gid-alone-is-the-targets", SAME, (OTHER, USER, OTHER), refused),
    ("saved-gid-alone-is-the-targets", SAME, (OTHER, OTHER, USER), refused),
    ("effective-ids-are-another", (USER, OTHER, OTHER), (USER, OTHER, OTHER), allowed),
    # the effective uid 0 comes without capabilities here
    ("effective-uid-of-root-alone", (OTHER, 0, 0), SAME, refused),
)
def test_real_ids_of_the_caller_decide(caller, target, local, remote, uids, gids, outcome):
    Identity(uids, gids).assume(caller)
    Identity.of(USER).assume(target)
    outcome(caller, target, local, remote)


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
