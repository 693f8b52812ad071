"""Property tests that break on purpose; test_breaking_properties.py runs them and looks.

Not collected by itself: a disposable machine is needed.
"""

from hypothesis import strategies as st

from fixtures.cases import needs
from fixtures.machine import Live
from fixtures.profiles import given
from fixtures.properties import Example
from helpers.abi import constants as c

pytestmark = needs("disposable")


@given(number=st.integers(0, 4))
def test_panics_from_three_on(example: Example, number: int) -> None:
    with example(number) as cast:
        if number >= 3:
            fd = cast.caller.must.openat(c.AT_FDCWD, "/proc/sysrq-trigger", c.O_WRONLY, 0)
            cast.caller.write(fd, b"c", 1)


def test_after_panics(machine: Live) -> None:
    assert machine.number > 1


@given(number=st.integers(0, 1000))
def test_fails_from_nine_on(example: Example, number: int) -> None:
    with example(number) as cast:
        memory = cast.target.memory(number + 1, seed=1)
        assert cast.target.getpid().ok
        assert memory.length < 10, "ten bytes are too many"


@given(number=st.integers(0, 1000))
def test_children_are_fresh(example: Example, number: int) -> None:
    with example(number) as cast:
        for child in (cast.caller, cast.target):
            assert child.memory(1).address == child.addresses.LOW
            assert child.must.fcntl(0, c.F_DUPFD, 0) == 3, (
                "no descriptor is left of the example before"
            )
        assert cast.caller.facts.pid != cast.target.facts.pid


@needs("process_vmsplice")
@given(number=st.integers(0, 1000))
def test_is_not_begun_on_a_kernel_without_the_call(example: Example, number: int) -> None:
    raise AssertionError("not reached")
