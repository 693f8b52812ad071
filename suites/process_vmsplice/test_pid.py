"""process_vmsplice: which process a pid names."""

from errno import EFAULT, ESRCH

from fixtures.cases import clause, needs, table
from helpers.outcome import Err, Ok
from suites.process_vmsplice.calls import send
from suites.shared import pid

pytestmark = needs("process_vmsplice", "foreign-memory")


@pid.cases("process_vmsplice")
def test_which_process_a_number_names(scene, body):
    body(scene)


@clause("process_vmsplice:errors:esrch")
@table("number", ("zero", 0), ("minus-1", -1), ("int-max", pid.INT_MAX))
def test_number_of_nobody_is_esrch_though_there_is_nothing_to_move(caller, pipe, local, number):
    assert send(caller, number, pipe.write, [local[:0]]) == Err(ESRCH)
    pipe.holds()


@clause("process_vmsplice:pid:memory-is-the-targets")
@table("own", ("caller-has-memory-there", True), ("caller-has-none", False))
def test_addresses_are_those_of_the_target(caller, target, pipe, own):
    remote = target.pages(1, seed=2)
    # every child chooses the same addresses: what the caller has there must not matter
    same = caller.pages(1, seed=1)
    assert same.address == remote.address
    if not own:
        caller.must.munmap(same, same.length)
    assert send(caller, target.pid, pipe.write, [remote[5:25]]) == Ok(20)
    pipe.holds(remote.piece(remote[5:25]))


@clause("process_vmsplice:pid:memory-is-the-targets")
def test_memory_that_only_the_caller_has_is_not_sent(caller, target, pipe, local):
    target.session.settle()
    assert send(caller, target.pid, pipe.write, [local]) == Err(EFAULT)
    pipe.holds()
