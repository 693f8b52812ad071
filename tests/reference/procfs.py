"""Files of a machine's /proc and /sys, read and written by a child."""

from helpers.abi import constants as c


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
