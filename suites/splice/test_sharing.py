"""A pipe refers to pages of the page cache: what that shows, and what it must never allow."""

from errno import EBUSY

import pytest

from fixtures.cases import clause, needs, table
from fixtures.pipes import Pipe, make_pipe
from helpers.abi import constants as c
from helpers.child import Child
from helpers.memory import Piece
from helpers.outcome import Err, Ok
from suites.shared.files import File, disk_file, memfd

pytestmark = needs("splice")
SHARING = needs("file-page-sharing")

NEW = 2


@pytest.fixture
def file(caller: Child) -> File:
    """A file of two pages in memory."""
    return memfd(caller, 2 * caller.page_size)


@SHARING
@clause("splice:sharing:overwritten-bytes-are-seen")
def test_what_is_written_to_the_file_later_is_seen(caller: Child, pipe: Pipe, file: File) -> None:
    size = file.data.length
    new = caller.memory(size, seed=NEW)
    assert caller.splice(file.fd, None, pipe.write, None, size, 0) == Ok(size)
    caller.must.pwrite64(file.fd, new, size, 0)
    pipe.holds(new.piece(new[:]))


@SHARING
@clause("splice:sharing:overwritten-bytes-are-seen")
def test_what_is_stored_in_a_mapping_later_is_seen_through_every_pipe(
    caller: Child, pipe: Pipe, file: File
) -> None:
    size, output = file.data.length, make_pipe(caller)
    mapping = caller.pages(2, flags=c.MAP_SHARED, fd=file.fd)
    assert caller.splice(file.fd, None, pipe.write, None, size, 0) == Ok(size)
    assert caller.tee(pipe.read, output.write, size, 0) == Ok(size)
    mapping.fill(NEW)
    pipe.holds(Piece(size, NEW))
    output.holds(Piece(size, NEW))


@SHARING
@clause("splice:sharing:truncated-part-is-zeros")
def test_a_page_cut_in_the_middle_shows_zeros_after_the_cut(
    caller: Child, pipe: Pipe, file: File
) -> None:
    page = caller.page_size
    assert caller.splice(file.fd, None, pipe.write, None, page, 0) == Ok(page)
    caller.must.ftruncate(file.fd, 100)
    pipe.holds(file.part(0, 100), Piece(page - 100, None))


@clause("splice:sharing:pipe-keeps-truncated-pages")
def test_a_page_cut_off_whole_stays_in_the_pipe(caller: Child, pipe: Pipe, file: File) -> None:
    size = file.data.length
    assert caller.splice(file.fd, None, pipe.write, None, size, 0) == Ok(size)
    caller.must.ftruncate(file.fd, 0)
    pipe.holds(file.part(0, size))


@clause("splice:sharing:pipe-keeps-truncated-pages")
def test_the_content_of_a_deleted_file_stays_in_the_pipe(
    caller: Child, pipe: Pipe, directory: str
) -> None:
    path = f"{directory}/deleted"
    fd = caller.must.openat(c.AT_FDCWD, path, c.O_RDWR | c.O_CREAT | c.O_EXCL, 0o666)
    data = caller.memory(100, seed=1)
    caller.must.pwrite64(fd, data, 100, 0)
    assert caller.splice(fd, None, pipe.write, None, 100, 0) == Ok(100)
    caller.must.unlinkat(c.AT_FDCWD, path, 0)
    caller.must.close(fd)
    pipe.holds(data.piece(data[:]))


@SHARING
@clause("splice:sharing:pins-a-memfd")
def test_a_memfd_cannot_be_sealed_while_its_page_is_in_a_pipe(
    caller: Child, pipe: Pipe, file: File
) -> None:
    assert caller.splice(file.fd, None, pipe.write, None, 10, 0) == Ok(10)
    assert caller.fcntl(file.fd, c.F_ADD_SEALS, c.F_SEAL_WRITE) == Err(EBUSY)
    pipe.holds(file.part(0, 10))
    assert caller.fcntl(file.fd, c.F_ADD_SEALS, c.F_SEAL_WRITE) == Ok(0)


@clause("splice:safety:cve-2022-0847")
@table("kind", ("memfd", "memfd"), ("disk-file", "disk"))
@table("used", ("used-pipe", True), ("fresh-pipe", False))
@table("length", ("one-byte", 1), ("ten-bytes", 10), ("page", None))
def test_a_later_write_never_changes_the_file(
    caller: Child, pipe: Pipe, directory: str, kind: str, used: bool, length: int | None
) -> None:
    """Every slot was marked as one that can be added to, and must have lost that mark."""
    page = caller.page_size
    count = length or page
    make = memfd(caller, 2 * page) if kind == "memfd" else disk_file(caller, directory, 2 * page)
    more = caller.memory(100, seed=NEW)
    if used:
        caller.must.read(pipe.read, caller.memory(pipe.fill()), pipe.capacity)
    assert caller.splice(make.fd, None, pipe.write, None, count, 0) == Ok(count)
    assert caller.write(pipe.write, more, 100) == Ok(100)
    make.holds(make.part(0, 2 * page))
    pipe.holds(make.part(0, count), more.piece(more[:]))


@clause("splice:safety:cve-2022-0847")
@table("way", ("spliced-on", "splice"), ("duplicated", "tee"), ("split", "split"))
def test_a_later_write_after_another_pipe_never_changes_the_file(
    caller: Child, pipe: Pipe, file: File, way: str
) -> None:
    output, more = make_pipe(caller), caller.memory(100, seed=NEW)
    caller.must.read(output.read, caller.memory(output.fill()), output.capacity)
    count = 4 if way == "split" else 10
    assert caller.splice(file.fd, None, pipe.write, None, 10, 0) == Ok(10)
    if way == "tee":
        assert caller.tee(pipe.read, output.write, count, 0) == Ok(count)
    else:
        assert caller.splice(pipe.read, None, output.write, None, count, 0) == Ok(count)
    pipe.put(more[:])
    output.put(more[:])
    file.holds(file.part(0, file.data.length))
    output.holds(file.part(0, count), more.piece(more[:]))


@clause("splice:safety:cve-2022-0847")
@needs("pipe-slots")
def test_a_file_open_for_reading_alone_cannot_be_changed(
    caller: Child, pipe: Pipe, directory: str
) -> None:
    file, more = disk_file(caller, directory, 100), caller.memory(50, seed=NEW)
    again = caller.must.openat(c.AT_FDCWD, f"/proc/self/fd/{file.fd}", c.O_RDONLY, 0)
    caller.must.read(pipe.read, caller.memory(pipe.fill()), pipe.capacity)
    assert caller.splice(again, None, pipe.write, None, 1, 0) == Ok(1)
    assert caller.write(pipe.write, more, 50) == Ok(50)
    file.holds(file.part(0, 100))
    pipe.holds(file.part(0, 1), more.piece(more[:]))
