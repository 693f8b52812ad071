"""A machine in QEMU: planned by plan.py, watched until its first byte, ended by SIGKILL."""

import os
import select
import shlex
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from helpers.deadline import Deadline, stolen
from helpers.errors import MachineLost, UserError
from helpers.kernel import Kernel
from helpers.machine import lifetime, tsc
from helpers.machine.accel import Request, choose, find_qemu
from helpers.machine.agent import agent_binary
from helpers.machine.console import clean, excerpt, find_complaint, find_panic, is_final, last_lines
from helpers.machine.image import check_bzimage
from helpers.machine.initramfs import initramfs
from helpers.machine.modules import Selection, State, virtio_port
from helpers.machine.plan import Accelerator, Channel, QemuPlan, by_hand, make_plan, qemu_argv

# Seconds until the first byte of the agent, not counting what the host stole. Distribution kernels
# need 1.7 to 2.8 s under TCG on an idle two-core host; one with KASAN and lockdep ten times that.
BOOT_SECONDS: dict[Accelerator, float] = {"tcg": 90.0, "kvm": 30.0}

# What /init is told where the user leaves the choice to us.
_TOLD: dict[State, Channel] = {
    "modules": "virtio",
    "builtin": "virtio",
    "unknown": "auto",
    "missing": "serial",
}
Commands = Callable[[Path, Mapping[str, int]], tuple[list[str], list[str]]]

_LOOK_SECONDS = 0.25  # how often the console is looked at while nothing arrives
_EXIT_SECONDS = 2.0  # how long QEMU may take to end after its sockets did
_TAIL = 65536  # bytes of the console that a report looks at


class QemuMachine:
    """A virtual machine; see Machine in helpers/machine/__init__.py for what each method promises.

    Attributes:
        kernel: what it boots.
        channel: the connected stream to the agent, after wait_ready().
        channel_name: "virtio" or "serial": where the agent spoke; "" before.
        command: the exact QEMU command line, quoted for a shell; "" before launch().
        seconds: from launch() to the first byte; 0.0 before.
        description: one line, "qemu tcg (asked for), virtio: virtio is built in".
        process: the QEMU process, None before launch().
    """

    def __init__(
        self,
        kernel: Kernel,
        *,
        accel: Request = "auto",
        channel: Channel = "auto",
        logdir: Path,
        timeout_scale: float = 1.0,
        init: Path | None = None,
        poweroff: bool = False,
    ) -> None:
        """Nothing is started.

        Args:
            kernel: what to boot; has an image.
            accel: "auto", "kvm" or "tcg".
            channel: "auto" takes virtio where the kernel can, else the serial port.
            logdir: where console-<n>.log, qemu-<n>.log and qemu-<n>.cmd are written; created.
            timeout_scale: factor for the boot deadline.
            init: a static program instead of the agent.
            poweroff: the agent powers the machine off at once: for measuring the bare boot.
        """
        self.kernel = kernel
        self.channel: socket.socket
        self.channel_name = ""
        self.command = ""
        self.seconds = 0.0
        self.description = f"qemu {accel}"
        self.process: subprocess.Popen[bytes] | None = None
        self._request: tuple[Request, Channel] = (accel, channel)
        self._logdir = logdir
        self._scale = timeout_scale
        self._init = init
        self._poweroff = poweroff
        self._sockets: dict[str, socket.socket] = {}
        self._console_log: Path | None = None
        self._qemu_log: Path | None = None
        self._command_file: Path | None = None
        self._accelerator: Accelerator = "tcg"
        self._started = 0.0
        self._killed = False
        self._note = ""

    # --- starting -------------------------------------------------------------------------------

    def start(self) -> None:
        """Boot until the agent's first byte can be read: launch() and wait_ready()."""
        self.launch()
        self.wait_ready()

    def launch(self) -> None:
        """Start QEMU and return at once; a second call does nothing.

        Raises:
            UserError: no QEMU, no compiler, not a kernel, KVM asked for and unusable, a full disk.
        """
        if self.process is not None:
            return
        plan, selection, why = self._plan()

        def commands(console: Path, ends: Mapping[str, int]) -> tuple[list[str], list[str]]:
            whole = replace(
                plan, console=console, serial_fd=ends["serial"], virtio_fd=ends.get("virtio")
            )
            return qemu_argv(whole), by_hand(whole)

        self._spawn(("serial", "virtio") if plan.virtio else ("serial",), commands, why)
        self._accelerator = plan.accelerator
        self._note = selection.note

    def _spawn(self, names: Iterable[str], commands: Commands, why: str, file_mb: int = 64) -> None:
        """Start QEMU with a socket for each name, and with logs of its own.

        Args:
            names: of the sockets.
            commands: the command line, and that of the same machine by hand, for the console's log
                and the descriptors that QEMU has of the sockets.
            why: the accelerator and why, for people.
            file_mb: how many MB each file may have that QEMU writes.

        Raises:
            UserError: it cannot be started or the logs cannot be written.
        """
        ours: dict[str, socket.socket] = {}
        theirs: dict[str, socket.socket] = {}
        try:
            for name in names:
                ours[name], theirs[name] = socket.socketpair()
            self._logdir.mkdir(parents=True, exist_ok=True)
            number, self._command_file = _claim(self._logdir)
            self._console_log = self._logdir / f"console-{number}.log"
            self._qemu_log = self._logdir / f"qemu-{number}.log"
            argv, by_hand = commands(
                self._console_log, {name: end.fileno() for name, end in theirs.items()}
            )
            self.command = shlex.join(argv)
            self._command_file.write_text(
                f"# {self.kernel.id}: {why}\n# As it was started (fd=N are inherited sockets):\n"
                f"# {self.command}\n# The same machine by hand, its console on the terminal:\n"
                f"{shlex.join(by_hand)}\n"
            )
            self._started = time.monotonic()
            self.process = lifetime.spawn(
                argv,
                log=self._qemu_log,
                pass_fds=[end.fileno() for end in theirs.values()],
                file_mb=file_mb,
            )
        except OSError as error:
            for end in ours.values():
                end.close()
            raise UserError(
                f"cannot start QEMU with logs in {self._logdir}: {error.strerror};"
                " check space and permissions"
            ) from error
        finally:
            for end in theirs.values():
                end.close()
        self._sockets = ours
        self.description = f"qemu {why}"

    def _plan(self) -> tuple[QemuPlan, Selection, str]:
        """Everything that can be wrong before there is a process, cheap checks first."""
        kernel, (request, wanted) = self.kernel, self._request
        if kernel.image is None:
            raise UserError(
                f"{kernel.id} is the running kernel, QEMU needs an image; give path:<bzImage>"
            )
        binary = find_qemu(kernel.arch)
        check_bzimage(kernel.image)
        selection = Selection("missing", note="not asked for")
        if wanted != "serial":
            selection = virtio_port(kernel.modules, kernel.config)
        if wanted == "virtio" and selection.state == "missing":
            raise UserError(
                f"no virtio channel for {kernel.id}: {selection.note}; use --channel serial"
            )
        # "unknown": only the agent can see whether there is a port, and it falls back by itself.
        told = _TOLD[selection.state]
        accelerator = choose(request, kernel.arch, binary)
        plan = make_plan(
            kernel,
            accelerator=accelerator.name,
            channel=wanted if wanted != "auto" else told,
            initrd=initramfs(self._init or agent_binary(), selection.modules),
            virtio=selection.state != "missing",
            poweroff=self._poweroff,
            measured=tsc.arguments(kernel.arch) if accelerator.name == "tcg" else (),
        )
        plan = replace(plan, platform=replace(plan.platform, binary=str(binary)))
        return plan, selection, f"{accelerator.name} ({accelerator.why})"

    def wait_ready(self) -> None:
        """Wait until one of the two channels has a byte to read, and take that one.

        Raises:
            MachineLost: kind "boot": QEMU ended, the kernel died, or the deadline passed.
        """
        if self.process is None:
            raise RuntimeError("wait_ready() before launch()")
        if self.channel_name:
            return
        limit = BOOT_SECONDS[self._accelerator] * self._scale
        deadline = Deadline(limit, self.stolen, 0.0, since=self._started)
        poller = select.poll()
        names = {end.fileno(): name for name, end in self._sockets.items()}
        for descriptor in names:
            poller.register(descriptor, select.POLLIN)
        seen = 0
        while True:
            left = deadline.left()
            for descriptor, _ in poller.poll(max(0.0, min(_LOOK_SECONDS, left)) * 1000):
                name = names[descriptor]
                if _peek(self._sockets[name]):
                    self.seconds = time.monotonic() - self._started
                    self.channel_name, self.channel = name, self._sockets[name]
                    self.description += f", {name}" + (f": {self._note}" if self._note else "")
                    return
                raise self._boot_failure(None)
            size = self.console_size()
            if size != seen:
                seen = size
                panic = find_panic(self._tail())
                if panic and is_final(panic):
                    raise self._boot_failure(None)
            if left <= 0:
                raise self._boot_failure(f"no hello within {limit:.0f} s ({self._accelerator})")

    def _boot_failure(self, reason: str | None) -> MachineLost:
        """End the machine, then say what is known; a panic line says more than a deadline does."""
        panic = find_panic(self._tail())
        if reason is None and panic is None:
            reason = self._ending()
            panic = find_panic(self._tail())
        if panic is None and self.console_size() == 0:
            reason = (
                f"{reason}, and printed nothing (enough memory? by hand: sh {self._command_file})"
            )
        why = panic or reason
        if panic and reason:
            why = f"{reason}; {panic}"
        last = excerpt(self._tail())
        self.close()
        where = f"; console {self._console_log}" if self._console_log else ""
        return MachineLost("boot", f"{self.kernel.id} did not boot: {why}{where}", last)

    # --- while it runs --------------------------------------------------------------------------

    def alive(self) -> bool:
        """Whether QEMU runs."""
        return self.process is not None and self.process.poll() is None

    def stolen(self) -> float:
        """See Machine."""
        return stolen(self.process.pid) if self.process is not None else 0.0

    def console_size(self) -> int:
        """Bytes in the console's log so far."""
        try:
            return self._console_log.stat().st_size if self._console_log else 0
        except FileNotFoundError:
            return 0

    def console(self, start: int, end: int | None = None) -> str:
        """The console's text from byte `start` up to `end`, without control characters."""
        if self._console_log is None:
            return ""
        try:
            with self._console_log.open("rb") as stream:
                stream.seek(start)
                data = stream.read() if end is None else stream.read(max(0, end - start))
        except FileNotFoundError:
            return ""
        return clean(data.decode("utf-8", "replace"))

    # --- the end --------------------------------------------------------------------------------

    def why_lost(self) -> MachineLost:
        """What is known about a machine whose channel closed; does not end it.

        The kind is "crash" where the console has a panic or an oops, else "eof".
        """
        ending = self._ending()
        text = self._tail()
        panic = find_panic(text)
        kind, reason = ("crash", panic) if panic else ("eof", ending)
        return MachineLost(kind, reason, excerpt(text))

    def _tail(self) -> str:
        return self.console(max(0, self.console_size() - _TAIL))

    def _ending(self) -> str:
        """How QEMU ended, waiting for that a moment."""
        process = self.process
        if process is None:
            return "it was not started"
        try:
            status = process.wait(_EXIT_SECONDS)
        except subprocess.TimeoutExpired:
            return "the channel closed, but QEMU still runs"
        said = last_lines(self._qemu_log.read_text("utf-8", "replace"), 1) if self._qemu_log else ""
        if self._killed:
            return "it was ended by us"
        if status == 0:
            said = find_complaint(self._tail()) or ""
            if said:
                return f"it powered itself off: {said}"
            return "it powered itself off or was reset without a panic message (QEMU ended with 0)"
        if status == -signal.SIGXFSZ:
            return "its console printed more than the limit of 64 MB"
        if status < 0:
            return f"QEMU was killed by {signal.Signals(-status).name}" + (
                f": {said}" if said else ""
            )
        return f"QEMU ended with status {status}: {said or 'it said nothing'}"

    def close(self) -> None:
        """Kill QEMU, reap it and close the sockets; may be called again."""
        if self.process is not None:
            self._killed = self._killed or self.process.poll() is None
            lifetime.end(self.process)
        for end in self._sockets.values():
            end.close()


def _peek(end: socket.socket) -> bool:
    """Whether there is a byte to read; it stays there."""
    try:
        return bool(end.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT))
    except OSError:
        return False


def _claim(logdir: Path) -> tuple[int, Path]:
    """The first number whose command file is ours; several processes may share a directory."""
    number = 1
    while True:
        path = logdir / f"qemu-{number}.cmd"
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o644))
        except FileExistsError:
            number += 1
        else:
            return number, path
