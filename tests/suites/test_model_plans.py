"""What the strategies of the property tests draw comes to all that the model knows."""

from collections import Counter
from errno import EAGAIN, EBADF, EFAULT, EINVAL, EPIPE, ESRCH
from typing import Any

import hypothesis
import pytest
from hypothesis import Phase, settings

from fixtures.profiles import SEEDS, given
from helpers.memory import Addresses, Piece
from suites.process_vmsplice.model import SLEEPS, done, predict
from suites.process_vmsplice.model_pipe import ModelPipe
from suites.process_vmsplice.model_plans import Plan, Whose
from suites.process_vmsplice.model_side import build
from suites.process_vmsplice.model_strategies import calls, sequences
from suites.process_vmsplice.model_trial import Trial

PAGE = 4096


class Nobody:
    """A child that does nothing: all that counts happens in the model."""

    page_size = PAGE

    def __init__(self) -> None:
        self.addresses = Addresses()

    def __getattr__(self, name: str) -> "Nobody":
        return self

    def __call__(self, *args: Any, **how: Any) -> "Nobody":
        return self

    def __int__(self) -> int:
        return 3


class Dry(Trial):
    """A plan without a machine: the first prediction is what happens."""

    def __init__(self, plan: Plan, seen: Counter[object]) -> None:
        self.seen = seen
        self.caller = Nobody()
        self.sides = {
            whose: build(Nobody(), layout, whose)
            for whose, layout in ((Whose.TARGET, plan.target), (Whose.CALLER, plan.caller))
        }
        self.page, self.number = PAGE, 0
        self.model = ModelPipe(PAGE, 16)
        self.pipe = Nobody()
        self.sink = self.source = type("", (), {"length": 34 * PAGE})()
        if plan.slots:
            self.model.resize(plan.slots)

    def _send(self, step: Any) -> None:
        call = self._modelled(step)
        prediction = predict(call, self.model)[0]
        if prediction.answer == SLEEPS:
            self.seen[SLEEPS] += 1
            self._read(self.model.slots[0].length)
            prediction = predict(call, self.model)[0]
        done(call, prediction, self.model)
        self.seen.update(prediction.clauses)
        answer = prediction.answer
        self.seen["moved" if isinstance(answer, int) and answer > 0 else answer] += 1

    def _read(self, count: int, reader: object = None) -> None:
        for stretch in self.model.read(count):
            self.seen.update(stretch.clauses)
            self.seen["either"] += len(stretch.alternatives) > 1

    def _put(self, count: int) -> None:
        self.seen["put"] += self.model.write(Piece(count, 1)) > 0

    def _resize(self, slots: int) -> None:
        self.seen["resized"] += self.model.resize(slots) > 0

    def finish(self) -> None:
        if self.model.readers:
            self._read(self.model.bytes)


def drawn(strategy: Any, examples: int, seed: int | None) -> Counter[object]:
    """How often things happen in that many examples."""
    seen: Counter[object] = Counter()

    @hypothesis.seed(seed)
    @settings(max_examples=examples, phases=[Phase.generate])
    @given(plan=strategy)
    def run(plan: Plan) -> None:
        seen["plans"] += 1
        Dry(plan, seen).run(plan)

    run()
    return seen


ANSWERS = (0, "moved", SLEEPS, -EFAULT, -EINVAL, -EBADF, -ESRCH, -EPIPE, -EAGAIN)
OF_CALLS = (
    "errors:einval-flags",
    "errors:einval-nr-segs",
    "errors:einval-length",
    "errors:einval-gift",
    "errors:efault-array",
    "errors:ebadf",
    "errors:ebadf-no-pipe",
    "errors:ebadf-read-end",
    "errors:esrch",
    "segments:nothing-is-0",
    "segments:none-is-0-whatever-else",
    "order:array-before-pipe",
)
OF_SEQUENCES = (
    "sharing:later-writes-are-seen",
    "sharing:pipe-keeps-pages",
    "sharing:zero-page",
    "sharing:not-with-a-relative",
    "sharing:file-page-until-copied",
    "sharing:protection-changed",
    "memory:end-of-file",
    "memory:as-target-sees",
    "capacity:no-merging",
    "partial:up-to-the-bad-page",
    "partial:does-not-sleep",
)


@pytest.fixture(scope="module")
def of_calls() -> Counter[object]:
    return drawn(calls(), 300, SEEDS["ci"])


@pytest.fixture(scope="module")
def of_sequences() -> Counter[object]:
    return drawn(sequences(), 300, SEEDS["ci"])


@pytest.mark.parametrize("answer", ANSWERS)
def test_every_answer_is_drawn(of_calls: Counter[object], answer: object) -> None:
    assert of_calls[answer]


@pytest.mark.parametrize("clause", OF_CALLS)
def test_calls_come_to_every_fault(of_calls: Counter[object], clause: str) -> None:
    assert of_calls[f"process_vmsplice:{clause}"]


@pytest.mark.parametrize("clause", OF_SEQUENCES)
def test_sequences_come_to_every_rule_of_memory(of_sequences: Counter[object], clause: str) -> None:
    assert of_sequences[f"process_vmsplice:{clause}"]
