"""process_vmsplice: pipes that only the kernel may write to, pipe2(O_NOTIFICATION_PIPE)."""

from errno import EBADF

from fixtures.cases import clause, needs
from helpers.outcome import Err
from suites.process_vmsplice.calls import send
from suites.shared.notifications import NEEDS, notification_pipe

pytestmark = needs("process_vmsplice", "foreign-memory", NEEDS)


@clause("process_vmsplice:errors:ebadf-no-pipe")
def test_a_notification_pipe_is_ebadf(caller, target, remote):
    pipe = notification_pipe(caller)
    assert send(caller, target.pid, pipe.write, [remote[:9]]) == Err(EBADF)
    pipe.holds()
