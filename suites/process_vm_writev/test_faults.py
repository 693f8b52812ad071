"""process_vm_writev: pages that come late, or cannot be written yet; userfaultfd(2)."""

from collections.abc import Callable

from fixtures.cases import clause, needs
from fixtures.processes import NewChild
from helpers.memory import Memory, Piece
from helpers.outcome import Ok, Result
from suites.shared import mover_faults
from suites.shared.latepages import LATE, LatePages
from suites.shared.mover import Mover

pytestmark = [needs("process_vm_writev", "foreign-memory"), needs(*mover_faults.NEEDS)]


@clause("process_vm_writev:faults:waits-for-the-page")
def test_a_page_that_comes_late_is_written(mover: Mover, local: Memory) -> None:
    mover_faults.remote_page(mover, local)


@clause("process_vm_writev:faults:waits-for-the-page")
def test_a_page_of_the_callers_own_that_comes_late_is_read(mover: Mover, remote: Memory) -> None:
    mover_faults.local_page(mover, remote)


@clause("process_vm_writev:faults:waits-to-write")
@mover_faults.PROTECTION
def test_a_page_that_may_not_be_written_yet_is_waited_for(
    mover: Mover, new_child: NewChild, local: Memory
) -> None:
    """Somebody else reads it meanwhile: what was before is still there."""
    late = LatePages.make(mover.target, 2, protected=True)
    call = mover_faults.begin(mover, local, late)
    reader = new_child("reader")
    sink = reader.pages(1, seed=3)
    answer = reader.process_vm_readv(mover.target.pid, [sink[:8]], 1, [late.late[:8]], 1, 0)
    assert answer == Ok(8)
    sink.received([sink[:8]], [Piece(8, LATE)])
    assert not call.done
    late.resolve()
    assert call.result() == Ok(20)
    mover_faults.arrived(mover, local, late)


@clause("process_vm_writev:faults:others-go-on")
@mover_faults.KINDS
def test_the_target_changes_its_mappings_meanwhile(
    mover: Mover, local: Memory, remote: Memory, protected: bool
) -> None:
    mover_faults.mappings_change(mover, local, remote, protected)


@clause("process_vm_writev:faults:others-go-on")
@mover_faults.WAYS
@mover_faults.KINDS
def test_other_pages_of_the_target_are_used_meanwhile(
    mover: Mover, new_child: NewChild, local: Memory, remote: Memory, way: str, protected: bool
) -> None:
    mover_faults.others_move(mover, new_child, local, remote, way, protected)


@clause("process_vm_writev:faults:killable")
@mover_faults.KINDS
def test_a_caller_that_waits_can_be_killed(
    mover: Mover, new_child: NewChild, local: Memory, protected: bool
) -> None:
    mover_faults.killed(mover, new_child, local, protected)


@clause("process_vm_writev:faults:count-is-what-arrived")
@mover_faults.CHANGES
@mover_faults.BEFORE
def test_a_page_that_goes_away_ends_the_transfer(
    mover: Mover, local: Memory,
    change: Callable[[LatePages], None], before: int, answer: Result,
) -> None:  # fmt: skip
    mover_faults.page_goes_away(mover, local, change, before, answer)


@clause("process_vm_writev:target:dies")
def test_a_target_that_is_killed_lets_the_caller_go(
    mover: Mover, new_child: NewChild, local: Memory
) -> None:
    mover_faults.target_killed(mover, new_child, local)
