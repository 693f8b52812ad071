"""process_vmsplice: a thousand calls of every kind leave nothing behind."""

import re
from errno import EAGAIN, EBADF, EFAULT, EINVAL, EPERM, EPIPE, ESRCH

import pytest

from fixtures.cases import clause, needs, table
from fixtures.identity import USER, Identity
from fixtures.pipes import make_pipe
from helpers.abi import constants as c
from helpers.memory import Span
from helpers.outcome import Err, Ok
from suites.process_vmsplice.calls import send
from suites.shared.batch import MOST, batch
from suites.shared.files import text_of
from suites.shared.leaks import pinned

pytestmark = needs("process_vmsplice", "foreign-memory")

#: More segments than the kernel keeps on its stack (UIO_FASTIOV): the array is allocated.
NINE = 9
TIMES = 1000


class Setting:
    """What the calls are made on: segments of ten bytes of a memfd's page, pipes in every state."""

    def __init__(self, caller, target):
        self.caller, self.target = caller, target
        self.pid = target.pid
        self.memfd = target.must.memfd_create("sealed", c.MFD_ALLOW_SEALING)
        content = target.pages(1, seed=2)
        target.must.pwrite64(self.memfd, content, content.length, 0)
        self.memory = target.pages(1, flags=c.MAP_PRIVATE, prot=c.PROT_READ, fd=self.memfd)
        self.good = [self.memory[10 * i : 10 * i + 10] for i in range(NINE)]
        self.pipe, self.full, self.lonely = (make_pipe(caller) for _ in range(3))
        self.full.fill()
        self.lonely.close_read()
        caller.ignore(c.SIGPIPE)

    def with_last(self, segment):
        """The segments with another last one."""
        return [*self.good[:-1], segment]


def forbidden(setting):
    Identity.of(USER).assume(setting.caller)
    return {}


FAILING = (
    ("flags", Err(EINVAL), lambda s: {"flags": 16}),
    ("count", Err(EINVAL), lambda s: {"count": c.UIO_MAXIOV + 1}),
    ("not-open", Err(EBADF), lambda s: {"fd": 999}),
    ("no-process", Err(ESRCH), lambda s: {"pid": -1}),
    # a thread of the kernel's
    ("no-memory", Err(ESRCH), lambda s: {"pid": 2}),
    ("read-end", Err(EBADF), lambda s: {"fd": s.pipe.read}),
    ("no-pipe", Err(EBADF), lambda s: {"fd": s.caller.must.memfd_create("file", 0)}),
    ("array", Err(EFAULT), lambda s: {"iov": 8}),
    ("length", Err(EINVAL), lambda s: {"iov": s.with_last((s.memory.address, -1))}),
    ("gift", Err(EINVAL), lambda s: {"flags": c.SPLICE_F_GIFT}),
    ("hole", Err(EFAULT), lambda s: {"iov": [Span(s.memory.end, 9)] * NINE}),
    ("full", Err(EAGAIN), lambda s: {"fd": s.full.write, "flags": c.SPLICE_F_NONBLOCK}),
    ("no-readers", Err(EPIPE), lambda s: {"fd": s.lonely.write}),
    ("nothing", Ok(0), lambda s: {"iov": [s.memory[:0]] * NINE}),
    ("forbidden", Err(EPERM), forbidden, needs("root")),
)


def slabs(child):
    """Objects in use of the caches that the call allocates from or holds references into."""
    text = text_of(child, "/proc/slabinfo").encode()
    wanted = re.compile(rb"^(mm_struct|task_struct|filp|kmalloc-[\w-]+)\s+(\d+)", re.M)
    return {name: int(number) for name, number in wanted.findall(text)}


def growth(before, after):
    """The caches that have many more objects in use than before."""
    grown = {name: now - before[name] for name, now in after.items()}
    return {name: more for name, more in grown.items() if more >= TIMES // 2}


def shrink(child, name):
    """Have a cache give up what is freed: Documentation/ABI/testing/sysfs-kernel-slab."""
    path = f"/sys/kernel/slab/{name.decode()}/shrink"
    fd = child.openat(c.AT_FDCWD, path, c.O_WRONLY, 0)
    if fd.ok:
        child.must.write(fd.value, b"1", 1)


def again_and_again(caller, arguments, expected):
    """The same call a thousand times, many in one message."""
    for _ in range(-(-TIMES // MOST)):
        answers = batch(caller, [("process_vmsplice", *arguments)] * MOST)
        assert answers == [expected] * MOST


@clause("process_vmsplice:leaks:failing-calls")
@needs("root", "disposable")
@table("expected, change", *FAILING)
def test_a_thousand_calls_that_move_nothing_leave_nothing(
    caller, target, new_child, expected, change
):
    watcher = new_child("watcher")
    setting = Setting(caller, target)
    changed = change(setting)
    good = {"pid": setting.pid, "fd": setting.pipe.write, "iov": setting.good}
    arguments = (good | {"count": NINE, "flags": 0} | changed).values()
    assert caller.process_vmsplice(*arguments) == expected
    before = slabs(watcher)
    again_and_again(caller, arguments, expected)
    if grown := growth(before, slabs(watcher)):
        # KASAN keeps for a while what was freed
        for name in grown:
            shrink(watcher, name)
        grown = growth(before, slabs(watcher))
    assert grown == {}
    setting.pipe.holds()
    # nobody refers to the page
    target.must.munmap(setting.memory, setting.memory.length)
    assert target.fcntl(setting.memfd, c.F_ADD_SEALS, c.F_SEAL_WRITE) == Ok(0)


@clause("process_vmsplice:leaks:pins")
@needs("root", "disposable")
def test_pages_are_not_pinned_for_long(caller, target, pipe):
    """As vmsplice(2): nr_foll_pin_acquired and _released of /proc/vmstat stay in step."""
    memory = target.pages(4, seed=2)
    before = pinned(caller)
    for _ in range(20):
        assert send(caller, target.pid, pipe.write, [memory]) == Ok(memory.length)
        pipe.holds(memory.piece(memory[:]))
    assert pinned(caller) == before


@pytest.fixture
def mounted(target, directory):
    """A file system of the target's own mount, for as long as the case runs."""
    target.must.mount("none", directory, "tmpfs", 0, None)
    return directory


@clause("process_vmsplice:leaks:address-space")
@needs("root", "disposable")
@table("expected", ("success", Ok(9)), ("hole", Err(EFAULT)), ("sleeping", None))
def test_files_of_a_dead_target_are_not_in_use(caller, target, new_child, pipe, mounted, expected):
    """A mapping that outlived its process would keep the file system busy: umount(2)."""
    watcher = new_child("watcher")
    path = f"{mounted}/file"
    fd = target.must.openat(c.AT_FDCWD, path, c.O_RDWR | c.O_CREAT, 0o600)
    target.must.ftruncate(fd, target.page_size)
    memory = target.pages(1, flags=c.MAP_SHARED, fd=fd)
    part = Span(memory.end, 9) if expected == Err(EFAULT) else memory[:9]
    if expected is None:
        pipe.fill()
        call = caller.begin.process_vmsplice(target.pid, pipe.write, [part], 1, 0)
        caller.wait_blocked(call, "process_vmsplice")
    else:
        assert send(caller, target.pid, pipe.write, [part]) == expected
    target.quit()
    target.wait_death()
    free = watcher.session.poll(lambda: watcher.umount2(mounted, 0) == Ok(0), 5.0)
    assert free, "the file system should not be in use any more"
