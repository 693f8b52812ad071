"""local: the running kernel."""

from helpers.errors import UserError
from helpers.kernel import Kernel, running_kernel
from kernel_matrix.providers import Say


def check(rest: str) -> None:
    """There is only one running kernel: nothing may follow the prefix."""
    if rest:
        raise UserError(f"local:{rest} means nothing; the selector of the running kernel is: local")


def resolve(rest: str, say: Say) -> Kernel:
    """Describe the running kernel."""
    return running_kernel()
