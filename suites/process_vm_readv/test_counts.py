"""process_vm_readv: how many segments a vector may have."""

from errno import EINVAL

from fixtures.cases import clause, needs, table
from fixtures.vectors import readv, scattered
from helpers.abi.constants import UIO_MAXIOV
from helpers.memory import cut, spans, unchanged
from helpers.outcome import Err, Ok
from suites.shared.segments import TOO_MANY, WRAPPED

pytestmark = [needs("process_vm_readv", "foreign-memory")]


@clause("process_vm_readv:errors:einval-liovcnt")
@table("count", *TOO_MANY, ("two-to-32-and-iov-max-plus-1", WRAPPED + UIO_MAXIOV + 1))
def test_local_count_above_iov_max_is_einval(caller, target, local, remote, count):
    vector = list(spans(local, 1, UIO_MAXIOV + 1))
    assert caller.process_vm_readv(target.pid, vector, count, [remote], 1, 0) == Err(EINVAL)
    unchanged(local, remote)


@clause("process_vm_readv:errors:einval-riovcnt")
@table(
    "count",
    *TOO_MANY,
    ("two-to-32", WRAPPED),
    ("two-to-32-and-1", WRAPPED + 1),
)
def test_remote_count_above_iov_max_is_einval(caller, target, local, remote, count):
    vector = list(spans(remote, 1, UIO_MAXIOV + 1))
    assert caller.process_vm_readv(target.pid, [local], 1, vector, count, 0) == Err(EINVAL)
    unchanged(local, remote)


@clause("process_vm_readv:counts:liovcnt-32-bit")
@table(
    "count, acts_as",
    ("two-to-32", WRAPPED, 0),
    ("two-to-32-and-1", WRAPPED + 1, 1),
    ("two-to-32-and-iov-max", WRAPPED + UIO_MAXIOV, UIO_MAXIOV),
)
def test_local_count_is_taken_modulo_two_to_32(caller, target, local, remote, count, acts_as):
    vector = list(spans(local, 1, UIO_MAXIOV + 1))
    assert caller.process_vm_readv(target.pid, vector, count, [remote], 1, 0) == Ok(acts_as)
    local.received(vector[:acts_as], [remote.piece(remote[:acts_as])])


@clause("process_vm_readv:counts:empty-segments-count")
@table("side", ("local", "local"), ("remote", "remote"))
def test_empty_segments_count_too(caller, target, local, remote, side):
    vectors = {"local": [local], "remote": [remote]}
    vectors[side] += [vectors[side][0][:0]] * UIO_MAXIOV
    assert readv(caller, target.pid, **vectors) == Err(EINVAL)
    unchanged(local, remote)


@clause("process_vm_readv:counts:before-array")
@table("side", ("local", "local"), ("remote", "remote"))
def test_count_is_judged_before_the_array_is_read(caller, local, side):
    good, bad = ([local], 1), (None, UIO_MAXIOV + 1)
    first, second = (bad, good) if side == "local" else (good, bad)
    assert caller.process_vm_readv(caller.pid, *first, *second, 0) == Err(EINVAL)
    unchanged(local)


def divided(whole, count):
    """That many segments one after another, as long as each other but for the last."""
    size = whole.length // count
    return [*spans(whole, size, count - 1), whole[size * (count - 1) :]]


# The kernel has room for eight segments on its stack and allocates for more (UIO_FASTIOV).
@clause("process_vm_readv:counts:iov-max")
@table(
    "locals_, remotes",
    ("8-from-8", 8, 8),
    ("8-from-9", 8, 9),
    ("9-from-8", 9, 8),
    ("9-from-9", 9, 9),
    ("1-from-iov-max", 1, UIO_MAXIOV),
    ("iov-max-from-1", UIO_MAXIOV, 1),
    ("iov-max-from-iov-max", UIO_MAXIOV, UIO_MAXIOV),
)
def test_up_to_iov_max_segments_are_transferred(caller, target, local, remote, locals_, remotes):
    total = 3 * max(locals_, remotes)
    into, source = divided(local[11 : 11 + total], locals_), divided(remote[5 : 5 + total], remotes)
    assert readv(caller, target.pid, into, source) == Ok(total)
    local.received(into, remote.pieces(*source))


@clause("process_vm_readv:transfer:array-order")
@clause("process_vm_readv:counts:iov-max")
def test_iov_max_segments_are_read_in_array_order(caller, target, local, remote):
    backwards = list(spans(remote, 3, UIO_MAXIOV))[::-1]
    assert readv(caller, target.pid, [local], backwards) == Ok(3 * UIO_MAXIOV)
    arrived = b"".join(piece.bytes() for piece in remote.pieces(*backwards))
    rest = local.piece(local[len(arrived) :]).bytes()
    assert local.read() == arrived + rest


@clause("process_vm_readv:transfer:array-order")
def test_scattered_segments_on_both_sides_meet_in_array_order(caller, target, local, remote):
    into, source = scattered(local, [4] * 21), scattered(remote, [7] * 12)
    assert readv(caller, target.pid, into, source) == Ok(84)
    local.received(into, cut(remote.pieces(*source), 0, 84))
