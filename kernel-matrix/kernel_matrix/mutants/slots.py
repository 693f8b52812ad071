"""A pytest process that runs the cases it is asked for: fixtures/steered.py, from this side."""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from helpers.cache import cache_dir
from helpers.errors import UserError
from helpers.kernel import Kernel
from kernel_matrix import errands
from kernel_matrix.cells import SUITES, last_words
from kernel_matrix.manifest import ROOT
from kernel_matrix.mutants.schemata import PARAMETER

START_SECONDS = 120.0
"""For pytest to start, collect, and boot the first machine."""

ATTEMPTS = 3
"""To start it."""

SCALE = 0.15
"""Factor for the deadline of an answer, 20 s: most of what hangs hangs at once."""

_DEBUG_SCALE = 5.0


class Lost(Exception):
    """The process is gone, or did not answer in time."""


@dataclass(frozen=True)
class Known:
    """A case that there is.

    Attributes:
        id: pytest's.
        clauses: the promises that it checks.
        needs: what it cannot do without.
    """

    id: str
    clauses: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()


@dataclass
class Slot:
    """The process; it boots the machines that it needs.

    Attributes:
        kernel: what they run.
        directory: for logs.
        accel: "auto", "kvm" or "tcg".
        settable: the kernel has a parameter for the active mutant.
        debug: it is a debug kernel, which is slow.
        suites: where the cases are.
        parameter: the file in the machine that the active mutant's number is written to.
        environment: further variables for pytest.
        cases: what can be asked for, in pytest's order, once it has started.
    """

    kernel: Kernel
    directory: Path
    accel: str
    settable: bool = True
    debug: bool = False
    suites: str = SUITES
    parameter: str = PARAMETER
    environment: dict[str, str] = field(default_factory=dict)
    cases: list[Known] = field(default_factory=list)
    _process: "subprocess.Popen[bytes] | None" = None
    _socket: socket.socket | None = None
    _rest: bytes = b""
    _closed: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def start(self) -> None:
        """Start it and wait for its list of cases.

        Raises:
            UserError: it does not start, not at the third attempt either; the text is its last
                word.
            Lost: it was closed meanwhile, or before.
        """
        for attempt in range(ATTEMPTS):
            try:
                return self._start()
            except Lost as lost:
                self._end()
                if self._closed:
                    raise
                log = (self.directory / "pytest.log").read_bytes()[-16384:]
                words = last_words(log.decode("utf-8", "replace"))
                # A machine may fail to boot because the host is busy: timers that come late.
                if attempt == ATTEMPTS - 1:
                    raise UserError(f"no machine for the mutants: {words or lost}") from lost

    def _start(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        description = self.directory / "kernel.json"
        description.write_text(json.dumps(self.kernel.to_json(), indent=1) + "\n")
        ours, theirs = socket.socketpair()
        argv = [
            sys.executable, "-m", "pytest", self.suites,
            "-q", "--color=no", "-p", "no:cacheprovider",
            "--steer", str(theirs.fileno()), "--steer-file", self.parameter,
            # With a journal the known deviations are not judged; what it says is not needed.
            "--kernel", f"resolved:{description}", "--journal", os.devnull,
            "--run-dir", str(self.directory), "--accel", self.accel,
        ]  # fmt: skip
        if self.debug:
            argv += ["--timeout-scale", f"{_DEBUG_SCALE:g}"]
        environment = (
            os.environ
            | self.environment
            | {
                "PYTHONUNBUFFERED": "1",
                "PYTHONDONTWRITEBYTECODE": "",
                "PYTHONPYCACHEPREFIX": str(cache_dir() / "bytecode"),
            }
        )
        # close() comes before all of this, and nothing is started, or finds what it has to end.
        with theirs, (self.directory / "pytest.log").open("ab") as log, self._lock:
            if self._closed:
                ours.close()
                raise Lost("it has been ended")
            self._process = subprocess.Popen(
                errands.bound(argv, "KILL"), cwd=ROOT, env=environment, pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                start_new_session=True,
            )  # fmt: skip
            self._socket, self._rest = ours, b""
        seconds = START_SECONDS * (_DEBUG_SCALE if self.debug else 1)
        answer = self._answer(time.monotonic() + seconds)
        self.cases = [
            Known(case["id"], tuple(case["clauses"]), tuple(case["needs"]))
            for case in answer["cases"]
        ]

    def ask(
        self, cases: list[str], number: int, until: float, *, fresh: bool = False
    ) -> dict[str, Any]:
        """Run cases with a mutant active, until one is a finding.

        Args:
            cases: ids, in this order.
            number: of the mutant; 0 is none.
            until: the time, monotonic, at which the process is given up.
            fresh: on a machine of their own.

        Raises:
            Lost: it was given up, or it is gone; it has been ended.
        """
        scale = SCALE * (_DEBUG_SCALE if self.debug else 1)
        asked = {
            "cases": cases, "setting": str(number) if self.settable else "",
            "fresh": fresh, "scale": scale,
        }  # fmt: skip
        try:
            assert self._socket is not None
            self._socket.sendall(json.dumps(asked).encode() + b"\n")
            return self._answer(until)
        except (Lost, OSError) as error:
            self._end()
            raise Lost(str(error)) from error

    def _answer(self, until: float) -> dict[str, Any]:
        assert self._socket is not None
        while b"\n" not in self._rest:
            left = until - time.monotonic()
            try:
                if left <= 0 or not select.select([self._socket], [], [], left)[0]:
                    raise Lost("no answer in time")
                data = self._socket.recv(1 << 20)
            except (OSError, ValueError) as error:  # closed in another thread
                raise Lost(str(error)) from error
            if not data:
                raise Lost("the process that runs the cases has ended")
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        return answer

    @property
    def running(self) -> bool:
        """It has been started and not ended."""
        return self._process is not None

    def close(self) -> None:
        """End it and its machines for good; may be called from another thread, at any moment."""
        with self._lock:
            self._closed = True
        self._end()

    def _end(self) -> None:
        sock, process = self._socket, self._process
        self._process = None
        if sock is not None:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        if process is not None:
            try:
                process.wait(2)
            except subprocess.TimeoutExpired:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        if sock is not None:
            sock.close()
