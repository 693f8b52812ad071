import gzip
import re
from dataclasses import replace

import pytest

from helpers.errors import UserError
from kernel_matrix import expectations, expectations_update, known
from kernel_matrix.cells import status
from kernel_matrix.expectations import Tally, judge, parse

from .runs import CALL, EFAULT, EINVAL, case, kernel, run, wrong

CLAUSES = frozenset({"vmsplice:errors:einval"})
ENTRY = f"""\
# What is known of vmsplice.

# lengths
[[deviation]]
cases = ["{CALL}[*]"]
since = "6.1"
before = "7.0"
observed = "-1 EINVAL"
reason = "checks the length too early"
reference = "commit 0123456789ab"
"""
(LENGTH,) = parse(ENTRY, "vmsplice.toml", CLAUSES)


def judged(deviation, *kernels):
    tallies = {deviation: Tally()}
    return judge(run("r", *kernels), [deviation], tallies), tallies[deviation]


def test_an_expected_failure_is_counted_apart():
    result, tally = judged(LENGTH, kernel("debian:6.1", "6.1.192", wrong("a"), case("b", "skip")))
    (found,) = result.kernels
    first, second = found.summary.cases
    assert (first.verdict, first.was) == ("deviation", "fail")
    assert first.known == "checks the length too early (commit 0123456789ab)"
    assert not first.unexpected
    assert second.verdict == "skip"
    assert found.summary.counts == {"deviation": 1, "skip": 1}
    assert tally.holds == [("debian:6.1", f"{CALL}[a]")]
    assert status([found.summary]) == 0


def test_failing_otherwise_is_a_failure():
    result, tally = judged(LENGTH, kernel("debian:6.1", "6.1.192", wrong("a", EFAULT)))
    (found,) = result.kernels[0].summary.cases
    assert found.verdict == "fail"
    assert found.message.endswith("(vmsplice.toml:4 expects fail: -1 EINVAL)")
    assert (len(tally.otherwise), tally.holds) == (1, [])
    assert status([result.kernels[0].summary]) == 1


def test_a_crash_is_not_an_expected_failure():
    result, _ = judged(LENGTH, kernel("debian:6.1", "6.1.192", case("a", "crash", message="x")))
    assert result.kernels[0].summary.cases[0].verdict == "crash"


def test_an_entry_that_holds_no_more_is_a_finding():
    result, tally = judged(LENGTH, kernel("debian:6.1", "6.1.192", case("a"), wrong("b")))
    found = result.kernels[0].summary
    assert found.cases[0].verdict == "stale"
    assert found.cases[0].was == "pass"
    assert found.cases[0].message == (
        "passes, but vmsplice.toml:4 expects it to fail: checks the length too early"
    )
    assert found.cases[0].unexpected
    assert status([found]) == 1
    assert tally.stale == [("debian:6.1", f"{CALL}[a]")]


def test_of_several_entries_the_one_that_explains_counts():
    other = replace(LENGTH, place="x:1", observed="-1 EFAULT", reason="reads it too late")
    tallies = {LENGTH: Tally(), other: Tally()}
    result = judge(run("r", kernel("k", "6.1", wrong("a", EFAULT))), tallies, tallies)
    assert result.kernels[0].summary.cases[0].known.startswith("reads it too late")
    assert not tallies[LENGTH].otherwise


@pytest.mark.parametrize(
    ("version", "holds"),
    [("5.10.244", False), ("6.1~rc1", False), ("6.1", True), ("6.12.117", True), ("7.0~rc1", True),
     ("7.0", False), ("7.3.4", False), ("", False)],
)  # fmt: skip
def test_range_of_versions(version, holds):
    assert LENGTH.on(kernel("debian:x", version)) is holds


@pytest.mark.parametrize(
    ("ident", "holds"), [("debian:6.1", True), ("local", True), ("reference:6.1", False)]
)
def test_kernels_by_name(ident, holds):
    deviation = replace(LENGTH, kernels=("debian:*", "local"))
    assert deviation.on(kernel(ident, "6.1")) is holds


@pytest.mark.parametrize(
    ("wanted", "holds"),
    [("CONFIG_A=y", True), ("CONFIG_A=m", False), ("CONFIG_B=n", True), ("CONFIG_AB=y", False)],
)
def test_kernels_by_feature(tmp_path, wanted, holds):
    path = tmp_path / "config"
    path.write_text("CONFIG_A=y\n# CONFIG_B is not set\n")
    found = kernel("k", "6.1")
    assert replace(LENGTH, config=wanted).on(found) is False
    found.kernel["config"] = str(path)
    assert replace(LENGTH, config=wanted).on(found) is holds
    packed = tmp_path / "config.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    found.kernel["config"] = str(packed)
    assert replace(LENGTH, config=wanted).on(found) is holds


def test_cases_by_clause_and_by_pattern():
    by_clause = replace(LENGTH, cases=(), clause="vmsplice:errors:einval")
    assert by_clause.about(case("a"))
    assert not by_clause.about(case("a", clauses=("other:a:b",)))
    by_name = replace(LENGTH, cases=(f"{CALL}[a]",))
    assert by_name.about(case("a"))
    assert not by_name.about(case("aa"))


def test_by_a_part_of_the_message():
    deviation = replace(LENGTH, observed="", message="Kernel panic", verdict="crash")
    assert deviation.explains(case("a", "crash", message="Kernel panic - not syncing"))
    assert not deviation.explains(case("a", "crash", message="BUG: bad page"))


def test_without_entries_nothing_is_touched():
    results = run("r", kernel("k", "6.1", wrong("a")))
    assert judge(results, []) == results


def test_an_observed_clause_is_no_failure():
    result = judge(run("r", kernel("k", "6.1", wrong("a", strength="observed"))), [])
    (found,) = result.kernels[0].summary.cases
    assert (found.verdict, found.observed) == ("pass", EINVAL)
    assert status([result.kernels[0].summary]) == 0


def entry(**changes: str | None) -> str:
    lines = {
        "cases": f'["{CALL}[a]"]',
        "observed": '"0"',
        "reason": '"x"',
        "reference": '"y"',
    } | changes
    return "[[deviation]]\n" + "".join(f"{k} = {v}\n" for k, v in lines.items() if v)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[deviation]\n", "x.toml: not TOML"),
        ("[other]\n", r"x.toml: expected [[deviation]] tables and nothing else, not ['other']"),
        ("deviation = 1\n", "x.toml: expected [[deviation]] tables"),
        (entry(since='"6.1"', unknown="1"), "x.toml:1: unknown key 'unknown'; known: before, "),
        (entry(reason=None), "x.toml:1: an entry needs a reason"),
        (entry(reason='"TODO: why"'), "x.toml:1: an entry needs a reason"),
        (entry(reference=None), "x.toml:1: an entry needs a reference"),
        (entry(reason="1"), "x.toml:1: reason is a text of one line, not 1"),
        (entry(cases='"a"'), "x.toml:1: cases is a list of texts, not 'a'"),
        (entry(cases="[]"), "x.toml:1: cases is a list of texts, not []"),
        (entry(cases=None), "x.toml:1: an entry has either cases or clause"),
        (entry(message='"z"'), "x.toml:1: an entry has either observed or message"),
        (entry(observed=None), "x.toml:1: an entry has either observed or message"),
        (entry(cases=None, clause='"a:b:c"'), "x.toml:1: no clause a:b:c in suites"),
        (entry(verdict='"skip"'), "x.toml:1: verdict is fail, crash or hang, not 'skip'"),
        (entry(since='"newest"'), "x.toml:1: since is a version, as 6.12 or 6.12.5, not 'newest'"),
        (entry(trait='"new"'), "x.toml:1: no trait new; known: posted-process_vmsplice"),
        (entry(config='"X=y"'), "x.toml:1: config is CONFIG_NAME=value, not 'X=y'"),
        (entry() + entry(reason='"z"'), "x.toml:6: says the same as x.toml:1"),
    ],
)
def test_what_is_not_understood_is_refused(text, message):
    with pytest.raises(UserError, match=re.escape(message)):
        parse(text, "x.toml", CLAUSES)


def test_the_entries_of_this_project_can_be_read():
    expectations.load()


def test_the_entry_that_explains_the_format_can_be_read():
    text = (expectations.DIRECTORY / "README.md").read_text()
    example = re.search(r"```toml\n(.*?)```", text, re.DOTALL)
    assert example
    (found,) = parse(example[1], "README.md", CLAUSES)
    assert found.before == "6.12.117"
    optional = [line for line in example[1].splitlines() if re.match(r"# \w+ =", line)]
    assert len(optional) == 4


POSTED = "posted-process_vmsplice"


@pytest.mark.parametrize(("traits", "holds"), [((), False), ((POSTED,), True)])
def test_an_entry_may_be_for_what_a_kernel_was_found_to_be_like(traits, holds):
    found = replace(kernel("k", "6.1", wrong("a")), traits=frozenset(traits))
    entry = replace(LENGTH, trait=POSTED)
    assert entry.on(found) is holds
    cases = known.of({"id": "k", "version": "6.1"}, {f"{CALL}[a]": []}, [entry], traits)
    assert bool(cases) is holds


KERNELS = [
    kernel("debian:5.10", "5.10.244", case("a"), wrong("b"), case("c")),
    kernel("debian:6.1", "6.1.192", wrong("a"), wrong("b"), wrong("c")),
    kernel("debian:6.12", "6.12.117", wrong("a"), wrong("b"), case("c", "miss")),
    kernel("debian:7.3", "7.3.4", case("a"), wrong("b"), wrong("c", EFAULT)),
    kernel("local", "", wrong("b")),
]


def propose(text, *kernels):
    known = tuple(parse(text, "vmsplice.toml", CLAUSES)) if text else ()
    tallies = {deviation: Tally() for deviation in known}
    result = judge(run("r", *kernels), known, tallies)
    texts = {"vmsplice.toml": text} if text else {}
    return expectations_update.diff(texts, tallies, result, "expectations")


def test_a_new_failure_is_proposed_with_the_range_of_its_kernels():
    diff = propose("", *KERNELS)
    assert diff.startswith("--- /dev/null\n+++ b/expectations/vmsplice.toml\n")
    added = "".join(line[1:] for line in diff.splitlines(keepends=True)[3:])
    complete = added.replace("TODO", "written")
    found = parse(complete, "x", CLAUSES)
    assert [(d.cases, d.kernels, d.since, d.before, d.observed) for d in found] == [
        ((f"{CALL}[b]",), ("debian:*",), "", "", "-1 EINVAL"),
        ((f"{CALL}[a]", f"{CALL}[c]"), ("debian:*",), "6.1.192", "7.3.4", "-1 EINVAL"),
        ((f"{CALL}[c]",), ("debian:*",), "7.3.4", "", "-1 EFAULT"),
        ((f"{CALL}[b]",), ("local",), "", "", "-1 EINVAL"),
    ]
    with pytest.raises(UserError, match="needs a reason"):
        parse(added, "x", CLAUSES)
    after = judge(run("r", *KERNELS), found)
    assert {c.verdict for k in after.kernels for c in k.summary.cases} == {
        "pass",
        "deviation",
        "miss",
    }


def test_nothing_to_propose_is_no_diff():
    assert propose(ENTRY, kernel("debian:6.1", "6.1.192", wrong("a"))) == ""
    assert propose(ENTRY, kernel("debian:7.3", "7.3.4", case("a"))) == ""


def test_a_stale_entry_is_removed_with_its_comment():
    diff = propose(ENTRY + "\n# other\n" + entry(), kernel("debian:6.1", "6.1.192", case("b")))
    removed = [line for line in diff.splitlines() if line.startswith("-")]
    assert "-# lengths" in removed
    assert "-[[deviation]]" in removed
    assert not any("other" in line or "What is known" in line for line in removed)
    assert not [line for line in diff.splitlines()[3:] if line.startswith("+")]


def test_an_entry_that_became_stale_ends_at_that_version():
    text = ENTRY.replace('before = "7.0"\n', "")
    diff = propose(
        text,
        kernel("debian:6.1", "6.1.192", wrong("a")),
        kernel("debian:7.3", "7.3.4", case("a")),
    )
    assert '+before = "7.3.4"' in diff.splitlines()


def test_an_entry_that_is_stale_here_and_there_gets_a_note():
    diff = propose(
        ENTRY,
        kernel("debian:6.1", "6.1.192", case("a")),
        kernel("debian:6.12", "6.12.117", wrong("a")),
    )
    assert f"+# TODO: passes here and there: {CALL}[a]" in diff.splitlines()


def test_summary_says_of_each_entry_what_the_run_says():
    _, tally = judged(LENGTH, kernel("debian:6.1", "6.1.192", wrong("a"), case("b")))
    assert expectations_update.summary({LENGTH: tally, replace(LENGTH, place="x:1"): Tally()}) == [
        "stale      vmsplice.toml:4: "
        "holds for 1 case on debian:6.1; stale for 1 case on debian:6.1",
        "unused     x:1: says nothing of any case of this run",
    ]
