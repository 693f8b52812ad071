"""process_vm_readv: which process a pid names."""

from fixtures.cases import clause, needs
from fixtures.vectors import readv
from helpers.outcome import Ok
from suites.shared import pid

pytestmark = [needs("process_vm_readv", "foreign-memory")]


@pid.cases("process_vm_readv")
def test_which_process_a_number_names(scene, body):
    body(scene)


@clause("process_vm_readv:pid:self")
def test_bytes_may_be_read_onto_themselves(caller, local):
    part = local[50:70]
    assert readv(caller, caller.pid, [part], [part]) == Ok(20)
    local.unchanged()
