# SPDX-License-Identifier: MIT
"""Children: how they come, what they share, how they end."""

import errno
import os
import signal
import struct
from pathlib import Path

import pytest

from .peer import Agent, K, Returned, arg_in, blob, calls_body, frame, out, varint

CHLD = int(signal.SIGCHLD)
VM, FS, FILES, SIGHAND, VFORK, PARENT = 0x100, 0x200, 0x400, 0x800, 0x4000, 0x8000
THREAD, NEWUSER, NEWPID = 0x10000, 0x10000000, 0x20000000
A_THREAD = VM | FS | FILES | SIGHAND | THREAD
EXIT, SIGNALED, GONE = 0, 1, 2
READ, PIPE, GETPID, GETTID, GETPPID, KILL, PAUSE = 0, 22, 39, 186, 110, 62, 34
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="privilege: root")


def test_spawn_by_the_agent(agent: Agent) -> None:
    child = agent.spawn(1)
    assert child.pid == child.own_pid == child.own_tid
    assert agent.call(1, GETPPID).value == agent.process.pid  # type: ignore[union-attr]
    assert child.arena < 1 << 32
    assert child.fd >= 900


def test_spawn_by_a_child(agent: Agent) -> None:
    parent, child = agent.spawn(1), agent.spawn(2, by=1)
    assert agent.call(2, GETPPID).value == parent.pid
    assert agent.call(2, GETPID).value == child.pid == child.own_pid
    # copied, not shared
    assert agent.call(1, PIPE, out(8)).outs == [struct.pack("<2i", 3, 4)]
    assert agent.call(2, READ, 3, out(1), 1).value == -errno.EBADF


def test_threads(agent: Agent) -> None:
    leader = agent.spawn(1)
    for child in (2, 3):
        thread = agent.spawn(child, A_THREAD, by=1)
        assert thread.own_pid == leader.own_pid
        assert thread.pid == thread.own_tid != leader.pid
        assert thread.arena != leader.arena
        assert agent.call(child, GETTID).value == thread.pid
    agent.call(2, PIPE, out(8))
    blocked = agent.start(3, (READ, 3, out(1), 1))
    agent.sleeping(3, READ)
    assert agent.call(1, 1, 4, arg_in(b"x"), 1).value == 1
    assert agent.finish(3, blocked)[0].outs == [b"x"]
    agent.quit(2, 0, group=0)
    assert agent.exited(2) == (GONE, 0)
    assert agent.call(1, GETPID).value == leader.own_pid


def test_thread_that_exits_by_itself_is_noticed(agent: Agent) -> None:
    agent.spawn(1)
    agent.spawn(2, A_THREAD, by=1)
    agent.start(2, (60, 0))
    assert agent.exited(2) == (GONE, 0)


def test_end_of_a_thread_group(agent: Agent) -> None:
    agent.spawn(1)
    agent.spawn(2, A_THREAD, by=1)
    agent.quit(2, 7, group=1)
    assert agent.exited(1) == (EXIT, 7)
    assert agent.exited(2) == (GONE, 0)


def test_shared_memory(agent: Agent) -> None:
    first = agent.spawn(1)
    second = agent.spawn(2, VM | CHLD, by=1)
    assert second.pid not in (0, first.pid)
    assert second.arena != first.arena
    base = agent.mmap(1, 4096)
    agent.poke(2, base, b"shared")
    assert agent.peek(1, base, 6) == b"shared"
    agent.quit(2, 3)
    assert agent.exited(2) == (GONE, 0)
    assert agent.peek(1, base, 6) == b"shared"


def test_vfork(agent: Agent) -> None:
    agent.spawn(1)
    seq = agent.send("SPAWN", 1, varint(2) + varint(VM | VFORK | CHLD) + varint(0))
    child = agent.born(2, seq)
    assert agent.call(2, GETPID).value == child.own_pid
    assert agent.state(1)[0] == "D"
    agent.quit(2, 0)
    assert agent.expect("SPAWNED", 1, seq).read().s() == child.own_pid
    assert agent.exited(2) == (GONE, 0)


def test_shared_files(agent: Agent) -> None:
    agent.spawn(1)
    agent.spawn(2, FILES | CHLD, by=1)
    agent.call(1, PIPE, out(8))
    agent.call(2, 1, 4, arg_in(b"x"), 1)
    assert agent.call(1, READ, 3, out(1), 1).outs == [b"x"]
    # a table that is a copy holds no channel of the others
    agent.spawn(3, by=1)
    agent.quit(2, 0)
    assert agent.exited(2) == (GONE, 0)
    assert agent.call(3, GETPID).value > 0


def test_killed_with_shared_files_is_noticed(agent: Agent) -> None:
    agent.spawn(1)
    victim = agent.spawn(2, FILES | CHLD, by=1)
    assert agent.call(1, KILL, victim.own_pid, 9).value == 0
    assert agent.exited(2) == (GONE, 0)


def test_sibling_has_a_status(agent: Agent) -> None:
    agent.spawn(1)
    agent.spawn(2, PARENT | CHLD, by=1)
    assert agent.call(2, GETPPID).value == agent.process.pid  # type: ignore[union-attr]
    agent.quit(2, 5)
    assert agent.exited(2) == (EXIT, 5)


@needs_root
def test_pid_namespace(agent: Agent) -> None:
    child = agent.spawn(1, NEWPID | CHLD)
    assert (child.own_pid, child.own_tid) == (1, 1)
    assert child.pid > 1
    assert agent.spawn_only(2, by=1) == 2
    inner = agent.born(2, agent.seq)
    assert (inner.own_pid, inner.pid > 2) == (2, True)
    thread = agent.spawn(3, A_THREAD, by=2)
    assert (thread.own_tid, thread.pid > inner.pid) == (3, True)
    assert agent.state(3)[0] in ("R", "S")  # it exists under that number
    # the namespace ends with its first process
    agent.quit(1, 0)
    assert agent.exited(1) == (EXIT, 0)
    assert agent.exited(2)[0] in (GONE, SIGNALED)
    assert agent.exited(3)[0] == GONE


def test_user_namespace(agent: Agent) -> None:
    result = agent.spawn_only(1, NEWUSER | CHLD)
    if result < 0:
        pytest.skip(f"environment: no user namespaces here ({errno.errorcode[-result]})")
    agent.born(1, agent.seq)
    assert agent.call(1, 102).value == 65534


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1, 64, 0])
def test_exit_signals_do_not_move_the_agent(agent: Agent, number: int) -> None:
    agent.spawn(1, number)
    agent.spawn(2)
    agent.call(2, KILL, agent.call(1, GETPID).value, 9)
    assert agent.exited(1) == (SIGNALED, 9)
    agent.ping()
    agent.spawn(1, number)
    assert agent.end().stuck == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_exit_signal_that_nobody_survives(agent: Agent, number: int) -> None:
    body = varint(1) + varint(number) + varint(0)
    assert agent.error(agent.send("SPAWN", 0, body))[0] == errno.EINVAL


@pytest.mark.parametrize(
    ("flags", "number"),
    [(THREAD, errno.EINVAL), (SIGHAND, errno.EINVAL), (NEWUSER | FS, errno.EINVAL)],
)
def test_clone_that_fails(agent: Agent, flags: int, number: int) -> None:
    agent.spawn(1)
    for _ in range(300):  # more often than there are descriptors to lose
        assert agent.spawn_only(2, flags | CHLD, by=1) == -number
    assert agent.process
    assert len(list(Path(f"/proc/{agent.process.pid}/fd").iterdir())) < 12
    assert agent.call(1, PIPE, out(8)).outs == [struct.pack("<2i", 3, 4)]
    agent.spawn(2)


def test_agent_keeps_its_memory_to_itself(agent: Agent) -> None:
    body = varint(1) + varint(VM | CHLD) + varint(0)
    assert agent.error(agent.send("SPAWN", 0, body))[0] == errno.EINVAL
    agent.spawn(1)


def test_id_in_use(agent: Agent) -> None:
    agent.spawn(1)
    body = varint(1) + varint(CHLD) + varint(0)
    for asked in (0, 1):
        assert agent.error(agent.send("SPAWN", asked, body))[0] == errno.EEXIST


def test_all_ids_at_once(agent: Agent) -> None:
    for child in range(1, 251):
        agent.spawn(child)
    assert agent.call(250, GETPID).value > 0
    assert agent.end().killed == {}
    agent.spawn(250)


def test_request_for_nobody(agent: Agent) -> None:
    assert agent.error(agent.send("PEEK", 7, varint(0) * 2))[0] == errno.ESRCH
    body = varint(8) + varint(CHLD) + varint(0)
    assert agent.error(agent.send("SPAWN", 7, body))[0] == errno.ESRCH
    assert agent.error(agent.send("REAP", 0, varint(7)))[0] == errno.ESRCH
    assert agent.state(7) == ("", "", "", 0)


def test_requests_before_the_child_exists(agent: Agent) -> None:
    """Everything goes out in one write; the answers come as if it had been asked for singly."""
    body = [varint(n) + varint(CHLD) + varint(0) for n in (1, 2)]
    agent.sock.sendall(
        frame("SPAWN", 0, 1, body[0])
        + frame("SPAWN", 1, 2, body[1])
        + frame("CALL", 2, 3, calls_body([(GETPPID,)]))
        + frame("CALL", 1, 4, calls_body([(GETPID,)]))
    )
    agent.outs |= {3: [0], 4: [0]}
    parent = agent.born(1, 1)
    assert agent.finish(2, 3) == [Returned(parent.pid, 0, [])]
    assert agent.finish(1, 4) == [Returned(parent.pid, 0, [])]


def test_full_queue(agent: Agent) -> None:
    agent.spawn(1)
    blocked = agent.start(1, (PAUSE,))
    agent.sleeping(1, PAUSE)
    for _ in range(3000):
        seq = agent.send("POKE", 1, varint(0) + blob(bytes(500)))
        agent.ping()  # the agent answers whatever its children do
        if any(f.kind == "ERROR" for f in agent.kept):
            break
    number, text = agent.error(seq)
    assert (number, "full" in text) == (errno.EAGAIN, True)
    assert agent.state(1)[3] > 1
    assert agent.end().killed.keys() == {1}
    assert blocked < seq


# deaths


def test_exit_status(agent: Agent) -> None:
    agent.spawn(1)
    agent.quit(1, 42)
    assert agent.exited(1) == (EXIT, 42)
    agent.spawn(1)


def test_segmentation_fault(agent: Agent) -> None:
    agent.spawn(1)
    agent.send("POKE", 1, varint(8) + blob(b"x"))
    assert agent.exited(1) == (SIGNALED, signal.SIGSEGV)


def test_answers_come_before_the_death(agent: Agent) -> None:
    agent.spawn(1)
    seqs = [agent.start(1, (GETPID,)) for _ in range(20)]
    agent.quit(1, 0)
    kinds = [agent.next().kind for _ in range(21)]
    assert kinds == ["RETURN"] * 20 + ["EXITED"]
    assert len(seqs) == 20


def test_killed_while_blocked(agent: Agent) -> None:
    victim = agent.spawn(1)
    agent.spawn(2)
    agent.start(1, (PAUSE,))
    agent.sleeping(1, PAUSE)
    agent.call(2, KILL, victim.pid, 9)
    assert agent.exited(1) == (SIGNALED, 9)


def test_odd_exit_signal(agent: Agent) -> None:
    agent.spawn(1, 10)
    agent.quit(1, 3)
    assert agent.exited(1) == (EXIT, 3)


def test_held_child_stays_a_zombie(agent: Agent) -> None:
    held = agent.spawn(1, options=K["HOLD"])
    agent.spawn(2)
    agent.spawn(3, options=K["HOLD"])
    agent.quit(1, 9)
    assert agent.exited(1) == (EXIT, 9)
    agent.quit(2, 8)
    assert agent.exited(2) == (EXIT, 8)
    assert agent.state(1)[0] == "Z"
    assert agent.call(3, KILL, held.pid, 0).value == 0
    assert agent.error(agent.send("PEEK", 1, varint(0) * 2))[0] == errno.ESRCH
    assert agent.error(agent.send("REAP", 0, varint(3)))[0] == errno.EBUSY
    agent.expect("DONE", 0, agent.send("REAP", 0, varint(1)))
    assert agent.call(3, KILL, held.pid, 0).value == -errno.ESRCH
    agent.quit(3, 1)
    assert agent.exited(3) == (EXIT, 1)
    assert agent.end().killed == {}
    agent.spawn(3)


def test_grandchild_ends_first(agent: Agent) -> None:
    agent.spawn(1)
    agent.spawn(2, by=1)
    agent.quit(2, 5)
    assert agent.exited(2) == (GONE, 0)
    # its parent has the status
    waited = agent.call(1, 61, -1, out(4), 0, 0)
    assert struct.unpack("<i", waited.outs[0])[0] >> 8 == 5


def test_orphan_becomes_ours(agent: Agent) -> None:
    agent.spawn(1)
    agent.spawn(2, by=1)
    agent.quit(1, 0)
    assert agent.exited(1) == (EXIT, 0)
    assert agent.call(2, GETPPID).value == agent.process.pid  # type: ignore[union-attr]
    agent.quit(2, 6)
    assert agent.exited(2) == (EXIT, 6)


def test_asked_child_dies_before_it_answers(agent: Agent) -> None:
    first = agent.spawn(1)
    agent.spawn(9)
    agent.start(1, (PAUSE,))
    agent.send("SPAWN", 1, varint(2) + varint(CHLD) + varint(0))
    agent.send("CALL", 2, calls_body([(GETPID,)]))
    agent.sleeping(1, PAUSE)
    agent.call(9, KILL, first.pid, 9)
    assert agent.exited(1) == (SIGNALED, 9)
    assert agent.exited(2) == (GONE, 0)
    agent.spawn(2)


def exec_again(agent: Agent, child: int, fd: int, ident: int) -> None:
    base = agent.mmap(child, 4096)
    texts = [b"agent", b"child", str(fd).encode(), str(ident).encode()]
    at, pointers = base + 256, []
    for text in texts:
        agent.poke(child, at, text + b"\0")
        pointers.append(at)
        at += len(text) + 1
    agent.poke(child, base, struct.pack("<5Q", *pointers, 0))
    agent.start(child, (59, arg_in(b"/proc/self/exe\0"), base, 0))


def test_exec(agent: Agent) -> None:
    before = agent.spawn(1)
    agent.call(1, PIPE, out(8))
    agent.call(1, 1, 4, arg_in(b"kept"), 4)
    exec_again(agent, 1, before.fd, 1)
    after = agent.born(1, 0)
    assert (after.pid, after.own_pid, after.fd) == (before.pid, before.own_pid, before.fd)
    assert agent.call(1, READ, 3, out(4), 4).outs == [b"kept"]
    assert agent.state(1)[3] == 0
    agent.quit(1, 4)
    assert agent.exited(1) == (EXIT, 4)


def test_exec_by_a_thread(agent: Agent) -> None:
    leader = agent.spawn(1)
    thread = agent.spawn(2, A_THREAD, by=1)
    exec_again(agent, 2, thread.fd, 2)
    after = agent.born(2, 0)
    assert after.pid == after.own_tid == leader.pid
    agent.quit(2, 3)
    assert agent.exited(2) == (EXIT, 3)
    assert agent.exited(1)[0] in (EXIT, GONE)
