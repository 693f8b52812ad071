"""The user's cache: kernels, agents and initramfs images, each published once and never changed."""

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from helpers.errors import UserError


def cache_dir() -> Path:
    """The cache's directory, created if need be.

    $KERNEL_MATRIX_CACHE, else kernel-matrix under $XDG_CACHE_HOME, else under ~/.cache.

    Raises:
        UserError: it cannot be created or written.
    """
    explicit = os.environ.get("KERNEL_MATRIX_CACHE")
    base = os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
    path = Path(explicit) if explicit else Path(base) / "kernel-matrix"
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(path, error) from error
    if not os.access(path, os.W_OK | os.X_OK):
        raise unwritable(path, OSError(errno.EACCES, os.strerror(errno.EACCES)))
    return path


def unwritable(path: Path, error: OSError) -> UserError:
    """The one line for a cache that cannot be written, or a disk that is full."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        hint = "free some space, or set KERNEL_MATRIX_CACHE to a directory on another disk"
    else:
        hint = "set KERNEL_MATRIX_CACHE to a directory that can be written"
    return UserError(f"cannot write to the cache {path}: {error.strerror}; {hint}")


@contextmanager
def scratch(parent: Path) -> Iterator[Path]:
    """A temporary directory beside what it will become; removed unless it was published.

    Raises:
        UserError: the file system is full or cannot be written, also from within the block.
    """
    path: Path | None = None
    try:
        parent.mkdir(parents=True, exist_ok=True)
        path = Path(tempfile.mkdtemp(prefix=".partial-", dir=parent))
        yield path
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS):
            raise unwritable(parent, error) from error
        raise
    finally:
        if path is not None:
            shutil.rmtree(path, ignore_errors=True)


def publish(partial: Path, final: Path) -> Path:
    """Rename a finished file or directory into place; if somebody else was first, theirs stays."""
    final.parent.mkdir(parents=True, exist_ok=True)
    try:
        partial.rename(final)
    except OSError as error:
        if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
            raise
    return final
