"""The HTML report as text: what is in its data, what it refuses, how large it may be."""

import base64
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from click.testing import CliRunner

from kernel_matrix import compare
from kernel_matrix.cli import cli
from kernel_matrix.journal import Attempt
from kernel_matrix.reports import formats, html
from kernel_matrix.reports.html import data, page

from .samples import CASES, EINVAL, RUN, case, kernel, run

FAILED = replace(CASES[0], verdict="fail", observed=EINVAL, expected="0")
HOSTILE = (
    "</script><script>pwned=1</script>",
    "<img src=x onerror=pwned=1>",
    "<!--<script>",
    "]]>&lt;${title}$data",
    "\u2028\u2029\ufeff\u202eabc\u2066\x00\x1b[31m\x9b\ud800",
)


def embedded(text):
    """The data of a page, as a browser would find it."""
    (block,) = re.findall(r'<script type="application/json" id="data">(.*?)</script', text, re.S)
    return json.loads(block)


class Elements(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags = []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))


def elements(text):
    parser = Elements()
    parser.feed(text)
    return parser.tags


def outcome(found, number):
    verdict, *rest = found["outcomes"][number]
    return verdict, [found["texts"][n] if isinstance(n, int) else n for n in rest]


def test_every_case_of_every_kernel_is_there():
    found = data.encode(RUN)
    texts = found["texts"]
    names = [texts[path] + texts[row] for path, row, *_ in found["cases"]]
    assert names == [each.id for each in CASES]
    first = found["kernels"][0]
    assert [found["outcomes"][n][0] for n in first["outcomes"]] == [c.verdict for c in CASES]
    assert first["milliseconds"] == [12] * len(CASES)
    assert first["facts"]["sha256"] == "0123abcd" * 8
    problems = [each["problem"] for each in found["kernels"]]
    assert problems == ["", "not available", "the machine did not boot"]


def test_equal_results_are_kept_once():
    many = [kernel(f"debian:6.{n}", f"6.{n}", *CASES) for n in range(20)]
    found = data.encode(run("r", *many))
    assert len(found["outcomes"]) == len(CASES)
    assert len(found["texts"]) == len(set(found["texts"]))


def test_kernels_are_in_the_order_of_their_versions():
    found = data.encode(
        run("r", kernel("debian:6.12", "6.12", CASES[0]), kernel("debian:6.1", "6.1", CASES[0]))
    )
    assert [each["id"] for each in found["kernels"]] == ["debian:6.1", "debian:6.12"]


def test_what_the_kernel_says_and_further_tries_are_told():
    tried = replace(
        CASES[3], title="KASAN: use-after-free in pipe_read", trace=("pipe_read", "vfs_read"),
        attempts=(Attempt("pass"),),
    )  # fmt: skip
    found = data.encode(run("r", kernel("k", "6.1", tried)))
    _, texts = outcome(found, 0)
    assert "KASAN: use-after-free in pipe_read" in texts
    assert "pipe_read\nvfs_read" in texts
    assert tried.again in texts


def test_a_baseline_stands_before_its_kernel_and_regressions_are_marked():
    before = run("old", kernel("debian:6.1", "6.1.1", CASES[0]))
    after = run("new", kernel("debian:6.1", "6.1.2", FAILED))
    found = data.encode(after, compare.compare(before, after))
    assert [each["before"] for each in found["kernels"]] == [True, False]
    ((number, transition, regression, *_),) = found["comparison"]["pairs"][0]["changes"]
    assert (number, transition, regression) == (0, "regression", 1)
    assert found["headline"] == "1 regression"


def test_a_boundary_has_its_spans():
    old = case("x", "pass", observed="0", strength="observed")
    new = replace(old, observed=EINVAL)
    versions = ("6.1", "6.2", "6.3")
    found = data.encode(
        run("r", *(kernel(f"debian:{v}", v, old if v == "6.1" else new) for v in versions))
    )
    (change,) = found["changes"]
    assert (change["drift"], change["kernels"]) == (True, [0, 1, 2])
    spans = [(first, last, found["texts"][words]) for first, last, words, _ in change["spans"]]
    assert spans == [(0, 0, "observed 0"), (1, 2, "observed -1 EINVAL")]


@pytest.mark.parametrize(
    ("results", "headline"),
    [
        (run("r", kernel("k", "6.1", CASES[0], CASES[7])), "Nothing unexpected on 1 kernel"),
        (run("r", kernel("k", "6.1", CASES[1])), "1 case not as promised on this kernel"),
        (
            RUN,
            "5 cases not as promised on 1 of 3 kernels; no full result of 2 of 3 kernels",
        ),
        (run("r"), "Nothing ran"),
    ],
)
def test_the_headline(results, headline):
    assert data.headline(results) == headline


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_becomes_an_element(text):
    bad = case(
        text, "fail", message=text, observed=text, expected=text, console=text, transcript=text,
        longrepr=text, title=text, clauses=(text,), strength=text,
    )  # fmt: skip
    skipped = case("s", "skip", skip={"class": text, "reason": text}, known=text)
    hostile = run(text, kernel("k", "6.1", bad, skipped, problem=text))
    written = html.render(hostile)
    plain = html.render(run("r", kernel("k", "6.1", case("x", "fail"))))
    tags = [tag for tag, _ in elements(written)]
    assert tags == [tag for tag, _ in elements(plain)]
    assert written.encode()  # no lone surrogate
    shown = json.dumps(embedded(written), ensure_ascii=False)
    assert not re.search(r"[\u202a-\u202e\u2066-\u2069\u2028\x00-\x08\x1b\x80-\x9f]", shown)


def test_what_is_hidden_is_made_visible():
    assert data.visible("a\x1b[1m\u202eb\tc\r\nd\x85") == "a␛[1m<U+202E>b\tc\nd<U+0085>"


def test_a_log_is_cut_and_logs_that_have_no_room_are_named():
    long = [
        case(str(n), "fail" if n == 150 else "pass", transcript=f"{n} " + "x" * 100_000)
        for n in range(200)
    ]
    found = data.encode(run("r", kernel("k", "6.1", *long)))
    logs = found["kernels"][0]["logs"]
    kept = [number for number, (transcript, *_) in logs.items() if transcript != data.LEFT_OUT]
    assert kept[0] == 150  # what failed comes before what passed
    assert 100 < len(kept) < 200
    text = found["texts"][logs[150][0]]
    assert len(text.encode()) <= data.LOG
    assert "bytes and more left out" in text


def test_texts_that_have_no_room_say_so():
    many = [case(str(n), "fail", message=f"{n}" + "m" * 1400) for n in range(2000)]
    found = data.encode(run("r", kernel("k", "6.1", *many)))
    assert data.NO_ROOM in found["texts"]
    assert len(json.dumps(found)) < 2_000_000


def test_the_policy_allows_the_page_s_own_blocks_and_nothing_else():
    written = html.render(RUN)
    (policy,) = [
        attrs["content"]
        for tag, attrs in elements(written)
        if tag == "meta" and attrs.get("http-equiv") == "Content-Security-Policy"
    ]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    for name, tag in (("script-src", "<script>"), ("style-src", "<style>")):
        (block,) = re.findall(rf"{tag}(.*?)</", written, re.S)
        digest = base64.b64encode(hashlib.sha256(block.encode()).digest()).decode()
        assert rules[name] == f"'sha256-{digest}'"


def test_the_page_names_nothing_outside_of_it():
    written = html.render(run("r"))
    assert not re.search(r"https?:|//[a-z]|@import|url\(|\ssrc=|<link", written)


def test_scripts_make_texts_and_never_markup():
    sources = "".join((page.FOLDER / name).read_text() for name in page.SCRIPTS)
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", sources
    )


def test_every_part_of_the_folder_is_in_the_page():
    found = {path.name for path in page.FOLDER.iterdir() if path.suffix in (".js", ".css")}
    assert found == {*page.SCRIPTS, *page.STYLES}


def test_modules_are_after_those_that_they_import():
    known = set()
    for name in page.SCRIPTS:
        imported = re.findall(r'from "\./(.+?)"', (page.FOLDER / name).read_text())
        assert set(imported) <= known, name
        known.add(name)


def test_without_scripts_there_is_a_table():
    written = html.render(RUN)
    assert "<tr><th scope=row>debian 6.1.192-1<td>1 pass, 1 fail" in written


def test_a_run_writes_it_beside_the_others(tmp_path):
    (path,) = formats.write(tmp_path, ["html"], RUN, None)
    assert path == tmp_path / "report.html"
    assert embedded(path.read_text())["start"] == "overview"


def test_compare_writes_it_too(tmp_path):
    kernels = [kernel("debian:6.1", "6.1", CASES[0]), kernel("debian:6.1", "6.1", FAILED)]
    sides = [tmp_path / name for name in ("before.json", "after.json")]
    for side, each in zip(sides, kernels, strict=True):
        side.write_text(formats.to_json(run("r", each)))
    out = tmp_path / "report.html"
    for words, status, start in ((sides, 1, "overview"), (sides[:1], 4, "changes")):
        asked = ["compare", *map(str, words), "--format", "html", "--out", str(out)]
        assert CliRunner().invoke(cli, asked).exit_code == status
        found = embedded(out.read_text())
        assert found["start"] == start
    assert found["source"] == "before.json"


@pytest.mark.slow
def test_a_large_matrix_is_a_page_of_some_megabytes():
    """The worst that there is: every case fails on every kernel, everywhere in another way."""
    kernels = []
    for k in range(15):
        cases = [
            case(
                f"row-{n}", "fail", observed=f"{k} {n}", message=f"{k} {n} " * 20,
                transcript=f"call {k} {n}\n" * 40, clauses=(f"vmsplice:t{n % 40}:c{n % 420}",),
            )
            for n in range(2100)
        ]  # fmt: skip
        kernels.append(kernel(f"debian:6.{k}", f"6.{k}", *cases))
    assert len(html.render(run("r", *kernels)).encode()) < 6_000_000
