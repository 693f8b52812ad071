"""Calls that a child makes one after another with nothing between them, not even their answers."""

from collections.abc import Sequence
from typing import Any

from helpers import abi, binding
from helpers.binding import Encoded
from helpers.child import Child
from helpers.outcome import Result, from_register
from helpers.wire import Abi, Frame, Kind, Reader, varint

#: Calls that one message may have: WIRE_MAX_CALLS.
MOST = 64


def batch(child: Child, calls: Sequence[tuple[Any, ...]]) -> list[Result]:
    """The answers to calls, each given as its name and its arguments; up to MOST of them."""
    prototypes = abi.prototypes()
    encoded: list[Encoded] = [
        binding.encode(prototypes[name], child.numbers.of(name, Abi.NATIVE), arguments)
        for name, *arguments in calls
    ]

    def decode(frame: Frame) -> list[Result]:
        reader = Reader(frame.body, "RETURN")
        assert reader.varint() == len(encoded)
        found = []
        for call in encoded:
            raw = reader.svarint()
            reader.byte()
            outs = [reader.blob() for _ in call.give_back]
            found.append(from_register(raw, tuple(outs), call))
        return found

    child.session.settle()
    body = bytes((Abi.NATIVE,)) + varint(len(encoded)) + b"".join(call.body for call in encoded)
    transcript, task = child.session.transcript, child.task
    lines = [transcript.begin(lambda: f"{task.label} {task.pid}", call.text) for call in encoded]
    pending = child.session.post(Kind.CALL, child.task, body, decode, what="several calls")
    results = pending.result()
    for line, result in zip(lines, results, strict=True):
        transcript.answer(line, repr(result), False)
    return results
