"""gVisor's sandbox as a machine."""

import os
import shutil
import signal
import tempfile
import time
from errno import ENOENT
from pathlib import Path

import pytest

from helpers import abi
from helpers.abi import constants as c
from helpers.calls import Numbers
from helpers.child import spawn
from helpers.errors import MachineLost, UserError
from helpers.kernel import Kernel
from helpers.machine import gvisor, open_machine
from helpers.machine.gvisor import GvisorMachine, descendants, prepare_root, runsc_argv
from helpers.outcome import Err, Ok
from helpers.session import Session
from kernel_matrix import providers
from kernel_matrix.providers.gvisor import version_of

KERNEL = Kernel("gvisor", "gvisor", machine="gvisor")
installed = pytest.mark.skipif(not shutil.which("runsc"), reason="environment: no runsc")


@pytest.mark.parametrize(("user", "more"), [(False, []), (True, ["-rootless"])])
def test_command_line(user: bool, more: list[str]) -> None:
    argv = runsc_argv("/usr/bin/runsc", Path("/place/root"), Path("/place/s"), ordinary_user=user)
    assert argv == [
        *("/usr/bin/runsc", "-root=/place/s", "-network=none", "-platform=ptrace"),
        *("-ignore-cgroups", *more, "do", "-quiet", "-root=/place/root", "-cwd=/"),
        *("/agent", "local", "0"),
    ]


def test_root_has_the_agent_and_nothing_else(tmp_path: Path) -> None:
    agent = tmp_path / "built"
    agent.write_bytes(b"agent")
    agent.chmod(0o600)
    root = prepare_root(tmp_path, agent)
    files = [path for path in root.rglob("*") if not path.is_dir()]
    assert files == [root / "agent"]
    assert oct((root / "agent").stat().st_mode & 0o777) == "0o755"
    assert oct((root / "tmp").stat().st_mode & 0o7777) == "0o1777"


def test_a_private_directory_for_temporary_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.chmod(0o700)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert gvisor.open_directory() == Path("/tmp")


def test_descendants(tmp_path: Path) -> None:
    for pid, name, parent in ((10, "a", 1), (11, "b) R 99 (", 10), (12, "c", 11), (13, "d", 1)):
        (tmp_path / str(pid)).mkdir()
        rest = " ".join(str(n) for n in range(5, 22))
        (tmp_path / str(pid) / "stat").write_text(f"{pid} ({name}) S {parent} {rest} {pid}00 0 0")
    (tmp_path / "14").mkdir()
    (tmp_path / "self").mkdir()
    assert descendants(10, tmp_path) == {11: "1100", 12: "1200"}
    assert descendants(13, tmp_path) == {}


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("runsc version 0.0~20221219.0\nspec: 1.0.2-dev\n", "0.0~20221219.0"),
        ("runsc version release-20240115.0\nspec: 1.1.0-rc.1\n", "20240115.0"),
        ("runsc version VERSION_MISSING\nspec: 1.0\n", "VERSION_MISSING"),
        ("crun version 1.0\n", ""),
    ],
)
def test_version(text: str, version: str) -> None:
    assert version_of(text) == version


def test_not_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(providers.NotAvailable, match=r"^gvisor is not.*apt-get install runsc$"):
        providers.resolve("gvisor")
    with pytest.raises(UserError, match="no runsc in PATH; apt-get install runsc"):
        GvisorMachine(KERNEL, logdir=tmp_path).launch()


def test_not_gvisors(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "runsc").write_text("#!/bin/sh\necho runsc version\n")
    (tmp_path / "runsc").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(UserError, match="names no version"):
        providers.resolve("gvisor")
    with pytest.raises(UserError, match="the selector of the installed runsc: gvisor"):
        providers.resolve("gvisor:2024")


def test_disposable() -> None:
    assert KERNEL.disposable
    assert not Kernel("local", "local").disposable
    assert Kernel.from_json(KERNEL.to_json()) == KERNEL


@installed
def test_a_sandbox(tmp_path: Path) -> None:
    """It answers, proves that a child sleeps, and leaves neither a process nor a file."""
    machine = open_machine(KERNEL, logdir=tmp_path)
    machine.start()
    assert machine.process is not None
    below = descendants(machine.process.pid)
    assert below
    session = Session(machine.channel, machine.why_lost)
    assert session.wait_hello(20).values["role"] == "local"
    child = spawn(session, "caller", Numbers("x86_64", 548))
    fds = abi.new("int[2]")
    child.must.pipe2(fds, 0)
    waiting = child.begin.read(fds[0], child.memory(1), 1)
    assert child.wait_blocked(waiting, "read").in_request
    machine.close()
    assert not machine.alive()
    assert below.keys() & _alive() == set()
    assert not _place(machine.command).exists()
    machine.close()


@installed
def test_what_it_writes_stays_inside(tmp_path: Path) -> None:
    machine = open_machine(KERNEL, logdir=tmp_path)
    try:
        machine.start()
        session = Session(machine.channel, machine.why_lost)
        session.wait_hello(20)
        child = spawn(session, "caller", Numbers("x86_64", 548))
        fd = child.must.openat(c.AT_FDCWD, "/written", c.O_CREAT | c.O_RDWR, 0o666)
        assert child.write(fd, child.memory(1), 1) == Ok(1)
        assert child.openat(c.AT_FDCWD, "/etc/passwd", c.O_RDONLY, 0) == Err(ENOENT)
        root = _place(machine.command) / "root"
        assert (root / "agent").exists()
        assert not (root / "written").exists()
    finally:
        machine.close()


@installed
def test_a_sandbox_that_dies(tmp_path: Path) -> None:
    machine = open_machine(KERNEL, logdir=tmp_path)
    try:
        machine.start()
        assert machine.process is not None
        below = descendants(machine.process.pid)
        os.kill(machine.process.pid, signal.SIGKILL)
        lost = machine.why_lost()
        assert (lost.kind, lost.reason) == ("crash", "runsc was killed by SIGKILL")
        until = time.monotonic() + 10
        while below.keys() & _alive():
            assert time.monotonic() < until
    finally:
        machine.close()


@installed
def test_a_runsc_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gvisor, "PLATFORM", "none-such")
    machine = open_machine(KERNEL, logdir=tmp_path)
    with pytest.raises(MachineLost, match=r"runsc ended with status .*none-such"):
        machine.start()
    assert not machine.alive()


def _place(command: str) -> Path:
    """The directory of a sandbox: the first -root= is for the state in it."""
    state = next(word for word in command.split() if word.startswith("-root="))
    return Path(state.removeprefix("-root=")).parent


def _alive() -> set[int]:
    """Without those that only wait to be reaped."""
    states = {
        int(entry.name): gvisor._stat(entry)
        for entry in Path("/proc").iterdir()
        if entry.name.isdigit()
    }
    return {pid for pid, fields in states.items() if fields and fields[0] not in "ZX"}
