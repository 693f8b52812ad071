"""Real boots. The kernel is $KERNEL_MATRIX_TEST_BZIMAGE, else that of the other VM tests."""

import json
import os
import re
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.errors import MachineLost, UserError
from helpers.kernel import Kernel
from helpers.machine import open_machine
from helpers.machine.qemu import QemuMachine

pytestmark = pytest.mark.vm
ACCEL = os.environ.get("KERNEL_MATRIX_ACCEL", "auto")

# What an /init does: leave with a status, or stay silent.
INITS = {"leaves": "syscall(231, 3);", "silent": "for (;;) syscall(34, 0);"}
INIT_C = """\
static void syscall(long nr, long arg)
{
	long ret = nr;

	__asm__ volatile("syscall" : "+a"(ret) : "D"(arg) : "rcx", "r11", "memory");
}

void _start(void)
{
	%s
}
"""


@pytest.fixture(scope="module")
def kernel(request):
    image = os.environ.get("KERNEL_MATRIX_TEST_BZIMAGE")
    if image:
        return Kernel(f"path:{image}", "path:test", image=Path(image))
    resolved = request.getfixturevalue("vm_kernel").removeprefix("resolved:")
    return Kernel.from_json(json.loads(Path(resolved).read_text()))


@pytest.fixture(scope="module")
def inits(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inits")
    for name, body in INITS.items():
        (folder / f"{name}.c").write_text(INIT_C % body)
        argv = ["cc", "-static", "-nostdlib", "-ffreestanding", "-fno-pie", "-no-pie"]
        argv += ["-fno-stack-protector", "-o", str(folder / name), str(folder / f"{name}.c")]
        subprocess.run(argv, check=True)
    (folder / "script").write_text("this is no program\n")
    return folder


@pytest.fixture
def boot(kernel, tmp_path):
    """A function that makes a machine, which is closed afterwards."""
    made = []

    def make(**options):
        one = QemuMachine(options.pop("kernel", kernel), accel=ACCEL, logdir=tmp_path, **options)
        made.append(one)
        return one

    yield make
    for one in made:
        one.close()
        assert not one.alive()


def hello(one) -> bool:
    """Whether what comes first begins like a hello; a serial port brings it in pieces."""
    one.channel.settimeout(20)
    data = b""
    while len(data) < 16:
        data += one.channel.recv(16 - len(data))
    return b"\x7fKMX" in data


@pytest.mark.parametrize("channel", ["auto", "serial"])
def test_boot_to_hello(boot, tmp_path, channel):
    one = boot(channel=channel)
    one.start()
    assert hello(one)
    assert one.alive()
    assert one.description.startswith("qemu ")
    assert f", {one.channel_name}" in one.description
    if channel == "serial":
        assert one.channel_name == "serial"
    assert one.command in (tmp_path / "qemu-1.cmd").read_text()
    assert one.console_size() == (tmp_path / "console-1.log").stat().st_size
    one.close()
    assert one.why_lost().reason == "it was ended by us"


def test_two_at_once_share_a_directory(boot, tmp_path):
    machines = [boot(), boot()]
    for one in machines:
        one.launch()
    for one in machines:
        one.wait_ready()
        assert hello(one)
    assert {path.name for path in tmp_path.iterdir()} == {
        *("console-1.log", "console-2.log", "qemu-1.cmd", "qemu-2.cmd", "qemu-1.log", "qemu-2.log")
    }


@pytest.mark.parametrize(
    ("init", "said"),
    [
        ("leaves", "Attempted to kill init! exitcode=0x00000300"),
        ("script", "No working init found"),
    ],
)
def test_panic_at_boot(boot, inits, tmp_path, init, said):
    one = boot(init=inits / init)
    with pytest.raises(
        MachineLost, match=re.escape(f"Kernel panic - not syncing: {said}")
    ) as caught:
        one.start()
    assert caught.value.kind == "boot"
    assert "\n" not in caught.value.reason
    assert str(tmp_path / "console-1.log") in caught.value.reason
    assert said in caught.value.console
    assert not one.alive()


def test_damaged_kernel(boot, kernel, tmp_path):
    """The decompressor's complaint ends the wait, not the deadline."""
    data = bytearray(kernel.image.read_bytes())
    data[len(data) // 3 : len(data) // 2] = bytes(len(data) // 2 - len(data) // 3)
    image = tmp_path / "bzImage"
    image.write_bytes(data)
    with pytest.raises(MachineLost, match=r"did not boot: .+; console ") as caught:
        boot(kernel=Kernel(**{**vars(kernel), "image": image})).start()
    assert "no hello" not in caught.value.reason


def test_too_little_memory(boot, kernel):
    with pytest.raises(MachineLost, match="did not boot") as caught:
        boot(kernel=Kernel(**{**vars(kernel), "memory_mb": 32}), timeout_scale=0.2).start()
    assert "\n" not in caught.value.reason


def test_no_hello(boot, inits):
    one = boot(init=inits / "silent", timeout_scale=0.05)
    with pytest.raises(MachineLost, match="did not boot: no hello within") as caught:
        one.start()
    assert caught.value.kind == "boot"
    assert not one.alive()


def test_qemu_that_refuses(boot, kernel):
    one = boot(kernel=Kernel(**{**vars(kernel), "memory_mb": 1 << 40}))
    with pytest.raises(MachineLost, match=r"QEMU ended with status 1: .+") as caught:
        one.start()
    assert caught.value.kind == "boot"


def test_qemu_that_is_killed(boot):
    one = boot()
    one.start()
    os.kill(one.process.pid, signal.SIGKILL)
    while one.channel.recv(4096):
        pass
    lost = one.why_lost()
    assert (lost.kind, lost.reason) == ("eof", "QEMU was killed by SIGKILL")


def test_not_a_kernel_starts_nothing(boot, kernel, tmp_path):
    image = tmp_path / "vmlinux"
    image.write_bytes(b"\x7fELF" + bytes(4096))
    one = boot(kernel=Kernel(**{**vars(kernel), "image": image}))
    with pytest.raises(UserError, match="ELF"):
        one.start()
    assert one.process is None
    assert [path.name for path in tmp_path.iterdir()] == ["vmlinux"]


def test_log_directory_that_cannot_be_used(kernel, tmp_path):
    (tmp_path / "file").touch()
    one = open_machine(kernel, accel=ACCEL, logdir=tmp_path / "file" / "logs")
    with pytest.raises(UserError, match="cannot start QEMU with logs in"):
        one.start()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_no_orphan(kernel, tmp_path, number):
    """Whatever ends the runner ends its machines, also while they boot."""
    script = (
        "import json, signal, sys; from pathlib import Path\n"
        "from helpers.kernel import Kernel; from helpers.machine.qemu import QemuMachine\n"
        "kernel = Kernel.from_json(json.loads(sys.argv[1]))\n"
        "one = QemuMachine(kernel, accel=sys.argv[3], logdir=Path(sys.argv[2]))\n"
        "one.launch(); print(one.process.pid, flush=True); signal.pause()\n"
    )
    runner = subprocess.Popen(
        [sys.executable, "-c", script, json.dumps(kernel.to_json()), str(tmp_path), ACCEL],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
    )
    qemu = os.pidfd_open(int(runner.stdout.readline()))
    try:
        assert not select.select([qemu], [], [], 0)[0]
        runner.send_signal(number)
        runner.communicate()
        assert select.select([qemu], [], [], 10)[0]
    finally:
        os.close(qemu)
