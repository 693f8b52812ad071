"""Real boots of a disk image that is built from packages; see disk_image.py."""

import hashlib
import json
import os
from pathlib import Path

import pytest

from helpers.abi import constants as c
from helpers.calls import Numbers
from helpers.child import spawn
from helpers.errors import MachineLost
from helpers.machine import Machine, open_machine
from helpers.session import Session
from kernel_matrix import providers

from .disk_image import PASSWORD, TOOLS, disk_image, missing_tools

pytestmark = [pytest.mark.vm, pytest.mark.network, pytest.mark.slow]
ACCEL = os.environ.get("KERNEL_MATRIX_ACCEL", "auto")
PATIENCE = 4.0  # for hosts that have other work


@pytest.fixture(scope="module", autouse=True)
def _tools() -> None:
    missing = missing_tools()
    if missing or os.geteuid():
        pytest.skip(f"environment: building an image needs root and {', '.join(TOOLS)}")


@pytest.fixture(scope="module")
def image() -> Path:
    return disk_image() / "disk.qcow2"


@pytest.fixture
def boot(tmp_path: Path):
    """A function that makes a machine for a selector, which is closed afterwards."""
    made: list[Machine] = []

    def make(selector: str, channel: str = "auto") -> Machine:
        kernel = providers.resolve(selector)
        made.append(
            open_machine(
                kernel, accel=ACCEL, channel=channel, logdir=tmp_path, timeout_scale=PATIENCE
            )
        )
        return made[-1]

    yield make
    for one in made:
        one.close()
        assert not one.alive()


def test_root_and_a_crash(boot, image: Path) -> None:
    """root has no password; a kernel that panics is a crash, the image is as it was before."""
    before = hashlib.sha256(image.read_bytes()).digest()
    one = boot(f"image:{image}")
    one.start()
    assert one.channel_name == "virtio"
    session = Session(one.channel, one.why_lost)
    hello = session.wait_hello(60).values
    assert (hello["role"], hello["uid"], hello["taint"]) == ("guest", "0", "0")
    child = spawn(session, "caller", Numbers("x86_64", 548))
    child.must.openat(c.AT_FDCWD, "/left-behind", c.O_CREAT | c.O_RDWR, 0o666)
    fd = child.must.openat(c.AT_FDCWD, "/proc/sysrq-trigger", c.O_WRONLY, 0)
    text = child.memory(1)
    child.poke(text.address, b"c")
    with pytest.raises(MachineLost) as caught:
        child.write(fd, text, 1)
    assert caught.value.kind == "crash"
    assert "sysrq triggered crash" in caught.value.reason
    assert hashlib.sha256(image.read_bytes()).digest() == before


def test_a_suite_as_a_user_with_sudo(run_pytest, image: Path, tmp_path: Path) -> None:
    """The same cases as on any other machine."""
    journal = tmp_path / "journal.jsonl"
    selector = f"image:{image},user=ordinary,password={PASSWORD}"
    done = run_pytest(
        "suites/tee", "--kernel", selector, "--accel", ACCEL, "--run-dir", tmp_path,
        "--journal", journal, "--timeout-scale", PATIENCE,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:]
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    verdicts = [line["verdict"] for line in lines if line["t"] == "end"]
    assert verdicts.count("pass") > 80
    assert set(verdicts) <= {"pass", "skip"}
    assert not list(tmp_path.rglob("seed-*"))


def test_its_kernel_given_beside_it_and_the_serial_port(boot, image: Path) -> None:
    kernel, initrd = image.with_name("vmlinuz"), image.with_name("initrd.img")
    append = "append=root=LABEL=kmroot ro"
    one = boot(f"image:{image},kernel={kernel},initrd={initrd},{append}", "serial")
    one.start()
    assert one.channel_name == "serial"
    assert Session(one.channel, one.why_lost).wait_hello(60).values["channel"] == "serial"


def test_a_user_who_may_not(boot, image: Path) -> None:
    """No sudo, and no seed where a user is named."""
    one = boot(f"image:{image},user=lonely,password={PASSWORD}")
    said = r"lonely's login on ttyS0: lonely is not in the sudoers file.*; the screen shows last: "
    with pytest.raises(MachineLost, match=said) as caught:
        one.start()
    assert caught.value.kind == "boot"
    assert "image login: lonely" in caught.value.console


def test_cloud_init(boot) -> None:
    """root cannot log in; cloud-init takes the second drive."""
    one = boot(f"image:{disk_image(cloud=True) / 'disk.qcow2'}")
    one.start()
    hello = Session(one.channel, one.why_lost).wait_hello(60).values
    assert (hello["role"], hello["uid"]) == ("guest", "0")
