"""From a file into a pipe: how much, from where, and what offsets say afterwards."""

from errno import EAGAIN, EFAULT, EPIPE

from fixtures.cases import clause, needs, table
from fixtures.pipes import Pipe
from helpers import abi
from helpers.abi import constants as c
from helpers.child import Child
from helpers.memory import cut
from helpers.outcome import Err, Ok
from suites.shared.files import disk_file, memfd

pytestmark = needs("splice")


@clause("splice:from-file:up-to-len")
@table("length", ("one", 1), ("some", 60), ("all", 100))
@table("kind", ("memfd", "memfd"), ("disk-file", "disk"))
def test_it_moves_up_to_len_bytes(
    caller: Child, pipe: Pipe, directory: str, length: int, kind: str
) -> None:
    file = memfd(caller, 100) if kind == "memfd" else disk_file(caller, directory, 100)
    assert caller.splice(file.fd, None, pipe.write, None, length, 0) == Ok(length)
    pipe.holds(file.part(0, length))
    assert file.position() == length


@clause("splice:from-file:short-at-the-end")
@table("length", ("one-more", 101), ("2-to-31", 1 << 31), ("int-max", (1 << 31) - 1))
def test_it_moves_what_the_file_has(caller: Child, pipe: Pipe, length: int) -> None:
    file = memfd(caller, 100)
    assert caller.splice(file.fd, None, pipe.write, None, length, 0) == Ok(100)
    pipe.holds(file.part(0, 100))
    assert file.position() == 100


@clause("splice:from-file:end-is-0")
@table("offset", ("no-offset", None), ("at-the-end", 100), ("beyond", 5000))
@table("flags", ("plain", 0), ("nonblock", c.SPLICE_F_NONBLOCK))
def test_at_the_end_it_is_0(caller: Child, pipe: Pipe, offset: int | None, flags: int) -> None:
    file = memfd(caller, 100)
    place = abi.new("loff_t *", offset) if offset is not None else None
    if place is None:
        caller.must.lseek(file.fd, 100, c.SEEK_SET)
    before = file.position()
    assert caller.splice(file.fd, place, pipe.write, None, 10, flags) == Ok(0)
    assert place is None or place[0] == offset
    assert file.position() == before
    pipe.holds()


@clause("splice:offsets:given-one-moves")
@table("start", ("zero", 0), ("seven", 7), ("into-the-second-page", None))
def test_a_given_offset_moves_and_the_file_offset_does_not(
    caller: Child, pipe: Pipe, start: int | None
) -> None:
    page = caller.page_size
    first = page + 3 if start is None else start
    file = memfd(caller, 2 * page)
    caller.must.lseek(file.fd, 5, c.SEEK_SET)
    place = abi.new("loff_t *", first)
    assert caller.splice(file.fd, place, pipe.write, None, 40, 0) == Ok(40)
    assert place[0] == first + 40
    assert file.position() == 5
    assert caller.splice(file.fd, place, pipe.write, None, 30, 0) == Ok(30)
    assert place[0] == first + 70
    pipe.holds(file.part(first, first + 70))


@clause("splice:offsets:none-uses-the-file-offset")
def test_without_one_the_file_offset_moves(caller: Child, pipe: Pipe) -> None:
    file = memfd(caller, 100)
    caller.must.lseek(file.fd, 5, c.SEEK_SET)
    assert caller.splice(file.fd, None, pipe.write, None, 40, 0) == Ok(40)
    assert file.position() == 45
    pipe.holds(file.part(5, 45))


@clause("splice:offsets:read-only-loses-nothing-but-the-answer")
def test_an_offset_in_read_only_memory_is_efault_after_the_move(caller: Child, pipe: Pipe) -> None:
    """The data moves, the answer is lost: fs/splice.c, __do_splice()."""
    file = memfd(caller, 100)
    memory = caller.pages(1)
    caller.must.mprotect(memory, memory.length, c.PROT_READ)
    assert caller.splice(file.fd, memory, pipe.write, None, 50, 0) == Err(EFAULT)
    pipe.holds(file.part(0, 50))
    assert file.position() == 0


@clause("splice:from-file:as-many-slots-as-are-free")
def test_it_fills_the_pipe_and_returns(caller: Child, pipe: Pipe) -> None:
    slots, page = pipe.slots, caller.page_size
    file = memfd(caller, (slots + 2) * page)
    room = slots * page
    assert caller.splice(file.fd, None, pipe.write, None, room + page, 0) == Ok(room)
    pipe.holds(file.part(0, room))
    assert file.position() == room


@clause("splice:from-file:as-many-slots-as-are-free")
def test_an_unaligned_start_fills_less(caller: Child, pipe: Pipe) -> None:
    """A page of the file takes a slot, and the first one is not used from its beginning."""
    slots, page = pipe.slots, caller.page_size
    file = memfd(caller, (slots + 2) * page)
    place = abi.new("loff_t *", 100)
    room = slots * page - 100
    assert caller.splice(file.fd, place, pipe.write, None, slots * page, 0) == Ok(room)
    pipe.holds(file.part(100, slots * page))


@clause("splice:from-file:as-many-slots-as-are-free")
def test_a_pipe_with_one_slot_free_takes_a_page(caller: Child, full_pipe: Pipe) -> None:
    page, size = caller.page_size, full_pipe.capacity
    file = memfd(caller, 3 * page)
    caller.must.read(full_pipe.read, caller.pages(1), page)
    assert caller.splice(file.fd, None, full_pipe.write, None, 3 * page, 0) == Ok(page)
    full_pipe.holds(*cut([full_pipe.content()], page, size), file.part(0, page))


@clause("splice:from-file:a-hole-is-zeros")
def test_a_hole_in_a_file_is_zeros(caller: Child, pipe: Pipe) -> None:
    page = caller.page_size
    file = memfd(caller, 10)
    caller.must.ftruncate(file.fd, 2 * page)
    assert caller.splice(file.fd, None, pipe.write, None, 2 * page, 0) == Ok(2 * page)
    got = caller.memory(2 * page)
    caller.must.read(pipe.read, got, 2 * page)
    got.holds([file.part(0, 10)])


@clause("splice:errors:eagain")
@table("how", ("flag", "flag"), ("o-nonblock-of-the-pipe", "pipe"))
def test_a_full_pipe_is_eagain(caller: Child, full_pipe: Pipe, how: str) -> None:
    file = memfd(caller, 100)
    flags = c.SPLICE_F_NONBLOCK if how == "flag" else 0
    if how == "pipe":
        caller.must.fcntl(full_pipe.write, c.F_SETFL, c.O_NONBLOCK)
    place = abi.new("loff_t *", 3)
    assert caller.splice(file.fd, None, full_pipe.write, None, 10, flags) == Err(EAGAIN)
    assert caller.splice(file.fd, place, full_pipe.write, None, 10, flags) == Err(EAGAIN)
    assert place[0] == 3
    assert file.position() == 0
    full_pipe.holds(full_pipe.content())


@clause("splice:nobody-reads:epipe")
@table("state", ("room", "room"), ("full", "full"), ("file-at-its-end", "end"))
@table("flags", ("plain", 0), ("nonblock", c.SPLICE_F_NONBLOCK))
def test_a_pipe_without_readers_is_epipe_with_one_sigpipe(
    caller: Child, pipe: Pipe, state: str, flags: int
) -> None:
    file = memfd(caller, 0 if state == "end" else 100)
    caller.catch(c.SIGPIPE)
    if state == "full":
        pipe.fill()
    pipe.close_read()
    assert caller.splice(file.fd, None, pipe.write, None, 10, flags) == Err(EPIPE)
    assert caller.caught(c.SIGPIPE) == 1
    assert file.position() == 0


@clause("splice:from-file:up-to-len")
def test_a_later_write_is_apart(caller: Child, pipe: Pipe) -> None:
    file, more = memfd(caller, 100), caller.memory(20, seed=2)
    assert caller.splice(file.fd, None, pipe.write, None, 10, 0) == Ok(10)
    pipe.put(more[:])
    pipe.holds(file.part(0, 10), more.piece(more[:]))
    file.holds(file.part(0, 100))
