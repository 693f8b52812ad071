# SPDX-License-Identifier: MIT
"""A second, small implementation of wire.h, so that the agent is not tested with its own twin."""

import socket
import subprocess
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

HEADER = Path(__file__).parents[2] / "fixtures" / "agent" / "wire.h"


def _constants() -> dict[str, int]:
    import re

    text = re.sub(r"/\*.*?\*/", "", HEADER.read_text(), flags=re.S)
    found = {n: int(v) for n, v in re.findall(r"#define (WIRE_\w+) (\d+)", text)}
    found |= {n: int(v) for n, v in re.findall(r"(WIRE_\w+) = (\d+)", text)}
    return {n.removeprefix("WIRE_"): v for n, v in found.items()}


K = _constants()
NAMES = {K[n]: n for n in [
    "HELLO", "PONG", "SPAWNED", "CHILD", "RETURN", "DATA", "DONE", "MATCHED", "HASHED", "STATED",
    "ENDED", "EXITED", "ERROR", "MANY",
]}  # fmt: skip


def varint(n: int) -> bytes:
    n &= (1 << 64) - 1
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    return bytes([*out, n])


def svarint(n: int) -> bytes:
    return varint((n << 1) ^ (n >> 63))


def blob(data: bytes) -> bytes:
    return varint(len(data)) + data


def frame(kind: str | int, child: int = 0, seq: int = 0, body: bytes = b"") -> bytes:
    number = K[kind] if isinstance(kind, str) else kind
    return blob(varint(number) + varint(child) + varint(seq) + body)


class Reader:
    """Takes a body apart."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def u(self) -> int:
        value = shift = 0
        while True:
            byte = self.data[self.at]
            self.at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    def s(self) -> int:
        z = self.u()
        return (z >> 1) ^ -(z & 1)

    def byte(self) -> int:
        self.at += 1
        return self.data[self.at - 1]

    def blob(self) -> bytes:
        n = self.u()
        self.at += n
        assert self.at <= len(self.data)
        return self.data[self.at - n : self.at]

    def end(self) -> None:
        assert self.at == len(self.data), self.data[self.at :]


@dataclass(frozen=True)
class Frame:
    kind: str
    child: int
    seq: int
    body: bytes

    def read(self) -> Reader:
        return Reader(self.body)


def part(kind: str, seq: int, body: bytes) -> bytes:
    """A request as WIRE_MANY carries it."""
    return blob(varint(K[kind]) + varint(0) + varint(seq) + body)


# arguments of calls


def val(n: int) -> bytes:
    return bytes([K["VALUE"]]) + svarint(n)


def arg_in(data: bytes) -> bytes:
    return bytes([K["IN"]]) + blob(data)


def out(n: int) -> bytes:
    return bytes([K["OUT"]]) + varint(n)


def inout(data: bytes) -> bytes:
    return bytes([K["INOUT"]]) + blob(data)


def words_body(width: int, *runs: tuple[int, list[int], list[int]]) -> bytes:
    body = varint(width) + varint(len(runs))
    for count, first, step in runs:
        body += varint(count) + varint(len(first))
        body += b"".join(svarint(n) for n in first) + b"".join(svarint(n) for n in step)
    return body


def words(width: int, *runs: tuple[int, list[int], list[int]]) -> bytes:
    return bytes([K["WORDS"]]) + words_body(width, *runs)


def calls_body(calls: list[tuple[object, ...]], abi: int = 0) -> bytes:
    body = bytes([abi]) + varint(len(calls))
    for number, *args in calls:
        assert isinstance(number, int)
        body += varint(number) + varint(len(args))
        for a in args:
            body += val(a) if isinstance(a, int) else a  # type: ignore[operator]
    return body


@dataclass(frozen=True)
class Returned:
    value: int
    note: int
    outs: list[bytes]


@dataclass(frozen=True)
class Born:
    """WIRE_CHILD."""

    pid: int
    own_pid: int
    own_tid: int
    arena: int
    handler: int
    restorer: int
    counts: int
    fd: int


@dataclass(frozen=True)
class Ended:
    taint: int
    killed: dict[int, tuple[str, str]]
    stuck: list[tuple[int, int, str, str]]
    counters: list[int]


@dataclass
class Agent:
    """The agent behind a connected socket."""

    sock: socket.socket
    process: subprocess.Popen[bytes] | None = None
    seq: int = 0
    data: bytearray = field(default_factory=bytearray)
    kept: deque[Frame] = field(default_factory=deque)
    outs: dict[int, list[int]] = field(default_factory=dict)

    # frames

    def send(self, kind: str | int, child: int = 0, body: bytes = b"") -> int:
        self.seq += 1
        self.sock.sendall(frame(kind, child, self.seq, body))
        return self.seq

    def _take(self) -> Frame | None:
        r = Reader(bytes(self.data))
        try:
            n = r.u()
        except IndexError:
            return None
        if len(self.data) < r.at + n:
            return None
        payload = Reader(bytes(self.data[r.at : r.at + n]))
        del self.data[: r.at + n]
        kind, child, seq = payload.u(), payload.u(), payload.u()
        return Frame(NAMES[kind], child, seq, payload.data[payload.at :])

    def next(self, timeout: float = 10) -> Frame:
        """The next frame as it comes; EOFError at the end."""
        self.sock.settimeout(timeout)
        while (got := self._take()) is None:
            part = self.sock.recv(1 << 17)
            if not part:
                raise EOFError
            self.data += part
        return got

    def expect(self, kind: str, child: int | None = None, seq: int | None = None) -> Frame:
        """The next frame of that kind; others are kept for later."""

        def fits(f: Frame) -> bool:
            return f.kind == kind and child in (None, f.child) and seq in (None, f.seq)

        for f in self.kept:
            if fits(f):
                self.kept.remove(f)
                return f
        while not fits(f := self.next()):
            if f.kind == "ERROR" and (f.seq == seq or f.child == f.seq == 0):
                r = f.read()
                raise AssertionError(f"error {r.u()}: {r.blob().decode()}")
            self.kept.append(f)
        return f

    def error(self, seq: int) -> tuple[int, str]:
        r = self.expect("ERROR", seq=seq).read()
        return r.u(), r.blob().decode()

    # requests

    def ping(self, body: bytes = b"") -> bytes:
        return self.expect("PONG", seq=self.send("PING", 0, body)).body

    def hello(self) -> dict[str, str]:
        r = self.expect("HELLO").read()
        magic = bytes(r.byte() for _ in range(4))
        assert magic == b"\x7fKMX"
        assert r.u() == K["VERSION"]
        text = r.blob().decode()
        r.end()
        return dict(line.split("=", 1) for line in text.splitlines())

    def spawn_only(self, child: int, flags: int = 17, options: int = 0, by: int = 0) -> int:
        """Answers what clone(2) gave."""
        seq = self.send("SPAWN", by, varint(child) + varint(flags) + varint(options))
        return self.expect("SPAWNED", by, seq).read().s()

    def spawn(self, child: int, flags: int = 17, options: int = 0, by: int = 0) -> Born:
        result = self.spawn_only(child, flags, options, by)
        assert result > 0, result
        return self.born(child, self.seq)

    def born(self, child: int, seq: int) -> Born:
        r = self.expect("CHILD", child, seq).read()
        numbers = [r.u() for _ in range(8)]
        r.end()
        return Born(*numbers)

    def start(self, child: int, *calls: tuple[object, ...], abi: int = 0) -> int:
        seq = self.send("CALL", child, calls_body(list(calls), abi))
        self.outs[seq] = [sum(isinstance(a, bytes) and a[0] in (2, 3) for a in c) for c in calls]
        return seq

    def finish(self, child: int, seq: int) -> list[Returned]:
        r = self.expect("RETURN", child, seq).read()
        outs = self.outs.pop(seq)
        assert r.u() == len(outs)
        results = [Returned(r.s(), r.byte(), [r.blob() for _ in range(n)]) for n in outs]
        r.end()
        return results

    def calls(self, child: int, *calls: tuple[object, ...], abi: int = 0) -> list[Returned]:
        return self.finish(child, self.start(child, *calls, abi=abi))

    def call(self, child: int, number: int, *args: object, abi: int = 0) -> Returned:
        return self.calls(child, (number, *args), abi=abi)[0]

    def peek(self, child: int, address: int, n: int) -> bytes:
        seq = self.send("PEEK", child, varint(address) + varint(n))
        return self.expect("DATA", child, seq).read().blob()

    def poke(self, child: int, address: int, data: bytes) -> None:
        seq = self.send("POKE", child, varint(address) + blob(data))
        assert self.expect("DONE", child, seq).body == b""

    def fill(self, child: int, address: int, n: int, seed: int, start: int = 0) -> None:
        body = varint(address) + varint(n) + varint(seed) + varint(start)
        self.expect("DONE", child, self.send("FILL", child, body))

    def match(self, child: int, address: int, n: int, seed: int, start: int = 0) -> list[int]:
        body = varint(address) + varint(n) + varint(seed) + varint(start)
        r = self.expect("MATCHED", child, self.send("MATCH", child, body)).read()
        same = r.u()
        result = [same] if same == n else [same, r.byte()]
        r.end()
        return result

    def hash(self, child: int, address: int, n: int) -> int:
        seq = self.send("HASH", child, varint(address) + varint(n))
        return self.expect("HASHED", child, seq).read().u()

    def quit(self, child: int, status: int, group: int = 1) -> None:
        self.send("QUIT", child, varint(status) + varint(group))

    def exited(self, child: int) -> tuple[int, int]:
        r = self.expect("EXITED", child, 0).read()
        return r.u(), r.u()

    def state(self, child: int) -> tuple[str, str, str, int]:
        r = self.expect("STATED", seq=self.send("STATE", 0, varint(child))).read()
        return r.blob().decode(), r.blob().decode(), r.blob().decode(), r.u()

    def sleeping(self, child: int, number: int) -> str:
        """Waits until the child sleeps in that call; answers its wait channel."""
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            letter, call, wchan, _ = self.state(child)
            if letter in "SD" and call.split(" ")[0] == str(number):
                return wchan
        raise AssertionError(self.state(child))

    def end(self, flags: int = 0, ms: int = 5000) -> Ended:
        r = self.expect("ENDED", 0, self.send("END", 0, varint(flags) + varint(ms))).read()
        taint = r.u()
        killed = {r.u(): (r.blob().decode(), r.blob().decode()) for _ in range(r.u())}
        stuck = [(r.u(), r.u(), r.blob().decode(), r.blob().decode()) for _ in range(r.u())]
        counters = [r.u() - 1 for _ in range(r.u())]
        r.end()
        return Ended(taint, killed, stuck, counters)

    def mmap(self, child: int, n: int, address: int = 0) -> int:
        got = self.call(child, 9, address, n, 3, 0x22, -1, 0)
        assert got.value > 0
        return got.value

    def close(self) -> int:
        self.sock.close()
        return self.process.wait(10) if self.process else 0
