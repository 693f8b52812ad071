import json
import subprocess
import sys
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from helpers.errors import UserError
from kernel_matrix.cells import Status
from kernel_matrix.cli import COMMANDS, cli
from kernel_matrix.providers import debian, debindex


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("KERNEL_MATRIX_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command):
    done = CliRunner().invoke(cli, [command, "--help"])
    assert done.exit_code == 0
    assert f"kernel-matrix {command}" in done.output.split("Example:")[1]


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["resolve", "nix"], "error: unknown kernel selector 'nix'; it is one of: debian:<series"),
        (["run", "--kernel", "nix"], "error: unknown kernel selector 'nix'"),
        (["run", "--group", "nix"], "error: unknown group 'nix'"),
        (["run", "--matrix", "nix.toml"], "error: nix.toml: cannot be read"),
        (["report", "nix"], "error: nix is not the directory of a run; no such directory"),
        (["bench", "--kernel", "local"], "error: bench measures machines"),
        (["nix"], "error: kernel-matrix: no such command 'nix'; kernel-matrix --help says"),
        (["--nix"], "error: kernel-matrix: no such option '--nix'; kernel-matrix --help says"),
        (["run", "--kernle", "x"], "error: kernel-matrix run: no such option '--kernle'. Did you"),
        (["run", "--kernel"], "error: kernel-matrix: option '--kernel' requires an argument;"),
        (["run", "--accel", "x"], "error: kernel-matrix run: invalid value for '--accel': 'x' is"),
        (["resolve"], "error: kernel-matrix resolve: missing argument 'SELECTOR'; kernel-matrix r"),
        (["completion"], "error: kernel-matrix completion: missing argument '{bash|zsh|fish}'. Ch"),
    ],
)
def test_mistakes_are_one_line_and_status_2(argv, message):
    done = CliRunner().invoke(cli, argv, prog_name="kernel-matrix")
    assert done.exit_code == 2
    assert done.stderr.startswith(message)
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_json_of_resolve_is_alone_on_standard_output():
    done = subprocess.run(
        [sys.executable, "-m", "kernel_matrix", "resolve", "--json", "local"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout)["id"] == "local"
    assert done.stderr == ""


def test_a_mirror_that_is_not_there_is_one_line(monkeypatch):
    monkeypatch.setenv("KERNEL_MATRIX_MIRROR", "http://127.0.0.1:9/debian")
    done = CliRunner().invoke(cli, ["resolve", "debian:6.1"])
    assert done.exit_code == 2
    assert "cannot fetch Debian's package lists" in done.stderr.splitlines()[-1]


def test_clean_shows_and_removes(tmp_path):
    kernel = tmp_path / "cache/kernels/debian/x"
    kernel.mkdir(parents=True)
    (kernel / "vmlinuz").write_bytes(bytes(100000))
    shown = CliRunner().invoke(cli, ["clean"])
    assert str(kernel) in shown.output
    assert kernel.exists()
    removed = CliRunner().invoke(cli, ["clean", "--kernels"])
    assert "removed" in removed.output
    assert not kernel.exists()


def test_kernels_for_programs(monkeypatch):
    package = debindex.Package("linux-image", "6.1.192-2", "00", 1)
    named = ("6.1.0-56-cloud-amd64", "cloud-amd64", "6.1.192-2", "bookworm")
    one = debindex.DebianKernel(*named, (package,))
    index = SimpleNamespace(kernels=[one], missing={"sid": "no answer"})
    monkeypatch.setattr(debian, "read_index", lambda say: index)
    for words, selector in (([], "debian:6.1"), (["--all"], "debian:6.1.192-2")):
        done = CliRunner().invoke(cli, ["kernels", "--json", *words])
        (row,) = json.loads(done.stdout)
        assert (row["selector"], row["cached"]) == (selector, False)
        assert "sid: not fetched" in done.stderr


def test_kernels_of_the_cache_for_programs_when_there_is_no_mirror(monkeypatch, tmp_path):
    def unreachable(say):
        raise UserError("no answer")

    monkeypatch.setattr(debian, "read_index", unreachable)
    data = {"version": "6.1.192-2", "release": "6.1.0-56-cloud-amd64"}
    # The same package twice: as an earlier version of ours has unpacked it, and as this one does.
    cached = [(tmp_path / "old", data), (tmp_path / "new", data)]
    monkeypatch.setattr(debian, "cached", lambda: cached)
    done = CliRunner().invoke(cli, ["kernels", "--json"])
    assert done.exit_code == Status.HARNESS
    assert json.loads(done.stdout) == [data | {"selector": "debian:6.1.192-2", "cached": True}]
