"""process_vmsplice: pages that have to be brought from swap, or that a limit keeps from coming."""

from errno import ENOMEM

import pytest

from fixtures.cases import clause, needs, table
from fixtures.swap import NEEDS as SWAP
from fixtures.swap import page_out, swapped
from helpers.abi import constants as c
from helpers.memory import Piece
from helpers.outcome import Err, Ok
from suites.process_vmsplice.calls import send

pytestmark = needs("process_vmsplice", "foreign-memory", "root", "disposable")


def write_file(child, path, text):
    """Write to a file of the kernel's."""
    fd = child.must.openat(c.AT_FDCWD, path, c.O_WRONLY, 0)
    child.must.write(fd, text, len(text))
    child.queued.close(fd)


# -- swap


@clause("process_vmsplice:memory:swapped")
@needs(*SWAP)
@table("flags", ("plain", 0), ("nonblock", c.SPLICE_F_NONBLOCK), ("gift", c.SPLICE_F_GIFT))
def test_memory_in_swap_is_sent(caller, target, swap_on, pipe, flags):
    memory = target.pages(6, seed=2)
    page = caller.page_size
    part = memory[page : 5 * page] if flags & c.SPLICE_F_GIFT else memory[page + 7 : 5 * page - 7]
    with swap_on():
        page_out(target, memory)
        assert send(caller, target.pid, pipe.write, [part], flags) == Ok(part.length)
        pipe.holds(memory.piece(part))
        assert swapped(target, memory) == 2, "pages that are not sent stay where they are"
        memory.unchanged()


# -- a limit


class Limit:
    """A control group of its own for a child: Documentation/admin-guide/cgroup-v2.rst."""

    ROOT = "/sys/fs/cgroup"

    def __init__(self, keeper, child):
        self.keeper = keeper
        self.path = f"{self.ROOT}/case-{child.pid}"
        write_file(keeper, f"{self.ROOT}/cgroup.subtree_control", b"+memory")
        keeper.must.mkdirat(c.AT_FDCWD, self.path, 0o755)
        # what cannot be killed gets an error, and lives to tell
        write_file(keeper, f"/proc/{child.pid}/oom_score_adj", b"-1000")
        write_file(keeper, f"{self.path}/cgroup.procs", str(child.pid).encode())

    def current(self):
        """Bytes in use."""
        fd = self.keeper.must.openat(c.AT_FDCWD, f"{self.path}/memory.current", c.O_RDONLY, 0)
        text = self.keeper.memory(24)
        length = self.keeper.must.read(fd, text, 24)
        return int(self.keeper.peek(text.address, length))

    def set(self, limit):
        """Set the limit to a number of bytes, or to None."""
        text = "max" if limit is None else str(limit)
        write_file(self.keeper, f"{self.path}/memory.max", text.encode())


@pytest.fixture
def limit(target, new_child):
    """The target's memory can be limited; nothing can be paged out."""
    return Limit(new_child("keeper"), target)


LIMITED = needs("config:CONFIG_MEMCG")
#: Reading private memory that was never touched takes no page; reading such shared memory does.
SHARED = c.MAP_SHARED | c.MAP_ANONYMOUS
SLOTS = 256


@LIMITED
@clause("process_vmsplice:errors:enomem-of-the-target")
def test_pages_before_the_limit_of_the_target_are_moved(caller, target, pipe, limit):
    page = caller.page_size
    caller.must.fcntl(pipe.write, c.F_SETPIPE_SZ, SLOTS * page)
    good, fresh = target.pages(1, seed=2), target.pages(SLOTS, flags=SHARED)
    good.unchanged()
    limit.set(limit.current() + 64 * page)
    moved = send(caller, target.pid, pipe.write, [good[:9], fresh, good[9:18]]).value
    limit.set(None)
    pages = (moved - 9) // page
    assert 0 < pages < SLOTS - 1, f"{moved} bytes were moved"
    assert moved == 9 + pages * page
    assert pipe.occupancy() == moved
    got = caller.memory(moved)
    assert caller.read(pipe.read, got, moved) == Ok(moved)
    caller.compare(got.address, [good.piece(good[:9])])
    for number in range(pages):
        caller.compare(got.address + 9 + number * page, [Piece(page, None)])
    good.unchanged()


@LIMITED
@clause("process_vmsplice:errors:enomem")
def test_no_page_before_the_limit_of_the_target_is_enomem(caller, target, pipe, limit):
    fresh = target.pages(SLOTS, flags=SHARED)
    target.session.settle()
    limit.set(limit.current())
    at, answer = 0, Ok(0)
    # a few may come from what the limit's counter has set aside
    while answer.ok and at < fresh.length:
        pipe.holds(Piece(answer.value, None))
        answer = send(caller, target.pid, pipe.write, [fresh[at : at + 4 * caller.page_size]])
        at += max(answer.value, 0)
    assert answer == Err(ENOMEM)
    pipe.holds()
    limit.set(None)
    assert send(caller, target.pid, pipe.write, [fresh[at : at + 9]]) == Ok(9)
    pipe.holds(Piece(9, None))
