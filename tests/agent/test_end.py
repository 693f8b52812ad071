# SPDX-License-Identifier: MIT
"""The end of a case, and the end of the agent."""

import os
import pwd
import resource
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from .conftest import Starter
from .peer import Agent, K, arg_in, frame, out, varint

CHLD = int(signal.SIGCHLD)
READ, PIPE, PAUSE, GETPID, PRCTL = 0, 22, 34, 39, 157
SET_DUMPABLE = 4


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


def wait_gone(pids: list[int]) -> None:
    deadline = time.monotonic() + 10
    while any(map(alive, pids)):
        assert time.monotonic() < deadline, pids
        time.sleep(0.005)


def family(agent: Agent) -> list[int]:
    """Idle, blocked, orphaned, thread, deaf to signals."""
    pids = [agent.spawn(n).pid for n in (1, 2, 3)]
    pids.append(agent.spawn(4, by=1).pid)
    pids.append(agent.spawn(5, by=4).pid)
    agent.spawn(6, 0x10F00, by=2)
    agent.quit(4, 0)
    agent.exited(4)
    agent.start(5, (PAUSE,))
    agent.start(6, (PAUSE,))
    agent.call(3, 14, 0, arg_in(b"\xff" * 8), 0, 8)
    agent.sleeping(5, PAUSE)
    agent.sleeping(6, PAUSE)
    return pids


def test_hello(start: Starter) -> None:
    agent = start()
    told = agent.hello()
    assert told["role"] == "local"
    assert told["channel"] == "socket"
    assert told["release"] == os.uname().release
    assert told["version"] == os.uname().version
    assert told["machine"] == os.uname().machine
    assert told["page_size"] == str(os.sysconf("SC_PAGESIZE"))
    assert told["cpus"] == str(len(os.sched_getaffinity(0)))
    assert told["pipe_max_size"] == Path("/proc/sys/fs/pipe-max-size").read_text().strip()
    assert told["taint"] == Path("/proc/sys/kernel/tainted").read_text().strip()
    assert told["uid"] == str(os.getuid())
    assert agent.process
    assert told["pid"] == str(agent.process.pid)
    assert int(told["uptime_ms"]) > 0


@pytest.mark.parametrize("body", [b"", b"x", bytes(65000)])
def test_ping(agent: Agent, body: bytes) -> None:
    assert agent.ping(body) == body


def test_many_requests_in_one_write(agent: Agent) -> None:
    agent.sock.setblocking(True)
    agent.sock.sendall(b"".join(frame("PING", 0, n, bytes(50)) for n in range(1, 3001)))
    assert [agent.next().seq for _ in range(3000)] == list(range(1, 3001))


def test_frames_in_pieces(agent: Agent) -> None:
    for byte in frame("PING", 0, 77, b"slow" * 50):
        agent.sock.sendall(bytes([byte]))
    assert agent.expect("PONG", 0, 77).body == b"slow" * 50


def test_blocked_child_is_seen_and_released(agent: Agent) -> None:
    agent.spawn(1)
    agent.call(1, PIPE, out(8))
    agent.spawn(2, by=1)
    blocked = agent.start(1, (READ, 3, out(3), 3))
    assert "pipe" in agent.sleeping(1, READ) or os.geteuid() != 0
    assert agent.state(1)[3] == 1
    agent.call(2, 1, 4, arg_in(b"abc"), 3)
    assert agent.finish(1, blocked)[0].outs == [b"abc"]
    assert agent.state(1)[3] == 0


def test_end_of_a_quiet_case(agent: Agent) -> None:
    for _ in range(3):
        pids = [agent.spawn(n).pid for n in (1, 2)]
        ended = agent.end()
        assert (ended.killed, ended.stuck, ended.counters) == ({}, [], [])
        assert ended.taint == int(Path("/proc/sys/kernel/tainted").read_text())
        assert not any(map(alive, pids))


def test_end_kills_what_is_left(agent: Agent) -> None:
    pids = family(agent)
    ended = agent.end()
    assert set(ended.killed) == {5, 6}
    for letter, call in ended.killed.values():
        assert letter == "S"
        assert call.split()[0] == str(PAUSE)
    assert ended.stuck == []
    assert not any(map(alive, pids))
    # every id is free, and nothing late arrives
    for n in range(1, 7):
        agent.spawn(n)
    assert all(f.kind == "SPAWNED" for f in agent.kept), agent.kept


def test_end_with_raw_forks(agent: Agent) -> None:
    """Processes that the agent never heard of: fork by hand, then the parent exits."""
    agent.spawn(1)
    agent.start(1, (57,), (112,), (PAUSE,))  # fork, setsid, pause: both of them
    agent.sleeping(1, PAUSE)
    assert set(agent.end().killed) == {1}
    assert agent.process
    children = Path(f"/proc/{agent.process.pid}/task/{agent.process.pid}/children")
    assert children.read_text() == ""


def test_dead_before_the_end_is_told(agent: Agent) -> None:
    agent.spawn(1)
    agent.send("POKE", 1, varint(0) + b"\1x")
    deadline = time.monotonic() + 10
    while agent.state(1)[0] not in ("Z", "") and time.monotonic() < deadline:
        pass
    agent.end()
    assert agent.exited(1) == (1, signal.SIGSEGV)


def test_counters(agent: Agent) -> None:
    counters = agent.end(K["COUNTERS"]).counters
    assert len(counters) == K["NR_COUNTERS"]
    vmstat = dict(line.split() for line in Path("/proc/vmstat").read_text().splitlines())
    for n, key in enumerate(["nr_foll_pin_acquired", "nr_foll_pin_released"]):
        assert (counters[n] == -1) == (key not in vmstat)
    assert counters[K["FILES"]] > 0
    assert counters[K["TASKS"]] > 1
    assert len(agent.end(K["COUNTERS"] | K["REFRESH"]).counters) == K["NR_COUNTERS"]


def test_closed_channel_ends_everything(agent: Agent) -> None:
    pids = family(agent)
    assert agent.close() == 0
    assert not any(map(alive, pids))


def test_power_off_ends_everything(agent: Agent) -> None:
    pids = family(agent)
    agent.send("POWEROFF")
    with pytest.raises(EOFError):
        agent.next()
    assert agent.close() == 0
    assert not any(map(alive, pids))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signal_ends_everything(agent: Agent, number: int) -> None:
    pids = family(agent)
    assert agent.process
    agent.process.send_signal(number)
    assert agent.process.wait(10) == 0
    assert not any(map(alive, pids))


def test_killed_agent_takes_its_children_along(agent: Agent) -> None:
    pids = [agent.spawn(1).pid, agent.spawn(2).pid]
    agent.start(1, (PAUSE,))
    agent.sleeping(1, PAUSE)
    assert agent.process
    agent.process.kill()
    agent.process.wait(10)
    wait_gone(pids)


def test_agent_dies_with_its_starter(binary: Path) -> None:
    """Even if somebody else still holds the channel open."""
    ours, theirs = socket.socketpair()
    pid_read, pid_write = os.pipe()
    starter = os.fork()
    if not starter:
        theirs.set_inheritable(True)
        if agent_pid := os.fork():
            os.write(pid_write, b"%d" % agent_pid)
            signal.pause()
        os.execv(binary, ["agent", "local", str(theirs.fileno())])
    try:
        agent_pid = int(os.read(pid_read, 20))
        agent = Agent(ours)
        agent.hello()
        child = agent.spawn(1).pid
    finally:
        os.kill(starter, signal.SIGKILL)
        os.waitpid(starter, 0)
    wait_gone([agent_pid, child])
    theirs.close()
    ours.close()
    os.close(pid_read)
    os.close(pid_write)


@pytest.mark.skipif(os.geteuid() != 0, reason="privilege: root")
def test_ordinary_user(start: Starter) -> None:
    user = pwd.getpwnam("nobody")
    agent = start(user=user.pw_uid, group=user.pw_gid, extra_groups=[])
    assert agent.hello()["uid"] == str(user.pw_uid)
    pids = family(agent)
    ended = agent.end(K["COUNTERS"])
    assert set(ended.killed) == {5, 6}
    assert not any(map(alive, pids))


def test_channel_as_standard_input(binary: Path) -> None:
    """What starts it may pass nothing on but the three descriptors of every program."""
    ours, theirs = socket.socketpair()
    process = subprocess.Popen([binary, "local", "0"], stdin=theirs)
    theirs.close()
    agent = Agent(ours, process)
    assert agent.hello()["channel"] == "socket"
    agent.spawn(1)
    assert agent.call(1, PIPE, out(8)).outs == [b"\3\0\0\0\4\0\0\0"]
    ours.close()
    assert process.wait(10) == 0


def wait_state(agent: Agent, label: int, wanted: tuple[str, str]) -> None:
    until = time.monotonic() + 10
    while (found := agent.state(label)[:2]) != wanted:
        assert time.monotonic() < until, found


@pytest.mark.skipif(os.geteuid() != 0, reason="privilege: root")
def test_what_a_task_does_that_proc_hides(start: Starter) -> None:
    """A task that is not dumpable does not show its call, but it sleeps in what was asked of it."""
    user = pwd.getpwnam("nobody")
    agent = start(user=user.pw_uid, group=user.pw_gid, extra_groups=[])
    agent.spawn(1)
    agent.call(1, PIPE, out(8))
    agent.call(1, PRCTL, SET_DUMPABLE, 0)
    wait_state(agent, 1, ("S", ""))  # its answer comes before it sleeps again
    agent.start(1, (READ, 3, out(1), 1))
    wait_state(agent, 1, ("S", "request"))
    assert set(agent.end().killed) == {1}


@pytest.mark.parametrize("arguments", [[], ["local"], ["guest"], ["child", "1"], ["what", "1"]])
def test_usage(binary: Path, arguments: list[str]) -> None:
    done = subprocess.run([binary, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("usage: agent local FD")


@pytest.mark.skipif(
    any(Path("/sys/class/virtio-ports").glob("*")), reason="environment: there is a virtio port"
)
def test_guest_without_a_port(binary: Path) -> None:
    """It says so before it goes into the background."""
    done = subprocess.run([binary, "guest", "virtio"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "agent: no channel to the host\n")


def test_low_limit_of_descriptors(start: Starter) -> None:
    def lower() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))

    agent = start(preexec_fn=lower)
    agent.hello()
    first = agent.spawn(1)
    assert 20 <= first.fd < 64
    assert agent.spawn(2, by=1).fd < 64
    assert agent.call(2, PIPE, out(8)).outs == [b"\3\0\0\0\4\0\0\0"]
    assert agent.call(1, GETPID).value == first.pid
