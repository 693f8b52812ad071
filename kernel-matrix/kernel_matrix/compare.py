"""Two sets of results against each other, or the kernels of one run against their neighbours.

Pure: results in, a comparison out. compare_sides.py finds the results, compare_text.py and
compare_markdown.py say what came out.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from helpers.errors import UserError
from kernel_matrix.cells import Status
from kernel_matrix.journal import Case
from kernel_matrix.reports.results import KernelResults, Results
from kernel_matrix.transitions import (
    MEANING,
    OBSERVED,
    REGRESSIONS,
    Kind,
    Span,
    Transition,
    boundary,
    kind,
    spans,
    transition,
)

QUIET = frozenset({Transition.SAME, Transition.STILL_FAILING})


@dataclass(frozen=True)
class Change:
    """What became of one case; one side may be None."""

    id: str
    transition: Transition
    before: Case | None
    after: Case | None

    @property
    def case(self) -> Case:
        """The newer side that there is."""
        found = self.after or self.before
        assert found is not None
        return found

    @property
    def known(self) -> str:
        """Why it was expected to fail, "" if it was not."""
        return self.after.known if self.after is not None else ""

    @property
    def is_regression(self) -> bool:
        """Whether the comparison fails because of it; a known deviation is no news."""
        return self.transition in REGRESSIONS and not self.known


@dataclass(frozen=True)
class Pair:
    """One kernel against another.

    Attributes:
        before, after: the kernels.
        changes: of all cases, in the order of the newer run, same and still failing included.
    """

    before: KernelResults
    after: KernelResults
    changes: tuple[Change, ...]

    @property
    def title(self) -> str:
        """The two kernels, for people."""
        a, b = self.before.label, self.after.label
        return a if a == b else f"{a} -> {b}"

    def counts(self) -> Counter[Transition]:
        """How many cases became what."""
        return Counter(change.transition for change in self.changes)

    def of(self, word: Transition) -> list[Change]:
        """The changes of one sort that are no known deviation."""
        return [c for c in self.changes if c.transition is word and not c.known]

    def known(self) -> list[Change]:
        """What would be a regression, were it not expected."""
        return [c for c in self.changes if c.transition in REGRESSIONS and c.known]


@dataclass(frozen=True)
class Comparison:
    """Results against results.

    Attributes:
        before, after: where they were read, for people.
        pairs: the kernels of both.
        only_before, only_after: the labels of kernels that the other side does not have.
    """

    before: str
    after: str
    pairs: tuple[Pair, ...]
    only_before: tuple[str, ...] = ()
    only_after: tuple[str, ...] = ()

    def regressions(self) -> list[tuple[Pair, Change]]:
        """What the comparison fails for, worst first."""
        found = [(pair, c) for pair in self.pairs for c in pair.changes if c.is_regression]
        order = list(MEANING)
        return sorted(found, key=lambda item: order.index(item[1].transition))

    @property
    def status(self) -> Status:
        """1 for a regression, whatever else went wrong: it is proved.

        Without one 3 where a result of the newer side is in doubt, 4 if nothing was compared.
        """
        if self.regressions():
            return Status.FINDINGS
        if any(_in_doubt(pair) for pair in self.pairs):
            return Status.HARNESS
        if not any(change.before and change.after for p in self.pairs for change in p.changes):
            return Status.NOTHING
        return Status.CLEAN


def _in_doubt(pair: Pair) -> bool:
    if pair.after.summary.blame is Status.HARNESS:
        return True
    return any(change.after and kind(change.after) is Kind.UNKNOWN for change in pair.changes)


def compare(before: Results, after: Results) -> Comparison:
    """Each kernel of one run against its namesake of another.

    Two runs of one kernel each are compared whatever the kernels are called.

    Raises:
        UserError: no kernel is in both, and it is not clear which ones are meant.
    """
    old = {kernel.id: kernel for kernel in before.kernels}
    new = {kernel.id: kernel for kernel in after.kernels}
    both = [ident for ident in new if ident in old]
    if not both and len(old) == len(new) == 1:
        pairs = [(before.kernels[0], after.kernels[0])]
        return Comparison(before.source, after.source, tuple(pair(a, b) for a, b in pairs))
    if not both:
        raise UserError(
            f"no kernel is in both: {before.source} has {', '.join(old) or 'none'}, {after.source} "
            f"has {', '.join(new) or 'none'}; name one of each, as RUN:KERNEL"
        )
    return Comparison(
        before.source,
        after.source,
        tuple(pair(old[ident], new[ident]) for ident in both),
        tuple(kernel.label for ident, kernel in old.items() if ident not in new),
        tuple(kernel.label for ident, kernel in new.items() if ident not in old),
    )


def pair(before: KernelResults, after: KernelResults) -> Pair:
    """Every case of one kernel against the same case of another."""
    old, new = before.cases, after.cases
    idents = dict.fromkeys([*new, *old])
    changes = (
        Change(ident, transition(old.get(ident), new.get(ident)), old.get(ident), new.get(ident))
        for ident in idents
    )
    return Pair(before, after, tuple(changes))


@dataclass(frozen=True)
class Boundary:
    """A case that does not do the same on all kernels of a line.

    Attributes:
        case: its result where it last changes.
        text: where it changes and how, one line.
        drift: it only answers otherwise; never a failure.
        kernels: of the line, in order.
        spans: neighbours among them on which it does the same.
    """

    case: Case
    text: str
    drift: bool
    kernels: tuple[KernelResults, ...] = ()
    spans: tuple[Span, ...] = ()


def boundaries(results: Results) -> list[Boundary]:
    """Over the kernels of a run in the order of their versions, every case that changes."""
    found: list[Boundary] = []
    for kernels in results.in_order():
        names = [kernel.label for kernel in kernels]
        tables = [kernel.cases for kernel in kernels]
        for ident in _idents(kernels):
            parts = spans([table.get(ident) for table in tables])
            if len(parts) > 1:
                drift = all(
                    part.case.strength == OBSERVED and kind(part.case) is Kind.PASS
                    for part in parts
                )
                text = boundary(parts, names)
                found.append(Boundary(parts[-1].case, text, drift, tuple(kernels), tuple(parts)))
    return found


def _idents(kernels: Iterable[KernelResults]) -> dict[str, None]:
    return {ident: None for kernel in kernels for ident in kernel.cases}
