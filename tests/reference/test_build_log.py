"""What is read out of make's output."""

import pytest

from kernel_matrix import build_log

FAILED = """\
make[1]: Entering directory '/b'
  CC      fs/pipe.o
  CC      fs/splice.o
In file included from fs/splice.c:2034:
fs/process_vmsplice.c: In function 'f':
fs/process_vmsplice.c:12:3: error: 'x' undeclared (first use in this function)
fs/process_vmsplice.c:13:3: error: 'y' undeclared
make[3]: *** [scripts/Makefile.build:229: fs/splice.o] Error 1
make[2]: *** [scripts/Makefile.build:478: fs] Error 2
"""


LINKING = """\
  LD      vmlinux
ld: fs/a.o: in function `f':
a.c:(.text+0x1): undefined reference to `g'
make: *** [Makefile:1: vmlinux] Error 1
"""


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        (FAILED, "fs/process_vmsplice.c:12:3: error: 'x' undeclared (first use in this function)"),
        ("a.c:1:10: fatal error: gelf.h: No such\n", "a.c:1:10: fatal error: gelf.h: No such"),
        (LINKING, "a.c:(.text+0x1): undefined reference to `g'"),
        ("a/Kconfig:9: can't open\nmake[2]: *** [a] Error 1\n", "a/Kconfig:9: can't open"),
        ("make: *** No rule to make target 'x'.\n", "make: *** No rule to make target 'x'."),
        ("  CC a.o\n", ""),
    ],
)
def test_the_first_error_that_says_something(log, expected):
    assert build_log.first_error(log) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("  CC      fs/splice.o", True),
        ("  HOSTCC  scripts/kallsyms", True),
        ("  LD [M]  fs/a.ko", True),
        ("make[1]: Entering directory '/b'", False),
        ("fs/a.c:1:2: warning: x", False),
        ("  ", False),
    ],
)
def test_steps(line, expected):
    assert build_log.is_step(line) is expected


def test_progress_is_told_now_and_then_with_the_time_left():
    progress = build_log.Progress("building x", 100, _started=0.0, _said=0.0)
    told = [progress.line("  CC      a.o", now=number * 0.5) for number in range(1, 51)]
    assert sum(line is not None for line in told) == 12
    assert told[47] == "building x: █████······· 48%, about 0:26 left"
    assert progress.line("warning", now=1000.0) is None


def test_a_total_that_was_too_low_is_not_believed():
    progress = build_log.Progress("building x", 10, steps=12)
    assert progress.render(100.0) == "building x: 12 steps, nearly done"
