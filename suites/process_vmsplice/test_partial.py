"""process_vmsplice: what is moved when memory ends or cannot be read."""

from errno import EFAULT

import pytest

from fixtures.cases import clause, needs, table
from fixtures.memory import KERNEL_ADDRESS, NON_CANONICAL, UNREADABLE
from helpers.abi import constants as c
from helpers.memory import Span, cut, spans
from helpers.outcome import Err, Ok
from suites.process_vmsplice.calls import send
from suites.shared import mappings

pytestmark = needs("process_vmsplice", "foreign-memory")

BEFORE_BAD = clause("process_vmsplice:partial:segments-before-the-bad-one")
INSIDE = clause("process_vmsplice:partial:up-to-the-bad-page")
TOP = 1 << 64


@BEFORE_BAD
@pytest.mark.parametrize("kind", UNREADABLE, ids=lambda kind: kind.name)
@table("position", ("second", 1), ("third", 2), ("ninth", 8), ("last", 11))
def test_unreadable_memory_ends_the_transfer(caller, target, pipe, remote, kind, position):
    segments = list(spans(remote, 7, 12))
    segments[position] = kind.make(target, 16)
    assert send(caller, target.pid, pipe.write, segments) == Ok(7 * position)
    pipe.holds(*cut([remote.piece(remote[:])], 0, 7 * position))
    remote.unchanged()


@clause("process_vmsplice:errors:efault")
@pytest.mark.parametrize("kind", UNREADABLE, ids=lambda kind: kind.name)
def test_nothing_before_it_is_efault(caller, target, pipe, remote, kind):
    segments = [remote[:0], kind.make(target, 16), remote[:7]]
    assert send(caller, target.pid, pipe.write, segments) == Err(EFAULT)
    pipe.holds()


@INSIDE
@table(
    "pages, more",
    ("1-byte", 0, 1),
    ("10-bytes", 0, 10),
    ("page-minus-1", 1, -1),
    ("page", 1, 0),
    ("page-plus-1", 1, 1),
    ("two-pages", 2, 0),
    ("15-pages", 15, 0),
)
@table("beyond", ("one-byte", 1), ("page", 4096), ("far", 3 * 65536))
def test_segment_that_runs_into_a_hole_is_moved_up_to_it(caller, target, pipe, pages, more, beyond):
    moved = pages * caller.page_size + more
    caller.must.fcntl(pipe.write, c.F_SETPIPE_SZ, 32 * caller.page_size)
    memory = target.pages(pages + 1, seed=2)
    part = Span(memory.end - moved, moved + beyond)
    assert send(caller, target.pid, pipe.write, [part, memory[:9]]) == Ok(moved)
    pipe.holds(memory.piece(part[:moved]))
    memory.unchanged()


@INSIDE
@table(
    "kind",
    ("unmapped", "unmapped"),
    ("no-access", "no-access"),
    ("write-only", "write-only"),
    ("guard-page", "guard-page", needs("guard-pages")),
)
def test_page_missing_in_the_middle_ends_the_transfer(caller, target, pipe, kind):
    page = caller.page_size
    memory = target.pages(3, seed=2)
    missing = memory[page : 2 * page]
    if kind == "unmapped":
        target.must.munmap(missing, page)
    elif kind == "guard-page":
        target.must.madvise(missing, page, c.MADV_GUARD_INSTALL)
    else:
        prot = c.PROT_NONE if kind == "no-access" else c.PROT_WRITE
        target.must.mprotect(missing, page, prot)
    later = target.pages(1, seed=3)
    assert send(caller, target.pid, pipe.write, [memory[3:], later]) == Ok(page - 3)
    pipe.holds(memory.piece(memory[3:page]))
    assert send(caller, target.pid, pipe.write, [memory[page:], later]) == Err(EFAULT)
    pipe.holds()


@INSIDE
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
def test_what_was_not_moved_can_be_asked_for_again(caller, target, pipe, remote):
    part = Span(remote.end - 20, 40)
    assert send(caller, target.pid, pipe.write, [part]) == Ok(20)
    assert send(caller, target.pid, pipe.write, [Span(remote.end, 20)]) == Err(EFAULT)
    pipe.holds(remote.piece(Span(part.address, 20)))


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
