"""Calls are checked against their prototypes before anything is sent, and shown as strace does."""

from typing import Any

import pytest

from helpers import abi, binding, wire
from helpers.abi.constants import MAP_ANONYMOUS, MAP_PRIVATE, PROT_READ, SPLICE_F_NONBLOCK
from helpers.memory import Span
from helpers.wire import Abi, Arg, Reader


def encode(name: str, *args: Any, entry: Abi = Abi.NATIVE) -> binding.Encoded:
    return binding.encode(abi.prototypes()[name], 1, args, entry)


@pytest.mark.parametrize(
    ("name", "args", "said"),
    [
        ("close", (), "takes 1 arguments, 0 were given: int close\\(unsigned int fd\\)"),
        ("close", (1, 2), "takes 1 arguments, 2 were given"),
        ("close", ("1",), "fd \\(unsigned int\\) takes a number, not str"),
        ("close", (True,), "takes a number, not bool"),
        ("close", (1.0,), "takes a number, not float"),
        ("vmsplice", (1, [Span(1, 1)], 1), "takes 4 arguments, 3 were given"),
        ("vmsplice", (1, [1], 1, 0), "takes segments"),
        ("read", (0, b"bytes", 5), "takes an address, a span of memory, abi.new"),
        ("pipe2", (abi.new("long[2]"), 0), "takes a int \\*"),
        ("write", (0, 1.5, 1), "buf \\(const void \\*\\) takes"),
    ],
)
def test_a_wrong_count_or_type_is_a_type_error(name: str, args: tuple[Any, ...], said: str) -> None:
    with pytest.raises(TypeError, match=said):
        encode(name, *args)


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("close", (-1,)),
        ("close", (1 << 32,)),
        ("kill", (1 << 31, 0)),
        ("vmsplice", (0, None, 1 << 64, 0)),
        ("vmsplice", (0, [(1 << 64, 1)], 1, 0)),
        ("read", (0, -1, 1)),
    ],
)
def test_a_number_outside_the_c_type_is_an_overflow_error(name: str, args: tuple[Any, ...]) -> None:
    with pytest.raises(OverflowError):
        encode(name, *args)


def test_registers_carry_the_sign() -> None:
    reader = Reader(encode("process_vm_readv", -1, None, 1 << 63, None, 0, 0).body)
    assert [reader.varint(), reader.varint()] == [1, 6]
    assert (reader.byte(), reader.svarint()) == (Arg.VALUE, -1)
    assert (reader.byte(), reader.svarint()) == (Arg.VALUE, 0)
    assert (reader.byte(), reader.svarint()) == (Arg.VALUE, -(1 << 63))


def decode_words(coded: bytes) -> list[tuple[int, ...]]:
    """The array that a WORDS argument stands for, by wire.h."""
    reader = Reader(coded)
    width, records = reader.varint(), []
    for _ in range(reader.varint()):
        count, n = reader.varint(), reader.varint()
        first = [reader.svarint() for _ in range(n)]
        step = [reader.svarint() for _ in range(n)]
        for index in range(count):
            records.append(
                tuple((f + index * s) % (1 << 8 * width) for f, s in zip(first, step, strict=True))
            )
    reader.end()
    return records


@pytest.mark.parametrize(
    "segments",
    [
        [],
        [(10, 1)],
        [(10, 1), (10, 1), (10, 1)],
        [(10, 1), (20, 2), (30, 3), (5, 0), (6, 0)],
        [(0x1000 + 2 * i, 1) for i in range(1024)],
        [((1 << 64) - 1, -1), (0, 1 << 63)],
    ],
)
def test_an_array_of_segments_arrives_as_it_was_given(segments: list[tuple[int, int]]) -> None:
    body = encode("vmsplice", 3, segments, len(segments), 0).body
    reader = Reader(body)
    reader.raw(2)
    assert (reader.byte(), reader.svarint()) == (Arg.VALUE, 3)
    assert reader.byte() == Arg.WORDS
    rest = body[reader._at :]
    tail = len(wire.svarint(len(segments))) + 1 + 2
    wanted = [(base % (1 << 64), length % (1 << 64)) for base, length in segments]
    assert decode_words(rest[:-tail]) == wanted


def test_equal_steps_are_sent_as_one_run() -> None:
    segments = [(0x10000000 + 16 * i, 8) for i in range(1024)]
    assert len(encode("vmsplice", 3, segments, 1024, 0).body) < 40


def test_the_i386_entry_has_no_place_for_a_64_bit_address() -> None:
    with pytest.raises(OverflowError):
        encode("vmsplice", 3, [(1 << 32, 1)], 1, 0, entry=Abi.I386)
    with pytest.raises(TypeError, match="two registers"):
        encode("lseek", 3, 0, 0, entry=Abi.I386)


@pytest.mark.parametrize(
    ("name", "args", "shown"),
    [
        ("getpid", (), "getpid()"),
        ("read", (3, Span(0x1000, 5), 5), "read(3, 0x1000, 5)"),
        ("write", (3, b"a\0b", 3), 'write(3, "a\\0b", 3)'),
        ("openat", (-100, "/x", 0x80000, 0), 'openat(AT_FDCWD, "/x", O_CLOEXEC, 0)'),
        (
            "vmsplice", (4, [(16, 1)], 1, SPLICE_F_NONBLOCK | 0x100),
            "vmsplice(4, [{iov_base=0x10, iov_len=1}], 1, SPLICE_F_NONBLOCK|0x100)",
        ),
        (
            "mmap", (None, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, (1 << 64) - 1, 0),
            "mmap(NULL, 4096, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, 0xffffffffffffffff, 0)",
        ),
        ("pipe2", (abi.new("int[2]", [5, 6]), 0), "pipe2([5, 6], 0)"),
        (
            "process_vm_readv", (1, [(i, i) for i in range(1, 7)], 6, None, 0, 0),
            "process_vm_readv(1, [{iov_base=0x1, iov_len=1}, {iov_base=0x2, iov_len=2},"
            " {iov_base=0x3, iov_len=3}, {iov_base=0x4, iov_len=4}, ... 2 more], 6, NULL, 0, 0)",
        ),
    ],
)  # fmt: skip
def test_a_call_is_shown_as_strace_does(name: str, args: tuple[Any, ...], shown: str) -> None:
    assert str(encode(name, *args)) == shown
