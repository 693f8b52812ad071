"""process_vm_readv: pages that come late, or cannot be written yet; userfaultfd(2)."""

from collections.abc import Callable

from fixtures.cases import clause, needs
from fixtures.processes import NewChild
from helpers.memory import Memory
from helpers.outcome import Ok, Result
from suites.shared import mover_faults
from suites.shared.latepages import LatePages
from suites.shared.mover import Mover

pytestmark = [needs("process_vm_readv", "foreign-memory"), needs(*mover_faults.NEEDS)]


@clause("process_vm_readv:faults:waits-for-the-page")
def test_a_page_that_comes_late_is_read(mover: Mover, local: Memory) -> None:
    mover_faults.remote_page(mover, local)


@clause("process_vm_readv:faults:waits-for-the-page")
def test_a_page_of_the_callers_own_that_comes_late_is_filled(mover: Mover, remote: Memory) -> None:
    mover_faults.local_page(mover, remote)


@clause("process_vm_readv:faults:only-writing-waits-for-protection")
@mover_faults.PROTECTION
def test_a_page_that_is_protected_from_writing_is_read(mover: Mover, local: Memory) -> None:
    late = LatePages.make(mover.target, 2, protected=True)
    assert mover([local[:20]], [mover_faults.across(late, 10)]) == Ok(20)
    mover_faults.arrived(mover, local, late)


@clause("process_vm_readv:faults:others-go-on")
def test_the_target_changes_its_mappings_meanwhile(
    mover: Mover, local: Memory, remote: Memory
) -> None:
    mover_faults.mappings_change(mover, local, remote, protected=False)


@clause("process_vm_readv:faults:others-go-on")
@mover_faults.WAYS
def test_other_pages_of_the_target_are_used_meanwhile(
    mover: Mover, new_child: NewChild, local: Memory, remote: Memory, way: str
) -> None:
    mover_faults.others_move(mover, new_child, local, remote, way, protected=False)


@clause("process_vm_readv:faults:killable")
def test_a_caller_that_waits_can_be_killed(
    mover: Mover, new_child: NewChild, local: Memory
) -> None:
    mover_faults.killed(mover, new_child, local, protected=False)


@clause("process_vm_readv:faults:count-is-what-arrived")
@mover_faults.CHANGES
@mover_faults.BEFORE
def test_a_page_that_goes_away_ends_the_transfer(
    mover: Mover, local: Memory,
    change: Callable[[LatePages], None], before: int, answer: Result,
) -> None:  # fmt: skip
    mover_faults.page_goes_away(mover, local, change, before, answer)


@clause("process_vm_readv:target:dies")
def test_a_target_that_is_killed_lets_the_caller_go(
    mover: Mover, new_child: NewChild, local: Memory
) -> None:
    mover_faults.target_killed(mover, new_child, local)
