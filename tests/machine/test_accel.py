"""The choice of an accelerator as a function of what is known, and the probe with stand-ins."""

import json
import os
import platform
import select
import subprocess
import sys
import threading
import time

import pytest

from helpers.errors import UserError
from helpers.machine import accel
from helpers.machine.accel import Accel, Probe, choose, decide, firmware, look, run_probe

HANGS = Probe("hangs", "/dev/kvm opens but a probe guest did not finish in 4 s")


@pytest.mark.parametrize(
    ("request_", "probe", "line"),
    [
        ("tcg", None, "tcg: asked for"),
        ("auto", Probe("works", "a probe guest ran"), "kvm: a probe guest ran"),
        ("auto", HANGS, "tcg: /dev/kvm opens but a probe guest did not finish in 4 s"),
        ("auto", Probe("missing", "there is no /dev/kvm"), "tcg: there is no /dev/kvm"),
        ("auto", Probe("denied", "no"), "tcg: no"),
        ("auto", Probe("fails", "no"), "tcg: no"),
        ("auto", Probe("foreign", "no"), "tcg: no"),
        ("kvm", Probe("works", ""), "kvm: asked for"),
    ],
)
def test_decide(request_, probe, line):
    assert str(decide(request_, probe)) == line


@pytest.mark.parametrize(
    ("request_", "probe", "said"),
    [
        ("kvm", Probe("missing", "there is no /dev/kvm"), "there is no /dev/kvm"),
        ("kvm", Probe("denied", "cannot be opened"), "cannot be opened"),
        ("kvm", Probe("foreign", "aarch64 is emulated"), "emulated"),
        ("hvf", HANGS, "hvf"),
    ],
)
def test_decide_refuses(request_, probe, said):
    with pytest.raises(UserError, match=said):
        decide(request_, probe)


def test_look(tmp_path):
    device = tmp_path / "kvm"
    here = platform.machine()
    missing = look(here, device)
    assert missing is not None
    assert missing.state == "missing"
    device.mkdir()  # opening it for writing fails for root too
    denied = look(here, device)
    assert denied is not None
    assert denied.state == "denied"
    foreign = look("some_other", device)
    assert foreign is not None
    assert foreign.state == "foreign"
    (tmp_path / "file").touch()
    assert look(here, tmp_path / "file") is None


@pytest.mark.parametrize(
    ("script", "state", "said"),
    [
        (f"exit {0x21}", "works", "a probe guest ran"),
        ("echo 'q: warning: odd' >&2; echo 'q: no KVM' >&2; exit 1", "fails", "failed: q: no KVM"),
        ("exit 0", "fails", "exit status 0"),
        ("exec sleep 600", "hangs", "did not finish"),
        ("kill -9 $$", "fails", "exit status -9"),
    ],
)
def test_run_probe(script, state, said):
    probe = run_probe(["/bin/sh", "-c", script], 0.3 if state == "hangs" else 10)
    assert (probe.state, said in probe.detail) == (state, True)


@pytest.fixture
def host(tmp_path, monkeypatch):
    """A host with a device that opens, a QEMU that counts its starts, and an empty cache."""
    monkeypatch.setenv("KERNEL_MATRIX_CACHE", str(tmp_path / "cache"))
    device, binary = tmp_path / "kvm", tmp_path / "qemu"
    device.touch()
    binary.write_text(f"#!/bin/sh\necho start >> {tmp_path}/starts\nexit {0x21}\n")
    binary.chmod(0o755)
    monkeypatch.setattr(accel, "look", lambda arch: look(arch, device))
    return tmp_path


def starts(host) -> int:
    path = host / "starts"
    return len(path.read_text().splitlines()) if path.exists() else 0


def test_answer_is_remembered_per_binary_and_for_a_while(host, monkeypatch):
    arch, binary = platform.machine(), host / "qemu"
    assert choose("auto", arch, binary) == Accel("kvm", "a probe guest ran")
    assert choose("auto", arch, binary) == Accel("kvm", "a probe guest ran")
    assert starts(host) == 1
    os.utime(binary, (1, 1))
    choose("auto", arch, binary)
    assert starts(host) == 2
    later = time.time() + 8 * 86400
    monkeypatch.setattr(accel.time, "time", lambda: later)
    choose("auto", arch, binary)
    assert starts(host) == 3


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"time": "x"}', '{"state": "?", "time": 9e99}'])
def test_damaged_answer_is_asked_again(host, text):
    arch, binary = platform.machine(), host / "qemu"
    choose("auto", arch, binary)
    (answer,) = (host / "cache" / "accel").glob("*.json")
    answer.write_text(text)
    choose("auto", arch, binary)
    assert starts(host) == 2
    assert json.loads(answer.read_text())["state"] == "works"


def test_asked_for_needs_no_probe(host):
    assert choose("kvm", platform.machine(), host / "qemu").name == "kvm"
    assert choose("tcg", platform.machine(), host / "qemu").name == "tcg"
    assert starts(host) == 0


def test_two_at_once_probe_once(host):
    results = []

    def ask():
        results.append(choose("auto", platform.machine(), host / "qemu"))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 4
    assert len(set(results)) == 1
    assert starts(host) == 1


def test_firmware_jumps_to_the_program_and_the_program_to_its_long_mode():
    data = firmware()
    assert len(data) == 0x10000
    assert data[0xFFF0:0xFFF5] == bytes.fromhex("ea000000f0")
    assert data[0x52:0x5A] == bytes.fromhex("66ea5a000f000800")  # ljmpl $8, $0xf005a
    assert data[0x8A:0x8E] == (0xF0078).to_bytes(4, "little")  # gdtr's base


@pytest.mark.vm
def test_probe_guest_finishes_under_emulation(tmp_path):
    image = tmp_path / "probe.bin"
    image.write_bytes(firmware())
    argv = accel.probe_argv(str(accel.find_qemu("x86_64")), image, "tcg")
    assert run_probe(argv, 20).state == "works"


@pytest.mark.vm
def test_this_host_gets_an_answer_in_time(tmp_path, monkeypatch):
    monkeypatch.setenv("KERNEL_MATRIX_CACHE", str(tmp_path))
    begin = time.monotonic()
    answer = choose("auto", "x86_64", accel.find_qemu("x86_64"))
    assert answer.name in ("kvm", "tcg")
    assert time.monotonic() - begin < accel.PROBE_SECONDS + 3


def test_no_qemu_names_the_package(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="apt-get install qemu-system-x86"):
        accel.find_qemu("x86_64")


def test_probe_dies_with_its_parent(tmp_path):
    """The prober is killed in the middle: nothing keeps running."""
    script = (
        "import sys; from helpers.machine.accel import run_probe;"
        "run_probe(['/bin/sh', '-c', 'echo $$ > $0; exec sleep 600', sys.argv[1]], 600)"
    )
    fifo = tmp_path / "pid"
    os.mkfifo(fifo)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    prober = subprocess.Popen([sys.executable, "-c", script, str(fifo)], env=environment)
    pid = int(fifo.read_text())
    watch = os.pidfd_open(pid)
    prober.kill()
    prober.wait()
    try:
        assert select.select([watch], [], [], 10)[0]
    finally:
        os.close(watch)
