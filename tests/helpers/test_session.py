"""The session against a peer that misbehaves: every way ends in one clear sentence."""

import socket
from collections.abc import Iterator

import pytest

from helpers import wire
from helpers.answers import Task
from helpers.errors import MachineLost, SetupError
from helpers.pending import ChildDied, Hang, Pending
from helpers.session import Session
from helpers.wire import Kind, blob, varint

HELLO = wire.MAGIC + varint(wire.VERSION) + blob(b"role=local\npage_size=4096\ntaint=0\n")


class Peer:
    """The other end, which says what it is told to."""

    def __init__(self) -> None:
        self.theirs, self.ours = socket.socketpair()
        self.session = Session(self.ours, lambda: MachineLost("crash", "it ended"), scale=0.005)

    def say(self, kind: Kind, child: int, seq: int, body: bytes = b"") -> None:
        self.theirs.sendall(wire.frame(kind, child, seq, body))

    def greet(self) -> Session:
        self.say(Kind.HELLO, 0, 0, HELLO)
        self.session.wait_hello(5)
        return self.session


@pytest.fixture
def peer() -> Iterator[Peer]:
    made = Peer()
    yield made
    made.theirs.close()
    made.ours.close()


def test_the_hello_is_taken_apart(peer: Peer) -> None:
    session = peer.greet()
    assert session.hello is not None
    assert session.hello.page_size == 4096
    assert session.hello.number("taint") == 0
    assert session.hello.number("nothing") == 0


@pytest.mark.parametrize(
    ("stream", "said"),
    [
        (wire.frame(Kind.HELLO, 0, 0, b"GET / HTTP/1.1"), "did not greet like an agent"),
        (wire.frame(Kind.HELLO, 0, 0, wire.MAGIC + varint(9) + blob(b"")), "speaks version 9"),
        (b"Linux version 6.12 booting\n" * 9, "unknown kind|garbage"),
        (wire.frame(Kind.CHILD, 7, 0, b""), "of child 7, which is not"),
        (wire.frame(Kind.PONG, 0, 99), "answers no request"),
        (wire.frame(Kind.ERROR, 0, 0, varint(22) + blob(b"bad length")), "gave up: bad length"),
    ],
)
def test_garbage_ends_the_machine_and_says_what_it_was(
    peer: Peer, stream: bytes, said: str
) -> None:
    peer.theirs.sendall(stream)
    with pytest.raises(MachineLost, match=said) as caught:
        peer.session.wait_hello(5)
    assert caught.value.kind == "protocol"
    with pytest.raises(MachineLost, match=said):
        peer.session.ping()


def test_the_end_of_the_channel_is_explained_by_the_machine(peer: Peer) -> None:
    session = peer.greet()
    peer.theirs.shutdown(socket.SHUT_RDWR)
    with pytest.raises(MachineLost, match="it ended") as caught:
        session.ping()
    assert caught.value.kind == "crash"


def test_silence_is_a_machine_that_never_said_hello(peer: Peer) -> None:
    with pytest.raises(MachineLost, match="said nothing") as caught:
        peer.session.wait_hello(0.01)
    assert caught.value.kind == "boot"


def test_an_agent_that_the_host_does_not_run_is_no_hang(peer: Peer) -> None:
    session = peer.greet()
    asked = []

    def stolen() -> float:
        asked.append(True)
        if len(asked) == 2:  # the time is over, but the machine did not have it
            peer.say(Kind.PONG, 0, 1, b"late")
        return 0.1 * len(asked)

    session._stolen = stolen
    session.begin_case(60)
    assert session.ping() == b"late"


def test_what_has_arrived_counts_when_the_host_comes_late(peer: Peer) -> None:
    session = peer.greet()
    pending = session.post(Kind.PING, None, b"", lambda frame: frame.body, what="PING")
    peer.say(Kind.PONG, 0, 1, b"in time")
    assert pending.result(-1.0) == b"in time"


def test_an_agent_that_does_not_answer_is_a_hang(peer: Peer) -> None:
    session = peer.greet()
    session._lost = lambda: MachineLost("eof", "still there")
    with pytest.raises(MachineLost, match="does not answer any more; waited for: PING") as caught:
        session.ping()
    assert caught.value.kind == "hang"


def test_a_panic_seen_while_waiting_is_a_crash(peer: Peer) -> None:
    session = peer.greet()
    with pytest.raises(MachineLost, match="it ended") as caught:
        session.ping()
    assert caught.value.kind == "crash"


def test_a_death_answers_what_the_child_was_asked(peer: Peer) -> None:
    session = peer.greet()
    task = session.new_task("caller")
    pending = session.post(Kind.CALL, task, b"", lambda frame: None, what="getpid()")
    peer.say(Kind.EXITED, task.id, 0, varint(1) + varint(11))
    with pytest.raises(ChildDied, match=r"killed by SIGSEGV in getpid\(\)"):
        pending.result()
    with pytest.raises(ChildDied, match="before read"):
        session.post(Kind.CALL, task, b"", lambda frame: None, what="read()").result()


def test_a_refusal_is_no_verdict(peer: Peer) -> None:
    session = peer.greet()
    pending = session.post(Kind.REAP, None, varint(9), lambda frame: None, what="reap")
    peer.say(Kind.ERROR, 0, 1, varint(3) + blob(b"no child 9"))
    with pytest.raises(SetupError, match="reap: the agent refused: no child 9"):
        pending.result()


def test_requests_of_a_set_up_go_out_together(peer: Peer) -> None:
    session = peer.greet()
    for _ in range(3):
        session.expect(session.post(Kind.PING, None, b"x", lambda frame: frame.body, what="PING"))
    peer.theirs.setblocking(False)
    with pytest.raises(BlockingIOError):
        peer.theirs.recv(1)
    for seq in (1, 2, 3):
        peer.say(Kind.PONG, 0, seq, b"x")
    session.settle()
    assert peer.theirs.recv(100) == b"".join(wire.frame(Kind.PING, 0, s, b"x") for s in (1, 2, 3))


def test_lies_about_counts_are_refused(peer: Peer) -> None:
    session = peer.greet()
    peer.say(Kind.ENDED, 0, 1, varint(0) + varint(1 << 60))
    with pytest.raises(MachineLost, match="announces 1152921504606846976 items"):
        session.end_case()


def _asked(session: Session, task: Task, what: str) -> Pending[bytes]:
    return session.post(Kind.PEEK, task, what.encode(), lambda frame: frame.body, what=what)


def test_the_set_up_of_who_is_asked_next_is_not_waited_for(peer: Peer) -> None:
    session = peer.greet()
    task = session.new_task("caller")
    set_up = session.expect(_asked(session, task, "mmap"))
    assert session.settle(task) == [set_up]
    _asked(session, task, "read")
    peer.say(Kind.PONG, 0, 3)
    session.ping()
    sent = [wire.frame(Kind.PEEK, task.id, 1, b"mmap"), wire.frame(Kind.PEEK, task.id, 2, b"read")]
    assert peer.theirs.recv(100).startswith(b"".join(sent))


def test_the_set_up_of_others_is_waited_for(peer: Peer) -> None:
    session = peer.greet()
    caller, target = session.new_task("caller"), session.new_task("target")
    set_up = session.expect(_asked(session, target, "mmap"))
    peer.say(Kind.DATA, target.id, 1)
    assert session.settle(caller) == []
    assert set_up.done


def _call_behind_set_up(session: Session) -> tuple[Task, Pending[object]]:
    task = session.new_task("caller")
    session.expect(_asked(session, task, "mmap"))
    before = session.settle(task)
    call = _asked(session, task, "read")
    call.before = before
    return task, call


def test_an_answer_means_nothing_when_the_set_up_before_it_failed(peer: Peer) -> None:
    session = peer.greet()
    task, call = _call_behind_set_up(session)
    peer.say(Kind.ERROR, task.id, 1, varint(12) + blob(b"no memory"))
    peer.say(Kind.DATA, task.id, 2, b"answer")
    with pytest.raises(SetupError, match="mmap: the agent refused: no memory"):
        call.result()
    assert call.done


def test_a_child_that_dies_in_a_call_does_not_die_in_the_set_up_before_it(peer: Peer) -> None:
    session = peer.greet()
    task, call = _call_behind_set_up(session)
    peer.say(Kind.EXITED, task.id, 0, varint(1) + varint(11))
    with pytest.raises(ChildDied, match="in read"):
        call.result()


@pytest.mark.parametrize("ends", ["hangs", "dies"])
def test_a_failed_set_up_explains_a_hang_and_a_death(peer: Peer, ends: str) -> None:
    session = peer.greet()
    task = session.new_task("caller")
    setup = _asked(session, task, "write")
    call = _asked(session, task, "read")
    call.before = [setup]
    setup.resolve(None, SetupError("write failed: EBADF"))
    if ends == "dies":
        call.resolve(None, ChildDied("killed by SIGKILL in read"))
    _tells_the_state(peer, seq=3)
    with pytest.raises(SetupError, match="write failed"):
        call.result()


def _tells_the_state(peer: Peer, seq: int) -> None:
    """When the time is over, and not before it is asked for."""
    state = blob(b"S") + blob(b"1 0x0") + blob(b"pipe_write") + varint(1)
    said = []

    def stolen() -> float:
        if not said:
            said.append(True)
            peer.say(Kind.STATED, 0, seq, state)
        return 0.0

    peer.session._stolen = stolen


def test_a_hang_may_be_of_the_set_up_that_came_with_it(peer: Peer) -> None:
    session = peer.greet()
    task = session.new_task("caller")
    call = _asked(session, task, "read")
    call.before = [_asked(session, task, "write")]
    _tells_the_state(peer, seq=3)
    with pytest.raises(Hang, match=r"from read, or from set-up that was asked for with it: "):
        call.result()


@pytest.mark.parametrize("first", ["death", "refusal"])
@pytest.mark.parametrize("together", [True, False])
def test_what_is_asked_of_the_dead_is_answered_by_their_death(
    peer: Peer, first: str, together: bool
) -> None:
    session = peer.greet()
    task = session.new_task("target")
    call = _asked(session, task, "getpid")
    death = (Kind.EXITED, task.id, 0, varint(1) + varint(9))
    refusal = (Kind.ERROR, task.id, 0 if together else 1, varint(3) + blob(b"not alive"))
    for each in (death, refusal) if first == "death" else (refusal, death):
        peer.say(*each)
    with pytest.raises(ChildDied, match="killed by SIGKILL in getpid"):
        call.result()
    peer.say(Kind.PONG, 0, 2, b"x")
    assert session.ping() == b"x"


def test_what_hangs_is_what_is_waited_for(peer: Peer) -> None:
    session = peer.greet()
    session._lost = lambda: MachineLost("eof", "still there")
    _, call = _call_behind_set_up(session)
    with pytest.raises(MachineLost, match="waited for: read"):
        call.result()


def _kinds(peer: Peer) -> list[Kind]:
    return [frame.kind for frame in wire.Decoder().feed(peer.theirs.recv(100))]


def _ended(taint: int) -> bytes:
    return b"".join(map(varint, (taint, 0, 0, 0)))


def _taint(session: Session, spares: int) -> int:
    ended = session.end_case(spares=spares)
    assert ended is not None
    return ended.taint


def test_a_case_that_asked_for_nothing_is_not_ended_by_the_machine(peer: Peer) -> None:
    session = peer.greet()
    session.begin_case(1)
    peer.say(Kind.ENDED, 0, 1, _ended(taint=512))
    assert _taint(session, spares=2) == 512
    assert _kinds(peer) == [Kind.END, Kind.SPAWN, Kind.SPAWN]
    session.begin_case(1)
    assert session.end_case(spares=2) is None
    session.begin_case(1)
    # one of those that were made ahead, for which nothing is sent
    session.fresh_child("caller")
    assert session.children == 1
    peer.say(Kind.ENDED, 0, 4, _ended(taint=0))
    assert _taint(session, spares=0) == 0
    assert _kinds(peer) == [Kind.END]
