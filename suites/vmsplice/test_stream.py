"""More than the pipe takes, sent in parts while somebody reads it into a file."""

from fixtures.cases import clause, needs, table
from fixtures.pipes import Pipe
from helpers.abi import constants as c
from helpers.child import Child
from helpers.memory import Span
from suites.shared.files import memfd

pytestmark = needs("vmsplice")

#: A stream takes no more calls than this.
ROUNDS = 200


def all_of(caller: Child, memory: Span, pipe: Pipe, peer: Child, sink: int) -> None:
    """Send what is left again and again; the peer moves what came into a file."""
    sent = moved = 0
    for _ in range(ROUNDS):
        if moved == memory.length:
            return
        if sent < memory.length:
            sent += caller.must.vmsplice(pipe.write, [memory[sent:]], 1, c.SPLICE_F_NONBLOCK)
        moved += peer.must.splice(pipe.read, None, sink, None, memory.length, 0)
    raise AssertionError(f"{moved} of {memory.length} bytes were moved in {ROUNDS} rounds")


@clause("vmsplice:transfer:stream")
@table(
    "times, start",
    ("twice-the-pipe", 2, 0),
    ("twice-the-pipe-from-an-odd-place", 2, 1234),
    ("five-times-the-pipe", 5, 1),
)
def test_all_of_it_arrives_in_order(caller: Child, pipe: Pipe, times: int, start: int) -> None:
    memory = caller.memory(times * pipe.capacity + start, seed=1)
    file, peer = memfd(caller, 0), caller.thread("peer")
    all_of(caller, memory[start:], pipe, peer, file.fd)
    file.holds(memory.piece(memory[start:]))
