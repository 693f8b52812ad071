"""Memory whose last page is missing until a case says so: userfaultfd(2)."""

from helpers.abi import constants as c
from helpers.child import NO_FILE, Child
from helpers.memory import Span
from helpers.outcome import Result

#: include/uapi/linux/userfaultfd.h: ioctls, their magic, UFFDIO_REGISTER_MODE_MISSING.
_API, _REGISTER, _COPY = 0xC018AA3F, 0xC020AA00, 0xC028AA03
_UFFD_API, _MISSING = 0xAA, 1
_WORD, _MESSAGE = 8, 32

#: Seeds of the pages that are there, and of the one that comes.
PRESENT, LATE = 7, 8


class Faults:
    """Pages of a child of which the last makes whoever touches it wait.

    Those before it are a memfd's, which can be sealed against writing only when nobody but the
    child refers to one of them: memfd_create(2), F_SEAL_WRITE.
    """

    def __init__(self, owner: Child, pages: int) -> None:
        """At least two pages of the owner's."""
        page = owner.page_size
        present = (pages - 1) * page
        self.owner = owner
        self.memory = Span(owner.addresses.take(pages * page), pages * page)
        self.late = self.memory.end - page
        self._control = owner.pages(1)
        self._source = owner.pages(1, seed=LATE)
        content = owner.memory(present, seed=PRESENT)
        self._memfd = int(owner.must.memfd_create("pages", c.MFD_ALLOW_SEALING))
        owner.must.write(self._memfd, content, present)
        fixed = c.MAP_PRIVATE | c.MAP_FIXED
        owner.must.mmap(self.memory.address, present, c.PROT_READ, fixed, self._memfd, 0)
        both = c.PROT_READ | c.PROT_WRITE
        owner.must.mmap(self.late, page, both, fixed | c.MAP_ANONYMOUS, NO_FILE, 0)
        self._fd = int(owner.must.userfaultfd(0))
        self._ioctl(_API, _UFFD_API, 0, 0)
        self.register(self.late)

    def register(self, address: int) -> None:
        """Have whoever touches this page wait."""
        self._ioctl(_REGISTER, address, self.owner.page_size, _MISSING, 0)

    def seal(self) -> Result:
        """EBUSY as long as somebody else refers to one of the pages."""
        return self.owner.fcntl(self._memfd, c.F_ADD_SEALS, c.F_SEAL_WRITE)

    def hand_over(self, keeper: Child) -> None:
        """Have a child of the owner's, which has a copy of all that is needed, tell and resolve."""
        self.owner = keeper

    def wait(self) -> None:
        """Until somebody waits for the page."""
        self.owner.must.read(self._fd, self._control, _MESSAGE)

    def resolve(self, address: int | None = None) -> None:
        """Let those go on who wait for the last page, or for another one."""
        page = self.owner.page_size
        at = self.late if address is None else address
        self._ioctl(_COPY, at, self._source.address, page, 0, 0)

    def _ioctl(self, command: int, *words: int) -> None:
        self.owner.poke(self._control.address, b"".join(w.to_bytes(_WORD, "little") for w in words))
        self.owner.must.ioctl(self._fd, command, self._control)
