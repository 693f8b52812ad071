"""What is known about a kernel that can be tested."""

import gzip
import os
import zlib
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from helpers.errors import UserError

_PATHS = frozenset({"image", "modules", "config", "disk", "initrd"})


@dataclass(frozen=True)
class Kernel:
    """A kernel, resolved: everything a machine needs to boot it and a report to name it.

    Attributes:
        selector: what the user asked for, "debian:6.12".
        id: the stable name in reports, unique in a run.
        release: uname -r, "" where only booting it will tell.
        version: the package's version, "" where there is no package.
        arch: uname -m.
        image: the file to boot; None is the kernel that we run on.
        modules: the directory lib/modules/<release> of its package, with modules.dep.
        config: its Kconfig file, perhaps compressed; see config_text().
        sha256: of the image, "" for the running kernel.
        origin: one line for people: where it came from.
        cmdline: further kernel arguments.
        memory_mb: memory of a machine for it, MiB.
        cpus: virtual CPUs.
        process_vmsplice_nr: the call's number in this kernel; None leaves it to the defaults.
        machine: "gvisor", "disk" (a disk image with a user space of its own), or "": QEMU with the
            image, without one the kernel that we run on.
        disk: the disk image of a machine "disk"; its own boot loader is used where image is None.
        initrd: the initramfs that belongs to image there.
        user: who logs in there, "" tries root.
        password: of that user, "" is none or that of $KERNEL_MATRIX_IMAGE_PASSWORD.
    """

    selector: str
    id: str
    release: str = ""
    version: str = ""
    arch: str = "x86_64"
    image: Path | None = None
    modules: Path | None = None
    config: Path | None = None
    sha256: str = ""
    origin: str = ""
    cmdline: str = ""
    memory_mb: int = 256
    cpus: int = 1
    process_vmsplice_nr: int | None = None
    machine: str = ""
    disk: Path | None = None
    initrd: Path | None = None
    user: str = ""
    password: str = ""

    @property
    def disposable(self) -> bool:
        """Whether a case may change or break it, for it is not what the host runs on."""
        return self.image is not None or self.machine != ""

    def to_json(self) -> dict[str, Any]:
        """The attributes as JSON values; paths become strings."""
        return {
            key: str(value) if isinstance(value, Path) else value
            for key, value in asdict(self).items()
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Kernel":
        """The inverse of to_json.

        Raises:
            UserError: a key is unknown or a required one is missing.
        """
        known = {field.name for field in fields(cls)}
        unknown = sorted(set(data) - known)
        if unknown or not {"selector", "id"} <= set(data):
            raise UserError(
                f"not a kernel description: unknown keys {unknown} or no selector and id"
            )
        values: dict[str, Any] = {
            k: Path(v) if k in _PATHS and v is not None else v for k, v in data.items()
        }
        return cls(**values)

    def config_text(self) -> str | None:
        """Its Kconfig file, unpacked if it is /proc/config.gz; None where it is not known."""
        return read_config(self.config) if self.config is not None else None


def read_config(path: Path) -> str | None:
    """A Kconfig file, unpacked if its name ends with .gz; None where it cannot be read."""
    try:
        data = path.read_bytes()
        return (gzip.decompress(data) if path.suffix == ".gz" else data).decode()
    except (OSError, EOFError, ValueError, zlib.error):
        return None


def running_kernel() -> Kernel:
    """The kernel that we run on, as uname(2) describes it."""
    system = os.uname()
    configs = (Path(f"/boot/config-{system.release}"), Path("/proc/config.gz"))
    return Kernel(
        selector="local",
        id="local",
        release=system.release,
        arch=system.machine,
        config=next((path for path in configs if os.access(path, os.R_OK)), None),
        origin=f"the running kernel, {system.release} {system.version}",
    )
