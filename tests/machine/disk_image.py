"""A disk image of Debian for tests: built from packages with mmdebstrap, without mounting anything.

It boots by itself, from a boot loader in its first sectors. root has no password on the serial
console, "ordinary" is one who may use sudo with the password "secret", "lonely" one who may not.
The variant with cloud-init has no users, and root cannot log in.
"""

import hashlib
import inspect
import shutil
import subprocess
import sys
from pathlib import Path

from helpers.cache import cache_dir, publish, scratch
from kernel_matrix.providers import aptsources

TOOLS = ("mmdebstrap", "mke2fs", "qemu-img")
PASSWORD = "secret"
_SUITE = "bookworm"
_PACKAGES = (
    "linux-image-cloud-amd64", "systemd-sysv", "udev", "sudo", "grub-pc-bin", "login", "passwd",
)  # fmt: skip
_SIZE_MB = 900
_START = 1 << 20  # where the partition begins, in bytes
_SETUP = """
echo image > "$1/etc/hostname"
echo "LABEL=kmroot / ext4 defaults 0 1" > "$1/etc/fstab"
ln -sf /lib/systemd/system/multi-user.target "$1/etc/systemd/system/default.target"
cd "$1/boot"
ln -sf vmlinuz-* vmlinuz
ln -sf initrd.img-* initrd.img
"""
_USERS = f"""
chroot "$1" passwd -d root
for name in ordinary lonely; do
    chroot "$1" useradd -m -s /bin/bash $name
    echo "$name:{PASSWORD}" | chroot "$1" chpasswd
done
chroot "$1" usermod -aG sudo ordinary
"""
_GRUB = """
search --no-floppy --label kmroot --set=root
linux /boot/vmlinuz root=LABEL=kmroot ro console=ttyS0,115200 quiet
initrd /boot/initrd.img
boot
"""


def missing_tools() -> list[str]:
    """What has to be installed to build it."""
    return [tool for tool in TOOLS if not shutil.which(tool)]


def disk_image(*, cloud: bool = False) -> Path:
    """The directory in the cache with disk.qcow2, vmlinuz and initrd.img, built once.

    That takes a minute or two, and more with cloud-init, which brings Python.
    """
    own = inspect.getsource(sys.modules[__name__])
    name = f"{hashlib.sha256(own.encode()).hexdigest()[:16]}{'-cloud' if cloud else ''}"
    final = cache_dir() / "test-image" / name
    if not final.exists():
        with scratch(final.parent) as place:
            _build(place, cloud)
            publish(place, final)
    return final


def _build(place: Path, cloud: bool) -> None:
    root, disk = place / "root", place / "disk.raw"
    packages = (*_PACKAGES, *(("cloud-init",) if cloud else ()))
    setup = ("" if cloud else _USERS) + _SETUP
    (place / "setup").write_text(f"#!/bin/sh\nset -e\n{setup}")
    (place / "setup").chmod(0o755)
    _run(
        *("mmdebstrap", "--variant=minbase", f"--include={','.join(packages)}", "--quiet"),
        *("--mode=root", f"--customize-hook={place / 'setup'}"),
        *("--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-exclude=/usr/share/locale/*"),
        *(_SUITE, str(root), f"deb {aptsources.find_mirror().main} {_SUITE} main"),
    )
    for name in ("vmlinuz", "initrd.img"):
        shutil.copy(root / "boot" / name, place / name)
    core = _boot_loader(root)
    size = _SIZE_MB << 20
    with disk.open("wb") as file:
        file.truncate(size)
        file.write(_first_sector(root / "usr/lib/grub/i386-pc/boot.img", size))
        file.write(core)
    _run(
        *("mke2fs", "-q", "-t", "ext4", "-L", "kmroot", "-d", str(root)),
        *("-E", f"offset={_START}", str(disk), f"{(size - _START) >> 10}k"),
    )
    _run("qemu-img", "convert", "-O", "qcow2", str(disk), str(place / "disk.qcow2"))
    disk.unlink()
    shutil.rmtree(root)


def _boot_loader(root: Path) -> bytes:
    """grub's second part, which lies behind the first sector and knows what to boot."""
    (root / "grub.cfg").write_text(_GRUB)
    _run(
        *("chroot", str(root), "grub-mkimage", "-O", "i386-pc", "-p", "/boot/grub"),
        *("-c", "/grub.cfg", "-o", "/core.img"),
        *("biosdisk", "part_msdos", "ext2", "search_label", "search", "linux", "boot"),
    )
    return (root / "core.img").read_bytes()


def _first_sector(boot: Path, size: int) -> bytes:
    """grub's first part, with a table of one active partition of Linux."""
    first, count = _START >> 9, (size - _START) >> 9
    entry = bytes((0x80, 0xFE, 0xFF, 0xFF, 0x83, 0xFE, 0xFF, 0xFF))
    entry += first.to_bytes(4, "little") + count.to_bytes(4, "little")
    return boot.read_bytes()[:446] + entry + bytes(48) + b"\x55\xaa"


def _run(*argv: str) -> None:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        raise AssertionError(f"{argv[0]} failed: {done.stderr[-2000:]}")
