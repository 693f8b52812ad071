"""Settings of the kernel, changed for a while: only where the machine is disposable."""

from collections.abc import Iterator
from contextlib import contextmanager

from helpers.abi import constants as c
from helpers.child import Child

_LONGEST = 64


@contextmanager
def setting(keeper: Child, path: str, value: int) -> Iterator[None]:
    """A file of /proc/sys has this value for a block; nothing happens where there is no such file.

    The child is to outlive the block, with the same rights.
    """
    opened = keeper.openat(c.AT_FDCWD, path, c.O_RDWR, 0)
    if not opened.ok:
        yield
        return
    before = keeper.memory(_LONGEST)
    length = keeper.must.pread64(opened.value, before, _LONGEST, 0)
    keeper.must.pwrite64(opened.value, str(value).encode(), len(str(value)), 0)
    try:
        yield
    finally:
        keeper.must.pwrite64(opened.value, before, length, 0)
