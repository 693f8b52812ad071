"""Cases that observe, rightly and wrongly, for test_observed.py; not collected by itself."""

from collections.abc import Callable

import pytest

from fixtures.cases import clause
from fixtures.observation import Observe
from helpers.child import Child
from helpers.outcome import Err, Ok

OBSERVED = clause("vmsplice:observed:pipe-size-of-2-to-32")
BINDING = clause("vmsplice:errors:ebadf")


@OBSERVED
def test_an_error(caller: Child, observe: Observe) -> None:
    observe(caller.close(99))


@OBSERVED
def test_a_count(caller: Child, observe: Observe) -> None:
    observe(caller.fcntl(0, 1, 0))


@OBSERVED
def test_a_text(observe: Observe) -> None:
    observe("a slot is lost")


@OBSERVED
def test_nothing(caller: Child) -> None:
    assert caller.close(99) == Err(9)


@OBSERVED
def test_the_fixture_is_not_called(observe: Observe) -> None:
    """An error too."""


@OBSERVED
def test_twice(observe: Observe) -> None:
    observe(1)
    observe(2)


@OBSERVED
@pytest.mark.parametrize("text", ["", "two\nlines", "x" * 61], ids=["empty", "lines", "long"])
def test_no_line_of_a_report(observe: Observe, text: str) -> None:
    observe(text)


@OBSERVED
def test_set_up_fails(caller: Child, observe: Observe) -> None:
    observe(1)
    caller.must.close(99)


@BINDING
def test_of_a_clause_that_binds(observe: Callable[[object], None]) -> None:
    observe(1)


def test_of_no_clause(caller: Child, observe: Observe) -> None:
    observe(1)


@OBSERVED
@BINDING
def test_the_nearest_clause_counts(caller: Child) -> None:
    assert caller.close(99) == Ok(0)
