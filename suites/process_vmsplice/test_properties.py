"""process_vmsplice: what Hypothesis draws, against a model made from the clauses, and siblings.

--hypothesis-profile=thorough draws more, --hypothesis-seed=N other examples.
"""

from errno import EAGAIN

from fixtures.cases import clause, needs, table
from fixtures.pipes import make_pipe
from fixtures.profiles import given
from helpers.abi import constants as c
from helpers.memory import Span
from helpers.outcome import Err, Ok
from helpers.wire import Kind, Reader, varint
from suites.process_vmsplice.calls import send
from suites.process_vmsplice.model_plans import Put, Read, Relation, Resize, Whose
from suites.process_vmsplice.model_side import absolute, build
from suites.process_vmsplice.model_strategies import (
    calls,
    like_process_vm_readv,
    like_vmsplice,
    sequences,
)
from suites.process_vmsplice.model_trial import Trial, mismatch

pytestmark = needs("process_vmsplice", "foreign-memory", "memfd_create", "vmsplice")

#: Slots of a pipe, and pages of a buffer, that hold all that a plan like_process_vm_readv() moves.
ROOM = 64
#: More slots than a pipe of a plan has.
MANY = 33


@clause("process_vmsplice:properties:calls")
@given(plan=calls())
def test_calls_are_as_the_model_predicts(example, plan):
    with example(plan) as cast:
        Trial(cast, plan).run(plan)


@clause("process_vmsplice:properties:sequence")
@given(plan=sequences())
def test_sequences_are_as_the_model_predicts(example, plan):
    with example(plan) as cast:
        Trial(cast, plan).run(plan)


def hashed(child, address, length):
    """A hash of memory, made in the machine."""
    what, body = f"hash({address:#x}, {length})", varint(address) + varint(length)
    pending = child.session.post(
        Kind.HASH, child.task, body, lambda frame: Reader(frame.body, "HASHED").varint(), what=what
    )
    return pending.result()


def drained(child, pipe, sink, count):
    """A hash of the bytes in a pipe, which must be that many."""
    __tracebackhide__ = True
    assert pipe.occupancy() == count
    if not count:
        return None
    assert child.read(pipe.read, sink, sink.length) == Ok(count)
    return hashed(child, sink.address, count)


def same_content(first, second):
    """Two pipes or a pipe and memory had the same bytes."""
    if first != second:
        raise mismatch("hash of what process_vmsplice sent", first, second)


@clause("process_vmsplice:siblings:process-vm-readv")
@needs("process_vm_readv")
@given(plan=like_process_vm_readv())
def test_it_sends_what_process_vm_readv_reads_of_any_layout(example, plan: Relation):
    """Where there is room for all of it: only a pipe has slots."""
    with example(plan) as cast:
        caller, target = cast.caller, cast.target
        segments = absolute(build(target, plan.layout, Whose.TARGET), plan.segments)
        pipe = make_pipe(caller)
        caller.queued.fcntl(pipe.write, c.F_SETPIPE_SZ, ROOM * caller.page_size)
        room, sink = caller.pages(ROOM), caller.pages(ROOM)
        count = len(segments)
        read = caller.process_vm_readv(target.pid, [room], 1, segments, count, 0)
        assert send(caller, target.pid, pipe.write, segments) == read
        moved = max(read.value, 0)
        content = drained(caller, pipe, sink, moved)
        same_content(content, hashed(caller, room.address, moved) if moved else None)


@clause("process_vmsplice:siblings:vmsplice")
@given(plan=like_vmsplice())
def test_of_itself_it_sends_what_vmsplice_sends_of_any_layout(example, plan: Relation):
    """Into pipes in the same state. What is judged otherwise on purpose is not drawn.

    That is memory which may only be written, gifts that are no whole pages, and addresses that are
    nobody's, for which vmsplice(2) refuses all of a call.
    """
    with example(plan) as cast:
        caller = cast.caller
        segments = absolute(build(caller, plan.layout, Whose.CALLER), plan.segments)
        pipes = make_pipe(caller, c.O_NONBLOCK), make_pipe(caller, c.O_NONBLOCK)
        buffer = caller.pages(MANY)
        for pipe in pipes:
            prepare(caller, pipe, buffer, plan.before)
        flags, count = plan.flags | c.SPLICE_F_NONBLOCK, len(segments)
        expected = caller.vmsplice(pipes[1].write, segments, count, flags)
        assert send(caller, caller.pid, pipes[0].write, segments, flags) == expected
        free = [taken(caller, pipe) for pipe in pipes]
        assert free[0] == free[1]
        same_content(*(drained(caller, pipe, buffer, pipes[1].occupancy()) for pipe in pipes))


def prepare(child, pipe, buffer, steps):
    """Write to a pipe, read from it and resize it; what cannot be done is left out."""
    page = child.page_size
    for step in steps:
        if isinstance(step, Put):
            child.write(pipe.write, buffer, step.amount.of(page))
        elif isinstance(step, Read):
            child.read(pipe.read, buffer, step.amount.of(page))
        elif isinstance(step, Resize):
            child.fcntl(pipe.write, c.F_SETPIPE_SZ, step.slots * page)


def taken(child, pipe):
    """What a pipe takes of segments of a byte each: as many as it has free slots."""
    byte = child.memory(1, seed=1)
    many = [Span(byte.address, 1)] * MANY
    result = child.vmsplice(pipe.write, many, len(many), c.SPLICE_F_NONBLOCK)
    return 0 if result == Err(EAGAIN) else result


@clause("process_vmsplice:sharing:protection-changed")
@table("prot", ("read-only", c.PROT_READ), ("no-access", c.PROT_NONE))
@table("when", ("before-the-call", True), ("after-the-call", False))
def test_write_after_it_was_forbidden_for_a_while(caller, target, pipe, prot, when, observe):
    """The model allows both."""
    memory = target.pages(1, seed=1)
    if not when:
        assert send(caller, target.pid, pipe.write, [memory[:9]]) == Ok(9)
    for change in (prot, c.PROT_READ | c.PROT_WRITE):
        target.must.mprotect(memory, memory.length, change)
    if when:
        assert send(caller, target.pid, pipe.write, [memory[:9]]) == Ok(9)
    old = target.peek(memory.address, 9)
    memory.fill(2)
    got = caller.memory(9)
    assert caller.read(pipe.read, got, 9) == Ok(9)
    observe("not seen" if got.read() == old else "seen")


@clause("process_vmsplice:sharing:file-page-until-copied")
@table("writer, seen", ("to-the-file", "file", True), ("to-the-mapping", "mapping", False))
def test_private_mapping_of_a_file_sends_the_files_page(caller, target, pipe, writer, seen):
    fd = target.must.memfd_create("file", 0)
    old, new = target.pages(1, seed=1), target.pages(1, seed=2)
    target.must.pwrite64(fd, old, old.length, 0)
    memory = target.pages(1, flags=c.MAP_PRIVATE, fd=fd)
    assert send(caller, target.pid, pipe.write, [memory]) == Ok(memory.length)
    if writer == "file":
        target.must.pwrite64(fd, new, new.length, 0)
    else:
        memory.fill(2)
    content = new if seen else old
    pipe.holds(content.piece(content[:]))
