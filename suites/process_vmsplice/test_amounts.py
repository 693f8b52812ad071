"""process_vmsplice: how many bytes are moved when nothing is wrong."""

import pytest

from fixtures.cases import clause, needs, table
from helpers.abi import constants as c
from helpers.outcome import Ok
from suites.process_vmsplice.calls import send

pytestmark = needs("process_vmsplice", "foreign-memory")

AMOUNTS = clause("process_vmsplice:return:bytes-moved")


@AMOUNTS
@table(
    "pages, more",
    ("1-byte", 0, 1),
    ("page-minus-1", 1, -1),
    ("page", 1, 0),
    ("page-plus-1", 1, 1),
    ("two-pages-minus-1", 2, -1),
    ("two-pages-plus-1", 2, 1),
)
@pytest.mark.parametrize("offset", [0, 1, 100, 2047, -1], ids=lambda o: f"offset-{o}")
def test_any_amount_at_any_offset(caller, target, pipe, pages, more, offset):
    page = caller.page_size
    memory = target.pages(5, seed=2)
    start = offset % page
    part = memory[start : start + pages * page + more]
    assert send(caller, target.pid, pipe.write, [part]) == Ok(part.length)
    pipe.holds(memory.piece(part))
    memory.unchanged()


@AMOUNTS
@table(
    "more, offset, lost",
    ("capacity", 0, 0, 0),
    ("capacity-minus-1", -1, 0, 0),
    ("capacity-plus-1", 1, 0, 1),
    ("capacity-and-a-page", 4096, 0, 4096),
    ("capacity-at-100", 0, 100, 100),
    ("capacity-at-1", 0, 1, 1),
)
@table(
    "slots",
    ("as-it-is", 0),
    ("one", 1),
    ("16", 16),
    ("17-rounded-up", 17),
    ("64", 64),
    ("256", 256),
)
def test_a_pipes_capacity_is_what_is_moved_at_most(caller, target, pipe, more, offset, lost, slots):
    page = caller.page_size
    if slots:
        caller.must.fcntl(pipe.write, c.F_SETPIPE_SZ, slots * page)
    size = pipe.capacity
    memory = target.memory(size + 4 * page, seed=2)
    part = memory[offset : offset + size + more]
    moved = size + more - lost
    assert send(caller, target.pid, pipe.write, [part], c.SPLICE_F_NONBLOCK) == Ok(moved)
    pipe.holds(memory.piece(part[:moved]))


@AMOUNTS
@table("count", ("15-and-2", (15, 2)), ("16-and-1", (16, 1)), ("17", (17,)), ("33", (33,)))
def test_more_pages_than_are_looked_up_at_once(caller, target, pipe, count):
    page = caller.page_size
    caller.must.fcntl(pipe.write, c.F_SETPIPE_SZ, 64 * page)
    memory = target.pages(sum(count) + 1, seed=2)
    start, parts = 9, []
    for pages in count:
        parts.append(memory[start : start + pages * page])
        start += pages * page
    total = sum(count) * page
    assert send(caller, target.pid, pipe.write, parts) == Ok(total)
    pipe.holds(memory.piece(memory[9 : 9 + total]))
