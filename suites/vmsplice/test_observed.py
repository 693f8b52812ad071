"""What kernels answer differently: recorded and compared, never a failure."""

from fixtures.cases import clause, needs, table
from fixtures.observation import Observe
from fixtures.pipes import Pipe, make_fifo
from fixtures.vectors import place
from helpers.abi import constants as c
from helpers.child import Child
from helpers.memory import Span
from suites.shared.mappings import user_faults_only
from suites.shared.observing import (
    Watch,
    answer,
    area,
    below_the_stack,
    first_letter,
    nowait_around,
    read_nowait,
    told_of_a_fifo,
)
from suites.shared.sender import Sender

pytestmark = needs("vmsplice")

SSIZE_MAX = (1 << 63) - 1
SEGMENT = 16
#: Of a huge page, on the architectures that have them by default.
HUGE = 1 << 21


@clause("vmsplice:observed:negative-length-before-unreadable-entry")
def test_an_array_with_two_faults(caller: Child, pipe: Pipe, observe: Observe) -> None:
    memory, array = caller.pages(1), caller.pages(1)
    at = array.end - SEGMENT
    place(caller, at, [Span(memory.address, -1)])
    observe(caller.vmsplice(pipe.write, at, 2, 0))


@clause("vmsplice:observed:longer-than-user-space")
@table("before", ("one-segment", ()), ("second-of-two", (1,)))
def test_a_segment_longer_than_user_space(
    caller: Child, pipe: Pipe, before: tuple[int, ...], observe: Observe
) -> None:
    memory = caller.pages(64)
    segments = [memory[:length] for length in before] + [Span(memory.address, SSIZE_MAX)]
    observe(caller.vmsplice(pipe.write, segments, len(segments), 0))


@clause("vmsplice:observed:below-the-stack")
def test_memory_below_the_stack(caller: Child, pipe: Pipe, observe: Observe) -> None:
    observe(caller.vmsplice(pipe.write, [below_the_stack(caller)], 1, 0))


@clause("vmsplice:observed:write-after-mprotect")
def test_a_write_after_mprotect(caller: Child, pipe: Pipe, observe: Observe) -> None:
    memory = caller.pages(1)
    caller.poke(memory.address, b"A")
    caller.must.vmsplice(pipe.write, [memory[:1]], 1, 0)
    caller.must.mprotect(memory, memory.length, c.PROT_READ)
    caller.must.mprotect(memory, memory.length, c.PROT_READ | c.PROT_WRITE)
    caller.poke(memory.address, b"B")
    observe(first_letter(caller, pipe.read))


@clause("vmsplice:observed:write-after-clear-refs")
def test_a_write_after_clear_refs(caller: Child, pipe: Pipe, observe: Observe) -> None:
    """What a checkpoint of a process does: Documentation/admin-guide/mm/soft-dirty.rst."""
    memory = caller.pages(1)
    caller.poke(memory.address, b"A")
    caller.must.vmsplice(pipe.write, [memory[:1]], 1, 0)
    file = caller.openat(c.AT_FDCWD, "/proc/self/clear_refs", c.O_WRONLY, 0)
    cleared = caller.write(file.value, b"4", 1) if file.ok else file
    caller.poke(memory.address, b"B")
    observe(first_letter(caller, pipe.read) if cleared.ok else cleared)


@clause("vmsplice:observed:rwf-nowait")
def test_nowait_before_and_after(sender: Sender, pipe: Pipe, observe: Observe) -> None:
    observe(nowait_around(sender, pipe))


@clause("vmsplice:observed:rwf-nowait")
def test_nowait_at_the_other_end(caller: Child, pipe: Pipe, observe: Observe) -> None:
    memory = caller.pages(1, seed=1)
    caller.must.vmsplice(pipe.write, [memory[:1]], 1, 0)
    observe(read_nowait(caller, pipe.read))


@clause("vmsplice:observed:rwf-nowait-on-a-fifo")
def test_nowait_on_a_fifo(sender: Sender, caller: Child, directory: str, observe: Observe) -> None:
    fifo = make_fifo(caller, directory)
    observe(nowait_around(sender, Pipe(caller, fifo, fifo)))


@clause("vmsplice:observed:inotify")
def test_inotify(sender: Sender, directory: str, observe: Observe) -> None:
    observe(told_of_a_fifo(sender, directory))


@clause("vmsplice:observed:inotify")
def test_inotify_of_what_is_received(caller: Child, directory: str, observe: Observe) -> None:
    memory = caller.pages(1, seed=1)
    both = make_fifo(caller, directory)
    end = caller.must.openat(c.AT_FDCWD, f"/proc/self/fd/{both}", c.O_RDONLY | c.O_NONBLOCK, 0)
    caller.must.write(both, memory, 1)
    watch = Watch(caller, both)
    caller.must.vmsplice(end, [memory[:1]], 1, 0)
    observe(watch.seen())


@clause("vmsplice:observed:pipe-size-of-2-to-32")
def test_a_pipe_size_of_2_to_32(caller: Child, pipe: Pipe, observe: Observe) -> None:
    observe(caller.fcntl(pipe.write, c.F_SETPIPE_SZ, 1 << 32))


@clause("vmsplice:observed:vvar")
def test_the_data_of_the_vdso(caller: Child, pipe: Pipe, observe: Observe) -> None:
    vvar = area(caller, "[vvar]")
    observe(caller.vmsplice(pipe.write, [vvar[:1]], 1, 0) if vvar else "no [vvar]")


@clause("vmsplice:observed:secret-memory")
def test_secret_memory(caller: Child, pipe: Pipe, observe: Observe) -> None:
    made = caller.memfd_secret(0)
    if not made.ok:
        observe(f"memfd_secret: {answer(made)}")
        return
    caller.must.ftruncate(made.value, caller.page_size)
    memory = caller.pages(1, flags=c.MAP_SHARED, fd=made.value)
    observe(caller.vmsplice(pipe.write, [memory[:1]], 1, 0))


@clause("vmsplice:observed:missing-page-for-user-faults-only")
def test_a_missing_page_for_user_faults_only(caller: Child, pipe: Pipe, observe: Observe) -> None:
    made = caller.userfaultfd(c.UFFD_USER_MODE_ONLY)
    if not made.ok:
        observe(f"userfaultfd: {answer(made)}")
        return
    observe(caller.vmsplice(pipe.write, [user_faults_only(caller)[:1]], 1, 0))


@clause("vmsplice:observed:guard-page")
def test_a_guard_page(caller: Child, pipe: Pipe, observe: Observe) -> None:
    memory = caller.pages(1)
    made = caller.madvise(memory, memory.length, c.MADV_GUARD_INSTALL)
    if not made.ok:
        observe(f"madvise: {answer(made)}")
        return
    observe(caller.vmsplice(pipe.write, [memory[:1]], 1, 0))


@clause("vmsplice:observed:collapsed-page")
@needs("transparent-huge-pages")
def test_a_collapsed_page(caller: Child, pipe: Pipe, observe: Observe) -> None:
    memory = caller.memory(HUGE, align=HUGE)
    caller.must.madvise(memory, HUGE, c.MADV_NOHUGEPAGE)
    caller.poke(memory.address, b"A")
    caller.must.madvise(memory, HUGE, c.MADV_HUGEPAGE)
    made = caller.madvise(memory, HUGE, c.MADV_COLLAPSE)
    if not made.ok:
        observe(f"madvise: {answer(made)}")
        return
    observe(caller.vmsplice(pipe.write, [memory[:1]], 1, 0))
