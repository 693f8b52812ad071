"""Whether a file can be booted by QEMU as an x86 kernel, found out before QEMU is asked.

The header is that of Documentation/arch/x86/boot.rst: at 0x1f1 setup_sects (u8; 0 means 4), at
0x1f4 syssize (u32, in 16-byte units), at 0x1fe the boot flag 0xaa55, at 0x202 "HdrS". Without these
checks QEMU says "invalid kernel header", or boots nothing and is silent.
"""

from pathlib import Path

from helpers.errors import UserError

_HEADER = 0x260  # bytes that are looked at

# (offset, magic, what the file is, what to give instead)
_OTHERS = (
    (0, b"\x7fELF", "an ELF file (a vmlinux?)", "give arch/x86/boot/bzImage of the same tree"),
    (0x38, b"ARM\x64", "an arm64 Image", "give an x86 bzImage"),
    (
        0,
        b"\x1f\x8b",
        "gzip-compressed data (a kernel of another architecture?)",
        "give an x86 bzImage",
    ),
    (0, b"\xfd7zXZ\0", "xz-compressed data", "give the bzImage itself"),
    (0, b"\x28\xb5\x2f\xfd", "zstd-compressed data", "give the bzImage itself"),
    (0, b"QFI\xfb", "a qcow2 disk image", "give the kernel inside of it"),
    (
        0,
        b"!<arch>\n",
        "a package or an archive",
        "give debian:<version>, or the vmlinuz inside of it",
    ),
    (4, b"zimg", "a compressed EFI image (zboot) of another architecture", "give an x86 bzImage"),
    (0, b"070701", "an initramfs", "give the kernel that belongs to it"),
)


def explain(head: bytes, size: int) -> str | None:
    """Why a file with this start (0x260 bytes) and size is no bzImage; None if it is one."""
    if size == 0:
        return "it is empty; build or fetch it again"
    if head[0x202:0x206] == b"HdrS" and head[0x1FE:0x200] == b"\x55\xaa":
        sectors = (head[0x1F1] or 4) + 1
        need = sectors * 512 + int.from_bytes(head[0x1F4:0x1F8], "little") * 16
        if size < need:
            return f"it is cut short: {size} bytes of {need}; build or fetch it again"
        return None
    for offset, magic, what, instead in _OTHERS:
        if head[offset : offset + len(magic)] == magic:
            return f"it is {what}; {instead}"
    if not any(head):
        return "it holds zeros; build or fetch it again"
    return 'it has no "HdrS" at 0x202; give arch/x86/boot/bzImage, or the vmlinuz of a package'


def check_bzimage(path: Path) -> None:
    """Look at the start of the file.

    Raises:
        UserError: it cannot be read, or is not a whole bzImage; says what it is instead.
    """
    try:
        if path.is_dir():
            raise UserError(f"cannot boot {path}: it is a directory; give the bzImage inside of it")
        with path.open("rb") as stream:
            head = stream.read(_HEADER)
        size = path.stat().st_size
    except OSError as error:
        raise UserError(f"cannot boot {path}: {error.strerror}; check the path") from error
    reason = explain(head, size)
    if reason is not None:
        raise UserError(f"cannot boot {path}: {reason}")
