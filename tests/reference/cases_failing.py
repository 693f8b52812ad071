"""Calls that fail, thousands of times and at each allocation, leave nothing behind.

Run by test_in_machine.py; not collected by itself: a disposable machine is needed.
"""

import re
from errno import EAGAIN, EBADF, EFAULT, EINVAL, ENOMEM, EPERM, EPIPE, ESRCH

import pytest

from fixtures.cases import needs, table
from fixtures.identity import USER, Identity
from fixtures.pipes import make_pipe
from helpers.abi import constants as c
from helpers.outcome import Err, Ok
from suites.shared.batch import MOST as BATCH
from suites.shared.batch import batch
from tests.reference.procfs import read_file, write_file

pytestmark = needs("disposable", "root", "process_vmsplice")


FAULT_INJECTION = "/sys/kernel/debug"

# --- every allocation fails once


def segments_64(child, memory):
    # 64 divides the page: none lies across two, which would take two slots
    return [memory[i * 64 : i * 64 + 60] for i in range(64)]


def segment_of_40_pages(child, memory):
    return [memory[: 40 * child.page_size]]


@needs("config:CONFIG_FAILSLAB", "config:CONFIG_FAIL_PAGE_ALLOC")
@table(
    "layout, least",
    ("64-segments", segments_64, 2),
    ("segment-of-40-pages", segment_of_40_pages, 10),
)
def test_each_allocation_fails_once(caller, target, pipe, layout, least):
    for name, value in (
        ("failslab/ignore-gfp-wait", b"N"),
        ("fail_page_alloc/ignore-gfp-wait", b"N"),
        ("fail_page_alloc/ignore-gfp-highmem", b"N"),
        ("fail_page_alloc/min-order", b"0"),
        ("failslab/verbose", b"0"),
        ("fail_page_alloc/verbose", b"0"),
    ):
        write_file(caller, f"{FAULT_INJECTION}/{name}", value)
    caller.must.fcntl(pipe.write, c.F_SETPIPE_SZ, 64 * caller.page_size)
    control = caller.must.openat(c.AT_FDCWD, "/proc/thread-self/fail-nth", c.O_RDWR, 0)
    left = caller.memory(64)
    sink = caller.memory(pipe.capacity)
    flags, failures, injected = c.SPLICE_F_NONBLOCK, [], 0
    for nth in range(1, 400):
        # Shared, so that the first touch allocates pages and not only page tables.
        memory = target.pages(41, flags=c.MAP_SHARED | c.MAP_ANONYMOUS)
        parts = layout(target, memory)
        total = sum(part.length for part in parts)
        text = b"%d" % nth
        results = batch(
            caller,
            [
                ("write", control, text, len(text)),
                ("process_vmsplice", target.pid, pipe.write, parts, len(parts), flags),
                ("pread64", control, left, 63, 0),
                ("write", control, b"0", 1),
            ],
        )
        assert results[0] == Ok(len(text))
        moved = results[1]
        assert moved in (Err(ENOMEM), Err(EFAULT)) or 0 < moved.value <= total, (nth, moved)
        assert pipe.occupancy() == max(moved.value, 0)
        if moved.ok:
            assert caller.read(pipe.read, sink, sink.length) == moved
        target.must.munmap(memory, memory.length)
        failures.append(moved.errno)
        if caller.peek(left.address, 1) != b"0":
            assert moved == Ok(total)
            break
        injected += 1
    else:
        pytest.fail("the call did not come to its end")
    assert injected >= least, injected
    assert ENOMEM in failures
    # Copying the array is a point of failure too where copy_from_user() does it (fail_usercopy).
    assert failures.count(EFAULT) <= 1


# --- 10,000 calls of every kind that fails


def slabs(child):
    """Objects in use of the caches that the call allocates from or holds references into."""
    wanted = re.compile(r"^(mm_struct|task_struct|filp|kmalloc-\S+|cred_jar|pid)\s+(\d+)", re.M)
    return {name: int(n) for name, n in wanted.findall(read_file(child, "/proc/slabinfo"))}


def grown_since(child, before):
    """The caches that have over 1000 objects more in use."""
    more = {name: count - before[name] for name, count in slabs(child).items()}
    return {name: count for name, count in more.items() if count > 1000}


def free_pages(child):
    return int(re.search(r"^nr_free_pages (\d+)", read_file(child, "/proc/vmstat"), re.M)[1])


def pages_gone(child, before):
    """How many pages less are free, not counting those that KASAN keeps in its quarantine."""
    if before - free_pages(child) >= PAGES:
        names = re.findall(r"^(\S+) +\d", read_file(child, "/proc/slabinfo"), re.M)
        for name in names:
            shrink(child, name)
    return before - free_pages(child)


def shrink(child, name):
    """Have a cache give back its part of KASAN's quarantine; what was leaked stays."""
    write_file(child, f"/sys/kernel/slab/{name}/shrink", b"1")


PAGES = 1000  # less than a page for ten calls
NINE = 9  # more than UIO_FASTIOV: the array is allocated


def nine(memory, last):
    return [memory[i * 10 : i * 10 + 10] for i in range(NINE - 1)] + [last]


FAILING = {
    "flags": (EINVAL, lambda s: (s.pid, s.fd, s.good, NINE, 16)),
    "nr-segs": (EINVAL, lambda s: (s.pid, s.fd, s.good, 1025, 0)),
    "not-open": (EBADF, lambda s: (s.pid, 99, s.good, NINE, 0)),
    "no-process": (ESRCH, lambda s: (-1, s.fd, s.good, NINE, 0)),
    "kernel-thread": (ESRCH, lambda s: (2, s.fd, s.good, NINE, 0)),
    "read-end": (EBADF, lambda s: (s.pid, s.pipe.read, s.good, NINE, 0)),
    "no-pipe": (EBADF, lambda s: (s.pid, s.null, s.good, NINE, 0)),
    "bad-array": (EFAULT, lambda s: (s.pid, s.fd, 8, NINE, 0)),
    "negative-length": (EINVAL, lambda s: (s.pid, s.fd, nine(s.memory, (8, -1)), NINE, 0)),
    "unaligned-gift": (EINVAL, lambda s: (s.pid, s.fd, s.good, NINE, c.SPLICE_F_GIFT)),
    "nothing-there": (EFAULT, lambda s: (s.pid, s.fd, [(8, 10)] * NINE, NINE, 0)),
    "full": (EAGAIN, lambda s: (s.pid, s.full, s.good, NINE, c.SPLICE_F_NONBLOCK)),
    "no-reader": (EPIPE, lambda s: (s.pid, s.broken, s.good, NINE, 0)),
    "not-allowed": (EPERM, lambda s: (s.pid, s.fd, s.good, NINE, 0)),
}


class Setting:
    """What the failing calls are made on."""

    def __init__(self, caller, target):
        self.pid = target.pid
        self.memory = target.pages(1, seed=2)
        self.good = nine(self.memory, self.memory[200:210])
        self.pipe = make_pipe(caller)
        self.fd = self.pipe.write
        self.null = caller.must.openat(c.AT_FDCWD, "/dev/null", c.O_RDWR, 0)
        full = make_pipe(caller)
        full.fill()
        self.full = full.write
        broken = make_pipe(caller)
        broken.close_read()
        self.broken = broken.write
        caller.ignore(c.SIGPIPE)


@pytest.mark.parametrize("kind", FAILING)
def test_10000_failing_calls_leave_nothing_behind(caller, target, new_child, kind):
    errno, arguments = FAILING[kind]
    watcher = new_child("watcher")
    setting = Setting(caller, target)
    if kind == "not-allowed":
        Identity.of(USER).assume(caller)
    call = ("process_vmsplice", *arguments(setting))
    assert batch(caller, [call] * BATCH) == [Err(errno)] * BATCH
    slabs_before, pages_before = slabs(watcher), free_pages(watcher)
    for _ in range(10_000 // BATCH + 1):
        results = batch(caller, [call] * BATCH)
    assert results == [Err(errno)] * BATCH
    grown = grown_since(watcher, slabs_before)
    for name in grown:
        shrink(watcher, name)
    assert not grown or grown_since(watcher, slabs_before) == {}
    assert pages_gone(watcher, pages_before) < PAGES
    setting.memory.unchanged()


def test_10000_calls_that_stop_half_way_give_back_the_rest(caller, target, new_child):
    watcher = new_child("watcher")
    memory = target.pages(40, seed=2)
    pipe = make_pipe(caller)
    sink = caller.memory(pipe.capacity)
    parts = [memory[:10], memory[10:]]
    flags = c.SPLICE_F_NONBLOCK
    calls = [
        ("process_vmsplice", target.pid, pipe.write, parts, 2, flags),
        ("process_vmsplice", target.pid, pipe.write, parts, 2, flags),
        ("read", pipe.read, sink, sink.length),
    ]
    moved = batch(caller, calls)[0]
    assert moved.ok
    pages_before = free_pages(watcher)
    for _ in range(10_000 // 20):
        results = batch(caller, calls * 20)
    assert results == [moved, Err(EAGAIN), moved] * 20
    assert pages_gone(watcher, pages_before) < PAGES


def test_dead_targets_are_gone(caller, new_child):
    watcher = new_child("watcher")
    setting = Setting(caller, new_child("first"))
    sink = caller.pages(1)
    stranger = new_child("stranger")
    away = make_pipe(stranger)
    Identity.of(USER).assume(stranger)
    count = 60
    before = {name: number for name, number in slabs(watcher).items() if name in ONE_EACH}
    for number in range(count):
        target = new_child(f"target-{number}")
        setting.pid = target.pid
        memory = target.memory(caller.page_size, seed=2)
        setting.good = nine(memory, memory[200:210])
        calls = [
            ("process_vmsplice", *arguments(setting))
            for kind, (_, arguments) in FAILING.items()
            if kind != "not-allowed"
        ]
        good = (target.pid, setting.fd, setting.good, NINE, 0)
        calls.append(("process_vmsplice", *good))
        calls.append(("read", setting.pipe.read, sink, sink.length))
        batch(caller, calls)
        assert stranger.process_vmsplice(target.pid, away.write, setting.good, NINE, 0) == Err(
            EPERM
        )
        target.quit()
        target.wait_death()

    def are_gone():
        # Freed after a grace period of RCU, into per-CPU lists that shrinking gives back.
        for name in ONE_EACH:
            write_file(watcher, f"/sys/kernel/slab/{name}/shrink", b"1")
        now = slabs(watcher)
        return all(now[name] - before[name] < count // 2 for name in ONE_EACH)

    assert caller.session.poll(are_gone, 5.0), (before, slabs(watcher))


ONE_EACH = ("mm_struct", "task_struct")  # objects of these that a target has
