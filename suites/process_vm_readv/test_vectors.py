"""process_vm_readv: where the arrays of segments lie, and addresses that are the kernel's."""

from errno import EFAULT

from fixtures.cases import clause, needs, table
from fixtures.memory import KERNEL_ADDRESS
from fixtures.vectors import place, readv
from helpers.abi.constants import PROT_READ
from helpers.memory import Span, unchanged
from helpers.outcome import Err, Ok
from suites.shared.segments import UNREADABLE_ARRAYS

pytestmark = [needs("process_vm_readv", "foreign-memory")]


@clause("process_vm_readv:errors:efault-local-array")
@UNREADABLE_ARRAYS
def test_local_array_that_cannot_be_read_is_efault(caller, target, local, remote, where):
    array = where(caller, [local[:8], local[8:16]])
    result = caller.process_vm_readv(target.pid, array, 2, [remote[:16]], 1, 0)
    assert result == Err(EFAULT)
    unchanged(local, remote)


@clause("process_vm_readv:errors:efault-remote-array")
@UNREADABLE_ARRAYS
def test_remote_array_that_cannot_be_read_is_efault(caller, target, local, remote, where):
    array = where(caller, [remote[:8], remote[8:16]])
    result = caller.process_vm_readv(target.pid, [local[:16]], 1, array, 2, 0)
    assert result == Err(EFAULT)
    unchanged(local, remote)


@clause("process_vm_readv:transfer:exact-bytes")
def test_arrays_are_only_read(caller, target, local, remote):
    array = caller.pages(1)
    place(caller, array.address, [local[5:15], remote[40:50]])
    caller.must.mprotect(array, array.length, PROT_READ)
    second = array.address + 16
    assert caller.process_vm_readv(target.pid, array, 1, second, 1, 0) == Ok(10)
    local.received([local[5:15]], [remote.piece(remote[40:50])])


@clause("process_vm_readv:transfer:exact-bytes")
def test_array_may_end_at_a_hole(caller, target, local, remote):
    address = caller.pages(1).end - 32
    place(caller, address, [local[5:15], local[20:30]])
    assert caller.process_vm_readv(target.pid, address, 2, [remote[:20]], 1, 0) == Ok(20)
    local.received([local[5:15], local[20:30]], [remote.piece(remote[:20])])


@clause("process_vm_readv:errors:efault-local-up-front")
@table(
    "good, length",
    ("alone", 0, 8),
    ("alone-and-empty", 0, 0),
    ("after-a-good-one", 1, 8),
    ("empty-after-a-good-one", 1, 0),
    ("after-eight-good-ones", 8, 8),
)
def test_local_address_of_the_kernel_is_efault_before_anything_moves(
    caller, target, local, remote, good, length
):
    vector = [*(local[8 * n : 8 * n + 8] for n in range(good)), Span(KERNEL_ADDRESS, length)]
    # the remote bytes would fit into the good segments, where there are any
    assert readv(caller, target.pid, vector, [remote[: 8 * good or 8]]) == Err(EFAULT)
    unchanged(local, remote)


@clause("process_vm_readv:remote:not-checked-up-front")
@table(
    "base, length, room, moved",
    ("kernel-address-behind-the-end", KERNEL_ADDRESS, 8, 8, 8),
    ("kernel-address-reached", KERNEL_ADDRESS, 8, 16, 8),
    ("kernel-address-empty", KERNEL_ADDRESS, 0, 16, 8),
    ("null-reached", 0, 8, 16, 8),
)
def test_remote_address_matters_only_when_it_is_reached(
    caller, target, local, remote, base, length, room, moved
):
    source = [remote[:8], Span(base, length)]
    assert readv(caller, target.pid, [local[:room]], source) == Ok(moved)
    local.received([local[:8]], [remote.piece(remote[:8])])


@clause("process_vm_readv:remote:not-checked-up-front")
def test_remote_segment_that_is_empty_is_not_looked_at(caller, target, local, remote):
    source = [Span(KERNEL_ADDRESS, 0), Span(0, 0), remote[:8]]
    assert readv(caller, target.pid, [local[:8]], source) == Ok(8)
    local.received([local[:8]], [remote.piece(remote[:8])])
