"""Whose process_vmsplice(2) a kernel has is known by two answers, and by no fewer."""

from errno import EAGAIN, EINVAL
from types import SimpleNamespace
from typing import Any, cast

import pytest

from helpers.child import Child
from helpers.memory import Span
from helpers.outcome import Err, Ok, Result
from helpers.requirements import PROBES
from helpers.traits import TRAITS


class Fake:
    """A child whose process_vmsplice gives these answers, one after another."""

    pid = 7

    def __init__(self, *answers: Result) -> None:
        self.answers = list(answers)
        self.must = SimpleNamespace(
            pipe2=lambda fds, flags: 0, fcntl=lambda *_: 65536, write=lambda *_: 65536
        )

    def pages(self, count: int) -> Span:
        return Span(4096, 4096 * count)

    def memory(self, length: int) -> Span:
        return Span(65536, length)

    def process_vmsplice(self, *_: Any) -> Result:
        return self.answers.pop(0)


@pytest.mark.parametrize(
    ("answers", "posted"),
    [
        ((Ok(8), Err(EAGAIN)), True),
        ((Ok(8), Ok(0)), False),
        ((Err(EINVAL),), False),
    ],
)
def test_posted_implementation(answers: tuple[Result, ...], posted: bool) -> None:
    found = TRAITS["posted-process_vmsplice"].found(cast("Child", Fake(*answers)))
    assert found is posted


def test_what_a_trait_is_about_is_a_requirement() -> None:
    assert {trait.call for trait in TRAITS.values()} <= set(PROBES)
