"""What memory is expected to hold: pieces cut, joined and dealt out to scattered parts."""

import pytest

from fixtures.vectors import scattered
from helpers.errors import SetupError
from helpers.memory import Memory, Piece, Span, cut, joined

LENGTH = 64


class Recorder:
    """Stands for a child: keeps what it is asked to compare."""

    def __init__(self):
        self.content = b""

    def begin_compare(self, address, pieces):
        assert address == BASE
        self.content = b"".join(piece.bytes() for piece in pieces)
        return lambda: None


BASE = 0x1000


@pytest.fixture
def memory():
    return Memory(BASE, LENGTH, child=Recorder(), seed=1)


def expected(memory, changes):
    content = bytearray(Piece(LENGTH, 1).bytes())
    for start, data in changes:
        content[start : start + len(data)] = data
    return bytes(content)


@pytest.mark.parametrize(
    ("start", "length", "wanted"),
    [
        (0, 100, [Piece(4, 1), Piece(3, None), Piece(5, 2, 7)]),
        (0, 4, [Piece(4, 1)]),
        (1, 2, [Piece(2, 1, 1)]),
        (3, 2, [Piece(1, 1, 3), Piece(1, None)]),
        (8, 2, [Piece(2, 2, 8)]),
        (12, 5, []),
        (5, 0, []),
    ],
)
def test_cut_gives_a_part_of_the_content(start, length, wanted):
    pieces = [Piece(4, 1), Piece(3, None), Piece(5, 2, 7)]
    whole = b"".join(piece.bytes() for piece in pieces)
    found = cut(pieces, start, length)
    assert [(p.length, p.seed) for p in found] == [(p.length, p.seed) for p in wanted]
    assert b"".join(piece.bytes() for piece in found) == whole[start : start + length]


def test_joined_merges_what_goes_on_and_drops_what_is_empty():
    pieces = [
        Piece(2, 1),
        Piece(0, 2),
        Piece(3, 1, 2),
        Piece(1, 1, 9),
        Piece(2, None),
        Piece(1, None),
    ]
    assert joined(pieces) == [Piece(5, 1), Piece(1, 1, 9), Piece(3, None)]


@pytest.mark.parametrize(
    ("lengths", "count"), [([5, 7], 12), ([5, 7], 9), ([5, 7], 0), ([0, 3, 0, 2], 5), ([], 0)]
)
def test_received_deals_a_stream_out_to_parts(memory, lengths, count):
    stream = Piece(count, seed=2).bytes()
    memory.received(scattered(memory, lengths), [Piece(count, seed=2)])
    changes, taken, start = [], 0, 3
    for length in lengths:
        changes.append((start, stream[taken : taken + length]))
        taken, start = taken + length, start + length + 5
    assert memory.child.content == expected(memory, changes)


def test_received_takes_parts_in_any_order(memory):
    memory.received([memory[20:24], memory[:4]], [Piece(8, seed=2)])
    stream = Piece(8, seed=2).bytes()
    assert memory.child.content == expected(memory, [(20, stream[:4]), (0, stream[4:])])


@pytest.mark.parametrize(
    ("parts", "count"),
    [
        ([Span(BASE, 10), Span(BASE + 5, 10)], 20),
        ([Span(BASE + LENGTH - 4, 8)], 8),
        ([Span(BASE - 4, 8)], 8),
        ([Span(BASE, 4)], 5),
    ],
    ids=["overlapping", "beyond-the-end", "before-the-start", "too-small"],
)
def test_received_refuses_parts_that_cannot_hold_the_stream(memory, parts, count):
    with pytest.raises(SetupError):
        memory.received(parts, [Piece(count, seed=2)])
