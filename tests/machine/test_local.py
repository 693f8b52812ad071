"""The machine that is a subprocess, with shell scripts as agents."""

import resource

import pytest

from helpers.errors import MachineLost, UserError
from helpers.kernel import Kernel
from helpers.machine import local
from helpers.machine.local import LocalMachine, find_report

KERNEL = Kernel("local", "local")


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A function that makes a machine whose agent is a shell script; $2 is the channel."""
    made = []

    def make(script, **options):
        path = tmp_path / f"agent{len(made)}"
        path.write_text(f"#!/bin/bash\n{script}\n")
        path.chmod(0o755)
        monkeypatch.setattr(local, "agent_binary", lambda variant: path)
        one = LocalMachine(KERNEL, logdir=tmp_path / "logs", **options)
        made.append(one)
        return one

    yield make
    for one in made:
        one.close()


def test_hello_stays_unread(machine):
    one = machine('echo "hello $1" >&$2; read -u $2 line; echo "got $line" >&$2; read -u $2')
    one.launch()
    one.launch()
    one.wait_ready()
    one.wait_ready()
    assert one.alive()
    assert one.channel.recv(100) == b"hello local\n"
    one.channel.sendall(b"ping\n")
    assert one.channel.recv(100) == b"got ping\n"
    assert (one.channel_name, one.console_size(), one.console(0)) == ("socket", 0, "")
    assert one.seconds > 0
    assert " local " in one.command
    one.close()
    assert not one.alive()
    one.close()


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo sorry >&2; exit 3", "ended with status 3: sorry"),
        ("kill -SEGV $$", "killed by SIGSEGV"),
        ("exit 0", "ended with status 0"),
    ],
)
def test_an_agent_that_does_not_start(machine, script, said):
    one = machine(script)
    with pytest.raises(MachineLost, match=said) as caught:
        one.start()
    assert caught.value.kind == "boot"
    assert not one.alive()


def test_an_agent_that_says_nothing(machine, monkeypatch):
    monkeypatch.setattr(local, "_QUIT_SECONDS", 0.1)
    one = machine("exec sleep 600", timeout_scale=0.01)
    with pytest.raises(MachineLost, match="no hello within"):
        one.start()
    assert not one.alive()


@pytest.mark.parametrize(
    ("script", "kind", "said"),
    [
        ("kill -ABRT $$", "crash", "killed by SIGABRT"),
        (
            "echo '==1==ERROR: AddressSanitizer: heap' >&2; exit 1",
            "crash",
            "AddressSanitizer: heap",
        ),
        ("exit 2", "eof", "status 2"),
    ],
)
def test_why_lost(machine, script, kind, said):
    one = machine(f"echo hello >&$2; read -u $2; {script}")
    one.start()
    assert one.channel.recv(100) == b"hello\n"
    one.channel.sendall(b"\n")
    assert one.channel.recv(100) == b""
    lost = one.why_lost()
    assert (lost.kind, said in lost.reason) == (kind, True)


def test_reports_of_sanitizers_are_found(machine):
    script = 'log=${ASAN_OPTIONS#*log_path=}; echo "x.c:1: runtime error: odd" > $log.$$; exit 66'
    one = machine(f"echo hello >&$2; read -u $2; {script}", variant="sanitized")
    one.start()
    one.channel.sendall(b"\n")
    assert one.channel.recv(100) == b"hello\n"
    assert one.channel.recv(100) == b""
    assert one.why_lost().reason == "the agent is damaged: x.c:1: runtime error: odd"


def test_limits_of_the_agent_are_ours(machine):
    one = machine("ulimit -f -c >&$2; read -u $2")
    one.start()
    here = [
        "unlimited" if soft == resource.RLIM_INFINITY else str(soft)
        for soft in (resource.getrlimit(which)[0] for which in (resource.RLIMIT_FSIZE,))
    ]
    assert here[0] in one.channel.recv(200).decode()


def test_an_agent_that_does_not_go_is_killed(machine, monkeypatch):
    monkeypatch.setattr(local, "_QUIT_SECONDS", 0.1)
    one = machine("echo hello >&$2; trap '' TERM; exec sleep 600")
    one.start()
    one.close()
    assert not one.alive()
    assert one.why_lost().reason == "it was ended by us"


def test_each_machine_has_its_log(machine, tmp_path):
    for _ in range(2):
        machine("echo hello >&$2; echo noise >&2; read -u $2").start()
    assert sorted(p.name for p in (tmp_path / "logs").iterdir()) == ["agent-1.log", "agent-2.log"]


def test_unusable_log_directory(machine, tmp_path):
    (tmp_path / "logs").touch()
    with pytest.raises(UserError, match="cannot start the agent"):
        machine("true").start()


def test_find_report():
    assert find_report("a\nx.c:1:2: runtime error: shift\nb") == "x.c:1:2: runtime error: shift"
    assert find_report("nothing") is None
