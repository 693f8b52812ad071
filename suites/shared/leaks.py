"""What is left in the kernel by calls that are over, and of processes that are dead."""

import re

from fixtures.processes import NewChild
from helpers.abi import constants as c
from helpers.child import Child
from helpers.memory import Span
from helpers.outcome import Ok
from suites.shared import batch
from suites.shared.files import text_of
from suites.shared.mover import Mover

#: Targets that die in a case, and calls that are made in one.
TARGETS = 40
CALLS = 600
#: Of each of these caches a process has one object.
OF_A_PROCESS = ("task_struct", "mm_struct")
#: More segments than the kernel keeps on its stack (UIO_FASTIOV): the array is allocated.
NINE = 9


def of_processes(child: Child) -> dict[str, int]:
    """How many objects of processes are in use, those in lists of a CPU given back."""
    for name in OF_A_PROCESS:
        fd = child.must.openat(c.AT_FDCWD, f"/sys/kernel/slab/{name}/shrink", c.O_WRONLY, 0)
        child.must.write(fd, b"1", 1)
        child.queued.close(fd)
    counts = allocated(child)
    return {name: counts[name] for name in OF_A_PROCESS}


def allocated(child: Child) -> dict[str, int]:
    """How many objects of each cache are in use: slabinfo(5)."""
    text = text_of(child, "/proc/slabinfo")
    return {name: int(count) for name, count in re.findall(r"^([\w-]+) +(\d+)", text, re.M)}


def pinned(child: Child) -> int:
    """Pages that are pinned: Documentation/core-api/pin_user_pages.rst."""
    fd = child.must.openat(c.AT_FDCWD, "/proc/sys/vm/stat_refresh", c.O_WRONLY, 0)
    child.must.write(fd, b"1", 1)
    child.queued.close(fd)
    text = text_of(child, "/proc/vmstat")
    found = dict(re.findall(r"^nr_foll_pin_(\w+) (\d+)", text, re.M))
    return int(found.get("acquired", 0)) - int(found.get("released", 0))


def wait_until_gone(watcher: Child, before: dict[str, int]) -> None:
    """Until no more objects of processes are in use than before, but for a few.

    Raises:
        AssertionError: they stay.
    """

    def gone() -> bool:
        now = of_processes(watcher)
        return all(now[name] - before[name] < TARGETS // 2 for name in OF_A_PROCESS)

    # freed after a grace period of RCU
    assert watcher.session.poll(gone, 5.0), f"{before} became {of_processes(watcher)}"


def calls_leave_nothing(mover: Mover, new_child: NewChild, *, hole: bool) -> None:
    """Calls with nine segments on both sides, and pages more than the stack has room for."""
    watcher = new_child("watcher")
    page = mover.caller.page_size
    local, remote = mover.caller.pages(20, seed=1), mover.target.pages(20, seed=2)
    few = [Span(remote.end, 9)] if hole else [remote[page * 2 :]]
    parts = [remote[:0]] * (NINE - 1) + few
    own = [local[:0]] * (NINE - 1) + [local[: 18 * page]]
    first = mover(own, parts)
    before = allocated(watcher)
    pins = pinned(watcher)
    call = (mover.call, mover.target.pid, own, NINE, parts, NINE, 0)
    for start in range(0, CALLS, batch.MOST):
        count = min(batch.MOST, CALLS - start)
        assert batch.batch(mover.caller, [call] * count) == [first] * count
    now = allocated(watcher)
    grown = {name: now[name] - count for name, count in before.items() if name in now}
    assert {name: more for name, more in grown.items() if more >= CALLS // 2} == {}
    assert pinned(watcher) == pins


def dead_targets_leave_nothing(mover: Mover, new_child: NewChild) -> None:
    """Of a target that was reached and is dead nothing stays."""
    watcher, local = new_child("watcher"), mover.caller.pages(1, seed=1)
    before = of_processes(watcher)
    targets = [new_child(f"target-{number}") for number in range(TARGETS)]
    remotes = [target.pages(1, seed=2) for target in targets]
    for target, remote in zip(targets, remotes, strict=True):
        assert mover([local[:9]], [remote[:9]], pid=target.pid) == Ok(9)
    for target in targets:
        target.quit()
    for target in targets:
        target.wait_death()
    wait_until_gone(watcher, before)
