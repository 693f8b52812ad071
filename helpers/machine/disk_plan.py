"""The QEMU command line of a machine that boots a disk image, as a pure function of a plan.

It differs from that of plan.py in what a strange user space needs: disks, a console that is also
typed at, entropy, more memory. There is no network: nothing of what an image starts gets out.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from helpers.errors import UserError
from helpers.machine.plan import PORT, Accelerator, Platform
from helpers.machine.seed import SERIAL

Format = Literal["qcow2", "raw", "vmdk", "vdi", "vhdx"]

MEMORY_MB = 1024
"""What a distribution's user space wants, unless the matrix says otherwise."""

# (offset, magic, format)
_FORMATS: tuple[tuple[int, bytes, Format], ...] = (
    (0, b"QFI\xfb", "qcow2"),
    (0, b"KDMV", "vmdk"),
    (0x40, b"\x7f\x10\xda\xbe", "vdi"),
    (0, b"vhdxfile", "vhdx"),
)
_OTHERS = (
    (0, b"\x1f\x8b", "gzip-compressed"),
    (0, b"\xfd7zXZ\0", "xz-compressed"),
    (0, b"\x28\xb5\x2f\xfd", "zstd-compressed"),
    (0, b"PK\x03\x04", "a zip archive"),
    (0x8001, b"CD001", "the image of a CD"),
    (0x202, b"HdrS", "a kernel"),
)
_HEAD = 0x8800


@dataclass(frozen=True)
class DiskPlan:
    """Everything that determines a QEMU process.

    Attributes:
        platform: the machine type.
        accelerator: "kvm" or "tcg".
        disk: the image; it is not written to.
        disk_format: what it is.
        seed: the image of the second drive, with the agent.
        image: a kernel to boot instead of what the disk's boot loader boots.
        initrd: its initramfs.
        cmdline: its command line.
        memory_mb: MiB.
        cpus: virtual CPUs.
        console: the log of ttyS0; None is QEMU's standard output, and nothing is typed.
        ends: the descriptors of sockets: "console", "serial" (ttyS1) and "virtio" (the port).
    """

    platform: Platform
    accelerator: Accelerator
    disk: Path
    disk_format: Format
    seed: Path
    image: Path | None = None
    initrd: Path | None = None
    cmdline: str = ""
    memory_mb: int = MEMORY_MB
    cpus: int = 1
    console: Path | None = None
    ends: Mapping[str, int] | None = None


def disk_format(path: Path) -> Format:
    """What kind of disk image a file is, by its magic; what has none is raw.

    Raises:
        UserError: it cannot be read, or is something else.
    """
    try:
        with path.open("rb") as stream:
            head = stream.read(_HEAD)
    except OSError as error:
        raise UserError(f"cannot boot {path}: {error.strerror}; check the path") from error
    for offset, magic, found in _FORMATS:
        if head[offset : offset + len(magic)] == magic:
            return found
    for offset, magic, what in _OTHERS:
        if head[offset : offset + len(magic)] == magic:
            raise UserError(f"cannot boot {path}: it is {what}; give the disk image itself")
    if len(head) < _HEAD or not any(head):
        raise UserError(f"cannot boot {path}: it is no disk image, there is nothing in it")
    return "raw"


def _quote(path: Path) -> str:
    return str(path).replace(",", ",,")


def disk_argv(plan: DiskPlan) -> list[str]:
    """The command line, the program's name first."""
    platform, ends = plan.platform, plan.ends or {}

    def end(name: str, *more: str) -> str:
        kind = (
            ("socket", f"id={name}", f"fd={ends[name]}") if name in ends else ("null", f"id={name}")
        )
        return ",".join((*kind, *more))

    log = [] if plan.console is None else [f"logfile={_quote(plan.console)}", "logappend=off"]
    console = end("console", *log) if "console" in ends else "stdio,id=console,signal=off"
    argv = [
        platform.binary,
        *("-no-user-config", "-nodefaults", "-display", "none"),
        *("-machine", platform.machine, "-accel", plan.accelerator),
        *("-cpu", platform.cpu_for(plan.accelerator)),
        *("-smp", str(plan.cpus), "-m", str(plan.memory_mb)),
        "-no-reboot",
        *("-chardev", console, "-serial", "chardev:console"),
        *("-chardev", end("serial"), "-serial", "chardev:serial"),
        *("-device", f"{platform.port_device},max_ports=2", "-chardev", end("virtio")),
        *("-device", f"virtserialport,nr=1,chardev=virtio,name={PORT}"),
        # what is written goes to a file without a name, which is gone with QEMU
        "-drive",
        f"if=none,id=disk,format={plan.disk_format},snapshot=on,cache=unsafe"
        f",file={_quote(plan.disk)}",
        *("-device", "virtio-blk-pci,drive=disk" + ("" if plan.image else ",bootindex=0")),
        *("-drive", f"if=none,id=seed,format=raw,readonly=on,file={_quote(plan.seed)}"),
        *("-device", f"virtio-blk-pci,drive=seed,serial={SERIAL}"),
        *("-device", "virtio-rng-pci"),
    ]
    if plan.image is not None:
        argv += ["-kernel", str(plan.image)]
        argv += ["-initrd", str(plan.initrd)] if plan.initrd else []
        argv += ["-append", plan.cmdline]
    return argv


def disk_by_hand(plan: DiskPlan) -> list[str]:
    """The same machine for a person: the console on the terminal, the channels unconnected."""
    return disk_argv(replace(plan, console=None, ends=None))


def disk_cmdline(platform: Platform, extra: str) -> str:
    """The command line of a kernel that is given with a disk: ours, then the user's, which wins.

    Raises:
        UserError: it cannot be passed.
    """
    if not extra.isprintable() or not extra.isascii():
        raise UserError(f"cannot pass the kernel arguments {extra!r}: printable ASCII is allowed")
    text = " ".join((f"console={platform.console}", "panic=-1", "oops=panic", *extra.split()))
    if len(text) >= platform.limit:
        raise UserError(
            f"the kernel's command line has {len(text)} bytes, {platform.limit - 1} are allowed"
        )
    return text
