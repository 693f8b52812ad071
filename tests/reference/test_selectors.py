"""The selectors reference: and tree:, as far as nothing is built."""

import shutil
import subprocess

import pytest
from click.testing import CliRunner

from helpers.errors import UserError
from kernel_matrix import build, build_make, providers
from kernel_matrix.cli import cli
from kernel_matrix.providers import reference, tree


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        ("6.12", build.Recipe("6.12", False, 548)),
        ("6.12+debug", build.Recipe("6.12", True, 548)),
    ],
)
def test_recipes(monkeypatch, rest, expected):
    monkeypatch.delenv("PROCESS_VMSPLICE_NR", raising=False)
    assert reference.recipe(rest) == expected
    providers.check(f"reference:{rest}")


def test_the_suites_variable_sets_the_number(monkeypatch):
    monkeypatch.setenv("PROCESS_VMSPLICE_NR", "600")
    assert reference.recipe("6.1").number == 600


def test_the_command_lines_number_is_the_one_that_is_built(monkeypatch):
    monkeypatch.setenv("PROCESS_VMSPLICE_NR", "600")
    argv = ["run", "--kernel", "reference:6.12", "--syscall-number", "333"]
    done = CliRunner().invoke(cli, argv)
    assert done.exit_code == 2
    assert "the number 333 in a reference kernel" in done.output


@pytest.mark.parametrize(
    ("selector", "number", "message"),
    [
        ("reference:", "", "not a series .*5.10, 6.1, 6.12, 7.3"),
        ("reference:6.12+fast", "", "not a series"),
        ("reference:6.1+mutants", "", "mutants are planted in 6.12 only"),
        ("reference:4.4", "", "no reference kernel of 4.4; there are 5.10"),
        ("reference:6.12", "333", "numbers below 548 are taken"),
        ("reference:6.12", "x", "PROCESS_VMSPLICE_NR=x"),
        ("tree:/no/such", "", "no such directory"),
        ("tree:/", "", "no arch/x86/boot/bzImage in it"),
        ("tree:/+build", "", "neither a kernel's source tree nor"),
    ],
)
def test_mistakes_are_found_before_anything_is_fetched(monkeypatch, selector, number, message):
    monkeypatch.setenv("PROCESS_VMSPLICE_NR", number)
    with pytest.raises(UserError, match=message):
        providers.check(selector)


def test_a_built_tree(tmp_path):
    image = tmp_path / "arch/x86/boot/bzImage"
    image.parent.mkdir(parents=True)
    image.write_bytes(b"kernel")
    (tmp_path / ".config").write_text("CONFIG_64BIT=y\n")
    kernel = providers.resolve(f"tree:{tmp_path}")
    assert (kernel.image, kernel.config) == (image, tmp_path / ".config")
    assert kernel.id == f"tree:{tmp_path.name}"


def test_the_source_of_an_output_directory(tmp_path):
    source, out = tmp_path / "linux", tmp_path / "out"
    for path in (source, out):
        path.mkdir()
    (source / "Kconfig").touch()
    (source / "Kbuild").touch()
    (out / "source").symlink_to(source)
    assert tree.source_of(out) == tree.source_of(source) == source


def test_everything_that_is_missing_is_named_at_once(monkeypatch):
    monkeypatch.setattr(
        build_make.shutil, "which", lambda name: None if name in ("bc", "flex") else name
    )
    monkeypatch.setattr(build_make, "_HEADERS", {"no-such-header.h": "libno-dev"})
    with pytest.raises(UserError, match=r"apt-get install .* bc flex libno-dev$"):
        build_make.require_tools()


def test_the_commit_of_a_built_tree_is_said(tmp_path):
    image = tmp_path / "arch/x86/boot/bzImage"
    image.parent.mkdir(parents=True)
    image.write_bytes(b"x")
    for name in ("Kconfig", "Kbuild"):
        (tmp_path / name).touch()
    assert providers.resolve(f"tree:{tmp_path}").origin == f"the tree {tmp_path}"
    who = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    for words in (["init", "-q"], ["add", "Kconfig"], ["commit", "-qm", "x"], ["tag", "v6.1"]):
        subprocess.run(["git", "-C", tmp_path, *who, *words], check=True)
    assert providers.resolve(f"tree:{tmp_path}").origin == f"the tree {tmp_path} at v6.1"
    below = shutil.copytree(tmp_path, tmp_path / "below", ignore=shutil.ignore_patterns(".git"))
    assert providers.resolve(f"tree:{below}").origin == f"the tree {below}"
    (tmp_path / "Kconfig").write_text("changed")
    assert providers.resolve(f"tree:{tmp_path}").origin == f"the tree {tmp_path} at v6.1-dirty"
