"""In which order kernels are tested and how long that takes, by what earlier runs took. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

_ENOUGH = 0.05
"""The part of a cell's cases after which its own speed says more than nothing."""


@dataclass(frozen=True)
class Job:
    """A cell, as far as time is concerned.

    Attributes:
        running: it has a slot now.
        elapsed: seconds since it has.
        done: cases that are over.
        total: cases that there are, 0 while nobody knows.
        expected: seconds that it took the last time, None if nobody knows.
    """

    running: bool = False
    elapsed: float = 0.0
    done: int = 0
    total: int = 0
    expected: float | None = None


def automatic_jobs(cpus: int, free_mb: int, wanted: int) -> int:
    """How many cells run side by side: at most two, a core and a gigabyte for each."""
    return max(1, min(2, cpus, free_mb // 1024, wanted))


def longest_first(idents: Iterable[str], seconds: Mapping[str, float]) -> list[str]:
    """Kernels in the order in which they are best begun; one that is not known may be the longest.

    Args:
        idents: of the kernels.
        seconds: that some of them took the last time.
    """
    return sorted(idents, key=lambda ident: -seconds.get(ident, float("inf")))


def left(job: Job) -> float | None:
    """Seconds until a cell is over, None if nobody knows."""
    if not job.running:
        return job.expected
    share = job.done / job.total if job.total else 0.0
    by_speed = job.elapsed * (1 - share) / share if share > _ENOUGH else None
    if job.expected is None:
        return by_speed
    by_memory = max(0.0, job.expected - job.elapsed)
    # what is seen now counts more, the more of it there is
    return by_memory if by_speed is None else share * by_speed + (1 - share) * by_memory


def remaining(jobs: Sequence[Job], slots: int) -> float | None:
    """Seconds until all cells are over, None as long as one of them says nothing.

    Args:
        jobs: those that are not over.
        slots: how many run side by side.
    """
    times = [left(job) for job in jobs]
    if any(time is None for time in times):
        return None
    known = [time for time in times if time is not None]
    free = [time for job, time in zip(jobs, known, strict=True) if job.running]
    free += [0.0] * (slots - len(free))
    waiting = [time for job, time in zip(jobs, known, strict=True) if not job.running]
    for time in sorted(waiting, reverse=True):
        slot = free.index(min(free))
        free[slot] += time
    return max(free, default=0.0)


def duration(seconds: float) -> str:
    """A duration for people who wait: "40 s", "3 min 20 s"."""
    rounded = max(0, round(seconds))
    if rounded < 100:
        return f"{rounded} s"
    minutes, rest = divmod(round(rounded / 10) * 10, 60)
    return f"{minutes} min {rest} s" if rest else f"{minutes} min"
