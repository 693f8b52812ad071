"""The protocol between host and agent: the host's side of fixtures/agent/wire.h.

Numbers are unsigned LEB128 (varint) or zigzag-coded (svarint), so that a small number, also a
negative one, is one byte on a serial port. The guest is not trusted: whatever it sends is either
decoded or refused by a ProtocolError that says what was wrong.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum, IntFlag

from helpers.errors import ProtocolError

MAGIC = b"\x7fKMX"
VERSION = 1
MAX_FRAME = 65536
MAX_CHILDREN = 250
MAX_ARGS = 6
MAX_CALLS = 64
MANY_MAX = 32768
ARENA = 131072

_MASK = (1 << 64) - 1
_MAX_VARINT = 10


class Kind(IntEnum):
    """enum wire_kind."""

    HELLO = 1
    PING = 2
    PONG = 3
    SPAWN = 4
    SPAWNED = 5
    CHILD = 6
    CALL = 7
    RETURN = 8
    PEEK = 9
    DATA = 10
    POKE = 11
    DONE = 12
    FILL = 13
    MATCH = 14
    MATCHED = 15
    HASH = 16
    HASHED = 17
    POKE_WORDS = 18
    QUIT = 19
    STATE = 20
    STATED = 21
    REAP = 22
    END = 23
    ENDED = 24
    POWEROFF = 25
    EXITED = 26
    ERROR = 27
    MANY = 28


_KINDS = {int(kind): kind for kind in Kind}


class Abi(IntEnum):
    """enum wire_abi: the entry by which a call is made."""

    NATIVE = 0
    I386 = 1


class Arg(IntEnum):
    """enum wire_arg: how an argument of a call travels."""

    VALUE = 0
    IN = 1
    OUT = 2
    INOUT = 3
    WORDS = 4


class Note(IntFlag):
    """enum wire_note: what the child noticed about its own memory after a call."""

    IN_CHANGED = 1
    OVERRUN = 2


class End(IntFlag):
    """enum wire_end."""

    COUNTERS = 1
    REFRESH = 2


class How(IntEnum):
    """enum wire_how: how a child died."""

    EXIT = 0
    SIGNAL = 1
    GONE = 2


HOLD = 1

#: enum wire_counter: names of the leak counters, in the order of a WIRE_ENDED frame.
COUNTERS = ("foll_pin_acquired", "foll_pin_released", "hugepages_free", "files", "tasks")


@dataclass(frozen=True)
class Frame:
    """One decoded payload: its kind, whose it is (0: the agent), which request, and the rest."""

    kind: Kind
    child: int
    seq: int
    body: bytes


def varint(value: int) -> bytes:
    """The unsigned LEB128 coding of a number below 2**64."""
    if value < 0x80 and value >= 0:
        return bytes((value,))
    if not 0 <= value <= _MASK:
        raise OverflowError(f"{value} does not fit into 64 bits")
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def svarint(value: int) -> bytes:
    """The zigzag coding of a register: -2**63 to 2**64-1, where the upper half means negative."""
    if not -(1 << 63) <= value <= _MASK:
        raise OverflowError(f"{value} does not fit into a 64-bit register")
    if value >= 1 << 63:
        value -= 1 << 64
    return varint((value << 1) ^ (value >> 63) if value >= 0 else ((-value) << 1) - 1)


def blob(data: bytes) -> bytes:
    """Bytes with their length before them."""
    return varint(len(data)) + data


def payload(kind: Kind, child: int, seq: int, body: bytes = b"") -> bytes:
    """The content of a frame.

    Raises:
        ProtocolError: it is longer than the agent accepts.
    """
    content = varint(kind) + varint(child) + varint(seq) + body
    if len(content) > MAX_FRAME:
        raise ProtocolError(
            f"a {kind.name} request of {len(content)} bytes is above the limit of {MAX_FRAME};"
            " fill or compare inside the machine instead of sending the bytes"
        )
    return content


def framed(content: bytes) -> bytes:
    """A payload with its length before it, ready to be sent."""
    return varint(len(content)) + content


def frame(kind: Kind, child: int, seq: int, body: bytes = b"") -> bytes:
    """A whole frame, ready to be sent.

    Raises:
        ProtocolError: the payload is longer than the agent accepts.
    """
    return framed(payload(kind, child, seq, body))


class Reader:
    """Takes a body apart; every step is checked against the end."""

    def __init__(self, data: bytes, what: str = "frame") -> None:
        """Start at the first byte of data; what names it in errors."""
        self._data = data
        self._at = 0
        self._what = what

    def _short(self) -> ProtocolError:
        return ProtocolError(
            f"the agent sent a {self._what} that ends too early: {_hex(self._data)}"
        )

    def raw(self, count: int) -> bytes:
        """The next count bytes."""
        end = self._at + count
        if end > len(self._data):
            raise self._short()
        piece = self._data[self._at : end]
        self._at = end
        return piece

    def byte(self) -> int:
        """The next byte."""
        if self._at >= len(self._data):
            raise self._short()
        self._at += 1
        return self._data[self._at - 1]

    def varint(self) -> int:
        """An unsigned number below 2**64."""
        # most are below 128, and there are a hundred in a case
        if self._at < len(self._data) and (value := self._data[self._at]) < 0x80:
            self._at += 1
            return value
        value = shift = 0
        while True:
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                break
            shift += 7
            if shift >= 7 * _MAX_VARINT:
                raise ProtocolError(
                    f"the agent sent a {self._what} with a number of more than {_MAX_VARINT} bytes"
                )
        if value > _MASK:
            raise ProtocolError(f"the agent sent a {self._what} with a number above 64 bits")
        return value

    def svarint(self) -> int:
        """A signed 64-bit number."""
        value = self.varint()
        return value >> 1 if not value & 1 else -((value + 1) >> 1)

    def blob(self) -> bytes:
        """Bytes with their length before them."""
        return self.raw(self.varint())

    def text(self) -> str:
        """A blob as text; what is not printable ASCII becomes a question mark."""
        return "".join(chr(b) if 32 <= b < 127 or b in (9, 10) else "?" for b in self.blob())

    def count(self, limit: int) -> int:
        """A number of things that follow, at most limit."""
        value = self.varint()
        if value > limit:
            raise ProtocolError(
                f"the agent sent a {self._what} that announces {value} items; the limit is {limit}"
            )
        return value

    @property
    def left(self) -> int:
        """Bytes that have not been taken."""
        return len(self._data) - self._at

    def rest(self) -> bytes:
        """All that is left."""
        return self.raw(self.left)

    def end(self) -> None:
        """Nothing may be left."""
        if self._at != len(self._data):
            raise ProtocolError(
                f"the agent sent a {self._what} with {len(self._data) - self._at} bytes too many"
            )


def _hex(data: bytes) -> str:
    return data[:24].hex(" ") + (" ..." if len(data) > 24 else "")


class Decoder:
    """Cuts a stream into frames, however the bytes arrive."""

    def __init__(self) -> None:
        """Start with an empty stream."""
        self._pending = bytearray()

    @property
    def pending(self) -> int:
        """Bytes of a frame that has not arrived whole."""
        return len(self._pending)

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that these bytes complete.

        Raises:
            ProtocolError: the stream is not the agent's; nothing more can be decoded from it.
        """
        self._pending += data
        frames: list[Frame] = []
        while True:
            head = self._length()
            if head is None:
                return frames
            start, length = head
            if len(self._pending) < start + length:
                return frames
            content = bytes(self._pending[start : start + length])
            del self._pending[: start + length]
            frames.append(decode_payload(content))

    def _length(self) -> tuple[int, int] | None:
        """Where the payload of the first frame begins and how long it is; None: not there yet."""
        value = shift = 0
        for index, byte in enumerate(self._pending):
            value |= (byte & 0x7F) << shift
            if value > MAX_FRAME or index >= 3:
                raise ProtocolError(
                    f"the agent announced a frame of over {MAX_FRAME} bytes or sent garbage:"
                    f" {_hex(bytes(self._pending))}"
                )
            if byte < 0x80:
                if value < 3:
                    raise ProtocolError(f"the agent sent a frame of {value} bytes; 3 are the least")
                return index + 1, value
            shift += 7
        return None


def decode_payload(content: bytes) -> Frame:
    """Take a payload apart.

    Raises:
        ProtocolError: it is no payload of this protocol.
    """
    reader = Reader(content)
    number = reader.varint()
    kind = _KINDS.get(number)
    if kind is None:
        raise ProtocolError(f"the agent sent a frame of unknown kind {number}: {_hex(content)}")
    reader._what = kind.name
    child = reader.varint()
    if child > MAX_CHILDREN:
        raise ProtocolError(
            f"the agent sent a {kind.name} of child {child}; {MAX_CHILDREN} is the last"
        )
    seq = reader.varint()
    return Frame(kind, child, seq, reader.rest())


def words(width: int, runs: Sequence[tuple[int, Sequence[int], Sequence[int]]]) -> bytes:
    """The body of a WORDS argument: runs of (count, first record, increment of a record)."""
    out = bytearray(varint(width) + varint(len(runs)))
    for count, first, step in runs:
        out += varint(count) + varint(len(first))
        for value in (*first, *step):
            out += svarint(value)
    return bytes(out)


def pattern(seed: int, length: int, start: int = 0) -> bytes:
    """Bytes start to start + length of the pattern that WIRE_FILL writes for this seed."""
    first, last = start >> 3, (start + length + 7) >> 3
    out = bytearray()
    for index in range(first, last):
        z = (seed + index * 0x9E3779B97F4A7C15) & _MASK
        z = ((z ^ z >> 30) * 0xBF58476D1CE4E5B9) & _MASK
        z = ((z ^ z >> 27) * 0x94D049BB133111EB) & _MASK
        out += (z ^ z >> 31).to_bytes(8, "little")
    skip = start - (first << 3)
    return bytes(out[skip : skip + length])
