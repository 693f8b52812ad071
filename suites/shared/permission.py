"""Who may look into whom: the rules of ptrace(2), access mode checking, as tables of cases.

An outcome is what a call that moves MOVED bytes gives.
"""

from errno import EPERM

from fixtures.cases import table
from fixtures.identity import OTHER, USER
from helpers.abi.constants import CAP_CHOWN, CAP_SYS_NICE, CAP_SYS_PTRACE
from helpers.outcome import Err, Ok

MOVED = 20
ALLOWED, REFUSED = Ok(MOVED), Err(EPERM)
SAME = (USER, USER, USER)
ALICE, BOB = SAME, (OTHER, OTHER, OTHER)

CAPABILITY = table(
    "caller_ids, keep, effective, target_ids, expected",
    ("other-user-with-it", ALICE, (CAP_SYS_PTRACE,), None, BOB, ALLOWED),
    ("other-user-with-others", ALICE, (CAP_CHOWN, CAP_SYS_NICE), None, BOB, REFUSED),
    ("permitted-but-not-effective", ALICE, (CAP_SYS_PTRACE,), (), BOB, REFUSED),
    ("user-reads-root-with-it", ALICE, (CAP_SYS_PTRACE,), None, None, ALLOWED),
    ("root-without-it", (0, 0, 0), (CAP_CHOWN,), None, ALICE, REFUSED),
    ("root-with-it-alone", (0, 0, 0), (CAP_SYS_PTRACE,), None, ALICE, ALLOWED),
    ("root-with-everything", None, None, None, ALICE, ALLOWED),
    ("root-without-it-reads-root", (0, 0, 0), (CAP_CHOWN,), None, None, REFUSED),
)

CAPABILITIES_OF_TARGET = table(
    "caller_keeps, effective, target_keeps, expected",
    ("target-has-one", (), None, (CAP_CHOWN,), REFUSED),
    ("target-has-another", (CAP_CHOWN,), None, (CAP_SYS_NICE,), REFUSED),
    ("target-has-more", (CAP_CHOWN,), None, (CAP_CHOWN, CAP_SYS_NICE), REFUSED),
    ("both-have-the-same", (CAP_CHOWN,), None, (CAP_CHOWN,), ALLOWED),
    ("caller-has-more", (CAP_CHOWN, CAP_SYS_NICE), None, (CAP_CHOWN,), ALLOWED),
    ("callers-permitted-ones-count", (CAP_CHOWN,), (), (CAP_CHOWN,), ALLOWED),
    ("cap-sys-ptrace-makes-up-for-it", (CAP_SYS_PTRACE,), None, (CAP_CHOWN,), ALLOWED),
)

DUMPABLE = table(
    "keep, caller_dumpable, target_dumpable, expected",
    ("target-is-not", (), 1, 0, REFUSED),
    ("target-is-not-but-cap-sys-ptrace", (CAP_SYS_PTRACE,), 1, 0, ALLOWED),
    ("target-is-not-and-other-capability", (CAP_CHOWN,), 1, 0, REFUSED),
    ("neither-is", (), 0, 0, REFUSED),
    ("caller-is-not", (), 0, 1, ALLOWED),
)

#: The target's ids; the caller's are all USER.
OTHER_IDS_OF_TARGET = table(
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

#: The caller's ids; the target's are all USER.
IDS_OF_CALLER = table(
    "uids, gids, expected",
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
