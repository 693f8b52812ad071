"""image:<disk>[,kernel=..][,initrd=..][,append=..][,user=..][,password=..]: a disk image.

It is booted with its own user space, and with its own kernel unless one is given; it is never
written to. A comma before anything but a known key is part of the value.
"""

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

from helpers.errors import UserError
from helpers.kernel import Kernel
from helpers.machine.disk_plan import MEMORY_MB, disk_format
from kernel_matrix.providers import Say
from kernel_matrix.providers.path import beside, release_of

_KEYS = ("kernel", "initrd", "append", "user", "password")
_OPTION = re.compile(rf",({'|'.join(_KEYS)})=")
_LOOKS_LIKE_ONE = re.compile(r",(\w+)=")
_HEADER_BYTES = 0x10000


@dataclass(frozen=True)
class Wanted:
    """A selector taken apart; the texts are as they were given."""

    disk: str
    kernel: str = ""
    initrd: str = ""
    append: str = ""
    user: str = ""
    password: str = ""


def parse(rest: str) -> Wanted:
    """The parts of a selector behind "image:".

    Raises:
        UserError: a key is unknown, doubled, or has no value; there is no disk.
    """
    disk, *options = _OPTION.split(rest)
    unknown = _LOOKS_LIKE_ONE.search(disk)
    if unknown and not Path(disk).expanduser().exists():
        raise UserError(f"image:{rest}: no option {unknown[1]}=; there are {', '.join(_KEYS)}")
    if not disk:
        raise UserError("image: names no file; give a disk image: image:cloud.qcow2")
    found: dict[str, str] = {}
    for key, value in zip(options[::2], options[1::2], strict=True):
        if key in found:
            raise UserError(f"image:{disk}: {key}= is there twice")
        if not value:
            raise UserError(f"image:{disk}: {key}= has no value")
        found[key] = value
    wanted = Wanted(disk, **found)
    for key in ("initrd", "append"):
        if getattr(wanted, key) and not wanted.kernel:
            raise UserError(
                f"image:{disk}: {key}= needs kernel=: else the disk's boot loader boots"
            )
    if wanted.password and not wanted.user:
        raise UserError(f"image:{disk}: password= needs user=")
    return wanted


def check(rest: str) -> None:
    """The files must be there, and the first one a disk image."""
    wanted = parse(rest)
    for what, text in (
        ("disk image", wanted.disk),
        ("kernel", wanted.kernel),
        ("initrd", wanted.initrd),
    ):
        path = Path(text).expanduser()
        if text and not path.is_file():
            problem = "is a directory" if path.is_dir() else "no such file"
            raise UserError(f"image:{wanted.disk}: {what} {text}: {problem} (from {Path.cwd()})")
        if text and not os.access(path, os.R_OK):
            raise UserError(f"image:{wanted.disk}: {what} {text} cannot be read by this user")
    disk_format(Path(wanted.disk).expanduser())


def resolve(rest: str, say: Say) -> Kernel:
    """Describe the image; which kernel it has is known when it has booted."""
    wanted = parse(rest)
    disk = Path(wanted.disk).expanduser().absolute()
    image = Path(wanted.kernel).expanduser().absolute() if wanted.kernel else None
    try:
        with disk.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        header = b""
        if image is not None:
            with image.open("rb") as file:
                header = file.read(_HEADER_BYTES)
    except OSError as error:
        raise UserError(f"image:{wanted.disk}: cannot be read: {error.strerror}") from error
    release = release_of(header)
    shown = [f"{key}={getattr(wanted, key)}" for key in _KEYS[:4] if getattr(wanted, key)]
    return Kernel(
        selector=",".join([f"image:{wanted.disk}", *shown]),
        id=f"image:{disk.name}",
        release=release,
        image=image,
        config=beside(image, release)[0] if image is not None else None,
        sha256=sha256,
        origin=f"disk image {disk}" + (f" with the kernel {image}" if image else ""),
        cmdline=wanted.append,
        memory_mb=MEMORY_MB,
        machine="disk",
        disk=disk,
        initrd=Path(wanted.initrd).expanduser().absolute() if wanted.initrd else None,
        user=wanted.user,
        password=wanted.password,
    )
