"""resolved:<kernel.json>: a kernel that another command has resolved."""

import json
from pathlib import Path

from helpers.errors import UserError
from helpers.kernel import Kernel
from kernel_matrix.providers import Say


def check(rest: str) -> None:
    """The description must be a file."""
    if not Path(rest).is_file():
        raise UserError(f"resolved:{rest}: no such file; kernel-matrix resolve --json writes one")


def resolve(rest: str, say: Say) -> Kernel:
    """Read the description, as Kernel.to_json wrote it."""
    try:
        data = json.loads(Path(rest).read_text())
    except (OSError, ValueError) as error:
        raise UserError(f"resolved:{rest}: not a kernel description: {error}") from error
    if not isinstance(data, dict):
        raise UserError(f"resolved:{rest}: not a kernel description: not a JSON object")
    try:
        return Kernel.from_json(data)
    except UserError as error:
        raise UserError(f"resolved:{rest}: {error}") from error
