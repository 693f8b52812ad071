"""Parts of the cases and random orders, as plain pytest runs them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kernel_matrix.journal import load

SUITE = "suites/process_vm_readv/test_flags.py"
BOTH = pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "xdist"])


def collected(run_pytest: Callable[..., Any], path: Path, *words: object) -> tuple[Any, list[str]]:
    done = run_pytest(SUITE, "--journal", path, "--run-dir", path.parent, *words)
    assert done.returncode == pytest.ExitCode.OK, done.stdout + done.stderr
    return done, load(path).collected


@BOTH
def test_shards_are_all_of_it_and_nothing_twice(
    tmp_path: Path, run_pytest: Callable[..., Any], workers: tuple[str, ...]
) -> None:
    _, everything = collected(run_pytest, tmp_path / "all")
    parts = []
    for index in (1, 2):
        path = tmp_path / f"part{index}"
        _, part = collected(run_pytest, path, "--shard", f"{index}/2", *workers)
        parts += part
        assert load(path).shard == (index, 2)
        assert load(path).everything == everything
    assert sorted(parts) == sorted(everything)


@BOTH
def test_a_random_order_can_be_had_again(
    tmp_path: Path, run_pytest: Callable[..., Any], workers: tuple[str, ...]
) -> None:
    done, shuffled = collected(run_pytest, tmp_path / "1", "--random-order", *workers)
    printed = next(ln for ln in done.stdout.splitlines() if ln.startswith("random order: "))
    seed = printed.split()[-1]
    _, again = collected(run_pytest, tmp_path / "2", "--random-order-seed", seed)
    assert again == shuffled
    _, other = collected(run_pytest, tmp_path / "3", "--random-order-seed", "1", *workers)
    _, straight = collected(run_pytest, tmp_path / "4")
    assert sorted(other) == sorted(straight)
    assert other != straight


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--shard", "3/2"], "--shard 3/2: expected I/N"),
        (["--shard", "1/2", "--shard-durations", "/no/such"], "cannot read the durations /no/such"),
    ],
)
def test_a_mistake_is_one_line(run_pytest: Callable[..., Any], words: list[str], said: str) -> None:
    done = run_pytest(SUITE, *words)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert said in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
