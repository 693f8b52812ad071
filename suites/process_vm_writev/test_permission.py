"""process_vm_writev: who may look into whom; ptrace(2)."""

from fixtures.cases import needs
from suites.shared import landlock, permission, yama
from suites.shared.reach import Body, Scene

pytestmark = needs("process_vm_writev", "foreign-memory")


@permission.cases("process_vm_writev")
def test_who_may_write_to_whom(scene: Scene, body: Body) -> None:
    body(scene)


@yama.cases("process_vm_writev")
def test_scope_decides(scene: Scene, body: Body) -> None:
    body(scene)


@landlock.cases("process_vm_writev")
def test_domain_decides(scene: Scene, body: Body) -> None:
    body(scene)
