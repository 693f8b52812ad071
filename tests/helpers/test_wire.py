"""The protocol's coding: what is sent comes back, and garbage is refused in words."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers import wire
from helpers.errors import ProtocolError
from helpers.wire import Decoder, Frame, Kind, Reader

U64 = st.integers(0, 2**64 - 1)
S64 = st.integers(-(2**63), 2**63 - 1)


@given(U64)
def test_varint_comes_back(value: int) -> None:
    assert Reader(wire.varint(value)).varint() == value


@given(S64)
def test_svarint_comes_back(value: int) -> None:
    assert Reader(wire.svarint(value)).svarint() == value


@given(st.integers(2**63, 2**64 - 1))
def test_upper_half_of_a_register_is_negative(value: int) -> None:
    assert Reader(wire.svarint(value)).svarint() == value - 2**64


@pytest.mark.parametrize(
    ("value", "coded"),
    [(0, "00"), (-1, "01"), (1, "02"), (127, "fe01"), (-(2**63), "ff" * 9 + "01")],
)
def test_svarint_is_zigzag(value: int, coded: str) -> None:
    assert wire.svarint(value).hex() == coded


@pytest.mark.parametrize("value", [2**64, -1])
def test_varint_refuses_what_does_not_fit(value: int) -> None:
    with pytest.raises(OverflowError):
        wire.varint(value)


@pytest.mark.parametrize("value", [2**64, -(2**63) - 1])
def test_svarint_refuses_what_does_not_fit(value: int) -> None:
    with pytest.raises(OverflowError):
        wire.svarint(value)


FRAMES = st.builds(
    Frame, st.sampled_from(Kind), st.integers(0, wire.MAX_CHILDREN), U64, st.binary(max_size=300)
)


@given(st.lists(FRAMES, max_size=5), st.data())
def test_frames_come_back_however_the_stream_is_cut(
    frames: list[Frame], data: st.DataObject
) -> None:
    stream = b"".join(wire.frame(f.kind, f.child, f.seq, f.body) for f in frames)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    decoder, found = Decoder(), []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        found += decoder.feed(stream[start:end])
    assert found == frames
    assert decoder.pending == 0


@given(st.binary(max_size=400))
def test_garbage_is_decoded_or_refused_but_nothing_else(data: bytes) -> None:
    decoder = Decoder()
    with suppress(ProtocolError):
        assert all(len(frame.body) <= wire.MAX_FRAME for frame in decoder.feed(data))


@given(st.lists(FRAMES, min_size=1, max_size=3), st.data())
def test_a_damaged_stream_never_raises_anything_else(
    frames: list[Frame], data: st.DataObject
) -> None:
    stream = bytearray(b"".join(wire.frame(f.kind, f.child, f.seq, f.body) for f in frames))
    at = data.draw(st.integers(0, len(stream) - 1))
    stream[at] ^= data.draw(st.integers(1, 255))
    with suppress(ProtocolError):
        Decoder().feed(bytes(stream))


@pytest.mark.parametrize(
    ("stream", "said"),
    [
        ("ffff7f", "over 65536 bytes"),
        ("80808001", "over 65536 bytes or sent garbage"),
        ("02" + "0100", "of 2 bytes; 3 are the least"),
        ("03" + "630000", "unknown kind 99"),
        ("04" + "01fb0100", "child 251"),
        ("0c" + "0100" + "ff" * 10, "more than 10 bytes"),
    ],
)
def test_what_is_wrong_is_said(stream: str, said: str) -> None:
    with pytest.raises(ProtocolError, match=said):
        Decoder().feed(bytes.fromhex(stream))


def test_a_body_that_ends_too_early_names_the_frame() -> None:
    with pytest.raises(ProtocolError, match="a RETURN that ends too early"):
        Reader(b"\x05ab", "RETURN").blob()


def test_a_request_above_the_limit_is_not_sent() -> None:
    with pytest.raises(ProtocolError, match="above the limit"):
        wire.frame(Kind.POKE, 1, 1, bytes(wire.MAX_FRAME))


@given(st.integers(0, 2**32), st.integers(0, 100), st.integers(0, 100))
def test_a_pattern_is_the_same_wherever_it_is_cut(seed: int, start: int, length: int) -> None:
    assert wire.pattern(seed, length, start) == wire.pattern(seed, start + length)[start:]


def test_patterns_of_two_seeds_differ_in_every_word() -> None:
    one, two = wire.pattern(1, 4096), wire.pattern(2, 4096)
    assert all(one[i : i + 8] != two[i : i + 8] for i in range(0, 4096, 8))
