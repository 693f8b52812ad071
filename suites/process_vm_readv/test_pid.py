"""process_vm_readv: which process a pid names."""

from errno import ESRCH

import pytest

from fixtures.cases import clause, needs, table
from fixtures.vectors import readv
from helpers.abi.constants import CLONE_NEWPID, PTRACE_SEIZE, SIGCHLD, SIGSTOP
from helpers.memory import Piece, Span, unchanged
from helpers.outcome import Err, Ok

pytestmark = [needs("process_vm_readv", "foreign-memory")]

INT_MIN, INT_MAX = -(1 << 31), (1 << 31) - 1


@clause("process_vm_readv:errors:esrch")
@table(
    "pid",
    ("zero", 0),
    ("minus-1", -1),
    ("int-min", INT_MIN),
    # above the greatest pid_max there is (PID_MAX_LIMIT)
    ("int-max", INT_MAX),
)
def test_number_that_is_no_process_is_esrch(caller, local, pid):
    assert readv(caller, pid, [local[:16]], [local[16:32]]) == Err(ESRCH)
    unchanged(local)


@clause("process_vm_readv:errors:esrch")
def test_negated_pid_is_esrch(caller, target, local, remote):
    assert readv(caller, -target.pid, [local], [remote]) == Err(ESRCH)
    unchanged(local, remote)


@clause("process_vm_readv:errors:esrch")
def test_process_that_is_gone_is_esrch(caller, target, local, remote):
    pid = target.pid
    target.quit()
    target.wait_death()
    assert readv(caller, pid, [local], [remote[:]]) == Err(ESRCH)
    unchanged(local)


@clause("process_vm_readv:errors:esrch-without-memory")
def test_zombie_is_esrch(caller, new_child, local):
    zombie = new_child("zombie", hold=True)
    remote, pid = zombie.pages(1, seed=2), zombie.pid
    zombie.quit()
    zombie.wait_death()
    assert readv(caller, pid, [local], [remote[:]]) == Err(ESRCH)
    unchanged(local)
    zombie.reap()
    assert readv(caller, pid, [local], [remote[:]]) == Err(ESRCH)


@clause("process_vm_readv:errors:esrch-without-memory")
@needs("disposable")
def test_kernel_thread_is_esrch(caller, local):
    kthreadd = 2
    assert readv(caller, kthreadd, [local[:16]], [local[16:32]]) == Err(ESRCH)
    unchanged(local)


@clause("process_vm_readv:pid:self")
@table("into, source", ("apart", 0, 100), ("same-bytes", 50, 50))
def test_own_pid_is_the_caller(caller, local, into, source):
    into, source = local[into : into + 20], local[source : source + 20]
    assert readv(caller, caller.pid, [into], [source]) == Ok(20)
    local.received([into], [local.piece(source)])


@clause("process_vm_readv:pid:thread")
def test_thread_id_names_the_process(caller, target, local, remote):
    thread = target.thread("second")
    assert thread.tid != target.pid
    assert readv(caller, thread.tid, [local[:20]], [remote[5:25]]) == Ok(20)
    local.received([local[:20]], [remote.piece(remote[5:25])])


@clause("process_vm_readv:pid:thread")
def test_own_thread_ids_name_the_caller(caller, local):
    thread = caller.thread("second")
    assert readv(caller, thread.tid, [local[:20]], [local[50:70]]) == Ok(20)
    assert readv(thread, thread.tid, [local[20:40]], [local[70:90]]) == Ok(20)
    assert readv(thread, caller.pid, [local[40:50]], [local[90:100]]) == Ok(10)
    local.received([local[:50]], [local.piece(local[50:100])])


@clause("process_vm_readv:errors:esrch-without-memory")
@clause("process_vm_readv:pid:thread")
def test_leader_that_exited_is_esrch_and_its_living_thread_works(caller, target, local, remote):
    thread, leader = target.thread("second"), target.pid
    tid = thread.tid
    target.session.settle()
    target.quit(group=False)
    assert caller.session.poll(lambda: target.state().letter == "Z"), target.state()
    assert readv(caller, leader, [local[:20]], [remote[:20]]) == Err(ESRCH)
    unchanged(local)
    assert readv(caller, tid, [local[:20]], [remote[:20]]) == Ok(20)
    local.received([local[:20]], [remote.piece(remote[:20])])


@clause("process_vm_readv:pid:relatives")
@table("generations", ("child", 1), ("grandchild", 2))
def test_descendant_is_read(caller, local, generations):
    remote = caller.pages(1, seed=2)
    descendant = caller
    for generation in range(generations):
        descendant = descendant.fork(f"descendant {generation + 1}")
    # after the fork both have the mapping, and other bytes in it
    descendant.fill(remote.address, remote.length, seed=3)
    pid = descendant.pid
    assert readv(caller, pid, [local[:20]], [remote[:20]]) == Ok(20)
    local.received([local[:20]], [Piece(20, seed=3)])
    remote.unchanged()


@clause("process_vm_readv:pid:relatives")
def test_parent_is_read(target):
    remote = target.pages(1, seed=2)
    caller = target.fork("child")
    local = caller.pages(1, seed=1)
    caller.fill(remote.address, remote.length, seed=3)
    assert readv(caller, target.pid, [local[:20]], [remote[:20]]) == Ok(20)
    local.received([local[:20]], [remote.piece(remote[:20])])


@clause("process_vm_readv:pid:stopped")
@table("how", ("stopped", "stop"), ("traced", "trace"), ("stopped-and-traced", "both"))
def test_target_need_not_be_running(caller, target, local, remote, how):
    caller.session.settle()
    if how != "stop":
        caller.must.ptrace(PTRACE_SEIZE, target.pid, None, None)
    if how != "trace":
        caller.must.kill(target.pid, SIGSTOP)
        assert caller.session.poll(lambda: target.state().letter in ("T", "t")), target.state()
    assert readv(caller, target.pid, [local[:20]], [remote[:20]]) == Ok(20)
    local.received([local[:20]], [remote.piece(remote[:20])])


@pytest.fixture
def inner(caller):
    """A child of the caller that is process 1 of a pid namespace of its own."""
    return caller.fork("inner", CLONE_NEWPID | SIGCHLD)


@clause("process_vm_readv:pid:namespace")
@needs("root", "pid-namespaces")
def test_number_of_an_outer_namespace_is_esrch(inner, target, remote):
    local = inner.pages(1, seed=1)
    assert readv(inner, target.pid, [local], [remote]) == Err(ESRCH)
    unchanged(local, remote)


@clause("process_vm_readv:pid:namespace")
@needs("root", "pid-namespaces")
def test_pid_1_is_the_first_of_the_callers_namespace(inner):
    local = inner.pages(1, seed=1)
    assert inner.facts.own_pid == 1
    assert readv(inner, 1, [local[:20]], [local[50:70]]) == Ok(20)
    local.received([local[:20]], [local.piece(local[50:70])])


@clause("process_vm_readv:pid:namespace")
@needs("root", "pid-namespaces")
def test_process_of_an_inner_namespace_has_a_number_outside(caller, inner, local):
    remote = inner.pages(1, seed=2)
    assert inner.pid != 1
    assert readv(caller, inner.pid, [local[:20]], [Span(remote.address, 20)]) == Ok(20)
    local.received([local[:20]], [remote.piece(remote[:20])])
