"""A Mover that comes to a page with a memory error."""

from errno import EFAULT

from helpers.abi import constants as c
from helpers.memory import Memory
from helpers.outcome import Err, Ok
from suites.shared.mappings import poison, poisoned
from suites.shared.mover import Mover


def remote_page(mover: Mover) -> None:
    """The second of two pages is bad."""
    page = mover.target.page_size
    local = mover.caller.pages(2, seed=1)
    remote = mover.target.pages(2, seed=2)
    poison(mover.target, remote[page:])
    told = mover.target.caught(c.SIGBUS)
    assert mover([local], [remote[page - 10 :]]) == Ok(10)
    assert mover([local[10:]], [remote[page:]]) == Err(EFAULT)
    before = Memory(remote.address, page, child=mover.target, seed=remote.seed)
    mover.moved(local, [local[:10]], before, [before[page - 10 :]])
    assert mover.target.caught(c.SIGBUS) == told


def local_page(mover: Mover, remote: Memory) -> None:
    """The same on the caller's side, after ten good bytes and without any."""
    local, bad = mover.caller.pages(1, seed=1), poisoned(mover.caller)
    told = mover.caller.caught(c.SIGBUS)
    assert mover([bad[:10]], [remote[:10]]) == Err(EFAULT)
    assert mover([local[:10], bad[:10]], [remote[:20]]) == Ok(10)
    mover.moved(local, [local[:10]], remote, [remote[:10]])
    assert mover.caller.caught(c.SIGBUS) == told
