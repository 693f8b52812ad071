"""process_vmsplice: of targets that are dead nothing stays in the kernel."""

import re
from errno import EFAULT, EPERM

from fixtures.cases import clause, needs, table
from fixtures.identity import USER, Identity
from helpers.abi import constants as c
from helpers.memory import Span
from helpers.outcome import Err, Ok
from suites.process_vmsplice.calls import send
from suites.shared.files import text_of

pytestmark = needs("process_vmsplice", "foreign-memory", "root", "disposable")

TARGETS = 40
#: Of each there is one for a process.
CACHES = ("task_struct", "mm_struct")


def in_use(child):
    """Objects in use of each cache, those that wait in lists of a CPU given back."""
    for name in CACHES:
        fd = child.must.openat(c.AT_FDCWD, f"/sys/kernel/slab/{name}/shrink", c.O_WRONLY, 0)
        child.must.write(fd, b"1", 1)
        child.queued.close(fd)
    text = text_of(child, "/proc/slabinfo")
    return {
        name: int(count) for name, count in re.findall(r"^(\w+) +(\d+)", text, re.M)
        if name in CACHES
    }  # fmt: skip


@clause("process_vmsplice:leaks:dead-targets")
@table("expected", ("sent", Ok(9)), ("hole", Err(EFAULT)), ("forbidden", Err(EPERM)))
def test_dead_targets_leave_nothing(caller, new_child, pipe, expected):
    watcher = new_child("watcher")
    sink = caller.memory(9)
    if expected == Err(EPERM):
        Identity.of(USER).assume(caller)
    before = in_use(watcher)
    for number in range(TARGETS):
        target = new_child(f"target-{number}")
        memory = target.pages(1, seed=2)
        part = Span(memory.end, 9) if expected == Err(EFAULT) else memory[:9]
        assert send(caller, target.pid, pipe.write, [part]) == expected
        if expected.ok:
            assert caller.read(pipe.read, sink, 9) == Ok(9)
        target.quit()
        target.wait_death()

    def are_gone():
        now = in_use(watcher)
        return all(now[name] - before[name] < TARGETS // 2 for name in CACHES)

    # freed after a grace period of RCU
    assert caller.session.poll(are_gone, 5.0), (before, in_use(watcher))
