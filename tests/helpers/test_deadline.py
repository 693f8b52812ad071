"""Deadlines move while the host runs something else, and only then."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from helpers.deadline import Deadline, stolen


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    yield now
    monkeypatch.undo()


@pytest.mark.parametrize(
    ("later", "taken", "left"),
    [
        (0, 0, 10),
        (4, 0, 6),
        (4, 3, 6),  # asked for only where it matters
        (12, 0, -2),
        (12, 5, 3),
        (15, 5, 0),
        (50, 45, 5),
        (100, 95, 0),  # ten times is enough
        (200, 195, -100),
    ],
)
def test_what_was_stolen_is_added(clock: list[float], later: float, taken: float, left: float):
    deadline = Deadline(10, lambda: 7.0 + taken, 7.0)
    clock[0] += later
    assert deadline.left() == pytest.approx(left)


def test_two_that_share_a_processor_steal_from_each_other():
    one = min(os.sched_getaffinity(0))
    loop = f"import os; os.sched_setaffinity(0, [{one}])\nwhile True: pass"
    both = [subprocess.Popen([sys.executable, "-c", loop]) for _ in range(2)]
    try:
        limit = time.monotonic() + 20
        while min(stolen(process.pid) for process in both) < 0.1:
            assert time.monotonic() < limit, "nobody was kept waiting"
    finally:
        for process in both:
            process.kill()
            process.wait()


def test_of_a_process_that_is_not_there_nothing_was_stolen():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    assert stolen(process.pid) == 0


def test_one_that_began_earlier_gets_all_that_was_stolen_since(clock: list[float]):
    assert Deadline(90, lambda: 80.0, 0.0, since=5.0).left() == pytest.approx(75)
