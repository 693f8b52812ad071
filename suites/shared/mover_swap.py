"""A Mover that comes to memory that was paged out."""

import pytest

from fixtures.cases import table
from fixtures.swap import SwapOn, page_out, swapped
from helpers.outcome import Ok
from suites.shared.mover import Mover

SIDES: pytest.MarkDecorator = table("side", ("remote", "remote"), ("local", "local"))


def brought_back(mover: Mover, swap_on: SwapOn, side: str) -> None:
    """Three pages of a side are in swap; two of them are moved, and only they come back."""
    page = mover.caller.page_size
    local, remote = mover.caller.pages(3, seed=1), mover.target.pages(3, seed=2)
    child, memory = (mover.target, remote) if side == "remote" else (mover.caller, local)
    with swap_on():
        page_out(child, memory)
        assert mover([local[7 : page + 7]], [remote[9 : page + 9]]) == Ok(page)
        assert swapped(child, memory) == 1
        mover.moved(local, [local[7 : page + 7]], remote, [remote[9 : page + 9]])
