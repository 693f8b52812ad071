"""local: the running kernel."""

import os
from pathlib import Path

from helpers.errors import UserError
from helpers.kernel import Kernel
from kernel_matrix.providers import Say


def check(rest: str) -> None:
    """There is only one running kernel: nothing may follow the prefix."""
    if rest:
        raise UserError(f"local:{rest} means nothing; the selector of the running kernel is: local")


def resolve(rest: str, say: Say) -> Kernel:
    """Describe the running kernel by uname(2)."""
    system = os.uname()
    config = Path(f"/boot/config-{system.release}")
    return Kernel(
        selector="local",
        id="local",
        release=system.release,
        arch=system.machine,
        config=config if os.access(config, os.R_OK) else None,
        origin=f"the running kernel, {system.release} {system.version}",
    )
