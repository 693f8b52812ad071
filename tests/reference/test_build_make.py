"""Running make, with makefiles of our own."""

import time

import pytest

from helpers.errors import UserError
from kernel_matrix import build_make
from kernel_matrix.build_log import Progress


@pytest.fixture
def place(tmp_path):
    (tmp_path / "out").mkdir()

    def run(makefile, **options):
        (tmp_path / "Makefile").write_text(makefile)
        log = tmp_path / "build.log"
        build_make.make(tmp_path, tmp_path / "out", ["all"], log=log, **options)
        return log.read_text()

    return run


def test_output_is_logged_and_steps_are_counted(place):
    progress = Progress("x", 2)
    log = place("all:\n\t@echo '  CC      a.o'\n\t@echo '  LD      b.o'\n", progress=progress)
    assert "  CC      a.o\n  LD      b.o\n" in log
    assert progress.steps == 2


def test_the_error_is_the_compilers(place):
    makefile = "all:\n\t@echo 'a.c:1:2: error: no'\n\t@exit 1\n"
    with pytest.raises(UserError, match=r"^a\.c:1:2: error: no; all of it is in .*build\.log$"):
        place(makefile)


def test_the_users_make_variables_do_not_get_in(place, monkeypatch):
    monkeypatch.setenv("KCFLAGS", "-O3")
    monkeypatch.setenv("MAKEFLAGS", "-n")
    assert "flags=. nice=19" in place("all:\n\t@echo flags=$(KCFLAGS). nice=`nice`\n")


def test_an_interrupt_ends_make_and_what_it_started(place, tmp_path):
    class Stop(Exception):
        pass

    def say(line):
        raise Stop

    class Talkative(Progress):
        def line(self, output, now):
            return output if output.startswith("  CC") else None

    makefile = "all:\n\t@echo '  CC      a.o'\n\t@sleep 60; touch $(O)/made\n"
    started = time.monotonic()
    with pytest.raises(Stop):
        place(makefile, progress=Talkative("x", 1), say=say)
    assert time.monotonic() - started < 30
    assert not (tmp_path / "out/made").exists()
