"""What kernels complain of: how the first line of each kind looks, and the title that it gets.

Pure data for complaints.py. The forms are those of lib/dump_stack.c, kernel/panic.c, lib/bug.c,
arch/x86/mm/fault.c, arch/x86/kernel/traps.c, mm/kasan/report.c, mm/kfence/report.c, lib/ubsan.c,
mm/kmemleak.c, kernel/locking/lockdep.c, kernel/rcu/tree_stall.h, kernel/hung_task.c,
kernel/watchdog.c and kernel/sched/core.c, from 5.10 to 7.3.
"""

import re
from dataclasses import dataclass

FUNCTION = r"(?P<function>[\w.$]+)\+0x[0-9a-f]+/0x[0-9a-f]+"
"""A place in the kernel's code as %pS prints it."""


@dataclass(frozen=True)
class Kind:
    """A kind of complaint.

    Attributes:
        name: of the kind.
        line: what its first line has in it; groups function, what and text go into the title.
        title: with {what}, {text} and {place}; the latter is " in <function>" or nothing.
        deadly: the kernel cannot be trusted to go on: such a complaint explains a lost machine.
        follows: it belongs to a complaint before it, if there is one that has not ended.
    """

    name: str
    line: re.Pattern[str]
    title: str
    deadly: bool = False
    follows: bool = False


def _kind(name: str, line: str, title: str, *, deadly: bool = False, follows: bool = False) -> Kind:
    return Kind(name, re.compile(line), title, deadly, follows)


def _deadly(name: str, line: str, title: str) -> Kind:
    return _kind(name, line, title, deadly=True)


KINDS = (
    # Panics that only say that something else was made fatal.
    _kind(
        "panic",
        r"Kernel panic - not syncing: (?P<text>(?:Fatal (?:hardware )?exception|.*panic_on_\w+ set"
        r"|.*=panic set|hung_task: blocked|softlockup: hung|Hard LOCKUP|RCU Stall).*)",
        "panic: {text}",
        deadly=True,
        follows=True,
    ),
    _deadly(
        "stack-protector",
        rf"Kernel panic - not syncing: stack-protector: Kernel stack is corrupted in: {FUNCTION}",
        "stack-protector: kernel stack is corrupted{place}",
    ),
    _deadly(
        "panic", r"Kernel panic - not syncing: (?P<text>.+?)(?: exitcode=\S+)?$", "panic: {text}"
    ),
    _deadly(
        "kasan",
        rf"BUG: KASAN: (?P<what>[\w-]+(?: or [\w-]+)?) in {FUNCTION}",
        "KASAN: {what}{place}",
    ),
    _deadly("kasan", r"BUG: KASAN: (?P<what>[\w-]+) (?:in|on) .*", "KASAN: {what}{place}"),
    _deadly("kfence", rf"BUG: KFENCE: (?P<what>[\w -]+?) in {FUNCTION}", "KFENCE: {what}{place}"),
    _deadly("kmsan", rf"BUG: KMSAN: (?P<what>[\w-]+) in {FUNCTION}", "KMSAN: {what}{place}"),
    _kind("kcsan", rf"BUG: KCSAN: (?P<what>[\w: -]+?) in {FUNCTION}", "KCSAN: {what}{place}"),
    _kind("ubsan", r"UBSAN: (?P<what>[\w-]+) in (?P<text>\S+?):\d", "UBSAN: {what}{place}"),
    # What KASAN knows of an oops; it is printed in the middle of one.
    _kind(
        "kasan",
        r"KASAN: (?:probably |maybe )?(?P<what>[\w-]+) in range \[",
        "KASAN: {what}{place}",
        deadly=True,
        follows=True,
    ),
    _deadly(
        "null-dereference",
        r"(?:BUG: |Unable to handle |unable to handle )+kernel NULL pointer dereference",
        "NULL pointer dereference{place}",
    ),
    _deadly(
        "page-fault",
        r"[Uu]nable to handle (?:page fault|kernel paging request|kernel access)",
        "page fault{place}",
    ),
    _deadly("general-protection", r"general protection fault", "general protection fault{place}"),
    _deadly("bug", r"kernel BUG at (?P<text>\S+?):\d+!", "kernel BUG{place}"),
    _kind(
        "sleeping",
        r"BUG: sleeping function called from invalid context",
        "sleeping function called from invalid context{place}",
    ),
    _kind("atomic", r"BUG: scheduling while atomic", "scheduling while atomic{place}"),
    _deadly("soft-lockup", r"BUG: soft lockup - CPU#\d+ stuck", "soft lockup{place}"),
    _deadly("hard-lockup", r"[Ww]atchdog detected hard LOCKUP", "hard lockup{place}"),
    _deadly(
        "rcu-stall",
        r"rcu: INFO: \S+ (?:self-)?detected (?:expedited )?stalls?",
        "RCU stall{place}",
    ),
    _deadly("hung-task", r"INFO: task .+ blocked .*for more than \d+ sec", "hung task{place}"),
    _kind("bad-page", r"BUG: (?P<what>Bad (?:page \w+|rss-counter state))", "{what}{place}"),
    _kind("warning", rf"WARNING: .*?\bat (?:\S+?:\d+ )?{FUNCTION}", "WARNING{place}"),
    _kind(
        "warning",
        r"WARNING: (?:CPU: \d+ PID: \d+ )?at (?P<text>[\w/.-]+):\d+",
        "WARNING{place}",
    ),
    # Lockdep's; it says of some things that they are bugs, in brackets.
    _kind(
        "lockdep",
        r"^(?:WARNING: |\[ BUG: )(?P<what>(?:possible|inconsistent|bad|suspicious|held|still"
        r"|lock held|[Nn]ested|Invalid|HARDIRQ|SOFTIRQ|RECLAIM|[\w-]+-safe)\b.*?)"
        r"(?: detected)?!? ?\]?$",
        "lockdep: {what}{place}",
    ),
    _kind("lockdep", r"INFO: trying to register non-static key", "lockdep: non-static key{place}"),
    _kind(
        "kmemleak", r"kmemleak: \d+ new suspected memory leaks?", "kmemleak: memory leaked{place}"
    ),
    _kind("kmemleak", r"^unreferenced object 0x", "kmemleak: memory leaked{place}"),
    # The lines with which an exception begins to die; alone where the line before was lost.
    _kind(
        "oops",
        r"(?:Oops: )?(?P<what>divide error|invalid opcode|stack segment|double fault|int3|bounds"
        r"|overflow|alignment check|control protection[\w ]*|invalid TSS|segment not present)"
        r": [0-9a-f]{4} \[#\d+\]",
        "{what}{place}",
        deadly=True,
        follows=True,
    ),
    _kind(
        "oops",
        r"(?:Oops|Internal error): |Oops\[|traps: PANIC: ",
        "oops{place}",
        deadly=True,
        follows=True,
    ),
    _deadly("bug", r"BUG: (?P<text>.+)", "BUG: {text}{place}"),
    # Before there is a kernel that could panic: its decompressor and the firmware.
    _deadly(
        "boot",
        r"(?P<text>System halted|\w+-compressed data is corrupt|Decoding failed"
        r"|No bootable device)",
        "{text}",
    ),
)
"""In the order in which they are looked for: a line is of the first kind that it fits."""

GENERIC = re.compile(
    r"""(?x)
    # what prints and dies
    dump_stack\w* | show_(?:stack|trace|regs)\w* | print_\w+ | __?warn\w* | report_bug | handle_bug
    | (?:asm_)?exc_\w+ | die\w* | oops_\w+ | page_fault_oops | panic | _*fortify_\w+ | do_trap
    | do_error_trap | add_taint | rest_init | __die\w* | no_context
    # sanitizers
    | \w*kasan_\w+ | \w*asan_\w+ | \w*kfence_\w+ | \w*kmsan_\w+ | \w*ubsan_\w+ | kmemleak_\w+
    # locks and sleeping
    | lockdep_\w+ | \w*lock_acquire\w* | \w*lock_release\w* | validate_chain | check_\w*lock\w*
    | mark_lock\w* | register_lock_class | debug_check_no_\w+ | __might_\w+ | might_sleep\w*
    | _*mutex_\w*lock\w* | _*down_\w+ | _*up_(?:read|write) | rwsem_\w+ | _raw_\w+ | do_raw_\w+
    | \w*schedule(?:_\w+)? | wait_for_\w*completion\w* | wait_for_common\w* | do_wait_\w+
    | _*rcu_\w+ | __schedule_bug | native_\w+ | __ww_mutex_\w+ | context_switch
    # what checks for others
    | refcount_warn_saturate | __list_(?:add|del)\w* | usercopy_abort | __check_(?:object|heap)\w*
    | _*mem(?:cpy|set|move|cmp)\w* | _*str[a-z]?(?:cpy|cmp|len|cat)\w* | rep_\w+
    # allocators
    | \w*kmalloc\w* | kmem_cache_\w+ | slab_\w+ | __?k?v?z?alloc\w* | krealloc\w* | kfree\w*
    | kvmalloc\w* | create_object | __slab_alloc\w* | kstrdup\w* | memdup\w*
    """
)
"""Functions that say how a complaint was found, not where the mistake is."""
