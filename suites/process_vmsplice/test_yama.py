"""process_vmsplice: Yama's scope shows that the access mode is the one of attaching; ptrace(2)."""

from contextlib import contextmanager
from errno import EPERM

import pytest

from fixtures.cases import clause, needs, table
from fixtures.identity import USER, Identity
from helpers.abi import constants as c
from helpers.outcome import Err, Ok
from suites.process_vmsplice.calls import send

pytestmark = [
    needs("process_vmsplice", "foreign-memory", "root", "disposable"),
    needs("config:CONFIG_SECURITY_YAMA"),
]

ALLOWED, REFUSED = Ok(9), Err(EPERM)
NOBODY, ANYBODY = 0, (1 << 64) - 1


@pytest.fixture
def scope(new_child):
    """Sets Yama's scope for a block; scope 3 cannot be left again, and is not set."""
    keeper = new_child("keeper")
    fd = keeper.must.openat(c.AT_FDCWD, "/proc/sys/kernel/yama/ptrace_scope", c.O_RDWR, 0)
    before = keeper.memory(1)
    keeper.must.pread64(fd, before, 1, 0)

    @contextmanager
    def set_to(value):
        keeper.must.pwrite64(fd, str(value).encode(), 1, 0)
        try:
            yield
        finally:
            keeper.must.pwrite64(fd, before, 1, 0)

    return set_to


@clause("process_vmsplice:permission:yama")
@table(
    "value, tracer, capable, expected",
    ("0", 0, NOBODY, False, ALLOWED),
    ("1-sibling", 1, NOBODY, False, REFUSED),
    ("1-anybody-may", 1, ANYBODY, False, ALLOWED),
    ("1-cap-sys-ptrace", 1, NOBODY, True, ALLOWED),
    ("2", 2, NOBODY, False, REFUSED),
    ("2-anybody-may", 2, ANYBODY, False, REFUSED),
    ("2-cap-sys-ptrace", 2, NOBODY, True, ALLOWED),
)
def test_scope_decides(caller, target, pipe, remote, scope, value, tracer, capable, expected):
    keep = (c.CAP_SYS_PTRACE,) if capable else ()
    Identity.of(USER, keep=keep).assume(caller)
    Identity.of(USER).assume(target)
    target.must.prctl(c.PR_SET_PTRACER, tracer, 0, 0, 0)
    with scope(value):
        assert send(caller, target.pid, pipe.write, [remote[:9]]) == expected
    pipe.holds(*([remote.piece(remote[:9])] if expected.ok else []))


@clause("process_vmsplice:permission:yama")
@table("value, expected", ("1", 1, ALLOWED), ("2", 2, REFUSED))
def test_descendant_is_allowed_by_scope_1(caller, pipe, scope, value, expected):
    Identity.of(USER).assume(caller)
    memory = caller.pages(1, seed=2)
    child = caller.fork("child").fork("grandchild")
    child.must.prctl(c.PR_SET_DUMPABLE, 1, 0, 0, 0)
    pid = child.pid
    with scope(value):
        assert send(caller, pid, pipe.write, [memory[:9]]) == expected
    pipe.holds(*([memory.piece(memory[:9])] if expected.ok else []))


@clause("process_vmsplice:permission:yama")
def test_own_memory_is_allowed_in_every_scope(caller, pipe, local, scope):
    Identity.of(USER).assume(caller)
    with scope(2):
        assert send(caller, caller.pid, pipe.write, [local[:9]]) == ALLOWED
    pipe.holds(local.piece(local[:9]))
