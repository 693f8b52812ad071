"""The QEMU command line and the kernel's, as pure functions of a plan.

What is not a default of QEMU or of the kernel is here because of a reason given beside it. Few
things are: most settings that promise a faster boot do nothing for these kernels. Seconds from the
start of QEMU to the first byte of a static /init over virtio, the best of two or three boots, with
Debian's cloud kernels 6.1.192, 6.12.95 and 7.3.4, QEMU 7.2, TCG, one vCPU, 256 MB, two cores with
little else to do (compare within a block; 0.1 s is noise):

    pc 1.75 2.45 2.79 | q35 1.63 2.34 2.67 | q35,smm=off,sata=off,smbus=off,usb=off 1.69 2.33 2.64
    the latter with hpet=off 1.63 2.32 2.62 | acpi=off 1.67 2.34 2.71 | vmport=off 1.67 2.34 2.70
    tb-size=64 1.64 2.37 2.65 | tb-size=1024 1.70 2.34 2.69
    thread=single 1.67 2.36 2.81 | thread=multi (the default) 1.72 2.40 2.88
    kernel arguments: none 1.7 2.3 2.7 | cryptomgr.notests 1.6 2.0 2.1 (taken)
    acpi=off 1.45 2.16 2.47: not taken, without ACPI there is no power-off and, on a kernel without
      MP tables, no interrupt routing
    pci=noacpi 1.58 2.27 2.64: not taken, as little as it gives it makes legacy interrupts a gamble
    nokaslr, mitigations=off, tsc=reliable, lpj=, rcupdate.rcu_expedited=1,
      8250.nr_uarts=2, hpet=disable, i8042.noprobe, noxsave, nosmp, audit=0, nopti, edd=off,
      init_on_alloc=0, cgroup_disable=memory, random.trust_cpu=on: not below none
    with cryptomgr.notests: -cpu max 1.50 2.00 2.10 | max,la57=off 1.53 2.00 2.14 | qemu64 1.40 2.01
      2.07 | Haswell-noTSX 1.61 2.25 2.26 | no virtio device at all 1.49 2.10 2.09 | loglevel=5 1.52
      2.03 2.11 | virtio disable-modern=on, vectors=0 or 2: as without
    512 MB: as 256 | 128 MB: as 256 for 6.1, thrashes with 7.3
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from helpers.errors import UserError
from helpers.kernel import Kernel

Accelerator = Literal["kvm", "tcg"]
Channel = Literal["auto", "virtio", "serial"]

PORT = "org.kernel-matrix.agent.0"  # the virtio port's name, as in /sys/class/virtio-ports/*/name


@dataclass(frozen=True)
class Platform:
    """A machine type: what differs between architectures.

    Attributes:
        binary: the QEMU program.
        package: the Debian package that has it.
        machine: value of -machine.
        cpu: value of -cpu.
        without: what emulation does better without, appended to it there. The fifth level of page
            tables is one more step of each walk. Where strings are said to be fast the kernel
            copies and clears by bytes, and so does QEMU, one after the other. The suites need 10 %
            less CPU time of QEMU and pytest together (debian:6.12, QEMU 7.2).
        port_device: the device that carries the virtio port.
        console: kernel name of the first serial port, for console=.
        arguments: of the kernel. One brings the console before its driver, so that what goes wrong
            in the first second, or in the decompressor, is not lost; measured: costs nothing.
            no_timer_check: on a busy host an emulated timer is late, and the check for a broken one
            ends in "IO-APIC + timer doesn't work".
        limit: bytes of a kernel command line (COMMAND_LINE_SIZE), the final NUL included.
    """

    binary: str
    package: str
    machine: str
    cpu: str
    without: tuple[str, ...]
    port_device: str
    console: str
    arguments: tuple[str, ...]
    limit: int

    def cpu_for(self, accelerator: Accelerator) -> str:
        """The value of -cpu."""
        without = self.without if accelerator == "tcg" else ()
        return ",".join((self.cpu, *(f"{feature}=off" for feature in without)))


# uname -m -> platform. Another architecture is another line (and a check of its image format).
PLATFORMS = {
    "x86_64": Platform(
        binary="qemu-system-x86_64",
        package="qemu-system-x86",
        machine="q35",
        cpu="max",  # everything the accelerator has: what user space is built for may need it
        without=("la57", "erms", "fsrm"),
        port_device="virtio-serial-pci",
        console="ttyS0",
        arguments=("earlyprintk=ttyS0,115200", "no_timer_check"),
        limit=2048,
    ),
}

# Kernel arguments of every machine.
_KERNEL = (
    "quiet",  # a console byte costs an exit; warnings and oopses are seen all the same
    "panic=-1",  # reboot at once after a panic, which -no-reboot makes QEMU's end: no waiting
    "oops=panic",  # a kernel after an oops is no witness; the machine is replaced anyway
    "cryptomgr.notests",  # no self-tests of ciphers at boot: 0.1, 0.3 and 0.5 s, see above
)


@dataclass(frozen=True)
class QemuPlan:
    """Everything that determines a QEMU process.

    Attributes:
        platform: the machine type.
        accelerator: "kvm" or "tcg".
        image: the kernel.
        initrd: the initramfs.
        cmdline: the kernel's command line, init's arguments included.
        memory_mb: MiB.
        cpus: virtual CPUs.
        console: the log of ttyS0; None is QEMU's standard output.
        serial_fd: connected socket behind ttyS1; None leaves the port unconnected.
        virtio_fd: connected socket behind the virtio port; None leaves the port unconnected.
        virtio: whether there is a virtio port.
    """

    platform: Platform
    accelerator: Accelerator
    image: Path
    initrd: Path
    cmdline: str
    memory_mb: int = 256
    cpus: int = 1
    console: Path | None = None
    serial_fd: int | None = None
    virtio_fd: int | None = None
    virtio: bool = True


def platform_of(arch: str) -> Platform:
    """The machine type for an architecture.

    Raises:
        UserError: there is none.
    """
    try:
        return PLATFORMS[arch]
    except KeyError:
        raise UserError(
            f"no machine for kernels of {arch}; there is one for {', '.join(sorted(PLATFORMS))}"
        ) from None


def command_line(
    platform: Platform, extra: str, init: tuple[str, ...], measured: tuple[str, ...] = ()
) -> str:
    """The kernel's command line: ours, then the kernel's own (so that it wins), then init's.

    Args:
        platform: names the console and the limit.
        extra: Kernel.cmdline.
        init: arguments of /init; what follows "--" goes there unchanged (init/main.c).
        measured: arguments that depend on this host.

    Raises:
        UserError: the extra arguments cannot be passed, or all of it is too long.
    """
    words = extra.split()
    if "--" in words or not extra.isprintable() or not extra.isascii():
        raise UserError(
            f"cannot pass the kernel arguments {extra!r}: printable ASCII without -- is allowed"
        )
    ours = (f"console={platform.console}", *platform.arguments, *_KERNEL, *measured)
    text = " ".join((*ours, *words, "--", *init))
    if len(text) >= platform.limit:
        raise UserError(
            f"the kernel's command line has {len(text)} bytes, {platform.limit - 1} are allowed"
        )
    return text


def init_arguments(channel: Channel, *, poweroff: bool = False) -> tuple[str, ...]:
    """What /init is told: where to speak, or to power off at once (for the bare boot benchmark)."""
    return (f"channel={channel}", *(("poweroff",) if poweroff else ()))


def _quote(path: Path) -> str:
    """A path inside of a QEMU option: a comma is written twice (qemu(1), "-drive file=")."""
    return str(path).replace(",", ",,")


def _socket(name: str, descriptor: int | None) -> str:
    return f"null,id={name}" if descriptor is None else f"socket,id={name},fd={descriptor}"


def qemu_argv(plan: QemuPlan) -> list[str]:
    """The command line, the program's name first.

    The order of -serial options makes ttyS0 and ttyS1. Sockets are given as descriptors that QEMU
    inherits: nothing to name, to bind, to race for or to remove, and what the guest says before we
    read waits in the socket.
    """
    platform = plan.platform
    console = "stdio,id=console,signal=off" if plan.console is None else None
    argv = [
        platform.binary,
        # No files of /etc/qemu and no devices that nobody asked for: each costs the guest a probe.
        *("-no-user-config", "-nodefaults", "-display", "none"),
        *("-machine", platform.machine, "-accel", plan.accelerator),
        *("-cpu", platform.cpu_for(plan.accelerator)),
        *("-smp", str(plan.cpus), "-m", str(plan.memory_mb)),
        "-no-reboot",  # a panic or a triple fault ends QEMU instead of starting again
        *(
            "-chardev",
            console or f"file,id=console,append=off,path={_quote(plan.console or Path())}",
        ),
        *("-serial", "chardev:console"),
        *("-chardev", _socket("serial", plan.serial_fd), "-serial", "chardev:serial"),
    ]
    if plan.virtio:
        # max_ports=2: port 0 is a console's, ours is 1; the default of 31 makes 64 queues.
        argv += ["-device", f"{platform.port_device},max_ports=2"]
        argv += ["-chardev", _socket("virtio", plan.virtio_fd)]
        argv += ["-device", f"virtserialport,nr=1,chardev=virtio,name={PORT}"]
    argv += ["-kernel", str(plan.image), "-initrd", str(plan.initrd), "-append", plan.cmdline]
    return argv


def by_hand(plan: QemuPlan) -> list[str]:
    """The same machine for a person: the console on the terminal, the channels left unconnected."""
    loud = plan.cmdline.replace(" quiet ", " ", 1)
    return qemu_argv(replace(plan, console=None, serial_fd=None, virtio_fd=None, cmdline=loud))


def make_plan(
    kernel: Kernel,
    *,
    accelerator: Accelerator,
    channel: Channel,
    initrd: Path,
    virtio: bool,
    poweroff: bool = False,
    measured: tuple[str, ...] = (),
) -> QemuPlan:
    """The plan for a kernel, without what only a running process has (log and sockets).

    Measured are kernel arguments that depend on this host.

    Raises:
        UserError: no machine for the architecture, bad kernel arguments, or no image.
    """
    platform = platform_of(kernel.arch)
    if kernel.image is None:
        raise UserError(
            f"{kernel.id} is the running kernel, QEMU needs an image; give path:<bzImage>"
        )
    return QemuPlan(
        platform=platform,
        accelerator=accelerator,
        image=kernel.image,
        initrd=initrd,
        cmdline=command_line(
            platform, kernel.cmdline, init_arguments(channel, poweroff=poweroff), measured
        ),
        memory_mb=kernel.memory_mb,
        cpus=kernel.cpus,
        virtio=virtio,
    )
