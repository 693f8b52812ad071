"""The running kernel as a machine: the agent is a subprocess on a socketpair."""

import os
import select
import shlex
import signal
import socket
import subprocess
import time
from pathlib import Path

from helpers.deadline import stolen
from helpers.errors import MachineLost, UserError
from helpers.kernel import Kernel
from helpers.machine import lifetime
from helpers.machine.agent import Variant, agent_binary
from helpers.machine.console import last_lines

_HELLO_SECONDS = 20.0
_QUIT_SECONDS = 2.0
_REPORTS = (
    "ERROR: AddressSanitizer",
    "ERROR: LeakSanitizer",
    "runtime error:",
    "AddressSanitizer:DEADLYSIGNAL",
)


def find_report(text: str) -> str | None:
    """The first line of a sanitizer's report in the agent's standard error, None without one."""
    lines = (line.strip() for line in text.splitlines())
    return next((line for line in lines if any(mark in line for mark in _REPORTS)), None)


class LocalMachine:
    """The agent on the running kernel; see Machine in helpers/machine/__init__.py.

    It has no console. There is no way to replace the kernel when a case has damaged it.

    Attributes:
        kernel: the running one; its image is None.
        channel: the connected stream, after launch().
        channel_name: "socket".
        command: the agent's command line.
        seconds: from launch() to the first byte.
        description: one line.
        process: the agent, None before launch().
    """

    def __init__(
        self,
        kernel: Kernel,
        *,
        logdir: Path,
        timeout_scale: float = 1.0,
        variant: Variant = "plain",
    ) -> None:
        """Nothing is started; logdir gets agent-<n>.log, the agent's standard error."""
        self.kernel = kernel
        self.channel: socket.socket
        self.channel_name = ""
        self.command = ""
        self.seconds = 0.0
        self.description = "local" if variant == "plain" else f"local, {variant} agent"
        self.process: subprocess.Popen[bytes] | None = None
        self._variant: Variant = variant
        self._logdir = logdir
        self._scale = timeout_scale
        self._log: Path | None = None
        self._started = 0.0
        self._killed = False

    def start(self) -> None:
        """Start the agent and wait for its first byte."""
        self.launch()
        self.wait_ready()

    def launch(self) -> None:
        """Start the agent and return at once; a second call does nothing.

        Raises:
            UserError: it cannot be built or started.
        """
        if self.process is not None:
            return
        binary = agent_binary(self._variant)
        ours, theirs = socket.socketpair()
        try:
            self._log = claim_log(self._logdir)
            argv = [str(binary), "local", str(theirs.fileno())]
            self.command = shlex.join(argv)
            self._started = time.monotonic()
            self.process = lifetime.spawn(
                argv,
                log=self._log,
                pass_fds=[theirs.fileno()],
                guarded=False,  # it asks for its death signal itself; limits are under test
                environment=self._sanitizer_options(),
            )
        except OSError as error:
            ours.close()
            raise UserError(
                f"cannot start the agent with a log in {self._logdir}: {error.strerror}"
            ) from error
        finally:
            theirs.close()
        self.channel = ours

    def wait_ready(self) -> None:
        """Wait until the hello can be read.

        Raises:
            MachineLost: kind "boot": the agent ended, or said nothing until the deadline.
        """
        if self.process is None:
            raise RuntimeError("wait_ready() before launch()")
        if self.channel_name:
            return
        poller = select.poll()
        poller.register(self.channel.fileno(), select.POLLIN)
        limit = _HELLO_SECONDS * self._scale
        left = self._started + limit - time.monotonic()
        if not poller.poll(max(0.0, left) * 1000):
            reason = f"no hello within {limit:.0f} s"
        else:
            try:
                if self.channel.recv(1, socket.MSG_PEEK):
                    self.seconds = time.monotonic() - self._started
                    self.channel_name = "socket"
                    return
            except OSError:
                pass
            reason = self.why_lost().reason
        text = self._text()
        self.close()
        raise MachineLost("boot", f"the agent did not start: {reason}", last_lines(text))

    def alive(self) -> bool:
        """Whether the agent runs."""
        return self.process is not None and self.process.poll() is None

    def stolen(self) -> float:
        """See Machine."""
        return stolen(self.process.pid) if self.process is not None else 0.0

    def console_size(self) -> int:
        """0: the running kernel's console is not ours."""
        return 0

    def console(self, start: int, end: int | None = None) -> str:
        """Nothing."""
        del start, end
        return ""

    def why_lost(self) -> MachineLost:
        """How the agent ended; kind "crash" if by a signal or a sanitizer, else "eof"."""
        text = self._text()
        if self.process is None:
            return MachineLost("eof", "it was not started")
        try:
            status = self.process.wait(_QUIT_SECONDS)
        except subprocess.TimeoutExpired:
            return MachineLost(
                "eof", "the channel closed, but the agent still runs", last_lines(text)
            )
        text = self._text()
        report = find_report(text)
        if report:
            return MachineLost("crash", f"the agent is damaged: {report}", last_lines(text))
        if self._killed:
            return MachineLost("eof", "it was ended by us", last_lines(text))
        if status < 0:
            return MachineLost(
                "crash", f"the agent was killed by {signal.Signals(-status).name}", last_lines(text)
            )
        said = last_lines(text, 1)
        return MachineLost(
            "eof", f"the agent ended with status {status}" + (f": {said}" if said else ""), text
        )

    def _sanitizer_options(self) -> dict[str, str]:
        """Where reports go: the agent's standard error is /dev/null once it has said hello."""
        if self._variant != "sanitized":
            return {}
        names = ("ASAN_OPTIONS", "UBSAN_OPTIONS")
        before = {name: os.environ.get(name) for name in names}
        return {
            name: ":".join(filter(None, (before[name], f"log_path={self._log}"))) for name in names
        }

    def _text(self) -> str:
        """The agent's standard error, and the reports that sanitizers wrote to <log>.<pid>."""
        if self._log is None:
            return ""
        found = [self._log, *sorted(self._log.parent.glob(f"{self._log.name}.*"))]
        try:
            return "".join(path.read_text("utf-8", "replace") for path in found)
        except OSError:
            return ""

    def close(self) -> None:
        """Close the channel, which ends the agent and its children; kill it if it does not go."""
        if self.process is None:
            return
        self.channel.close()
        try:
            self.process.wait(_QUIT_SECONDS)
        except subprocess.TimeoutExpired:
            self._killed = True
            lifetime.end(self.process)


def claim_log(logdir: Path) -> Path:
    """An agent-<n>.log that is ours; several processes may share the directory, made if missing.

    Raises:
        OSError: it cannot be written.
    """
    logdir.mkdir(parents=True, exist_ok=True)
    number = 1
    while True:
        path = logdir / f"agent-{number}.log"
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o644))
        except FileExistsError:
            number += 1
        else:
            return path
