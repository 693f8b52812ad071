"""Building a commit, with a Makefile that only says that it builds."""

import pytest

from helpers.errors import UserError
from kernel_matrix import bisect_build
from kernel_matrix.bisect_build import Unbuildable

MAKEFILE = """\
VERSION = 6
PATCHLEVEL = 1
allnoconfig:
	grep -v CONFIG_LACKING $(KCONFIG_ALLCONFIG) > $(O)/.config
bzImage:
	@{bzimage}
	mkdir -p $(O)/arch/x86/boot
	cp $(O)/.config $(O)/arch/x86/boot/bzImage
"""


@pytest.fixture
def build(tmp_path):
    """Builds a tree whose make does something before it makes the image."""

    def make(bzimage="true", more=""):
        source = tmp_path / "source"
        source.mkdir(exist_ok=True)
        (source / "Makefile").write_text(MAKEFILE.format(bzimage=bzimage))
        fragment = tmp_path / "more.config"
        fragment.write_text(more)
        said = []
        log = tmp_path / "build.log"
        objects = tmp_path / "objects"
        return bisect_build.build(source, objects, [fragment], "k", log, said.append), said

    return make


def test_the_small_configuration_and_what_is_added(build):
    kernel, said = build(more="CONFIG_LACKING=y\nCONFIG_PROC_FS=n\n")
    config = kernel.config.read_text()
    assert "CONFIG_VIRTIO_CONSOLE=y\n" in config
    assert "# CONFIG_PROC_FS is not set\n" in config
    assert said == ["k cannot have CONFIG_LACKING=y"]
    assert (kernel.id, kernel.image.name) == ("k", "bzImage")
    again, _ = build(more="CONFIG_PROC_FS=n\n")
    assert again.sha256 == kernel.sha256
    other, _ = build(more="CONFIG_PROC_FS=y\n")
    assert other.sha256 != kernel.sha256


def test_a_compiler_that_fails_is_the_commits_fault(build):
    with pytest.raises(Unbuildable, match=r"^fs/splice.c:7:1: error: expected ';'; all of it is"):
        build(bzimage="echo \"fs/splice.c:7:1: error: expected ';'\"; false")


def test_a_full_disk_is_not(build):
    with pytest.raises(UserError, match="No space left on device"):
        build(bzimage="echo 'ld: cannot write: No space left on device'; false")
