"""From a selector, such as "debian:6.12", to a kernel that can be booted.

A selector is "<prefix>:<rest>", or a prefix alone where nothing more is needed ("local"). One
provider answers for one prefix; a new source of kernels is a new entry in PROVIDERS.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol, cast

from helpers.errors import UserError
from helpers.kernel import Kernel

Say = Callable[[str], None]
"""Takes one line of progress for people; it is called from whichever thread resolves."""


class NotAvailable(UserError):
    """The source is there and answers, but does not have this kernel."""


class Provider(Protocol):
    """What a module of this package defines."""

    def check(self, rest: str) -> None:
        """Fail at once on what can be seen to be wrong without fetching anything.

        Raises:
            UserError: the selector cannot mean anything, or names a file that is not there.
        """

    def resolve(self, rest: str, say: Say) -> Kernel:
        """Fetch what is missing and describe the kernel.

        Raises:
            NotAvailable: the source does not have it.
            UserError: it could not be fetched.
        """


@dataclass(frozen=True)
class Source:
    """A provider before it is imported, and how its selectors look."""

    module: str
    form: str
    what: str


PROVIDERS = {
    "debian": Source("debian", "debian:<series or version>", "a kernel package of Debian"),
    "reference": Source(
        "reference", "reference:<series>[+debug][+mutants]", "our own process_vmsplice, built here"
    ),
    "tree": Source("tree", "tree:<directory>[+build]", "a kernel's output directory"),
    "path": Source("path", "path:<bzImage>", "a kernel image on this machine"),
    "image": Source("image", "image:<disk.qcow2>[,user=...]", "a disk image, with its user space"),
    "gvisor": Source("gvisor", "gvisor", "gVisor's implementation of Linux, in a sandbox"),
    "local": Source("local", "local", "the running kernel"),
    "resolved": Source("resolved", "resolved:<kernel.json>", "what another command resolved"),
}


def find(selector: str) -> tuple[Provider, str]:
    """The provider of a selector, and what is left for it to read.

    Raises:
        UserError: there is no provider for it.
    """
    prefix, _, rest = selector.partition(":")
    source = PROVIDERS.get(prefix)
    if source is None:
        forms = ", ".join(source.form for source in PROVIDERS.values())
        raise UserError(f"unknown kernel selector {selector!r}; it is one of: {forms}")
    return cast(Provider, import_module(f"{__name__}.{source.module}")), rest


def check(selector: str) -> None:
    """See Provider.check."""
    provider, rest = find(selector)
    provider.check(rest)


def resolve(selector: str, say: Say = lambda line: None) -> Kernel:
    """See Provider.resolve."""
    provider, rest = find(selector)
    provider.check(rest)
    return provider.resolve(rest, say)
