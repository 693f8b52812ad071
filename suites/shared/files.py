"""Files with known content, and what a case asks of them."""

from dataclasses import dataclass

from helpers.abi import constants as c
from helpers.child import Child
from helpers.errors import SetupError
from helpers.memory import Memory, Piece, spans
from suites.shared.batch import batch
from suites.shared.events import file_holds

#: Seed of what a file holds.
CONTENT_SEED = 21
_TEXT_AT_ONCE, _READS = 8192, 8


@dataclass(frozen=True)
class File:
    """An open file of a child: its descriptor, and the memory that it was written from."""

    child: Child
    fd: int
    data: Memory

    def position(self) -> int:
        """Its file offset."""
        return int(self.child.must.lseek(self.fd, 0, c.SEEK_CUR))

    def holds(self, *pieces: Piece) -> None:
        """Its whole content is these pieces."""
        __tracebackhide__ = True
        file_holds(self.child, self.fd, *pieces)

    def part(self, start: int, stop: int) -> Piece:
        """A part of what was written to it."""
        return self.data.piece(self.data[start:stop])

    def content(self) -> bytes:
        """All that is in it, as a reader sees it."""
        memory = self.child.memory(self.data.length)
        self.child.must.pread64(self.fd, memory, memory.length, 0)
        return memory.read()

    def still_holds(self, content: bytes) -> None:
        """It is what it was.

        Raises:
            AssertionError: some bytes are not; the message says from where to where.
        """
        __tracebackhide__ = True
        now = self.content()
        differ = [at for at, (is_, was) in enumerate(zip(now, content, strict=True)) if is_ != was]
        assert not differ, f"bytes {differ[0]} to {differ[-1]} of the file have changed"


def fill(child: Child, fd: int, length: int, seed: int = CONTENT_SEED) -> File:
    """An empty file becomes one with a seed's pattern; its file offset stays 0."""
    data = child.memory(max(length, 1), seed=seed)
    if length:
        child.queued.pwrite64(fd, data, length, 0)
    return File(child, fd, data)


def memfd(child: Child, length: int, seed: int = CONTENT_SEED) -> File:
    """A file in memory, open for reading and writing, that can be sealed."""
    fd = int(child.must.memfd_create("file", c.MFD_ALLOW_SEALING))
    return fill(child, fd, length, seed)


def disk_file(child: Child, directory: str, length: int, seed: int = CONTENT_SEED) -> File:
    """A file of the directory's file system, open for reading and writing."""
    path = f"{directory}/{seed}-{child.addresses.take(1):x}"
    fd = int(child.must.openat(c.AT_FDCWD, path, c.O_RDWR | c.O_CREAT | c.O_EXCL, 0o666))
    return fill(child, fd, length, seed)


def text_of(child: Child, path: str) -> str:
    """A text file of the kernel's, as the child sees it; it gives a page or so at a time."""
    fd = int(child.must.openat(c.AT_FDCWD, path, c.O_RDONLY, 0))
    memory = child.memory(_READS * _TEXT_AT_ONCE)
    parts = list(spans(memory, _TEXT_AT_ONCE, _READS))
    calls, text, more = [("read", fd, part, part.length) for part in parts], b"", True
    while more:
        counts = [result.value for result in batch(child, calls) if result.ok]
        if len(counts) < _READS:
            raise SetupError(f"{path} cannot be read")
        text += child.peeks(part[:count] for part, count in zip(parts, counts, strict=True))
        more = all(counts)
    child.queued.close(fd)
    return text.decode()
