"""The initramfs of a machine: a newc archive written by us, so that no root and no tool is needed.

Format, after Documentation/driver-api/early-userspace/buffer-format.rst of the kernel: an archive
is a sequence of members and one trailer. A member is a 110-byte header (magic "070701" and thirteen
8-digit hexadecimal ASCII fields), the name with its final NUL, and the data. Header plus name are
padded with NUL to a multiple of 4 bytes, data likewise. c_namesize counts the NUL, c_filesize is 0
for all but files and symlinks, c_chksum is 0 in this variant, c_rmajor and c_rminor are those of a
device node. The trailer is a member "TRAILER!!!" with c_filesize 0. A directory has to precede what
lies in it, for the kernel creates members one by one (init/initramfs.c) and no missing parents.

The archive is not compressed: unpacking 0.8 MB costs the guest less than a decompressor does.
"""

import hashlib
import os
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from helpers.cache import cache_dir, publish, scratch
from helpers.errors import UserError
from helpers.machine.modules import Module

_MAGIC = b"070701"
_TRAILER = "TRAILER!!!"
_LIMIT = 1 << 32


@dataclass(frozen=True)
class Member:
    """One member of an archive.

    Attributes:
        name: relative path without a leading slash.
        mode: type and permission bits, as in st_mode.
        data: a file's bytes or a symlink's target, else empty.
        device: major and minor of a device node.
    """

    name: str
    mode: int
    data: bytes = b""
    device: tuple[int, int] = (0, 0)


def directory(name: str, mode: int = 0o755) -> Member:
    """A directory."""
    return Member(name, stat.S_IFDIR | mode)


def file(name: str, data: bytes, mode: int = 0o644) -> Member:
    """A regular file."""
    return Member(name, stat.S_IFREG | mode, data)


def character_device(name: str, major: int, minor: int, mode: int = 0o600) -> Member:
    """A character device node."""
    return Member(name, stat.S_IFCHR | mode, b"", (major, minor))


def newc(members: Iterable[Member]) -> bytes:
    """The archive; the same members give the same bytes: no times, no owners, inodes from 1.

    Raises:
        ValueError: a name is absolute, empty, climbs up or holds a NUL; a size does not fit.
    """
    out = bytearray()
    for inode, member in enumerate([*members, Member(_TRAILER, 0)], start=1):
        parts = member.name.split("/")
        if not member.name or "\0" in member.name or any(part in ("", ".", "..") for part in parts):
            raise ValueError(f"not a name for an archive: {member.name!r}")
        if len(member.data) >= _LIMIT:
            raise ValueError(f"too large for an archive: {member.name}")
        name = os.fsencode(member.name) + b"\0"
        trailer = member.name == _TRAILER
        links = 0 if trailer else 2 if stat.S_ISDIR(member.mode) else 1
        fields = (
            0 if trailer else inode,  # c_ino
            member.mode,
            0,  # c_uid
            0,  # c_gid
            max(1, links),  # c_nlink; 2 or more would make the kernel look for hard links of a file
            0,  # c_mtime
            len(member.data),
            0,  # c_maj, c_min: the device that the file was on
            0,
            *member.device,
            len(name),
            0,  # c_chksum
        )
        out += _MAGIC + b"".join(b"%08x" % field for field in fields) + name
        out += bytes(-len(out) % 4)
        out += member.data
        out += bytes(-len(out) % 4)
    return bytes(out)


def members(agent: bytes, modules: Sequence[Module]) -> list[Member]:
    """What a machine needs: the agent as /init, a console for it, and modules in load order.

    /dev/console must be there before /init runs: the kernel opens it as its standard input, output
    and error (console_on_rootfs()). /modules/<nn>-<name>.ko are loaded by the agent in name order.
    """
    if len(modules) > 99:
        raise ValueError("more than 99 modules: two digits do not sort them")
    result = [directory(name) for name in ("dev", "proc", "sys", "tmp")]
    result.append(character_device("dev/console", 5, 1))
    result.append(character_device("dev/null", 1, 3, 0o666))
    result.append(file("init", agent, 0o755))
    if modules:
        result.append(directory("modules"))
    result += [file(f"modules/{at:02}-{m.name}.ko", m.data) for at, m in enumerate(modules)]
    return result


def initramfs(agent: Path, modules: Sequence[Module] = ()) -> Path:
    """The path of the archive in the cache, written if no other run has done so.

    Raises:
        UserError: the agent cannot be read, or the cache cannot be written.
    """
    try:
        data = newc(members(agent.read_bytes(), modules))
    except OSError as error:
        raise UserError(
            f"cannot read the agent {agent}: {error.strerror}; build it again"
        ) from error
    parent = cache_dir() / "initramfs"
    final = parent / f"{hashlib.sha256(data).hexdigest()[:32]}.cpio"
    if not final.exists():
        with scratch(parent) as partial:
            (partial / "cpio").write_bytes(data)
            publish(partial / "cpio", final)
    return final
