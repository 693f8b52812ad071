"""Pages are shared with the pipe, not copied; what that shows later, and what it must not show.

Whether a kernel shares or copies is asked for by a probe: kernels may come that copy.
"""

from fixtures.cases import clause, needs, table
from fixtures.pipes import Pipe, make_pipe
from helpers.child import Child
from helpers.memory import Piece
from helpers.outcome import Ok
from suites.shared import capacity, sharing
from suites.shared.sender import Sender
from suites.shared.sharing import NEW, OLD

pytestmark = needs("vmsplice")

RENAMED = {
    "sharing:pipe-keeps-pages": "sharing:pipe-keeps-unmapped-pages",
    "sharing:not-with-a-relative": "sharing:not-with-a-child",
}


@sharing.cases("vmsplice", RENAMED, needs=("page-sharing",))
def test_pages_are_shared(sender: Sender, pipe: Pipe, body: capacity.Body) -> None:
    body(sender, pipe)


@clause("vmsplice:sharing:pipe-keeps-unmapped-pages")
def test_the_pipe_keeps_the_pages_of_a_caller_that_exits(caller: Child, pipe: Pipe) -> None:
    sender = caller.fork("sender")
    memory = sender.pages(2, seed=OLD)
    assert sender.vmsplice(pipe.write, [memory], 1, 0) == Ok(memory.length)
    sender.quit()
    sender.wait_death()
    pipe.holds(Piece(memory.length, OLD))


@clause("vmsplice:sharing:cve-2020-29374")
@table("unmap", ("unmapped-in-the-child", True), ("still-mapped-in-the-child", False))
def test_a_child_does_not_see_what_its_parent_writes_later(caller: Child, unmap: bool) -> None:
    pipe = make_pipe(caller)
    memory = caller.pages(2, seed=OLD)
    child = caller.fork("child")
    assert child.vmsplice(pipe.write, [memory], 1, 0) == Ok(memory.length)
    if unmap:
        child.must.munmap(memory, memory.length)
    memory.fill(NEW)
    Pipe(child, pipe.read, pipe.write).holds(Piece(memory.length, OLD))


@clause("vmsplice:sharing:cve-2020-29374")
def test_a_parent_does_not_see_what_its_child_writes_later(caller: Child, pipe: Pipe) -> None:
    memory = caller.pages(2, seed=OLD)
    child = caller.fork("child")
    child.facts  # noqa: B018 # it exists from here on
    assert caller.vmsplice(pipe.write, [memory], 1, 0) == Ok(memory.length)
    caller.must.munmap(memory, memory.length)
    child.fill(memory.address, memory.length, NEW)
    child.compare(memory.address, [Piece(memory.length, NEW)])
    pipe.holds(Piece(memory.length, OLD))
