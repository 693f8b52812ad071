# SPDX-License-Identifier: MIT
"""Every test runs with the plain agent and with the one that checks itself."""

import os
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .peer import Agent

SOURCES = Path(__file__).parents[2] / "fixtures" / "agent"
VARIANTS = {"agent": "", "agent-sanitized": "SANITIZE=1"}


@pytest.fixture(scope="session")
def built() -> Iterator[Callable[[str], Path]]:
    # Not under pytest's own directory: other users run the program too.
    directory = tempfile.TemporaryDirectory(prefix="agent-")
    out = Path(directory.name)
    out.chmod(0o755)

    def build(name: str) -> Path:
        if not (out / name).exists():
            make = ["make", "-s", "-C", str(SOURCES), f"O={out}", *filter(None, [VARIANTS[name]])]
            done = subprocess.run(make, capture_output=True, text=True, check=False)
            assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        return out / name

    yield build
    directory.cleanup()


@pytest.fixture(params=list(VARIANTS))
def binary(request: pytest.FixtureRequest, built: Callable[[str], Path]) -> Path:
    return built(request.param)


class Starter:
    """Starts agents; afterwards none is left and no sanitizer has complained."""

    def __init__(self, binary: Path, reports: Path) -> None:
        self.binary, self.reports = binary, reports
        self.agents: list[Agent] = []

    def __call__(self, **options: object) -> Agent:
        ours, theirs = socket.socketpair()
        log = f"log_path={self.reports}/report"
        process = subprocess.Popen(
            [self.binary, "local", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            env=os.environ | {"ASAN_OPTIONS": log, "UBSAN_OPTIONS": log},
            **options,  # type: ignore[call-overload]
        )
        theirs.close()
        self.agents.append(Agent(ours, process))
        return self.agents[-1]

    def complaints(self) -> str:
        return "\n".join(p.read_text() for p in self.reports.iterdir())


@pytest.fixture
def start(binary: Path, tmp_path: Path) -> Iterator[Starter]:
    reports = tmp_path / "reports"
    reports.mkdir()
    reports.chmod(0o777)
    starter = Starter(binary, reports)
    yield starter
    for agent in starter.agents:
        agent.sock.close()
    try:
        for agent in starter.agents:
            assert agent.process
            agent.process.wait(10)
    finally:
        for agent in starter.agents:
            assert agent.process
            agent.process.kill()
            agent.process.wait()
    assert starter.complaints() == ""


@pytest.fixture
def agent(start: Starter) -> Agent:
    started = start()
    started.hello()
    return started
