"""What memory can be sent: holes, protections, kinds of mappings, and how much before a fault."""

from collections.abc import Callable
from errno import EFAULT

from fixtures.cases import clause, needs, table
from fixtures.memory import make_cliff
from fixtures.pipes import Pipe
from fixtures.swap import NEEDS, SwapOn, page_out, swapped
from helpers.abi import constants as c
from helpers.child import Child
from helpers.memory import Memory, Piece, Span, cut
from helpers.outcome import Err, Ok
from suites.shared.mappings import (
    POISONS,
    READABLE,
    beyond_the_end,
    guarded,
    locked_by_key,
    poison,
    poisoned,
    protected,
    secret,
    secret_touched,
    unmapped,
)

pytestmark = needs("vmsplice")


@table(
    "make",
    ("unmapped", unmapped, clause("vmsplice:errors:efault")),
    ("null", lambda caller: Span(0, 100), clause("vmsplice:errors:efault")),
    ("no-access", protected(c.PROT_NONE, touched=True), clause("vmsplice:memory:protection")),
    ("no-access-untouched", protected(c.PROT_NONE, touched=False),
     clause("vmsplice:memory:protection")),
    ("write-only-untouched", protected(c.PROT_WRITE, touched=False),
     clause("vmsplice:memory:protection")),
    ("exec-only-untouched", protected(c.PROT_EXEC, touched=False),
     clause("vmsplice:memory:protection")),
    ("exec-only", protected(c.PROT_EXEC, touched=True),
     clause("vmsplice:memory:protection-key"), needs("protection-keys")),
    ("no-access-by-its-key", locked_by_key,
     clause("vmsplice:memory:protection-key"), needs("protection-keys")),
    ("beyond-the-end-of-a-file", beyond_the_end, clause("vmsplice:memory:beyond-end-of-file")),
    ("secret", secret, clause("vmsplice:memory:secret"), needs("memfd_secret")),
    ("secret-touched", secret_touched, clause("vmsplice:memory:secret"), needs("memfd_secret")),
    ("guard-page", guarded, clause("vmsplice:memory:guard"), needs("guard-pages")),
    ("poisoned", poisoned, clause("vmsplice:memory:poisoned"), needs(*POISONS)),
)  # fmt: skip
def test_memory_that_cannot_be_read_is_efault(
    caller: Child, pipe: Pipe, make: Callable[[Child], Span]
) -> None:
    bad = make(caller)
    assert caller.vmsplice(pipe.write, [bad[:1]], 1, 0) == Err(EFAULT)
    assert caller.vmsplice(pipe.write, [bad], 1, c.SPLICE_F_GIFT) == Err(EFAULT)
    pipe.holds()
    good = caller.pages(1, seed=1)
    assert caller.vmsplice(pipe.write, [good[:3], bad, good[3:6]], 3, 0) == Ok(3)
    pipe.holds(good.piece(good[:3]))


@clause("vmsplice:memory:write-only-present")
def test_a_present_page_can_be_sent_though_it_is_write_only(caller: Child, pipe: Pipe) -> None:
    memory = caller.pages(1, seed=7)
    caller.must.mprotect(memory, memory.length, c.PROT_WRITE)
    assert caller.vmsplice(pipe.write, [memory[:9]], 1, 0) == Ok(9)
    pipe.holds(memory.piece(memory[:9]))


@clause("vmsplice:memory:readable-is-sent")
@table("make", *READABLE)
@table("flags", ("plain", 0), ("gift", c.SPLICE_F_GIFT))
def test_memory_that_can_be_read_is_sent(
    caller: Child, pipe: Pipe, make: Callable[[Child], Memory], flags: int
) -> None:
    memory = make(caller)
    assert caller.vmsplice(pipe.write, [memory[1 : -1 + memory.length]], 1, flags) == Ok(
        memory.length - 2
    )
    pipe.holds(memory.piece(memory[1 : memory.length - 1]))
    memory.unchanged()


@clause("vmsplice:partial:up-to-the-bad-page")
@table("before", ("one-byte", 1), ("ten-bytes", 10), ("page", None), ("page-and-3", -3))
@table("beyond", ("one-byte", 1), ("three-pages", None))
def test_a_segment_that_runs_into_a_hole_is_sent_up_to_it(
    caller: Child, pipe: Pipe, before: int | None, beyond: int | None
) -> None:
    page = caller.page_size
    cliff = make_cliff(caller)
    count = page if before is None else page - before if before < 0 else before
    part = cliff.before(count, beyond or 3 * page)
    assert caller.vmsplice(pipe.write, [part], 1, 0) == Ok(count)
    pipe.holds(cliff.mapped.piece(cliff.before(count, 0)))


@clause("vmsplice:partial:up-to-the-bad-page")
def test_a_hole_in_the_middle_ends_the_transfer(caller: Child, pipe: Pipe) -> None:
    page = caller.page_size
    memory = caller.pages(3, seed=1)
    caller.must.munmap(memory[page:], page)
    assert caller.vmsplice(pipe.write, [memory[page - 10 :]], 1, 0) == Ok(10)
    pipe.holds(memory.piece(memory[page - 10 : page]))


@clause("vmsplice:partial:up-to-the-bad-page")
def test_a_hole_after_many_pages_is_found(caller: Child, pipe: Pipe) -> None:
    page, slots = caller.page_size, pipe.slots
    pages = min(slots, 18) - 1
    memory = caller.pages(pages, seed=1)
    assert caller.vmsplice(pipe.write, [(memory.address, (pages + 1) * page)], 1, 0) == Ok(
        pages * page
    )
    pipe.holds(memory.piece(memory[:]))


@clause("vmsplice:partial:segments-before-the-bad-one")
@table("at", ("first", 0), ("second", 1), ("third", 2), ("ninth", 8))
def test_segments_before_a_bad_one_are_sent(caller: Child, pipe: Pipe, at: int) -> None:
    memory = caller.pages(1, seed=1)
    segments: list[object] = [memory[index * 7 : index * 7 + 7] for index in range(10)]
    segments[at] = (memory.end, 7)
    expected = Ok(7 * at) if at else Err(EFAULT)
    assert caller.vmsplice(pipe.write, segments, 10, 0) == expected
    pipe.holds(*cut([Piece(memory.length, 1)], 0, 7 * at))


@clause("vmsplice:partial:guard-page")
@needs("guard-pages")
def test_a_guard_page_ends_the_transfer(caller: Child, pipe: Pipe) -> None:
    page = caller.page_size
    memory = caller.pages(3, seed=1)
    caller.must.madvise(memory[page:], page, c.MADV_GUARD_INSTALL)
    assert caller.vmsplice(pipe.write, [memory[page - 10 :]], 1, 0) == Ok(10)
    pipe.holds(memory.piece(memory[page - 10 : page]))


@clause("vmsplice:receive:into-secret-memory")
@needs("memfd_secret")
def test_secret_memory_can_be_filled(caller: Child, pipe: Pipe) -> None:
    data = caller.memory(10, seed=2)
    pipe.put(data[:])
    hidden = secret(caller)
    assert caller.vmsplice(pipe.read, [hidden[5:20]], 1, 0) == Ok(10)
    caller.compare(hidden.address, [Piece(5, None), data.piece(data[:]), Piece(5, None)])
    pipe.holds()


@clause("vmsplice:memory:poisoned")
@needs(*POISONS)
def test_a_poisoned_page_ends_the_transfer(caller: Child, pipe: Pipe) -> None:
    page = caller.page_size
    memory = caller.pages(3, seed=1)
    poison(caller, memory[page : 2 * page])
    assert caller.vmsplice(pipe.write, [memory[page - 10 :]], 1, 0) == Ok(10)
    pipe.holds(memory.piece(memory[page - 10 : page]))


@clause("vmsplice:memory:poisoned")
@needs(*POISONS)
def test_a_poisoned_page_cannot_be_filled(caller: Child, pipe: Pipe) -> None:
    """The caller gets no signal either: it did not touch the page itself."""
    data = caller.memory(10, seed=2)
    pipe.put(data[:])
    bad = poisoned(caller)
    told = caller.caught(c.SIGBUS)
    assert caller.vmsplice(pipe.read, [bad], 1, 0) == Err(EFAULT)
    assert caller.caught(c.SIGBUS) == told
    pipe.holds(data.piece(data[:]))


@clause("vmsplice:memory:swapped")
@needs(*NEEDS)
def test_memory_in_swap_is_sent(caller: Child, pipe: Pipe, swap_on: SwapOn) -> None:
    memory, page = caller.pages(4, seed=1), caller.page_size
    part = memory[7 : 3 * page - 7]
    with swap_on():
        page_out(caller, memory)
        assert caller.vmsplice(pipe.write, [part], 1, 0) == Ok(part.length)
        assert swapped(caller, memory) == 1
        pipe.holds(memory.piece(part))
        memory.unchanged()
