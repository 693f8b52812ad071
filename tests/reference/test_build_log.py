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
    assert [number for number, line in enumerate(told, 1) if line] == list(range(5, 51, 5))
    assert told[49] == "building x: ██████······ 50%, about 25 s left"
    assert progress.line("warning", now=1000.0) is None


def test_slow_builds_are_heard_of_and_their_first_steps_say_nothing_of_the_time():
    progress = build_log.Progress("building x", 1000, _started=0.0, _said=0.0)
    told = [progress.line("  CC      a.o", now=number * 9.0) for number in range(1, 60)]
    assert [number for number, line in enumerate(told, 1) if line][:3] == [3, 6, 9]
    assert told[2] == "building x: ············ 0%"
    assert told[56] == "building x: ············ 5%, about 141 min 30 s left"


def test_a_total_that_was_too_low_is_not_believed():
    progress = build_log.Progress("building x", 10, steps=12)
    assert progress.render(100.0) == "building x: 12 steps"
