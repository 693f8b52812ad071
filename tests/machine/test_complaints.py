"""What kernels complain of: real consoles in consoles/, and forms that are not to be provoked.

The real ones come from a kernel 6.12 with KASAN, UBSAN and lockdep whose lkdtm did what the name of
the section says; "###" begins a section.
"""

import random
import re
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.errors import UserError
from helpers.machine import harmless
from helpers.machine.complaints import Complaint, complaints, steady, titles, worst

CONSOLES = Path(__file__).with_name("consoles")


def sections() -> dict[str, str]:
    """The real consoles by name."""
    found = {}
    for path in sorted(CONSOLES.glob("*.log")):
        for part in path.read_text().split("### ")[1:]:
            name, _, text = part.partition("\n")
            found[name] = text
    return found


REAL = sections()
TITLES = {
    "KM_RCU": ["lockdep: suspicious RCU usage in lkdtm_KM_RCU"],
    "KM_SLEEP": ["sleeping function called from invalid context in lkdtm_KM_SLEEP"],
    "KM_ATOMIC": ["scheduling while atomic in lkdtm_KM_ATOMIC"],
    "HUNG_TASK": ["hung task in lkdtm_HUNG_TASK"],
    "KM_DEADLOCK": ["lockdep: possible circular locking dependency in lkdtm_KM_DEADLOCK"],
    "KM_SHIFT": ["UBSAN: shift-out-of-bounds in lkdtm_KM_SHIFT"],
    "READ_AFTER_FREE": ["KASAN: slab-use-after-free Read in lkdtm_READ_AFTER_FREE"],
    "REFCOUNT_INC_ZERO": ["WARNING in lkdtm_REFCOUNT_INC_ZERO"],
    "CORRUPT_LIST_ADD": ["WARNING in lkdtm_CORRUPT_LIST_ADD"],
    "WARNING": ["WARNING in lkdtm_WARNING"],
    "BUG": ["kernel BUG in lkdtm_BUG"],
    "KM_NULL": ["NULL pointer dereference in lkdtm_KM_NULL"],
    "KM_WILD": ["page fault in lkdtm_KM_WILD"],
    "KM_GPF": ["general protection fault in lkdtm_KM_GPF"],
    "KM_DIVIDE": ["divide error in lkdtm_KM_DIVIDE"],
    "KM_LEAK": [
        "kmemleak: memory leaked",
        "kmemleak: memory leaked in lkdtm_FORTIFY_STRSCPY",
        "kmemleak: memory leaked in lkdtm_do_action",
    ],
}


def test_every_real_console_has_its_titles():
    assert set(TITLES) == set(REAL)


@pytest.mark.parametrize("name", REAL)
def test_titles_of_real_consoles(name):
    assert list(titles(REAL[name])) == TITLES[name]


@pytest.mark.parametrize("name", REAL)
def test_a_real_complaint_has_its_call_trace(name):
    found = complaints(REAL[name])[-1]
    assert {"lkdtm_do_action", "direct_entry"} & set(found.trace)
    assert not any("+0x" in function for function in found.trace)


WARN = "[    1.0] ------------[ cut here ]------------\n[    1.0] "
TRACE = """
[    1.1] CPU: 1 UID: 0 PID: 77 Comm: init Not tainted 6.12.0 #1
[    1.1] RIP: 0010:pipe_read.isra.0+0x31/0x90
[    1.1] Call Trace:
[    1.1]  <TASK>
[    1.1]  ? show_regs+0x1/0x2
[    1.1]  vfs_read+0x10/0x20
[    1.1]  ksys_read+0x11/0x20
[    1.1]  </TASK>
"""
STACK = """
[    1.1] Call Trace:
[    1.1]  dump_stack_lvl+0x1/0x2
[    1.1]  print_report+0x1/0x2
[    1.1]  pipe_read+0x31/0x90
[    1.1]  vfs_read+0x10/0x20
"""
FORMS = [
    ("", []),
    ("Linux version 6.1\nall is well, no BUG in sight\nWARNINGs: none\n", []),
    ("[    1.0] init[119]: segfault at 10 ip 00000000004058c8 sp 00007ffe1381b918", []),
    # since 6.19 the first line of a WARN has other words
    (
        WARN + "WARNING: fs/pipe.c:123 at pipe_read+0x31/0x90, CPU#1: init/77" + TRACE,
        ["WARNING in pipe_read"],
    ),
    (
        WARN + "WARNING: CPU: 1 PID: 77 at fs/pipe.c:123 pipe_read+0x31/0x90" + TRACE,
        ["WARNING in pipe_read"],
    ),
    (
        WARN + "WARNING: CPU: 1 PID: 77 at pipe_read.part.0+0x31/0x90 [pipes]" + TRACE,
        ["WARNING in pipe_read"],
    ),
    (
        WARN
        + "WARNING: CPU: 1 PID: 77 at lib/refcount.c:28 refcount_warn_saturate+0x1/0x90"
        + TRACE.replace("RIP: 0010:pipe_read.isra.0", "RIP: 0010:refcount_warn_saturate"),
        ["WARNING in vfs_read"],
    ),
    (
        "[    1.0] BUG: kernel NULL pointer dereference, address: 0000000000000008\n"
        "[    1.0] #PF: supervisor read access in kernel mode\n"
        "[    1.0] Oops: 0000 [#1] PREEMPT SMP NOPTI"
        + TRACE
        + "[    1.2] ---[ end trace 0000000000000000 ]---\n"
        "[    1.3] Kernel panic - not syncing: Fatal exception\n",
        ["NULL pointer dereference in pipe_read"],
    ),
    (
        "[    1.0] Unable to handle kernel NULL pointer dereference at virtual address 0010\n"
        "[    1.0] Internal error: Oops: 0000000096000004 [#1] SMP\n"
        "[    1.0] pc : pipe_read+0x31/0x90\n[    1.0] lr : vfs_read+0x10/0x20\n"
        "[    1.0] Call trace:\n[    1.0]  pipe_read+0x31/0x90\n",
        ["NULL pointer dereference in pipe_read"],
    ),
    (
        "[    1.0] Oops: general protection fault, probably for non-canonical address "
        "0xdffffc0000000001: 0000 [#1] PREEMPT SMP KASAN\n"
        "[    1.0] KASAN: null-ptr-deref in range [0x0000000000000008-0x000000000000000f]" + TRACE,
        ["general protection fault in pipe_read"],
    ),
    (
        "[    1.0] general protection fault: 0000 [#1] SMP" + TRACE,
        ["general protection fault in pipe_read"],
    ),
    (
        WARN + "kernel BUG at fs/pipe.c:12!\n[    1.0] invalid opcode: 0000 [#1] SMP" + TRACE,
        ["kernel BUG in pipe_read"],
    ),
    (
        "[    1.0] BUG: KASAN: double-free in pipe_read+0x31/0x90\n"
        "[    1.0] Free of addr ffff888004a96600 by task init/77" + STACK,
        ["KASAN: double-free in pipe_read"],
    ),
    (
        "[    1.0] BUG: KASAN: slab-out-of-bounds in memcpy+0x3c/0x60\n"
        "[    1.0] Write of size 4096 at addr ffff888004a96600 by task init/77" + STACK,
        ["KASAN: slab-out-of-bounds Write in pipe_read"],
    ),
    (
        "[    1.0] BUG: KFENCE: use-after-free read in pipe_read+0x31/0x90" + STACK,
        ["KFENCE: use-after-free read in pipe_read"],
    ),
    (
        "[    1.0] BUG: KMSAN: uninit-value in pipe_read+0x31/0x90" + STACK,
        ["KMSAN: uninit-value in pipe_read"],
    ),
    (
        "[    1.0] BUG: KCSAN: data-race in pipe_read+0x31/0x90 / pipe_write+0x1/0x2",
        ["KCSAN: data-race in pipe_read"],
    ),
    (
        "[    1.0] UBSAN: array-index-out-of-bounds in fs/pipe.c:12:3\n"
        "[    1.0] index 77 is out of range for type 'int [4]'" + STACK,
        ["UBSAN: array-index-out-of-bounds in pipe_read"],
    ),
    (
        "[    1.0] UBSAN: array-index-out-of-bounds in fs/pipe.c:12:3\n",
        ["UBSAN: array-index-out-of-bounds in fs/pipe.c"],
    ),
    (
        "[    9.1] rcu: INFO: rcu_preempt self-detected stall on CPU\n"
        "[    9.1] rcu: \t0-....: (21002 ticks this GP) idle=1234/1/0x4000000000000000" + TRACE,
        ["RCU stall in pipe_read"],
    ),
    (
        "[    9.1] rcu: INFO: rcu_sched detected expedited stalls on CPUs/tasks: { 0-.... }",
        ["RCU stall"],
    ),
    (
        "[   60.1] watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [init:77]" + TRACE,
        ["soft lockup in pipe_read"],
    ),
    (
        "[   60.1] watchdog: CPU1: Watchdog detected hard LOCKUP on cpu 1" + TRACE,
        ["hard lockup in pipe_read"],
    ),
    (
        "[  120.1] INFO: task init:77 blocked for more than 120 seconds.\n"
        "[  120.1]       Not tainted 6.12.0 #1\n[  120.1] Call Trace:\n"
        "[  120.1]  __schedule+0x1/0x2\n[  120.1]  schedule+0x1/0x2\n"
        "[  120.1]  __mutex_lock.constprop.0+0x1/0x2\n[  120.1]  pipe_read+0x31/0x90\n",
        ["hung task in pipe_read"],
    ),
    (
        "[    1.0] BUG: Bad page state in process init  pfn:12345" + STACK,
        ["Bad page state in pipe_read"],
    ),
    (
        "[    1.0] BUG: Bad rss-counter state mm:00000000abcdef01 type:MM_ANONPAGES val:1",
        ["Bad rss-counter state"],
    ),
    (
        "[    1.0] BUG: workqueue lockup - pool cpus=0 node=0 flags=0x0 nice=0 stuck for 35s!",
        ["BUG: workqueue lockup - pool cpus=N node=N flags=ADDR nice=N stuck for 35s!"],
    ),
    (
        "[    1.0] WARNING: possible recursive locking detected\n"
        "[    1.0] init/77 is trying to acquire lock:\n"
        "[    1.0] ffff888004a96600 (&pipe->mutex){+.+.}-{3:3}, at: pipe_read+0x31/0x90\n",
        ["lockdep: possible recursive locking in pipe_read"],
    ),
    (
        "[    1.0] WARNING: lock held when returning to user space!\n"
        "[    1.0]  #0: ffff888004a96600 (&pipe->mutex){+.+.}-{3:3}, at: pipe_read+0x31/0x90\n",
        ["lockdep: lock held when returning to user space in pipe_read"],
    ),
    ("[    1.0] WARNING: inconsistent lock state\n", ["lockdep: inconsistent lock state"]),
    ("[    1.0] [ BUG: Invalid wait context ]\n", ["lockdep: Invalid wait context"]),
    (
        "[    1.0] Kernel panic - not syncing: Attempted to kill init! exitcode=0x0000000b\n",
        ["panic: Attempted to kill init!"],
    ),
    (
        "[    1.0] Kernel panic - not syncing: VFS: Unable to mount root fs on dev(8,1)\n",
        ["panic: VFS: Unable to mount root fs on dev(N,N)"],
    ),
    (
        "[    1.0] Kernel panic - not syncing: stack-protector: Kernel stack is corrupted in: "
        "pipe_read+0x31/0x90\n",
        ["stack-protector: kernel stack is corrupted in pipe_read"],
    ),
    (
        "[    1.0] Kernel panic - not syncing: Fatal exception in interrupt\n",
        ["panic: Fatal exception in interrupt"],
    ),
    (
        "[    1.0] traps: PANIC: double fault, error_code: 0x0\n"
        "[    1.0] Oops: double fault: 0000 [#1] SMP" + TRACE,
        ["oops in pipe_read"],
    ),
    (
        "[    1.0][    T1] kmemleak: 1 new suspected memory leaks (see /sys/kernel/debug/kmemleak)",
        ["kmemleak: memory leaked"],
    ),
    (
        "ZSTD-compressed data is corrupt\n\n -- System halted",
        ["ZSTD-compressed data is corrupt", "System halted"],
    ),
]


@pytest.mark.parametrize(("text", "wanted"), FORMS)
def test_titles_of_other_forms(text, wanted):
    assert list(titles(text)) == wanted


def another_run(text: str, seed: int) -> str:
    """The same console with the times, addresses, processes, CPUs and offsets of another run."""
    rng = random.Random(seed)

    def digits(match: re.Match[str]) -> str:
        return "".join(rng.choice("0123456789abcdef") for _ in match[0])

    number = str(rng.randint(1, 30000))
    text = re.sub(r"(?m)^\[ *\d+\.\d+\]", f"[{rng.random() * 999:12.6f}]", text)
    text = re.sub(r"\b[0-9a-f]{16}\b", digits, text)
    text = re.sub(r"(?<=0x)[0-9a-f]{9,16}\b", digits, text)
    text = re.sub(r"(?<=\+0x)[0-9a-f]+(?=/0x)", digits, text)
    text = re.sub(r"\b(init)([/:\[])\d+", rf"sh\g<2>{number}", text)
    text = re.sub(r"\b(P?PID: )\d+", rf"\g<1>{number}", text)
    text = re.sub(r"\b(CPU:? ?#?)\d+", rf"\g<1>{rng.randint(0, 63)}", text)
    return re.sub(r"stuck for \d+s", f"stuck for {number}s", text)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", REAL)
def test_the_same_mistake_has_the_same_title_on_another_run(name, seed):
    other = another_run(REAL[name], seed)
    assert other != REAL[name]
    assert list(titles(other)) == list(titles(REAL[name]))


@pytest.mark.parametrize(("text", "wanted"), [form for form in FORMS if "workqueue" not in form[0]])
def test_so_it_has_in_the_other_forms(text, wanted):
    assert list(titles(another_run(text, 7))) == wanted


def test_of_a_lost_machine_the_first_deadly_complaint_says_most():
    warning = Complaint("warning", "WARNING in a", "")
    oops = Complaint("bug", "kernel BUG in b", "", deadly=True)
    panic = Complaint("panic", "panic: c", "", deadly=True)
    assert worst([]) is None
    assert worst([warning, oops, panic]) is warning
    assert worst([warning, oops, panic], lost=True) is oops
    assert worst([warning], lost=True) is warning


@given(st.text(), st.text())
def test_any_text_can_be_read(before, after):
    for each in complaints(f"{before}\nBUG: {after}\n{before}"):
        assert "\n" not in each.title
    steady(before)


@pytest.mark.parametrize("start", ["", "BUG: ", "Kernel panic - not syncing: "])
def test_a_line_without_an_end_takes_no_longer_than_others(start):
    began = time.process_time()
    for filling in ("a", "1", "a/", ": "):
        complaints(start + filling * 200_000)
    assert time.process_time() - began < 2


def test_frames_keep_their_offsets_for_the_symbols():
    (found,) = complaints(FORMS[3][0])
    assert [(f.function, f.offset, f.size) for f in found.frames] == [
        ("pipe_read.isra.0", 0x31, 0x90), ("vfs_read", 0x10, 0x20), ("ksys_read", 0x11, 0x20),
    ]  # fmt: skip
    assert [frame.return_address for frame in found.frames] == [False, True, True]
    assert found.trace == ("pipe_read", "vfs_read", "ksys_read")


def test_harmless_lines_are_left_out(tmp_path, monkeypatch):
    found = complaints(FORMS[4][0])
    assert harmless.without_harmless(found) == found
    path = tmp_path / "harmless.toml"
    path.write_text('[[harmless]]\nline = "at fs/pipe.c:* pipe_read"\nreason = "a test"\n')
    monkeypatch.setattr(harmless, "_harmless", lambda: harmless.load(path))
    assert harmless.without_harmless(found) == []


def test_the_projects_own_list_can_be_read():
    harmless.load(harmless.FILE)


@pytest.mark.parametrize(
    "text",
    [
        "x", "[harmless]\n", "a = 1\n", '[[harmless]]\nline = "x"\n',
        '[[harmless]]\nline = "*"\nreason = "x"\n', '[[harmless]]\nline = "x"\nreason = ""\n',
        '[[harmless]]\nline = "x"\nreason = "y"\nmore = "z"\n',
    ],
)  # fmt: skip
def test_an_entry_without_a_reason_is_refused(tmp_path, text):
    path = tmp_path / "harmless.toml"
    path.write_text(text)
    with pytest.raises(UserError, match=r"harmless\.toml"):
        harmless.load(path)
