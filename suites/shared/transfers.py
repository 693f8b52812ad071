"""What a Mover moves when nothing is wrong: bodies of cases, and their rows."""

from collections.abc import Sequence

from fixtures.cases import table
from fixtures.memory import LOCAL_SEED, REMOTE_SEED
from fixtures.vectors import scattered
from helpers.abi import constants as c
from helpers.memory import Memory, Piece, Span, unchanged
from helpers.outcome import Ok
from suites.shared.mover import Mover

Lengths = Sequence[int]

#: (pages, bytes more than these, offset of the local part, of the remote one)
ANY_ALIGNMENT = table(
    "shape",
    ("one-byte", (0, 1, 0, 0)),
    ("seven-bytes-off", (0, 7, 3, 5)),
    ("page-minus-1-to-its-end", (1, -1, 1, 1)),
    ("page", (1, 0, 0, 0)),
    ("page-to-an-odd-place", (1, 0, 1, 0)),
    ("page-from-an-odd-place", (1, 0, 0, 1)),
    ("page-both-odd", (1, 0, 2047, 4095)),
    ("page-plus-1", (1, 1, 0, 0)),
    ("page-plus-1-both-odd", (1, 1, 4095, 4095)),
    ("two-pages-off", (2, 0, 4095, 1)),
)


def any_alignment(mover: Mover, pages: int, more: int, local_at: int, remote_at: int) -> None:
    """A stretch of any length at any place."""
    length = pages * mover.caller.page_size + more
    local = mover.caller.pages(4, seed=LOCAL_SEED)
    remote = mover.target.pages(4, seed=REMOTE_SEED)
    near, far = local[local_at : local_at + length], remote[remote_at : remote_at + length]
    assert mover([near], [far]) == Ok(length)
    mover.moved(local, [near], remote, [far])


#: Up to 16 pages of a segment fit into an array on the kernel's stack (PVM_MAX_PP_ARRAY_COUNT):
#: (pages, bytes more, offset of the remote part)
MANY_PAGES = table(
    "shape",
    ("16-pages", (16, 0, 0)),
    ("16-pages-in-17", (16, 0, 9)),
    ("16-pages-and-1-byte", (16, 1, 0)),
    ("33-pages-in-34", (33, 0, 9)),
)


def many_pages(mover: Mover, pages: int, more: int, remote_at: int) -> None:
    """More pages than the kernel keeps on its stack."""
    length = pages * mover.caller.page_size + more
    local = mover.caller.memory(length + 64, seed=LOCAL_SEED)
    remote = mover.target.memory(length + 64, seed=REMOTE_SEED)
    near, far = local[7 : 7 + length], remote[remote_at : remote_at + length]
    assert mover([near], [far]) == Ok(length)
    mover.moved(local, [near], remote, [far])


def more_pages_than_a_round(mover: Mover) -> None:
    """One round takes as many pages as two pages hold pointers to (PVM_MAX_KMALLOC_PAGES)."""
    page = mover.caller.page_size
    round_ = 2 * page // 8 * page
    length = round_ + 3 * page
    local, remote = mover.caller.memory(length + page), mover.target.memory(length + page)
    near, far = local[:length], remote[9 : 9 + length]
    sink, source = mover.roles(local, remote)
    into, out_of = mover.roles(near, far)
    # filling and comparing all of it would take longer than all other cases: only where it counts
    marked = ((0, page), (round_ - page, 3 * page), (length - page, page))
    for start, count in marked:
        source.child.fill(out_of.address + start, count, 7, start)
    assert mover([near], [far]) == Ok(length)
    for start, count in marked:
        sink.child.compare(into.address + start, [Piece(count, 7, start)])
    sink.child.compare(into.end, [Piece(sink.end - into.end, None)])


#: (bytes of room, bytes offered, bytes moved)
SHORTER_SIDE = table(
    "shape",
    ("less-room", (10, 25, 10)),
    ("less-offered", (25, 10, 10)),
    ("one-byte-of-room", (1, 25, 1)),
    ("one-byte-offered", (25, 1, 1)),
)


def shorter_side(
    mover: Mover, local: Memory, remote: Memory, room: int, offered: int, moved: int
) -> None:
    """The two sides are of different lengths."""
    near, far = mover.roles(room, offered)
    near_part, far_part = local[30 : 30 + near], remote[50 : 50 + far]
    assert mover([near_part], [far_part]) == Ok(moved)
    mover.moved(local, [near_part], remote, [far_part], moved)


#: (lengths of the segments that are filled, of those that are read)
SEGMENTS = table(
    "shape",
    ("split", ([2, 3, 4], [9])),
    ("gathered", ([9], [2, 3, 4])),
    ("same-portions", ([5, 7, 11], [5, 7, 11])),
    ("other-portions", ([5, 7, 11], [11, 7, 5])),
    ("bytes-to-words", ([8, 8], [1] * 16)),
    ("words-to-bytes", ([1] * 16, [8, 8])),
    ("room-is-left", ([5, 7, 11], [6, 3])),
    ("offer-is-left", ([6, 3], [5, 7, 11])),
    ("ends-with-a-segment", ([5, 7], [5, 4])),
)


def segments(mover: Mover, local: Memory, remote: Memory, into: Lengths, out_of: Lengths) -> None:
    """Segments one after another, whatever their lengths on the other side."""
    near, far = mover.roles(into, out_of)
    near_parts, far_parts = scattered(local, near), scattered(remote, far)
    moved = min(sum(near), sum(far))
    assert mover(near_parts, far_parts) == Ok(moved)
    mover.moved(local, near_parts, remote, far_parts, moved)


def segments_larger_than_pages(mover: Mover) -> None:
    """Segments that begin and end anywhere in pages."""
    page = mover.caller.page_size
    local = mover.caller.pages(7, seed=LOCAL_SEED)
    remote = mover.target.pages(7, seed=REMOTE_SEED)
    near = scattered(local, [page + 1, 2 * page - 1, page])
    far = scattered(remote, [2 * page, 1, 2 * page - 1], start=page - 1)
    assert mover(near, far) == Ok(4 * page)
    mover.moved(local, near, remote, far)


#: (lengths of the local segments, of the remote ones)
EMPTY_SEGMENTS = table(
    "shape",
    ("local-first", ([0, 3, 2], [5])),
    ("local-middle", ([3, 0, 0, 2], [5])),
    ("local-last", ([3, 2, 0], [5])),
    ("remote-first", ([5], [0, 3, 2])),
    ("remote-middle", ([5], [3, 0, 0, 2])),
    ("remote-last", ([5], [3, 2, 0])),
    ("both", ([0, 3, 0, 2, 0], [0, 0, 4, 0, 1, 0])),
)


def empty_segments(
    mover: Mover, local: Memory, remote: Memory, near: Lengths, far: Lengths
) -> None:
    """Segments without a byte among others; five bytes move."""
    near_parts, far_parts = scattered(local, near), scattered(remote, far)
    assert mover(near_parts, far_parts) == Ok(5)
    mover.moved(local, near_parts, remote, far_parts)


def empty_local_segment_at_nothing(mover: Mover, local: Memory, remote: Memory) -> None:
    """Empty local segments may point to where nothing is."""
    near = [Span(0, 0), local[:3], Span(local.end, 0), local[3:5]]
    assert mover(near, [remote[:5]]) == Ok(5)
    mover.moved(local, [local[:5]], remote, [remote[:5]])


#: (lengths of the local segments, of the remote ones)
NOTHING = table(
    "shape",
    ("no-segments", ([], [])),
    ("no-local-segment", ([], [5])),
    ("no-remote-segment", ([5], [])),
    ("empty-local-segments", ([0, 0], [5])),
    ("empty-remote-segments", ([5], [0, 0])),
)


def nothing(mover: Mover, local: Memory, remote: Memory, near: Lengths, far: Lengths) -> None:
    """One side has no byte."""
    assert mover(scattered(local, near), scattered(remote, far)) == Ok(0)
    unchanged(local, remote)


def later_segment_overwrites(mover: Mover, local: Memory, remote: Memory) -> None:
    """Segments to be filled that overlap: the later one wins."""
    sink, source = mover.roles(local, remote)
    into, out_of = [sink[10:20], sink[15:25], sink[12:13]], [source[:21]]
    assert mover(*mover.roles(into, out_of)) == Ok(21)
    stream = source.piece(source[:21]).bytes()
    expected = bytearray(sink.piece(sink[:]).bytes())
    expected[10:20], expected[15:25], expected[12:13] = stream[:10], stream[10:20], stream[20:]
    assert sink.read() == expected
    source.unchanged()


def read_side_overlaps(mover: Mover, local: Memory, remote: Memory) -> None:
    """Segments to be read may overlap and go backwards."""
    sink, source = mover.roles(local, remote)
    out_of = [source[100:110], source[105:115], source[0:4], source[100:110]]
    assert mover(*mover.roles([sink[:34]], out_of)) == Ok(34)
    sink.received([sink[:34]], source.pieces(*out_of))
    source.unchanged()


OWN_MEMORY_THERE = table("own", ("caller-has-memory-there", True), ("caller-has-none", False))


def addresses_are_the_targets(mover: Mover, own: bool) -> None:
    """Every child chooses the same addresses: what the caller has there must not matter."""
    remote = mover.target.pages(1, seed=2)
    same = mover.caller.pages(1, seed=1)
    assert same.address == remote.address
    local = mover.caller.pages(1, seed=3)
    if not own:
        mover.caller.must.munmap(same, same.length)
    assert mover([local[:50]], [remote[20:70]]) == Ok(50)
    mover.moved(local, [local[:50]], remote, [remote[20:70]])
    if own:
        same.unchanged()


def each_call_reads_anew(mover: Mover, local: Memory, remote: Memory) -> None:
    """What changed between two calls is seen by the second."""
    sink, source = mover.roles(local, remote)
    assert mover(*mover.roles([sink[:8]], [source[:8]])) == Ok(8)
    source.child.fill(source.address, 8, seed=5)
    assert mover(*mover.roles([sink[8:16]], [source[:8]])) == Ok(8)
    sink.received([sink[:16]], [source.piece(source[:8]), Piece(8, seed=5)])


def read_side_untouched(mover: Mover, local: Memory, remote: Memory) -> None:
    """A whole page: what was read is still there."""
    assert mover([local], [remote]) == Ok(local.length)
    mover.moved(local, [local], remote, [remote])


#: Where a copy begins of 200 bytes that begin at 300.
OVERLAPS = table("start", ("before", 250), ("behind", 350), ("by-one", 301))


def overlapping(mover: Mover, memory: Memory, start: int) -> None:
    """From a process to a place that overlaps: only what is around both is certain afterwards."""
    sink, source = memory[start : start + 200], memory[300:500]
    near, far = mover.roles(sink, source)
    assert mover([near], [far], pid=mover.caller.pid) == Ok(200)
    first, last = min(start, 300), max(start, 300) + 200
    mover.caller.compare(memory.address, [memory.piece(memory[:first])])
    mover.caller.compare(memory.address + last, [memory.piece(memory[last:])])


KEYS = table("rights", ("no-access", c.PKEY_DISABLE_ACCESS), ("no-writing", c.PKEY_DISABLE_WRITE))
WHOSE = table("own", ("of-the-target", False), ("of-the-caller", True))


def memory_with_a_key(mover: Mover, local: Memory, remote: Memory, own: bool, rights: int) -> None:
    """Remote memory whose key forbids its owner to use it: keys are a register of a thread's."""
    far = mover.caller.pages(1, seed=REMOTE_SEED) if own else remote
    key, both = far.child.must.pkey_alloc(0, rights), c.PROT_READ | c.PROT_WRITE
    far.child.must.pkey_mprotect(far, far.length, both, key)
    assert mover([local[:16]], [far[5:21]], pid=far.child.pid) == Ok(16)
    far.child.must.pkey_mprotect(far, far.length, both, 0)
    mover.moved(local, [local[:16]], far, [far[5:21]])
