"""Calls that reach into another process's memory, for the cases that all of them share.

A module here that has such cases is instantiated by a line for each call: `@pid.cases("vmsplice")`.
What differs between the calls is where the bytes go, or come from: a Reach.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from fixtures.pipes import Pipe
from fixtures.processes import NewChild
from helpers.abi import constants as c
from helpers.child import Child
from helpers.memory import Memory, Span, cut
from helpers.outcome import Result

#: Seeds of the memory that a case names, and of the other one of a transfer between two.
NAMED_SEED, OTHER_SEED = 2, 1
#: The other memory of a transfer begins at an odd place and ends before its mapping does.
_AT, _AROUND = 7, 64


class Reach(Protocol):
    """A call made by one caller, and what it does with the memory that segments name."""

    caller: Child

    def __call__(self, pid: int, segments: Sequence[Span]) -> Result:
        """The call with these segments of the memory under test."""
        ...

    def room_for(self, length: int) -> None:
        """Have room for that many bytes, wherever they lie in pages."""
        ...

    def moved(self, memory: Memory | None, *parts: Span) -> None:
        """Exactly these parts of a memory were moved since this was asked last, and nothing else.

        None is memory that cannot be asked: its owner is dead.

        Raises:
            AssertionError: other bytes, or another number of them.
        """
        ...


@dataclass
class IntoPipe:
    """process_vmsplice(): the memory goes into a pipe of the caller."""

    caller: Child
    pipe: Pipe

    def __call__(self, pid: int, segments: Sequence[Span]) -> Result:
        """The call, with whatever room there is."""
        result: Result = self.caller.process_vmsplice(
            pid, self.pipe.write, segments, len(segments), 0
        )
        return result

    def room_for(self, length: int) -> None:
        """Resize the pipe: a slot for each page, and two that begin or end elsewhere."""
        size = length + 2 * self.caller.page_size
        if size > self.pipe.capacity:
            self.caller.must.fcntl(self.pipe.write, c.F_SETPIPE_SZ, size)

    def moved(self, memory: Memory | None, *parts: Span) -> None:
        """The pipe holds these parts; the memory is as it was."""
        __tracebackhide__ = True
        self.pipe.holds(*(memory.pieces(*parts) if memory is not None else []))
        if memory is not None:
            memory.unchanged()


@dataclass
class BetweenMemories:
    """process_vm_readv() or process_vm_writev(), and one of the two memories that they have.

    Attributes:
        call: its name.
        caller: who makes it.
        other: who has the memory that is not under test.
        remote: whether the segments of a case are remote, and the other memory is the caller's.
    """

    call: str
    caller: Child
    other: Child
    remote: bool
    _made: list[tuple[Memory, Span, int]] = field(default_factory=list)

    def __call__(self, pid: int, segments: Sequence[Span]) -> Result:
        """The call, with as much of other memory as the segments have."""
        length = sum(segment.length for segment in segments)
        memory = self.other.memory(_AT + length + _AROUND, seed=OTHER_SEED)
        part = memory[_AT : _AT + length]
        local, remote = ([part], segments) if self.remote else (segments, [part])
        result: Result = getattr(self.caller, self.call)(
            pid, local, len(local), remote, len(remote), 0
        )
        self._made.append((memory, part, result.value if result.ok else 0))
        return result

    def room_for(self, length: int) -> None:
        """There is always as much as a call needs."""

    @property
    def _fills(self) -> bool:
        """Whether the memory under test is what bytes go to."""
        return self.remote == (self.call == "process_vm_writev")

    def moved(self, memory: Memory | None, *parts: Span) -> None:
        """The bytes have gone from one memory to the other; all others are as they were."""
        __tracebackhide__ = True
        made, self._made = self._made, []
        if self._fills:
            stream = [other.piece(part[:count]) for other, part, count in made]
            judges = [other.begin_holds([]) for other, _, _ in made]
            if memory is not None:
                judges.append(memory.begin_received(parts, stream))
            for judge in judges:
                judge()
            return
        stream = memory.pieces(*parts) if memory is not None else []
        taken = 0
        judges = []
        for other, part, count in made:
            judges.append(other.begin_received([part], cut(stream, taken, count)))
            taken += count
        if memory is not None:
            judges.append(memory.begin_holds([]))
        for judge in judges:
            judge()
        assert taken == sum(piece.length for piece in stream), f"{taken} bytes were moved"


@dataclass(frozen=True)
class Scene:
    """What a shared case is handed.

    Attributes:
        target: whose pid is given, unless the case gives another.
        owner: whose memory the segments name; the target, or the caller for the local side.
        reach: the call as the caller makes it.
        reach_from: the same made by somebody else.
    """

    caller: Child
    target: Child
    owner: Child
    new_child: NewChild
    reach_from: Callable[[Child], Reach]
    reach: Reach

    @classmethod
    def remote(
        cls,
        caller: Child,
        target: Child,
        new_child: NewChild,
        reach_from: Callable[[Child], Reach],
    ) -> "Scene":
        """The memory is the target's."""
        return cls(caller, target, target, new_child, reach_from, reach_from(caller))

    @classmethod
    def local(cls, call: str, caller: Child, target: Child, new_child: NewChild) -> "Scene":
        """The memory is the caller's own: the local side of a call that has two."""

        def reach_from(child: Child) -> Reach:
            return BetweenMemories(call, child, target, remote=False)

        return cls(caller, target, caller, new_child, reach_from, reach_from(caller))

    def memory(self, pages: int = 1) -> Memory:
        """Memory of the owner with a pattern; it ends in a hole."""
        return self.owner.pages(pages, seed=NAMED_SEED)


#: A case: the rule is the function's docstring.
Body = Callable[[Scene], None]
