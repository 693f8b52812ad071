"""process_vm_writev: where the arrays of segments lie, and addresses that are the kernel's."""

from typing import Any

from fixtures.cases import clause, needs
from helpers.memory import Memory
from suites.shared import vectors
from suites.shared.mover import Mover
from suites.shared.segments import UNREADABLE_ARRAYS

pytestmark = needs("process_vm_writev", "foreign-memory")


@clause("process_vm_writev:errors:efault-local-array")
@UNREADABLE_ARRAYS
def test_local_array_that_cannot_be_read_is_efault(
    mover: Mover, local: Memory, remote: Memory, where: Any
) -> None:
    vectors.array_is_efault(mover, local, remote, where, "local")


@clause("process_vm_writev:errors:efault-remote-array")
@UNREADABLE_ARRAYS
def test_remote_array_that_cannot_be_read_is_efault(
    mover: Mover, local: Memory, remote: Memory, where: Any
) -> None:
    vectors.array_is_efault(mover, local, remote, where, "remote")


@clause("process_vm_writev:transfer:exact-bytes")
def test_arrays_are_only_read(mover: Mover, local: Memory, remote: Memory) -> None:
    vectors.arrays_are_only_read(mover, local, remote)


@clause("process_vm_writev:transfer:exact-bytes")
def test_array_may_end_at_a_hole(mover: Mover, local: Memory, remote: Memory) -> None:
    vectors.array_may_end_at_a_hole(mover, local, remote)


@clause("process_vm_writev:errors:efault-local-up-front")
@vectors.LOCAL_KERNEL_ADDRESS
def test_local_address_of_the_kernel_is_efault_before_anything_moves(
    mover: Mover, local: Memory, remote: Memory, shape: tuple[int, int]
) -> None:
    vectors.local_kernel_address(mover, local, remote, *shape)


@clause("process_vm_writev:remote:not-checked-up-front")
@vectors.REMOTE_ADDRESSES
def test_remote_address_matters_only_when_it_is_reached(
    mover: Mover, local: Memory, remote: Memory, shape: tuple[int, int, int, int]
) -> None:
    vectors.remote_address_when_reached(mover, local, remote, *shape)


@clause("process_vm_writev:remote:not-checked-up-front")
def test_remote_segment_that_is_empty_is_not_looked_at(
    mover: Mover, local: Memory, remote: Memory
) -> None:
    vectors.empty_remote_segment_anywhere(mover, local, remote)
