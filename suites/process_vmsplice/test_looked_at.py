"""process_vmsplice: no page is looked at for which there is no room."""

from fixtures.cases import clause, needs, table
from helpers.abi import constants as c
from helpers.child import NO_FILE
from helpers.memory import Piece
from helpers.outcome import Ok
from suites.process_vmsplice.calls import send
from suites.shared.userfault import PRESENT, Faults

pytestmark = needs("process_vmsplice", "foreign-memory", "fd:userfaultfd", "root")


@clause("process_vmsplice:target:memory-is-looked-at-late")
@table("slots", ("two", 2), ("a-batch", 16), ("two-batches", 32), ("many", 128))
@table("taken", ("empty", 0), ("one-taken", 1))
def test_the_page_behind_the_last_that_finds_room_is_not_waited_for(
    caller, target, pipe, slots, taken
):
    page = caller.page_size
    caller.must.fcntl(pipe.write, c.F_SETPIPE_SZ, slots * page)
    filled = caller.memory(page, seed=3)
    before = [filled.piece(filled[:])] * taken
    for _ in before:
        pipe.put(filled[:])
    room = slots - taken
    faults = Faults(target, room + 1)
    assert send(caller, target.pid, pipe.write, [faults.memory]) == Ok(room * page)
    pipe.holds(*before, Piece(room * page, PRESENT))


class TwoFaults(Faults):
    """A page in the middle is late as well."""

    def __init__(self, owner, pages, middle):
        super().__init__(owner, pages)
        page = owner.page_size
        self.middle = self.memory.address + middle * page
        both, fixed = c.PROT_READ | c.PROT_WRITE, c.MAP_PRIVATE | c.MAP_FIXED | c.MAP_ANONYMOUS
        owner.must.mmap(self.middle, page, both, fixed, NO_FILE, 0)
        self.register(self.middle)


@clause("process_vmsplice:faults:room-is-looked-at-again")
def test_a_call_that_finds_less_room_than_before_looks_at_no_further_page(caller, target, pipe):
    """The second page that is late comes after those that still find room."""
    page, slots, found = caller.page_size, 32, 10
    caller.must.fcntl(pipe.write, c.F_SETPIPE_SZ, slots * page)
    other = caller.fork("other")
    some = other.memory((slots - found) * page, seed=3)
    faults = TwoFaults(target, 20, 3)
    call = caller.begin.process_vmsplice(target.pid, pipe.write, [faults.memory], 1, 0)
    faults.wait()
    assert other.write(pipe.write, some, some.length) == Ok(some.length)
    faults.resolve(faults.middle)
    assert call.result() == Ok(found * page)
    assert pipe.occupancy() == slots * page
