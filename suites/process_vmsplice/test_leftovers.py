"""process_vmsplice: what an earlier call left in the kernel's memory does not count."""

from errno import EINVAL

from fixtures.cases import clause, needs, table
from helpers.abi import constants as c
from helpers.outcome import Err, Ok
from suites.process_vmsplice.calls import send

pytestmark = needs("process_vmsplice", "foreign-memory")

#: The kernel keeps up to UIO_FASTIOV segments, 8, on its stack and allocates room for more. Of
#: each pair the second call has its array where that of the first one was.
PAIRS = table("many, few", ("on-the-stack", 8, 1), ("allocated", 12, 9))


@clause("process_vmsplice:return:bytes-moved")
@PAIRS
def test_segments_of_an_earlier_call_are_not_sent(caller, target, pipe, remote, many, few):
    for count in (many, few, many, few):
        parts = [remote[5 * number : 5 * number + 5] for number in range(count)]
        assert send(caller, target.pid, pipe.write, parts) == Ok(5 * count)
        pipe.holds(*map(remote.piece, parts))


@clause("process_vmsplice:errors:einval-gift")
@PAIRS
def test_segments_of_an_earlier_gift_are_not_judged(caller, target, pipe, remote, many, few):
    for _ in range(2):
        flags = c.SPLICE_F_GIFT
        bad = [remote[1:5]] * many
        assert send(caller, target.pid, pipe.write, bad, flags) == Err(EINVAL)
        assert send(caller, target.pid, pipe.write, [remote] * few, flags) == Ok(
            few * remote.length
        )
        pipe.holds(*[remote.piece(remote[:])] * few)
