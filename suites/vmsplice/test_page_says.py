"""What the manual page promises and kernels do not do: kernel-matrix/expectations/vmsplice.toml."""

from errno import EINVAL

from fixtures.cases import clause, needs, table
from fixtures.pipes import Pipe
from helpers.abi import constants as c
from helpers.child import Child
from helpers.outcome import Err

pytestmark = needs("vmsplice")


@clause("vmsplice:errors:einval-gift-unaligned")
@table("start", ("address-and-length", 3), ("length", 0))
def test_a_gift_that_is_not_aligned_is_einval(caller: Child, pipe: Pipe, start: int) -> None:
    memory = caller.pages(1, seed=1)
    given = memory[start : start + 10]
    assert caller.vmsplice(pipe.write, [given], 1, c.SPLICE_F_GIFT) == Err(EINVAL)
    pipe.holds()
