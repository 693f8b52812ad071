# SPDX-License-Identifier: MIT
"""Calls, their arguments, and memory."""

import errno
import os
import random
import struct

import pytest

from .peer import Agent, K, Returned, arg_in, calls_body, inout, out, val, varint, words, words_body

READ, WRITE, CLOSE, PIPE, GETPID, GETUID = 0, 1, 3, 22, 39, 102
PREADV, UNAME, OPENAT = 295, 63, 257
I386, I386_GETPID, I386_GETUID, I386_PIPE, I386_WRITE, I386_READ = 1, 20, 199, 42, 4, 3
MASK = (1 << 64) - 1


def has_i386(agent: Agent) -> bool:
    return agent.call(1, I386_GETPID, abi=I386).value != -errno.ENOSYS


def test_native_call(agent: Agent) -> None:
    pid = agent.spawn(1).pid
    assert agent.call(1, GETPID) == Returned(pid, 0, [])
    assert agent.call(1, GETUID).value == os.getuid()


def test_raw_errno_is_not_interpreted(agent: Agent) -> None:
    agent.spawn(1)
    assert agent.call(1, CLOSE, -1).value == -errno.EBADF
    assert agent.call(1, 100000).value == -errno.ENOSYS


def test_i386_call(agent: Agent) -> None:
    pid = agent.spawn(1).pid
    if not has_i386(agent):
        pytest.skip("arch: this kernel has no i386 calls")
    assert agent.call(1, I386_GETPID, abi=I386).value == pid
    assert agent.call(1, I386_GETUID, abi=I386).value == os.getuid()
    assert agent.call(1, 6, -1, abi=I386).value == -errno.EBADF
    made = agent.call(1, I386_PIPE, out(8), abi=I386)
    assert (made.value, struct.unpack("<2i", made.outs[0])) == (0, (3, 4))
    assert agent.call(1, I386_WRITE, 4, arg_in(b"below 4 GB"), 10, abi=I386).value == 10
    assert agent.call(1, I386_READ, 3, out(10), 10, abi=I386).outs == [b"below 4 GB"]


def test_i386_has_six_arguments(agent: Agent) -> None:
    agent.spawn(1)
    if not has_i386(agent):
        pytest.skip("arch: this kernel has no i386 calls")
    # mmap2(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, -1, 0); ebp carries the offset
    assert agent.call(1, 192, 0, 4096, 3, 2, -1, 0, abi=I386).value == -errno.EBADF
    got = agent.call(1, 192, 0, 4096, 3, 0x22, -1, 7, abi=I386).value
    assert agent.peek(1, got & 0xFFFFFFFF, 8) == bytes(8)


def test_calls_of_one_frame_share_nothing(agent: Agent) -> None:
    agent.spawn(1)
    made, wrote, read, closed = agent.calls(
        1,
        (PIPE, out(8)),
        (WRITE, 4, arg_in(b"hello"), 5),
        (READ, 3, out(9), 9),
        (CLOSE, 5),
    )
    assert made == Returned(0, 0, [struct.pack("<2i", 3, 4)])
    assert wrote == Returned(5, 0, [])
    assert read == Returned(5, 0, [b"hello\0\0\0\0"])
    assert closed == Returned(-errno.EBADF, 0, [])


def test_fresh_child_has_four_descriptors(agent: Agent) -> None:
    fd = agent.spawn(1).fd
    path = arg_in(b"/proc/self/fd\0")
    assert agent.call(1, OPENAT, -100, path, os.O_DIRECTORY).value == 3
    entries = agent.call(1, 217, 3, out(4096), 4096)
    names, at = set(), 0
    while at < entries.value:
        size = struct.unpack_from("<H", entries.outs[0], at + 16)[0]
        names.add(entries.outs[0][at + 19 : at + size].split(b"\0")[0].decode())
        at += size
    assert names == {".", "..", "0", "1", "2", "3", str(fd)}
    link = agent.call(1, 89, arg_in(b"/proc/self/fd/1\0"), out(99), 99)
    assert link.outs[0][: link.value] == b"/dev/null"


def test_inout(agent: Agent) -> None:
    agent.spawn(1)
    agent.call(1, PIPE, out(8))
    agent.call(1, WRITE, 4, arg_in(b"XY"), 2)
    assert agent.call(1, READ, 3, inout(b"abcd"), 2) == Returned(2, 0, [b"XYcd"])


def test_words(agent: Agent) -> None:
    agent.spawn(1)
    base = agent.mmap(1, 4096)
    agent.poke(1, base, bytes(range(40)))
    agent.call(1, PIPE, out(8))
    # writev of four vectors: 4 bytes each, 8 bytes apart
    wrote = agent.call(1, 20, 4, words(8, (4, [base, 4], [8, 0])), 4)
    assert wrote == Returned(16, 0, [])
    expected = b"".join(bytes(range(n, n + 4)) for n in (0, 8, 16, 24))
    assert agent.call(1, READ, 3, out(16), 16).outs == [expected]


@pytest.mark.parametrize(
    ("width", "runs", "expected"),
    [
        (8, [(2, [1, -1], [1, 0])], struct.pack("<4q", 1, -1, 2, -1)),
        (4, [(1, [-2], [0]), (3, [7], [-7])], struct.pack("<4i", -2, 7, 0, -7)),
        (8, [(0, [1], [1])], b""),
        (8, [], b""),
        (8, [(2, [1, 2, 3, 4], [1, 1, 1, 1])], struct.pack("<8q", 1, 2, 3, 4, 2, 3, 4, 5)),
    ],
)
def test_poke_words(agent: Agent, width: int, runs: list, expected: bytes) -> None:  # type: ignore[type-arg]
    agent.spawn(1)
    base = agent.mmap(1, 4096)
    seq = agent.send("POKE_WORDS", 1, varint(base) + words_body(width, *runs))
    agent.expect("DONE", 1, seq)
    assert agent.peek(1, base, len(expected) + 1) == expected + b"\0"


def test_call_that_writes_too_much_is_noted(agent: Agent) -> None:
    agent.spawn(1)
    agent.call(1, PIPE, out(8))
    agent.call(1, WRITE, 4, arg_in(b"0123456789"), 10)
    over, fine = agent.calls(1, (READ, 3, out(4), 5), (READ, 3, out(5), 5))
    assert over == Returned(5, K["OVERRUN"], [b"0123"])
    assert fine == Returned(5, 0, [b"56789"])


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        (arg_in(b"abcd"), K["IN_CHANGED"]),
        (words(8, (1, [5], [0])), K["IN_CHANGED"]),
        (inout(b"abcd"), 0),
        (arg_in(b"ab"), K["IN_CHANGED"] | K["OVERRUN"]),
        (arg_in(b""), K["OVERRUN"]),
        (arg_in(b"wxyz"), 0),
    ],
)
def test_call_that_writes_into_its_input_is_noted(
    agent: Agent, argument: bytes, expected: int
) -> None:
    agent.spawn(1)
    agent.call(1, PIPE, out(8))
    agent.call(1, WRITE, 4, arg_in(b"wxyz"), 4)
    assert agent.call(1, READ, 3, argument, 4).note == expected


def test_overrun_before_an_argument(agent: Agent) -> None:
    arena = agent.spawn(1).arena
    agent.call(1, PIPE, out(8))
    agent.call(1, WRITE, 4, arg_in(b"x"), 1)
    # The first argument begins behind 64 guard bytes.
    assert agent.call(1, READ, 3, arena + 63, 1, out(8)).note == K["OVERRUN"]


def test_largest_arguments_and_answers(agent: Agent) -> None:
    agent.spawn(1)
    agent.call(1, PIPE, out(8))
    data = random.Random(1).randbytes(65000)
    assert agent.call(1, WRITE, 4, arg_in(data), 65000).value == 65000
    assert agent.call(1, READ, 3, out(65000), 65000) == Returned(65000, 0, [data])


@pytest.mark.parametrize(
    ("body", "number"),
    [
        (calls_body([(READ, 3, out(65536), 65536)]), errno.E2BIG),
        (calls_body([(READ, 3, out(131072), 65536)]), errno.E2BIG),
        (calls_body([(READ, out(MASK))]), errno.E2BIG),
        (calls_body([(READ, out(40000)), (READ, out(40000))]), errno.E2BIG),
        (calls_body([(READ, words(8, (20000, [1], [1])))]), errno.E2BIG),
        (calls_body([(READ, words(8, (MASK, [1, 1], [1, 1])))]), errno.E2BIG),
        (calls_body([(READ, words(5, (1, [1], [1])))]), errno.EBADMSG),
        (calls_body([(READ, words(8, (1, [1] * 5, [1] * 5)))]), errno.EBADMSG),
        (calls_body([(READ, b"\x05\x00")]), errno.EBADMSG),
        (calls_body([(READ, *[0] * 7)]), errno.EBADMSG),
        (calls_body([(READ,)] * 65), errno.EBADMSG),
        (calls_body([(READ,)], abi=2), errno.EBADMSG),
        (calls_body([(READ, 1)]) + b"x", errno.EBADMSG),
        (calls_body([(READ, 1)])[:-1], errno.EBADMSG),
        (calls_body([(READ, arg_in(b"abc"))])[:-1], errno.EBADMSG),
        (b"", errno.EBADMSG),
        (b"\0", errno.EBADMSG),
        (b"\0" + b"\xff" * 10, errno.EBADMSG),
    ],
)
def test_call_that_cannot_be_done(agent: Agent, body: bytes, number: int) -> None:
    agent.spawn(1)
    got, text = agent.error(agent.send("CALL", 1, body))
    assert got == number
    assert "call" in text
    assert agent.call(1, GETPID).value > 0


def test_no_call_at_all(agent: Agent) -> None:
    agent.spawn(1)
    assert agent.calls(1) == []


# memory


def pattern(seed: int, start: int, n: int) -> bytes:
    data = b""
    for i in range(start >> 3, (start + n + 7 >> 3) + 1):
        z = seed + i * 0x9E3779B97F4A7C15 & MASK
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & MASK
        z = (z ^ z >> 27) * 0x94D049BB133111EB & MASK
        data += struct.pack("<Q", z ^ z >> 31)
    return data[start & 7 :][:n]


@pytest.mark.parametrize("seed", [0, 1, 1 << 63, MASK])
@pytest.mark.parametrize(
    ("offset", "n", "first"),
    [(0, 64, 0), (1, 63, 0), (0, 13, 3), (5, 4, 6), (3, 0, 1), (0, 4096, (1 << 40) + 5), (7, 1, 7)],
)
def test_pattern(agent: Agent, seed: int, offset: int, n: int, first: int) -> None:
    agent.spawn(1)
    base = agent.mmap(1, 8192)
    expected = pattern(seed, first, n)
    agent.fill(1, base + offset, n, seed, first)
    assert agent.peek(1, base, offset + n + 8) == bytes(offset) + expected + bytes(8)
    assert agent.match(1, base + offset, n, seed, first) == [n]
    for wrong in {0, n // 2, n - 1} & set(range(n)):
        agent.poke(1, base + offset + wrong, bytes([expected[wrong] ^ 1]))
        assert agent.match(1, base + offset, n, seed, first) == [wrong, expected[wrong] ^ 1]
        agent.poke(1, base + offset + wrong, expected[wrong : wrong + 1])


@pytest.mark.parametrize("data", [b"", b"a", b"foobar", bytes(5000)])
def test_hash(agent: Agent, data: bytes) -> None:
    agent.spawn(1)
    base = agent.mmap(1, 8192)
    agent.poke(1, base, data)
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 & MASK
    assert agent.hash(1, base, len(data)) == value


def test_peek_beyond_a_frame(agent: Agent) -> None:
    agent.spawn(1)
    base = agent.mmap(1, 1 << 17)
    assert agent.error(agent.send("PEEK", 1, varint(base) + varint(65536)))[0] == errno.E2BIG
    assert len(agent.peek(1, base, 65500)) == 65500


def test_signal_handler_counts(agent: Agent) -> None:
    child = agent.spawn(1)
    action = struct.pack("<4Q", child.handler, 0x04000000, child.restorer, 0)
    assert agent.call(1, 13, 10, arg_in(action), 0, 8).value == 0
    for _ in range(3):
        assert agent.call(1, 62, child.own_pid, 10).value == 0
    counts = struct.unpack("<65Q", agent.peek(1, child.counts, 65 * 8))
    assert [(n, c) for n, c in enumerate(counts) if c] == [(10, 3)]


def test_value_reaches_the_kernel_whole(agent: Agent) -> None:
    agent.spawn(1)
    # lseek answers what it was given: all 63 bits of it
    fd = agent.call(1, OPENAT, -100, arg_in(b"/proc/self/mem\0"), 0).value
    assert agent.call(1, 8, fd, 0x7FFFFFFF12345678, 0).value == 0x7FFFFFFF12345678
    assert val(-1) == b"\0\1"
