"""Parts of the cases: every case is in exactly one, and all machines agree in which."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.errors import UserError
from helpers.shards import balanced, by_hash, load_durations, parse

IDS = [f"suites/x/test_a.py::test_b[{n}]" for n in range(200)]
NAMES = st.text(min_size=1, max_size=8)


@given(st.lists(NAMES, unique=True), st.dictionaries(NAMES, st.floats(0, 99)), st.integers(1, 9))
def test_every_case_is_in_exactly_one_part(ids, durations, total):
    parts = [parse(f"{index}/{total}", durations) for index in range(1, total + 1)]
    assert all(sum(part.has(ident) for part in parts) == 1 for ident in ids)


def test_a_case_without_a_duration_stays_where_it_is_when_others_come():
    before = {ident: by_hash(ident, 4) for ident in IDS}
    durations = {f"new{n}": float(n) for n in range(50)}
    part = parse("3/4", durations)
    assert [i for i in IDS if part.has(i)] == [i for i in IDS if before[i] == 3]


def test_parts_by_hash_are_about_as_large():
    counts = [sum(by_hash(ident, 4) == part for ident in IDS) for part in (1, 2, 3, 4)]
    assert min(counts) > 30


@pytest.mark.parametrize(
    ("durations", "parts"),
    [
        ({}, {}),
        ({"a": 9, "b": 5, "c": 4}, {"a": 1, "b": 2, "c": 2}),
        ({"a": 1, "b": 1, "c": 1}, {"a": 1, "b": 2, "c": 1}),
        ({"c": 4, "b": 5, "a": 9}, {"a": 1, "b": 2, "c": 2}),
    ],
)
def test_known_durations_balance_the_parts(durations, parts):
    assert balanced(durations, 2) == parts


@pytest.mark.parametrize("text", ["", "1", "0/2", "3/2", "1/0", "-1/2", "a/b", "1/2/3", "1/99999"])
def test_what_is_no_part_is_one_line(text):
    with pytest.raises(UserError, match="expected I/N"):
        parse(text)


@pytest.mark.parametrize("text", ["[]", "{", '{"a": "x"}', '{"a": null}', "\xff"])
def test_durations_that_are_none_are_one_line(tmp_path, text):
    path = tmp_path / "durations.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(UserError, match="not an object of seconds"):
        load_durations(path)
    with pytest.raises(UserError, match="cannot read the durations"):
        load_durations(tmp_path / "none")
    path.write_text(json.dumps({"a": 1}))
    assert load_durations(path) == {"a": 1.0}
