"""What the manual page promises and kernels do not do: kernel-matrix/expectations/splice.toml."""

from errno import EINVAL

from fixtures.cases import clause, needs, table
from fixtures.pipes import Pipe
from helpers import abi
from helpers.child import Child
from helpers.outcome import Err
from suites.shared.files import memfd

pytestmark = needs("splice")


@clause("splice:errors:einval-offset-of-a-pipe")
@table("end", ("input", "input"), ("output", "output"))
def test_an_offset_of_a_pipe_is_einval(caller: Child, pipe: Pipe, end: str) -> None:
    file, offset = memfd(caller, 10), abi.new("loff_t *", 0)
    if end == "input":
        answer = caller.splice(pipe.read, offset, file.fd, None, 1, 0)
    else:
        answer = caller.splice(file.fd, None, pipe.write, offset, 1, 0)
    assert answer == Err(EINVAL)
    assert offset[0] == 0
