"""A small matrix to look at in a browser, and how its page is asked."""

import json
from dataclasses import replace

from kernel_matrix.journal import Attempt, Case

from .samples import CALLS, EINVAL, kernel, run

EFAULT = "vmsplice:errors:efault"
SIZE = "splice:observed:length-of-size-max"


def case(function: str, row: str, verdict: str = "pass", **fields: object) -> Case:
    call = str(fields["clauses"][0]).partition(":")[0]  # type: ignore[index]
    return Case(f"suites/{call}/test_a.py::{function}[{row}]", verdict, 0.012, **fields)


FIRST = case("test_bad_address", "hole", clauses=(EFAULT,), strength="established")
SECOND = case("test_bad_address", "kernel", clauses=(EFAULT,), strength="established")
ANSWER = case("test_length", "max", observed="0", clauses=(SIZE,), strength="observed")
TEE = case("test_full", "x", clauses=("tee:errors:eagain-full",), strength="documented")
FAILED = replace(
    FIRST, verdict="fail", observed=EINVAL, expected="-1 EFAULT (Bad address)",
    message=f"vmsplice(5) = {EINVAL}", transcript=CALLS, console="[1.0] a line of the console",
)  # fmt: skip
CRASHED = replace(
    SECOND, verdict="crash", message="the machine died", title="KASAN: use-after-free in pipe_read",
    console="[2.0] BUG: KASAN", attempts=(Attempt("pass"),),
)  # fmt: skip
KNOWN = replace(TEE, verdict="deviation", was="fail", observed="0", known="a reason (a commit)")
SKIPPED = replace(TEE, verdict="skip", skip={"class": "config", "reason": "CONFIG_X is not set"})
DRIFTED = replace(ANSWER, observed=EINVAL)

MATRIX = run(
    "results/r",
    kernel("debian:5.10", "5.10.1", FIRST, SECOND, ANSWER, TEE),
    kernel("debian:6.1", "6.1.1", FIRST, SECOND, ANSWER, SKIPPED),
    kernel("debian:6.12", "6.12.1", FAILED, SECOND, DRIFTED, KNOWN),
    kernel("reference:6.12", "6.12.1", FIRST, CRASHED, DRIFTED, TEE),
)
PARTS = ("overview", "matrix", "changes", "behaviour", "known")


def go(page, part):
    page.js(f"location.hash = '#' + {json.dumps(part)}")
    page.wait("true")


def texts(page, selector):
    """The texts of the elements that are shown."""
    return page.js(
        f"[...document.querySelectorAll({json.dumps(selector)})]"
        ".filter(e => e.checkVisibility()).map(e => e.innerText.trim())"
    )


ROWS = (
    "[...document.querySelectorAll('tr.clause')].filter(e => e.checkVisibility())"
    ".map(e => e.dataset.clause)"
)


def rows(page):
    return page.js(ROWS)


def search(page, text):
    page.click("#search")
    page.js("document.activeElement.select()")
    page.type(text)
    if not text:
        page.press("Delete")
