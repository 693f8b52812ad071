"""process_vmsplice: who may look into whom; ptrace(2)."""

from errno import EPERM

import pytest

from fixtures.cases import clause, needs, table
from fixtures.identity import USER, Identity
from helpers.abi.constants import SPLICE_F_NONBLOCK
from helpers.memory import Span
from helpers.outcome import Err, Ok
from suites.process_vmsplice.calls import send
from suites.shared import permission

pytestmark = needs("process_vmsplice", "foreign-memory")


@permission.cases("process_vmsplice")
def test_who_may_look_into_whom(scene, body):
    body(scene)


@pytest.fixture
def forbidden(caller, target):
    """A target that the caller may not look into."""
    target.session.settle()
    Identity.of(USER).assume(caller)
    return target


@needs("root")
@clause("process_vmsplice:order:permission-before-memory")
@table("what", ("hole", "hole"), ("no-bytes", "empty"))
def test_permission_is_asked_for_before_memory_is_looked_at(caller, forbidden, pipe, remote, what):
    part = remote[:0] if what == "empty" else Span(remote.end, 9)
    assert send(caller, forbidden.pid, pipe.write, [part]) == Err(EPERM)
    pipe.holds()


@needs("root")
@clause("process_vmsplice:order:permission-before-sleep")
@table("flags", ("plain", 0), ("nonblock", SPLICE_F_NONBLOCK))
def test_who_may_not_look_does_not_wait_for_room(caller, forbidden, full_pipe, remote, flags):
    assert send(caller, forbidden.pid, full_pipe.write, [remote], flags) == Err(EPERM)
    full_pipe.holds(full_pipe.content())


@needs("root")
@clause("process_vmsplice:permission:asked-each-time")
def test_permission_that_was_lost_is_refused(caller, target, pipe, remote):
    assert send(caller, target.pid, pipe.write, [remote[:9]]) == Ok(9)
    Identity.of(USER).assume(caller)
    assert send(caller, target.pid, pipe.write, [remote[9:18]]) == Err(EPERM)
    pipe.holds(remote.piece(remote[:9]))
