"""Disk images as machines: plans, the second drive, and the machine with a QEMU of our own."""

import re
import shlex
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from helpers.errors import MachineLost, UserError
from helpers.kernel import Kernel
from helpers.machine import disk, open_machine
from helpers.machine.disk import DiskMachine
from helpers.machine.disk_plan import (
    DiskPlan,
    disk_argv,
    disk_by_hand,
    disk_cmdline,
    disk_format,
)
from helpers.machine.login import Pace
from helpers.machine.plan import PLATFORMS
from helpers.machine.seed import SECTOR, data_sector, iso9660, make_seed
from kernel_matrix import manifest, providers
from kernel_matrix.providers.image import Wanted, parse

X86 = PLATFORMS["x86_64"]
PLAN = DiskPlan(
    platform=X86,
    accelerator="tcg",
    disk=Path("/d/a,b.qcow2"),
    disk_format="qcow2",
    seed=Path("/l/seed.iso"),
    console=Path("/l/console-1.log"),
    ends={"console": 4, "serial": 5, "virtio": 7},
)


# --- plans ----------------------------------------------------------------------------------------


def test_whole_command_line() -> None:
    assert shlex.join(disk_argv(PLAN)) == (
        "qemu-system-x86_64 -no-user-config -nodefaults -display none"
        " -machine q35 -accel tcg -cpu max,la57=off,erms=off,fsrm=off -smp 1 -m 1024 -no-reboot"
        " -chardev socket,id=console,fd=4,logfile=/l/console-1.log,logappend=off"
        " -serial chardev:console -chardev socket,id=serial,fd=5 -serial chardev:serial"
        " -device virtio-serial-pci,max_ports=2 -chardev socket,id=virtio,fd=7"
        " -device virtserialport,nr=1,chardev=virtio,name=org.kernel-matrix.agent.0"
        " -drive if=none,id=disk,format=qcow2,snapshot=on,cache=unsafe,file=/d/a,,b.qcow2"
        " -device virtio-blk-pci,drive=disk,bootindex=0"
        " -drive if=none,id=seed,format=raw,readonly=on,file=/l/seed.iso"
        " -device virtio-blk-pci,drive=seed,serial=kernel-matrix -device virtio-rng-pci"
    )


def test_command_line_by_hand() -> None:
    by_hand = disk_by_hand(PLAN)
    assert "stdio,id=console,signal=off" in by_hand
    assert not any("fd=" in word for word in by_hand)


def test_a_kernel_beside_the_disk() -> None:
    argv = disk_argv(
        DiskPlan(
            X86, "kvm", Path("/d"), "raw", Path("/s"),
            image=Path("/k"), initrd=Path("/i"), cmdline="root=/dev/vda",
        )
    )  # fmt: skip
    assert argv[-6:] == ["-kernel", "/k", "-initrd", "/i", "-append", "root=/dev/vda"]
    assert not any("bootindex" in word for word in argv)  # QEMU's own loader has it
    without = disk_argv(DiskPlan(X86, "kvm", Path("/d"), "raw", Path("/s"), image=Path("/k")))
    assert "-initrd" not in without


def test_disks_are_never_written() -> None:
    drives = [value for option, value in pairwise(disk_argv(PLAN)) if option == "-drive"]
    assert len(drives) == 2
    assert all("snapshot=on" in drive or "readonly=on" in drive for drive in drives)
    assert not any("netdev" in word or "-nic" in word for word in disk_argv(PLAN))


def test_kernel_arguments() -> None:
    line = disk_cmdline(X86, "root=/dev/vda1 panic=5")
    assert line == "console=ttyS0 panic=-1 oops=panic root=/dev/vda1 panic=5"
    for bad in ("root=\n", "x" * 2048, "root=ä"):
        with pytest.raises(UserError):
            disk_cmdline(X86, bad)


@pytest.mark.parametrize(
    ("at", "magic", "found"),
    [
        (0, b"QFI\xfb", "qcow2"),
        (0, b"KDMV", "vmdk"),
        (0x40, b"\x7f\x10\xda\xbe", "vdi"),
        (0, b"vhdxfile", "vhdx"),
        (510, b"\x55\xaa", "raw"),
        (0x438, b"\x53\xef", "raw"),
    ],
)
def test_formats(tmp_path: Path, at: int, magic: bytes, found: str) -> None:
    path = tmp_path / "disk"
    path.write_bytes((bytes(at) + magic).ljust(1 << 16, b"\0"))
    assert disk_format(path) == found


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"\x1f\x8b" + bytes(1 << 16), "it is gzip-compressed"),
        (b"\xfd7zXZ\0" + bytes(1 << 16), "it is xz-compressed"),
        (bytes(0x8001) + b"CD001" + bytes(1 << 16), "it is the image of a CD"),
        (bytes(0x202) + b"HdrS" + bytes(1 << 16), "it is a kernel"),
        (bytes(1 << 16), "there is nothing in it"),
        (b"text", "there is nothing in it"),
    ],
)
def test_what_is_no_disk(tmp_path: Path, data: bytes, said: str) -> None:
    path = tmp_path / "disk"
    path.write_bytes(data)
    with pytest.raises(UserError, match=re.escape(said)):
        disk_format(path)


# --- the second drive -----------------------------------------------------------------------------

AGENT = b"\x7fELF" + bytes(range(256)) * 20


def test_the_drive_is_an_iso9660_image() -> None:
    seed = make_seed(AGENT, nonce="km12", channel="auto", cidata=True)
    descriptor = seed.data[16 * SECTOR : 17 * SECTOR]
    assert descriptor[:8] == b"\1CD001\1\0"
    assert descriptor[40:72] == b"CIDATA".ljust(32)
    assert int.from_bytes(descriptor[80:84], "little") * SECTOR == len(seed.data)
    assert int.from_bytes(descriptor[84:88], "big") * SECTOR == len(seed.data)
    assert seed.data[17 * SECTOR :][:7] == b"\xffCD001\1"
    at = data_sector(seed.data, "AGENT") * SECTOR
    assert seed.data[at : at + len(AGENT)] == AGENT
    at = data_sector(seed.data, "META-DATA") * SECTOR
    assert seed.data[at:].startswith(b"instance-id: km12\n")
    with pytest.raises(KeyError):
        data_sector(seed.data, "NETWORK")


def test_without_cloud_init_it_has_another_name() -> None:
    seed = make_seed(AGENT, nonce="km12", channel="auto", cidata=False)
    assert b"CIDATA" not in seed.data


def test_others_read_it(tmp_path: Path) -> None:
    path = tmp_path / "seed.iso"
    path.write_bytes(make_seed(AGENT, nonce="km12", channel="auto", cidata=True).data)
    argv = ["blkid", "-p", "-o", "export", str(path)]
    said = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.splitlines()
    assert {"LABEL=CIDATA", "TYPE=iso9660"} <= set(said)


def test_names_are_sorted_and_few() -> None:
    with pytest.raises(ValueError, match="sorted"):
        iso9660({"B": b"", "A": b""}, "X")
    with pytest.raises(ValueError, match="too many"):
        iso9660({f"F{n:03}": b"" for n in range(100)}, "X")


def script(tmp_path: Path, agent: str) -> "subprocess.CompletedProcess[str]":
    """Run the script of a drive in a directory tree of our own instead of the machine's."""
    seed = make_seed(agent.encode(), nonce="km12", channel="serial", cidata=True)
    at = data_sector(seed.data, "USER-DATA") * SECTOR
    text = seed.data[at:].decode()
    assert len(text) % SECTOR == 0
    for name in ("dev", "root", "tmp", "run", "sys/block/vda", "sys/block/vdb", "proc/sys/kernel"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "sys/block/vdb/serial").write_text("kernel-matrix")
    (tmp_path / "dev/vdb").write_bytes(seed.data)
    places = r"(?<=[\s\"=>])/(?=sys/block|proc/sys|run|root|var/tmp|dev/|tmp)"
    text = re.sub(places, f"{tmp_path}/", text)
    return subprocess.run(["sh"], input=text, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("agent", "said", "status"),
    [
        ('#!/bin/sh\n[ "$*" ] || exit 2\n[ "$*" = "guest serial" ]\nexit\n', "km12-started", 0),
        ("#!/bin/sh\n[ $# = 2 ] || exit 2\necho no port >&2; exit 1\n", "km12-failed: no port", 1),
        ("#!/nowhere\n", "km12-failed: no directory in which it could be executed", 1),
    ],
)
def test_the_script_starts_the_agent(tmp_path: Path, agent: str, said: str, status: int) -> None:
    done = script(tmp_path, agent)
    assert (done.stdout.strip(), done.returncode) == (said, status)
    assert (tmp_path / "run/kernel-matrix").exists() == (status == 0)
    if status == 0:
        assert (tmp_path / "root/kernel-matrix-agent").read_bytes().startswith(agent.encode())
        assert (tmp_path / "proc/sys/kernel/panic_on_oops").read_text() == "1\n"


# --- selectors ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rest", "wanted"),
    [
        ("a.qcow2", Wanted("a.qcow2")),
        ("a.qcow2,user=u,password=p,q", Wanted("a.qcow2", user="u", password="p,q")),
        (
            "/x/a,b.img,kernel=/k,initrd=/i,append=root=/dev/vda1 console=tty0,user=",
            None,
        ),
        (
            "a,kernel=/k,initrd=/i,append=root=/dev/vda1 x=1,2",
            Wanted("a", kernel="/k", initrd="/i", append="root=/dev/vda1 x=1,2"),
        ),
    ],
)
def test_selectors(rest: str, wanted: Wanted | None) -> None:
    if wanted is None:
        with pytest.raises(UserError, match="user= has no value"):
            parse(rest)
    else:
        assert parse(rest) == wanted


@pytest.mark.parametrize(
    ("rest", "said"),
    [
        ("", "names no file; give a disk image: image:cloud.qcow2"),
        ("a.img,pasword=x", "no option pasword=; there are kernel, initrd, append, user, password"),
        ("a.img,user=x,user=y", "user= is there twice"),
        ("a.img,append=root=/dev/vda", "append= needs kernel="),
        ("a.img,password=x", "password= needs user="),
        ("none.img", "disk image none.img: no such file"),
        ("/", "disk image /: is a directory"),
    ],
)
def test_mistakes(rest: str, said: str) -> None:
    with pytest.raises(UserError, match=re.escape(said)):
        providers.check(f"image:{rest}")


def test_a_password_is_in_no_name(tmp_path: Path) -> None:
    path = tmp_path / "d.qcow2"
    path.write_bytes(b"QFI\xfb".ljust(1 << 16, b"\0"))
    selector = f"image:{path},user=u,password=hush"
    kernel = providers.resolve(selector)
    assert kernel.password == "hush"
    assert manifest.default_id(selector) == kernel.id == "image:d.qcow2"
    assert "hush" not in kernel.selector + kernel.origin
    assert Kernel.from_json(kernel.to_json()) == kernel
    assert kernel.disposable


# --- the machine ----------------------------------------------------------------------------------

# A QEMU that plays: (what is waited for on the console, what is printed then).
QEMU = """\
import re, socket, sys, time
words = str(sys.argv)
given = re.findall(r"id=(\\w+),fd=(\\d+)", words)
ends = {name: socket.socket(fileno=int(descriptor)) for name, descriptor in given}
log = open(re.search(r"logfile=([^,]+)", words)[1], "wb", buffering=0)
def show(text):
    log.write(text.encode()); ends["console"].sendall(text.encode())
def typed(end):
    got = b""
    while not got.endswith(end):
        got += ends["console"].recv(1)
    return got.decode()
def root():
    show("\\nimage login: "); typed(b"root\\r"); show("root@image:~# ")
    mark = re.search(r"echo (..)''(\\w+)-uid", typed(b"$(id -u)\\r"))
    show(f"{mark[1]}{mark[2]}-uid-0\\r\\n# ")
    typed(b"-end\\r")
    return mark[1] + mark[2]
exec(open(__file__ + ".play").read())
"""


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A function that makes a machine whose QEMU plays a Python text."""
    path = tmp_path / "qemu"
    path.write_text(f"#!{sys.executable}\n{QEMU}")
    path.chmod(0o755)
    image = tmp_path / "disk.qcow2"
    image.write_bytes(b"QFI\xfb".ljust(1 << 16, b"\0"))
    monkeypatch.setattr(disk, "find_qemu", lambda arch: path)
    monkeypatch.setattr(disk, "agent_binary", lambda: path)
    monkeypatch.setitem(disk.PACE, "tcg", Pace(boot=3.0, step=1.0, quiet=0.5))
    monkeypatch.setitem(disk.SEED_SECONDS, "tcg", 0.5)
    made = []

    def make(play: str, **options: str) -> DiskMachine:
        Path(f"{path}.play").write_text(play)
        kernel = Kernel("image:d", "image:d", machine="disk", disk=image, **options)
        one = open_machine(kernel, accel="tcg", logdir=tmp_path / "logs")
        assert isinstance(one, DiskMachine)
        made.append(one)
        return one

    yield make
    for one in made:
        one.close()
        assert not list((tmp_path / "logs").glob("seed-*"))


def test_the_agent_is_started_by_a_login(machine) -> None:
    one = machine(
        "word = root(); ends['serial'].sendall(b'Debian ttyS1 login: ')\n"
        "show(word + '-started')\n"
        "ends['virtio'].sendall(b'\\x20\\1\\0\\0\\x7fKMX' + b'hello' * 9)\n"
        "time.sleep(0.1); log.write(b'later'); time.sleep(60)"
    )
    one.launch()
    one.launch()
    one.wait_ready()
    one.wait_ready()
    assert one.alive()
    assert one.channel_name == "virtio"
    assert one.channel.recv(8) == b"\x20\1\0\0\x7fKMX"
    assert one.description == "qemu tcg (asked for), disk image, virtio"
    assert "login: " in one.console(0)
    assert one.kernel.memory_mb == 256  # the provider's business
    one.close()
    one.close()
    assert not one.alive()


@pytest.mark.parametrize(
    ("play", "options", "said"),
    [
        (
            "show('x login: '); typed(b'root\\r'); show('Password: '); time.sleep(60)",
            {},
            r"root's login on ttyS0: root has to give a password, and none is known;"
            r" cloud-init with a seed: nothing came of it;"
            r" the screen shows last: x login: Password:; give user= and password=; console /",
        ),
        (
            "show('x login: '); typed(b'me\\r'); show('Password: '); typed(b'pw\\r')\n"
            "show('\\nLogin incorrect\\n'); time.sleep(60)",
            {"user": "me", "password": "pw"},
            r"me's login on ttyS0: Login incorrect; the screen shows last: Login incorrect;",
        ),
        (
            "time.sleep(60)",
            {"user": "me"},
            r"no sign of a login prompt within 3 s; ttyS0 shows nothing; console",
        ),
        (
            "show(root() + '-started\\n'); time.sleep(60)",
            {},
            r"the agent was started, but nothing came over virtio or ttyS1",
        ),
        (
            "show(root() + '-failed: no channel\\n'); time.sleep(60)",
            {},
            r"root's login on ttyS0: no channel; cloud-init with a seed: no channel;",
        ),
        ("show('grub> '); sys.exit('no disk')", {}, r"QEMU ended with status 1: no disk"),
        (
            "show('Kernel panic - not syncing: VFS: Unable to mount root fs'); time.sleep(60)",
            {},
            r"did not boot: Kernel panic - not syncing: VFS",
        ),
    ],
)
def test_it_does_not_start(machine, play: str, options: dict[str, str], said: str) -> None:
    one = machine(play, **options)
    with pytest.raises(MachineLost, match=said) as caught:
        one.start()
    assert caught.value.kind == "boot"
    assert not one.alive()


def test_the_password_of_the_environment(machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(disk.PASSWORD_VARIABLE, "hush")
    one = machine(
        "show('x login: '); typed(b'me\\r'); show('Password: '); typed(b'hush\\r')\n"
        "ends['virtio'].sendall(b'\\x20\\1\\0\\0\\x7fKMX'); time.sleep(60)",
        user="me",
    )
    one.start()
    assert "hush" not in one.command


def test_a_kernel_without_a_disk(tmp_path: Path) -> None:
    one = open_machine(Kernel("image:d", "image:d", machine="disk"), accel="tcg", logdir=tmp_path)
    with pytest.raises(UserError, match="names no disk image"):
        one.launch()
