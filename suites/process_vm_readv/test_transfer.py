"""process_vm_readv: what arrives when nothing is wrong."""

from fixtures.cases import clause, needs, table
from fixtures.memory import REMOTE_SEED
from fixtures.vectors import readv, scattered
from helpers.memory import Piece, Span, cut, unchanged
from helpers.outcome import Ok

pytestmark = [needs("process_vm_readv", "foreign-memory")]


@clause("process_vm_readv:transfer:exact-bytes")
@table(
    "pages, more, local_at, remote_at",
    ("one-byte", 0, 1, 0, 0),
    ("seven-bytes-off", 0, 7, 3, 5),
    ("page-minus-1-to-its-end", 1, -1, 1, 1),
    ("page", 1, 0, 0, 0),
    ("page-to-an-odd-place", 1, 0, 1, 0),
    ("page-from-an-odd-place", 1, 0, 0, 1),
    ("page-both-odd", 1, 0, 2047, 4095),
    ("page-plus-1", 1, 1, 0, 0),
    ("page-plus-1-both-odd", 1, 1, 4095, 4095),
    ("two-pages-off", 2, 0, 4095, 1),
)
def test_any_length_at_any_alignment_arrives(caller, target, pages, more, local_at, remote_at):
    length = pages * caller.page_size + more
    local, remote = caller.pages(4, seed=1), target.pages(4, seed=2)
    into, source = local[local_at : local_at + length], remote[remote_at : remote_at + length]
    assert readv(caller, target.pid, [into], [source]) == Ok(length)
    local.received([into], [remote.piece(source)])


# Up to 16 pages of a segment fit into an array on the kernel's stack (PVM_MAX_PP_ARRAY_COUNT).
@clause("process_vm_readv:transfer:many-pages")
@table(
    "pages, more, remote_at",
    ("16-pages", 16, 0, 0),
    ("16-pages-in-17", 16, 0, 9),
    ("16-pages-and-1-byte", 16, 1, 0),
    ("33-pages-in-34", 33, 0, 9),
)
def test_more_pages_than_the_kernel_keeps_on_its_stack_arrive(
    caller, target, pages, more, remote_at
):
    length = pages * caller.page_size + more
    local, remote = caller.memory(length + 64, seed=1), target.memory(length + 64, seed=2)
    source = remote[remote_at : remote_at + length]
    assert readv(caller, target.pid, [local[7 : 7 + length]], [source]) == Ok(length)
    local.received([local[7:]], [remote.piece(source)])


# One round takes as many pages as two pages hold pointers to (PVM_MAX_KMALLOC_PAGES).
@clause("process_vm_readv:transfer:many-pages")
def test_more_pages_than_one_round_takes_arrive(caller, target):
    page = caller.page_size
    round_ = 2 * page // 8 * page
    length = round_ + 3 * page
    local, remote = caller.memory(length + page), target.memory(length + page)
    # filling and comparing all of it would take longer than all other cases: only where it counts
    marked = ((0, page), (round_ - page, 3 * page), (length - page, page))
    for start, count in marked:
        target.fill(remote.address + 9 + start, count, REMOTE_SEED, start)
    source = remote[9 : 9 + length]
    assert readv(caller, target.pid, [local[:length]], [source]) == Ok(length)
    for start, count in marked:
        caller.compare(local.address + start, [Piece(count, REMOTE_SEED, start)])
    caller.compare(local.address + length, [Piece(page, None)])


@clause("process_vm_readv:transfer:shorter-side")
@table(
    "room, offered, moved",
    ("less-room", 10, 25, 10),
    ("less-offered", 25, 10, 10),
    ("one-byte-of-room", 1, 25, 1),
    ("one-byte-offered", 25, 1, 1),
)
def test_shorter_side_ends_the_transfer(caller, target, local, remote, room, offered, moved):
    into, source = local[30 : 30 + room], remote[50 : 50 + offered]
    assert readv(caller, target.pid, [into], [source]) == Ok(moved)
    local.received([into], cut([remote.piece(source)], 0, moved))


@clause("process_vm_readv:transfer:array-order")
@clause("process_vm_readv:transfer:lengths-may-differ")
@table(
    "into, source",
    ("split", [2, 3, 4], [9]),
    ("gathered", [9], [2, 3, 4]),
    ("same-portions", [5, 7, 11], [5, 7, 11]),
    ("other-portions", [5, 7, 11], [11, 7, 5]),
    ("bytes-to-words", [8, 8], [1] * 16),
    ("words-to-bytes", [1] * 16, [8, 8]),
    ("room-is-left", [5, 7, 11], [6, 3]),
    ("offer-is-left", [6, 3], [5, 7, 11]),
    ("ends-with-a-segment", [5, 7], [5, 4]),
)
def test_segments_are_processed_in_order_whatever_their_lengths(
    caller, target, local, remote, into, source
):
    into, source = scattered(local, into), scattered(remote, source)
    moved = min(sum(span.length for span in into), sum(span.length for span in source))
    assert readv(caller, target.pid, into, source) == Ok(moved)
    local.received(into, cut(remote.pieces(*source), 0, moved))


@clause("process_vm_readv:transfer:array-order")
def test_segments_larger_than_pages_are_processed_in_order(caller, target):
    page = caller.page_size
    local, remote = caller.pages(7, seed=1), target.pages(7, seed=2)
    into = scattered(local, [page + 1, 2 * page - 1, page])
    source = scattered(remote, [2 * page, 1, 2 * page - 1], start=page - 1)
    assert readv(caller, target.pid, into, source) == Ok(4 * page)
    local.received(into, remote.pieces(*source))


@clause("process_vm_readv:transfer:empty-segments")
@table(
    "into, source",
    ("local-first", [0, 3, 2], [5]),
    ("local-middle", [3, 0, 0, 2], [5]),
    ("local-last", [3, 2, 0], [5]),
    ("remote-first", [5], [0, 3, 2]),
    ("remote-middle", [5], [3, 0, 0, 2]),
    ("remote-last", [5], [3, 2, 0]),
    ("both", [0, 3, 0, 2, 0], [0, 0, 4, 0, 1, 0]),
)
def test_empty_segments_are_skipped(caller, target, local, remote, into, source):
    into, source = scattered(local, into), scattered(remote, source)
    assert readv(caller, target.pid, into, source) == Ok(5)
    local.received(into, remote.pieces(*source))


@clause("process_vm_readv:transfer:empty-segments")
def test_empty_local_segment_may_point_to_nothing(caller, target, local, remote):
    into = [Span(0, 0), local[:3], Span(local.end, 0), local[3:5]]
    assert readv(caller, target.pid, into, [remote[:5]]) == Ok(5)
    local.received([local[:5]], [remote.piece(remote[:5])])


@clause("process_vm_readv:transfer:nothing")
@table(
    "into, source",
    ("no-segments", [], []),
    ("no-local-segment", [], [5]),
    ("no-remote-segment", [5], []),
    ("empty-local-segments", [0, 0], [5]),
    ("empty-remote-segments", [5], [0, 0]),
)
def test_transfer_of_nothing_is_0(caller, target, local, remote, into, source):
    into, source = scattered(local, into), scattered(remote, source)
    assert readv(caller, target.pid, into, source) == Ok(0)
    unchanged(local, remote)


@clause("process_vm_readv:transfer:array-order")
def test_later_local_segment_overwrites_an_earlier_one(caller, target, local, remote):
    into = [local[10:20], local[15:25], local[12:13]]
    assert readv(caller, target.pid, into, [remote[:21]]) == Ok(21)
    stream = remote.piece(remote[:21]).bytes()
    expected = bytearray(local.piece(local).bytes())
    expected[10:20], expected[15:25], expected[12:13] = stream[:10], stream[10:20], stream[20:]
    assert local.read() == expected


@clause("process_vm_readv:transfer:array-order")
def test_remote_segments_may_overlap_and_go_backwards(caller, target, local, remote):
    source = [remote[100:110], remote[105:115], remote[0:4], remote[100:110]]
    assert readv(caller, target.pid, [local[:34]], source) == Ok(34)
    local.received([local[:34]], remote.pieces(*source))


@clause("process_vm_readv:transfer:remote-untouched")
def test_remote_memory_stays_as_it_was(caller, target, local, remote):
    assert readv(caller, target.pid, [local], [remote]) == Ok(local.length)
    local.received([local], [remote.piece(remote)])
    remote.unchanged()


@clause("process_vm_readv:transfer:remote-memory")
@table("own", ("caller-has-memory-there", True), ("caller-has-none", False))
def test_remote_addresses_are_those_of_the_target(caller, target, own):
    remote = target.pages(1, seed=2)
    # every child chooses the same addresses: what the caller has there must not matter
    same = caller.pages(1, seed=1)
    assert same.address == remote.address
    local = caller.pages(1, seed=3)
    if not own:
        caller.must.munmap(same, same.length)
    assert readv(caller, target.pid, [local[:50]], [remote[20:70]]) == Ok(50)
    local.received([local[:50]], [remote.piece(remote[20:70])])


@clause("process_vm_readv:transfer:exact-bytes")
def test_each_call_reads_anew(caller, target, local, remote):
    assert readv(caller, target.pid, [local[:8]], [remote[:8]]) == Ok(8)
    target.fill(remote.address, 8, seed=5)
    assert readv(caller, target.pid, [local[8:16]], [remote[:8]]) == Ok(8)
    local.received([local[:16]], [remote.piece(remote[:8]), Piece(8, seed=5)])
