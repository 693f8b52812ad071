"""What the shell offers when TAB is pressed; a click callback for each kind of word.

Nothing here fetches, starts or writes anything, and what cannot be read offers nothing: a shell
that waits for a word must not get an error instead.
"""

import json
from collections.abc import Callable, Iterable
from pathlib import Path

import click

from kernel_matrix.manifest import ROOT

Callback = Callable[[click.Context, click.Parameter, str], list[str]]

_RESULTS = ROOT / "results"
_FILES = ("path:", "tree:", "image:", "resolved:")


def _offering(find: Callable[[click.Context, str], Iterable[str]]) -> Callback:
    """A callback that offers those of some words that begin with what was typed."""

    def offer(context: click.Context, parameter: click.Parameter, typed: str) -> list[str]:
        try:
            return [word for word in find(context, typed) if word.startswith(typed)]
        except Exception:  # whatever it is, the shell is no place to say it
            return []

    return offer


def _kernels(context: click.Context, typed: str) -> Iterable[str]:
    """Selectors: what the matrix names, what the cache has, and files where a file is meant."""
    from kernel_matrix import manifest, providers

    for prefix in _FILES:
        if typed.startswith(prefix):
            return (f"{prefix}{name}" for name in _paths(typed.removeprefix(prefix)))
    named = manifest.load(context.params.get("matrix") or manifest.MATRIX).kernels
    cached = (f"debian:{version}" for version in _cached_versions())
    prefixes = (
        f"{name}:" if ":" in source.form else name for name, source in providers.PROVIDERS.items()
    )
    return dict.fromkeys([*named, *cached, *prefixes])


def _paths(typed: str) -> Iterable[str]:
    folder, slash, start = typed.rpartition("/")
    base = Path(f"{folder}{slash}" or ".").expanduser()
    for path in sorted(base.iterdir()):
        if path.name.startswith(start):
            yield f"{folder}{slash}{path.name}{'/' if path.is_dir() else ''}"


def _cached_versions() -> Iterable[str]:
    from kernel_matrix.providers import debian

    return sorted(str(data["version"]) for _, data in debian.cached())


def _groups(context: click.Context, typed: str) -> Iterable[str]:
    from kernel_matrix import manifest

    found = manifest.load(context.params.get("matrix") or manifest.MATRIX)
    return (*found.groups, manifest.ALL)


def _reports(context: click.Context, typed: str) -> Iterable[str]:
    """Formats, after those that are there already."""
    from kernel_matrix.reports import formats

    done, comma, _ = typed.rpartition(",")
    left = (name for name in (*formats.FORMATS, formats.ALLURE) if name not in done.split(","))
    return (f"{done}{comma}{name}" for name in left)


def _runs(context: click.Context, typed: str) -> Iterable[str]:
    """Directories of runs, wherever the user is, newest first."""
    if "/" in typed:
        return _paths(typed)
    found = sorted(_RESULTS.glob("*/run.json"), reverse=True)
    return (_shown(path.parent) for path in found)


def _shown(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def _sides(context: click.Context, typed: str) -> Iterable[str]:
    """What compare takes: runs, kernels of the last run or of a run, the history."""
    from kernel_matrix import history_query

    run, colon, _ = typed.partition(":")
    if colon and Path(run).is_dir():
        return (f"{run}:{kernel}" for kernel in _kernels_of(Path(run)))
    last = _kernels_of(_RESULTS / "latest")
    kept = (f"{history_query.KERNEL}{kernel}" for kernel in last)
    return (*_runs(context, typed), *last, history_query.LAST_GOOD, *kept)


def _kernels_of(run: Path) -> list[str]:
    try:
        data = json.loads((run / "run.json").read_text())
        return [cell["id"] for cell in data["cells"]]
    except (OSError, ValueError, KeyError):
        return []


def _cases(context: click.Context, typed: str) -> Iterable[str]:
    """The cases of the last run that had all of them, as far as that can be seen quickly."""
    from kernel_matrix import journal

    best: list[str] = []
    for path in sorted((_RESULTS / "latest").glob(f"*/{journal.NAME}")):
        with path.open() as file:
            for _, line in zip(range(4), file, strict=False):
                if line.startswith('{"t":"collected"'):
                    best = max(best, json.loads(line)["cases"], key=len)
    return best


def _cases_and_clauses(context: click.Context, typed: str) -> Iterable[str]:
    return (*_cases(context, typed), *_clauses())


def _clauses() -> Iterable[str]:
    from helpers.clauses import load_clauses

    return load_clauses(ROOT / "suites")


def _calls(context: click.Context, typed: str) -> Iterable[str]:
    return sorted(path.parent.name for path in (ROOT / "suites").glob("*/clauses.toml"))


def _mutants(context: click.Context, typed: str) -> Iterable[str]:
    from kernel_matrix.mutants.plan import plan

    return (mutant.id for mutant in plan(context.params.get("file"), (), None, 0).mutants)


kernels = _offering(_kernels)
groups = _offering(_groups)
reports = _offering(_reports)
runs = _offering(_runs)
sides = _offering(_sides)
cases = _offering(_cases)
cases_and_clauses = _offering(_cases_and_clauses)
calls = _offering(_calls)
mutants = _offering(_mutants)
