"""The calls of calls.h as attributes of a child, and what its answers say."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from helpers import abi, binding
from helpers.errors import ProtocolError, SetupError
from helpers.outcome import Result, errno_name, from_register
from helpers.wire import Abi, Frame, Note, Reader

if TYPE_CHECKING:
    from helpers.child import Child


@dataclass(frozen=True)
class Numbers:
    """Which number a call has in this machine: the machine's architecture and one setting."""

    arch: str = "x86_64"
    process_vmsplice: int = abi.PROCESS_VMSPLICE_NR

    def of(self, name: str, entry: Abi) -> int:
        """The number of a call at an entry."""
        arch = abi.I386 if entry is Abi.I386 else self.arch
        return binding.number_of(name, arch, self.process_vmsplice)


class Way(Enum):
    """How a call is made: wait for its Result; require success, at once or later; do not wait.

    SOON does not wait either, and travels with its neighbours: for a call that does not block.
    """

    NOW = "now"
    MUST = "must"
    QUEUED = "queued"
    BEGIN = "begin"
    SOON = "soon"


class Calls:
    """The calls of calls.h as attributes, made by one child in one way."""

    def __init__(self, child: "Child", way: Way, entry: Abi = Abi.NATIVE) -> None:
        """The child that makes them, what happens with the answer, and the entry used."""
        self._child = child
        self._way = way
        self._entry = entry

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """The call of that name.

        Raises:
            AttributeError: calls.h has no such call, or this entry no number for it.
        """
        prototype = abi.prototypes().get(name)
        if prototype is None:
            raise AttributeError(f"no call {name} in helpers/abi/calls.h")
        number = self._child.numbers.of(name, self._entry)

        def call(*args: Any) -> Any:
            encoded = binding.encode(prototype, number, args, self._entry)
            return self._child.make(encoded, self._way, self._entry)

        return call


@dataclass(frozen=True)
class Line:
    """Text that is only made when a message needs it."""

    make: Callable[[], str]

    def __str__(self) -> str:
        """The text."""
        return self.make()


def returned(frame: Frame, encoded: binding.Encoded) -> tuple[Result, Note]:
    """Take the RETURN of one call apart.

    Raises:
        ProtocolError: it is not the answer to one call.
    """
    reader = Reader(frame.body, "RETURN")
    count = reader.varint()
    if count != 1:
        raise ProtocolError(f"the agent sent {count} answers to 1 call")
    raw = reader.svarint()
    notes = Note(reader.byte())
    outs = tuple(reader.blob() for _ in encoded.give_back)
    reader.end()
    return from_register(raw, outs, Line(encoded.text)), notes


def explain(notes: Note) -> str:
    """What a child noticed about its own memory, in words."""
    said = []
    if Note.IN_CHANGED in notes:
        said.append("it wrote into an argument that it may only read")
    if Note.OVERRUN in notes:
        said.append("it wrote outside the space of an argument")
    return " and ".join(said)


def value_of(encoded: binding.Encoded, result: Result) -> int:
    """The value of a call that had to succeed.

    Raises:
        SetupError: it did not.
    """
    if not result.ok:
        raise SetupError(f"set-up: {encoded} = -1 {errno_name(result.errno)}")
    return result.value


def nothing(frame: Frame) -> None:
    """An answer that says nothing but that it is done."""
    Reader(frame.body, frame.kind.name).end()


def blob(frame: Frame) -> bytes:
    """The bytes of a DATA."""
    return Reader(frame.body, "DATA").blob()


def leading_zeros(frame: Frame) -> int:
    """How many bytes of a DATA are zero before the first that is not."""
    data = blob(frame)
    return len(data) - len(data.lstrip(b"\0"))


def matched(frame: Frame) -> int:
    """How many bytes matched."""
    return Reader(frame.body, "MATCHED").varint()
