"""Calls in batches, and files of a machine, for the cases on reference kernels."""

from helpers import abi, binding
from helpers.abi import constants as c
from helpers.outcome import from_register
from helpers.wire import Abi, Kind, Reader, varint

BATCH = 64  # WIRE_MAX_CALLS
NO_FILE = (1 << 64) - 1  # -1 in a register


def encoded(child, name, *args):
    return binding.encode(abi.prototypes()[name], child.numbers.of(name, Abi.NATIVE), args)


def begin_batch(child, calls):
    """Calls that the child makes one after another with nothing between them."""

    def decode(frame):
        reader = Reader(frame.body, "RETURN")
        assert reader.varint() == len(calls)
        found = []
        for call in calls:
            raw = reader.svarint()
            reader.byte()
            outs = [reader.blob() for _ in call.give_back]
            found.append(from_register(raw, tuple(outs), call))
        return found

    body = bytes((Abi.NATIVE,)) + varint(len(calls)) + b"".join(call.body for call in calls)
    return child.session.post(Kind.CALL, child.task, body, decode, what="a batch")


def batch(child, calls):
    child.session.settle()
    return begin_batch(child, calls).result()


def splice(child, pid, fd, segments, flags=0):
    return child.process_vmsplice(pid, fd, segments, len(segments), flags)


def read_file(child, path, limit=30000):
    fd = child.must.openat(c.AT_FDCWD, path, c.O_RDONLY, 0)
    memory = child.memory(limit)
    data = b""
    while (count := child.must.read(fd, memory, limit)) and len(data) < 10 * limit:
        data += child.peek(memory.address, count)
    child.must.close(fd)
    return data.decode()


def write_file(child, path, text):
    fd = child.must.openat(c.AT_FDCWD, path, c.O_WRONLY, 0)
    child.must.write(fd, text, len(text))
    child.must.close(fd)
