"""Consoles, as kernels print them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.machine.console import clean, excerpt, find_complaint, find_panic, is_final, last_lines

SYSRQ = """\
[    2.512350] sysrq: Trigger a crash\r
[    2.513340] Kernel panic - not syncing: sysrq triggered crash\r
[    2.514241] CPU: 0 PID: 1 Comm: init Not tainted 6.1.0-56-cloud-amd64 #1\r
[    2.517433] ---[ end Kernel panic - not syncing: sysrq triggered crash ]---\r
"""
OOPS = """\
[    3.1][    T1] BUG: kernel NULL pointer dereference, address: 0000000000000008
[    3.2][    T1] #PF: supervisor read access in kernel mode
[    3.3][    T1] Oops: 0000 [#1] PREEMPT SMP NOPTI
[    3.4][    T1] Kernel panic - not syncing: Fatal exception
"""
INIT = "[    1.0] Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000300\n"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", None),
        ("Linux version 6.1\nall is well\n", None),
        ("cat /tmp/panic.txt: no kernel panics here", None),
        (SYSRQ, "Kernel panic - not syncing: sysrq triggered crash"),
        (
            OOPS,
            "BUG: kernel NULL pointer dereference, address: 0000000000000008"
            " (Kernel panic - not syncing: Fatal exception)",
        ),
        (INIT, "Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000300"),
        ("<0>[    1.0] kernel BUG at fs/pipe.c:12!\n", "kernel BUG at fs/pipe.c:12!"),
        (
            "[   60.1] watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [init:1]",
            "BUG: soft lockup - CPU#0 stuck for 22s! [init:1]",
        ),
        (
            "[ 9.1] rcu: INFO: rcu_preempt self-detected stall on CPU",
            "rcu: INFO: rcu_preempt self-detected stall on CPU",
        ),
        (
            "[ 9.1] BUG: KASAN: use-after-free in pipe_read+0x1/0x2\n"
            "[ 9.2] Kernel panic - not syncing: kasan.fault=panic set ...\n",
            "BUG: KASAN: use-after-free in pipe_read+0x1/0x2"
            " (Kernel panic - not syncing: kasan.fault=panic set ...)",
        ),
        ("ZSTD-compressed data is corrupt\n\n -- System halted", "ZSTD-compressed data is corrupt"),
    ],
)
def test_find_panic(text, line):
    assert find_panic(text) == line


def test_clean():
    assert clean("a\x1b[1;31mred\x1b[0m\r\nb\rc\x00\x07\x7f\td\x1b]0;title\x07e\x1bc") == (
        "ared\nb\nc\tde"
    )


@given(st.text())
def test_clean_leaves_no_control(text):
    left = clean(text)
    assert not any(ord(c) < 32 and c not in "\n\t" for c in left)
    assert "\x7f" not in left


@pytest.mark.parametrize(
    ("text", "count", "lines"),
    [("", 3, ""), ("a\r\n\r\nb \nc\n\n", 2, "b\nc"), ("a\nb", 9, "a\nb"), ("a\nb", 0, "")],
)
def test_last_lines(text, count, lines):
    assert last_lines(text, count) == lines


def test_excerpt_keeps_the_fatal_line():
    trace = "\n".join(f"trace {n}" for n in range(100))
    assert excerpt("a\nb\nc", 2) == "b\nc"
    assert excerpt(f"boot\n{INIT}x\ny", 2).splitlines() == [INIT.strip(), "x", "y"]
    assert excerpt(f"boot\n{INIT}{trace}", 2).splitlines() == [
        *(INIT.strip(), "trace 0", "[97 lines left out]", "trace 98", "trace 99")
    ]
    assert excerpt(f"before\n{INIT}", 5).splitlines() == ["before", INIT.strip()]
    assert excerpt("") == ""


def test_find_complaint():
    text = "[    1.0] agent: cannot load /modules/00-x.ko\r\n[ 1.1] agent: no channel\r\nbye"
    assert find_complaint(text) == "agent: no channel"
    assert find_complaint("secret agent: 7") is None


@pytest.mark.parametrize(
    ("line", "final"),
    [
        ("Kernel panic - not syncing: x", True),
        ("BUG: y (Kernel panic - not syncing: x)", True),
        ("Decoding failed", True),
        ("-- System halted", True),
        ("BUG: unable to handle page fault", False),
        ("rcu: INFO: rcu_preempt self-detected stall on CPU", False),
    ],
)
def test_is_final(line, final):
    assert is_final(line) is final
