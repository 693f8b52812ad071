"""Pipes that only the kernel may write to: pipe2(O_NOTIFICATION_PIPE).

For read(2) and poll(2) they are pipes, for what moves slots they are none
(Documentation/core-api/watch_queue.rst).
"""

from fixtures.pipes import Pipe, make_pipe
from helpers.abi import constants as c
from helpers.child import Child

#: What a case of theirs cannot do without.
NEEDS = "notification-pipes"


def notification_pipe(child: Child) -> Pipe:
    """A new one, which holds nothing."""
    return make_pipe(child, c.O_NOTIFICATION_PIPE)
