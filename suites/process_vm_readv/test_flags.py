"""process_vm_readv: no flag is defined."""

from errno import EINVAL

from fixtures.cases import clause, needs, table
from fixtures.vectors import readv
from helpers.memory import unchanged
from helpers.outcome import Err, Ok

pytestmark = [needs("process_vm_readv", "foreign-memory")]

# Bits 0 and 1 have been proposed for a pidfd and for not waiting: a kernel may define them one day.
FIRST_UNCLAIMED, LAST = 2, 63


@clause("process_vm_readv:errors:einval-flags")
@table(
    "flags",
    ("bit-2", 1 << 2),
    ("bit-31", 1 << 31),
    ("bit-32", 1 << 32),
    ("every-bit", (1 << 64) - 1),
)
def test_flag_that_does_not_exist_is_einval(caller, target, local, remote, flags):
    assert readv(caller, target.pid, [local], [remote], flags) == Err(EINVAL)
    unchanged(local, remote)


@clause("process_vm_readv:errors:einval-flags")
def test_each_bit_alone_is_einval(caller, target, local, remote):
    calls = [
        caller.begin.process_vm_readv(target.pid, [local], 1, [remote], 1, 1 << bit)
        for bit in range(FIRST_UNCLAIMED, LAST + 1)
    ]
    for call in calls:
        assert call.result() == Err(EINVAL)
    unchanged(local, remote)


@clause("process_vm_readv:errors:einval-flags")
@table("local_count, remote_count", ("no-local", 0, 1), ("no-remote", 1, 0), ("neither", 0, 0))
def test_flag_is_einval_even_where_nothing_is_asked_for(caller, local_count, remote_count):
    assert caller.process_vm_readv(
        caller.pid, None, local_count, None, remote_count, 1 << 31
    ) == Err(EINVAL)


@clause("process_vm_readv:transfer:exact-bytes")
def test_no_flags_is_accepted(caller, target, local, remote):
    assert readv(caller, target.pid, [local[:5]], [remote[:5]], 0) == Ok(5)
    local.received([local[:5]], [remote.piece(remote[:5])])
