"""process_vm_readv: which error wins, or whether a transfer of nothing does."""

from errno import EFAULT, EINVAL, EPERM, ESRCH

import pytest

from fixtures.cases import clause, needs, table
from fixtures.identity import USER, Identity
from fixtures.memory import KERNEL_ADDRESS
from helpers.abi.constants import UIO_MAXIOV
from helpers.memory import Span, unchanged
from helpers.outcome import Err, Ok

pytestmark = [needs("process_vm_readv", "foreign-memory")]

UNKNOWN_FLAG = 1 << 31


# What can be wrong with a vector: each makes (array, count) of a page that has a hole behind it.


def good(memory):
    return [memory[:16]], 1


def absent(memory):
    """No segment: nothing to transfer."""
    return None, 0


def empty(memory):
    """One segment without a byte: nothing to transfer."""
    return [memory[:0]], 1


def null(memory):
    """The array cannot be read: EFAULT."""
    return None, 1


def too_many(memory):
    """EINVAL."""
    return [memory[:16]], UIO_MAXIOV + 1


def negative(memory):
    """EINVAL."""
    return [Span(memory.address, -1)], 1


def kernel(memory):
    """EFAULT in the local vector, before anything is looked at."""
    return [Span(KERNEL_ADDRESS, 16)], 1


def hole(memory):
    """EFAULT when it comes to copying."""
    return [Span(memory.end, 16)], 1


FLAGS = clause("process_vm_readv:order:flags-first")
LOCAL = clause("process_vm_readv:order:local-before-remote")
NOTHING_LOCAL = clause("process_vm_readv:order:nothing-local")
REMOTE = clause("process_vm_readv:order:remote-before-process")
NOTHING_REMOTE = clause("process_vm_readv:order:nothing-remote")
PROCESS = clause("process_vm_readv:order:process-before-memory")
PERMISSION = clause("process_vm_readv:order:permission-before-memory")


@table(
    "flags, local_vector, remote_vector, expected",
    ("flags-before-local-array", UNKNOWN_FLAG, null, good, Err(EINVAL), FLAGS),
    ("flags-before-local-address", UNKNOWN_FLAG, kernel, good, Err(EINVAL), FLAGS),
    ("flags-before-nothing-local", UNKNOWN_FLAG, absent, good, Err(EINVAL), FLAGS),
    ("flags-before-remote-array", UNKNOWN_FLAG, good, null, Err(EINVAL), FLAGS),
    ("flags-before-remote-memory", UNKNOWN_FLAG, good, hole, Err(EINVAL), FLAGS),
    ("local-count-before-remote-array", 0, too_many, null, Err(EINVAL), LOCAL),
    ("local-count-before-nothing-remote", 0, too_many, absent, Err(EINVAL), LOCAL),
    ("local-length-before-remote-array", 0, negative, null, Err(EINVAL), LOCAL),
    ("local-length-before-nothing-remote", 0, negative, empty, Err(EINVAL), LOCAL),
    ("local-array-before-remote-count", 0, null, too_many, Err(EFAULT), LOCAL),
    ("local-array-before-remote-length", 0, null, negative, Err(EFAULT), LOCAL),
    ("local-array-before-nothing-remote", 0, null, absent, Err(EFAULT), LOCAL),
    ("local-address-before-remote-count", 0, kernel, too_many, Err(EFAULT), LOCAL),
    ("local-address-before-nothing-remote", 0, kernel, empty, Err(EFAULT), LOCAL),
    ("no-local-segment-before-remote-array", 0, absent, null, Ok(0), NOTHING_LOCAL),
    ("no-local-byte-before-remote-array", 0, empty, null, Ok(0), NOTHING_LOCAL),
    ("no-local-segment-before-remote-count", 0, absent, too_many, Ok(0), NOTHING_LOCAL),
    ("no-local-byte-before-remote-length", 0, empty, negative, Ok(0), NOTHING_LOCAL),
    ("no-local-byte-before-remote-memory", 0, empty, hole, Ok(0), NOTHING_LOCAL),
    ("no-remote-segment-before-local-memory", 0, hole, absent, Ok(0), NOTHING_REMOTE),
    ("no-remote-byte-before-local-memory", 0, hole, empty, Ok(0), NOTHING_REMOTE),
)
def test_arguments_are_judged_from_flags_to_remote_vector(
    caller, target, local, remote, flags, local_vector, remote_vector, expected
):
    vectors = *local_vector(local), *remote_vector(remote)
    assert caller.process_vm_readv(target.pid, *vectors, flags) == expected
    unchanged(local, remote)


@table(
    "flags, local_vector, remote_vector, expected",
    ("flags", UNKNOWN_FLAG, good, good, Err(EINVAL), FLAGS),
    ("local-count", 0, too_many, good, Err(EINVAL), LOCAL),
    ("local-length", 0, negative, good, Err(EINVAL), LOCAL),
    ("local-array", 0, null, good, Err(EFAULT), LOCAL),
    ("local-address", 0, kernel, good, Err(EFAULT), LOCAL),
    ("no-local-segment", 0, absent, good, Ok(0), NOTHING_LOCAL),
    ("no-local-byte", 0, empty, good, Ok(0), NOTHING_LOCAL),
    ("remote-count", 0, good, too_many, Err(EINVAL), REMOTE),
    ("remote-length", 0, good, negative, Err(EINVAL), REMOTE),
    ("remote-array", 0, good, null, Err(EFAULT), REMOTE),
    ("no-remote-segment", 0, good, absent, Ok(0), NOTHING_REMOTE),
    ("no-remote-byte", 0, good, empty, Ok(0), NOTHING_REMOTE),
    ("not-local-memory", 0, hole, good, Err(ESRCH), PROCESS),
    ("not-remote-memory", 0, good, hole, Err(ESRCH), PROCESS),
    ("not-remote-address", 0, good, kernel, Err(ESRCH), PROCESS),
)
def test_arguments_are_judged_before_the_process_is_looked_up_and_memory_after(
    caller, local, flags, local_vector, remote_vector, expected
):
    vectors = *local_vector(local), *remote_vector(local)
    assert caller.process_vm_readv(-1, *vectors, flags) == expected
    unchanged(local)


@pytest.fixture
def forbidden(caller, target):
    """A target that the caller may not look into."""
    Identity.of(USER).assume(caller)
    return target


@needs("root")
@table(
    "flags, local_vector, remote_vector, expected",
    ("flags", UNKNOWN_FLAG, good, good, Err(EINVAL), FLAGS),
    ("local-array", 0, null, good, Err(EFAULT), LOCAL),
    ("no-local-segment", 0, absent, good, Ok(0), NOTHING_LOCAL),
    ("no-local-byte", 0, empty, good, Ok(0), NOTHING_LOCAL),
    ("remote-array", 0, good, null, Err(EFAULT), REMOTE),
    ("remote-count", 0, good, too_many, Err(EINVAL), REMOTE),
    ("no-remote-segment", 0, good, absent, Ok(0), NOTHING_REMOTE),
    ("no-remote-byte", 0, good, empty, Ok(0), NOTHING_REMOTE),
    ("not-local-memory", 0, hole, good, Err(EPERM), PERMISSION),
    ("not-remote-memory", 0, good, hole, Err(EPERM), PERMISSION),
)
def test_arguments_are_judged_before_permission_and_memory_after(
    caller, forbidden, local, remote, flags, local_vector, remote_vector, expected
):
    vectors = *local_vector(local), *remote_vector(remote)
    assert caller.process_vm_readv(forbidden.pid, *vectors, flags) == expected
    unchanged(local, remote)


@needs("root")
@clause("process_vm_readv:order:process-before-permission")
def test_process_without_memory_is_esrch_for_the_unprivileged_too(caller, new_child, local):
    zombie = new_child("zombie", hold=True)
    Identity.of(USER).assume(caller)
    zombie.quit()
    zombie.wait_death()
    assert caller.process_vm_readv(zombie.pid, [local[:8]], 1, [local[8:16]], 1, 0) == Err(ESRCH)
    unchanged(local)
