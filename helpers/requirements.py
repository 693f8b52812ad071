"""What a case cannot do without, as data; what is missing is a skip with a class and a reason."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum

from helpers import presence
from helpers.child import Child
from helpers.outcome import Result


class SkipClass(Enum):
    """Why a case was not run; only config and kernel-lacks say something of the kernel."""

    PRIVILEGE = "privilege"
    CONFIG = "config"
    KERNEL_LACKS = "kernel-lacks"
    ARCH = "arch"
    ENVIRONMENT = "environment"


@dataclass(frozen=True)
class Unmet:
    """A requirement that does not hold here."""

    kind: SkipClass
    reason: str


@dataclass(frozen=True)
class Surroundings:
    """What requirements are checked against.

    Attributes:
        uid: of the agent.
        disposable: whether the machine may be changed or broken (a VM, not the user's own).
        config: the kernel's configuration, NAME to value; None where it is not known.
        scratch: gives a child for a probe's calls.
        probed: answers of probes of this kernel, "" for present; shared by all cases.
    """

    uid: int
    disposable: bool
    config: Mapping[str, str] | None
    scratch: Callable[[], Child]
    probed: dict[str, str]


@dataclass(frozen=True)
class Probe:
    """A feature found out by asking the kernel: run gives "" if it is there, else why not."""

    kind: SkipClass
    run: Callable[[Child], str]


def _i386(child: Child) -> str:
    result = child.i386.getpid()
    return "" if result.ok else f"int $0x80 getpid answers {result!r}: no i386 entry"


def _answers(call: Callable[[Child], Result], what: str) -> Callable[[Child], str]:
    def run(child: Child) -> str:
        result = call(child)
        return "" if result.ok else f"{what} answers {result!r}"

    return run


PROBES: Mapping[str, Probe] = {
    "process_vmsplice": Probe(SkipClass.KERNEL_LACKS, presence.absent),
    "i386": Probe(SkipClass.KERNEL_LACKS, _i386),
    "memfd_create": Probe(
        SkipClass.KERNEL_LACKS,
        _answers(lambda child: child.memfd_create("probe", 0), "memfd_create()"),
    ),
    "user-namespaces": Probe(
        SkipClass.CONFIG,
        _answers(lambda child: child.unshare(0x10000000), "unshare(CLONE_NEWUSER)"),
    ),
    "pid-namespaces": Probe(
        SkipClass.CONFIG, _answers(lambda child: child.unshare(0x20000000), "unshare(CLONE_NEWPID)")
    ),
}


def unmet(requirement: str, around: Surroundings) -> Unmet | None:
    """Why a requirement does not hold, None if it does.

    Requirements: "root"; "disposable"; "config:CONFIG_NAME"; or the name of a probe.

    Raises:
        KeyError: there is no such requirement.
    """
    if requirement == "root":
        return (
            None
            if around.uid == 0
            else Unmet(SkipClass.PRIVILEGE, f"needs root, is uid {around.uid}")
        )
    if requirement == "disposable":
        if around.disposable:
            return None
        return Unmet(
            SkipClass.ENVIRONMENT, "would change the running system: only in a virtual machine"
        )
    kind, _, option = requirement.partition(":")
    if kind == "config":
        return _config(option, around.config)
    probe = PROBES[requirement]
    if requirement not in around.probed:
        around.probed[requirement] = probe.run(around.scratch())
    reason = around.probed[requirement]
    return Unmet(probe.kind, reason) if reason else None


def _config(option: str, config: Mapping[str, str] | None) -> Unmet | None:
    if config is None:
        return Unmet(
            SkipClass.ENVIRONMENT, f"the kernel's configuration is not known, needs {option}"
        )
    if config.get(option) in ("y", "m"):
        return None
    return Unmet(SkipClass.CONFIG, f"{option} is not set")


def parse_config(text: str) -> dict[str, str]:
    """The settings of a Kconfig file; what is commented out is not in it."""
    lines = (line.strip() for line in text.splitlines())
    return dict(line.split("=", 1) for line in lines if line.startswith("CONFIG_") and "=" in line)
