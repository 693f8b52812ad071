"""process_vmsplice: who may look into whom where Yama or Landlock has a say."""

from fixtures.cases import clause, needs, spoils
from suites.shared import landlock, yama

pytestmark = needs("process_vmsplice", "foreign-memory")


@yama.cases("process_vmsplice")
def test_scope_decides(scene, body):
    body(scene)


@spoils
@needs(*yama.NEEDS)
@clause("process_vmsplice:permission:yama")
def test_nobody_looks_into_others_in_scope_3(scene):
    yama.scope_3(scene)


@landlock.cases("process_vmsplice")
def test_domain_decides(scene, body):
    body(scene)
