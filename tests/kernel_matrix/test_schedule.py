import pytest

from kernel_matrix.schedule import Job, duration, left, longest_first, remaining


@pytest.mark.parametrize(
    ("seconds", "order"),
    [
        ({}, ["a", "b", "c"]),
        ({"a": 1, "b": 3, "c": 2}, ["b", "c", "a"]),
        # one that nobody knows may be the longest
        ({"a": 1, "c": 2}, ["b", "c", "a"]),
    ],
)
def test_longest_first(seconds, order):
    assert longest_first(["a", "b", "c"], seconds) == order


@pytest.mark.parametrize(
    ("job", "seconds"),
    [
        (Job(), None),
        (Job(expected=40), 40),
        (Job(running=True), None),
        (Job(running=True, elapsed=10, done=0, total=100), None),
        (Job(running=True, elapsed=10, done=1, total=100), None),
        (Job(running=True, elapsed=10, done=50, total=100), 10),
        (Job(running=True, elapsed=10, done=0, total=100, expected=40), 30),
        (Job(running=True, elapsed=50, done=0, total=100, expected=40), 0),
        # half of it is done at twice the speed of the last time
        (Job(running=True, elapsed=10, done=50, total=100, expected=40), 20),
        (Job(running=True, elapsed=10, done=100, total=100, expected=40), 0),
    ],
)
def test_the_time_left_of_a_cell(job, seconds):
    assert left(job) == seconds


def running(seconds):
    return Job(running=True, expected=seconds)


@pytest.mark.parametrize(
    ("jobs", "slots", "seconds"),
    [
        ([], 2, 0),
        ([Job()], 1, None),
        ([running(10), Job()], 2, None),
        ([Job(expected=10), Job(expected=20)], 1, 30),
        ([Job(expected=10), Job(expected=20)], 2, 20),
        ([running(30), Job(expected=10), Job(expected=20)], 2, 30),
        ([running(30), running(5), Job(expected=10), Job(expected=20)], 2, 35),
    ],
)
def test_the_time_left_of_a_run(jobs, slots, seconds):
    assert remaining(jobs, slots) == seconds


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (-3, "0 s"), (59.6, "60 s"), (99, "99 s"), (204, "3 min 20 s"), (119, "2 min")],
)
def test_durations_for_people(seconds, text):
    assert duration(seconds) == text
