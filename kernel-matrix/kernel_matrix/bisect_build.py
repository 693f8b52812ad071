"""Builds the kernel of a commit, in the small configuration of the reference kernels."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from helpers.errors import UserError
from helpers.kernel import Kernel
from kernel_matrix import build_config, build_make
from kernel_matrix.build import REFERENCE
from kernel_matrix.build_log import Progress
from kernel_matrix.providers import Say, path, tree

IMAGE = "arch/x86/boot/bzImage"
FRAGMENTS = tuple(REFERENCE / "configs" / f"{name}.config" for name in ("machine", "plain"))

_STEPS = {True: 1600, False: 40}  # a guess: the first build, and what a commit changes


class Unbuildable(Exception):
    """The commit cannot be built; the text is the compiler's first error."""


def build(
    source: Path, objects: Path, more: Sequence[Path], name: str, log: Path, say: Say
) -> Kernel:
    """The kernel of a source tree; what earlier commits left in objects is used again.

    Args:
        source: the source tree, with nothing built in it.
        objects: the output directory.
        more: fragments of configuration, over the small one.
        name: of the kernel in reports, and in messages.
        log: gets make's output.
        say: gets progress.

    Raises:
        Unbuildable: it is the commit's fault.
        UserError: it is not.
    """
    objects.mkdir(parents=True, exist_ok=True)
    series = tree.series_of(source)
    wanted = build_config.merged([*FRAGMENTS, *more], series)
    asked = objects / "asked.config"
    asked.write_text(build_config.text_of(wanted))
    progress = Progress(f"building {name}", _STEPS[not (objects / IMAGE).exists()])
    try:
        # Each time: a commit may bring new options, and make must not stop to ask for them.
        build_make.make(
            source, objects, ["allnoconfig"],
            log=log, environment={**build_make.REPEATABLE, "KCONFIG_ALLCONFIG": str(asked)},
        )  # fmt: skip
        config = (objects / ".config").read_text()
        # Of our own fragments an old or new kernel may lack what the case does not need.
        if missing := build_config.unfulfilled(build_config.merged(more, series), config):
            say(f"{name} cannot have {', '.join(missing)}")
        build_make.make(
            source, objects, ["bzImage"],
            log=log, progress=progress, say=say, environment=build_make.REPEATABLE,
        )  # fmt: skip
    except UserError as error:
        if "No space left on device" in str(error):
            raise
        raise Unbuildable(str(error)) from error
    return _kernel(objects, name)


def _kernel(objects: Path, name: str) -> Kernel:
    image = objects / IMAGE
    with image.open("rb") as file:
        release = path.release_of(file.read(0x10000))
        file.seek(0)
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Kernel(
        selector=f"path:{image}",
        id=name,
        release=release,
        image=image,
        config=objects / ".config",
        sha256=digest,
        origin=f"{name}, built for a bisection",
    )
