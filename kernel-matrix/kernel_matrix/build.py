"""Reference kernels: Debian's source of a series with our process_vmsplice, built and cached."""

import json
import re
import shutil
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path
from typing import Any, Protocol

from helpers.cache import cache_dir, publish, scratch
from helpers.errors import UserError
from kernel_matrix import build_config, build_make, build_source
from kernel_matrix.build_log import Progress, is_step
from kernel_matrix.providers import NotAvailable, Say, debindex

REFERENCE = Path(__file__).resolve().parents[1] / "reference"
NUMBER = 548
"""The call's number unless the user sets another: the one that the patches have."""

OURS = ("process_vmsplice.c", "process_vmsplice_compat.h")
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


class NotBuilt(UserError):
    """A source that does not compile; reason is the first error of it."""

    def __init__(self, text: str, reason: str) -> None:
        super().__init__(text)
        self.reason = reason


class Plant(Protocol):
    """What is changed in the source before a kernel is built of it: planted bugs."""

    @property
    def name(self) -> str:
        """The kernel's name has it, behind a "+"."""

    @property
    def digest(self) -> str:
        """A name for all that is changed."""

    @property
    def objects(self) -> list[str]:
        """What is compiled first, so that all mistakes are found at once."""

    def rewrite(self, read: build_source.Read) -> dict[str, str]:
        """The new texts of files; called again after leave_out()."""

    def leave_out(self, output: str) -> bool:
        """Do without what failed to build, by what make printed; False if that is not known."""

    def record(self) -> dict[str, Any]:
        """What is kept beside the kernel, as mutants.json."""


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


def kernel(recipe: Recipe, say: Say, plant: Plant | None = None) -> Path:
    """The directory with vmlinuz, config and kernel.json of a recipe; built if need be.

    With something planted there is mutants.json as well.

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
    patch = recipe.patch()
    options = build_config.merged(recipe.fragments, recipe.series)
    name = f"{recipe.name}+{plant.name}" if plant else recipe.name

    def place(package: build_source.Package) -> Path:
        inputs = build_source.digest(
            package.version, package.sha256, patch, build_config.text_of(options),
            build_make.compiler(), *((REFERENCE / name).read_text() for name in OURS),
            *([plant.digest] if plant else []),
        )  # fmt: skip
        built = cache_dir() / "kernels" / "reference"
        return built / f"{name}_{package.version}_{inputs[:12]}"

    # What is there is not waited for while another kernel of the series is built.
    known = build_source.fresh_package(build_source.directory_of(recipe.series))
    if known is not None and (place(known) / "kernel.json").is_file():
        return place(known)
    with build_source.workplace(recipe.series, say) as directory:
        package = build_source.find_package(directory, recipe.series, say)
        final = place(package)
        if (final / "kernel.json").is_file():
            return final
        tree = build_source.source(directory, package, say)
        ours = {f"fs/{name}": REFERENCE / name for name in OURS}
        rewrite = plant.rewrite if plant else None
        build_source.apply(tree, patch, ours, rewrite)
        objects = directory / ("obj-debug" if recipe.debug else "obj-plain")
        log = objects / "build.log"
        if not objects.exists():
            say(f"reference:{name}: first build, takes {_DISK[recipe.debug]} of {directory}")
            objects.mkdir()
        log.unlink(missing_ok=True)
        try:
            _configure(tree, objects, options, log)
            while True:
                start = log.stat().st_size if log.exists() else 0
                try:
                    if plant and plant.objects:
                        _make(tree, objects, ["-k", *plant.objects], log)
                    _build(tree, objects, recipe, name, log, say)
                    break
                except UserError:
                    if plant is None or not plant.leave_out(_since(log, start)):
                        raise
                build_source.apply(tree, patch, ours, rewrite)
        except UserError as error:
            raise NotBuilt(f"reference:{name} cannot be built: {error}", str(error)) from error
        _publish(objects, final, recipe, package, log, plant)
    return final


def _since(log: Path, start: int) -> str:
    with log.open(errors="replace") as file:
        file.seek(start)
        return file.read()


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


def _make(tree: Path, objects: Path, targets: list[str], log: Path) -> None:
    build_make.make(tree, objects, targets, log=log, environment=build_make.REPEATABLE)


def _build(tree: Path, objects: Path, recipe: Recipe, name: str, log: Path, say: Say) -> None:
    steps = objects / "steps"
    first = not (objects / "vmlinux").exists()
    counted = steps if first else objects / "steps-again"
    total = int(counted.read_text()) if counted.exists() else _STEPS[recipe.debug] if first else 40
    title = f"building reference:{name}"
    say(f"{title}{'' if first else ' (what changed)'}")
    build_make.make(
        tree, objects, ["bzImage"],
        log=log, progress=Progress(title, total), say=say, environment=build_make.REPEATABLE,
    )  # fmt: skip
    with log.open(errors="replace") as file:
        counted.write_text(str(sum(map(is_step, file))))


def _publish(
    objects: Path,
    final: Path,
    recipe: Recipe,
    package: build_source.Package,
    log: Path,
    plant: Plant | None,
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
        if plant:
            (tree / "mutants.json").write_text(json.dumps(plant.record(), indent=1) + "\n")
        (tree / "kernel.json").write_text(json.dumps(data, indent=1) + "\n")
        publish(tree, final)
