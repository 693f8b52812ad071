"""The command lines of QEMU and of the kernel, as tables."""

import shlex
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from helpers.errors import UserError
from helpers.kernel import Kernel
from helpers.machine import open_machine
from helpers.machine.plan import (
    PLATFORMS,
    QemuPlan,
    by_hand,
    command_line,
    init_arguments,
    make_plan,
    platform_of,
    qemu_argv,
)

KERNEL = Kernel("path:/k/bzImage", "path:bzImage", image=Path("/k/bzImage"))
X86 = PLATFORMS["x86_64"]
PLAN = QemuPlan(
    platform=X86,
    accelerator="tcg",
    image=Path("/k/bzImage"),
    initrd=Path("/c/i.cpio"),
    cmdline="console=ttyS0 quiet x -- channel=virtio",
    console=Path("/l/console-1.log"),
    serial_fd=5,
    virtio_fd=7,
)


def options(argv: list[str], name: str) -> list[str]:
    return [value for option, value in pairwise(argv) if option == name]


def test_whole_command_line():
    assert shlex.join(qemu_argv(PLAN)) == (
        "qemu-system-x86_64 -no-user-config -nodefaults -display none"
        " -machine q35 -accel tcg -cpu max,la57=off,erms=off,fsrm=off -smp 1 -m 256 -no-reboot"
        " -chardev file,id=console,append=off,path=/l/console-1.log -serial chardev:console"
        " -chardev socket,id=serial,fd=5 -serial chardev:serial"
        " -device virtio-serial-pci,max_ports=2 -chardev socket,id=virtio,fd=7"
        " -device virtserialport,nr=1,chardev=virtio,name=org.kernel-matrix.agent.0"
        " -kernel /k/bzImage -initrd /c/i.cpio -append"
        " 'console=ttyS0 quiet x -- channel=virtio'"
    )


@pytest.mark.parametrize(
    ("change", "option", "expected"),
    [
        ({"accelerator": "kvm"}, "-accel", ["kvm"]),
        ({"accelerator": "kvm"}, "-cpu", ["max"]),
        ({"memory_mb": 512}, "-m", ["512"]),
        ({"cpus": 2}, "-smp", ["2"]),
        ({"virtio": False}, "-device", []),
        ({"serial_fd": None}, "-serial", ["chardev:console", "chardev:serial"]),
        (
            {"virtio": False, "serial_fd": None, "console": Path("/a,b")},
            "-chardev",
            ["file,id=console,append=off,path=/a,,b", "null,id=serial"],
        ),
        ({"image": Path("/with space/b,z")}, "-kernel", ["/with space/b,z"]),
        ({"platform": replace(X86, machine="pc", cpu="qemu64")}, "-machine", ["pc"]),
    ],
)
def test_each_field_reaches_its_option(change, option, expected):
    assert options(qemu_argv(replace(PLAN, **change)), option) == expected


def test_by_hand_needs_no_inherited_descriptor():
    argv = by_hand(PLAN)
    assert not any("fd=" in word for word in argv)
    assert options(argv, "-chardev")[0].startswith("stdio,")
    assert options(argv, "-append") == ["console=ttyS0 x -- channel=virtio"]


@pytest.mark.parametrize(
    ("extra", "init", "tail"),
    [
        ("", ("channel=virtio",), " -- channel=virtio"),
        ("  a=1   b ", ("channel=serial", "poweroff"), " a=1 b -- channel=serial poweroff"),
    ],
)
def test_kernel_arguments_come_after_ours_and_before_inits(extra, init, tail):
    text = command_line(X86, extra, init)
    assert text.startswith("console=ttyS0 earlyprintk=ttyS0,115200 no_timer_check quiet panic=-1")
    assert text.endswith(tail)


@pytest.mark.parametrize("extra", ["a -- b", "a\nb", "--", "é", "x" * 2048])
def test_kernel_arguments_that_cannot_be_passed(extra):
    with pytest.raises(UserError):
        command_line(X86, extra, ("channel=auto",))


def test_init_arguments():
    assert init_arguments("serial") == ("channel=serial",)
    assert init_arguments("auto", poweroff=True) == ("channel=auto", "poweroff")


def test_plan_of_a_kernel():
    kernel = replace(KERNEL, memory_mb=128, cpus=2, cmdline="nokaslr")
    plan = make_plan(
        kernel, accelerator="kvm", channel="serial", initrd=Path("/i"), virtio=False, poweroff=True,
        measured=("tsc_early_khz=7",),
    )  # fmt: skip
    assert (plan.memory_mb, plan.cpus, plan.virtio, plan.accelerator) == (128, 2, False, "kvm")
    assert plan.cmdline.endswith(" tsc_early_khz=7 nokaslr -- channel=serial poweroff")


def test_architectures_are_data(monkeypatch):
    with pytest.raises(UserError, match="no machine for kernels of riscv64"):
        platform_of("riscv64")
    other = replace(X86, binary="qemu-system-riscv64", machine="virt", console="ttyS9")
    monkeypatch.setitem(PLATFORMS, "riscv64", other)
    plan = make_plan(
        replace(KERNEL, arch="riscv64"),
        accelerator="tcg",
        channel="auto",
        initrd=Path("/i"),
        virtio=True,
    )
    assert qemu_argv(plan)[0] == "qemu-system-riscv64"
    assert plan.cmdline.startswith("console=ttyS9 ")


def test_running_kernel_has_no_plan():
    with pytest.raises(UserError, match="running kernel"):
        make_plan(
            Kernel("local", "local"),
            accelerator="tcg",
            channel="auto",
            initrd=Path("/i"),
            virtio=True,
        )


@pytest.mark.parametrize(
    "words", [{"accel": "hvf"}, {"channel": "tcp"}, {"timeout_scale": 0.0}, {"timeout_scale": -1.0}]
)
def test_open_machine_refuses_unknown_words(tmp_path, words):
    with pytest.raises(UserError):
        open_machine(KERNEL, logdir=tmp_path, **words)


def test_open_machine_starts_nothing(tmp_path):
    for kernel in (KERNEL, Kernel("local", "local")):
        machine = open_machine(kernel, logdir=tmp_path / "logs")
        assert not machine.alive()
        machine.close()
        machine.close()
    assert not (tmp_path / "logs").exists()
