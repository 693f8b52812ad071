"""From a pipe into a file: how much, to where, and what stays when the file takes no more."""

from errno import EAGAIN, EFAULT, EFBIG, EINVAL, ENOSPC, EPERM

from fixtures.cases import clause, needs, table
from fixtures.identity import OTHER, Identity
from fixtures.pipes import Pipe, make_pipe
from helpers import abi
from helpers.abi import constants as c
from helpers.child import Child
from helpers.memory import Piece, cut
from helpers.outcome import Err, Ok
from suites.shared.files import disk_file, memfd

pytestmark = needs("splice")


@clause("splice:to-file:up-to-len")
@table("length", ("one", 1), ("some", 60), ("all", 100))
@table("kind", ("memfd", "memfd"), ("disk-file", "disk"))
def test_it_moves_up_to_len_bytes(
    caller: Child, pipe: Pipe, directory: str, length: int, kind: str
) -> None:
    file = memfd(caller, 0) if kind == "memfd" else disk_file(caller, directory, 0)
    data = caller.memory(100, seed=1)
    pipe.put(data[:])
    assert caller.splice(pipe.read, None, file.fd, None, length, 0) == Ok(length)
    file.holds(data.piece(data[:length]))
    assert file.position() == length
    pipe.holds(data.piece(data[length:]))


@clause("splice:to-file:what-is-there")
@table("length", ("one-more", 101), ("2-to-31", 1 << 31), ("2-to-32", 1 << 32))
@table("flags", ("plain", 0), ("nonblock", c.SPLICE_F_NONBLOCK))
def test_it_moves_what_the_pipe_has(caller: Child, pipe: Pipe, length: int, flags: int) -> None:
    file, data = memfd(caller, 0), caller.memory(100, seed=1)
    pipe.put(data[:])
    assert caller.splice(pipe.read, None, file.fd, None, length, flags) == Ok(100)
    file.holds(data.piece(data[:]))
    pipe.holds()


@clause("splice:to-file:einval-length")
@table("length", ("2-to-63", 1 << 63), ("size-max", (1 << 64) - 1))
@table("offset", ("no-offset", None), ("offset", 3))
def test_a_length_that_is_negative_as_ssize_t_is_einval(
    caller: Child, pipe: Pipe, length: int, offset: int | None
) -> None:
    file, data = memfd(caller, 100), caller.memory(10, seed=1)
    place = abi.new("loff_t *", offset) if offset is not None else None
    pipe.put(data[:])
    assert caller.splice(pipe.read, None, file.fd, place, length, 0) == Err(EINVAL)
    file.holds(file.part(0, 100))
    pipe.holds(data.piece(data[:]))


@clause("splice:to-file:what-is-there")
@table("kind", ("memfd", "memfd"), ("disk-file", "disk"))
def test_it_moves_many_slots(caller: Child, full_pipe: Pipe, directory: str, kind: str) -> None:
    size = full_pipe.capacity
    file = memfd(caller, 0) if kind == "memfd" else disk_file(caller, directory, 0)
    assert caller.splice(full_pipe.read, None, file.fd, None, size, 0) == Ok(size)
    file.holds(full_pipe.content())
    full_pipe.holds()


@clause("splice:offsets:given-one-moves")
@table("start", ("zero", 0), ("seven", 7), ("at-the-end", 100), ("beyond-the-end", 5000))
def test_a_given_offset_moves_and_the_file_offset_does_not(
    caller: Child, pipe: Pipe, start: int
) -> None:
    file, data = memfd(caller, 100), caller.memory(30, seed=1)
    caller.must.lseek(file.fd, 5, c.SEEK_SET)
    pipe.put(data[:])
    place = abi.new("loff_t *", start)
    assert caller.splice(pipe.read, None, file.fd, place, 20, 0) == Ok(20)
    assert place[0] == start + 20
    assert caller.splice(pipe.read, None, file.fd, place, 10, 0) == Ok(10)
    assert place[0] == start + 30
    assert file.position() == 5
    pieces = [file.part(0, min(start, 100)), Piece(max(0, start - 100), None)]
    file.holds(*pieces, data.piece(data[:]), file.part(min(start + 30, 100), 100))


@clause("splice:offsets:none-uses-the-file-offset")
def test_without_one_the_file_offset_moves(caller: Child, pipe: Pipe) -> None:
    file, data = memfd(caller, 100), caller.memory(30, seed=1)
    caller.must.lseek(file.fd, 5, c.SEEK_SET)
    pipe.put(data[:])
    assert caller.splice(pipe.read, None, file.fd, None, 30, 0) == Ok(30)
    assert file.position() == 35
    file.holds(file.part(0, 5), data.piece(data[:]), file.part(35, 100))


@clause("splice:offsets:read-only-loses-nothing-but-the-answer")
def test_an_offset_in_read_only_memory_is_efault_after_the_move(caller: Child, pipe: Pipe) -> None:
    file, data = memfd(caller, 100), caller.memory(30, seed=1)
    pipe.put(data[:])
    memory = caller.pages(1)
    caller.must.mprotect(memory, memory.length, c.PROT_READ)
    assert caller.splice(pipe.read, None, file.fd, memory, 30, 0) == Err(EFAULT)
    file.holds(data.piece(data[:]), file.part(30, 100))
    assert file.position() == 0
    pipe.holds()


@clause("splice:to-file:refused-rest-stays")
def test_a_file_sealed_against_writing_is_eperm(caller: Child, pipe: Pipe) -> None:
    file, data = memfd(caller, 100), caller.memory(30, seed=1)
    pipe.put(data[:])
    caller.must.fcntl(file.fd, c.F_ADD_SEALS, c.F_SEAL_WRITE)
    place = abi.new("loff_t *", 3)
    assert caller.splice(pipe.read, None, file.fd, None, 30, 0) == Err(EPERM)
    assert caller.splice(pipe.read, None, file.fd, place, 30, 0) == Err(EPERM)
    assert place[0] == 3
    assert file.position() == 0
    file.holds(file.part(0, 100))
    pipe.holds(data.piece(data[:]))


@clause("splice:to-file:refused-rest-stays")
def test_a_file_sealed_against_growing_is_eperm_at_its_end(caller: Child, pipe: Pipe) -> None:
    page = caller.page_size
    file, data = memfd(caller, page), caller.pages(2, seed=1)
    pipe.put(data[:])
    caller.must.fcntl(file.fd, c.F_ADD_SEALS, c.F_SEAL_GROW)
    assert caller.splice(pipe.read, None, file.fd, None, page, 0) == Ok(page)
    assert caller.splice(pipe.read, None, file.fd, None, page, 0) == Err(EPERM)
    file.holds(data.piece(data[:page]))
    pipe.holds(data.piece(data[page:]))


@clause("splice:to-file:refused-rest-stays")
@needs("root", "disposable")
def test_a_full_file_system_takes_what_fits(caller: Child, pipe: Pipe, directory: str) -> None:
    page = caller.page_size
    data = caller.pages(3, seed=1)
    caller.must.mount("tmpfs", directory, "tmpfs", 0, f"size={2 * page}")
    file = disk_file(caller, directory, 0)
    pipe.put(data[:])
    assert caller.splice(pipe.read, None, file.fd, None, 3 * page, 0) == Ok(2 * page)
    assert caller.splice(pipe.read, None, file.fd, None, page, 0) == Err(ENOSPC)
    assert file.position() == 2 * page
    file.holds(data.piece(data[: 2 * page]))
    pipe.holds(data.piece(data[2 * page :]))
    caller.must.close(file.fd)
    caller.must.umount2(directory, 0)


@clause("splice:to-file:efbig")
def test_the_limit_of_file_sizes_is_efbig_with_sigxfsz(
    caller: Child, pipe: Pipe, directory: str
) -> None:
    page = caller.page_size
    file, data = disk_file(caller, directory, 0), caller.pages(2, seed=1)
    pipe.put(data[:])
    caller.catch(c.SIGXFSZ)
    limit = abi.new("struct rlimit64 *", {"rlim_cur": page, "rlim_max": page})
    caller.must.prlimit64(0, c.RLIMIT_FSIZE, limit, None)
    assert caller.splice(pipe.read, None, file.fd, None, page, 0) == Ok(page)
    assert caller.caught(c.SIGXFSZ) == 0
    assert caller.splice(pipe.read, None, file.fd, None, page, 0) == Err(EFBIG)
    assert caller.caught(c.SIGXFSZ) == 1
    file.holds(data.piece(data[:page]))
    pipe.holds(data.piece(data[page:]))


@clause("splice:to-file:refused-rest-stays")
def test_a_full_device_is_einval(caller: Child, pipe: Pipe) -> None:
    data = caller.memory(30, seed=1)
    pipe.put(data[:])
    full = caller.must.openat(c.AT_FDCWD, "/dev/full", c.O_WRONLY, 0)
    assert caller.splice(pipe.read, None, full, None, 30, 0) == Err(EINVAL)
    pipe.holds(data.piece(data[:]))


@clause("splice:devices:dev-null-takes-all")
def test_dev_null_takes_everything(caller: Child, full_pipe: Pipe) -> None:
    size = full_pipe.capacity
    null = caller.must.openat(c.AT_FDCWD, "/dev/null", c.O_WRONLY, 0)
    assert caller.splice(full_pipe.read, None, null, None, 10, 0) == Ok(10)
    assert caller.splice(full_pipe.read, None, null, None, 2 * size, 0) == Ok(size - 10)
    full_pipe.holds()


@clause("splice:to-file:end-is-0")
@table("flags", ("plain", 0), ("nonblock", c.SPLICE_F_NONBLOCK))
def test_a_pipe_without_writers_is_0(caller: Child, pipe: Pipe, flags: int) -> None:
    file = memfd(caller, 100)
    pipe.close_write()
    assert caller.splice(pipe.read, None, file.fd, None, 10, flags) == Ok(0)
    assert file.position() == 0
    file.holds(file.part(0, 100))


@clause("splice:to-file:end-is-0")
def test_what_writers_left_is_moved_before_the_end(caller: Child, pipe: Pipe) -> None:
    file, data = memfd(caller, 0), caller.memory(30, seed=1)
    pipe.put(data[:])
    pipe.close_write()
    assert caller.splice(pipe.read, None, file.fd, None, 100, 0) == Ok(30)
    assert caller.splice(pipe.read, None, file.fd, None, 100, 0) == Ok(0)
    file.holds(data.piece(data[:]))


@clause("splice:errors:eagain")
@table("how", ("flag", "flag"), ("o-nonblock-of-the-pipe", "pipe"))
def test_an_empty_pipe_is_eagain(caller: Child, pipe: Pipe, how: str) -> None:
    file = memfd(caller, 100)
    flags = c.SPLICE_F_NONBLOCK if how == "flag" else 0
    if how == "pipe":
        caller.must.fcntl(pipe.read, c.F_SETFL, c.O_NONBLOCK)
    assert caller.splice(pipe.read, None, file.fd, None, 10, flags) == Err(EAGAIN)
    file.holds(file.part(0, 100))


@clause("splice:to-file:set-id-bits-go")
@needs("root")
def test_set_id_bits_of_the_file_are_cleared(caller: Child, directory: str) -> None:
    """By somebody who may not keep them: inode(7), file mode; write(2)."""
    Identity.of(OTHER).assume(caller)
    pipe, data = make_pipe(caller), caller.memory(30, seed=1)
    path = f"{directory}/set-id"
    fd = caller.must.openat(c.AT_FDCWD, path, c.O_RDWR | c.O_CREAT | c.O_EXCL, 0o666)
    caller.must.fchmodat(c.AT_FDCWD, path, 0o6755)
    status = abi.new("struct statx_head *")
    caller.must.statx(c.AT_FDCWD, path, 0, c.STATX_BASIC_STATS, status)
    assert status.stx_mode & 0o7777 == 0o6755
    pipe.put(data[:])
    assert caller.splice(pipe.read, None, fd, None, 30, 0) == Ok(30)
    after = abi.new("struct statx_head *")
    caller.must.statx(c.AT_FDCWD, path, 0, c.STATX_BASIC_STATS, after)
    assert after.stx_mode & 0o7777 == 0o755
    assert after.stx_size == 30


@clause("splice:to-file:copies-memory")
@needs("page-sharing")
@table("flags", ("plain", 0), ("move", c.SPLICE_F_MOVE))
@table("gift", ("gift", c.SPLICE_F_GIFT), ("no-gift", 0))
def test_a_file_does_not_change_with_memory_that_was_moved_into_it(
    caller: Child, pipe: Pipe, directory: str, flags: int, gift: int
) -> None:
    file, memory = disk_file(caller, directory, 0), caller.pages(2, seed=1)
    caller.must.vmsplice(pipe.write, [memory], 1, gift)
    assert caller.splice(pipe.read, None, file.fd, None, memory.length, flags) == Ok(memory.length)
    memory.fill(2)
    file.holds(*cut([Piece(memory.length, 1)], 0, memory.length))
