"""Which known deviations the cases of one kernel have: asked by pytest when nobody else judges.

    python -m kernel_matrix.known <
        {"kernel": Kernel.to_json(), "traits": [...], "cases": {id: [clause, ...]}}

prints {id: [{"place", "verdict", "observed", "message", "known"}, ...]} of the cases that have
some. pytest compares what a case came to with that, and imports nothing of this package.
"""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from helpers.errors import UserError
from kernel_matrix import expectations
from kernel_matrix.cells import Status, Summary
from kernel_matrix.expectations import Deviation
from kernel_matrix.journal import Case
from kernel_matrix.reports.results import KernelResults


def of(
    kernel: Mapping[str, Any],
    cases: Mapping[str, Sequence[str]],
    deviations: Iterable[Deviation],
    traits: Iterable[str] = (),
) -> dict[str, list[dict[str, str]]]:
    """The entries about each case, for JSON.

    Args:
        kernel: Kernel.to_json() of it.
        cases: the clauses of each case, by its id.
        deviations: all entries.
        traits: what the kernel was found to be like.
    """
    summary = Summary(str(kernel.get("id") or ""))
    on = KernelResults(summary, dict(kernel), traits=frozenset(traits))
    here = [deviation for deviation in deviations if deviation.on(on)]
    found = {}
    for ident, clauses in cases.items():
        case = Case(ident, "miss", clauses=tuple(clauses))
        if about := [_told(deviation) for deviation in here if deviation.about(case)]:
            found[ident] = about
    return found


def _told(deviation: Deviation) -> dict[str, str]:
    return {
        "place": deviation.place,
        "verdict": deviation.verdict,
        "observed": "" if deviation.message else deviation.way,
        "message": deviation.message,
        "known": deviation.known,
    }


def main() -> int:
    """Answer one question; a mistake in an entry is one line and status 2."""
    asked = json.load(sys.stdin)
    try:
        known = expectations.load()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return Status.USAGE
    json.dump(of(asked["kernel"], asked["cases"], known, asked["traits"]), sys.stdout)
    return Status.CLEAN


if __name__ == "__main__":
    sys.exit(main())
