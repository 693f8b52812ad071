"""clauses.toml is read strictly, and a mistake names its place."""

from pathlib import Path

import pytest

from helpers.clauses import Strength, load_clauses
from helpers.errors import UserError

GOOD = """
[[clause]]
id = "tee:errors:einval-flags"
strength = "documented"
source = "tee(2), ERRORS"
text = "An unknown flag is EINVAL."
"""


def suite(directory: Path, text: str, call: str = "tee") -> Path:
    (directory / call).mkdir()
    (directory / call / "clauses.toml").write_text(text)
    return directory


def test_a_clause_is_read(tmp_path: Path) -> None:
    clauses = load_clauses(suite(tmp_path, GOOD))
    clause = clauses["tee:errors:einval-flags"]
    assert clause.strength is Strength.DOCUMENTED
    assert str(clause) == "clause tee:errors:einval-flags, documented"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GOOD + GOOD, "tee:errors:einval-flags is defined twice"),
        (GOOD.replace("documented", "certain"), "strength certain is none of documented, ref"),
        (GOOD.replace("text", "note"), "must have exactly id, source, strength, text"),
        (GOOD.replace("tee:errors:einval-flags", "Tee errors"), "not of the form call:part:name"),
        (GOOD + "[other]\n", "expected .*clause.* tables and nothing else"),
        ("[[clause]\n", "clauses.toml: "),
        (GOOD.replace('"An unknown flag is EINVAL."', '"""a\nb"""'), "text is one line"),
    ],
)
def test_a_mistake_is_one_line_with_the_place(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UserError, match=said) as caught:
        load_clauses(suite(tmp_path, text))
    assert "tee/clauses.toml" in str(caught.value)
    assert "\n" not in str(caught.value)
