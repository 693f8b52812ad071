"""process_vm_writev: pages that several have, of which one's is written."""

from collections.abc import Callable

import pytest

from fixtures.cases import clause, needs, table
from fixtures.pipes import Pipe, make_pipe
from helpers.abi import constants as c
from helpers.child import Child
from helpers.memory import Memory, Piece
from helpers.outcome import Ok
from suites.shared.mappings import READ_WRITE, of_memfd, private
from suites.shared.mover import Mover

pytestmark = needs("process_vm_writev", "foreign-memory")

SHARING = needs("page-sharing")

#: Memory that a fork makes two of, whose pages both have until one of them writes.
MADE_TWO_OF = (
    ("anonymous", private),
    ("file", of_memfd(c.MAP_PRIVATE, READ_WRITE)),
    ("never-touched", lambda child: child.pages(2)),
)


@clause("process_vm_writev:copies:cve-2020-29374")
@table("make", *MADE_TWO_OF)
@table("into", ("parent", "parent"), ("child", "child"))
def test_the_relative_does_not_see_what_is_written(
    mover: Mover, make: Callable[[Child], Memory], into: str
) -> None:
    """Parent and child, and a second child that nobody writes to."""
    parent, page = mover.target, mover.target.page_size
    memory = make(parent)
    memory.unchanged()
    family = {"parent": parent, "child": parent.fork("child"), "other": parent.fork("other")}
    local = mover.caller.pages(1, seed=1)
    part = memory[page - 20 : page + 30]
    assert mover([local[:50]], [part], pid=family[into].pid) == Ok(50)
    for name, child in family.items():
        theirs = Memory(memory.address, memory.length, child=child, seed=memory.seed)
        theirs.received(
            [part] if name == into else [], local.pieces(*([local[:50]] if name == into else []))
        )


@clause("process_vm_writev:copies:shared-is-seen")
def test_a_relative_sees_what_is_written_to_shared_memory(mover: Mover, local: Memory) -> None:
    parent = mover.target
    memory = parent.pages(1, seed=2, flags=c.MAP_SHARED | c.MAP_ANONYMOUS)
    child = parent.fork("child")
    assert mover([local[:50]], [memory[5:55]], pid=child.pid) == Ok(50)
    memory.received([memory[5:55]], [local.piece(local[:50])])


@clause("process_vm_writev:copies:cve-2020-29374")
def test_a_child_may_write_to_the_parent_that_it_came_from(mover: Mover) -> None:
    """The page that it writes from is the one that it writes to, until then."""
    parent = mover.target
    memory = parent.pages(1, seed=2)
    child = parent.fork("child")
    result = child.process_vm_writev(parent.pid, [memory[:100]], 1, [memory[50:150]], 1, 0)
    assert result == Ok(100)
    memory.received([memory[50:150]], [memory.piece(memory[:100])])
    child.compare(memory.address, [Piece(memory.length, 2)])


@pytest.fixture
def in_a_pipe(mover: Mover) -> tuple[Memory, Pipe]:
    """Memory of the target that it has sent into a pipe of its own."""
    memory, pipe = mover.target.pages(1, seed=2), make_pipe(mover.target)
    assert mover.target.vmsplice(pipe.write, [memory], 1, 0) == Ok(memory.length)
    return memory, pipe


@SHARING
@clause("process_vm_writev:sharing:seen-in-a-pipe")
def test_a_pipe_that_refers_to_the_page_shows_what_is_written(
    mover: Mover, local: Memory, in_a_pipe: tuple[Memory, Pipe]
) -> None:
    memory, pipe = in_a_pipe
    assert mover([local[:50]], [memory[5:55]]) == Ok(50)
    memory.received([memory[5:55]], [local.piece(local[:50])])
    pipe.holds(memory.piece(memory[:5]), local.piece(local[:50]), memory.piece(memory[55:]))


@clause("process_vm_writev:copies:cve-2020-29374")
def test_a_pipe_of_a_child_does_not_show_what_is_written_to_its_parent(
    mover: Mover, local: Memory
) -> None:
    """The child has sent the page that both had, and unmapped it."""
    parent = mover.target
    memory, pipe = parent.pages(1, seed=2), make_pipe(parent)
    child = parent.fork("child")
    assert child.vmsplice(pipe.write, [memory], 1, 0) == Ok(memory.length)
    child.must.munmap(memory, memory.length)
    assert mover([local[:50]], [memory[5:55]]) == Ok(50)
    memory.received([memory[5:55]], [local.piece(local[:50])])
    Pipe(child, pipe.read, pipe.write).holds(Piece(memory.length, 2))


@clause("process_vm_writev:copies:private-of-a-file")
def test_two_processes_with_the_same_file_are_apart(mover: Mover, local: Memory) -> None:
    """Each has a private mapping of one page of the page cache."""
    target, page = mover.target, mover.target.page_size
    fd = target.must.memfd_create("common", 0)
    content = target.pages(1, seed=7)
    target.must.pwrite64(fd, content, page, 0)
    memory = target.pages(1, flags=c.MAP_PRIVATE, fd=fd)
    other = target.fork("other")
    theirs = other.pages(1, flags=c.MAP_PRIVATE, fd=fd)
    other.peek(theirs.address, 1)
    assert mover([local[:8]], [memory[:8]]) == Ok(8)
    target.compare(memory.address, [local.piece(local[:8]), content.piece(content[8:])])
    other.compare(theirs.address, [Piece(page, 7)])
