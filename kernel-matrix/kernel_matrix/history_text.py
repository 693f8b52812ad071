"""What the history tells, as text and as JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from kernel_matrix import history_rows
from kernel_matrix.history_query import Flakes, Flaky, Line, Stretch, by_kernel, day
from kernel_matrix.history_rows import Run
from kernel_matrix.table import Paint, plain
from kernel_matrix.transitions import Kind, kind, phrase

_COLOURS = {Kind.PASS: "green", Kind.FAIL: "red", Kind.CRASH: "red", Kind.SKIP: "cyan"}


def render_case(name: str, lines: Sequence[Line], paint: Paint = plain) -> str:
    """A case on every kernel: what it did from which build to which, newest last."""
    parts = [name]
    for line in lines:
        first, last = day(line.runs[0].started), day(line.runs[-1].started)
        period = first if first == last else f"{first} to {last}"
        runs = _count(len(line.runs), "run")
        parts.append(f"  {line.kernel}  {runs}, {period}; {_flaked(line.flakes)}; {_time(line)}")
        parts += [f"    {_stretch(stretch, paint)}" for stretch in line.stretches]
        if line.silent:
            parts.append(f"    nothing said of the kernel in {_count(line.silent, 'run')}")
    return "\n".join(parts)


def _stretch(stretch: Stretch, paint: Paint) -> str:
    builds = [_build(run) for run in (stretch.first, stretch.last)]
    where = builds[0] if builds[0] == builds[1] else f"{builds[0]} to {builds[1]}"
    since, runs = day(stretch.first.started), _count(stretch.runs, "run")
    word, told = stretch.case.verdict, phrase(stretch.case)
    told = told if told.startswith(word) else f"{word}: {told}"
    return f"{paint(told, _COLOURS[kind(stretch.case)])}  [{where}, since {since}, {runs}]"


def _build(run: Run) -> str:
    return run.version or run.release or run.kernel


def _flaked(flakes: Flakes) -> str:
    if not flakes.alike:
        return "not run twice alike"
    return f"flaked in {flakes.odd} of {flakes.alike}"


def _time(line: Line) -> str:
    return f"{1000 * line.seconds:.1f} ms"


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def render_flaky(found: Sequence[Flaky], most: int) -> str:
    """One line for each case that flakes, the worst first."""
    if not found:
        return "no case came to different things in runs that were alike"
    lines = [
        f"{100 * each.flakes.rate:5.1f} %  {each.flakes.odd} of {each.flakes.alike}  {each.case}"
        f"  [{', '.join(each.kernels)}: {_verdicts(each)}]"
        for each in found
    ]
    return _cut(lines, most)


def _verdicts(flaky: Flaky) -> str:
    return ", ".join(f"{count} {verdict}" for verdict, count in flaky.verdicts.most_common())


def slowest(times: Mapping[str, Mapping[str, float]]) -> list[tuple[str, str, float]]:
    """Case, the kernel on which it takes longest, and how long; the slowest first."""
    worst = [(name, *max(on.items(), key=lambda item: item[1])) for name, on in times.items()]
    return sorted(worst, key=lambda item: -item[2])


def render_slowest(found: Sequence[tuple[str, str, float]], most: int) -> str:
    """One line for each case."""
    return _cut([f"{seconds:8.3f} s  {name}  [{k}]" for name, k, seconds in found], most)


def _cut(lines: list[str], most: int) -> str:
    more = [f"... and {len(lines) - most} more: --all"] if len(lines) > most else []
    return "\n".join(lines[:most] + more)


def render_kernels(runs: Sequence[Run], paint: Paint = plain) -> str:
    """What the history holds: a line for each kernel."""
    groups = by_kernel(runs)
    width = max(map(len, groups), default=0)
    lines = [f"{'kernel':{width}}  runs  builds  last run    last good run"]
    for name, of_kernel in groups.items():
        last = of_kernel[-1]
        good = next((run for run in reversed(of_kernel) if run.good), None)
        told = paint("never", "yellow")
        if good is not None:
            told = f"{day(good.started)}  {_build(good)}"
        builds = len({run.build for run in of_kernel})
        start = f"{name:{width}}  {len(of_kernel):4}  {builds:6}"
        lines.append(f"{start}  {day(last.started)}  {told}")
    return "\n".join(lines)


def case_json(name: str, lines: Sequence[Line], answers: Mapping[int, Any]) -> dict[str, Any]:
    """A case for programs: every run, and what it did from when to when.

    Args:
        name: of the case.
        lines: what it did on the kernels.
        answers: as history_rows.of_case() has them.
    """
    return {
        "case": name,
        "kernels": [
            {
                "kernel": line.kernel,
                "seconds": line.seconds,
                "flakes": _flakes_json(line.flakes),
                "changes": [_stretch_json(stretch) for stretch in line.stretches],
                "runs": [
                    {**run_json(run), **_result_json(answers[run.answers])} for run in line.runs
                ],
            }
            for line in lines
        ],
    }


def _stretch_json(stretch: Stretch) -> dict[str, Any]:
    return {
        **_result_json(stretch.case),
        "first": run_json(stretch.first),
        "last": run_json(stretch.last),
        "runs": stretch.runs,
    }


def _result_json(case: Any) -> dict[str, Any]:
    return {"verdict": case.verdict, **history_rows.details(case)}


def _flakes_json(flakes: Flakes) -> dict[str, Any]:
    return {**asdict(flakes), "rate": round(flakes.rate, 6)}


_RUN_KEYS = (
    "kernel", "version", "release", "sha256", "config", "started", "suite", "machine", "seconds",
    "boot", "problem", "good", "cases", "origin",
)  # fmt: skip


def run_json(run: Run) -> dict[str, Any]:
    """A run for programs."""
    return {key: getattr(run, key) for key in _RUN_KEYS}


def flaky_json(found: Sequence[Flaky]) -> list[dict[str, Any]]:
    """The cases that flake, for programs."""
    return [
        {
            "case": each.case,
            "flakes": _flakes_json(each.flakes),
            "kernels": list(each.kernels),
            "verdicts": dict(each.verdicts),
        }
        for each in found
    ]
