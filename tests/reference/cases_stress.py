"""Eight callers, and eight targets that map and unmap.

Run by test_in_machine.py; not collected by itself: a disposable machine is needed.
"""

import os
import time
from errno import EAGAIN, EFAULT

import pytest

from fixtures.cases import needs
from fixtures.pipes import make_pipe
from helpers.abi import constants as c
from helpers.child import NO_FILE
from helpers.outcome import Err
from suites.shared.batch import begin_batch

pytestmark = needs("disposable", "root", "process_vmsplice")


# A minute in all; a case of the suites has a minute at most.
@pytest.mark.slow
@pytest.mark.parametrize("pages", [3, 17, 24, 40])
def test_callers_and_targets_that_map_and_unmap(new_child, pages):
    seconds = float(os.environ.get("KERNEL_MATRIX_STRESS_SECONDS", "60")) / 4
    targets = [new_child(f"target-{n}") for n in range(8)]
    callers = [new_child(f"caller-{n}") for n in range(8)]
    size = pages * callers[0].page_size
    places = [target.addresses.take(size) for target in targets]
    protection, mapping = c.PROT_READ | c.PROT_WRITE, c.MAP_PRIVATE | c.MAP_ANONYMOUS | c.MAP_FIXED
    shared = make_pipe(callers[0])  # one that nobody else uses, kept for its capacity
    capacity = shared.capacity
    churn, spliced, sinks = [], [], []
    for place in places:
        half = size // 2
        churn.append(
            [
                ("mmap", place, size, protection, mapping, NO_FILE, 0),
                ("madvise", place, half, c.MADV_DONTNEED),
                ("mprotect", place, half, c.PROT_NONE),
                ("munmap", place + half, half),
            ]
            * 8
        )
    for number, child in enumerate(callers):
        # A full pipe must not make anybody wait; process_vmsplice does not look at this flag.
        pipe = make_pipe(child, c.O_NONBLOCK)
        sinks.append(child.memory(capacity))
        calls = []
        for other, place in zip(targets, places, strict=True):
            parts = [(place + 5 * number, size), (place, 100)]
            calls += [
                ("process_vmsplice", other.pid, pipe.write, parts, 2, 2),
                ("fcntl", pipe.write, c.F_SETPIPE_SZ, capacity >> number % 3),
                ("write", pipe.write, b"x", 1),
                ("read", pipe.read, sinks[-1], capacity),
                ("fcntl", pipe.write, c.F_SETPIPE_SZ, capacity),
            ]
        spliced.append(calls)
    for child in [*targets, *callers]:
        child.session.settle()
    end = time.monotonic() + seconds
    moved = rounds = 0
    while time.monotonic() < end:
        running = [begin_batch(t, calls) for t, calls in zip(targets, churn, strict=True)]
        calling = [begin_batch(t, calls) for t, calls in zip(callers, spliced, strict=True)]
        for pending in running:
            pending.result()
        for pending in calling:
            for result in pending.result()[::5]:
                assert result.ok or result in (Err(EFAULT), Err(EAGAIN)), result
                moved += max(result.value, 0)
        rounds += 1
    assert moved > 0
    print(f"{rounds} rounds, {moved} bytes")
