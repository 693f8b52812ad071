"""A reference kernel from package to image, with a source and a makefile of our own."""

import json
import re
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from helpers.errors import UserError
from kernel_matrix import build, build_make, build_source
from kernel_matrix.build_source import Package
from kernel_matrix.cli import cli
from kernel_matrix.providers import NotAvailable
from tests.kernel_matrix.test_debian import deb, needs_tools

PACKAGE = Package("6.12", "6.12.117-1", "trixie", "aa")
PATCH = """\
--- a/fs/splice.c
+++ b/fs/splice.c
@@ -1 +1,2 @@
 splice
+548\tcommon
"""
# As little of a kernel's makefile as there must be; the image is all that it was made of.
MAKEFILE = """\
allnoconfig:
	@cp $(KCONFIG_ALLCONFIG) $(O)/.config
bzImage:
	@echo '  CC      fs/splice.o'
	@echo built >> $(O)/builds
	@if grep -n MISTAKE fs/process_vmsplice.c; then \\
		echo 'fs/process_vmsplice.c:7:1: error: a mistake'; \\
		echo 'fs/process_vmsplice.c:8:1: error: and what follows from it'; \\
		echo 'make[1]: *** fs/splice.o'; exit 1; fi
	@mkdir -p $(O)/arch/x86/boot $(O)/include/config
	@echo 6.12.117-reference > $(O)/include/config/kernel.release
	@touch $(O)/vmlinux
	@cat fs/*.c fs/*.h $(O)/.config > $(O)/arch/x86/boot/bzImage
"""


class Place:
    """A cache with a source, and the files that are ours."""

    def __init__(self, cache, reference):
        self.cache = cache
        self.builds = cache / "builds/6.12"
        self.kernels = cache / "kernels/reference"
        self.reference = reference
        self.said = []

    def build(self, debug=False, number=548):
        return build.kernel(build.Recipe("6.12", debug, number), self.said.append)

    def add(self, name, text):
        with (self.reference / name).open("a") as file:
            file.write(text)

    def package(self, package):
        """Let it be the newest one, as it is known to be for a while."""
        (self.builds / "package.json").write_text(json.dumps(package.__dict__))

    def unpacked(self, package=PACKAGE):
        self.package(package)
        tree = self.builds / "source/linux"
        (tree / "fs").mkdir(parents=True, exist_ok=True)
        (tree / "fs/splice.c").write_text("splice\n")
        (tree / "Makefile").write_text(MAKEFILE)
        (self.builds / "source/package.json").write_text(json.dumps(package.__dict__))
        (self.builds / "source" / build_source._LAYOUT).touch()

    def builds_made(self, objects="obj-plain"):
        return (self.builds / objects / "builds").read_text().count("built")

    def half_made(self):
        return list(self.cache.rglob(".partial-*"))


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("KERNEL_MATRIX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(build_make, "require_tools", lambda: None)
    monkeypatch.setattr(build_make, "compiler", lambda: "gcc 1")
    reference = tmp_path / "reference"
    for name, text in (
        ("patches/6.12.patch", PATCH),
        ("configs/machine.config", "CONFIG_64BIT=y\n"),
        ("configs/plain.config", "CONFIG_PLAIN=y\n"),
        ("configs/debug.config", "CONFIG_KASAN=y\n"),
        *((name, f"{name}\n") for name in build.OURS),
    ):
        (reference / name).parent.mkdir(parents=True, exist_ok=True)
        (reference / name).write_text(text)
    monkeypatch.setattr(build, "REFERENCE", reference)
    made = Place(tmp_path / "cache", reference)
    made.builds.mkdir(parents=True)
    return made


def test_it_is_built_once_with_its_log_beside_it(place):
    place.unpacked()
    first = place.build()
    image = (first / "vmlinuz").read_text()
    assert "548\tcommon" in image
    assert "process_vmsplice_compat.h" in image
    assert (first / "config").read_text() == "CONFIG_64BIT=y\nCONFIG_PLAIN=y\n"
    assert "  CC      fs/splice.o" in (first / "build.log").read_text()
    assert json.loads((first / "kernel.json").read_text())["version"] == PACKAGE.version
    assert place.build() == first
    assert place.builds_made() == 1
    assert place.half_made() == []


def test_what_is_built_does_not_wait_for_another_build(place):
    place.unpacked()
    first = place.build()

    def waits(line):
        raise AssertionError(line)

    with build_source.workplace("6.12", waits):
        assert build.kernel(build.Recipe("6.12", False, 548), waits) == first
        with pytest.raises(AssertionError, match="waiting for another"):
            build.kernel(build.Recipe("6.12", True, 548), waits)


def test_what_it_takes_of_the_disk_is_said_at_first(place):
    place.unpacked()
    place.build(debug=True)
    takes = [line for line in place.said if "takes 2.5 GB of " in line]
    assert takes == [f"reference:6.12+debug: first build, takes 2.5 GB of {place.builds}"]
    place.said.clear()
    place.add("process_vmsplice.c", "more\n")
    place.build(debug=True)
    assert place.said == ["building reference:6.12+debug (what changed)"]


@pytest.mark.parametrize(
    "change",
    [
        lambda place, monkeypatch: place.add("process_vmsplice.c", "more\n"),
        lambda place, monkeypatch: place.add("process_vmsplice_compat.h", "more\n"),
        lambda place, monkeypatch: place.add("configs/machine.config", "CONFIG_MORE=y\n"),
        lambda place, monkeypatch: place.add("configs/plain.config", "CONFIG_MORE=y\n"),
        lambda place, monkeypatch: (place.reference / "patches/6.12.patch").write_text(
            PATCH.replace("common", "common\tcall")
        ),
        lambda place, monkeypatch: place.unpacked(Package("6.12", "6.12.118-1", "trixie", "bb")),
        lambda place, monkeypatch: place.unpacked(Package("6.12", "6.12.117-1", "trixie", "bb")),
        lambda place, monkeypatch: monkeypatch.setattr(build_make, "compiler", lambda: "gcc 2"),
    ],
    ids=["implementation", "header", "machine", "plain", "patch", "version", "archive", "compiler"],
)
def test_whatever_goes_in_makes_another_kernel(place, monkeypatch, change):
    place.unpacked()
    first = place.build()
    change(place, monkeypatch)
    assert place.build() != first
    assert place.builds_made() == 2


def test_another_number_and_debug_are_other_kernels(place):
    place.unpacked()
    made = [place.build(), place.build(number=600), place.build(debug=True)]
    assert "600\tcommon" in (made[1] / "vmlinuz").read_text()
    assert "CONFIG_KASAN=y" in (made[2] / "config").read_text()
    assert (place.builds_made(), place.builds_made("obj-debug")) == (2, 1)


def test_a_failure_is_the_first_error_and_the_log_is_kept(place):
    place.unpacked()
    place.add("process_vmsplice.c", "MISTAKE\n")
    with pytest.raises(build.NotBuilt) as raised:
        place.build()
    log = place.builds / "obj-plain/build.log"
    reason = f"fs/process_vmsplice.c:7:1: error: a mistake; all of it is in {log}"
    assert str(raised.value) == f"reference:6.12 cannot be built: {reason}"
    assert "make[1]: ***" in log.read_text()
    assert not place.kernels.exists()


@pytest.mark.parametrize("moment", ["building reference", "takes 1.4 GB"])
def test_an_interrupt_leaves_no_kernel_and_the_next_build_goes_on(place, moment):
    place.unpacked()

    def interrupt(line):
        if moment in line:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build.kernel(build.Recipe("6.12", False, 548), interrupt)
    assert not place.kernels.exists()
    assert place.half_made() == []
    assert (place.build() / "kernel.json").is_file()


def test_clean_says_what_it_takes_and_frees_it(place):
    place.unpacked()
    kernel = place.build()
    (place.builds / "obj-plain/vmlinux").write_bytes(bytes(3_000_000))
    shown = CliRunner().invoke(cli, ["clean"]).output
    assert re.search(rf"^ +[34]\.\d MB  {place.builds}$", shown, re.M), shown
    assert place.builds.exists()
    CliRunner().invoke(cli, ["clean", "--builds"])
    assert not place.builds.exists()
    assert kernel.exists()


def test_a_series_without_a_patch(place):
    with pytest.raises(NotAvailable, match=r"no reference kernel of 6\.1: there are 6\.12"):
        build.kernel(build.Recipe("6.1", False, 548), place.said.append)


# --- the source


@pytest.fixture
def archive(tmp_path, monkeypatch):
    """A mirror with one linux-source; gives the list of what was fetched from it."""
    inside = tmp_path / "linux-source-6.12"
    for name, text in (("Makefile", MAKEFILE), ("fs/splice.c", "splice\n"),
                       ("arch/arm/boot/x.dts", "left out\n")):  # fmt: skip
        (inside / name).parent.mkdir(parents=True, exist_ok=True)
        (inside / name).write_text(text)
    packed = shutil.make_archive(str(tmp_path / "x"), "xztar", tmp_path, inside.name)
    fetched = []

    def download(packages, work, say):
        fetched.extend(packages)
        deb(work / "x.deb", {"usr/src/linux-source-6.12.tar.xz": Path(packed).read_bytes()})
        return [work / "x.deb"]

    apt = SimpleNamespace(download=download)
    monkeypatch.setattr(build_source, "find_mirror", lambda: None)
    monkeypatch.setattr(build_source.Apt, "prepared", lambda mirror: apt)
    return fetched


@needs_tools
def test_a_source_is_fetched_and_unpacked_once(place, archive):
    place.package(PACKAGE)
    place.build()
    place.add("process_vmsplice.c", "more\n")
    place.build()
    place.build(debug=True)
    assert archive == [("linux-source-6.12", "6.12.117-1")]
    assert not (place.builds / "source/linux/arch/arm/boot/x.dts").exists()
    assert place.half_made() == []


@needs_tools
def test_another_version_takes_the_place_of_the_old_one_and_its_objects(place, archive):
    place.package(PACKAGE)
    place.build()
    place.package(Package("6.12", "6.12.118-1", "trixie", "bb"))
    place.build()
    assert [version for _, version in archive] == ["6.12.117-1", "6.12.118-1"]
    assert place.builds_made() == 1
    assert place.half_made() == []


@needs_tools
@pytest.mark.parametrize("moment", ["downloading", "unpacking"])
def test_an_interrupt_leaves_no_source_that_is_half_unpacked(place, archive, moment):
    def interrupt(line):
        if moment in line:
            raise KeyboardInterrupt

    place.package(PACKAGE)
    with pytest.raises(KeyboardInterrupt):
        build.kernel(build.Recipe("6.12", False, 548), interrupt)
    assert not (place.builds / "source").exists()
    assert place.half_made() == []
    assert (place.build() / "vmlinuz").is_file()


@needs_tools
def test_a_package_without_a_source_leaves_nothing(place, archive, monkeypatch):
    place.package(PACKAGE)

    def download(packages, work, say):
        deb(work / "x.deb", {"usr/share/doc/x": b""})
        return [work / "x.deb"]

    monkeypatch.setattr(
        build_source.Apt, "prepared", lambda mirror: SimpleNamespace(download=download)
    )
    with pytest.raises(UserError, match=r"no source in linux-source-6\.12"):
        place.build()
    assert not (place.builds / "source").exists()
