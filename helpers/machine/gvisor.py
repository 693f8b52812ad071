"""gVisor as a machine: the agent in a sandbox of runsc, on gVisor's implementation of the calls.

gVisor's kernel, the sentry, is a Go program that answers the system calls of the processes in its
sandbox; none reaches the host's kernel as it is. So this tests another implementation of the same
interface. What runsc is told (runsc flags):

* `-network=none`: loopback only; with the others runsc makes interfaces on the host.
* `-platform=ptrace`: the one that needs nothing of the host, neither /dev/kvm nor, as systrap does,
  a version that has it (Debian 12's does not).
* `-ignore-cgroups`: a container's are often read-only.
* `-rootless`, for ordinary users: a user namespace in which they are root.
* `do -root`: a directory with the agent and nothing else is the sandbox's root, read-only; what is
  written goes to an overlay in memory.

runsc gives the sandbox three descriptors: the channel is the agent's standard input.
"""

import os
import shlex
import shutil
import signal
import socket
import tempfile
import time
from pathlib import Path

from helpers.errors import MachineLost, UserError
from helpers.kernel import Kernel
from helpers.machine import lifetime
from helpers.machine.agent import agent_binary
from helpers.machine.local import LocalMachine, claim_log

PACKAGE = "runsc"
PLATFORM = "ptrace"
_DIRECTORIES = ("dev", "proc", "sys", "tmp", "etc")
_GONE_SECONDS = 5.0  # for killed processes to disappear


def runsc_argv(binary: str, root: Path, state: Path, *, ordinary_user: bool) -> list[str]:
    """The command line that runs the agent of a prepared directory.

    Args:
        binary: the program runsc.
        root: the directory with the agent as /agent.
        state: directory for what runsc remembers of its containers.
        ordinary_user: who starts it is not root.
    """
    return [
        *(binary, f"-root={state}", "-network=none", f"-platform={PLATFORM}", "-ignore-cgroups"),
        *(("-rootless",) if ordinary_user else ()),
        *("do", "-quiet", f"-root={root}", "-cwd=/", "/agent", "local", "0"),
    ]


def prepare_root(parent: Path, agent: Path) -> Path:
    """A directory to be the sandbox's root: mount points, /tmp for anybody, and the agent."""
    root = parent / "root"
    for name in _DIRECTORIES:
        (root / name).mkdir(parents=True, exist_ok=True)
    (root / "tmp").chmod(0o1777)
    # the gofer, which opens files for the sandbox, may be another user
    for path in (parent, root):
        path.chmod(0o755)
    shutil.copy(agent, root / "agent")
    (root / "agent").chmod(0o755)
    return root


def open_directory() -> Path:
    """The first directory for temporary files that others may pass: root's sandbox is nobody.

    $TMPDIR itself may be root's alone (pam_tmpdir, mktemp -d).
    """
    places = [Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp")]
    passable = (p for p in places if all(q.stat().st_mode & 1 for q in (p, *p.resolve().parents)))
    return next(passable, places[0])


def find_runsc() -> str:
    """The program runsc.

    Raises:
        UserError: it is not installed.
    """
    found = shutil.which("runsc")
    if found is None:
        raise UserError(f"gvisor is not available: no runsc in PATH; apt-get install {PACKAGE}")
    return found


def descendants(pid: int, proc: Path = Path("/proc")) -> dict[int, str]:
    """The processes below one, each with its start time, which tells a reused pid from it."""
    parents: dict[int, list[int]] = {}
    starts: dict[int, str] = {}
    for entry in proc.iterdir():
        if not entry.name.isdigit():
            continue
        fields = _stat(entry)
        if fields:
            parents.setdefault(int(fields[1]), []).append(int(entry.name))
            starts[int(entry.name)] = fields[19]
    found: dict[int, str] = {}
    waiting = [pid]
    while waiting:
        for child in parents.get(waiting.pop(), []):
            found[child] = starts[child]
            waiting.append(child)
    return found


def _stat(entry: Path) -> list[str]:
    """The fields of a stat file from the state on; [] where the process is gone."""
    try:
        return (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return []


class GvisorMachine(LocalMachine):
    """The agent in a sandbox of runsc; see Machine in helpers/machine/__init__.py.

    It has no console. Each is a sandbox of its own, so that a damaged one is replaced.
    """

    def __init__(self, kernel: Kernel, *, logdir: Path, timeout_scale: float = 1.0) -> None:
        """Nothing is started; logdir gets agent-<n>.log, what runsc says."""
        super().__init__(kernel, logdir=logdir, timeout_scale=timeout_scale)
        self.description = f"gvisor, runsc on {PLATFORM}"
        self._place: Path | None = None

    def launch(self) -> None:
        """Start the sandbox and return at once; a second call does nothing.

        Raises:
            UserError: there is no runsc, or it cannot be started.
        """
        if self.process is not None:
            return
        binary, agent = find_runsc(), agent_binary()
        ours, theirs = socket.socketpair()
        try:
            self._log = claim_log(self._logdir)
            # a short path: names of sockets are made of it
            place = self._place = Path(
                tempfile.mkdtemp(prefix="kernel-matrix-gvisor-", dir=open_directory())
            )
            (place / "tmp").mkdir()
            argv = runsc_argv(
                binary, prepare_root(place, agent), place / "state", ordinary_user=os.geteuid() != 0
            )
            self.command = shlex.join(argv)
            self._started = time.monotonic()
            # not guarded: its memory is a file of gigabytes, which the limit would refuse; and when
            # we are gone, the end of the channel ends it
            self.process = lifetime.spawn(
                _dying(argv),
                log=self._log,
                guarded=False,
                environment={"TMPDIR": str(place / "tmp")},
                stdin=theirs.fileno(),
            )
        except OSError as error:
            ours.close()
            self._clean()
            raise UserError(f"cannot start runsc: {error}; check space and permissions") from error
        finally:
            theirs.close()
        self.channel = ours

    def why_lost(self) -> MachineLost:
        """How runsc ended; kind "crash" where the sandbox did not end by itself."""
        lost = super().why_lost()
        reason = lost.reason.replace("the agent", "runsc", 1)
        died = "panic:" in lost.console or "fatal error:" in lost.console
        return MachineLost("crash" if died else lost.kind, reason, lost.console)

    def close(self) -> None:
        """End runsc and everything that it started; remove what it left."""
        if self.process is None:
            return
        below = descendants(self.process.pid) if self.process.poll() is None else {}
        super().close()
        _end_all(below)
        self._clean()

    def _clean(self) -> None:
        if self._place is not None:
            shutil.rmtree(self._place, ignore_errors=True)
            self._place = None


def _dying(argv: list[str]) -> list[str]:
    """The same, killed when we end; runsc asks for that itself on behalf of the sandbox."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL", *argv] if setpriv else argv


def _end_all(processes: dict[int, str]) -> None:
    """Kill what is left of them, and wait until it is gone."""
    deadline = time.monotonic() + _GONE_SECONDS
    while processes and time.monotonic() < deadline:
        for pid, start in list(processes.items()):
            fields = _stat(Path(f"/proc/{pid}"))
            if not fields or fields[19] != start or fields[0] in "ZX":
                del processes[pid]
                continue
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                del processes[pid]
        if processes:
            time.sleep(0.005)
