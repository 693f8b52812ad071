"""process_vm_readv(2) and process_vm_writev(2): the same in two directions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest

from fixtures.processes import NewChild
from helpers.binding import Segment
from helpers.child import Child
from helpers.memory import Memory, Span, cut
from helpers.outcome import Result
from helpers.pending import Pending
from suites.shared.reach import BetweenMemories, Scene

T = TypeVar("T")


@dataclass(frozen=True)
class Mover:
    """A call that moves bytes between its caller and a target.

    Attributes:
        call: its name.
        caller: who makes it; its memory is the local side.
        target: whose memory is the remote side, unless another pid is given.
        writes: whether the bytes go to the target.
    """

    call: str
    caller: Child
    target: Child
    writes: bool

    def __call__(
        self,
        local: Sequence[Segment],
        remote: Sequence[Segment],
        flags: int = 0,
        *,
        pid: int | None = None,
    ) -> Result:
        """The call, with counts that say how many segments there are."""
        return self.raw(local, len(local), remote, len(remote), flags, pid=pid)

    def raw(
        self,
        local: Any,
        local_count: int,
        remote: Any,
        remote_count: int,
        flags: int = 0,
        *,
        pid: int | None = None,
    ) -> Result:
        """The call with arrays and counts of the case's choice."""
        pid = self.target.pid if pid is None else pid
        make = getattr(self.caller, self.call)
        result: Result = make(pid, local, local_count, remote, remote_count, flags)
        return result

    def begin(
        self, local: Sequence[Segment], remote: Sequence[Segment], flags: int = 0
    ) -> Pending[Result]:
        """The call, not waited for."""
        make = getattr(self.caller.begin, self.call)
        pending: Pending[Result] = make(
            self.target.pid, local, len(local), remote, len(remote), flags
        )
        return pending

    def i386(
        self, local: Any, local_count: int, remote: Any, remote_count: int, flags: int, pid: int
    ) -> Result:
        """The call through int $0x80."""
        make = getattr(self.caller.i386, self.call)
        result: Result = make(pid, local, local_count, remote, remote_count, flags)
        return result

    def roles(self, local: T, remote: T) -> tuple[T, T]:
        """(what is filled, what is read) of (local, remote), and the other way round."""
        return (remote, local) if self.writes else (local, remote)

    def moved(
        self,
        local: Memory,
        local_parts: Sequence[Span],
        remote: Memory,
        remote_parts: Sequence[Span],
        count: int | None = None,
    ) -> None:
        """The bytes are where they belong, in order, and all others on both sides as they were.

        Args:
            local: the memory of the caller that was used.
            local_parts: the segments in it.
            remote: the memory of the target that was used.
            remote_parts: the segments in it.
            count: how many bytes were moved; as many as the shorter side has unless given.

        Raises:
            AssertionError: a byte differs; the message says where and how.
        """
        __tracebackhide__ = True
        sink, source = self.roles(local, remote)
        into, out_of = self.roles(local_parts, remote_parts)
        if count is None:
            count = min(sum(part.length for part in parts) for parts in (into, out_of))
        judge = sink.begin_received(into, cut(source.pieces(*out_of), 0, count))
        left_alone = source.begin_holds([])
        judge()
        left_alone()


def fixtures_of(call: str, *, writes: bool) -> tuple[Any, Any, Any]:
    """The fixtures mover, scene and local_scene of a call, for its folder's conftest.py.

    mover is for what both calls between two memories have; scene is the remote side of the call
    and local_scene its local one, for what all calls with a pid share.
    """

    @pytest.fixture
    def mover(caller: Child, target: Child) -> Mover:
        return Mover(call, caller, target, writes)

    @pytest.fixture
    def scene(caller: Child, target: Child, new_child: NewChild) -> Scene:
        def reach_from(child: Child) -> BetweenMemories:
            return BetweenMemories(call, child, child, remote=True)

        return Scene.remote(caller, target, new_child, reach_from)

    @pytest.fixture
    def local_scene(caller: Child, target: Child, new_child: NewChild) -> Scene:
        return Scene.local(call, caller, target, new_child)

    return mover, scene, local_scene
