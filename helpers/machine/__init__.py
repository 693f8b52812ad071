"""Machines: things that run a kernel with our agent in it.

>>> machine = open_machine(kernel, logdir=Path("/tmp/logs"))     # doctest: +SKIP
>>> machine.launch()        # returns at once, so that the boot overlaps with other work
>>> machine.wait_ready()    # or start(), which is both
>>> machine.channel.recv(64)                                     # the agent's hello
>>> machine.close()
"""

import socket
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from helpers.errors import MachineLost, UserError
from helpers.kernel import Kernel

if TYPE_CHECKING:
    from helpers.machine.accel import Request
    from helpers.machine.agent import Variant
    from helpers.machine.plan import Channel

__all__ = ["Machine", "open_machine"]


class Machine(Protocol):
    """What a session needs of a machine. One object is one boot: a replacement is another object.

    Attributes:
        kernel: what it runs.
        channel: the connected stream to the agent, once it is ready; blocking, nothing read yet.
        channel_name: "virtio", "serial" or "socket", "" until it is ready.
        command: the exact command line that was started, quoted for a shell.
        seconds: from launch() to the first byte of the hello.
        description: one line: kind of machine, accelerator and why, channel and why.
    """

    kernel: Kernel
    channel: socket.socket
    channel_name: str
    command: str
    seconds: float
    description: str

    def start(self) -> None:
        """launch() and wait_ready()."""

    def launch(self) -> None:
        """Start it and return at once.

        Raises:
            UserError: something that the user can put right; one line.
        """

    def wait_ready(self) -> None:
        """Wait until the first bytes of the hello can be read from the channel.

        Raises:
            MachineLost: kind "boot", with the console's last lines; the machine is closed.
        """

    def alive(self) -> bool:
        """Whether it runs, as far as the host can see."""
        ...

    def stolen(self) -> float:
        """Seconds in which it could run and the host ran something else: helpers.deadline."""
        ...

    def console_size(self) -> int:
        """Bytes in the console's log so far, 0 where there is no console."""
        ...

    def console(self, start: int, end: int | None = None) -> str:
        """The console's text between two such sizes, cleaned of control characters."""
        ...

    def why_lost(self) -> MachineLost:
        """What is known about a machine whose channel closed; waits at most 2 s, raises nothing."""
        ...

    def close(self) -> None:
        """End it at once and release everything; may be called at any time and again."""


def open_machine(
    kernel: Kernel,
    *,
    accel: str = "auto",
    channel: str = "auto",
    logdir: Path,
    timeout_scale: float = 1.0,
    agent: "Variant" = "plain",
) -> Machine:
    """A machine for a kernel, not started: what it asks for, else QEMU for an image, else local.

    Args:
        kernel: what to run.
        accel: "auto", "kvm" or "tcg"; means nothing for the running kernel.
        channel: "auto", "virtio" or "serial"; means nothing for the running kernel.
        logdir: directory for logs, created when it starts; several processes may share it.
        timeout_scale: factor for deadlines, at least a small positive number.
        agent: "plain", or "sanitized" on the running kernel.

    Raises:
        UserError: a word that is none of these, or a factor that is not positive.
    """
    if accel not in ("auto", "kvm", "tcg"):
        raise UserError(f"no accelerator {accel!r}; there are auto, kvm and tcg")
    if channel not in ("auto", "virtio", "serial"):
        raise UserError(f"no channel {channel!r}; there are auto, virtio and serial")
    if not timeout_scale > 0:
        raise UserError(f"a timeout scale of {timeout_scale} is no positive number")
    if kernel.machine == "gvisor":
        from helpers.machine.gvisor import GvisorMachine

        return GvisorMachine(kernel, logdir=logdir, timeout_scale=timeout_scale)
    if kernel.image is None and not kernel.machine:
        from helpers.machine.local import LocalMachine

        return LocalMachine(kernel, logdir=logdir, timeout_scale=timeout_scale, variant=agent)
    request: Request = accel  # type: ignore[assignment]
    wanted: Channel = channel  # type: ignore[assignment]
    if kernel.machine == "disk":
        from helpers.machine.disk import DiskMachine

        return DiskMachine(
            kernel, accel=request, channel=wanted, logdir=logdir, timeout_scale=timeout_scale
        )
    from helpers.machine.qemu import QemuMachine

    return QemuMachine(
        kernel, accel=request, channel=wanted, logdir=logdir, timeout_scale=timeout_scale
    )
