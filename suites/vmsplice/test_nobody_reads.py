"""A pipe whose readers are gone."""

from errno import EAGAIN, EFAULT, EPIPE

import pytest

from fixtures.cases import clause, needs, table
from fixtures.pipes import Pipe
from helpers.abi import constants as c
from helpers.child import Child
from helpers.outcome import Err, Ok

pytestmark = needs("vmsplice")


@pytest.fixture
def lonely(caller: Child, pipe: Pipe) -> Pipe:
    """A pipe that nobody reads, and a caller that counts SIGPIPE."""
    caller.catch(c.SIGPIPE)
    pipe.close_read()
    return pipe


@clause("vmsplice:nobody-reads:epipe")
@table("flags", ("plain", 0), ("nonblock", c.SPLICE_F_NONBLOCK), ("gift", c.SPLICE_F_GIFT))
def test_it_is_epipe_with_one_sigpipe(caller: Child, lonely: Pipe, flags: int) -> None:
    memory = caller.pages(2, seed=1)
    parts = [memory[:3], memory[3:7], memory[7:]]
    assert caller.vmsplice(lonely.write, parts, 3, flags) == Err(EPIPE)
    assert caller.caught(c.SIGPIPE) == 1


@clause("vmsplice:nobody-reads:epipe")
def test_an_ignored_sigpipe_leaves_epipe(caller: Child, pipe: Pipe) -> None:
    memory = caller.pages(1, seed=1)
    caller.ignore(c.SIGPIPE)
    pipe.close_read()
    assert caller.vmsplice(pipe.write, [memory], 1, 0) == Err(EPIPE)


@clause("vmsplice:nobody-reads:epipe")
def test_it_is_killed_by_sigpipe_unless_handled(caller: Child, pipe: Pipe) -> None:
    memory = caller.pages(1, seed=1)
    caller.default(c.SIGPIPE)
    pipe.close_read()
    caller.begin.vmsplice(pipe.write, [memory], 1, 0)
    assert caller.wait_death() == "killed by SIGPIPE"


@clause("vmsplice:nobody-reads:before-full")
def test_a_full_pipe_is_epipe_too(caller: Child, full_pipe: Pipe) -> None:
    memory = caller.pages(1, seed=1)
    caller.catch(c.SIGPIPE)
    assert caller.vmsplice(full_pipe.write, [memory], 1, c.SPLICE_F_NONBLOCK) == Err(EAGAIN)
    full_pipe.close_read()
    assert caller.vmsplice(full_pipe.write, [memory], 1, c.SPLICE_F_NONBLOCK) == Err(EPIPE)
    assert caller.caught(c.SIGPIPE) == 1


@clause("vmsplice:nobody-reads:before-memory")
def test_memory_is_not_looked_at(caller: Child, lonely: Pipe) -> None:
    memory = caller.pages(1, seed=1)
    assert caller.vmsplice(lonely.write, [(memory.end, 1)], 1, 0) == Err(EPIPE)
    assert caller.caught(c.SIGPIPE) == 1


@clause("vmsplice:order:pipe-before-memory")
def test_memory_is_not_looked_at_when_the_pipe_is_full(caller: Child, full_pipe: Pipe) -> None:
    hole = (caller.pages(1).end, 1)
    assert caller.vmsplice(full_pipe.write, [hole], 1, c.SPLICE_F_NONBLOCK) == Err(EAGAIN)
    caller.must.read(full_pipe.read, caller.pages(1), caller.page_size)
    assert caller.vmsplice(full_pipe.write, [hole], 1, c.SPLICE_F_NONBLOCK) == Err(EFAULT)


@clause("vmsplice:segments:none-is-0")
@table("count", ("no-segments", 0), ("one-empty", 1), ("iov-max-empty", c.UIO_MAXIOV))
def test_nothing_to_send_is_0_and_no_signal(caller: Child, lonely: Pipe, count: int) -> None:
    memory = caller.pages(1, seed=1)
    assert caller.vmsplice(lonely.write, [memory[0:0]] * count, count, 0) == Ok(0)
    assert caller.caught(c.SIGPIPE) == 0


@clause("vmsplice:segments:none-is-0")
@table("count", ("no-segments", 0), ("one-empty", 1), ("iov-max-empty", c.UIO_MAXIOV))
@table(
    "where",
    ("file", "file"),
    ("full-pipe", "full"),
    ("read-end-of-an-empty-pipe", "read"),
)
def test_nothing_to_send_is_0_whatever_the_descriptor(
    caller: Child, pipe: Pipe, where: str, count: int
) -> None:
    memory = caller.pages(1, seed=1)
    if where == "full":
        pipe.fill()
    fd = {"full": pipe.write, "read": pipe.read}.get(where) or caller.must.memfd_create("f", 0)
    assert caller.vmsplice(fd, [memory[0:0]] * count, count, 0) == Ok(0)
    memory.unchanged()
