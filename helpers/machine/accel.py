"""KVM or emulation: chosen once per host, by evidence.

That /dev/kvm opens proves nothing. On a host without hardware virtualisation to give (some cloud
machines) it can open, create a machine and run real mode code, and then interpret every instruction
of a kernel: the guest seems to hang for ever at full CPU. A boot sector passes there (measured:
SeaBIOS and a boot sector 1.7 s, then no distribution kernel gets through its decompressor). So the
probe's guest does what a kernel does first, enter 64-bit mode with paging, and then executes thirty
million instructions: 0.07 s with TCG, less with hardware, no end where they are interpreted.
"""

import fcntl
import hashlib
import json
import os
import platform
import shutil
import signal
import subprocess
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from helpers.cache import cache_dir, publish, scratch
from helpers.errors import UserError
from helpers.machine.plan import Accelerator, platform_of

Request = Literal["auto", "kvm", "tcg"]
State = Literal["works", "fails", "hangs", "missing", "denied", "foreign"]

PROBE_SECONDS = 4.0  # forty times what a guest with hardware takes
_KEEP_SECONDS = 7 * 86400  # a host can be moved, upgraded or repaired
_DEVICE = Path("/dev/kvm")
_EXIT_OK = (0x10 << 1) | 1  # what QEMU's isa-debug-exit makes of the byte 0x10

# The probe's program, x86 machine code at 0xf0000 (64 KB of firmware end at the 1 MB line):
# 	cli; xor %ax,%ax; mov %ax,%ds
# 	movl $0x2003,0x1000; movl $0x3003,0x2000; movl $0x83,0x3000	# page tables: 2 MB, one to one
# 	mov $0x20,%eax; mov %eax,%cr4; mov $0x1000,%eax; mov %eax,%cr3
# 	mov $0xc0000080,%ecx; rdmsr; or $0x100,%eax; wrmsr		# EFER.LME
# 	mov $0x80000001,%eax; mov %eax,%cr0; lgdtl %cs:gdtr; ljmpl $8,$long
# long:	mov $10000000,%ecx
# 1:	incl 0x8000; dec %ecx; jnz 1b
# 	mov $0x501,%dx; mov $0x10,%al; out %al,%dx			# isa-debug-exit
# 2:	hlt; jmp 2b
# gdt:	.quad 0, 0x00209b0000000000; gdtr: .word 15; .long gdt
_PROGRAM = bytes.fromhex(
    "fa31c08ed866c70600100320000066c70600200330000066c706003083000000"
    "66b8200000000f22e066b8001000000f22d866b9800000c00f32660d00010000"
    "0f3066b8010000800f22c02e660f0116880066ea5a000f000800b980969800ff"
    "042500800000ffc975f566ba0105b010eef4ebfd0f1f40000000000000000000"
    "00000000009b20000f0078000f00"
)
_RESET = bytes.fromhex("ea000000f0")  # at the reset vector: ljmp $0xf000,$0


@dataclass(frozen=True)
class Probe:
    """What is known of /dev/kvm.

    Attributes:
        state: "works", "fails" (QEMU refuses it), "hangs", "missing", "denied" or "foreign" (a
            guest of another architecture).
        detail: half a sentence, such as "/dev/kvm opens but a probe guest did not finish in 4 s".
    """

    state: State
    detail: str


@dataclass(frozen=True)
class Accel:
    """The choice.

    Attributes:
        name: what QEMU's -accel gets.
        why: half a sentence for people.
    """

    name: Accelerator
    why: str

    def __str__(self) -> str:
        """The one line, "tcg: /dev/kvm opens but a probe guest did not finish in 4 s"."""
        return f"{self.name}: {self.why}"


def firmware() -> bytes:
    """The probe guest: 64 KB that QEMU maps below 4 GB and below 1 MB."""
    return (_PROGRAM.ljust(0xFFF0, b"\0") + _RESET).ljust(0x10000, b"\0")


def probe_argv(binary: str, image: Path, accelerator: Accelerator) -> list[str]:
    """The command line of the probe guest."""
    argv = [
        binary,
        "-no-user-config",
        "-nodefaults",
        "-display",
        "none",
        "-no-reboot",
        "-machine",
        "q35",
    ]
    argv += ["-accel", accelerator, "-cpu", "max", "-smp", "1", "-m", "16"]
    argv += [
        "-device",
        "isa-debug-exit,iobase=0x501,iosize=1",
        "-bios",
        str(image).replace(",", ",,"),
    ]
    return argv


def decide(request: Request, probe: Probe | None) -> Accel:
    """The choice, from what was asked for and what is known (None where nothing needs to be known).

    Raises:
        UserError: KVM was asked for and cannot be used, or the request is no such word.
    """
    if request == "tcg":
        return Accel("tcg", "asked for")
    if request not in ("auto", "kvm"):
        raise UserError(f"no accelerator {request!r}; there are auto, kvm and tcg")
    if probe is None:
        raise ValueError("a probe is needed")
    if request == "kvm":
        if probe.state in ("missing", "denied", "foreign"):
            raise UserError(f"cannot use KVM: {probe.detail}; use --accel tcg")
        return Accel("kvm", "asked for")
    return Accel("kvm" if probe.state == "works" else "tcg", probe.detail)


def look(arch: str, device: Path = _DEVICE) -> Probe | None:
    """What can be said without a guest: None if the device opens and the architecture is ours."""
    if arch != platform.machine():
        return Probe("foreign", f"{arch} is emulated on {platform.machine()}")
    try:
        os.close(os.open(device, os.O_RDWR | os.O_CLOEXEC))
    except FileNotFoundError:
        return Probe("missing", f"there is no {device}")
    except OSError as error:
        hint = (
            "add yourself to the group kvm"
            if isinstance(error, PermissionError)
            else "is KVM enabled?"
        )
        return Probe("denied", f"{device} cannot be opened: {error.strerror} ({hint})")
    return None


def choose(request: Request, arch: str, binary: Path) -> Accel:
    """Decide for this host; probes at most once in seven days and never longer than some seconds.

    Raises:
        UserError: KVM was asked for and cannot be used, or the cache cannot be written.
    """
    if request == "tcg":
        return decide(request, None)
    probe = look(arch)
    if probe is None and request == "kvm":
        probe = Probe("works", "asked for")  # who asks for it by name gets it, and QEMU's own words
    return decide(request, probe or _remembered(arch, binary))


def host_key(binary: Path) -> str:
    """A name for this host as KVM sees it: machine id, kernel, processor and QEMU's binary."""
    words = [platform.node(), platform.release()]
    for path, prefix in ((Path("/etc/machine-id"), ""), (Path("/proc/cpuinfo"), "model name")):
        try:
            lines = path.read_text(errors="replace").splitlines()
        except OSError:
            lines = []
        words += [line for line in lines if line.startswith(prefix)][:1]
    status = binary.stat()
    words += [str(binary), str(status.st_size), str(status.st_mtime_ns)]
    return hashlib.sha256("\0".join(words).encode()).hexdigest()[:16]


def _recall(path: Path) -> Probe | None:
    try:
        data = json.loads(path.read_text())
        fresh = 0 <= time.time() - float(data["time"]) < _KEEP_SECONDS
        known = data["state"] in ("works", "fails", "hangs")
        return Probe(data["state"], str(data["detail"])) if fresh and known else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _remembered(arch: str, binary: Path) -> Probe:
    """The cached answer, or a probe that only one process at a time makes."""
    folder = cache_dir() / "accel"
    path = folder / f"{host_key(binary)}.json"
    probe = _recall(path)
    if probe is not None:
        return probe
    with scratch(folder) as partial, (folder / "lock").open("w") as lock:
        fcntl.flock(
            lock, fcntl.LOCK_EX
        )  # held for one probe at most; freed by the kernel if we die
        probe = _recall(path)
        if probe is None:
            (partial / "probe.bin").write_bytes(firmware())
            probe = run_probe(probe_argv(str(binary), partial / "probe.bin", "kvm"))
            (partial / "answer").write_text(json.dumps({**asdict(probe), "time": time.time()}))
            publish(partial / "answer", path)
    return probe


def run_probe(argv: list[str], seconds: float = PROBE_SECONDS) -> Probe:
    """Run the probe guest; it is killed at the deadline."""
    setpriv = shutil.which("setpriv")
    wrapped = [setpriv, "--pdeathsig", "KILL", *argv] if setpriv else argv
    process = subprocess.Popen(
        wrapped,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        process_group=0,
    )
    try:
        _, text = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        return Probe("hangs", f"/dev/kvm opens but a probe guest did not finish in {seconds:.0f} s")
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            process.communicate()
    if process.returncode == _EXIT_OK:
        return Probe("works", "a probe guest ran")
    lines = [line for line in text.decode(errors="replace").splitlines() if "warning:" not in line]
    said = lines[0].strip()[:120] if lines else f"exit status {process.returncode}"
    return Probe("fails", f"/dev/kvm opens but a probe guest failed: {said}")


def find_qemu(arch: str) -> Path:
    """QEMU for an architecture, resolved.

    Raises:
        UserError: it is not installed, or there is no machine for the architecture.
    """
    wanted = platform_of(arch)
    found = shutil.which(wanted.binary)
    if found is None:
        raise UserError(
            f"cannot boot a kernel of {arch}: no {wanted.binary} in PATH;"
            f" apt-get install {wanted.package}"
        )
    return Path(found).resolve()
