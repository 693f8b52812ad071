"""debian:<series>, debian:<package version> or debian:<release>: kernel packages of Debian."""

import json
import os
import re
import subprocess
import tarfile
import time
from dataclasses import dataclass
from hashlib import file_digest, sha256
from pathlib import Path, PurePosixPath
from typing import Any

from helpers.cache import cache_dir, publish, scratch, unwritable
from helpers.errors import UserError
from helpers.kernel import Kernel
from kernel_matrix.providers import NotAvailable, Say, debindex, debversion
from kernel_matrix.providers.apt import Apt
from kernel_matrix.providers.aptsources import find_mirror
from kernel_matrix.providers.debindex import DebianKernel

FRESH_SECONDS = 12 * 3600
"""For so long the package lists are believed without asking the mirror."""

RETRY_SECONDS = 300
"""For so long a mirror that could not be reached is not asked again, if an old list will do."""

_SCHEMA = 2

# What is kept of a package, and with which version of this table: a cache entry is never changed,
# another table makes another entry. Modules: those that reach us through a virtio port, those of
# the devices and file systems that a virtual machine can be given, and those that cases load.
_LAYOUT = "3"
_KEEP = re.compile(
    r"""(?:usr/)?(?:
        boot/(?:vmlinuz|config)-[^/]+
      | lib/modules/[^/]+/(?:vmlinuz|config|modules\.(?:builtin|builtin\.modinfo|order))
      | lib/modules/[^/]+/kernel/(?:
            drivers/virtio/[^/]+
          | drivers/char/virtio_console[^/]+
          | drivers/block/(?:virtio_blk|loop)[^/]+
          | drivers/net/(?:virtio_net|net_failover)[^/]+
          | net/core/failover[^/]+
          | net/vmw_vsock/[^/]+
          | fs/(?:fuse|overlayfs|9p|netfs)/[^/]+
          | (?:crypto|lib/crypto|net/tls|net/xfrm)/[^/]+
          | net/ipv[46]/esp[46]\.[^/]+
        )
    )""",
    re.VERBOSE,
)


@dataclass(frozen=True)
class Index:
    """What the mirror had when it was last asked.

    Attributes:
        time: when that was, Unix seconds.
        kernels: oldest first.
        missing: the suites that it did not give, with the reason.
    """

    time: float
    kernels: list[DebianKernel]
    missing: dict[str, str]

    @property
    def fresh(self) -> bool:
        """It need not be asked again."""
        return 0 <= time.time() - self.time < FRESH_SECONDS

    @property
    def age(self) -> str:
        """When that was, for people."""
        return time.strftime("%Y-%m-%d %H:%M", time.localtime(self.time))


def check(rest: str) -> None:
    """It must look like a version."""
    if not re.fullmatch(r"\d+\.\d+[\w.+~:-]*", rest):
        raise UserError(
            f"debian:{rest} is not a series (debian:6.12), a package version (debian:6.1.192-2) "
            "or a release (debian:6.12.95+deb13-cloud-amd64)"
        )


def resolve(rest: str, say: Say) -> Kernel:
    """The newest package that is meant; without a network, what the cache has of it."""
    selector = f"debian:{rest}"
    try:
        index = read_index(say)
        chosen = debindex.choose(index.kernels, rest)
        directory = _cached_as(chosen) or fetch(chosen, say)
    except NotAvailable:
        raise
    except UserError as error:
        fallback = _newest_cached(rest)
        if fallback is None:
            raise
        say(f"{selector}: {error}; using {fallback.name} from the cache")
        directory = fallback
    return described(directory, selector)


def described(directory: Path, selector: str) -> Kernel:
    """The kernel in a cache entry."""
    data = json.loads((directory / "kernel.json").read_text())
    modules = directory / "lib/modules" / data["release"]
    config = directory / "config"
    return Kernel(
        selector=selector,
        id=selector,
        release=data["release"],
        version=data["version"],
        image=directory / "vmlinuz",
        modules=modules if modules.is_dir() else None,
        config=config if config.is_file() else None,
        sha256=data["sha256"],
        origin=_origin(data),
    )


def _origin(data: dict[str, Any]) -> str:
    text = f"Debian {data['suite']}, {data['packages'][0]} {data['version']}"
    if data["missing"]:
        text += f"; the mirror has no {' and no '.join(data['missing'])} any more"
    return text


def entry(kernel: DebianKernel) -> Path:
    """Where the cache has a kernel, or would have it."""
    sums = "\n".join([_LAYOUT, *(package.sha256 for package in kernel.packages)])
    digest = sha256(sums.encode()).hexdigest()[:12]
    name = f"linux-image-{kernel.release}_{kernel.version}_{digest}"
    return _kernels_dir() / name


def _cached_as(kernel: DebianKernel) -> Path | None:
    """The cache's entry for a kernel, also one from when the archive still had more of it."""
    exact = entry(kernel)
    if (exact / "kernel.json").is_file():
        return exact
    for directory, data in cached():
        same = (data["release"], data["version"]) == (kernel.release, kernel.version)
        if same and data["layout"] == _LAYOUT and set(data["missing"]) < set(kernel.missing):
            return directory
    return None


def cached() -> list[tuple[Path, dict[str, Any]]]:
    """The cache's entries with their descriptions, oldest version first."""
    found = []
    for file in _kernels_dir().glob("*/kernel.json"):
        try:
            data = json.loads(file.read_text())
        except (OSError, ValueError):
            continue
        if data.get("schema") == _SCHEMA:
            found.append((file.parent, data))
    return sorted(found, key=lambda item: debversion.key(item[1]["version"]))


def read_index(say: Say) -> Index:
    """What the mirror has; asks it when that is not known or not fresh any more.

    Raises:
        UserError: it is not known and the mirror cannot be asked.
    """
    apt = Apt.prepared(find_mirror())
    index = _load_index(apt)
    if index is not None and (index.fresh or _failed_lately(apt)):
        return index
    with apt.lock(say):
        index = _load_index(apt)
        if index is not None and index.fresh:
            return index
        try:
            missing = apt.update(say)
        except UserError as error:
            if index is None:
                raise
            say(f"{error}; using the list of {index.age}")
            (apt.state / "failed").touch()
            return index
        index = Index(time.time(), debindex.kernels_of(apt.lists()), missing)
        _store_index(apt, index)
    return index


def fetch(kernel: DebianKernel, say: Say) -> Path:
    """Download the packages, keep what is needed of them, publish that as one directory.

    Raises:
        UserError: the network, the disk or the package is not as it should be.
    """
    final = entry(kernel)
    size = sum(package.size for package in kernel.packages)
    say(f"downloading {kernel.packages[0].name} {kernel.version} ({size / 1e6:.0f} MB)")
    with scratch(final.parent) as work:
        debs = work / "debs"
        tree = work / "tree"
        debs.mkdir()
        tree.mkdir()
        apt = Apt.prepared(find_mirror())
        names = [(package.name, package.version) for package in kernel.packages]
        for deb in apt.download(names, debs, say):
            _unpack(deb, tree)
            deb.unlink()
        _describe(tree, kernel)
        publish(tree, final)
    return final


def _unpack(deb: Path, tree: Path) -> None:
    """The wanted files of a package, all under lib/modules, the image and configuration on top."""
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", deb], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        with tarfile.open(fileobj=process.stdout, mode="r|") as archive:
            for member in archive:
                path = PurePosixPath(member.name)
                if not member.isfile() or not _KEEP.fullmatch(str(path)) or ".." in path.parts:
                    continue
                content = archive.extractfile(member)
                assert content is not None
                target = tree / _place(path)
                target.parent.mkdir(parents=True, exist_ok=True)
                with target.open("wb") as file:
                    while chunk := content.read(1 << 20):
                        file.write(chunk)
    if process.returncode != 0:
        raise UserError(f"dpkg-deb cannot unpack {deb.name}")


def _place(path: PurePosixPath) -> PurePosixPath:
    """Where a file of a package goes in a cache entry."""
    for name in ("vmlinuz", "config"):
        if path.name == name or path.name.startswith(f"{name}-"):
            return PurePosixPath(name)
    parts = path.parts[1:] if path.parts[0] == "usr" else path.parts
    return PurePosixPath(*parts)


def _describe(tree: Path, kernel: DebianKernel) -> None:
    """Write kernel.json; the last thing that makes an entry complete."""
    image = tree / "vmlinuz"
    if not image.is_file():
        names = ", ".join(package.name for package in kernel.packages)
        raise UserError(f"no kernel image in {names} {kernel.version}: their layout is not known")
    with image.open("rb") as file:
        digest = file_digest(file, "sha256").hexdigest()
    data = {
        "schema": _SCHEMA,
        "layout": _LAYOUT,
        "packages": [package.name for package in kernel.packages],
        "missing": list(kernel.missing),
        "version": kernel.version,
        "release": kernel.release,
        "suite": kernel.suite,
        "sha256": digest,
    }
    (tree / "kernel.json").write_text(json.dumps(data, indent=1) + "\n")


def _newest_cached(rest: str) -> Path | None:
    """The newest cache entry that a selector can mean."""
    for directory, data in reversed(cached()):
        version: str = data["version"]
        upstream = debversion.split(version)[1]
        if rest in (debindex.series_of(version), version, data["release"], upstream):
            return Path(directory)
    return None


def _kernels_dir() -> Path:
    return cache_dir() / "kernels" / "debian"


def _failed_lately(apt: Apt) -> bool:
    """The mirror could not be asked some minutes ago; the next kernel need not wait for it too."""
    try:
        return 0 <= time.time() - (apt.state / "failed").stat().st_mtime < RETRY_SECONDS
    except FileNotFoundError:
        return False


def _load_index(apt: Apt) -> Index | None:
    try:
        data = json.loads((apt.state / "kernels.json").read_text())
        if data["schema"] != _SCHEMA:
            return None
        kernels = [DebianKernel.from_json(item) for item in data["kernels"]]
        return Index(data["time"], kernels, data["missing"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _store_index(apt: Apt, index: Index) -> None:
    data = {
        "schema": _SCHEMA,
        "time": index.time,
        "missing": index.missing,
        "kernels": [kernel.to_json() for kernel in index.kernels],
    }
    partial = apt.state / f"kernels.json.{os.getpid()}"
    try:
        partial.write_text(json.dumps(data))
        partial.rename(apt.state / "kernels.json")
    except OSError as error:
        raise unwritable(apt.state, error) from error
