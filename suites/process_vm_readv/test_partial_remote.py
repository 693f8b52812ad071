"""process_vm_readv: remote memory that ends, or cannot be read."""

from errno import EFAULT

import pytest

from fixtures.cases import clause, needs, table
from fixtures.memory import UNREADABLE
from fixtures.vectors import readv, scattered
from helpers.abi.constants import MADV_GUARD_INSTALL, MAP_SHARED, PROT_NONE
from helpers.memory import Piece, Span, unchanged
from helpers.outcome import Err, Ok

pytestmark = [needs("process_vm_readv", "foreign-memory")]


@clause("process_vm_readv:partial:remote-inside-segment")
@table(
    "pages, more, beyond",
    ("one-byte", 0, 1, 1),
    ("page-minus-1", 1, -1, 1),
    ("page", 1, 0, 1),
    ("page-plus-1", 1, 1, 1),
    ("page-plus-1-and-far-beyond", 1, 1, 100_000),
    # 16 pages are what the kernel looks at in one round without allocating
    ("15-pages-and-1-byte", 15, 1, 3 * 65536),
    ("16-pages", 16, 0, 3 * 65536),
    ("17-pages-minus-1", 17, -1, 3 * 65536),
)
def test_segment_that_runs_into_a_hole_is_read_up_to_it(caller, target, pages, more, beyond):
    moved = pages * caller.page_size + more
    remote = target.pages(pages + 1, seed=2)
    local = caller.memory(moved + beyond + 64, seed=1)
    source = Span(remote.end - moved, moved + beyond)
    into = local[7 : 7 + source.length]
    assert readv(caller, target.pid, [into], [source]) == Ok(moved)
    local.received([into], [remote.piece(Span(source.address, moved))])
    remote.unchanged()


@clause("process_vm_readv:partial:remote-inside-segment")
@table("how", ("unmapped", "munmap"), ("prot-none", "mprotect"))
def test_page_missing_in_the_middle_ends_the_transfer(caller, target, how):
    page = caller.page_size
    local, remote = caller.pages(3, seed=1), target.pages(3, seed=2)
    missing = remote[page : 2 * page]
    if how == "munmap":
        target.must.munmap(missing, missing.length)
    else:
        target.must.mprotect(missing, missing.length, PROT_NONE)
    assert readv(caller, target.pid, [local], [remote[3:]]) == Ok(page - 3)
    local.received([local], [remote.piece(remote[3:page])])


@clause("process_vm_readv:errors:efault-remote")
@clause("process_vm_readv:partial:remote-bad-segment")
@table(
    "position, expected",
    ("first", 0, Err(EFAULT)),
    ("second", 1, Ok(10)),
    ("third", 2, Ok(20)),
    ("last", 3, Ok(30)),
)
def test_bad_segment_ends_the_transfer_and_later_ones_are_not_read(
    caller, target, local, remote, position, expected
):
    source = scattered(remote, [10, 10, 10, 10])
    source[position] = Span(remote.end, 10)
    assert readv(caller, target.pid, [local[50:100]], source) == expected
    local.received([local[50:]], remote.pieces(*source[:position]))
    remote.unchanged()


@clause("process_vm_readv:partial:remote-bad-segment")
@clause("process_vm_readv:errors:efault-remote")
@pytest.mark.parametrize("kind", UNREADABLE, ids=lambda kind: kind.name)
def test_unreadable_memory_ends_the_transfer(caller, target, local, remote, kind):
    bad = kind.make(target, 16)
    assert readv(caller, target.pid, [local], [bad, remote[:16]]) == Err(EFAULT)
    unchanged(local, remote)
    assert readv(caller, target.pid, [local], [remote[5:8], bad, remote[:16]]) == Ok(3)
    local.received([local], [remote.piece(remote[5:8])])


@clause("process_vm_readv:partial:remote-bad-segment")
def test_bytes_behind_the_last_that_fits_may_be_unreadable(caller, target, local, remote):
    # the segment goes on into a hole, but there is no room for what lies there
    source = Span(remote.end - 20, 4 * caller.page_size)
    assert readv(caller, target.pid, [local[:20]], [source]) == Ok(20)
    local.received([local[:20]], [remote.piece(Span(source.address, 20))])


@clause("process_vm_readv:errors:efault-remote")
def test_rest_of_a_partial_transfer_is_efault(caller, target, local, remote):
    source = Span(remote.end - 20, 40)
    assert readv(caller, target.pid, [local[:40]], [source]) == Ok(20)
    assert readv(caller, target.pid, [local[20:40]], [Span(remote.end, 20)]) == Err(EFAULT)
    local.received([local[:40]], [remote.piece(Span(source.address, 20))])


@clause("process_vm_readv:partial:remote-bad-segment")
def test_hole_may_be_anywhere_between_segments(caller, target, local, remote):
    second = target.pages(1, seed=3)
    source = [Span(remote.end - 4, 4), second[:4]]
    assert readv(caller, target.pid, [local[:8]], source) == Ok(8)
    local.received([local[:8]], [remote.piece(source[0]), second.piece(source[1])])


@clause("process_vm_readv:partial:remote-inside-segment")
@needs("guard-pages")
def test_guard_page_ends_the_transfer(caller, target):
    page = caller.page_size
    local, remote = caller.pages(3, seed=1), target.pages(3, seed=2)
    target.must.madvise(remote[page : 2 * page], page, MADV_GUARD_INSTALL)
    assert readv(caller, target.pid, [local], [remote[3:]]) == Ok(page - 3)
    local.received([local], [remote.piece(remote[3:page])])
    assert readv(caller, target.pid, [local], [remote[page:]]) == Err(EFAULT)


@clause("process_vm_readv:errors:efault-remote")
@needs("memfd_secret")
def test_secret_memory_is_efault(caller, target, local):
    fd = target.must.memfd_secret(0)
    target.must.ftruncate(fd, target.page_size)
    secret = target.pages(1, seed=2, flags=MAP_SHARED, fd=fd)
    assert readv(caller, target.pid, [local], [secret]) == Err(EFAULT)
    unchanged(local, secret)


@clause("process_vm_readv:memory:end-of-file")
@needs("memfd_create")
def test_mapping_beyond_the_end_of_a_file_is_read_up_to_its_last_page(caller, target):
    page = caller.page_size
    fd = target.must.memfd_create("short", 0)
    target.must.ftruncate(fd, page + 100)
    remote = target.pages(4, flags=MAP_SHARED, fd=fd)
    remote.fill(2, remote[: page + 100])
    local = caller.pages(4, seed=1)
    # the rest of the last page is zeros
    content = [Piece(page + 100, seed=2), Piece(page - 100, seed=None)]
    assert readv(caller, target.pid, [local], [remote]) == Ok(2 * page)
    local.received([local], content)
    assert readv(caller, target.pid, [local], [remote[2 * page :]]) == Err(EFAULT)
    local.received([local], content)
