"""Testing again exactly what a run has tested: its kernels, by the hash of their images."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import file_digest
from pathlib import Path
from typing import Any

from helpers.errors import UserError
from helpers.kernel import Kernel
from kernel_matrix import providers, run_file
from kernel_matrix.manifest import Entry
from kernel_matrix.providers import Say


@dataclass(frozen=True)
class Locked:
    """A kernel that was tested.

    Attributes:
        id: its name in reports.
        selector: what was asked for.
        version, release, sha256: what that was; sha256 is "" for the running kernel.
        settings: how it was run, attributes of Kernel.
        described: the description of it in the run's directory, which may be gone.
    """

    id: str
    selector: str
    version: str
    release: str
    sha256: str
    settings: dict[str, Any]
    described: Path

    @property
    def label(self) -> str:
        """The kernel for people."""
        found = self.version or self.release or "no version"
        return f"{self.id} ({found}, sha256 {self.sha256[:12] or 'none'})"


def load(path: Path) -> dict[str, Locked]:
    """The kernels of a run, by id.

    Args:
        path: the directory of a run, or its run.json wherever it was kept.

    Raises:
        UserError: it is neither, or no kernel of it was resolved.
    """
    cells = run_file.read(path)["cells"]
    place = path if path.is_dir() else path.parent
    found = {}
    for cell in cells:
        kernel: dict[str, Any] = cell.get("kernel") or {}
        if kernel:
            where = place / str(cell["directory"]) / "kernel.json"
            settings = {key: kernel[key] for key in run_file.SETTINGS if key in kernel}
            ident, selector = str(cell["id"]), str(cell["selector"])
            found[ident] = Locked(
                ident,
                selector,
                str(kernel.get("version") or ""),
                str(kernel.get("release") or ""),
                str(kernel.get("sha256") or ""),
                settings,
                where,
            )
    if not found:
        raise UserError(f"{path}: it does not say which kernels it had; lock a newer run")
    return found


def entries(known: dict[str, Locked], chosen: Sequence[Entry] | None, source: Path) -> list[Entry]:
    """The entries of a run that is locked.

    Args:
        known: see load().
        chosen: what the command line selects, None for all kernels of the lock.
        source: for the message.

    Raises:
        UserError: a kernel is wanted that the lock does not have.
    """
    wanted = list(known) if chosen is None else [entry.id for entry in chosen]
    missing = [ident for ident in wanted if ident not in known]
    if missing:
        raise UserError(f"{source} has no {', '.join(missing)}; it has {', '.join(known)}")
    return [Entry(known[ident].selector, ident, explicit=True) for ident in wanted]


def resolve(lock: Locked, say: Say) -> Kernel:
    """The very kernel that was tested.

    Raises:
        UserError: it cannot be had any more; the text says why.
    """
    found = _kept(lock)
    if found is not None:
        return found
    exact = lock.selector
    if exact.startswith("debian:"):
        cached = _cached(lock)
        if cached is not None:
            return replace(cached, id=lock.id, **lock.settings)
        exact = f"debian:{lock.version}"
    try:
        kernel = providers.resolve(exact, say)
    except UserError as error:
        raise UserError(f"{lock.label} cannot be had any more: {error}") from error
    if lock.sha256 or kernel.sha256:
        same, what = kernel.sha256 == lock.sha256, f", sha256 {kernel.sha256[:12]}"
    else:
        same, what = kernel.release == lock.release, ""
    if not same:
        raise UserError(
            f"{lock.label} cannot be had any more: {exact} is "
            f"{kernel.version or kernel.release or 'another one'} now{what}"
        )
    return replace(kernel, selector=lock.selector, id=lock.id, **lock.settings)


def _kept(lock: Locked) -> Kernel | None:
    """The kernel as the run's own description has it, if its image is still the same."""
    try:
        kernel = providers.resolve(f"resolved:{lock.described}")
        if kernel.image is None or not lock.sha256:
            return None
        with kernel.image.open("rb") as file:
            same = file_digest(file, "sha256").hexdigest() == lock.sha256
    except (UserError, OSError):
        return None
    # what goes with an image may have been cleaned away
    whole = all(p is None or p.exists() for p in (kernel.modules, kernel.config))
    return kernel if same and whole else None


def _cached(lock: Locked) -> Kernel | None:
    """A package that the mirror may not have any more."""
    from kernel_matrix.providers import debian

    for directory, data in reversed(debian.cached()):
        if data["sha256"] == lock.sha256:
            return debian.described(directory, lock.selector)
    return None
