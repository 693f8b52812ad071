import json

import pytest

from helpers.errors import UserError
from kernel_matrix import compare_markdown, compare_text
from kernel_matrix.compare import boundaries, compare
from kernel_matrix.reports import results
from kernel_matrix.reports.results import version_key
from kernel_matrix.transitions import Transition

from .runs import CALL, EFAULT, EINVAL, case, drifting, kernel, run, wrong

OLD = run(
    "old",
    kernel(
        "debian:6.1",
        "6.1.192",
        case("a"),
        case("b"),
        wrong("c"),
        wrong("d"),
        case("e", "skip", skip={"class": "kernel-lacks", "reason": "ENOSYS"}),
        case("gone"),
        drifting("o", "1"),
        case("g"),
    ),
    kernel("local", ""),
)
NEW = run(
    "new",
    kernel(
        "debian:6.1",
        "6.1.195",
        case("a"),
        wrong("b"),
        case("c"),
        wrong("d", EFAULT),
        case("e", "crash", message="Kernel panic - not syncing: x"),
        case("come"),
        drifting("o", "2"),
        case("g", "error", message="lost"),
    ),
    kernel("debian:7.3", "7.3.4", case("a")),
)

TEXT = """\
old -> new

debian 6.1.192-1 -> debian 6.1.195-1: 1 regression, 1 new failure, 1 changed, 1 unknown, 1 drift, \
1 fixed, 1 appeared, 1 disappeared, 1 same
  REGRESSION {case}[b]
      clause: vmsplice:errors:einval, documented
      pass -> observed -1 EINVAL instead of -1 EFAULT
  NEW FAILURE {case}[e]
      clause: vmsplice:errors:einval, documented
      skip (kernel-lacks: ENOSYS) -> crash: Kernel panic - not syncing: x
  CHANGED {case}[d]
      clause: vmsplice:errors:einval, documented
      observed -1 EINVAL instead of -1 EFAULT -> observed -1 EFAULT instead of -1 EFAULT
  UNKNOWN {case}[g]
      clause: vmsplice:errors:einval, documented
      pass -> error: lost
  DRIFT {case}[o]
      clause: vmsplice:errors:einval, observed
      observed 1 -> observed 2
  FIXED {case}[c]
      clause: vmsplice:errors:einval, documented
      observed -1 EINVAL instead of -1 EFAULT -> pass
  APPEARED 1 cases, {case}[come] the first of them
  DISAPPEARED 1 cases, {case}[gone] the first of them
only in old: local
only in new: debian 7.3.4-1

2 regressions""".replace("{case}", CALL)


def test_text():
    assert compare_text.render(compare(OLD, NEW)) == TEXT


def test_a_long_list_is_cut_with_a_count():
    old = run("a", kernel("k", "", *(case(f"{n}") for n in range(50))))
    new = run("b", kernel("k", "", *(wrong(f"{n}") for n in range(50))))
    text = compare_text.render(compare(old, new), most=7)
    assert text.count("REGRESSION") == 7
    assert "... and 43 more: regression" in text


def test_json():
    data = json.loads(json.dumps(compare_text.to_json(compare(OLD, NEW))))
    assert data["status"] == 1
    (pair,) = data["pairs"]
    assert pair["counts"]["regression"] == 1
    first = {change["id"]: change for change in pair["changes"]}[f"{CALL}[b]"]
    assert first == {
        "id": f"{CALL}[b]",
        "transition": "regression",
        "regression": True,
        "clauses": ["vmsplice:errors:einval"],
        "strength": "documented",
        "before": "pass",
        "after": "observed -1 EINVAL instead of -1 EFAULT",
        "observed": ["", "-1 EINVAL"],
        "expected": "-1 EFAULT",
    }
    assert all(change["transition"] != "same" for change in pair["changes"])


GONE = case("a", "skip", skip={"class": "config", "reason": "CONFIG_X is off"})
ROOT = case("a", "skip", skip={"class": "privilege", "reason": "not root"})
KNOWN = case("a", "deviation", was="fail", known="since 6.1 (commit 1)", observed=EINVAL)


@pytest.mark.parametrize(
    ("before", "after", "problem", "status"),
    [
        ([case("a")], [case("a")], "", 0),
        ([case("a")], [wrong("a")], "", 1),
        ([wrong("a")], [wrong("a")], "", 0),
        ([wrong("a")], [wrong("a", EFAULT)], "", 0),
        ([case("a")], [GONE], "", 1),
        ([case("a")], [ROOT], "", 0),
        ([case("a")], [KNOWN], "", 0),
        ([case("a")], [case("a", "miss")], "", 3),
        ([case("a")], [case("a")], "pytest was killed", 3),
        ([case("a"), case("b")], [wrong("a"), case("b", "miss")], "pytest was killed", 1),
        ([case("a")], [], "the machine did not boot", 3),
        ([case("a")], [], "", 4),
        ([], [], "", 4),
        ([case("a")], [case("b")], "", 4),
        ([case("a")], [case("a"), wrong("b")], "", 1),
        ([drifting("a", "1")], [drifting("a", "2")], "", 0),
    ],
)
def test_status(before, after, problem, status):
    old = run("old", kernel("k", "6.1", *before))
    new = run("new", kernel("k", "6.2", *after, problem=problem))
    assert compare(old, new).status == status


def test_two_single_kernels_need_no_common_name():
    compared = compare(
        run("r:debian:6.1", kernel("debian:6.1", "6.1.192", case("a"))),
        run("r:path:bzImage", kernel("path:bzImage", "", wrong("a"))),
    )
    assert compared.pairs[0].title == "debian 6.1.192-1 -> path:bzImage"
    assert compared.pairs[0].counts() == {Transition.REGRESSION: 1}


def test_without_a_common_kernel_it_is_said_what_there_is():
    old = run("old", kernel("a", ""), kernel("b", ""))
    with pytest.raises(UserError, match="old has a, b, new has c; name one of each, as RUN:KERN"):
        compare(old, run("new", kernel("c", "")))


def test_markdown_has_regressions_first_and_hides_nothing():
    page = compare_markdown.render(compare(OLD, NEW))
    assert page.startswith("## ❌ 2 regressions\n\n`old` → `new`\n\n### Regressions (2)\n")
    titles = [line for line in page.splitlines() if line.startswith("### ")]
    assert titles == [
        "### Regressions (2)",
        "### Changed: fails otherwise than before (1)",
        "### Unknown: one side says nothing of the kernel (1)",
        "### Observed clauses that drift; no failures (1)",
        "### Fixed (1)",
        "### Appeared (1)",
        "### Disappeared (1)",
        "### Kernels (1)",
    ]
    assert f"| **regression** | `{CALL}[b]` | `vmsplice:errors:einval` (documented) | pass" in page


def test_markdown_is_under_the_limit_and_says_what_it_left_out():
    old = run("old", kernel("k", "", *(case(f"{n}") for n in range(3000))))
    new = run("new", kernel("k", "", *(wrong(f"{n}", "é" * 200) for n in range(3000))))
    compared = compare(old, new)
    page = compare_markdown.render(compared)
    assert len(page.encode()) < 1024 * 1024
    assert "### Regressions (3000)" in page
    assert "... and 2500 more" in page
    small = compare_markdown.render(compared, limit=5000)
    assert len(small.encode()) < 5000
    assert "more\n" in small


def test_markdown_shows_markup_as_text():
    old = run("old", kernel("k", "", case("a")))
    new = run("new", kernel("k", "", case("a", "fail", message="<b> | `x` *y* @you [z](u)")))
    page = compare_markdown.render(compare(old, new))
    assert "&lt;b\\> \\| \\`x\\` \\*y\\* &#64;you \\[z\\](u)" in page


LINE = run(
    "r",
    kernel("debian:7.3", "7.3.4", wrong("a"), case("b"), drifting("o", "2")),
    kernel("debian:5.10", "5.10.244", case("a"), case("b"), drifting("o", "1")),
    kernel("debian:6.12", "6.12.117", wrong("a"), case("b"), drifting("o", "2")),
    kernel("debian:6.1", "6.1.192", case("a"), case("b"), drifting("o", "1")),
    kernel("reference:6.12", "6.12.117", case("a"), wrong("b")),
)


def test_boundaries_follow_the_versions_of_one_line_of_kernels():
    found = boundaries(LINE)
    assert [(each.case.id, each.drift, each.text) for each in found] == [
        (
            f"{CALL}[a]",
            False,
            "pass up to debian 6.1.192-1, differs from debian 6.12.117-1 on: "
            "observed -1 EINVAL instead of -1 EFAULT",
        ),
        (
            f"{CALL}[o]",
            True,
            "observed 1 up to debian 6.1.192-1; observed 2 from debian 6.12.117-1 on",
        ),
    ]
    text = compare_text.render_boundaries(found)
    assert text.splitlines()[0] == "changes between kernels: 1"
    assert "observed clauses that drift, no failures: 1" in text
    assert compare_text.boundaries_json(found)["boundaries"][1]["drift"] is True
    assert compare_text.render_boundaries([]) == ""


@pytest.mark.parametrize(
    ("ident", "line"),
    [
        ("debian:6.12", "debian"),
        ("debian:6.12.95+deb13-cloud-amd64", "debian"),
        ("reference:6.12+debug", "reference+debug"),
        ("local", "local"),
    ],
)
def test_lines_of_kernels(ident, line):
    assert kernel(ident, "6.12").line == line


def test_order_of_versions():
    versions = [
        "5.10.244-1", "6.1.192-2", "6.12~rc7-1~exp1", "6.12", "6.12.9-1",
        "6.12.95+deb13-cloud-amd64",
        "6.12.117-1~deb12u1", "6.12.117-1", "v7.1-rc3", "7.1.0-rc4+", "7.3.4+deb13-cloud-amd64",
    ]  # fmt: skip
    assert sorted(versions[1::2] + versions[::2], key=version_key) == versions


def test_a_baseline_says_what_the_run_said(tmp_path):
    path = tmp_path / "baseline.json"
    path.write_text(json.dumps(results.to_json(NEW)))
    loaded = results.load_json(path)
    assert [k.label for k in loaded.kernels] == [k.label for k in NEW.kernels]
    assert [k.cases for k in loaded.kernels] == [k.cases for k in NEW.kernels]
    compared = compare(NEW, loaded)
    assert not [c for p in compared.pairs for c in p.changes if c.transition == "regression"]
    assert compare(OLD, loaded).status == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not JSON"),
        ("[]", "not the results of a run; make them with: kernel-matrix report"),
        ('{"format": "kernel-matrix results", "schema": 9}', "results of schema 9"),
        ('{"format": "kernel-matrix results", "schema": 1}', "damaged: KeyError"),
        ('{"format": "kernel-matrix results", "schema": 1, "kernels": [1]}', "damaged: TypeError"),
    ],
)
def test_a_damaged_baseline_is_one_line(tmp_path, text, message):
    path = tmp_path / "baseline.json"
    path.write_text(text)
    with pytest.raises(UserError, match=message):
        results.load_json(path)
