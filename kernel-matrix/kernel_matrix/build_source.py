"""Kernel sources: Debian's linux-source packages, unpacked once, with our changes applied.

A series has one directory, builds/<series>, with the source tree and a build directory for each
configuration. It is a place of work and not a finished entry of the cache: whoever changes
something in it holds its lock.
"""

import fcntl
import json
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

from helpers.cache import cache_dir, scratch, unwritable
from helpers.errors import UserError
from kernel_matrix import errands
from kernel_matrix.providers import NotAvailable, Say, debversion
from kernel_matrix.providers.apt import Apt
from kernel_matrix.providers.aptsources import find_mirror
from kernel_matrix.providers.debian import FRESH_SECONDS, read_index

_LAYOUT = "1"
# What no build for x86 reads: a third of the tree's size. Kconfig reads every architecture's
# Kconfig files, and fs/hostfs includes a makefile of arch/um.
_UNUSED = (
    "linux-source-*/arch/[!ux]*/*.[chSs]",
    "linux-source-*/arch/[!ux]*/*.dts*",
    "linux-source-*/Documentation/*.rst",
    "linux-source-*/Documentation/*.yaml",
    "linux-source-*/Documentation/*.txt",
    "linux-source-*/drivers/gpu/drm/amd/include/*",
)


@dataclass(frozen=True)
class Package:
    """A linux-source package of the archive."""

    series: str
    version: str
    suite: str
    sha256: str

    @property
    def name(self) -> str:
        """The package's name."""
        return f"linux-source-{self.series}"


def directory_of(series: str) -> Path:
    """Where a series is built; perhaps not there yet."""
    return cache_dir() / "builds" / series


@contextmanager
def workplace(series: str, say: Say) -> Iterator[Path]:
    """The directory of a series, locked against all others that want to change it.

    Raises:
        UserError: the cache cannot be written.
    """
    directory = directory_of(series)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        file = (directory / "in-use").open("w")
    except OSError as error:
        raise unwritable(directory, error) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for another kernel-matrix that builds {series}")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield directory


def newest(lists: Iterable[tuple[str, bytes]], series: str) -> Package | None:
    """The newest linux-source of a series in package lists; None where there is none.

    Args:
        lists: a suite's name and its Packages file, for each suite.
        series: "6.12".
    """
    stanza = re.compile(
        rb"^Package: linux-source-%s\n(?:[^\n]+\n)*" % re.escape(series).encode(), re.M
    )
    found = []
    for suite, data in lists:
        for match in stanza.finditer(data):
            text = match[0].decode("utf-8", "replace")
            fields = dict(re.findall(r"^(Version|SHA256): (\S+)$", text, re.M))
            if len(fields) == 2:
                found.append(Package(series, fields["Version"], suite, fields["SHA256"]))
    return max(found, key=lambda package: debversion.key(package.version), default=None)


def fresh_package(directory: Path) -> Package | None:
    """What the mirror had not long ago; None if that is not known. Needs no lock."""
    file = directory / "package.json"
    known = _load(file)
    fresh = known is not None and 0 <= time.time() - file.stat().st_mtime < FRESH_SECONDS
    return known if fresh else None


def find_package(directory: Path, series: str, say: Say) -> Package:
    """The package to build from: the mirror's newest, or without a mirror the one unpacked.

    Raises:
        NotAvailable: the mirror has none of this series.
        UserError: the mirror cannot be asked and nothing is unpacked.
    """
    known = fresh_package(directory)
    if known is not None:
        return known
    try:
        # For its side effect: the lists are fetched if they are not fresh.
        read_index(say)
        package = newest(Apt.prepared(find_mirror()).lists(), series)
    except UserError as error:
        unpacked = _load(directory / "source" / "package.json")
        if unpacked is None:
            raise
        say(f"{error}; using {unpacked.name} {unpacked.version} from the cache")
        return unpacked
    if package is None:
        raise NotAvailable(f"the mirror has no linux-source-{series}")
    _write(directory / "package.json", json.dumps(asdict(package)))
    return package


def source(directory: Path, package: Package, say: Say) -> Path:
    """The source tree of a package, fetched and unpacked if it is not there.

    Raises:
        UserError: it cannot be fetched or unpacked, or the disk is full.
    """
    final = directory / "source"
    if _load(final / "package.json") == package and (final / _LAYOUT).exists():
        return final / "linux"
    # The lock is ours: what is half made was left behind by somebody who was killed.
    for left in directory.glob(".partial-*"):
        shutil.rmtree(left, ignore_errors=True)
    with scratch(directory) as work:
        say(f"downloading {package.name} {package.version} (about 150 MB)")
        deb = Apt.prepared(find_mirror()).download([(package.name, package.version)], work, say)[0]
        say(f"unpacking {package.name} {package.version} (about 1 GB, once)")
        _run(["dpkg-deb", "-x", str(deb), str(work / "deb")], f"cannot unpack {deb.name}")
        deb.unlink()
        archive = next((work / "deb/usr/src").glob("linux-source-*.tar.*"), None)
        if archive is None:
            raise UserError(f"no source in {package.name} {package.version}: unknown layout")
        tree = work / "tree"
        (tree / "linux").mkdir(parents=True)
        excludes = [f"--exclude={pattern}" for pattern in _UNUSED]
        into = ["-C", str(tree / "linux"), "--strip-components=1", "-xf", str(archive)]
        _run(["tar", "--anchored", *excludes, *into], f"cannot unpack {archive.name}")
        (tree / _LAYOUT).touch()
        (tree / "package.json").write_text(json.dumps(asdict(package)))
        if final.exists():
            # Objects of another version are of no use: make would build all of them again.
            final.rename(work / "old")
            for objects in directory.glob("obj-*"):
                shutil.rmtree(objects)
        tree.rename(final)
    return final / "linux"


Read = Callable[[str], str]
"""Gives the text of a file of the tree, as the package, the patch and files of ours make it."""


def apply(
    tree: Path,
    patch: str,
    files: dict[str, Path],
    rewrite: Callable[[Read], dict[str, str]] | None = None,
) -> None:
    """Make a tree be the package's plus a patch plus files of ours, touching only what differs.

    What the patch changes is kept as it was beside the tree, so that another patch can be applied
    later; make sees a changed file only where the outcome is another one.

    Args:
        tree: the source tree.
        patch: a unified diff, to be applied with -p1.
        files: path in the tree -> file that is copied there.
        rewrite: changes files after all this; gives their new texts by path.

    Raises:
        UserError: the patch does not fit, or a file that is to be rewritten is not there.
    """
    pristine = tree.parent / "pristine"
    names = re.findall(r"^--- a/(\S+)", patch, re.M)
    for name in names:
        _keep(tree, pristine, name)
    wanted = {name: path.read_bytes() for name, path in files.items()}
    for kept in pristine.rglob("*"):
        if kept.is_file() and not kept.name.endswith(".partial"):
            wanted.setdefault(str(kept.relative_to(pristine)), kept.read_bytes())
    with tempfile.TemporaryDirectory(dir=tree.parent) as name:
        work = Path(name)
        for path in names:
            (work / path).parent.mkdir(parents=True, exist_ok=True)
            (work / path).write_bytes(wanted[path])
        done = subprocess.run(
            ["patch", "-p1", "--fuzz=0", "--batch", "--no-backup-if-mismatch"],
            input=patch, cwd=work, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            reason = next((s for s in done.stdout.splitlines() if "FAILED" in s), done.stdout)
            raise UserError(f"the patch does not fit this source: {reason.strip()}")
        wanted |= {path: (work / path).read_bytes() for path in names}

    def read(path: str) -> str:
        if path not in wanted:
            if not (tree / path).is_file():
                raise UserError(f"there is no file {path} in this source")
            _keep(tree, pristine, path)
            wanted[path] = (pristine / path).read_bytes()
        return wanted[path].decode()

    if rewrite is not None:
        wanted |= {path: text.encode() for path, text in rewrite(read).items()}
    for path, data in wanted.items():
        target = tree / path
        if not target.exists() or target.read_bytes() != data:
            target.write_bytes(data)


def _keep(tree: Path, pristine: Path, name: str) -> None:
    """Put a file of the package aside before it is changed for the first time."""
    kept = pristine / name
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        partial = kept.with_name(kept.name + ".partial")
        shutil.copyfile(tree / name, partial)
        partial.rename(kept)


def digest(*parts: str) -> str:
    """A name for what is made of some texts."""
    return sha256("\0".join((_LAYOUT, *parts)).encode()).hexdigest()


def _run(argv: list[str], what: str) -> None:
    done = errands.run(argv)
    if done.returncode:
        lines = done.stdout.strip().splitlines()
        raise UserError(f"{what}: {lines[0] if lines else f'status {done.returncode}'}")


def _load(path: Path) -> Package | None:
    try:
        return Package(**json.loads(path.read_text()))
    except (OSError, ValueError, TypeError):
        return None


def _write(path: Path, text: str) -> None:
    partial = path.with_name(f"{path.name}.partial")
    try:
        partial.write_text(text)
        partial.rename(path)
    except OSError as error:
        raise unwritable(path, error) from error
