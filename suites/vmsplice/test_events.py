"""Who is told that bytes have come or that room has been made."""

from fixtures.cases import clause, needs
from fixtures.pipes import Pipe
from helpers.child import Child
from helpers.outcome import Ok
from suites.shared import capacity, events
from suites.shared.sender import Sender

pytestmark = needs("vmsplice")


@events.cases("vmsplice")
def test_who_is_told_of_bytes(sender: Sender, pipe: Pipe, body: capacity.Body) -> None:
    body(sender, pipe)


@clause("vmsplice:events:wakes-writers")
def test_a_writer_that_sleeps_gets_the_room(caller: Child, full_pipe: Pipe) -> None:
    size, page = full_pipe.capacity, caller.page_size
    memory, data = caller.pages(1, seed=1), caller.memory(10, seed=2)
    writer = caller.thread("writer")
    pending = writer.begin.write(full_pipe.write, data, 10)
    writer.wait_blocked(pending, "write")
    assert caller.vmsplice(full_pipe.read, [memory], 1, 0) == Ok(page)
    assert pending.result() == Ok(10)
    assert full_pipe.occupancy() == size - page + 10
