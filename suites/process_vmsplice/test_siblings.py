"""process_vmsplice: the same bytes and counts as its siblings, for layouts drawn from a seed."""

from random import Random

import pytest

from fixtures.cases import clause, needs
from fixtures.pipes import make_pipe
from helpers.abi import constants as c
from helpers.memory import Span
from suites.process_vmsplice.calls import send

pytestmark = needs("process_vmsplice", "foreign-memory")

SEEDS = range(24)


def layout(child, seed):
    """Pages of which some are missing, and segments over them of which all fit into a pipe."""
    random = Random(seed)
    page, pages = child.page_size, 6
    memory = child.pages(pages, seed=2)
    for number in random.sample(range(pages), random.choice((0, 0, 1, 2))):
        part = memory[number * page : (number + 1) * page]
        child.queued.mprotect(part, page, random.choice((c.PROT_NONE, c.PROT_NONE, c.PROT_READ)))
    segments = []
    for _ in range(random.randint(1, 6)):
        start = random.randrange(memory.length)
        length = random.choice((0, 1, random.randrange(page), page, page + random.randrange(99)))
        segments.append(Span(memory.address + start, length))
    return memory, segments


def arrived(child, pipe, count):
    """The bytes that are in the pipe, which must be that many."""
    assert pipe.occupancy() == count
    if not count:
        return b""
    got = child.memory(count)
    child.must.read(pipe.read, got, count)
    return got.read()


@clause("process_vmsplice:siblings:process-vm-readv")
@pytest.mark.parametrize("seed", SEEDS)
@needs("process_vm_readv")
def test_it_sends_what_process_vm_readv_reads(caller, target, pipe, seed):
    _, segments = layout(target, seed)
    room = caller.pages(16)
    count = len(segments)
    read = caller.process_vm_readv(target.pid, [room], 1, segments, count, 0)
    sent = send(caller, target.pid, pipe.write, segments)
    assert sent == read
    expected = caller.peek(room.address, max(read.value, 0)) if read.value > 0 else b""
    assert arrived(caller, pipe, max(sent.value, 0)) == expected


@clause("process_vmsplice:siblings:vmsplice")
@pytest.mark.parametrize("seed", SEEDS)
@needs("vmsplice")
def test_of_itself_it_sends_what_vmsplice_sends(caller, pipe, seed):
    _, segments = layout(caller, seed)
    other = make_pipe(caller)
    sent = send(caller, caller.pid, pipe.write, segments)
    assert caller.vmsplice(other.write, segments, len(segments), 0) == sent
    count = max(sent.value, 0)
    assert arrived(caller, pipe, count) == arrived(caller, other, count)
    assert pipe.free_slots() == other.free_slots()
