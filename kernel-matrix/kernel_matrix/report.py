"""What a run came to, read from its directory; also when the runner did not live to tell."""

from pathlib import Path

from helpers.errors import UserError
from kernel_matrix import cells, journal, run_file
from kernel_matrix.cells import Status, Summary
from kernel_matrix.manifest import ROOT

LATEST = ROOT / "results" / "latest"


def load(directory: Path) -> list[Summary]:
    """The summaries of a run's cells, from its journals.

    Raises:
        UserError: it is not the directory of a run.
    """
    return [summary for summary, _ in load_cells(directory)]


def load_cells(directory: Path) -> list[tuple[Summary, journal.Journal]]:
    """The same, each with the journal that it was made from.

    Raises:
        UserError: it is not the directory of a run.
    """
    data = run_file.read(directory)
    try:
        return [_summary(directory, item) for item in data["cells"]]
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise UserError(f"{directory}/run.json cannot be read: {error}") from error


def _summary(run: Path, item: dict[str, object]) -> tuple[Summary, journal.Journal]:
    directory = run / str(item["directory"])
    read = journal.load(directory / journal.NAME)
    problem, blame = str(item["problem"]), Status(int(str(item["blame"])))
    if not item["over"]:
        problem, blame = cells.judge(read, None, "", "")
        if not read.run:
            problem, blame = "the runner ended before this kernel was started", Status.HARNESS
    seconds = item["seconds"]
    if not isinstance(seconds, (int, float)):
        times = [entry["time"] for entry in (read.run, *read.boots) if "time" in entry]
        seconds = sum(case.seconds for case in read.cases.values())
        if read.finish and times:
            seconds = read.finish["time"] - times[0]
    summary = Summary(
        str(item["id"]),
        read.boot_seconds,
        read.counts(),
        float(seconds),
        problem,
        blame,
        tuple(read.results()),
        directory,
    )
    return summary, read
