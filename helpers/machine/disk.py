"""A machine that boots a disk image with its own user space; the agent comes on a second drive.

What starts the agent is cloud-init in the image, which takes the second drive for its seed, or a
login on the serial console, whichever is first; with a user named, only their login.
"""

import os
import secrets
import select
import socket
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from helpers import wire
from helpers.errors import MachineLost, UserError
from helpers.kernel import Kernel
from helpers.machine.accel import Request, choose, find_qemu
from helpers.machine.agent import agent_binary
from helpers.machine.console import excerpt, find_panic, is_final, last_lines
from helpers.machine.disk_plan import DiskPlan, disk_argv, disk_by_hand, disk_cmdline, disk_format
from helpers.machine.image import check_bzimage
from helpers.machine.login import Dialogue, Pace, State
from helpers.machine.plan import Accelerator, Channel, platform_of
from helpers.machine.qemu import QemuMachine
from helpers.machine.seed import make_seed

PASSWORD_VARIABLE = "KERNEL_MATRIX_IMAGE_PASSWORD"

# From the boot loader to systemd's prompt: 40 s under TCG on a host with other work, 120 s on one
# that is overloaded. All of it stays below what the matrix waits for a sign of life, five minutes.
PACE: dict[Accelerator, Pace] = {
    "tcg": Pace(boot=180.0, step=30.0, quiet=8.0),
    "kvm": Pace(boot=60.0, step=15.0, quiet=4.0),
}
# For cloud-init, after a login that did not succeed: its last stage comes behind the prompt.
SEED_SECONDS: dict[Accelerator, float] = {"tcg": 75.0, "kvm": 30.0}
_LOOK_SECONDS = 0.25
_FILE_MB = 4096  # what the image's system may write, in a file that is gone with QEMU
_HEAD = 16  # bytes of a hello in which its magic is


class DiskMachine(QemuMachine):
    """A virtual machine with a disk; see Machine in helpers/machine/__init__.py."""

    def __init__(
        self,
        kernel: Kernel,
        *,
        accel: Request = "auto",
        channel: Channel = "auto",
        logdir: Path,
        timeout_scale: float = 1.0,
    ) -> None:
        """Nothing is started; beside QemuMachine's logs there will be seed-<n>.iso."""
        super().__init__(
            kernel, accel=accel, channel=channel, logdir=logdir, timeout_scale=timeout_scale
        )
        self._seed: Path | None = None
        self._dialogue: Dialogue | None = None
        self._nonce = f"km{secrets.token_hex(4)}"

    def launch(self) -> None:
        """Start QEMU and return at once; a second call does nothing.

        Raises:
            UserError: no QEMU, no compiler, no such disk, KVM asked for and unusable, a full disk.
        """
        if self.process is not None:
            return
        kernel, (request, wanted) = self.kernel, self._request
        if kernel.disk is None:
            raise UserError(f"{kernel.id} names no disk image; give image:<disk.qcow2>")
        platform = platform_of(kernel.arch)
        binary = find_qemu(kernel.arch)
        if kernel.image is not None:
            check_bzimage(kernel.image)
        accelerator = choose(request, kernel.arch, binary)
        seed = make_seed(
            agent_binary().read_bytes(),
            nonce=self._nonce,
            channel=wanted,
            cidata=not kernel.user,
        )
        plan = DiskPlan(
            platform=replace(platform, binary=str(binary)),
            accelerator=accelerator.name,
            disk=kernel.disk,
            disk_format=disk_format(kernel.disk),
            seed=self._write_seed(seed.data),
            image=kernel.image,
            initrd=kernel.initrd,
            cmdline=disk_cmdline(platform, kernel.cmdline),
            memory_mb=kernel.memory_mb,
            cpus=kernel.cpus,
        )

        def commands(console: Path, ends: Mapping[str, int]) -> tuple[list[str], list[str]]:
            whole = replace(plan, console=console, ends=ends)
            return disk_argv(whole), disk_by_hand(whole)

        self._accelerator = accelerator.name
        why = f"{accelerator.name} ({accelerator.why}), disk image"
        self._spawn(("console", "serial", "virtio"), commands, why, _FILE_MB)
        self._dialogue = Dialogue(
            nonce=self._nonce,
            user=kernel.user or "root",
            password=kernel.password or os.environ.get(PASSWORD_VARIABLE, ""),
            launch=seed.launch,
            pace=self._pace(),
            now=self._started,
        )

    def _pace(self) -> Pace:
        pace = PACE[self._accelerator]
        return Pace(pace.boot * self._scale, pace.step * self._scale, pace.quiet * self._scale)

    def _write_seed(self, data: bytes) -> Path:
        try:
            self._logdir.mkdir(parents=True, exist_ok=True)
            self._seed = self._logdir / f"seed-{self._nonce}.iso"
            self._seed.write_bytes(data)
        except OSError as error:
            raise UserError(
                f"cannot write to {self._logdir}: {error.strerror}; check space and permissions"
            ) from error
        return self._seed

    def wait_ready(self) -> None:
        """Wait for a prompt, log in, start the agent, and take the channel on which it speaks.

        Raises:
            MachineLost: kind "boot": QEMU ended, the kernel died, or nothing starts the agent; the
                reason says what was tried.
        """
        if self._dialogue is None:
            raise RuntimeError("wait_ready() before launch()")
        if self.channel_name:
            return
        dialogue = self._dialogue
        names = {end.fileno(): name for name, end in self._sockets.items()}
        with select.epoll() as poller:
            for descriptor, name in names.items():
                # What a port has that is no hello stays there: only what comes newly wakes us.
                edge = 0 if name == "console" else select.EPOLLET
                poller.register(descriptor, select.EPOLLIN | edge)
            self._wait(dialogue, poller, names)

    def _wait(self, dialogue: Dialogue, poller: select.epoll, names: dict[int, str]) -> None:
        given_up = 0.0
        while True:
            arrived = b""
            for descriptor, _ in poller.poll(_LOOK_SECONDS):
                name = names[descriptor]
                if name == "console":
                    arrived = self._read_console()
                elif self._greeted(name):
                    self._ready(name)
                    return
            now = time.monotonic() - self.stolen()
            typed = dialogue.step(arrived, now)
            if typed:
                self._type(typed)
            if dialogue.over and not given_up:
                given_up = now + self._after(dialogue.state)
            panic = find_panic(self._tail()) if arrived else None
            if panic and is_final(panic):
                raise self._boot_failure(None)
            if given_up and now >= given_up:
                raise self._not_let_in(dialogue)

    def _after(self, state: State) -> float:
        """Seconds that are left when the dialogue is over."""
        if state is State.STARTED:
            return self._pace().step
        return 0.0 if self.kernel.user else SEED_SECONDS[self._accelerator] * self._scale

    def _ready(self, name: str) -> None:
        self.seconds = time.monotonic() - self._started
        self.channel_name, self.channel = name, self._sockets[name]
        # nobody reads it any more: without a listener QEMU goes on writing the log
        self._sockets.pop("console").close()
        self.description += f", {name}"

    def _read_console(self) -> bytes:
        """What the console printed; the log has it as well.

        Raises:
            MachineLost: QEMU ended.
        """
        try:
            data = self._sockets["console"].recv(1 << 16, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return b""
        except OSError:
            data = b""
        if not data:
            raise self._boot_failure(None)
        return data

    def _type(self, data: bytes) -> None:
        try:
            self._sockets["console"].sendall(data)
        except OSError as error:
            raise self._boot_failure(None) from error

    def _greeted(self, name: str) -> bool:
        """Whether the agent speaks here. A port on which something else speaks is given up.

        Raises:
            MachineLost: QEMU ended.
        """
        end = self._sockets[name]
        try:
            head = end.recv(_HEAD, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except OSError:
            head = b""
        if not head:
            raise self._boot_failure(None)
        if wire.MAGIC in head:
            return True
        if len(head) == _HEAD:
            self._sockets.pop(name).close()
        return False

    def _not_let_in(self, dialogue: Dialogue) -> MachineLost:
        """End the machine, and say what was tried and what the screen showed last."""
        text = self._tail()
        if dialogue.state is State.STARTED:
            tried = ["the agent was started, but nothing came over virtio or ttyS1"]
        else:
            user = self.kernel.user or "root"
            tried = [f"{user}'s login on ttyS0: {dialogue.reason}"]
            if not self.kernel.user:
                said = text.rpartition(f"{self._nonce}-failed: ")[1:]
                why = said[1].partition("\n")[0] if said[0] else "nothing came of it"
                tried.append(f"cloud-init with a seed: {why}")
        screen = last_lines(text, 1)
        shown = f"the screen shows last: {screen}" if screen else "ttyS0 shows nothing"
        hint = "" if self.kernel.user else "; give user= and password="
        self.close()
        return MachineLost(
            "boot",
            f"{self.kernel.id} did not start the agent: {'; '.join(tried)}; {shown}{hint};"
            f" console {self._console_log}",
            excerpt(text),
        )

    def close(self) -> None:
        """Kill QEMU, reap it, close the sockets and remove the second drive."""
        super().close()
        if self._seed is not None:
            self._seed.unlink(missing_ok=True)
