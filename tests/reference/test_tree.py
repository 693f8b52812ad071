"""tree:<directory>+build: a copy of somebody's tree, with a makefile of our own."""

from pathlib import Path

import pytest

from helpers.errors import UserError
from kernel_matrix import build_make, providers

MAKEFILE = """\
VERSION = 6
PATCHLEVEL = 12
olddefconfig:
	@echo CONFIG_COMPLETED=y >> $(O)/.config
bzImage:
	@echo '  CC      fs/splice.o'
	@if grep MISTAKE $(O)/source.c; then \\
		echo 'fs/splice.c:7:1: error: a mistake'; echo 'make: *** all'; exit 1; fi
	@mkdir -p $(O)/arch/x86/boot
	@cat $(O)/source.c > $(O)/arch/x86/boot/bzImage
"""


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A tree that is configured and not built; the cache is elsewhere."""
    monkeypatch.setenv("KERNEL_MATRIX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(build_make, "require_tools", lambda: None)
    tree = tmp_path / "linux"
    tree.mkdir()
    for name, text in (
        ("Kconfig", ""), ("Kbuild", ""), ("Makefile", MAKEFILE),
        (".config", "CONFIG_THEIRS=y\n"), ("source.c", "first\n"),
    ):  # fmt: skip
        (tree / name).write_text(text)
    return tree


def contents(tree):
    return {path.name: path.read_bytes() for path in tree.rglob("*") if path.is_file()}


def test_a_copy_is_configured_for_a_machine_of_ours_and_built(tree):
    before = contents(tree)
    kernel = providers.resolve(f"tree:{tree}+build")
    assert kernel.image.read_text() == "first\n"
    config = kernel.config.read_text()
    assert config.startswith("CONFIG_THEIRS=y\n")
    assert "CONFIG_SERIAL_8250_CONSOLE=y\n" in config
    assert config.endswith("CONFIG_COMPLETED=y\n")
    assert kernel.origin.endswith(", built here")
    assert contents(tree) == before


def test_what_changes_in_the_tree_is_built_the_next_time(tree):
    kernel = providers.resolve(f"tree:{tree}+build")
    (tree / "source.c").write_text("second\n")
    kept = kernel.image.parents[3] / "object.o"
    kept.write_text("kept")
    assert providers.resolve(f"tree:{tree}+build").image == kernel.image
    assert kernel.image.read_text() == "second\n"
    assert kept.exists()


def test_a_tree_that_does_not_compile_is_the_first_error(tree):
    (tree / "source.c").write_text("MISTAKE\n")
    with pytest.raises(UserError, match=r"splice\.c:7:1: error: a mistake; all of it is in ") as e:
        providers.resolve(f"tree:{tree}+build")
    log = Path(str(e.value).rpartition(" ")[2])
    assert "make: *** all" in log.read_text()


def test_a_copy_that_was_interrupted_is_made_anew(tree, tmp_path):
    def interrupt(line):
        if "copying" in line:
            partial = next((tmp_path / "cache/builds").glob("tree-*")) / "copy.partial"
            partial.mkdir()
            (partial / "half").touch()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        providers.resolve(f"tree:{tree}+build", interrupt)
    copy = providers.resolve(f"tree:{tree}+build").image.parents[3]
    assert not (copy / "half").exists()
    assert not (copy.parent / "copy.partial").exists()
