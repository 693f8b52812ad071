"""How much a pipe takes: slots, not bytes."""

from fixtures.cases import needs
from fixtures.pipes import Pipe
from suites.shared import capacity
from suites.shared.sender import Sender

pytestmark = needs("vmsplice")


@capacity.cases(
    "vmsplice", short="capacity:short", eagain="errors:eagain-full", needs=("page-sharing",)
)
def test_slots_decide_what_a_pipe_takes(sender: Sender, pipe: Pipe, body: capacity.Body) -> None:
    body(sender, pipe)
