"""process_vmsplice: what is moved when memory ends or cannot be read."""

from errno import EFAULT

from fixtures.cases import clause, needs, table
from fixtures.memory import KERNEL_ADDRESS, NON_CANONICAL, UNREADABLE
from helpers.abi import constants as c
from helpers.memory import Span, cut, spans
from helpers.outcome import Err, Ok
from suites.process_vmsplice.calls import send
from suites.shared import holes, mappings

pytestmark = needs("process_vmsplice", "foreign-memory")

PROMISES = holes.Promises(
    inside="partial:up-to-the-bad-page",
    segment="partial:segments-before-the-bad-one",
    nothing="errors:efault",
)
BEFORE_BAD = clause("process_vmsplice:partial:segments-before-the-bad-one")
TOP = 1 << 64


@holes.cases("process_vmsplice", PROMISES, UNREADABLE)
def test_memory_that_cannot_be_read_ends_the_transfer(scene, body):
    body(scene)


@BEFORE_BAD
@table(
    "make",
    ("secret", mappings.secret, needs("memfd_secret")),
    ("beyond-the-end-of-a-file", mappings.beyond_the_end),
    ("unmapped", mappings.unmapped),
)
def test_memory_before_special_memory_is_moved(caller, target, pipe, remote, make):
    segments = [remote[5:8], make(target), remote[:9]]
    assert send(caller, target.pid, pipe.write, segments) == Ok(3)
    pipe.holds(remote.piece(remote[5:8]))


@clause("process_vmsplice:partial:addresses-when-reached")
@table("base", ("kernel", KERNEL_ADDRESS), ("non-canonical", NON_CANONICAL), ("top", TOP - 4))
@table("position, expected", ("first", 0, Err(EFAULT)), ("second", 1, Ok(7)), ("ninth", 8, Ok(56)))
def test_an_address_of_the_kernel_matters_when_it_is_reached(
    caller, target, pipe, remote, base, position, expected
):
    segments = list(spans(remote, 7, 10))
    segments[position] = Span(base, 3)
    assert send(caller, target.pid, pipe.write, segments) == expected
    pipe.holds(*cut([remote.piece(remote[:])], 0, 7 * position))


@clause("process_vmsplice:partial:addresses-when-reached")
@table("base", ("kernel", KERNEL_ADDRESS), ("non-canonical", NON_CANONICAL), ("null", 0))
def test_an_address_behind_what_fits_is_not_looked_at(caller, target, pipe, base):
    memory = target.pages(pipe.slots, seed=2)
    segments = [memory[:], Span(base, 9)]
    assert send(caller, target.pid, pipe.write, segments) == Ok(memory.length)
    pipe.holds(memory.piece(memory[:]))


@clause("process_vmsplice:partial:addresses-when-reached")
@table(
    "base, length",
    ("wraps-around", TOP - 4096, 8192),
    ("to-the-top", TOP - 4096, 4096),
    ("ssize-max-from-kernel", KERNEL_ADDRESS, (1 << 63) - 1),
    ("ssize-max-wraps", TOP - 1, (1 << 63) - 1),
)
def test_a_range_that_leaves_the_address_space_is_efault(
    caller, target, pipe, remote, base, length
):
    bad = Span(base, length)
    assert send(caller, target.pid, pipe.write, [bad]) == Err(EFAULT)
    assert send(caller, target.pid, pipe.write, [remote[:3], bad, remote[3:6]]) == Ok(3)
    pipe.holds(remote.piece(remote[:3]))


@BEFORE_BAD
def test_a_hole_between_segments_does_not_matter(caller, target, pipe, remote):
    second = target.pages(1, seed=3)
    segments = [Span(remote.end - 4, 4), second[:4]]
    assert send(caller, target.pid, pipe.write, segments) == Ok(8)
    pipe.holds(remote.piece(segments[0]), second.piece(segments[1]))


@clause("process_vmsplice:partial:does-not-sleep")
def test_after_a_part_it_neither_sleeps_nor_fails(caller, target, pipe):
    """The pipe is full after the first segment: the second, which is bad, changes nothing."""
    memory = target.pages(pipe.slots, seed=2)
    segments = [memory[:], Span(memory.end, 100)]
    assert send(caller, target.pid, pipe.write, segments) == Ok(memory.length)
    pipe.holds(memory.piece(memory[:]))


@clause("process_vmsplice:partial:no-signal")
def test_a_target_is_not_told_of_the_fault(caller, target, pipe):
    target.catch(c.SIGSEGV)
    target.catch(c.SIGBUS)
    bad = mappings.beyond_the_end(target)
    assert send(caller, target.pid, pipe.write, [bad]) == Err(EFAULT)
    assert send(caller, target.pid, pipe.write, [Span(0, 9)]) == Err(EFAULT)
    assert (target.caught(c.SIGSEGV), target.caught(c.SIGBUS)) == (0, 0)
