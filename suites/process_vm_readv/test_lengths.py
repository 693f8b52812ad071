"""process_vm_readv: lengths that no segment, or no sum of segments, may have."""

from errno import EFAULT, EINVAL

from fixtures.cases import clause, needs
from fixtures.vectors import readv
from helpers.memory import Span, unchanged
from helpers.outcome import Err, Ok
from suites.shared.segments import NEGATIVE, with_length

pytestmark = [needs("process_vm_readv", "foreign-memory")]

SSIZE_MAX = (1 << 63) - 1


@clause("process_vm_readv:errors:einval-local-length")
@NEGATIVE
def test_negative_local_length_is_einval(caller, target, local, remote, position, length):
    vector = with_length(local, position, length)
    assert readv(caller, target.pid, vector, [remote]) == Err(EINVAL)
    unchanged(local, remote)


@clause("process_vm_readv:errors:einval-remote-length")
@NEGATIVE
def test_negative_remote_length_is_einval(caller, target, local, remote, position, length):
    vector = with_length(remote, position, length)
    # there is room for the first segment only: the others are judged all the same
    assert readv(caller, target.pid, [local[:16]], vector) == Err(EINVAL)
    unchanged(local, remote)


@clause("process_vm_readv:lengths:remote-ssize-max")
def test_greatest_remote_length_is_accepted(caller, target, local, remote):
    source = Span(remote.address + 7, SSIZE_MAX)
    assert readv(caller, target.pid, [local[9:25]], [source]) == Ok(16)
    local.received([local[9:25]], [remote.piece(remote[7:23])])


@clause("process_vm_readv:lengths:remote-sum")
def test_remote_lengths_may_add_up_to_more_than_ssize_max(caller, target, local, remote):
    source = [remote[:4], Span(remote.address + 100, SSIZE_MAX), Span(remote.address, SSIZE_MAX)]
    assert readv(caller, target.pid, [local[9:25]], source) == Ok(16)
    local.received([local[9:25]], remote.pieces(remote[:4], remote[100:112]))


@clause("process_vm_readv:lengths:local-sum")
def test_local_lengths_that_leave_the_address_space_are_efault(caller, target, local, remote):
    vector = [local[:4], Span(local.address, SSIZE_MAX), Span(local.address, SSIZE_MAX)]
    assert readv(caller, target.pid, vector, [remote[:16]]) == Err(EFAULT)
    unchanged(local, remote)
