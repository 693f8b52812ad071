"""The formats of a report, and the files they go to in the directory of a run."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from helpers.errors import UserError
from kernel_matrix.compare import Comparison
from kernel_matrix.reports import allure, html, junit, kcidb, ktap, results, summary
from kernel_matrix.reports.results import Results

Render = Callable[[Results, Comparison | None], str]


@dataclass(frozen=True)
class Format:
    """One format: the file that it goes to, and what makes it."""

    file: str
    render: Render


FORMATS = {
    "junit": Format("junit.xml", lambda found, _: junit.render(found)),
    "ktap": Format("results.ktap", lambda found, _: ktap.render(found)),
    "kcidb": Format("kcidb.json", lambda found, _: kcidb.render(found)),
    "markdown": Format("summary.md", summary.render),
    "html": Format("report.html", html.render_with_history),
    "json": Format("results.json", lambda found, _: to_json(found)),
}


ALLURE = "allure"
"""The one that is a directory of files."""


def to_json(found: Results) -> str:
    """Results as a file that can be a baseline."""
    return json.dumps(results.to_json(found), separators=(",", ":")) + "\n"


def named(text: str) -> tuple[str, ...]:
    """The formats that a list with commas names.

    Raises:
        UserError: one of them does not exist.
    """
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    known = (*FORMATS, ALLURE)
    for name in names:
        if name not in known:
            raise UserError(f"unknown report {name!r}; the reports are: {', '.join(known)}")
    return names


def write(
    directory: Path, names: Sequence[str], found: Results, comparison: Comparison | None
) -> list[Path]:
    """Reports into a directory.

    Raises:
        UserError: a file cannot be written.
    """
    written = []
    for name in names:
        if name == ALLURE:
            allure.write(directory / allure.DIRECTORY, found)
            written.append(directory / allure.DIRECTORY)
        else:
            form = FORMATS[name]
            written.append(save(directory / form.file, form.render(found, comparison)))
    return written


def save(path: Path, text: str) -> Path:
    """A text into a file; what was there is overwritten.

    Raises:
        UserError: it cannot be written.
    """
    try:
        path.write_text(text, encoding="utf-8", errors="replace")
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror}") from error
    return path
