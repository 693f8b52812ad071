"""Cases that several calls share, as rows of a table that each of them instantiates by a line."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest

from fixtures.cases import clause, needs, table


@dataclass(frozen=True)
class Row:
    """A case in a table.

    Attributes:
        name: stable for ever.
        body: the rule is its docstring.
        promises: ids of clauses without the call's name.
        needs: what it cannot do without, besides the call.
    """

    name: str
    body: Callable[..., None]
    promises: tuple[str, ...]
    needs: tuple[str, ...] = ()


def instances(call: str, rows: Sequence[Row]) -> pytest.MarkDecorator:
    """The cases of a table as those of one call, for a test that has `body`."""
    marked = []
    for row in rows:
        marks = [clause(f"{call}:{promise}") for promise in row.promises]
        if row.needs:
            marks.append(needs(*row.needs))
        marked.append((row.name, row.body, *marks))
    return table("body", *marked)
