"""What a kernel is found to be like by asking it, where its known deviations depend on that.

A version or a configuration does not tell whose process_vmsplice(2) a kernel has.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from errno import EAGAIN

from helpers import abi
from helpers.abi import constants as c
from helpers.child import Child
from helpers.memory import Span
from helpers.outcome import Err


@dataclass(frozen=True)
class Trait:
    """Something that only some kernels are.

    Attributes:
        call: what it is about, as a requirement; where that is missing nobody asks.
        text: what it means, for people.
        found: asks the kernel.
    """

    call: str
    text: str
    found: Callable[[Child], bool]


def _posted(child: Child) -> bool:
    """Two answers that the manual page rules out and the patches give, so that one bug is not it.

    A gift that is no whole page is taken, and a full pipe is looked at though there be no bytes.
    """
    pid, memory = child.pid, child.pages(1)
    fds = abi.new("int[2]")
    child.must.pipe2(fds, c.O_NONBLOCK)
    flags = c.SPLICE_F_GIFT | c.SPLICE_F_NONBLOCK
    if not child.process_vmsplice(pid, fds[1], [memory[1:9]], 1, flags).ok:
        return False
    size = int(child.must.fcntl(fds[1], c.F_GETPIPE_SZ, 0))
    child.must.write(fds[1], child.memory(size), size)
    nothing = [Span(memory.address, 0)]
    return child.process_vmsplice(pid, fds[1], nothing, 1, c.SPLICE_F_NONBLOCK) == Err(EAGAIN)


TRAITS: Mapping[str, Trait] = {
    "posted-process_vmsplice": Trait(
        "process_vmsplice", "its process_vmsplice(2) is the one of the patches of 2018", _posted
    ),
}
