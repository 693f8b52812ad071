"""The HTML report as people use it: in Chromium, with a keyboard, on a phone, on paper."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from helpers.clauses import load_clauses
from kernel_matrix import compare
from kernel_matrix.expectations import SUITES
from kernel_matrix.reports import html

from . import browser
from .browser_pages import (
    ANSWER,
    DRIFTED,
    EFAULT,
    FAILED,
    FIRST,
    KNOWN,
    MATRIX,
    PARTS,
    ROWS,
    SECOND,
    SIZE,
    TEE,
    go,
    rows,
    search,
    texts,
)  # fmt: skip
from .samples import CALLS, kernel, run
from .test_html import HOSTILE

axe = pytest.importorskip("axe_core_python")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not browser.find(), reason="no Chromium: apt-get install chromium"),
]


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    started = browser.Browser(browser.find(), tmp_path_factory.mktemp("browser"))
    yield started
    started.close()


@pytest.fixture
def show(chromium, tmp_path):
    """Opens a report; what the page complains of fails the case."""
    pages = []

    def show(results=MATRIX, comparison=None, part="", earlier=None, **how):
        path = tmp_path / "report.html"
        written = html.render(results, comparison, earlier=earlier)
        path.write_text(written, encoding="utf-8")
        page = chromium.open(path, **how)
        if part:
            go(page, part)
        pages.append(page)
        return page

    yield show
    for page in pages:
        assert page.said("Runtime.exceptionThrown", "Log.entryAdded") == []
        page.close()


ALL = [EFAULT, SIZE, "tee:errors:eagain-full"]


def test_the_overview_has_what_is_wrong_and_what_the_kernels_are(show):
    page = show()
    assert texts(page, "h1") == ["2 cases not as promised on 2 of 4 kernels"]
    crash, fail = texts(page, ".findings summary")
    assert "KASAN: use-after-free in pipe_read (not reproduced: pass)" in crash
    assert "reference 6.12.1-1" in crash
    assert "-1 EINVAL instead of -1 EFAULT" in fail
    assert "debian 6.12.1-1" in fail
    assert len(texts(page, ".kernels tbody tr")) == 4
    page.click(".findings details:nth-child(2) summary")
    page.wait("document.querySelector('.findings pre')")
    assert CALLS in texts(page, ".findings pre")[0]


def test_the_matrix_says_each_verdict_in_words(show):
    page = show(part="matrix")
    assert rows(page) == ALL
    assert texts(page, "thead tr:nth-child(2) .short") == ["5.10", "6.1", "6.12", "6.12"]
    spoken = page.js("[...document.querySelectorAll('tr.clause td')].map(e => e.textContent)")
    assert spoken == [
        "✓pass, 2 of 2 cases", "✓pass, 2 of 2 cases", "✗ fail1/2fail, 1 of 2 cases; changes here",
        "▲ crash1/2crash, 1 of 2 cases",
        "0observed 0", "0observed 0", "EINVALobserved -1 EINVAL; changes here",
        "EINVALobserved -1 EINVAL",
        "✓pass", "–skip; changes here",  # noqa: RUF001
        "≈ knownknown; changes here", "✓pass",
    ]  # fmt: skip


def test_a_text_filters_by_clause_case_and_answer(show):
    page = show(part="matrix")
    for text, left in (
        ("EFAULT errors", [EFAULT]), ("test_length", [SIZE]), ("pipe_read", [EFAULT]),
        ("a reason", ALL[2:]), ("nowhere", []), ("", ALL),
    ):  # fmt: skip
        search(page, text)
        page.wait(f"{ROWS}.join() === {json.dumps(','.join(left))}")
        assert texts(page, "#count") == [f"{len(left)} of 3 clauses"]


def test_verdicts_filter(show):
    page = show(part="matrix")
    page.click('.chip[data-verdict="crash"]')
    assert rows(page) == [EFAULT]
    page.click('.chip[data-verdict="skip"]')
    assert rows(page) == [EFAULT, "tee:errors:eagain-full"]
    assert page.js("document.querySelector('.chip[data-verdict=skip]').ariaPressed") == "true"
    page.click('.chip[data-verdict="skip"]')
    page.click('.chip[data-verdict="crash"]')
    page.click(".chip:first-child")  # all unexpected
    assert rows(page) == [EFAULT]


def test_kernels_can_be_left_out(show):
    page = show(part="matrix")
    page.click("#kernel-choice summary")
    page.click("#kernel-choice label:nth-of-type(4) input")
    assert len(texts(page, "thead tr:nth-child(2) th")) == 3
    page.press("Escape")
    page.click('.chip[data-verdict="crash"]')
    assert rows(page) == []


def test_only_what_changed(show):
    still = replace(TEE, id="suites/tee/test_a.py::test_still", clauses=("tee:still",))
    kernels = [k.judged((*k.summary.cases, still)) for k in MATRIX.kernels]
    page = show(run("r", *kernels), part="matrix")
    assert rows(page) == [*ALL, "tee:still"]
    page.click("#changed-only")
    assert rows(page) == ALL


def test_the_keyboard_is_enough(show):
    page = show(part="matrix")
    here = "document.activeElement"
    page.press("/")
    assert page.js(f"{here}.id") == "search"
    page.js("document.querySelector('tr.clause a').focus()")
    assert page.js("document.querySelectorAll('.scroll a[tabindex=\"0\"]').length") == 1
    page.press("ArrowDown", "ArrowDown", "ArrowUp")  # past the row of the next call
    page.press("ArrowUp", "ArrowRight", "ArrowRight", "ArrowRight")
    assert page.js(f"{here}.title").startswith("debian 6.12.1-1: fail, 1 of 2 cases")
    page.press("Enter")
    page.wait(f"{here}.id === 'detail-heading'")
    assert "Only on debian 6.12.1-1" in texts(page, ".only")[0]
    page.press("Escape")
    page.wait(f"{here}.closest('td')")
    assert page.js(f"{here}.title").startswith("debian 6.12.1-1: fail")
    assert not texts(page, ".detail")


def test_the_first_key_skips_the_parts(show):
    page = show(part="matrix")
    page.press("Tab")
    assert page.js("document.activeElement.className") == "skip-link"
    page.press("Enter")
    assert page.js("document.activeElement.id") == "content"
    assert rows(page) == ALL


def test_calls_fold(show):
    page = show(part="matrix")
    page.click("tr.call button")
    assert rows(page) == ALL[1:]
    assert page.js("document.querySelector('tr.call button').ariaExpanded") == "false"


def test_the_details_have_everything(show):
    page = show(part=EFAULT)
    (detail,) = texts(page, ".detail")
    for text in (
        EFAULT, load_clauses(SUITES)[EFAULT].text, "established", "every shipped kernel does",
        "fail on debian 6.12.1-1", "-1 EINVAL", "-1 EFAULT", "pass on", "debian 5.10.1-1",
        "KASAN: use-after-free in pipe_read", "not reproduced: pass", CALLS,
        "a line of the console", "differs from debian 6.12.1-1 on",
    ):  # fmt: skip
        assert text in detail


def test_the_details_have_what_earlier_runs_say(show):
    line = "debian:6.12: pass (6.12.0, 3 runs, 2026-01-02)"
    page = show(part=EFAULT, earlier={FIRST.id: [line]})
    page.click(".earlier summary")
    assert texts(page, ".earlier li") == [line]


@pytest.mark.parametrize(
    ("address", "seen"),
    [
        ("vmsplice:errors:efault", "[kernel]"),
        ("vmsplice%3Aerrors%3Aefault", "[kernel]"),
        ("suites%2Fvmsplice%2Ftest_a.py%3A%3Atest_bad_address%5Bhole%5D", "a line of the console"),
        ("tee:errors:eagain-full@debian%3A6.1", "config: CONFIG_X is not set"),
    ],
)
def test_addresses_of_clauses_and_cases(show, tmp_path, address, seen):
    page = show()
    page.go("about:blank")
    page.go(f"{(tmp_path / 'report.html').as_uri()}#{address}")
    page.wait("document.querySelector('.detail')")
    assert seen in texts(page, ".detail")[0]
    assert len(page.js("[...document.querySelectorAll('tr.here')].map(e => 1)")) == 1


def test_an_unknown_address_is_said(show):
    page = show(part="vmsplice:errors:nothing")
    assert texts(page, "#unknown") == [
        "This report has no clause, case or part called vmsplice:errors:nothing."
    ]
    go(page, "matrix")
    assert not texts(page, "#unknown")


def test_drift_and_changes_are_apart(show):
    page = show(part="behaviour")
    (line,) = texts(page, ".timelines > li")
    assert "length-of-size-max" not in line  # the case's name, with its call
    assert "splice test_length[max]" in line
    assert texts(page, ".bars li") == ["on\n5.10 – 6.1\n0", "on\n6.12\n-1 EINVAL"]  # noqa: RUF001
    go(page, "changes")
    assert len(texts(page, ".timelines > li")) == 2


def test_known_deviations_have_their_reasons(show):
    page = show(part="known")
    assert texts(page, ".reason h2") == ["a reason (a commit) 1 case"]
    assert "debian 6.12.1-1" in texts(page, ".reason li")[0]


def test_regressions_come_first_and_both_sides_are_shown(show):
    before = run("old", kernel("debian:6.12", "6.12.0", FIRST, SECOND, ANSWER, KNOWN))
    after = run("new", kernel("debian:6.12", "6.12.1", FAILED, SECOND, DRIFTED, KNOWN))
    page = show(after, compare.compare(before, after))
    assert texts(page, "h1, h2")[:2] == ["1 regression", "Regressions (1)"]
    assert "pass → observed -1 EINVAL instead of -1 EFAULT" in texts(page, ".findings")[0]
    assert texts(page, ".pairs li") == [
        "debian 6.12.0-1 → debian 6.12.1-1 1 regression, 1 drift, 1 still failing, 1 same"
    ]
    go(page, "changes")
    assert texts(page, "h2") == ["Regression (1) Passed, and fails now"]
    go(page, "behaviour")
    assert texts(page, ".against li") == ["splice test_length[max]\n0 → -1 EINVAL"]
    assert texts(page, ".calm, .steady dt") == []
    go(page, "matrix")
    assert texts(page, "thead .short") == ["6.12\nbefore", "6.12"]
    page.click("#changed-only")
    assert rows(page) == [EFAULT, SIZE]


def test_one_kernel_is_a_list_of_cases(show):
    page = show(run("r", MATRIX.kernels[2]), part="matrix")
    assert "Matrix" not in texts(page, "nav")[0]
    names = texts(page, "tr.case th")
    assert len(names) == 4
    assert texts(page, "tr.head a") == ALL
    page.click('th[data-by="verdict"] button')
    assert page.js("document.querySelector('th[data-by=verdict]').ariaSort") == "ascending"
    verdicts = texts(page, "tr.case td:first-child")
    assert verdicts == ["✗ fail", "≈ known", "✓ pass", "✓ pass"]
    assert texts(page, "tr.head") == []
    page.click('.chip[data-verdict="deviation"]')
    assert len(texts(page, "tr.case")) == 1


def test_long_lists_are_shown_in_parts(show):
    many = [replace(TEE, id=f"suites/tee/test_a.py::test_full[{n}]") for n in range(1200)]
    page = show(run("r", kernel("k", "6.1", *many)), part="matrix")
    assert page.js("document.querySelectorAll('tr.case').length") == 499
    page.click(".scroll > .more")
    assert page.js("document.querySelectorAll('tr.case').length") == 999
    assert page.js("Boolean(document.activeElement.closest('tr'))")


def test_dark_and_light(show):
    grounds = [
        show(prefers_color_scheme=scheme).js(
            "getComputedStyle(document.documentElement).backgroundColor"
        )
        for scheme in ("light", "dark")
    ]
    assert grounds == ["rgb(255, 255, 255)", "rgb(20, 24, 28)"]


@pytest.mark.parametrize("part", [*PARTS, EFAULT])
def test_a_phone_scrolls_in_one_direction(show, part):
    page = show(part=part, width=360, height=740)
    assert page.js("document.documentElement.scrollWidth") <= 360
    if part == EFAULT:
        assert not texts(page, ".matrix")  # the details take its place


def test_the_head_and_the_first_column_stay(show):
    many = [replace(TEE, id=f"suites/tee/t.py::t[{n}]", clauses=(f"tee:x:{n}",)) for n in range(99)]
    kernels = [kernel(f"debian:6.{n}", f"6.{n}", *many) for n in range(20)]
    page = show(run("r", *kernels), part="matrix", width=800, height=600)
    page.js("document.querySelector('.scroll').scrollTo(500, 1500)")
    page.wait("true")
    top, left = page.js(
        "(() => { const s = document.querySelector('.scroll').getBoundingClientRect();"
        "const h = document.querySelector('.matrix thead th').getBoundingClientRect();"
        "const r = document.querySelector('tr.clause th').getBoundingClientRect();"
        "return [h.top - s.top, r.left - s.left] })()"
    )
    assert (round(top), round(left)) == (0, 0)


def test_on_paper_all_parts_follow_each_other(show):
    page = show(part="matrix")
    page.media("print", prefers_color_scheme="dark")
    page.wait("document.querySelectorAll('main > *').length === 5")
    assert texts(page, "h1")[0].startswith("2 cases not as promised")
    assert page.js("document.querySelectorAll('main > :not([hidden])').length") >= 1
    assert len(texts(page, "main > *")) == 5
    assert texts(page, ".filters") == texts(page, ".top") == []
    assert CALLS in "".join(texts(page, ".findings pre"))
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    assert page.js(ground) == "rgb(255, 255, 255)"
    assert page.pdf().startswith(b"%PDF")


@pytest.mark.parametrize("text", HOSTILE)
def test_what_a_guest_says_stays_a_text(show, text):
    bad = replace(
        FAILED, id=f"suites/vmsplice/test_a.py::test_x[{text}]", message=text, observed=text,
        transcript=text, console=text, longrepr=text, title=text, known=text, trace=(text,),
    )  # fmt: skip
    hostile = run(text, kernel(f"k:{text}", "6.1", bad, problem=text), kernel("k:2", "6.2", FIRST))
    page = show(hostile)
    for part in (*PARTS, EFAULT):
        go(page, part)
        page.js("document.querySelectorAll('details').forEach(e => { e.open = true })")
        page.wait("true")
    assert page.js("typeof pwned") == "undefined"
    assert page.js("document.querySelectorAll('img, iframe, script').length") == 2
    assert page.js("document.documentElement.innerText").count("\u202e") == 0


def test_no_request_leaves_the_page(show):
    page = show()
    for part in (*PARTS, EFAULT):
        go(page, part)
    asked = [event["request"]["url"] for event in page.said("Network.requestWillBeSent")]
    assert {Path(url.partition("#")[0]).name for url in asked} == {"report.html"}
    # Even if something in it wanted to.
    refused = page.js("fetch('http://127.0.0.1:9/').then(() => 'sent', error => error.message)")
    assert refused == "Failed to fetch"
    seen = [entry["entry"]["text"] for entry in page.said("Log.entryAdded")]
    assert any("Content Security Policy" in text for text in seen)
    page.forget()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(show, scheme):
    page = show(prefers_color_scheme=scheme)
    page.js((Path(axe.__file__).parent / "axe.min.js").read_text() + "; 0")
    for part in (*PARTS, EFAULT):
        go(page, part)
        page.js("document.querySelectorAll('details').forEach(e => { e.open = true })")
        page.wait("true")
        found = page.js("axe.run().then(r => r.violations.map(v => [v.id, v.nodes[0].html]))")
        assert found == [], part


def test_assistive_technology_sees_a_table(show):
    page = show(part="matrix")
    seen = page.accessible()
    for role, name in (
        ("navigation", "Parts of the report"), ("main", ""), ("search", "Filters"),
        ("searchbox", "Filter by text"), ("button", "only what changed"),
        ("columnheader", "5.10 debian 5.10.1-1"), ("columnheader", "debian"),
        ("link", "crash, 1 of 2 cases"),
    ):  # fmt: skip
        assert (role, name) in seen
    headers = [name for role, name in seen if role == "rowheader"]
    assert any(name.startswith("efault established") for name in headers)
    (table,) = [name for role, name in seen if role == "table"]
    assert table.startswith("What each clause comes to on each kernel.")


@pytest.mark.slow
def test_a_large_matrix_opens_in_two_seconds(show):
    clauses = [(f"tee:topic{n % 40}:clause{n}",) for n in range(420)]
    cases = [
        replace(TEE, id=f"suites/tee/test_a.py::test_full[{n}]", clauses=clauses[n % 420])
        for n in range(2100)
    ]
    page = show(run("r", *(kernel(f"debian:6.{n}", f"6.{n}", *cases) for n in range(15))))
    page.call("Performance.enable", timeDomain="threadTicks")
    page.go(page.js("location.href"))
    go(page, "matrix")
    assert len(rows(page)) == 420
    metrics = page.call("Performance.getMetrics")["metrics"]
    assert {each["name"]: each["value"] for each in metrics}["TaskDuration"] < 2
