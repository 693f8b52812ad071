"""process_vmsplice: memory of the kernel's that cannot be had; fault injection."""

from errno import EFAULT, ENOMEM

import pytest

from fixtures.cases import clause, needs, table
from helpers.abi import constants as c
from helpers.outcome import Err, Ok
from suites.process_vmsplice.calls import send
from suites.shared.batch import batch

pytestmark = [
    needs("process_vmsplice", "foreign-memory", "root", "disposable"),
    needs("config:CONFIG_FAILSLAB", "config:CONFIG_FAIL_PAGE_ALLOC"),
]

#: Documentation/fault-injection/fault-injection.rst: by default nothing that may sleep fails.
SETTINGS = (
    ("failslab/ignore-gfp-wait", b"N"),
    ("fail_page_alloc/ignore-gfp-wait", b"N"),
    ("fail_page_alloc/ignore-gfp-highmem", b"N"),
    ("fail_page_alloc/min-order", b"0"),
    ("failslab/verbose", b"0"),
    ("fail_page_alloc/verbose", b"0"),
)
MOST = 200


class Injection:
    """Has the nth allocation of the calls of a thread fail, once: /proc/thread-self/fail-nth."""

    def __init__(self, child):
        self.child = child
        for name, value in SETTINGS:
            path = f"/sys/kernel/debug/{name}"
            fd = child.must.openat(c.AT_FDCWD, path, c.O_WRONLY, 0)
            child.must.write(fd, value, len(value))
            child.queued.close(fd)
        self._left = child.memory(16)
        path = "/proc/thread-self/fail-nth"
        self._fd = child.must.openat(c.AT_FDCWD, path, c.O_RDWR, 0)

    def call(self, nth, *call):
        """The answer of a call whose nth allocation fails, and whether it had so many."""
        text = str(nth).encode()
        armed, result, rest, off = batch(
            self.child,
            [
                ("write", self._fd, text, len(text)),
                call,
                ("pread64", self._fd, self._left, 15, 0),
                ("write", self._fd, b"0", 1),
            ],
        )
        # where copies to and from programs can fail too, what is left hits a call after it
        assert armed == Ok(len(text))
        assert off in (Ok(1), Err(EFAULT))
        return result, rest.ok and self.child.peek(self._left.address, 1) == b"0"


@pytest.fixture
def injection(caller):
    """Allocations of the caller fail when it says so."""
    return Injection(caller)


@clause("process_vmsplice:errors:enomem")
@table("count", ("nine", 9), ("hundred", 100), ("iov-max", c.UIO_MAXIOV))
def test_no_memory_for_the_array_is_enomem(caller, target, pipe, remote, injection, count):
    parts = [remote[:3]] + [remote[:0]] * (count - 1)
    answers = []
    for nth in range(1, MOST):
        arguments = (target.pid, pipe.write, parts, count, 0)
        result, failed = injection.call(nth, "process_vmsplice", *arguments)
        if not failed:
            assert result == Ok(3)
            pipe.holds(remote.piece(remote[:3]))
            break
        answers.append(result)
        if not result.ok:
            pipe.holds()
        else:
            pipe.holds(remote.piece(remote[:3]))
    assert Err(ENOMEM) in answers, answers
    # copying the array may be made to fail too: fail_usercopy
    assert {answer.errno for answer in answers} <= {0, ENOMEM, EFAULT}, answers
    remote.unchanged()
    assert send(caller, target.pid, pipe.write, parts) == Ok(3)


@clause("process_vmsplice:errors:enomem-of-the-target")
def test_no_memory_for_a_page_of_the_target_moves_what_came_before(caller, target, pipe, injection):
    """Untouched shared memory: looking at a page allocates it."""
    page = caller.page_size
    good = target.pages(1, seed=2)
    flags = c.MAP_SHARED | c.MAP_ANONYMOUS
    seen = []
    for nth in range(1, MOST):
        fresh = target.pages(4, flags=flags)
        parts = [good[:9], fresh[:]]
        arguments = (target.pid, pipe.write, parts, 2, 0)
        result, failed = injection.call(nth, "process_vmsplice", *arguments)
        assert pipe.occupancy() == max(result.value, 0)
        pipe.holds(
            *([good.piece(good[:9]), fresh.piece(fresh[: result.value - 9])] if result.ok else [])
        )
        target.must.munmap(fresh, fresh.length)
        if not failed:
            assert result == Ok(9 + 4 * page)
            break
        seen.append(result)
    assert seen, "some allocation should have failed"
    # copying the array may be made to fail too, once: fail_usercopy
    assert [answer for answer in seen if not answer.ok] in ([], [Err(EFAULT)]), seen
    amounts = {answer.value for answer in seen if answer.ok}
    assert amounts <= {9 + count * page for count in range(5)}, amounts
