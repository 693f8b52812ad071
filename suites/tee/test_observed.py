"""What kernels answer differently: recorded and compared, never a failure."""

from errno import EFAULT

from fixtures.cases import clause, needs, table
from fixtures.observation import Observe
from fixtures.pipes import Pipe, make_fifo, make_pipe
from helpers.abi import constants as c
from helpers.child import Child
from helpers.outcome import Err
from suites.shared import events
from suites.shared.observing import Watch, written_nowait

pytestmark = needs("tee")


def write_fails(caller: Child, pipe: Pipe) -> None:
    hole = caller.pages(1).end
    assert caller.write(pipe.write, hole, 10) == Err(EFAULT)


@clause("tee:observed:after-a-faulted-write")
def test_the_answer_after_a_faulted_write(caller: Child, pipe: Pipe, observe: Observe) -> None:
    output = make_pipe(caller)
    write_fails(caller, pipe)
    observe(caller.tee(pipe.read, output.write, 10, c.SPLICE_F_NONBLOCK))


@clause("tee:observed:after-a-faulted-write")
def test_poll_after_a_faulted_write(caller: Child, pipe: Pipe, observe: Observe) -> None:
    write_fails(caller, pipe)
    ready = "POLLIN" if events.polled(caller, pipe.read) & c.POLLIN else "not ready"
    observe(f"{ready}, {pipe.occupancy()} bytes")


@clause("tee:observed:after-a-faulted-write")
def test_slots_after_a_faulted_write(caller: Child, pipe: Pipe, observe: Observe) -> None:
    slots = pipe.slots
    write_fails(caller, pipe)
    observe(f"slots lost: {slots - pipe.free_slots()}")


def nowait_around(caller: Child, pipe: Pipe, fd: int) -> str:
    """What writing with RWF_NOWAIT to an output gives before and after a byte came there."""
    pipe.put(caller.memory(1, seed=1)[:])
    before = written_nowait(caller, fd)
    caller.must.tee(pipe.read, fd, 1, 0)
    return f"{before}, then {written_nowait(caller, fd)}"


@clause("tee:observed:rwf-nowait")
def test_nowait_before_and_after(caller: Child, pipe: Pipe, observe: Observe) -> None:
    observe(nowait_around(caller, pipe, make_pipe(caller).write))


@clause("tee:observed:rwf-nowait-on-a-fifo")
def test_nowait_on_a_fifo(caller: Child, pipe: Pipe, directory: str, observe: Observe) -> None:
    observe(nowait_around(caller, pipe, make_fifo(caller, directory)))


@clause("tee:observed:inotify")
@table("end", ("input", 0), ("output", 1))
def test_inotify(caller: Child, directory: str, end: int, observe: Observe) -> None:
    fifos = [make_fifo(caller, directory) for _ in range(2)]
    caller.must.write(fifos[0], b"x", 1)
    watch = Watch(caller, fifos[end])
    caller.must.tee(fifos[0], fifos[1], 1, 0)
    observe(watch.seen())
