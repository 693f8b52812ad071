"""A pytest plugin that writes which clauses each collected case names; see test_clauses.py."""

import json
from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--dump-clauses", type=Path, required=True)


def pytest_collection_finish(session: pytest.Session) -> None:
    # imported late: the root conftest has fixtures' assertions rewritten first
    from fixtures.cases import clauses_of

    found = {item.nodeid: [clause.id for clause in clauses_of(item)] for item in session.items}
    session.config.getoption("--dump-clauses").write_text(json.dumps(found))
