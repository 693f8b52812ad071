"""The stream to an agent: frames out, frames in, and as few messages as possible.

Requests wait in a queue until somebody waits for an answer. Those of one child that say that they
may share a message (they do not block, their answers are short) travel as one WIRE_MANY: under
emulation a switch between agent and child costs more than most requests.
"""

import select
import socket
import time

from helpers import wire
from helpers.wire import Frame, Kind, Reader

#: Bytes that the answers to requests of one WIRE_MANY may need at most, each: kind, child,
#: sequence number, result, note, and the length of the whole.
_ANSWER = 64


class Channel:
    """The host's end of a connected stream."""

    def __init__(self, stream: socket.socket) -> None:
        """Take over the stream; it does not block from now on."""
        stream.setblocking(False)
        self._stream = stream
        self._decoder = wire.Decoder()
        self._out = bytearray()
        self._groups: dict[int, list[bytes]] = {}
        self._poll = select.poll()

    def put(
        self, kind: Kind, child: int, seq: int, body: bytes = b"", *, together: bool = False
    ) -> None:
        """Queue a request; requests of one child stay in their order.

        Raises:
            ProtocolError: it is longer than the agent accepts.
        """
        payload = wire.payload(kind, child, seq, body)
        if together and len(payload) < wire.MANY_MAX // 4:
            self._groups.setdefault(child, []).append(payload)
            return
        for number in list(self._groups) if child == 0 else [child]:
            self._close_group(number)
        self._out += wire.framed(payload)

    def _close_group(self, child: int) -> None:
        """Queue what has gathered for a child."""
        payloads = self._groups.pop(child, [])
        while payloads:
            count = size = 0
            for part in payloads:
                size += max(len(part) + 3, _ANSWER)
                if size > wire.MANY_MAX:
                    break
                count += 1
            now, payloads = payloads[:count], payloads[count:]
            if count == 1:
                self._out += wire.framed(now[0])
            else:
                body = b"".join(map(wire.blob, now))
                self._out += wire.framed(wire.payload(Kind.MANY, child, 0, body))

    def send(self) -> None:
        """Send what can be sent without waiting."""
        for number in list(self._groups):
            self._close_group(number)
        while self._out:
            try:
                sent = self._stream.send(self._out)
            except BlockingIOError:
                return
            except OSError:
                return  # the reading side learns why
            del self._out[:sent]

    def exchange(self, seconds: float) -> list[Frame]:
        """Send what is queued and give what arrives; nothing when nothing came in that time.

        Raises:
            EOFError: the stream has ended.
            ProtocolError: what arrived is not an agent's.
        """
        limit = time.monotonic() + seconds
        while True:
            self.send()
            self._poll.register(self._stream, select.POLLIN | (select.POLLOUT if self._out else 0))
            ready = self._poll.poll(max(0.0, limit - time.monotonic()) * 1000)
            if not ready:
                return []
            if ready[0][1] & ~select.POLLOUT:
                frames = self._receive()
                if frames:
                    return frames

    def _receive(self) -> list[Frame]:
        try:
            data = self._stream.recv(1 << 17)
        except BlockingIOError:
            return []
        except OSError:
            data = b""
        if not data:
            raise EOFError
        found = []
        for frame in self._decoder.feed(data):
            found += _parts(frame) if frame.kind is Kind.MANY else [frame]
        return found


def _parts(frame: Frame) -> list[Frame]:
    """The answers that came together; the agent vouches for whose they are."""
    reader, found = Reader(frame.body, "MANY"), []
    while reader.left:
        part = wire.decode_payload(reader.blob())
        found.append(Frame(part.kind, frame.child, part.seq, part.body))
    return found
