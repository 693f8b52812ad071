"""What the cache holds, how large it is, and removing it."""

import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from helpers.cache import cache_dir, unwritable

# Nothing takes so long to be made: what is older was left behind by something that was killed.
_ABANDONED_SECONDS = 3600


@dataclass(frozen=True)
class Part:
    """One thing in the cache.

    Attributes:
        name: the kind of thing, the first directory of the cache that it is in.
        path: where it is.
        size: bytes on the disk.
        abandoned: it was never finished, and nobody works on it any more.
    """

    name: str
    path: Path
    size: int
    abandoned: bool


def contents() -> Iterator[Part]:
    """Everything in the cache; kernels, and what they are built from, one by one."""
    for top in sorted(cache_dir().iterdir()):
        if top.name in ("kernels", "builds"):
            for path in sorted(top.glob("*/*" if top.name == "kernels" else "*")):
                yield _part(top.name, path)
        else:
            yield _part(top.name, top)


def remove(part: Part) -> None:
    """Remove one thing.

    Raises:
        UserError: the cache cannot be written.
    """
    try:
        if part.path.is_dir() and not part.path.is_symlink():
            shutil.rmtree(part.path)
        else:
            part.path.unlink(missing_ok=True)
    except OSError as error:
        raise unwritable(part.path, error) from error


def _part(name: str, path: Path) -> Part:
    partial = path.name.startswith(".partial-")
    try:
        age = time.time() - path.lstat().st_mtime
    except FileNotFoundError:
        age = 0.0
    return Part(name, path, _size(path), partial and age > _ABANDONED_SECONDS)


def _size(path: Path) -> int:
    total = 0
    for file in [path, *path.rglob("*")]:
        try:
            total += file.lstat().st_blocks * 512
        except FileNotFoundError:
            continue
    return total
