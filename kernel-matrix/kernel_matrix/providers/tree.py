"""tree:<directory>: the kernel that was built in a tree, or with +build one built from it now.

The directory is the output directory of a build: a source tree that was built in place, or what
O= named. tree:<directory>+build leaves it alone: a copy in the cache is configured and built.
"""

import re
import shutil
from dataclasses import replace
from pathlib import Path

from helpers.errors import UserError
from helpers.kernel import Kernel
from kernel_matrix import build_config, build_make, build_source, errands, git
from kernel_matrix.build import REFERENCE
from kernel_matrix.build_log import Progress
from kernel_matrix.providers import Say, path

BUILD = "+build"
_IMAGE = "arch/x86/boot/bzImage"
_STEPS = 3000  # a guess: nobody knows a stranger's configuration


def _directory(rest: str) -> Path:
    return Path(rest.removesuffix(BUILD)).expanduser().absolute()


def check(rest: str) -> None:
    """It must be a directory that a kernel was built in, or can be."""
    directory = _directory(rest)
    if not directory.is_dir():
        raise UserError(f"tree:{rest}: no such directory; name a kernel's output directory")
    if rest.endswith(BUILD):
        source_of(directory)
        if not (directory / ".config").is_file():
            raise UserError(f"tree:{rest}: no .config in it; configure it first: make defconfig")
    elif not (directory / _IMAGE).is_file():
        raise UserError(
            f"tree:{rest}: no {_IMAGE} in it; build it (make bzImage), or let tree:{rest}{BUILD} "
            "build a copy"
        )


def resolve(rest: str, say: Say) -> Kernel:
    """Describe what was built; with +build, build it first."""
    directory = _directory(rest)
    if rest.endswith(BUILD):
        directory = built_copy(directory, say)
    found = path.resolve(str(directory / _IMAGE), say)
    return replace(
        found,
        selector=f"tree:{rest}",
        id=f"tree:{_directory(rest).name}",
        origin=f"the tree {_directory(rest)}{_commit(_directory(rest))}"
        + (", built here" if rest.endswith(BUILD) else ""),
    )


def _commit(directory: Path) -> str:
    """Where its source is now, by git, for people: what was built may be older."""
    try:
        source = source_of(directory)
        # git would also speak of a directory above that has nothing to do with the kernel
        if Path(git.output(source, "rev-parse", "--show-toplevel").strip()) != source.resolve():
            return ""
        words = ("describe", "--tags", "--always", "--dirty")
        return f" at {git.output(source, *words).strip()}"
    except UserError:
        return ""


def source_of(directory: Path) -> Path:
    """The source tree of an output directory.

    Raises:
        UserError: it is no output directory, or its source is gone.
    """
    if (directory / "Kconfig").is_file() and (directory / "Kbuild").is_file():
        return directory
    link = directory / "source"  # written by make O=
    if link.is_symlink() and (link / "Kconfig").is_file():
        return link.resolve()
    raise UserError(
        f"{directory} is neither a kernel's source tree nor a directory that make O= has used"
    )


def built_copy(directory: Path, say: Say) -> Path:
    """A copy of an output directory, configured for a machine of ours and built.

    The copy is kept, so that the next time only what changed is built.

    Raises:
        UserError: it cannot be copied or built.
    """
    build_make.require_tools()
    name = f"tree-{directory.name}-{build_source.digest(str(directory))[:8]}"
    with build_source.workplace(name, say) as place:
        copy = place / "copy"
        say(f"copying {directory}")
        _copy(directory, copy)
        source = source_of(directory)
        source = copy if source == directory else source
        log = place / "build.log"
        log.unlink(missing_ok=True)
        config = copy / ".config"
        wanted = build_config.merged([REFERENCE / "configs/machine.config"], series_of(source))
        config.write_text((directory / ".config").read_text() + build_config.text_of(wanted))
        title = f"building a copy of {directory.name}"
        try:
            build_make.make(source, copy, ["olddefconfig"], log=log)
            missing = build_config.unfulfilled(wanted, config.read_text())
            if missing:
                say(f"tree:{directory}: this configuration cannot have {', '.join(missing)}")
            progress = Progress(title, _STEPS)
            build_make.make(source, copy, ["bzImage"], log=log, progress=progress, say=say)
        except UserError as error:
            raise UserError(f"tree:{directory}{BUILD}: {error}") from error
    return copy


def _copy(directory: Path, copy: Path) -> None:
    """Make the copy have what is newer in the directory; shared blocks where the disk can."""
    partial = copy.with_name("copy.partial")
    if not copy.exists():
        shutil.rmtree(partial, ignore_errors=True)
        target = partial
    else:
        target = copy
    done = errands.run(["cp", "-a", "-u", "--reflink=auto", f"{directory}/.", str(target)])
    if done.returncode:
        lines = done.stdout.strip().splitlines() or [f"cp ended with status {done.returncode}"]
        raise UserError(f"cannot copy {directory}: {lines[0]}")
    if target is partial:
        _moved(partial, directory, copy)
        partial.rename(copy)


def _moved(place: Path, old: Path, new: Path) -> None:
    """Let the tools' saved commands name the new place.

    They have absolute paths, unlike the kernel's. If objtool looked out of date, everything that
    it has checked would be: the whole kernel would be built again.
    """
    for saved in (place / "tools").rglob("*.cmd"):
        text = saved.read_text(errors="surrogateescape")
        if str(old) in text:
            saved.write_text(text.replace(str(old), str(new)), errors="surrogateescape")


def series_of(source: Path) -> str:
    """The series of a source tree, by its Makefile."""
    head = (source / "Makefile").read_text(errors="replace")[:500]
    found = dict(re.findall(r"^(VERSION|PATCHLEVEL) = (\d+)$", head, re.M))
    return f"{found.get('VERSION', '0')}.{found.get('PATCHLEVEL', '0')}"
