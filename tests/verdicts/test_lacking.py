"""Why a case is skipped whose kernel turned out to lack something."""

from pathlib import Path

import pytest

from fixtures.modules import lack
from helpers.kernel import Kernel
from helpers.requirements import SkipClass

_ANSWER = "socket() answers -1 EAFNOSUPPORT"


@pytest.mark.parametrize(
    ("setting", "modules", "option", "kind", "more"),
    [
        ("# CONFIG_X is not set", True, "CONFIG_X", SkipClass.CONFIG, "; CONFIG_X is not set"),
        ("CONFIG_X=y", True, "CONFIG_X", SkipClass.CONFIG, ""),
        # its package is there, and has not got it
        ("CONFIG_X=m", True, "CONFIG_X", SkipClass.CONFIG, ""),
        ("CONFIG_X=m", False, "CONFIG_X", SkipClass.ENVIRONMENT, "; CONFIG_X makes a module"),
        (None, False, "CONFIG_X", SkipClass.ENVIRONMENT, "; CONFIG_X makes a module"),
        (None, True, "CONFIG_X", SkipClass.CONFIG, ""),
        (None, False, None, SkipClass.KERNEL_LACKS, ""),
    ],
)
def test_what_is_lacking(
    tmp_path: Path,
    setting: str | None,
    modules: bool,
    option: str | None,
    kind: SkipClass,
    more: str,
) -> None:
    config = tmp_path / "config"
    if setting is not None:
        config.write_text(f"CONFIG_64BIT=y\n{setting}\n")
    kernel = Kernel(
        selector="path:bzImage",
        id="path:bzImage",
        image=tmp_path / "bzImage",
        config=config if setting is not None else None,
        modules=tmp_path if modules else None,
        origin="built here",
    )
    unmet = lack(kernel, option, _ANSWER)
    assert unmet.kind is kind
    assert unmet.reason.startswith(_ANSWER + more)


def test_what_is_built_in_and_refuses_does_not_lack(tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text("CONFIG_X=y\n")
    kernel = Kernel("path:bzImage", "path:bzImage", image=tmp_path / "bzImage", config=config)
    with pytest.raises(AssertionError, match="answers -1 EINVAL, though the kernel is built with"):
        lack(kernel, "CONFIG_X", "socket() answers -1 EINVAL")


def test_another_kernel_than_linux_has_no_modules_to_miss() -> None:
    kernel = Kernel(selector="gvisor", id="gvisor", machine="gvisor")
    assert lack(kernel, "CONFIG_X", _ANSWER).kind is SkipClass.CONFIG
