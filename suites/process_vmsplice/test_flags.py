"""process_vmsplice: the four flags, and the bits that are none."""

from errno import EINVAL
from itertools import combinations

from fixtures.cases import clause, needs, table
from helpers.abi import constants as c
from helpers.outcome import Err, Ok
from suites.process_vmsplice.calls import send

pytestmark = needs("process_vmsplice", "foreign-memory")

FLAGS = {
    "move": c.SPLICE_F_MOVE,
    "nonblock": c.SPLICE_F_NONBLOCK,
    "more": c.SPLICE_F_MORE,
    "gift": c.SPLICE_F_GIFT,
}
COMBINATIONS = [
    ("-".join(names) or "none", sum(FLAGS[name] for name in names))
    for count in range(len(FLAGS) + 1)
    for names in combinations(FLAGS, count)
]
UNKNOWN = 1 << 4


@clause("process_vmsplice:flags:any-of-four")
@table("flags", *COMBINATIONS)
def test_every_combination_is_accepted_for_whole_pages(caller, target, pipe, flags):
    memory = target.pages(3, seed=2)
    page = caller.page_size
    parts = [memory[page:], memory[:page]]
    assert send(caller, target.pid, pipe.write, parts, flags) == Ok(3 * page)
    pipe.holds(*memory.pieces(*parts))
    memory.unchanged()


@clause("process_vmsplice:flags:move-and-more-change-nothing")
@table("flags", *(row for row in COMBINATIONS if not row[1] & c.SPLICE_F_GIFT))
def test_without_gift_memory_need_not_be_aligned(caller, target, pipe, remote, flags):
    parts = [remote[3:10], remote[100:101]]
    assert send(caller, target.pid, pipe.write, parts, flags) == Ok(8)
    pipe.holds(*remote.pieces(*parts))


@clause("process_vmsplice:flags:move-and-more-change-nothing")
@table("flags", *(row for row in COMBINATIONS if not row[1] & c.SPLICE_F_NONBLOCK))
def test_only_nonblock_keeps_it_from_sleeping(caller, target, full_pipe, flags):
    memory = target.pages(1, seed=2)
    call = caller.begin.process_vmsplice(target.pid, full_pipe.write, [memory], 1, flags)
    caller.wait_blocked(call, "process_vmsplice")


@clause("process_vmsplice:errors:einval-gift")
@table(
    "parts",
    ("base", lambda m, page: [m[1 : 1 + page]]),
    ("length", lambda m, page: [m[: page - 1]]),
    ("longer-than-a-page", lambda m, page: [m[: page + 1]]),
    ("both", lambda m, page: [m[7:19]]),
    ("to-the-end-of-the-page", lambda m, page: [m[1:page]]),
    ("second-base", lambda m, page: [m[:page], m[page + 1 : 2 * page + 1]]),
    ("second-length", lambda m, page: [m[:page], m[page : page + 9]]),
    ("first-of-two", lambda m, page: [m[: page - 1], m[page : 2 * page]]),
    ("unaligned-together-are-whole", lambda m, page: [m[:100], m[100:page]]),
    ("ninth", lambda m, page: [m[:page]] * 8 + [m[:1]]),
    ("last-of-many", lambda m, page: [m[:page]] * (c.UIO_MAXIOV - 1) + [m[:1]]),
)
@table("beside", ("alone", 0), ("all", c.SPLICE_F_MOVE | c.SPLICE_F_NONBLOCK | c.SPLICE_F_MORE))
def test_a_gift_that_is_not_whole_pages_is_einval(caller, target, pipe, parts, beside):
    memory = target.pages(3, seed=2)
    segments = parts(memory, caller.page_size)
    assert send(caller, target.pid, pipe.write, segments, c.SPLICE_F_GIFT | beside) == Err(EINVAL)
    pipe.holds()
    memory.unchanged()


@clause("process_vmsplice:flags:any-of-four")
def test_a_gift_may_have_empty_segments_and_several_pages(caller, target, pipe):
    memory = target.pages(4, seed=2)
    page = caller.page_size
    parts = [memory[:0], memory[page : 3 * page], memory[page:page], memory[3 * page :]]
    assert send(caller, target.pid, pipe.write, parts, c.SPLICE_F_GIFT) == Ok(3 * page)
    pipe.holds(*memory.pieces(*parts))


@clause("process_vmsplice:flags:gift-empty-unaligned")
def test_empty_unaligned_segment_of_a_gift(caller, target, pipe, observe):
    memory = target.pages(1, seed=2)
    parts = [memory[:], memory[5:5]]
    observe(send(caller, target.pid, pipe.write, parts, c.SPLICE_F_GIFT))


@clause("process_vmsplice:errors:einval-flags")
@table("bit", *((f"bit-{bit}", bit) for bit in range(4, 32)))
def test_a_bit_that_is_no_flag_is_einval(caller, target, pipe, remote, bit):
    calls = [
        caller.begin.process_vmsplice(target.pid, pipe.write, [remote], 1, 1 << bit | known)
        for known in range(16)
    ]
    assert [call.result() for call in calls] == [Err(EINVAL)] * 16
    pipe.holds()
    remote.unchanged()


@clause("process_vmsplice:errors:einval-flags")
@table("count", ("no-segments", 0), ("empty-segment", 1))
def test_an_unknown_flag_is_einval_though_there_is_nothing_to_do(caller, target, pipe, count):
    memory = target.pages(1)
    answer = caller.process_vmsplice(target.pid, pipe.write, [memory[:0]], count, UNKNOWN)
    assert answer == Err(EINVAL)
    pipe.holds()
