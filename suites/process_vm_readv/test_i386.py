"""process_vm_readv: the entry for 32-bit programs, whose segments are of 8 bytes."""

from errno import EFAULT, EINVAL, EPERM, ESRCH

from fixtures.cases import clause, needs, table
from fixtures.identity import USER, Identity
from fixtures.vectors import scattered
from helpers.abi.constants import UIO_MAXIOV
from helpers.memory import Span, cut, spans, unchanged
from helpers.outcome import Err, Ok

pytestmark = [needs("process_vm_readv", "foreign-memory", "i386")]

INT_MAX, INT_MIN = (1 << 31) - 1, 1 << 31


def readv32(caller, pid, local, remote, flags=0):
    """The call through int $0x80."""
    return caller.i386.process_vm_readv(pid, local, len(local), remote, len(remote), flags)


@clause("process_vm_readv:i386:segments")
@table(
    "into, source",
    ("split", [2, 3, 4], [9]),
    ("empty-ones", [0, 3, 0, 2], [5, 0]),
    ("nine", [3] * 9, [9] * 3),
)
def test_segments_of_32_bit_words_are_transferred(caller, target, local, remote, into, source):
    into, source = scattered(local, into), scattered(remote, source)
    total = sum(span.length for span in source)
    assert readv32(caller, target.pid, into, source) == Ok(total)
    local.received(into, remote.pieces(*source))


@clause("process_vm_readv:i386:segments")
def test_iov_max_segments_of_32_bit_words_are_transferred(caller, target, local, remote):
    into, source = list(spans(local, 2, UIO_MAXIOV)), list(spans(remote[7:], 2, UIO_MAXIOV))
    assert readv32(caller, target.pid, into, source) == Ok(2 * UIO_MAXIOV)
    local.received(into, remote.pieces(remote[7 : 7 + 2 * UIO_MAXIOV]))


@clause("process_vm_readv:i386:negative-length")
@table(
    "side, position, length",
    ("local-minus-1", "local", 0, -1),
    ("local-last", "local", 1, INT_MIN),
    ("remote-int-min", "remote", 0, INT_MIN),
    ("remote-last", "remote", 1, INT_MIN),
)
def test_length_that_is_negative_in_32_bits_is_einval(
    caller, target, local, remote, side, position, length
):
    vectors = {"local": [local[:8], local[8:16]], "remote": [remote[:8], remote[8:16]]}
    vectors[side][position] = Span(vectors[side][position].address, length)
    assert readv32(caller, target.pid, **vectors) == Err(EINVAL)
    unchanged(local, remote)


@clause("process_vm_readv:i386:negative-length")
def test_greatest_32_bit_length_is_accepted(caller, target, local, remote):
    source = Span(remote.address + 7, INT_MAX)
    assert readv32(caller, target.pid, [local[9:25]], [source]) == Ok(16)
    local.received([local[9:25]], [remote.piece(remote[7:23])])


@clause("process_vm_readv:i386:errors")
@table(
    "local_count, remote_count, flags, pid, expected",
    ("flags", 1, 1, INT_MIN, None, Err(EINVAL)),
    ("local-count", UIO_MAXIOV + 1, 1, 0, None, Err(EINVAL)),
    ("remote-count", 1, UIO_MAXIOV + 1, 0, None, Err(EINVAL)),
    ("greatest-remote-count", 1, 0xFFFF_FFFF, 0, None, Err(EINVAL)),
    ("nothing-local", 0, 1, 0, -1, Ok(0)),
    ("nothing-remote", 1, 0, 0, -1, Ok(0)),
    ("no-process", 1, 1, 0, -1, Err(ESRCH)),
)
def test_arguments_are_judged_as_at_the_native_entry(
    caller, target, local, remote, local_count, remote_count, flags, pid, expected
):
    pid = target.pid if pid is None else pid
    result = caller.i386.process_vm_readv(
        pid, [local[:8]], local_count, [remote[:8]], remote_count, flags
    )
    assert result == expected
    unchanged(local, remote)


@clause("process_vm_readv:i386:errors")
@table("side", ("local", "local"), ("remote", "remote"))
def test_array_that_cannot_be_read_is_efault(caller, target, local, remote, side):
    good, bad = {"local": [local[:8]], "remote": [remote[:8]]}, {side: None}
    vectors = good | bad
    result = caller.i386.process_vm_readv(target.pid, vectors["local"], 1, vectors["remote"], 1, 0)
    assert result == Err(EFAULT)
    unchanged(local, remote)


@clause("process_vm_readv:i386:errors")
@table("side", ("local", "local"), ("remote", "remote"))
def test_hole_ends_the_transfer(caller, target, local, remote, side):
    into = Span(local.end - 10, 20) if side == "local" else local[:20]
    source = Span(remote.end - 10, 20) if side == "remote" else remote[:20]
    assert readv32(caller, target.pid, [into], [source]) == Ok(10)
    local.received([into], cut([remote.piece(Span(source.address, 10))], 0, 10))


@needs("root")
@clause("process_vm_readv:i386:errors")
def test_permission_is_asked_for(caller, target, local, remote):
    Identity.of(USER).assume(caller)
    assert readv32(caller, target.pid, [local[:8]], [remote[:8]]) == Err(EPERM)
    unchanged(local, remote)
