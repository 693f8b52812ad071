"""Cases for a reference kernel; test_in_machine.py runs them.

The clauses of the manual page are the suites' business. These say that the kernel under our feet
is sound: the numbers that the selftest of 2018 expected, no leak and no splat whatever fails.
Not collected by itself: a disposable machine is needed.
"""

import os
import re
import time
from errno import EAGAIN, EBADF, EFAULT, EINVAL, ENOMEM, EPERM, EPIPE, ESRCH

import pytest

from fixtures.cases import needs, table
from fixtures.identity import USER, Identity
from fixtures.pipes import make_pipe
from helpers import abi, binding
from helpers.abi import constants as c
from helpers.memory import Span
from helpers.outcome import Err, Ok, from_register
from helpers.wire import Abi, Kind, Reader, varint

pytestmark = needs("disposable", "root", "process_vmsplice")

BATCH = 64  # WIRE_MAX_CALLS
NO_FILE = (1 << 64) - 1  # -1 in a register
FAULT_INJECTION = "/sys/kernel/debug"


def encoded(child, name, *args):
    return binding.encode(abi.prototypes()[name], child.numbers.of(name, Abi.NATIVE), args)


def begin_batch(child, calls):
    """Calls that the child makes one after another with nothing between them."""

    def decode(frame):
        reader = Reader(frame.body, "RETURN")
        assert reader.varint() == len(calls)
        found = []
        for call in calls:
            raw = reader.svarint()
            reader.byte()
            outs = [reader.blob() for _ in call.give_back]
            found.append(from_register(raw, tuple(outs), call))
        return found

    body = bytes((Abi.NATIVE,)) + varint(len(calls)) + b"".join(call.body for call in calls)
    return child.session.post(Kind.CALL, child.task, body, decode, what="a batch")


def batch(child, calls):
    child.session.settle()
    return begin_batch(child, calls).result()


def splice(child, pid, fd, segments, flags=0):
    return child.process_vmsplice(pid, fd, segments, len(segments), flags)


def read_file(child, path, limit=30000):
    fd = child.must.openat(c.AT_FDCWD, path, c.O_RDONLY, 0)
    memory = child.memory(limit)
    data = b""
    while (count := child.must.read(fd, memory, limit)) and len(data) < 10 * limit:
        data += child.peek(memory.address, count)
    child.must.close(fd)
    return data.decode()


def write_file(child, path, text):
    fd = child.must.openat(c.AT_FDCWD, path, c.O_WRONLY, 0)
    child.must.write(fd, text, len(text))
    child.must.close(fd)


# --- what the selftest of 2018 called


def test_one_byte_of_one_segment(caller, target, pipe, remote):
    assert splice(caller, target.pid, pipe.write, [remote[:1]]) == Ok(1)
    pipe.holds(remote.piece(remote[:1]))


def test_two_segments_the_second_across_a_page(caller, target, pipe):
    memory = target.pages(3, seed=3)
    page = caller.page_size
    parts = [memory[5:6], memory[100 : 100 + page]]
    assert splice(caller, target.pid, pipe.write, parts) == Ok(1 + page)
    pipe.holds(*memory.pieces(*parts))


def write_only(child):
    memory = child.pages(1, seed=4)
    child.must.mprotect(memory, memory.length, c.PROT_WRITE)
    return memory


def test_good_segment_and_write_only_memory(caller, target, pipe, remote):
    parts = [remote[:1], write_only(target)[:1]]
    assert splice(caller, target.pid, pipe.write, parts) == Ok(1)
    pipe.holds(remote.piece(remote[:1]))


def test_write_only_memory_first(caller, target, pipe, remote):
    parts = [write_only(target)[:1], remote[:1]]
    assert splice(caller, target.pid, pipe.write, parts) == Err(EFAULT)
    pipe.holds()


def test_more_pages_than_slots(caller, target, pipe):
    memory = target.pages(101, seed=3)
    parts = [memory[:1], memory[caller.page_size :]]
    rest = (pipe.slots - 1) * caller.page_size
    flags = c.SPLICE_F_NONBLOCK
    assert splice(caller, target.pid, pipe.write, parts, flags) == Ok(1 + rest)
    pipe.holds(*memory.pieces(parts[0], parts[1][:rest]))


def test_the_selftests_gift_of_unaligned_memory_is_refused(caller, target, pipe):
    memory = target.pages(101, seed=3)
    parts = [memory[:1], memory[caller.page_size :]]
    flags = c.SPLICE_F_GIFT | c.SPLICE_F_NONBLOCK
    assert splice(caller, target.pid, pipe.write, parts, flags) == Err(EINVAL)
    pipe.holds()


# --- every allocation fails once


def shared_pages(child, count):
    """Memory whose first touch allocates pages and not only page tables."""
    size = count * child.page_size
    address = child.addresses.take(size)
    flags = c.MAP_SHARED | c.MAP_ANONYMOUS | c.MAP_FIXED
    child.must.mmap(address, size, c.PROT_READ | c.PROT_WRITE, flags, NO_FILE, 0)
    return Span(address, size)


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
        memory = shared_pages(target, 41)
        parts = layout(target, memory)
        total = sum(part.length for part in parts)
        text = b"%d" % nth
        results = batch(
            caller,
            [
                encoded(caller, "write", control, text, len(text)),
                encoded(
                    caller, "process_vmsplice", target.pid, pipe.write, parts, len(parts), flags
                ),
                encoded(caller, "pread64", control, left, 63, 0),
                encoded(caller, "write", control, b"0", 1),
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


def free_pages(child):
    return int(re.search(r"^nr_free_pages (\d+)", read_file(child, "/proc/vmstat"), re.M)[1])


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
    call = encoded(caller, "process_vmsplice", *arguments(setting))
    assert batch(caller, [call] * BATCH) == [Err(errno)] * BATCH
    slabs_before, pages_before = slabs(watcher), free_pages(watcher)
    for _ in range(10_000 // BATCH + 1):
        results = batch(caller, [call] * BATCH)
    assert results == [Err(errno)] * BATCH
    grown = {
        name: count - slabs_before[name]
        for name, count in slabs(watcher).items()
        if count - slabs_before[name] > 1000
    }
    assert grown == {}
    assert pages_before - free_pages(watcher) < 1000
    setting.memory.unchanged()


def test_10000_calls_that_stop_half_way_give_back_the_rest(caller, target, new_child):
    watcher = new_child("watcher")
    memory = target.pages(40, seed=2)
    pipe = make_pipe(caller)
    sink = caller.memory(pipe.capacity)
    parts = [memory[:10], memory[10:]]
    flags = c.SPLICE_F_NONBLOCK
    calls = [
        encoded(caller, "process_vmsplice", target.pid, pipe.write, parts, 2, flags),
        encoded(caller, "process_vmsplice", target.pid, pipe.write, parts, 2, flags),
        encoded(caller, "read", pipe.read, sink, sink.length),
    ]
    moved = batch(caller, calls)[0]
    assert moved.ok
    pages_before = free_pages(watcher)
    for _ in range(10_000 // 20):
        results = batch(caller, calls * 20)
    assert results == [moved, Err(EAGAIN), moved] * 20
    assert pages_before - free_pages(watcher) < 1000


# --- eight and eight


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
    for target, place in zip(targets, places, strict=True):
        half = size // 2
        churn.append(
            [
                encoded(target, "mmap", place, size, protection, mapping, NO_FILE, 0),
                encoded(target, "madvise", place, half, c.MADV_DONTNEED),
                encoded(target, "mprotect", place, half, c.PROT_NONE),
                encoded(target, "munmap", place + half, half),
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
                encoded(child, "process_vmsplice", other.pid, pipe.write, parts, 2, 2),
                encoded(child, "fcntl", pipe.write, c.F_SETPIPE_SZ, capacity >> number % 3),
                encoded(child, "write", pipe.write, b"x", 1),
                encoded(child, "read", pipe.read, sinks[-1], capacity),
                encoded(child, "fcntl", pipe.write, c.F_SETPIPE_SZ, capacity),
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


# --- what only a debug kernel can say


@needs("config:CONFIG_DEBUG_KMEMLEAK")
def test_kmemleak_finds_nothing(caller):
    path = "/sys/kernel/debug/kmemleak"
    # Objects are looked at when they are five seconds old (jiffies_min_age), and reported when two
    # scans have found nobody who points to them.
    assert caller.poll(None, 0, 6000) == Ok(0)
    write_file(caller, path, b"scan")
    write_file(caller, path, b"scan")
    assert read_file(caller, path) == ""
