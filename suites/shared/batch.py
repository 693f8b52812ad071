"""Calls that a child makes one after another with nothing between them, not even their answers."""

from collections.abc import Sequence
from typing import Any

from helpers import abi, binding
from helpers.binding import Encoded
from helpers.child import Child
from helpers.outcome import Result, from_register
from helpers.pending import Pending
from helpers.wire import Abi, Frame, Kind, Reader, varint

#: Calls that one message may have: WIRE_MAX_CALLS.
MOST = 64


def begin_batch(child: Child, calls: Sequence[tuple[Any, ...]]) -> Pending[list[Result]]:
    """Calls, each given as its name and its arguments, up to MOST; their answers will come."""
    prototypes = abi.prototypes()
    # the same call again and again is encoded once
    made: dict[int, Encoded] = {}
    for call in calls:
        if id(call) not in made:
            name, *arguments = call
            number = child.numbers.of(name, Abi.NATIVE)
            made[id(call)] = binding.encode(prototypes[name], number, arguments)
    encoded = [made[id(call)] for call in calls]
    transcript, task = child.session.transcript, child.task

    def decode(frame: Frame) -> list[Result]:
        reader = Reader(frame.body, "RETURN")
        assert reader.varint() == len(encoded)
        found = []
        for call, line in zip(encoded, lines, strict=True):
            raw = reader.svarint()
            reader.byte()
            outs = [reader.blob() for _ in call.give_back]
            found.append(from_register(raw, tuple(outs), call))
            transcript.answer(line, repr(found[-1]), False)
        return found

    child.session.settle()
    body = bytes((Abi.NATIVE,)) + varint(len(encoded)) + b"".join(call.body for call in encoded)
    lines = [transcript.begin(lambda: f"{task.label} {task.pid}", call.text) for call in encoded]
    return child.session.post(Kind.CALL, child.task, body, decode, what="several calls")


def batch(child: Child, calls: Sequence[tuple[Any, ...]]) -> list[Result]:
    """The answers to calls that a child makes one after another."""
    return begin_batch(child, calls).result()
