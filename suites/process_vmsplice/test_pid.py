"""process_vmsplice: which process a pid names."""

from errno import EFAULT, EPERM, ESRCH

import pytest

from fixtures.cases import clause, needs, table
from fixtures.identity import USER, Identity
from fixtures.pipes import make_pipe
from helpers.abi.constants import CLONE_NEWPID, PTRACE_SEIZE, SIGCHLD, SIGSTOP
from helpers.memory import Piece, Span
from helpers.outcome import Err, Ok
from suites.process_vmsplice.calls import send

pytestmark = needs("process_vmsplice", "foreign-memory")

INT_MIN, INT_MAX = -(1 << 31), (1 << 31) - 1


def sends(caller, pid, pipe, memory):
    """Twenty bytes of the memory arrive."""
    assert send(caller, pid, pipe.write, [memory[5:25]]) == Ok(20)
    pipe.holds(memory.piece(memory[5:25]))


@clause("process_vmsplice:errors:esrch")
@table(
    "pid",
    ("zero", 0),
    ("minus-1", -1),
    ("int-min", INT_MIN),
    # above the greatest pid_max there is (PID_MAX_LIMIT)
    ("int-max", INT_MAX),
    ("pid-max-limit", 1 << 22),
)
@table("length", ("bytes", 16), ("no-bytes", 0))
def test_number_that_is_no_process_is_esrch(caller, pipe, local, pid, length):
    assert send(caller, pid, pipe.write, [local[:length]]) == Err(ESRCH)
    pipe.holds()
    local.unchanged()


@clause("process_vmsplice:errors:esrch")
def test_negated_pid_is_esrch(caller, target, pipe, remote):
    assert send(caller, -target.pid, pipe.write, [remote]) == Err(ESRCH)
    pipe.holds()


@clause("process_vmsplice:errors:esrch")
def test_process_that_is_gone_is_esrch(caller, target, pipe, remote):
    pid = target.pid
    target.quit()
    target.wait_death()
    assert send(caller, pid, pipe.write, [remote[:]]) == Err(ESRCH)
    pipe.holds()


@clause("process_vmsplice:errors:esrch-without-memory")
@table("who", ("root", None), ("user", USER, needs("root")))
def test_zombie_is_esrch(caller, new_child, pipe, who):
    zombie = new_child("zombie", hold=True)
    remote, pid = zombie.pages(1, seed=2), zombie.pid
    if who is not None:
        Identity.of(who).assume(caller)
    zombie.quit()
    zombie.wait_death()
    assert send(caller, pid, pipe.write, [remote[:]]) == Err(ESRCH)
    zombie.reap()
    assert send(caller, pid, pipe.write, [remote[:]]) == Err(ESRCH)
    pipe.holds()


@clause("process_vmsplice:errors:esrch-without-memory")
@needs("disposable")
@table("who", ("root", None), ("user", USER, needs("root")))
def test_kernel_thread_is_esrch(caller, pipe, local, who):
    kthreadd = 2
    if who is not None:
        Identity.of(who).assume(caller)
    assert send(caller, kthreadd, pipe.write, [local[:16]]) == Err(ESRCH)
    pipe.holds()


@clause("process_vmsplice:pid:self")
def test_own_pid_is_the_caller(caller, pipe, local):
    sends(caller, caller.pid, pipe, local)
    local.unchanged()


@clause("process_vmsplice:pid:thread")
def test_thread_id_names_the_process(caller, target, pipe, remote):
    thread = target.thread("second")
    assert thread.tid != target.pid
    sends(caller, thread.tid, pipe, remote)


@clause("process_vmsplice:pid:thread")
def test_own_thread_ids_name_the_caller(caller, pipe, local):
    thread = caller.thread("second")
    sends(caller, thread.tid, pipe, local)
    sends(thread, thread.tid, pipe, local)
    sends(thread, caller.pid, pipe, local)


@clause("process_vmsplice:errors:esrch-without-memory")
@clause("process_vmsplice:pid:thread")
def test_leader_that_exited_is_esrch_and_its_living_thread_works(caller, target, pipe, remote):
    thread, leader = target.thread("second"), target.pid
    tid = thread.tid
    target.session.settle()
    target.quit(group=False)
    assert caller.session.poll(lambda: target.state().letter == "Z"), target.state()
    assert send(caller, leader, pipe.write, [remote[5:25]]) == Err(ESRCH)
    pipe.holds()
    assert send(caller, tid, pipe.write, [remote[5:25]]) == Ok(20)
    pipe.holds(remote.piece(remote[5:25]))


@clause("process_vmsplice:pid:relatives")
@table("generations", ("child", 1), ("grandchild", 2))
def test_memory_of_a_descendant_is_sent(caller, pipe, generations):
    remote = caller.pages(1, seed=2)
    descendant = caller
    for generation in range(generations):
        descendant = descendant.fork(f"descendant {generation + 1}")
    # after the fork both have the mapping, and other bytes in it
    descendant.fill(remote.address, remote.length, seed=3)
    assert send(caller, descendant.pid, pipe.write, [remote[:20]]) == Ok(20)
    pipe.holds(Piece(20, seed=3))
    remote.unchanged()


@clause("process_vmsplice:pid:relatives")
def test_memory_of_the_parent_is_sent(target):
    remote = target.pages(1, seed=2)
    caller = target.fork("child")
    caller.fill(remote.address, remote.length, seed=3)
    pipe = make_pipe(caller)
    assert send(caller, target.pid, pipe.write, [remote[:20]]) == Ok(20)
    pipe.holds(remote.piece(remote[:20]))


@clause("process_vmsplice:pid:memory-is-the-targets")
@table("own", ("caller-has-memory-there", True), ("caller-has-none", False))
def test_addresses_are_those_of_the_target(caller, target, pipe, own):
    remote = target.pages(1, seed=2)
    # every child chooses the same addresses: what the caller has there must not matter
    same = caller.pages(1, seed=1)
    assert same.address == remote.address
    if not own:
        caller.must.munmap(same, same.length)
    sends(caller, target.pid, pipe, remote)


@clause("process_vmsplice:pid:memory-is-the-targets")
def test_memory_that_only_the_caller_has_is_not_sent(caller, target, pipe, local):
    target.session.settle()
    assert send(caller, target.pid, pipe.write, [local]) == Err(EFAULT)
    pipe.holds()


@clause("process_vmsplice:pid:stopped")
@table("how", ("stopped", "stop"), ("traced", "trace"), ("stopped-and-traced", "both"))
def test_target_need_not_be_running(caller, target, pipe, remote, how):
    caller.session.settle()
    if how != "stop":
        caller.must.ptrace(PTRACE_SEIZE, target.pid, None, None)
    if how != "trace":
        caller.must.kill(target.pid, SIGSTOP)
        assert caller.session.poll(lambda: target.state().letter in ("T", "t")), target.state()
    assert send(caller, target.pid, pipe.write, [remote[:20]]) == Ok(20)
    pipe.holds(remote.piece(remote[:20]))


@clause("process_vmsplice:pid:stopped")
def test_target_may_be_traced_by_somebody_else(caller, target, new_child, pipe, remote):
    tracer = new_child("tracer")
    tracer.session.settle()
    tracer.must.ptrace(PTRACE_SEIZE, target.pid, None, None)
    sends(caller, target.pid, pipe, remote)


@pytest.fixture
def inner(caller):
    """A child of the caller that is process 1 of a pid namespace of its own."""
    return caller.fork("inner", CLONE_NEWPID | SIGCHLD)


@clause("process_vmsplice:pid:namespace")
@needs("root", "pid-namespaces")
def test_number_of_an_outer_namespace_is_esrch(inner, target, remote):
    pipe = make_pipe(inner)
    assert send(inner, target.pid, pipe.write, [remote]) == Err(ESRCH)
    pipe.holds()


@clause("process_vmsplice:pid:namespace")
@needs("root", "pid-namespaces")
def test_pid_1_is_the_first_of_the_callers_namespace(inner):
    local, pipe = inner.pages(1, seed=1), make_pipe(inner)
    assert inner.facts.own_pid == 1
    sends(inner, 1, pipe, local)


@clause("process_vmsplice:pid:namespace")
@needs("root", "pid-namespaces")
def test_process_of_an_inner_namespace_has_a_number_outside(caller, inner, pipe):
    remote = inner.pages(1, seed=2)
    assert inner.pid != 1
    assert send(caller, inner.pid, pipe.write, [Span(remote.address, 20)]) == Ok(20)
    pipe.holds(remote.piece(remote[:20]))


@clause("process_vmsplice:errors:eperm")
@needs("root")
def test_every_number_of_a_forbidden_process_is_eperm(caller, target, pipe, remote):
    thread = target.thread("second")
    tids = (target.pid, thread.tid)
    Identity.of(USER).assume(caller)
    for tid in tids:
        assert send(caller, tid, pipe.write, [remote]) == Err(EPERM)
    pipe.holds()
