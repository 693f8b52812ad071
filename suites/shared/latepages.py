"""Memory that can be written and whose last page makes whoever touches it wait: userfaultfd(2)."""

from dataclasses import dataclass
from typing import Any

from helpers import abi
from helpers.abi import constants as c
from helpers.child import Child
from helpers.memory import Memory, Piece, Span

#: Seeds of the pages that are there, and of the one that comes.
PRESENT, LATE = 7, 8
_MESSAGE = 32


@dataclass(frozen=True)
class LatePages:
    """Pages of a child; the last of them is missing, or cannot be written yet.

    Attributes:
        handler: who is told of faults and resolves them; it shares the memory with those who wait.
        memory: all pages, PRESENT but for the last.
        fd: the handler's userfaultfd.
        source: what the last page will be.
        protected: whether the last page is there, and only writing waits.
    """

    handler: Child
    memory: Memory
    fd: int
    source: Memory
    protected: bool

    @classmethod
    def make(cls, handler: Child, pages: int, *, protected: bool = False) -> "LatePages":
        """So many pages of the handler's memory."""
        page = handler.page_size
        whole = handler.pages(pages)
        memory = Memory(whole.address, whole.length, child=handler, seed=PRESENT)
        late = memory[memory.length - page :]
        handler.fill(memory.address, memory.length - page, PRESENT)
        if protected:
            handler.fill(late.address, page, LATE)
        fd = int(handler.must.userfaultfd(0))
        made = cls(handler, memory, fd, handler.pages(1, seed=LATE), protected)
        features = c.UFFD_FEATURE_PAGEFAULT_FLAG_WP if protected else 0
        mode = c.UFFDIO_REGISTER_MODE_WP if protected else c.UFFDIO_REGISTER_MODE_MISSING
        api: Any = abi.new("uint64_t[3]", (c.UFFD_API, features, 0))
        area: Any = abi.new("uint64_t[4]", (late.address, page, mode, 0))
        handler.queued.ioctl(fd, c.UFFDIO_API, api)
        handler.queued.ioctl(fd, c.UFFDIO_REGISTER, area)
        if protected:
            made.protect()
        return made

    @property
    def late(self) -> Span:
        """The last page."""
        return self.memory[self.memory.length - self.handler.page_size :]

    @property
    def content(self) -> list[Piece]:
        """What the pages hold when the last one is there and nobody has written."""
        before = self.late.address - self.memory.address
        return [self.memory.piece(self.memory[:before]), Piece(self.late.length, LATE)]

    def wait(self) -> None:
        """Until somebody waits for the page."""
        message = self.handler.memory(_MESSAGE)
        self.handler.must.read(self.fd, message, _MESSAGE)

    def protect(self) -> None:
        """Have whoever writes to the last page wait."""
        self._ioctl(c.UFFDIO_WRITEPROTECT, self.late.address, self.late.length, 1)

    def resolve(self) -> None:
        """Let them go on."""
        if self.protected:
            self._ioctl(c.UFFDIO_WRITEPROTECT, self.late.address, self.late.length, 0)
        else:
            words = (self.late.address, self.source.address, self.late.length, 0, 0)
            self._ioctl(c.UFFDIO_COPY, *words)

    def _ioctl(self, command: int, *words: int) -> None:
        argument: Any = abi.new(f"uint64_t[{len(words)}]", words)
        self.handler.must.ioctl(self.fd, command, argument)
