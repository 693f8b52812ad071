from itertools import product

import pytest

from kernel_matrix.journal import Case
from kernel_matrix.transitions import (
    MEANING,
    REGRESSIONS,
    Kind,
    Transition,
    boundary,
    fingerprint,
    phrase,
    short,
    spans,
    transition,
)

EINVAL = "-1 EINVAL (Invalid argument)"
EFAULT = "-1 EFAULT (Bad address)"


def case(verdict: str, **fields: object) -> Case:
    return Case("suites/x/test_x.py::test_y[z]", verdict, **fields)


def skip(kind: str) -> Case:
    return case("skip", skip={"class": kind, "reason": "because"})


SAMPLES = {
    "pass": case("pass"),
    "fail": case("fail", observed=EINVAL),
    "crash": case("crash", message="Kernel panic"),
    "hang": case("hang", message="blocked"),
    "skip": skip("kernel-lacks"),
    "config": skip("config"),
    "privilege": skip("privilege"),
    "arch": skip("arch"),
    "environment": skip("environment"),
    "error": case("error"),
    "miss": case("miss"),
    "-": None,
}

# Every pair: a row for what it was, a column for what it is. The words are abbreviated.
WORDS = {
    "=": "same", "R": "regression", "W": "worse", "N": "new failure", "L": "lost", "H": "hidden",
    "C": "changed", "?": "unknown", "F": "fixed", "I": "improved", "G": "gained", "+": "appeared",
    "-": "disappeared", "S": "still failing",
}  # fmt: skip
#                 pass fail crash hang skip config privilege arch environment error miss -
PAIRS = {
    "pass":        "=    R    R     R    L    L      ?         ?    ?           ?     ?    -",
    "fail":        "F    S    W     W    H    H      H         H    H           ?     ?    -",
    "crash":       "F    I    S     C    H    H      H         H    H           ?     ?    -",
    "hang":        "F    I    C     S    H    H      H         H    H           ?     ?    -",
    "skip":        "G    N    N     N    =    C      C         C    C           ?     ?    -",
    "config":      "G    N    N     N    C    =      C         C    C           ?     ?    -",
    "privilege":   "?    N    N     N    C    C      =         C    C           ?     ?    -",
    "arch":        "?    N    N     N    C    C      C         =    C           ?     ?    -",
    "environment": "?    N    N     N    C    C      C         C    =           ?     ?    -",
    "error":       "?    N    N     N    ?    ?      ?         ?    ?           ?     ?    -",
    "miss":        "?    N    N     N    ?    ?      ?         ?    ?           ?     ?    -",
    "-":           "+    N    N     N    +    +      +         +    +           ?     ?    =",
}  # fmt: skip


@pytest.mark.parametrize(
    ("before", "after", "word"),
    [
        (before, after, WORDS[sign])
        for before, row in PAIRS.items()
        for after, sign in zip(SAMPLES, row.split(), strict=True)
    ],
)
def test_every_pair(before, after, word):
    assert transition(SAMPLES[before], SAMPLES[after]) == word


def test_the_table_has_every_pair():
    assert len(PAIRS) == len(SAMPLES) == 12
    assert set(Kind) == {"pass", "fail", "crash", "skip", "unknown", "absent"}
    assert list(MEANING) == list(Transition)


@pytest.mark.parametrize(
    ("before", "after", "word"),
    [
        (case("fail", observed=EINVAL), case("fail", observed=EFAULT), "changed"),
        (case("fail", observed=EINVAL), case("fail", message="lost a byte"), "changed"),
        (case("fail", message="41 at 0xf0"), case("fail", message="7 at 0x1"), "still failing"),
        (case("fail", message="a byte"), case("fail", message="a page moved"), "changed"),
        (case("pass", observed="1"), case("pass", observed="2"), "changed"),
        (case("crash", observed="oops A"), case("crash", observed="oops B"), "changed"),
        (case("fail"), case("deviation", was="fail", known="x"), "still failing"),
        (case("pass"), case("deviation", was="fail"), "regression"),
        (case("stale", was="pass"), case("pass"), "same"),
    ],
)  # fmt: skip
def test_value_and_expectation(before, after, word):
    assert transition(before, after) == word


OBSERVED = {"strength": "observed"}


@pytest.mark.parametrize(
    ("before", "after", "word"),
    [
        (case("pass", observed="1", **OBSERVED), case("pass", observed="1", **OBSERVED), "same"),
        (case("pass", observed="1", **OBSERVED), case("pass", observed="2", **OBSERVED), "drift"),
        (case("pass", observed="1", **OBSERVED), case("fail", observed="2", **OBSERVED), "drift"),
        (case("fail", observed="1", **OBSERVED), case("fail", observed="2", **OBSERVED), "drift"),
        (case("fail", observed="1", **OBSERVED), case("pass", observed="1", **OBSERVED), "same"),
        (None, case("fail", observed="1", **OBSERVED), "appeared"),
        (case("pass", **OBSERVED), case("crash", **OBSERVED), "regression"),
        (case("pass", **OBSERVED), skip("kernel-lacks"), "lost"),
    ],
)
def test_an_observed_clause_is_never_a_failure_unless_the_machine_goes_down(before, after, word):
    assert transition(before, after) == word


def test_no_pair_of_equal_results_is_a_regression():
    for name, sample in SAMPLES.items():
        assert transition(sample, sample) not in REGRESSIONS, name


def test_reversed_regressions_are_never_regressions_again():
    judged = [s for n, s in SAMPLES.items() if n in ("pass", "fail", "crash", "skip")]
    for before, after in product(judged, judged):
        if transition(before, after) in REGRESSIONS - {Transition.NEW_FAILURE}:
            assert transition(after, before) not in REGRESSIONS


@pytest.mark.parametrize(
    ("value", "expected"),
    [(EINVAL, "-1 EINVAL"), ("4096", "4096"), ("-1 errno 999", "-1 errno 999"), ("", "")],
)
def test_short(value, expected):
    assert short(value) == expected


def test_fingerprints():
    assert fingerprint(case("fail", message="at 0xdead after 12 ms")) == "at N after N ms"
    assert fingerprint(case("pass", message="12")) == ""


NAMES = ["a 5.10", "a 6.1", "a 6.12", "a 7.3"]
PASS, UNKNOWN, GONE = case("pass"), case("error"), skip("kernel-lacks")
FAIL = case("fail", observed=EINVAL, expected=EFAULT)
OTHER = case("fail", message="a byte")
WRONG = "observed -1 EINVAL instead of -1 EFAULT"
ONE, TWO = case("pass", observed="1", **OBSERVED), case("pass", observed="2", **OBSERVED)


@pytest.mark.parametrize(
    ("results", "text"),
    [
        ([PASS, PASS, FAIL, FAIL], f"pass up to a 6.1, differs from a 6.12 on: {WRONG}"),
        ([FAIL, FAIL, FAIL, PASS], f"{WRONG} up to a 6.12; pass from a 7.3 on"),
        ([PASS, UNKNOWN, None, OTHER], "pass up to a 5.10, differs from a 7.3 on: fail: a byte"),
        ([PASS, FAIL, PASS, PASS], f"pass up to a 5.10; {WRONG} on a 6.1; pass from a 6.12 on"),
        (
            [PASS, FAIL, FAIL, PASS],
            f"pass up to a 5.10; {WRONG} from a 6.1 to a 6.12; pass from a 7.3 on",
        ),
        ([GONE, GONE, PASS, PASS], "skip (kernel-lacks: because) up to a 6.1; pass from a 6.12 on"),
        ([ONE, ONE, TWO, TWO], "observed 1 up to a 6.1; observed 2 from a 6.12 on"),
        ([PASS, SAMPLES["environment"], PASS, PASS], ""),
        ([UNKNOWN, None, None, FAIL], ""),
        ([FAIL, FAIL, UNKNOWN, FAIL], ""),
    ],
)  # fmt: skip
def test_boundaries(results, text):
    found = spans(results)
    assert (boundary(found, NAMES) if len(found) > 1 else "") == text


def test_phrases_of_what_takes_a_machine_down():
    assert phrase(SAMPLES["hang"]) == "hang: blocked"
    assert phrase(case("deviation", was="fail", observed=EINVAL)) == "observed -1 EINVAL"


def test_a_phrase_is_short_and_moves_no_cursor():
    found = phrase(case("crash", message="\x1b[2Jpanic\x07 " + "x" * 1000))
    assert found.startswith("crash: ?[2Jpanic? x")
    assert len(found) == 300
