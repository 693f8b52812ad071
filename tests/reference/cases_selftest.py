"""What the selftest of 2018 called, and the numbers that it expected.

Run by test_in_machine.py; not collected by itself: a disposable machine is needed.
"""

from errno import EFAULT, EINVAL

from fixtures.cases import needs
from helpers.abi import constants as c
from helpers.outcome import Err, Ok

pytestmark = needs("disposable", "root", "process_vmsplice")


def splice(child, pid, fd, segments, flags=0):
    return child.process_vmsplice(pid, fd, segments, len(segments), flags)


def test_one_byte_of_one_segment(caller, target, pipe, remote):
    assert splice(caller, target.pid, pipe.write, [remote[:1]]) == Ok(1)
    pipe.holds(remote.piece(remote[:1]))


def test_two_segments_the_second_across_a_page(caller, target, pipe):
    memory = target.pages(3, seed=3)
    page = caller.page_size
    parts = [memory[5:6], memory[100 : 100 + page]]
    assert splice(caller, target.pid, pipe.write, parts) == Ok(1 + page)
    pipe.holds(*memory.pieces(*parts))


def write_only(child):
    memory = child.pages(1, seed=4)
    child.must.mprotect(memory, memory.length, c.PROT_WRITE)
    return memory


def test_good_segment_and_write_only_memory(caller, target, pipe, remote):
    parts = [remote[:1], write_only(target)[:1]]
    assert splice(caller, target.pid, pipe.write, parts) == Ok(1)
    pipe.holds(remote.piece(remote[:1]))


def test_write_only_memory_first(caller, target, pipe, remote):
    parts = [write_only(target)[:1], remote[:1]]
    assert splice(caller, target.pid, pipe.write, parts) == Err(EFAULT)
    pipe.holds()


def test_more_pages_than_slots(caller, target, pipe):
    memory = target.pages(101, seed=3)
    parts = [memory[:1], memory[caller.page_size :]]
    rest = (pipe.slots - 1) * caller.page_size
    flags = c.SPLICE_F_NONBLOCK
    assert splice(caller, target.pid, pipe.write, parts, flags) == Ok(1 + rest)
    pipe.holds(*memory.pieces(parts[0], parts[1][:rest]))


def test_the_selftests_gift_of_unaligned_memory_is_refused(caller, target, pipe):
    memory = target.pages(101, seed=3)
    parts = [memory[:1], memory[caller.page_size :]]
    flags = c.SPLICE_F_GIFT | c.SPLICE_F_NONBLOCK
    assert splice(caller, target.pid, pipe.write, parts, flags) == Err(EINVAL)
    pipe.holds()
