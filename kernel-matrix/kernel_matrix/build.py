"""Reference kernels: Debian's source of a series with our process_vmsplice, built and cached."""

import json
import re
import shutil
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path

from helpers.cache import cache_dir, publish, scratch
from helpers.errors import UserError
from kernel_matrix import build_config, build_make, build_source
from kernel_matrix.build_log import Progress, is_step
from kernel_matrix.providers import NotAvailable, Say, debindex

REFERENCE = Path(__file__).resolve().parents[1] / "reference"
NUMBER = 548
"""The call's number unless the user sets another: the one that the patches have."""

_OURS = ("process_vmsplice.c", "process_vmsplice_compat.h")
_STEPS = {False: 1300, True: 1450}  # a guess, for the first build of a series
_DISK = {False: "1.4 GB", True: "2.5 GB"}


@dataclass(frozen=True)
class Recipe:
    """A reference kernel that can be built.

    Attributes:
        series: "6.12".
        debug: with the debug fragment.
        number: the call's number.
    """

    series: str
    debug: bool
    number: int

    @property
    def name(self) -> str:
        """As the selector has it: "6.12" or "6.12+debug"."""
        return f"{self.series}+debug" if self.debug else self.series

    @property
    def fragments(self) -> list[Path]:
        """The configuration's parts, the last one wins."""
        names = ["machine", "plain", *(["debug"] if self.debug else [])]
        return [REFERENCE / "configs" / f"{name}.config" for name in names]

    def patch(self) -> str:
        """The series' patch, with the number."""
        text = (REFERENCE / "patches" / f"{self.series}.patch").read_text(encoding="utf-8")
        return renumbered(text, self.number)


def available() -> list[str]:
    """The series that there are patches for, oldest first."""
    return sorted(
        (p.stem for p in (REFERENCE / "patches").glob("*.patch")), key=debindex.series_key
    )


def renumbered(patch: str, number: int) -> str:
    """A series' patch with another number for the call.

    Raises:
        UserError: the number cannot be at the end of the tables, where the patch puts it.
    """
    if number < NUMBER:
        raise UserError(
            f"process_vmsplice cannot have the number {number} in a reference kernel: "
            f"numbers below {NUMBER} are taken or reserved; choose one from {NUMBER} on"
        )
    return re.sub(rf"^\+{NUMBER}\t", f"+{number}\t", patch, flags=re.M)


def kernel(recipe: Recipe, say: Say) -> Path:
    """The directory with vmlinuz, config and kernel.json of a recipe; built if need be.

    Raises:
        NotAvailable: there is no such series here or at the mirror.
        UserError: it cannot be fetched or built.
    """
    if recipe.series not in available():
        raise NotAvailable(
            f"no reference kernel of {recipe.series}: there are {', '.join(available())}; "
            "another series needs a patch in kernel-matrix/reference/patches"
        )
    build_make.require_tools()
    with build_source.workplace(recipe.series, say) as directory:
        package = build_source.find_package(directory, recipe.series, say)
        patch = recipe.patch()
        options = build_config.merged(recipe.fragments, recipe.series)
        inputs = build_source.digest(
            package.version, package.sha256, patch, build_config.text_of(options),
            build_make.compiler(), *((REFERENCE / name).read_text() for name in _OURS),
        )  # fmt: skip
        final = (
            cache_dir() / "kernels" / "reference"
            / f"{recipe.name}_{package.version}_{inputs[:12]}"
        )  # fmt: skip
        if (final / "kernel.json").is_file():
            return final
        tree = build_source.source(directory, package, say)
        build_source.apply(tree, patch, {f"fs/{name}": REFERENCE / name for name in _OURS})
        objects = directory / ("obj-debug" if recipe.debug else "obj-plain")
        log = objects / "build.log"
        if not objects.exists():
            say(f"reference:{recipe.name}: first build, takes {_DISK[recipe.debug]} of {directory}")
            objects.mkdir()
        log.unlink(missing_ok=True)
        try:
            _configure(tree, objects, options, log)
            _build(tree, objects, recipe, log, say)
        except UserError as error:
            raise UserError(f"reference:{recipe.name} cannot be built: {error}") from error
        _publish(objects, final, recipe, package, log)
    return final


def _configure(tree: Path, objects: Path, options: dict[str, str], log: Path) -> None:
    """Write .config, unless it is still what these options make of this source."""
    wanted = build_config.text_of(options)
    stamp = objects / "asked.config"
    done = objects / "configured"
    # Kconfig files of the tree change only with the package, and then the objects are gone too.
    if done.exists() and stamp.read_text() == wanted:
        return
    done.unlink(missing_ok=True)
    stamp.write_text(wanted)
    build_make.make(
        tree, objects, ["allnoconfig"], log=log, environment={"KCONFIG_ALLCONFIG": str(stamp)}
    )
    missing = build_config.unfulfilled(options, (objects / ".config").read_text())
    if missing:
        raise UserError(
            f"Kconfig did not set {', '.join(missing)}: what they need is not set, or this series "
            "does not have them; then the fragment must say so, [since ...] or [until ...]"
        )
    done.touch()


def _build(tree: Path, objects: Path, recipe: Recipe, log: Path, say: Say) -> None:
    steps = objects / "steps"
    first = not (objects / "vmlinux").exists()
    name = steps if first else objects / "steps-again"
    total = int(name.read_text()) if name.exists() else _STEPS[recipe.debug] if first else 40
    title = f"building reference:{recipe.name}"
    say(f"{title}{'' if first else ' (what changed)'}")
    environment = {
        # Nothing of this machine in the image: the same inputs give the same kernel anywhere.
        "KBUILD_BUILD_USER": "kernel-matrix",
        "KBUILD_BUILD_HOST": "reference",
        "KBUILD_BUILD_TIMESTAMP": "Thu Jan  1 00:00:00 UTC 1970",
        "KBUILD_BUILD_VERSION": "1",
    }
    build_make.make(
        tree, objects, ["bzImage"],
        log=log, progress=Progress(title, total), say=say, environment=environment,
    )  # fmt: skip
    with log.open(errors="replace") as file:
        name.write_text(str(sum(map(is_step, file))))


def _publish(
    objects: Path, final: Path, recipe: Recipe, package: build_source.Package, log: Path
) -> None:
    """Copy what is kept of a build; the directory appears complete or not at all."""
    image = objects / "arch/x86/boot/bzImage"
    with image.open("rb") as file:
        sum256 = file_digest(file, "sha256").hexdigest()
    data = {
        "schema": 1,
        "release": (objects / "include/config/kernel.release").read_text().strip(),
        "version": package.version,
        "package": package.name,
        "suite": package.suite,
        "number": recipe.number,
        "compiler": build_make.compiler(),
        "sha256": sum256,
    }
    with scratch(final.parent) as work:
        tree = work / "kernel"
        tree.mkdir()
        shutil.copyfile(image, tree / "vmlinuz")
        shutil.copyfile(objects / ".config", tree / "config")
        shutil.copyfile(log, tree / "build.log")
        (tree / "kernel.json").write_text(json.dumps(data, indent=1) + "\n")
        publish(tree, final)
