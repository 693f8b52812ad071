"""reference:<series> or reference:<series>+debug: a kernel with our own process_vmsplice.

With +mutants behind it, it holds the planted bugs of reference/mutants.toml and the generated ones.

Its number is 548, or what PROCESS_VMSPLICE_NR says: the same variable tells the suites.
"""

import json
import os
import re
from pathlib import Path

from helpers.errors import UserError
from helpers.kernel import Kernel
from kernel_matrix import build
from kernel_matrix.mutants import manifest
from kernel_matrix.providers import Say

_MUTANTS = "+mutants"
_FORM = re.compile(r"(?P<series>\d+\.\d+)(?P<debug>\+debug)?")

# The TSC waits for a watchdog to trust it: until 1.4 s after the start of a small kernel, which is
# in user space after 0.6 s, timers tick in jiffies and every sleep takes 4 ms instead of 0.16 ms.
_CMDLINE = "tsc=reliable"
# What the debug kernel checks only when it is told so, and the memory that its tables take.
_DEBUG_CMDLINE = f"{_CMDLINE} page_poison=1 page_owner=on kmemleak=on"
_DEBUG_MEMORY_MB = 1024


def recipe(rest: str) -> build.Recipe:
    """What the part of a selector after "reference:" means.

    Raises:
        UserError: it means nothing.
    """
    match = _FORM.fullmatch(rest)
    if match is None:
        raise UserError(
            f"reference:{rest} is not a series ({', '.join(build.available())}), "
            "with or without +debug, and +mutants behind that"
        )
    text = os.environ.get("PROCESS_VMSPLICE_NR", "")
    if text and not text.isdigit():
        raise UserError(f"PROCESS_VMSPLICE_NR={text}: expected a system call number")
    return build.Recipe(match["series"], bool(match["debug"]), int(text or build.NUMBER))


def check(rest: str) -> None:
    """There must be a patch for the series."""
    plain = rest.removesuffix(_MUTANTS)
    wanted = recipe(plain)
    if plain != rest and wanted.series != manifest.SERIES:
        raise UserError(f"reference:{rest}: mutants are planted in {manifest.SERIES} only")
    if wanted.series not in build.available():
        raise UserError(
            f"no reference kernel of {wanted.series}; there are {', '.join(build.available())}"
        )
    wanted.patch()


def resolve(rest: str, say: Say) -> Kernel:
    """Build it, unless the cache has it."""
    plain = rest.removesuffix(_MUTANTS)
    if plain != rest:
        from kernel_matrix.mutants.build import shared
        from kernel_matrix.mutants.generate import standard

        return shared(standard(), say, debug=recipe(plain).debug).kernel
    wanted = recipe(rest)
    return described(wanted, build.kernel(wanted, say), rest)


def described(recipe: build.Recipe, directory: Path, rest: str) -> Kernel:
    """A kernel that was built into a directory; rest is its selector behind "reference:"."""
    data = json.loads((directory / "kernel.json").read_text())
    return Kernel(
        selector=f"reference:{rest}",
        id=f"reference:{rest}",
        release=data["release"],
        version=data["version"],
        image=directory / "vmlinuz",
        config=directory / "config",
        sha256=data["sha256"],
        origin=f"{data['package']} {data['version']} with process_vmsplice, built here",
        cmdline=_DEBUG_CMDLINE if recipe.debug else _CMDLINE,
        memory_mb=_DEBUG_MEMORY_MB if recipe.debug else Kernel.memory_mb,
        process_vmsplice_nr=recipe.number,
    )
