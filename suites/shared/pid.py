"""Which process a pid names, for every call that reaches into another process's memory."""

from errno import EPERM, ESRCH
from functools import partial

import pytest

from fixtures.identity import USER, Identity
from helpers.abi.constants import (
    CLONE_NEWPID,
    PTRACE_DETACH,
    PTRACE_SEIZE,
    SIGCHLD,
    SIGCONT,
    SIGSTOP,
)
from helpers.child import Child
from helpers.memory import Memory
from helpers.outcome import Err, Ok
from suites.shared.reach import NAMED_SEED, Reach, Scene
from suites.shared.rows import Row, instances

INT_MIN, INT_MAX = -(1 << 31), (1 << 31) - 1
_KTHREADD = 2
_OTHER_SEED = 3


def reaches(reach: Reach, pid: int, memory: Memory) -> None:
    """Twenty bytes of that memory are moved."""
    part = memory[5:25]
    assert reach(pid, [part]) == Ok(20)
    reach.moved(memory, part)


def number_of_nobody(scene: Scene, pid: int) -> None:
    """A number that is no process's is ESRCH."""
    memory = scene.memory()
    assert scene.reach(pid, [memory[:16]]) == Err(ESRCH)
    scene.reach.moved(memory)


def negated(scene: Scene) -> None:
    """There is nothing like a process group here."""
    number_of_nobody(scene, -scene.target.pid)


def gone(scene: Scene) -> None:
    """A process that was reaped is ESRCH."""
    memory, pid = scene.memory(), scene.target.pid
    scene.target.quit()
    scene.target.wait_death()
    assert scene.reach(pid, [memory]) == Err(ESRCH)
    scene.reach.moved(None)


def zombie(scene: Scene, user: int | None) -> None:
    """A zombie is ESRCH, for whoever asks, and so it is when reaped."""
    child = scene.new_child("zombie", hold=True)
    memory, pid = child.pages(1, seed=NAMED_SEED), child.pid
    if user is not None:
        Identity.of(user).assume(scene.caller)
    child.quit()
    child.wait_death()
    assert scene.reach(pid, [memory]) == Err(ESRCH)
    child.reap()
    assert scene.reach(pid, [memory]) == Err(ESRCH)
    scene.reach.moved(None)


def kernel_thread(scene: Scene, user: int | None) -> None:
    """A kernel thread has no memory: ESRCH, for whoever asks."""
    memory = scene.memory()
    if user is not None:
        Identity.of(user).assume(scene.caller)
    assert scene.reach(_KTHREADD, [memory[:16]]) == Err(ESRCH)
    scene.reach.moved(memory)


def oneself(scene: Scene) -> None:
    """The caller's own pid names the caller."""
    reaches(scene.reach, scene.caller.pid, scene.caller.pages(1, seed=NAMED_SEED))


def thread(scene: Scene) -> None:
    """The id of a thread that is not the leader names its process."""
    memory = scene.memory()
    second = scene.target.thread("second")
    assert second.tid != scene.target.pid
    reaches(scene.reach, second.tid, memory)


def own_thread(scene: Scene, maker: str, number: str) -> None:
    """The caller's own threads may make the call, and are named by their ids."""
    second = scene.caller.thread("second")
    who = {"leader": scene.caller, "thread": second}
    memory = scene.caller.pages(1, seed=NAMED_SEED)
    reaches(scene.reach_from(who[maker]), who[number].tid, memory)


def leader_that_exited(scene: Scene) -> None:
    """A leader that exited is ESRCH; a thread of its that lives names the process."""
    memory = scene.memory()
    second, leader = scene.target.thread("second"), scene.target.pid
    tid = second.tid
    scene.target.session.settle()
    scene.target.quit(group=False)
    zombie_now = scene.caller.session.poll(lambda: scene.target.state().letter == "Z")
    assert zombie_now, scene.target.state()
    assert scene.reach(leader, [memory[5:25]]) == Err(ESRCH)
    reaches(scene.reach, tid, _as_of(second, memory, NAMED_SEED))


def _as_of(child: Child, memory: Memory, seed: int) -> Memory:
    """The same addresses in another task, with the content that is there."""
    return Memory(memory.address, memory.length, child=child, seed=seed)


def descendant(scene: Scene, generations: int) -> None:
    """A descendant is a process like others, and its memory is its own."""
    own = scene.caller.pages(1, seed=NAMED_SEED)
    child = scene.caller
    for generation in range(generations):
        child = child.fork(f"descendant {generation + 1}")
    # after the fork both have the mapping, and other bytes in it
    child.fill(own.address, own.length, seed=_OTHER_SEED)
    reaches(scene.reach, child.pid, _as_of(child, own, _OTHER_SEED))
    own.unchanged()


def parent(scene: Scene) -> None:
    """So is the parent."""
    memory = scene.memory()
    child = scene.target.fork("child")
    child.fill(memory.address, memory.length, seed=_OTHER_SEED)
    reaches(scene.reach_from(child), scene.target.pid, memory)
    _as_of(child, memory, _OTHER_SEED).unchanged()


def not_running(scene: Scene, *, traced: bool, stopped: bool) -> None:
    """The target may be stopped, traced by the caller, or both."""
    caller, target, memory = scene.caller, scene.target, scene.memory()
    caller.session.settle()
    if traced:
        caller.must.ptrace(PTRACE_SEIZE, target.pid, None, None)
    if stopped:
        caller.must.kill(target.pid, SIGSTOP)
        assert caller.session.poll(lambda: target.state().letter in ("T", "t")), target.state()
    part = memory[:20]
    assert scene.reach(target.pid, [part]) == Ok(20)
    if traced and stopped:
        # the signal has not been delivered yet, and is dropped
        caller.must.ptrace(PTRACE_DETACH, target.pid, None, None)
    elif stopped:
        caller.must.kill(target.pid, SIGCONT)
    scene.reach.moved(memory, part)


def traced_by_somebody_else(scene: Scene) -> None:
    """The target may be traced by somebody else."""
    tracer, memory = scene.new_child("tracer"), scene.memory()
    tracer.session.settle()
    tracer.must.ptrace(PTRACE_SEIZE, scene.target.pid, None, None)
    reaches(scene.reach, scene.target.pid, memory)


def _inner(scene: Scene) -> Child:
    """A child of the caller that is process 1 of a pid namespace of its own."""
    return scene.caller.fork("inner", CLONE_NEWPID | SIGCHLD)


def number_of_an_outer_namespace(scene: Scene) -> None:
    """A number that means a process outside alone is ESRCH inside."""
    reach, memory = scene.reach_from(_inner(scene)), scene.memory()
    assert reach(scene.target.pid, [memory]) == Err(ESRCH)
    reach.moved(memory)


def first_of_its_namespace(scene: Scene) -> None:
    """Process 1 is the first of the caller's namespace."""
    inner = _inner(scene)
    assert inner.facts.own_pid == 1
    reaches(scene.reach_from(inner), 1, inner.pages(1, seed=NAMED_SEED))


def number_outside(scene: Scene) -> None:
    """A process of an inner namespace has another number outside."""
    inner = _inner(scene)
    memory = inner.pages(1, seed=NAMED_SEED)
    assert inner.pid != 1
    reaches(scene.reach, inner.pid, memory)


def every_number_of_a_forbidden_one(scene: Scene) -> None:
    """Permission is asked for the process, whichever of its threads is named."""
    memory = scene.memory()
    second = scene.target.thread("second")
    tids = (scene.target.pid, second.tid)
    Identity.of(USER).assume(scene.caller)
    for tid in tids:
        assert scene.reach(tid, [memory]) == Err(EPERM)
    scene.reach.moved(memory)


_ESRCH, _NO_MEMORY = ("errors:esrch",), ("errors:esrch-without-memory",)
_THREAD, _RELATIVES, _STOPPED = ("pid:thread",), ("pid:relatives",), ("pid:stopped",)
_NAMESPACE, _PID_NAMESPACES = ("pid:namespace",), ("root", "pid-namespaces")

ROWS = (
    Row("zero", partial(number_of_nobody, pid=0), _ESRCH),
    Row("minus-1", partial(number_of_nobody, pid=-1), _ESRCH),
    Row("int-min", partial(number_of_nobody, pid=INT_MIN), _ESRCH),
    # above the greatest pid_max there is (PID_MAX_LIMIT)
    Row("int-max", partial(number_of_nobody, pid=INT_MAX), _ESRCH),
    Row("pid-max-limit", partial(number_of_nobody, pid=1 << 22), _ESRCH),
    Row("negated-pid", negated, _ESRCH),
    Row("process-that-is-gone", gone, _ESRCH),
    Row("zombie", partial(zombie, user=None), _NO_MEMORY),
    Row("zombie-asked-by-user", partial(zombie, user=USER), _NO_MEMORY, ("root",)),
    Row("kernel-thread", partial(kernel_thread, user=None), _NO_MEMORY, ("disposable",)),
    Row(
        "kernel-thread-asked-by-user",
        partial(kernel_thread, user=USER),
        _NO_MEMORY,
        ("root", "disposable"),
    ),
    Row("self", oneself, ("pid:self",)),
    Row("thread", thread, _THREAD),
    Row("own-thread", partial(own_thread, maker="leader", number="thread"), _THREAD),
    Row("own-thread-by-itself", partial(own_thread, maker="thread", number="thread"), _THREAD),
    Row("leader-by-its-thread", partial(own_thread, maker="thread", number="leader"), _THREAD),
    Row("leader-that-exited", leader_that_exited, _NO_MEMORY + _THREAD),
    Row("child", partial(descendant, generations=1), _RELATIVES),
    Row("grandchild", partial(descendant, generations=2), _RELATIVES),
    Row("parent", parent, _RELATIVES),
    Row("stopped", partial(not_running, traced=False, stopped=True), _STOPPED),
    Row("traced", partial(not_running, traced=True, stopped=False), _STOPPED),
    Row("stopped-and-traced", partial(not_running, traced=True, stopped=True), _STOPPED),
    Row("traced-by-somebody-else", traced_by_somebody_else, _STOPPED),
    Row("number-of-an-outer-namespace", number_of_an_outer_namespace, _NAMESPACE, _PID_NAMESPACES),
    Row("first-of-its-namespace", first_of_its_namespace, _NAMESPACE, _PID_NAMESPACES),
    Row("number-outside", number_outside, _NAMESPACE, _PID_NAMESPACES),
    Row("forbidden-threads", every_number_of_a_forbidden_one, ("errors:eperm",), ("root",)),
)


def cases(call: str) -> pytest.MarkDecorator:
    """All of them for one call."""
    return instances(call, ROWS)
