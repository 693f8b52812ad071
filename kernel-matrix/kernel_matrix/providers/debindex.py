"""Which kernels a Debian archive has, and which of them a selector means.

The package lists of ten suites are hundreds of megabytes. What matters of them is kept as one
small table: a kernel is a linux-image package and the packages that carry its files. Up to 6.17
that is the linux-image package itself; from 6.18 on the configuration is in linux-base, and from
6.19 on linux-image is empty and depends on linux-binary (the image), linux-modules and linux-base
of exactly its version. Of a superseded kernel a mirror may have the signed image still, but not
linux-modules and linux-base any more, which are of another source package: it boots without them.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from kernel_matrix.providers import NotAvailable, debversion

FLAVOURS = ("cloud-amd64", "amd64")
"""Most wanted first: the cloud flavour is small and boots fastest."""

_RELEASE = re.compile(r"\d+\.\d+(?:\.\d+|-rc\d+)[\w.+~-]*?")
_IMAGE = re.compile(
    rf"linux-image-(?!.*-rt-)(?P<release>(?:{_RELEASE.pattern})-(?P<flavour>{'|'.join(FLAVOURS)}))"
)
_PARTS = re.compile(r"linux-(?:binary|modules|base)-\d")
_STANZA = re.compile(
    rb"^Package: (linux-(?:image|binary|modules|base)-\d[^\n]*)\n(?:[^\n]+\n)*", re.M
)
_DEPENDS = re.compile(r"(linux-(?:binary|modules|base)-\d\S*) \(= ([^)]+)\)")
_SERIES = re.compile(r"\d+\.\d+")


@dataclass(frozen=True)
class Package:
    """One file of the archive."""

    name: str
    version: str
    sha256: str
    size: int


@dataclass(frozen=True)
class DebianKernel:
    """One kernel of the archive.

    Attributes:
        release: uname -r, "6.12.95+deb13-cloud-amd64".
        flavour: one of FLAVOURS.
        version: the packages' version.
        suite: one suite that has it.
        packages: those that carry the image (first), modules and configuration.
        missing: packages of that kind which the archive does not have any more.
    """

    release: str
    flavour: str
    version: str
    suite: str
    packages: tuple[Package, ...]
    missing: tuple[str, ...] = ()

    @property
    def series(self) -> str:
        """The first two numbers: "6.12"."""
        return series_of(self.version)

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "DebianKernel":
        """The inverse of to_json."""
        packages = tuple(Package(**package) for package in data["packages"])
        return cls(**{**data, "packages": packages, "missing": tuple(data["missing"])})


def series_of(version: str) -> str:
    """The first two numbers of a version or release."""
    match = _SERIES.match(debversion.split(version)[1])
    return match[0] if match else version


def series_key(series: str) -> tuple[int, ...]:
    """Sorts series by their numbers."""
    return tuple(int(number) for number in re.findall(r"\d+", series))


def parse_stanzas(data: bytes) -> Iterator[dict[str, str]]:
    """The stanzas of kernel packages in a Packages file, each as its one-line fields."""
    for match in _STANZA.finditer(data):
        fields = {}
        for line in match[0].decode("utf-8", "replace").splitlines():
            name, colon, value = line.partition(": ")
            if colon and not line.startswith(" "):
                fields[name] = value
        yield fields


def kernels_of(lists: Iterable[tuple[str, bytes]]) -> list[DebianKernel]:
    """The kernels in package lists, oldest first; one that several suites have is named once.

    Args:
        lists: a suite's name and its Packages file, for each suite.
    """
    images: dict[tuple[str, str], tuple[str, dict[str, str]]] = {}
    parts: dict[tuple[str, str], Package] = {}
    for suite, data in lists:
        for fields in parse_stanzas(data):
            package = _package(fields)
            if package is None:
                continue
            place = (package.name, package.version)
            if _PARTS.match(package.name):
                parts.setdefault(place, package)
            elif _IMAGE.fullmatch(package.name):
                parts.setdefault(place, package)
                images.setdefault(place, (suite, fields))
    found = []
    for place, (suite, fields) in images.items():
        match = _IMAGE.fullmatch(place[0])
        assert match is not None
        wanted = sorted(set(_DEPENDS.findall(fields.get("Depends", ""))))
        carriers = [need for need in wanted if need[0].startswith("linux-binary-")] or [place]
        others = [need for need in wanted if need not in carriers]
        if all(need in parts for need in carriers):
            packages = tuple(parts[need] for need in [*carriers, *others] if need in parts)
            missing = tuple(name for name, version in others if (name, version) not in parts)
            found.append(
                DebianKernel(match["release"], match["flavour"], place[1], suite, packages, missing)
            )
    return sorted(found, key=lambda kernel: debversion.key(kernel.version))


def _package(fields: dict[str, str]) -> Package | None:
    try:
        return Package(fields["Package"], fields["Version"], fields["SHA256"], int(fields["Size"]))
    except (KeyError, ValueError):
        return None


def choose(kernels: list[DebianKernel], wanted: str) -> DebianKernel:
    """The kernel that the part of a selector after "debian:" means.

    Args:
        kernels: what there is.
        wanted: a series ("6.12"), a package version ("6.1.192-2"), a release
            ("6.12.95+deb13-cloud-amd64"), or a point release ("6.12.95").

    Raises:
        NotAvailable: none is meant; the text names what there is.
    """
    if _SERIES.fullmatch(wanted):
        matching = [kernel for kernel in kernels if kernel.series == wanted]
    else:
        matching = [k for k in kernels if wanted in (k.release, k.version)] or [
            k for k in kernels if debversion.split(k.version)[1] == wanted
        ]
    if not matching:
        raise NotAvailable(f"debian:{wanted} is not available; {_what_there_is(kernels, wanted)}")
    flavour = min((kernel.flavour for kernel in matching), key=FLAVOURS.index)
    return max(
        (kernel for kernel in matching if kernel.flavour == flavour),
        key=lambda kernel: debversion.key(kernel.version),
    )


def _what_there_is(kernels: list[DebianKernel], wanted: str) -> str:
    versions = sorted(
        {k.version for k in kernels if k.series == series_of(wanted)}, key=debversion.key
    )
    if versions and not _SERIES.fullmatch(wanted):
        return f"the mirror has of {series_of(wanted)}: {', '.join(versions[-8:])}"
    series = sorted({kernel.series for kernel in kernels}, key=series_key)
    return f"the mirror has {', '.join(series)}" if series else "the mirror has no kernels"
