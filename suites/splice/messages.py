"""Messages with control data: sendmsg(2), cmsg(3)."""

from helpers.child import Child
from helpers.memory import Span

#: include/linux/socket.h: more is to come.
MSG_MORE = 0x8000


def word(number: int) -> bytes:
    """A u32."""
    return number.to_bytes(4, "little")


def control(level: int, kind: int, data: bytes) -> bytes:
    """A struct cmsghdr and its data."""
    header = (16 + len(data)).to_bytes(8, "little") + word(level)
    return (header + word(kind) + data).ljust(16 + (len(data) + 7) // 8 * 8, b"\0")


def send(child: Child, socket: int, data: Span, controls: bytes, flags: int) -> None:
    """Send bytes, and what the kernel is to know of them: a struct msghdr with one segment."""
    room = child.pages(1)
    segment, text = room.address + 64, room.address + 256
    words = (0, 0, segment, 1, text, len(controls), 0, data.address, data.length)
    raw = b"".join(w.to_bytes(8, "little") for w in words)
    child.poke(room.address, raw[:56])
    child.poke(segment, raw[56:])
    child.poke(text, controls)
    child.must.sendmsg(socket, room, flags)
