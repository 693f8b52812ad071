# SPDX-License-Identifier: MIT
"""Requests that travel together: their order, their answers, their limits."""

import errno

import pytest

from .peer import Agent, Frame, K, Reader, blob, calls_body, out, part, varint

GETPID, READ = 39, 0


def parts(frame: Frame) -> list[tuple[int, int, bytes]]:
    """Kind, sequence number and body of each answer."""
    reader, found = frame.read(), []
    while reader.at < len(reader.data):
        inner = Reader(reader.blob())
        kind, _, seq = inner.u(), inner.u(), inner.u()
        found.append((kind, seq, inner.data[inner.at :]))
    return found


def numbers(*values: int) -> bytes:
    return b"".join(map(varint, values))


def test_requests_are_done_in_order_and_answered_together(agent: Agent) -> None:
    born = agent.spawn(1)
    at = born.arena
    body = b"".join([
        part("FILL", 11, numbers(at, 64, 7, 0)),
        part("MATCH", 12, numbers(at, 64, 7, 0)),
        part("POKE", 13, varint(at + 3) + blob(b"x")),
        part("MATCH", 14, numbers(at, 64, 7, 0)),
        part("PEEK", 15, numbers(at + 3, 1)),
        part("CALL", 16, calls_body([(GETPID,), (GETPID,)])),  # its arguments use the arena
    ])  # fmt: skip
    answer = agent.expect("MANY", 1, agent.send("MANY", 1, body))
    found = parts(answer)
    assert [(kind, seq) for kind, seq, _ in found] == [
        (K["DONE"], 11), (K["MATCHED"], 12), (K["DONE"], 13), (K["MATCHED"], 14),
        (K["DATA"], 15), (K["RETURN"], 16),
    ]  # fmt: skip
    assert found[1][2] == varint(64)
    assert found[3][2] == varint(3) + b"x"
    assert found[4][2] == blob(b"x")
    reader = Reader(found[5][2])
    assert reader.u() == 2
    assert [(reader.s(), reader.byte()) for _ in range(2)] == [(born.pid, 0)] * 2
    reader.end()
    assert agent.state(1)[3] == 0, "one message in, one message out: nothing is unanswered"


def test_nothing_asked_is_nothing_answered(agent: Agent) -> None:
    agent.spawn(1)
    assert agent.expect("MANY", 1, agent.send("MANY", 1)).body == b""


def test_a_part_that_cannot_be_done_has_an_error_of_its_own(agent: Agent) -> None:
    born = agent.spawn(1)
    body = part("PEEK", 5, numbers(0)) + part("PEEK", 6, numbers(born.arena, 1))
    found = parts(agent.expect("MANY", 1, agent.send("MANY", 1, body)))
    assert [(kind, seq) for kind, seq, _ in found] == [(K["ERROR"], 5), (K["DATA"], 6)]
    assert Reader(found[0][2]).u() == errno.EBADMSG


@pytest.mark.parametrize("kind", ["MANY", "SPAWN", "QUIT"])
def test_what_is_more_than_a_request_for_memory_or_calls_ends_the_rest(
    agent: Agent, kind: str
) -> None:
    agent.spawn(1)
    seq = agent.send("MANY", 1, part(kind, 5, numbers(9, 17, 0)))
    assert agent.error(seq) == (errno.EBADMSG, "many: malformed part")
    assert agent.call(1, GETPID).value > 0


@pytest.mark.parametrize("body", [b"\x05ab", b"\x00", b"\xff" * 11])
def test_a_malformed_part_ends_the_rest(agent: Agent, body: bytes) -> None:
    born = agent.spawn(1)
    first = part("POKE", 4, varint(born.arena) + blob(b"done"))
    seq = agent.send("MANY", 1, first + body)
    assert agent.error(seq) == (errno.EBADMSG, "many: malformed part")
    assert agent.peek(1, born.arena, 4) == b"done"


def test_answers_above_the_limit_are_refused(agent: Agent) -> None:
    born = agent.spawn(1)
    limit = K["MANY_MAX"]
    half = limit // 2 - 64
    two = b"".join(part("PEEK", n, numbers(born.arena, half)) for n in (1, 2))
    assert len(parts(agent.expect("MANY", 1, agent.send("MANY", 1, two)))) == 2
    three = two + part("PEEK", 3, numbers(born.arena, half))
    assert agent.error(agent.send("MANY", 1, three))[0] == errno.E2BIG


def test_requests_above_the_limit_are_refused_before_any_effect(agent: Agent) -> None:
    born = agent.spawn(1)
    body = part("POKE", 1, varint(born.arena) + blob(b"y" * (K["MANY_MAX"] // 2)))
    agent.poke(1, born.arena, b"x")
    assert agent.error(agent.send("MANY", 1, body * 2)) == (errno.E2BIG, "many: too long")
    assert agent.peek(1, born.arena, 1) == b"x"


def test_the_largest_request_has_room_for_the_largest_answer(agent: Agent) -> None:
    born = agent.spawn(1)
    poke = part("POKE", 1, varint(born.arena) + blob(b"z" * (K["MANY_MAX"] - 64)))
    calls = part("CALL", 2, calls_body([(READ, -1 & (1 << 32) - 1, out(8000), 0)] * 4))
    seq = agent.send("MANY", 1, poke)
    assert [p[0] for p in parts(agent.expect("MANY", 1, seq))] == [K["DONE"]]
    seq = agent.send("MANY", 1, calls)
    assert [p[0] for p in parts(agent.expect("MANY", 1, seq))] == [K["RETURN"]]
    # an answer of a whole frame is built, and does not fit
    big = part("PEEK", 3, numbers(born.arena, 65000))
    filler = part("POKE", 1, varint(born.arena) + blob(b"z" * (K["MANY_MAX"] - 200)))
    assert agent.error(agent.send("MANY", 1, filler + big))[0] == errno.E2BIG
    assert agent.call(1, GETPID).value == born.pid
