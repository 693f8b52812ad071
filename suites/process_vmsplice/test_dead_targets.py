"""process_vmsplice: of targets that are dead nothing stays in the kernel."""

from errno import EFAULT, EPERM

from fixtures.cases import clause, needs, table
from fixtures.identity import USER, Identity
from helpers.memory import Span
from helpers.outcome import Err, Ok
from suites.process_vmsplice.calls import send
from suites.shared.leaks import TARGETS, of_processes, wait_until_gone

pytestmark = needs("process_vmsplice", "foreign-memory", "root", "disposable")


@clause("process_vmsplice:leaks:dead-targets")
@table("expected", ("sent", Ok(9)), ("hole", Err(EFAULT)), ("forbidden", Err(EPERM)))
def test_dead_targets_leave_nothing(caller, new_child, pipe, expected):
    watcher = new_child("watcher")
    sink = caller.memory(9)
    if expected == Err(EPERM):
        Identity.of(USER).assume(caller)
    before = of_processes(watcher)
    targets = [new_child(f"target-{number}") for number in range(TARGETS)]
    memories = [target.pages(1, seed=2) for target in targets]
    for target, memory in zip(targets, memories, strict=True):
        part = Span(memory.end, 9) if expected == Err(EFAULT) else memory[:9]
        assert send(caller, target.pid, pipe.write, [part]) == expected
        if expected.ok:
            assert caller.read(pipe.read, sink, 9) == Ok(9)
    for target in targets:
        target.quit()
    for target in targets:
        target.wait_death()
    wait_until_gone(watcher, before)
