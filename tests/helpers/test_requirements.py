"""Requirements are data: what is missing gives a class and a reason, and a probe runs once."""

from typing import Any, cast

import pytest

from helpers.child import Child
from helpers.errors import MachineLost
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


def test_an_unknown_requirement_is_our_mistake() -> None:
    with pytest.raises(KeyError):
        unmet("no-such-thing", around())


def test_a_configuration_is_what_is_set() -> None:
    text = 'CONFIG_A=y\n# CONFIG_B is not set\nCONFIG_C="x=y"\n\n# comment\nCONFIG_D=16\n'
    assert parse_config(text) == {"CONFIG_A": "y", "CONFIG_C": '"x=y"', "CONFIG_D": "16"}
