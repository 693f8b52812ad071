"""process_vm_readv: who may look into whom; ptrace(2)."""

from fixtures.cases import needs
from suites.shared import landlock, permission, yama

pytestmark = [needs("process_vm_readv", "foreign-memory")]


@permission.cases("process_vm_readv")
def test_who_may_look_into_whom(scene, body):
    body(scene)


@yama.cases("process_vm_readv")
def test_scope_decides(scene, body):
    body(scene)


@landlock.cases("process_vm_readv")
def test_domain_decides(scene, body):
    body(scene)
