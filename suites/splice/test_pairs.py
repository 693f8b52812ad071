"""Every kind of descriptor as input with every kind as output: the exact answer, by a rule."""

from dataclasses import dataclass
from errno import EAGAIN, EBADF, EINVAL, ENOTCONN

from fixtures.cases import clause, needs, table
from helpers.abi import constants as c
from helpers.child import Child
from helpers.descriptors import KINDS, Kind, Mode
from helpers.outcome import Err, Ok, Result

pytestmark = needs("splice")

PIPES = {"pipe-read", "pipe-write", "fifo-read-write"}
APPENDING = {"file-append"}
#: What can be read by splice, and its answer for one byte; everything else is EINVAL.
READABLE = {
    "file": Ok(1),
    "file-read-only": Ok(1),
    "file-append": Ok(1),
    "memfd": Ok(1),
    "unix-socket": Err(EAGAIN),
    "inet-socket": Err(ENOTCONN),
}
#: What can be written by splice; everything else is EINVAL.
WRITABLE = {"file", "file-write-only", "dev-null", "memfd", "unix-socket", "inet-socket"}
#: The answer differs between kernels (fs/splice.c, copy_splice_read(), from 6.5 on).
NOT_YET = {("dev-zero", "pipe-write"), ("dev-zero", "fifo-read-write")}


@dataclass(frozen=True)
class End:
    """One side of a pair."""

    kind: str
    fd: int
    mode: Mode


def expected(source: End, sink: End) -> Result:
    """The answer to one byte, SPLICE_F_NONBLOCK, no offsets: fs/splice.c, splice() and do_splice().

    Descriptors first, then modes, then which of the two is a pipe, then what that way needs. The
    pipes are different ones; those that are inputs are empty and have writers.
    """
    if source.mode.path or sink.mode.path:
        return Err(EBADF)
    if not source.mode.readable or not sink.mode.writable:
        return Err(EBADF)
    if source.kind in PIPES and sink.kind in PIPES:
        return Err(EAGAIN)
    if source.kind in PIPES:
        if sink.kind in APPENDING or sink.kind not in WRITABLE:
            return Err(EINVAL)
        return Err(EAGAIN)
    if sink.kind in PIPES:
        return READABLE.get(source.kind, Err(EINVAL))
    return Err(EINVAL)


def ends(caller: Child, directory: str) -> list[End]:
    """One of every kind that can be made here."""
    started = [(kind.name, kind.start(caller, directory)) for kind in KINDS]
    made = [(name, finish()) for name, finish in started]
    modes = [(n, r.value, Mode.start(caller, r.value)) for n, r in made if r.ok]
    return [End(name, fd, judge()) for name, fd, judge in modes]


@clause("splice:pairs:the-rule")
@table("kind", *[(kind.name, kind, needs(*kind.requirement)) for kind in KINDS])
def test_an_input_of_a_kind_answers_by_the_rule(caller: Child, directory: str, kind: Kind) -> None:
    """With an output of every kind, and with itself: no pipe goes into itself."""
    fd = kind.make(caller, directory)
    sinks = [s for s in ends(caller, directory) if (kind.name, s.kind) not in NOT_YET]
    source = End(kind.name, fd, Mode.of(caller, fd))
    pending = [
        caller.begin.splice(fd, None, sink.fd, None, 1, c.SPLICE_F_NONBLOCK)
        for sink in [*sinks, source]
    ]
    itself = Err(EINVAL) if kind.name == "fifo-read-write" else expected(source, source)
    answers = {sink.kind: answer.result() for sink, answer in zip(sinks, pending, strict=False)}
    rule = {sink.kind: expected(source, sink) for sink in sinks}
    assert len(answers) > len(KINDS) // 2
    wrong = {name: f"{a!r}, should be {rule[name]!r}" for name, a in answers.items()
             if a != rule[name]}  # fmt: skip
    assert wrong == {}, f"outputs of {kind.name}: {wrong}"
    assert pending[-1].result() == itself
