# SPDX-License-Identifier: MIT
"""Neither a confused host nor a damaged child brings the agent down without a word."""

import contextlib
import random
import select

import pytest

from .conftest import Starter
from .peer import (
    Agent,
    K,
    arg_in,
    blob,
    calls_body,
    frame,
    inout,
    out,
    part,
    varint,
    words,
    words_body,
)

CHLD = 17


def fatal(agent: Agent) -> str:
    """The reason, if the agent says that the protocol was broken, and then ends."""
    got = agent.expect("ERROR", 0, 0).read()
    number, text = got.u(), got.blob().decode()
    got.end()
    assert number == 71  # EPROTO
    with pytest.raises(EOFError):
        agent.next()
    assert agent.process
    assert agent.process.wait(10) == 1
    return text


@pytest.mark.parametrize(
    ("garbage", "reason"),
    [
        (b"\0", "length"),
        (b"\xff" * 10, "length"),
        (varint(65537) + b"x", "length"),
        (varint(1 << 40), "length"),
        (b"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", "length"),
        (blob(b"\2"), "head"),
        (blob(b"\2\0"), "head"),
        (blob(b"\2\0\x80"), "head"),
        (blob(b"\xff" * 30), "head"),
        (frame(0), "kind"),
        (frame(29), "kind"),
        (frame((1 << 64) - 1), "kind"),
        (frame("PING", 251), "child id"),
        (frame("CALL", 1 << 63), "child id"),
        (frame("SPAWN", 0, 1, b""), "child id"),
        (frame("SPAWN", 0, 1, varint(0) + varint(17) + varint(0)), "child id"),
        (frame("SPAWN", 0, 1, varint(251) + varint(17) + varint(0)), "child id"),
        (frame("SPAWN", 0, 1, varint(1) + varint(17)), "body"),
        (frame("SPAWN", 0, 1, varint(1) + varint(17) + varint(0) + b"x"), "body"),
        (frame("SPAWN", 0, 1, varint(1) + varint(17) + varint(2)), "options"),
        (frame("STATE", 0, 1, b""), "child id"),
        (frame("STATE", 0, 1, b"\1\1"), "body"),
        (frame("REAP", 0, 1, b"\xfb\x01"), "child id"),
        (frame("END", 0, 1, b"\0"), "body"),
        (frame("END", 0, 1, b"\4\0"), "flags"),
        (frame("POWEROFF", 0, 1, b"\0"), "body"),
    ],
)
def test_malformed_frame(agent: Agent, garbage: bytes, reason: str) -> None:
    agent.spawn(1)
    agent.sock.sendall(garbage)
    assert reason in fatal(agent)


@pytest.mark.parametrize(("kind", "child"), [("CALL", 0), ("PING", 1), ("CHILD", 1), ("HELLO", 0)])
def test_frame_for_the_wrong_one(agent: Agent, kind: str, child: int) -> None:
    agent.spawn(1)
    assert agent.error(agent.send(kind, child))[0] == 22
    agent.ping()


@pytest.mark.parametrize("kind", ["PEEK", "POKE", "FILL", "MATCH", "HASH", "POKE_WORDS", "QUIT"])
@pytest.mark.parametrize("body", [b"", b"\x80", b"\1", b"\0" * 40])
def test_child_cannot_read_a_body(agent: Agent, kind: str, body: bytes) -> None:
    agent.spawn(1)
    assert agent.error(agent.send(kind, 1, body))[0] == 74  # EBADMSG
    assert agent.call(1, 39).value > 0


@pytest.mark.parametrize(
    "message", [b"", b"\xff" * 40, b"\x02\x01\x01", b"\x06\x01\x00", b"\x17\1\1"]
)
def test_damaged_child_is_killed(agent: Agent, message: bytes) -> None:
    """What a test writes to the channel's descriptor may be anything."""
    channel = agent.spawn(1).fd
    agent.spawn(2)
    agent.start(1, (1, channel, arg_in(message), len(message)))
    how = agent.exited(1)
    assert how == (1, 9) if message else how[0] in (0, 1)
    assert agent.call(2, 39).value > 0


def test_child_cannot_speak_for_another(agent: Agent) -> None:
    channel = agent.spawn(1).fd
    agent.spawn(2)
    forged = varint(K["RETURN"]) + varint(2) + varint(99) + b"\0"
    agent.start(1, (1, channel, arg_in(forged), len(forged)))
    assert agent.expect("RETURN", seq=99).child == 1


def test_child_that_closes_its_channel(agent: Agent) -> None:
    channel = agent.spawn(1).fd
    agent.start(1, (3, channel))
    assert agent.exited(1) == (0, 125)


def random_frame(rng: random.Random) -> bytes:
    """Usually well formed, so that it gets far; never a request that would leave the machine."""
    number = rng.choice
    child = number([0, 0, 1, 2, 3, 4, 250])
    big = number([0, 1, 7, 4096, 1 << 31, 1 << 47, (1 << 64) - 1])
    argument = [
        lambda: out(number([0, 1, 9, 5000, 70000])),
        lambda: arg_in(rng.randbytes(number([0, 1, 100]))),
        lambda: inout(rng.randbytes(number([0, 5]))),
        lambda: words(number([4, 8, 9]), (number([0, 3, 900, 1 << 60]), [1, 2], [-1, big])),
        lambda: b"\0" + varint(number([0, 1, 2, 3, 5, 8, 900, 901])),
    ]
    # close, poll, getpid, dup, pipe, sched_yield, getppid: harmless with any arguments
    arguments = [number(argument)() for _ in range(number(range(4)))]
    calls = [(number([3, 7, 39, 32, 22, 24, 110]), *arguments)]
    bodies = {
        "PING": lambda: rng.randbytes(number([0, 3, 600])),
        "SPAWN": lambda: varint(number([1, 2, 3, 4]))
        + varint(number([17, 0x111, 0x10F00, 0x8011, 0x411]))
        + varint(number([0, 1])),
        "CALL": lambda: calls_body(calls * number([1, 2, 10]), number([0, 0, 1])),
        "PEEK": lambda: varint(big) + varint(number([0, 8, 70000])),
        "POKE_WORDS": lambda: varint(0) + words_body(number([4, 8]), (0, [big], [big])),
        "MATCH": lambda: varint(big) + varint(number([0, 1])) + varint(big) + varint(big),
        "STATE": lambda: varint(number([1, 2, 3, 250])),
        "REAP": lambda: varint(number([1, 2, 3])),
        "MANY": lambda: b"".join(
            part(number(["CALL", "PEEK", "MATCH", "MANY"]), i, rng.randbytes(number([0, 4])))
            for i in range(number([0, 1, 3, 40]))
        ),
        "QUIT": lambda: varint(3) + varint(number([0, 1])),
        "END": lambda: varint(number([0, 1])) + varint(2000),
    }  # fmt: skip
    kind = number(list(bodies))
    if kind in ("PING", "STATE", "REAP", "END"):
        child = 0
    return frame(kind, child, rng.randrange(1000), bodies[kind]())


def drain(agent: Agent, until: int | None = None) -> bool:
    """Reads what there is; False if the agent ended. With until: up to that answer."""
    with contextlib.suppress(BlockingIOError):
        while True:
            if until is None and not agent.data and not select.select([agent.sock], [], [], 0)[0]:
                return True
            try:
                got = agent.next(20)
            except (EOFError, ConnectionResetError, BrokenPipeError):
                return False
            if got.seq == until:
                return True
    return True


@pytest.mark.parametrize("seed", range(6))
def test_random_requests(start: Starter, seed: int) -> None:
    """Well-formed frames in any order: the agent lives, and says so."""
    rng = random.Random(seed)
    agent = start()
    agent.hello()
    for _ in range(40):
        agent.sock.sendall(b"".join(random_frame(rng) for _ in range(rng.randrange(12))))
        assert drain(agent, _ping(agent))
    agent.end()


def _ping(agent: Agent) -> int:
    agent.seq = max(agent.seq, 5000) + 1
    agent.sock.sendall(frame("PING", 0, agent.seq))
    return agent.seq


@pytest.mark.parametrize("seed", range(40))
def test_mutated_frames(start: Starter, seed: int) -> None:
    """Damaged ones: it lives, or it says what was wrong and ends; no sanitizer complains."""
    rng = random.Random(1000 + seed)
    agent = start()
    agent.hello()
    data = bytearray(b"".join(random_frame(rng) for _ in range(30)))
    for _ in range(rng.choice([1, 3, 20])):
        data[rng.randrange(len(data))] = rng.choice([0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)])
    for _ in range(rng.choice([0, 0, 1])):
        at = rng.randrange(len(data))
        data[at : at + rng.randrange(50)] = rng.randbytes(rng.randrange(50))
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        agent.sock.sendall(data)
        drain(agent)
    agent.sock.close()
    assert agent.process
    assert agent.process.wait(20) in (0, 1)


@pytest.mark.parametrize("seed", range(20))
def test_random_bytes(start: Starter, seed: int) -> None:
    agent = start()
    agent.hello()
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        agent.sock.sendall(random.Random(seed).randbytes(3000))
    agent.sock.close()
    assert agent.process
    assert agent.process.wait(20) in (0, 1)
