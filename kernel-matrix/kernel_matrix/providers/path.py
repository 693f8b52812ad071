"""path:<bzImage>: a kernel image on this machine.

Whether the file is a kernel that can be booted is decided where it is booted (helpers.machine);
here only what people get wrong about files is found: no such file, a directory, not readable.
"""

import hashlib
import os
import re
from pathlib import Path

from helpers.errors import UserError
from helpers.kernel import Kernel
from kernel_matrix.providers import Say

# Documentation/arch/x86/boot.rst, the real-mode kernel header.
_MAGIC_OFFSET = 0x202
_MAGIC = b"HdrS"
_VERSION_POINTER = 0x20E
_VERSION_BASE = 0x200
_HEADER_BYTES = 0x10000

_IN_TREE = Path("arch/x86/boot/bzImage")


def check(rest: str) -> None:
    """Name the mistake if the path is not a readable file."""
    path = Path(rest).expanduser()
    if not rest:
        raise UserError("path: names no file; give the kernel image: path:arch/x86/boot/bzImage")
    if path.is_dir():
        image = path / _IN_TREE
        hint = f"did you mean path:{image}" if image.exists() else "give the kernel image in it"
        raise UserError(f"path:{rest} is a directory; {hint}")
    if not path.exists():
        raise UserError(f"path:{rest}: no such file (looked in {Path.cwd()})")
    if not path.is_file():
        raise UserError(f"path:{rest} is not a regular file; give a kernel image, a bzImage")
    if not os.access(path, os.R_OK):
        raise UserError(f"path:{rest} cannot be read by this user; copy it or change its mode")


def resolve(rest: str, say: Say) -> Kernel:
    """Describe the image, with the configuration and modules that lie where they belong."""
    image = Path(rest).expanduser().absolute()
    try:
        with image.open("rb") as file:
            header = file.read(_HEADER_BYTES)
            file.seek(0)
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UserError(f"path:{rest}: cannot be read: {error.strerror}") from error
    release = release_of(header)
    config, modules = beside(image, release)
    return Kernel(
        selector=f"path:{rest}",
        id=f"path:{image.name}",
        release=release,
        image=image,
        modules=modules,
        config=config,
        sha256=sha256,
        origin=f"file {image}",
    )


def release_of(header: bytes) -> str:
    """The release that a bzImage's header names, "" where it names none.

    Args:
        header: the first 64 KB of the file.
    """
    if header[_MAGIC_OFFSET : _MAGIC_OFFSET + len(_MAGIC)] != _MAGIC:
        return ""
    pointer = int.from_bytes(header[_VERSION_POINTER : _VERSION_POINTER + 2], "little")
    if not pointer:
        return ""
    start = _VERSION_BASE + pointer
    text = header[start : start + 256].partition(b"\0")[0].decode("ascii", "replace")
    first = text.split(" ", 1)[0]
    return first if re.fullmatch(r"\d+\.\d+[\w.+~-]*", first) else ""


def beside(image: Path, release: str) -> tuple[Path | None, Path | None]:
    """Configuration and modules of an image, by where it lies: a built tree, or a /boot."""
    config = modules = None
    if image.parts[-4:] == _IN_TREE.parts:
        config = image.parents[3] / ".config"
    elif release and image.name == f"vmlinuz-{release}":
        config = image.with_name(f"config-{release}")
        modules = image.parent.parent / "lib" / "modules" / release
    return (
        config if config and config.is_file() else None,
        modules if modules and (modules / "kernel").is_dir() else None,
    )
