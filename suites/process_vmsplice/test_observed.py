"""process_vmsplice: what kernels answer differently is recorded and compared, never a failure."""

from fixtures.cases import clause, needs
from suites.shared import observing

pytestmark = needs("process_vmsplice", "foreign-memory")


@clause("process_vmsplice:events:inotify")
def test_inotify(sender, directory, observe):
    observe(observing.told_of_a_fifo(sender, directory))


@clause("process_vmsplice:events:rwf-nowait")
def test_nowait_before_and_after(sender, pipe, observe):
    observe(observing.nowait_around(sender, pipe))
