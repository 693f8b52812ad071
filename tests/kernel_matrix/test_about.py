import gzip
import json
import sys

import pytest

from helpers.errors import UserError
from helpers.kernel import Kernel
from kernel_matrix import about


def test_a_run_says_what_it_was_made_with(tmp_path, monkeypatch):
    monkeypatch.setenv("KERNEL_MATRIX_ACCEL", "tcg")
    monkeypatch.setenv("KERNEL_MATRIX_IMAGE_PASSWORD", "hunter2")
    monkeypatch.setenv("SOMETHING_ELSE", "x")
    about.write(tmp_path)
    text = (tmp_path / about.FILE).read_text()
    told = json.loads(text)
    assert told["argv"] == sys.argv
    assert told["environment"]["KERNEL_MATRIX_ACCEL"] == "tcg"
    assert "hunter2" not in text
    assert "SOMETHING_ELSE" not in text
    assert told["packages"]["pytest"] == pytest.__version__
    assert set(told) >= {"version", "python", "qemu", "host", "time", "directory"}


def test_without_qemu_and_git_it_is_said_all_the_same(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    told = about.gathered()
    assert (told["qemu"], told["version"]) == ("", "unknown")


def test_a_directory_that_cannot_be_written(tmp_path):
    with pytest.raises(UserError, match="cannot write to"):
        about.write(tmp_path / "nix")


def test_the_configuration_stays_with_the_cell(tmp_path):
    config = tmp_path / "config"
    config.write_text("CONFIG_X=y\n")
    about.keep_config(Kernel("x", "x", config=config), tmp_path)
    assert gzip.decompress((tmp_path / about.CONFIG).read_bytes()) == b"CONFIG_X=y\n"
    about.keep_config(Kernel("x", "x", config=tmp_path / "gone"), tmp_path)
    about.keep_config(Kernel("x", "x"), tmp_path)


def test_a_configuration_that_is_compressed_is_so_once(tmp_path):
    config = tmp_path / "proc.gz"
    config.write_bytes(gzip.compress(b"CONFIG_X=y\n"))
    about.keep_config(Kernel("x", "x", config=config), tmp_path)
    assert gzip.decompress((tmp_path / about.CONFIG).read_bytes()) == b"CONFIG_X=y\n"


def test_what_the_cell_has_kept_comes_first(tmp_path, monkeypatch):
    config = tmp_path / "config"
    config.write_text("CONFIG_X=y\n")
    cell = tmp_path / "cell"
    cell.mkdir()
    about.keep_config(Kernel("x", "x", config=config), cell)
    config.write_text("CONFIG_X=n\n")
    assert about.kept_config(cell, str(config)) == "CONFIG_X=y\n"
    (cell / about.CONFIG).write_bytes((cell / about.CONFIG).read_bytes()[:-9])
    assert about.kept_config(cell, str(config)) == "CONFIG_X=n\n"
    # What lies around where the user is belongs to nobody.
    monkeypatch.chdir(tmp_path)
    about.keep_config(Kernel("x", "x", config=config), tmp_path)
    assert about.kept_config(type(cell)(), None) is None
