"""process_vmsplice: who is told that bytes have come."""

from fixtures.cases import needs
from suites.shared import events

pytestmark = needs("process_vmsplice", "foreign-memory")


@events.cases("process_vmsplice")
def test_who_is_told_of_bytes(sender, pipe, body):
    body(sender, pipe)
