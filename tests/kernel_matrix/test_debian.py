"""The Debian provider: with packages made here, and once with the real mirror."""

import io
import json
import lzma
import shutil
import subprocess
import sys
import tarfile
import time
from types import SimpleNamespace

import pytest

from helpers.errors import UserError
from kernel_matrix import providers
from kernel_matrix.providers import debian, debindex
from kernel_matrix.providers.apt import Apt

needs_tools = pytest.mark.skipif(
    shutil.which("dpkg-deb") is None or shutil.which("apt-get") is None, reason="no Debian tools"
)


def member(archive, name, data):
    info = tarfile.TarInfo(f"./{name}")
    info.size = len(data)
    archive.addfile(info, io.BytesIO(data))


def deb(path, files):
    """A package: an ar archive of a version, control data, and the files."""
    parts = {"debian-binary": b"2.0\n"}
    control = b"Package: x\nVersion: 1\nArchitecture: amd64\nMaintainer: x\nDescription: x\n"
    for name, contents in (("control.tar.xz", {"control": control}), ("data.tar.xz", files)):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            for file, data in contents.items():
                member(archive, file, data)
        parts[name] = lzma.compress(buffer.getvalue())
    with path.open("wb") as out:
        out.write(b"!<arch>\n")
        for name, data in parts.items():
            out.write(f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(data):<10}`\n".encode())
            out.write(data + b"\n" * (len(data) % 2))


KERNEL = debindex.DebianKernel(
    "6.1.0-9-cloud-amd64",
    "cloud-amd64",
    "6.1.9-1",
    "bookworm",
    (debindex.Package("linux-image-6.1.0-9-cloud-amd64", "6.1.9-1", "00", 1000),),
)
MODULES = "lib/modules/6.1.0-9-cloud-amd64"
OLD_LAYOUT = {
    "boot/vmlinuz-6.1.0-9-cloud-amd64": b"kernel",
    "boot/config-6.1.0-9-cloud-amd64": b"CONFIG_64BIT=y\n",
    f"{MODULES}/modules.builtin": b"",
    f"{MODULES}/kernel/drivers/virtio/virtio.ko": b"virtio",
    f"{MODULES}/kernel/drivers/char/virtio_console.ko": b"console",
    f"{MODULES}/kernel/crypto/gcm.ko": b"cipher",
    f"{MODULES}/kernel/net/tls/tls.ko": b"tls",
    f"{MODULES}/kernel/net/ipv4/esp4.ko": b"esp",
    f"{MODULES}/kernel/net/ipv4/esp4_offload.ko": b"not asked for",
    f"{MODULES}/kernel/net/tipc/tipc.ko": b"not asked for",
    f"{MODULES}/kernel/fs/btrfs/btrfs.ko": b"large",
    f"{MODULES}/kernel/drivers/virtio/../../../../../../evil": b"evil",
    "usr/share/doc/x": b"doc",
}
NEW_LAYOUT = {
    f"usr/{MODULES}/vmlinuz": b"kernel",
    f"usr/{MODULES}/config": b"CONFIG_64BIT=y\n",
    f"usr/{MODULES}/kernel/drivers/virtio/virtio.ko.xz": b"virtio",
}


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    """A mirror that has one kernel; a switch turns it off, a list says what was fetched."""
    monkeypatch.setenv("KERNEL_MATRIX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("KERNEL_MATRIX_MIRROR", "http://127.0.0.1:9/debian")

    state = SimpleNamespace(on=True, files=OLD_LAYOUT, kernels=[KERNEL], calls=[])

    def update(self, say):
        state.calls.append("update")
        if not state.on:
            raise UserError("no network")
        return {}

    def download(self, packages, into, say):
        state.calls.append("download")
        if not state.on:
            raise UserError("no network")
        deb(into / "x.deb", state.files)
        return [into / "x.deb"]

    monkeypatch.setattr(Apt, "update", update)
    monkeypatch.setattr(Apt, "download", download)
    monkeypatch.setattr(Apt, "lists", lambda self: iter(()))
    monkeypatch.setattr(debindex, "kernels_of", lambda lists: state.kernels)
    return state


@needs_tools
@pytest.mark.parametrize("files", [OLD_LAYOUT, NEW_LAYOUT])
def test_packages_of_both_layouts(mirror, files):
    mirror.files = files
    kernel = providers.resolve("debian:6.1")
    assert kernel.image.read_bytes() == b"kernel"
    assert kernel.config.read_bytes() == b"CONFIG_64BIT=y\n"
    assert list((kernel.modules / "kernel/drivers/virtio").iterdir())
    assert (kernel.release, kernel.version) == ("6.1.0-9-cloud-amd64", "6.1.9-1")


@needs_tools
def test_only_what_is_wanted_is_kept(mirror):
    kernel = providers.resolve("debian:6.1")
    entry = kernel.image.parent
    kept = {str(file.relative_to(entry)) for file in entry.rglob("*") if file.is_file()}
    assert kept == {
        "vmlinuz",
        "config",
        "kernel.json",
        f"{MODULES}/modules.builtin",
        f"{MODULES}/kernel/drivers/virtio/virtio.ko",
        f"{MODULES}/kernel/drivers/char/virtio_console.ko",
        f"{MODULES}/kernel/crypto/gcm.ko",
        f"{MODULES}/kernel/net/ipv4/esp4.ko",
        f"{MODULES}/kernel/net/tls/tls.ko",
    }
    assert [p.name for p in entry.parent.iterdir()] == [entry.name]


@needs_tools
def test_the_second_time_nothing_is_fetched(mirror):
    first = providers.resolve("debian:6.1")
    assert mirror.calls == ["update", "download"]
    assert providers.resolve("debian:6.1") == first
    assert mirror.calls == ["update", "download"]


@needs_tools
def test_without_a_network_the_cache_is_enough(mirror, monkeypatch):
    first = providers.resolve("debian:6.1")
    mirror.on = False
    later = time.time() + 10 * debian.FRESH_SECONDS
    monkeypatch.setattr(debian.time, "time", lambda: later)
    said = []
    assert providers.resolve("debian:6.1", said.append) == first
    assert any("no network; using the list of" in line for line in said)
    # Nor does a package list have to be there.
    for index in (debian.cache_dir() / "apt").glob("*/kernels.json"):
        index.unlink()
    said.clear()
    assert providers.resolve("debian:6.1", said.append) == first
    assert any("from the cache" in line for line in said)


@needs_tools
def test_without_a_network_and_a_cache_it_is_one_line(mirror):
    mirror.on = False
    with pytest.raises(UserError, match="no network"):
        providers.resolve("debian:6.1")


@needs_tools
def test_a_package_without_an_image_leaves_nothing(mirror):
    mirror.files = {"usr/share/doc/x": b""}
    with pytest.raises(UserError, match="no kernel image in linux-image"):
        providers.resolve("debian:6.1")
    assert list((debian.cache_dir() / "kernels/debian").iterdir()) == []


@needs_tools
def test_an_entry_outlives_what_the_mirror_drops(mirror, monkeypatch):
    first = providers.resolve("debian:6.1")
    package = debindex.Package("linux-binary-6.1", "6.1.9-1", "11", 1)
    mirror.kernels = [
        debindex.DebianKernel(
            KERNEL.release,
            KERNEL.flavour,
            KERNEL.version,
            "sid",
            (package,),
            ("linux-modules-6.1",),
        )
    ]
    for index in (debian.cache_dir() / "apt").glob("*/kernels.json"):
        index.unlink()
    assert providers.resolve("debian:6.1").image == first.image
    assert mirror.calls.count("download") == 1


@pytest.mark.network
@needs_tools
def test_the_real_mirror(monkeypatch):
    monkeypatch.delenv("KERNEL_MATRIX_MIRROR", raising=False)
    done = subprocess.run(
        [sys.executable, "-m", "kernel_matrix", "resolve", "debian:6.1", "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    kernel = json.loads(done.stdout)
    assert kernel["version"].startswith("6.1.")
