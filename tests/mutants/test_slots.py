"""A pytest that is steered, on the running kernel: a file stands for the active mutant."""

import os
import signal
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from helpers.kernel import running_kernel
from kernel_matrix.mutants import run as running
from kernel_matrix.mutants.manifest import Mutant
from kernel_matrix.mutants.run import Run, Target
from kernel_matrix.mutants.slots import Lost, Slot

CASES = "tests/mutants/steered_cases.py"
MADE = Mutant("first", "fs/splice.c", "a", "b", "x", "process_vm_readv:transfer:nothing")


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("setting") / "setting"
    path.write_text("0")
    return path


@pytest.fixture(scope="module")
def slot(tmp_path_factory, file):
    slot = make(tmp_path_factory.mktemp("slot"), file)
    slot.start()
    yield slot
    slot.close()


def make(directory, file):
    return Slot(
        running_kernel(), directory, "auto", suites=CASES, parameter=str(file),
        environment={"STEERED_FILE": str(file)},
    )  # fmt: skip


def case(name):
    return f"{CASES}::{name}"


def soon():
    return time.monotonic() + 60


def test_what_can_be_asked_for(slot):
    assert [known.id for known in slot.cases][:3] == [
        case("test_always_passes"), case("test_fails_with[one]"), case("test_fails_with[two]"),
    ]  # fmt: skip
    assert slot.cases[0].clauses == ("process_vm_readv:transfer:nothing",)
    assert {known.id: known.needs for known in slot.cases}[case("test_is_skipped")] == (
        "disposable",
    )


def test_it_ends_with_the_first_finding(slot, file):
    order = [case("test_always_passes"), case("test_fails_with[one]"), case("test_always_fails")]
    answer = slot.ask(order, 1, soon())
    assert file.read_text() == "1"
    assert (answer["ran"], answer["found"]["id"]) == (2, order[1])
    assert answer["found"]["verdict"] == "fail"
    assert "openat" in answer["found"]["transcript"]


def test_the_same_case_again_and_again(slot):
    ident = case("test_fails_with[two]")
    found = [slot.ask([ident], number, soon())["found"] is not None for number in (2, 0, 2, 1)]
    assert found == [True, False, True, False]


def test_skipped_and_unheard_of(slot):
    answer = slot.ask([case("test_is_skipped"), case("test_always_passes")], 0, soon())
    assert (answer["ran"], answer["found"]) == (2, None)
    assert answer["skipped"] == [case("test_is_skipped")]


def test_what_does_not_answer_in_time_is_a_hang(slot):
    started = time.monotonic()
    answer = slot.ask([case("test_waits")], 4, soon())
    assert answer["found"]["verdict"] == "hang"
    assert time.monotonic() - started < 15
    assert slot.ask([case("test_waits")], 0, soon())["found"] is None


def test_a_machine_of_its_own(slot):
    assert slot.ask([case("test_always_passes")], 0, soon(), fresh=True)["found"] is None


def test_a_deadline_ends_the_process(tmp_path, file):
    slot = make(tmp_path, file)
    slot.start()
    with pytest.raises(Lost):
        slot.ask([case("test_waits")], 4, time.monotonic() + 0.5)
    assert not slot.running


def test_an_interrupt_ends_it_and_what_is_known_stays(tmp_path, file):
    seen = []

    def watch(outcome):
        seen.append(outcome.mutant.id)
        os.kill(os.getpid(), signal.SIGINT)

    run = Run(running_kernel(), tmp_path, "auto", 1, watch, slot=lambda t, d: make(d, file))
    # the second one would wait in test_waits
    second = replace(MADE, id="second")
    targets = [Target(MADE, running_kernel(), 1), Target(second, running_kernel(), 4)]
    with pytest.raises(KeyboardInterrupt):
        run.execute(targets)
    assert seen == ["first"]


@pytest.fixture
def never(tmp_path):
    """A slot whose pytest never gets as far as an answer, and the file that says it is there."""
    here = tmp_path / "here"
    slot = Slot(
        running_kernel(), tmp_path / "never", "auto", suites="tests/mutants/steered_never.py",
        environment={"STEERED_FILE": str(here)},
    )  # fmt: skip
    return slot, here


def when(path):
    deadline = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_it_may_be_ended_while_it_starts(never):
    slot, here = never
    raised = []

    def start():
        try:
            slot.start()
        except Lost as lost:
            raised.append(lost)

    thread = threading.Thread(target=start)
    thread.start()
    when(here)
    here.unlink()
    slot.close()
    thread.join(20)
    assert not thread.is_alive()
    assert (len(raised), slot.running, here.exists()) == (1, False, False)


def test_what_was_ended_starts_no_more(never):
    slot, here = never
    slot.close()
    with pytest.raises(Lost):
        slot.start()
    assert not slot.running
    assert not here.exists()


def interrupt(run, targets, path):
    """Seconds that a run takes to end after an interrupt when a file is there."""
    sent = []

    def send():
        try:
            when(path)
        finally:
            sent.append(time.monotonic())
            os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=send)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        run.execute(targets)
    thread.join()
    return time.monotonic() - sent[0]


def test_an_interrupt_while_a_machine_starts(tmp_path, never):
    slot, here = never
    run = Run(running_kernel(), tmp_path, "auto", 1, lambda outcome: None, slot=lambda t, d: slot)
    assert interrupt(run, [Target(MADE, running_kernel(), 1)], here) < 20
    assert not slot.running


def test_an_interrupt_while_the_machine_without_bugs_starts(tmp_path, never, file, monkeypatch):
    slot, here = never
    monkeypatch.setattr(running, "Slot", lambda *args, **more: slot)
    run = Run(
        running_kernel(), tmp_path, "auto", 1, lambda outcome: None, slot=lambda t, d: make(d, file)
    )
    # A kernel of its own, in which test_always_fails is a finding.
    assert interrupt(run, [Target(MADE, running_kernel(), 0)], here) < 20
    assert not slot.running


def test_a_whole_run(tmp_path, file, monkeypatch):
    seen = []
    run = Run(running_kernel(), tmp_path, "auto", 2, seen.append, slot=lambda t, d: make(d, file))
    mutants = {
        number: Mutant(
            f"m{number}", "fs/splice.c", "a", "b", "x", "process_vm_readv:transfer:nothing"
        )
        for number in (1, 2, 3, 5)
    }
    file.write_text("0")
    # One file for two machines: one after the other.
    run.jobs = 1
    run.execute([Target(mutant, running_kernel(), n) for n, mutant in mutants.items()])
    outcomes = {outcome.mutant.id: outcome for outcome in seen}
    assert {name: (o.status, o.case) for name, o in outcomes.items()} == {
        "m1": ("caught", case("test_fails_with[one]")),
        "m2": ("caught", case("test_fails_with[two]")),
        "m3": ("survived", ""),
        "m5": ("survived", ""),
    }
    assert outcomes["m3"].flakes == (case("test_fails_once"),)
    assert run.unusable == {case("test_always_fails")}
    assert Path(tmp_path / "slot-1" / "pytest.log").exists()
