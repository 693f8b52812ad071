"""Requirements are data: what is missing gives a class and a reason, and a probe runs once."""

from errno import EPERM
from types import SimpleNamespace
from typing import Any, cast

import pytest

from helpers.child import Child
from helpers.errors import MachineLost
from helpers.outcome import Err, Ok, Result
from helpers.requirements import PROBES, Probe, SkipClass, Surroundings, parse_config, unmet


def around(**changes: Any) -> Surroundings:
    facts: dict[str, Any] = {
        "uid": 0, "disposable": True, "config": {"CONFIG_A": "y", "CONFIG_B": "m"},
        "scratch": lambda: cast("Child", None), "probed": {},
    }  # fmt: skip
    return Surroundings(**facts | changes)


@pytest.mark.parametrize(
    ("requirement", "changes", "expected"),
    [
        ("root", {}, None),
        ("root", {"uid": 1000}, (SkipClass.PRIVILEGE, "needs root, is uid 1000")),
        ("disposable", {}, None),
        ("disposable", {"disposable": False}, (SkipClass.ENVIRONMENT, "only in a virtual machine")),
        ("config:CONFIG_A", {}, None),
        ("config:CONFIG_B", {}, None),
        ("config:CONFIG_C", {}, (SkipClass.CONFIG, "CONFIG_C is not set")),
        ("config:CONFIG_C", {"config": None}, (SkipClass.ENVIRONMENT, "is not known")),
    ],
)
def test_what_is_missing_has_a_class_and_a_reason(
    requirement: str, changes: dict[str, Any], expected: tuple[SkipClass, str] | None
) -> None:
    missing = unmet(requirement, around(**changes))
    if expected is None:
        assert missing is None
    else:
        assert missing is not None
        assert missing.kind is expected[0]
        assert expected[1] in missing.reason


def test_a_probe_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def run(child: Child) -> str:
        asked.append(child)
        return "it is not there"

    monkeypatch.setitem(cast("dict[str, Probe]", PROBES), "x", Probe(SkipClass.KERNEL_LACKS, run))
    place = around()
    for _ in range(3):
        missing = unmet("x", place)
        assert missing is not None
        assert (missing.kind, missing.reason) == (SkipClass.KERNEL_LACKS, "it is not there")
    assert len(asked) == 1


def test_a_probe_that_ends_the_machine_is_not_asked_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def run(child: Child) -> str:
        raise MachineLost("crash", "Kernel panic")

    monkeypatch.setitem(cast("dict[str, Probe]", PROBES), "x", Probe(SkipClass.KERNEL_LACKS, run))
    place = around()
    with pytest.raises(MachineLost):
        unmet("x", place)
    missing = unmet("x", place)
    assert missing is not None
    assert (missing.kind, missing.reason) == (
        SkipClass.KERNEL_LACKS,
        "asking whether it is there: Kernel panic",
    )


@pytest.mark.parametrize("name", ["vmsplice", "process_vm_writev", "foreign-memory"])
@pytest.mark.parametrize("mode", [0, 2])
def test_a_kernel_that_refuses_wrongly_is_no_filter_of_system_calls(name: str, mode: int) -> None:
    status = f"Name:\tx\nNoNewPrivs:\t0\nSeccomp:\t{mode}\nSeccomp_filters:\t0\n".encode()

    def refuse(*args: object) -> Result:
        return Err(EPERM)

    def openat(at: int, path: str, *more: int) -> Result:
        return Ok(3) if path == "/proc/self/status" else Err(2)

    child = SimpleNamespace(
        vmsplice=refuse, process_vm_readv=refuse, process_vm_writev=refuse, openat=openat,
        memory=lambda length: SimpleNamespace(address=0), peek=lambda at, length: status,
        must=SimpleNamespace(read=lambda *args: len(status)),
    )  # fmt: skip
    missing = unmet(name, around(scratch=lambda: cast("Child", child)))
    assert (missing is not None) == (mode == 2)
    if missing is not None:
        assert missing.kind is SkipClass.ENVIRONMENT
        assert "a filter of system calls refuses" in missing.reason


def test_an_unknown_requirement_is_our_mistake() -> None:
    with pytest.raises(KeyError):
        unmet("no-such-thing", around())


def test_a_configuration_is_what_is_set() -> None:
    text = 'CONFIG_A=y\n# CONFIG_B is not set\nCONFIG_C="x=y"\n\n# comment\nCONFIG_D=16\n'
    assert parse_config(text) == {"CONFIG_A": "y", "CONFIG_C": '"x=y"', "CONFIG_D": "16"}
