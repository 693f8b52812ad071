"""process_vmsplice: the pipe refers to the target's pages; what that shows, and must never show."""

from fixtures.cases import clause, needs, table
from fixtures.pipes import make_pipe
from helpers import abi
from helpers.abi import constants as c
from helpers.memory import Piece
from helpers.outcome import Ok
from suites.process_vmsplice.calls import send
from suites.shared import sharing
from suites.shared.events import file_holds
from suites.shared.sharing import NEW, OLD, content, sent

pytestmark = needs("process_vmsplice", "foreign-memory")

LATER = "sharing:later-writes-are-seen"


@sharing.cases(
    "process_vmsplice", {"sharing:file-writes-are-seen": LATER, "sharing:tee-shares-too": LATER}
)
def test_pages_are_shared(sender, pipe, body):
    body(sender, pipe)


@clause(f"process_vmsplice:{LATER}")
def test_what_another_process_writes_to_the_targets_memory_is_seen(caller, target, sender, pipe):
    memory = sent(sender, pipe)
    data = caller.memory(memory.length, seed=NEW)
    moved = caller.process_vm_writev(target.pid, [data], 1, [memory], 1, 0)
    assert moved == Ok(memory.length)
    pipe.holds(content(memory, NEW))


@clause("process_vmsplice:sharing:reading-copies")
def test_what_was_read_stays_as_it_was(caller, sender, pipe):
    memory = sent(sender, pipe)
    length = content(memory, OLD).length
    got = caller.memory(length)
    assert caller.read(pipe.read, got, length) == Ok(length)
    memory.fill(NEW)
    caller.compare(got.address, [content(memory, OLD)])


@clause("process_vmsplice:sharing:pipe-keeps-pages")
@table("how", ("exits", "exit"), ("killed", "kill"))
def test_the_pipe_keeps_the_pages_of_a_target_that_died(caller, target, sender, pipe, how):
    memory = sent(sender, pipe)
    if how == "exit":
        target.quit()
    else:
        caller.must.kill(target.pid, c.SIGKILL)
    target.wait_death()
    pipe.holds(content(memory, OLD))


@clause("process_vmsplice:sharing:not-with-a-relative")
@table("unmap", ("unmapped-in-the-child", True), ("still-mapped-in-the-child", False))
def test_a_pipe_of_a_childs_page_does_not_show_what_its_parent_writes(caller, target, pipe, unmap):
    """As CVE-2020-29374 for vmsplice(2)."""
    memory = target.pages(2, seed=OLD)
    child = target.fork("child")
    assert send(caller, child.pid, pipe.write, [memory[:]]) == Ok(memory.length)
    if unmap:
        child.must.munmap(memory, memory.length)
    memory.fill(NEW)
    pipe.holds(Piece(memory.length, OLD))


@clause("process_vmsplice:draining:every-way")
@table("kind", ("file", "file"), ("socket", "socket"), ("pipe", "pipe"), ("tee", "tee"))
def test_what_was_sent_can_be_drained_every_way(caller, sender, pipe, kind):
    memory = sent(sender, pipe)
    expected = content(memory, OLD)
    length = expected.length
    if kind == "file":
        fd = caller.must.memfd_create("out", 0)
        assert caller.splice(pipe.read, None, fd, None, length, 0) == Ok(length)
        file_holds(caller, fd, expected)
    elif kind == "socket":
        fds = abi.new("int[2]")
        caller.must.socketpair(c.AF_UNIX, c.SOCK_STREAM, 0, fds)
        assert caller.splice(pipe.read, None, fds[0], None, length, 0) == Ok(length)
        got = caller.memory(length)
        assert caller.read(fds[1], got, length) == Ok(length)
        caller.compare(got.address, [expected])
    else:
        other = make_pipe(caller)
        if kind == "tee":
            assert caller.tee(pipe.read, other.write, length, 0) == Ok(length)
            pipe.holds(expected)
        else:
            assert caller.splice(pipe.read, None, other.write, None, length, 0) == Ok(length)
        other.holds(expected)
    memory.unchanged()


@clause("process_vmsplice:sharing:target-is-unchanged")
def test_a_target_that_sleeps_in_a_call_of_its_own_does_not_notice(caller, target, pipe):
    memory = target.pages(2, seed=OLD)
    own = make_pipe(target)
    got = target.memory(1)
    reading = target.begin.read(own.read, got, 1)
    target.wait_blocked(reading, "read")
    assert send(caller, target.pid, pipe.write, [memory]) == Ok(memory.length)
    pipe.holds(memory.piece(memory[:]))
    assert not reading.done, "its own call should not have returned"
