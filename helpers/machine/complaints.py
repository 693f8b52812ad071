"""What a kernel complains of on its console: kind, title and call trace. Pure functions over text.

A title is the same for the same mistake on two runs and two machines: it has the function, but no
address, offset, process, CPU, line number or time.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from helpers.machine.complaint_kinds import GENERIC, KINDS, Kind
from helpers.machine.console import unstamped

MOST_FRAMES = 32
"""A call trace is cut after so many functions."""

# What the compiler made of a function: a part of it, a copy with fewer arguments, its cold half.
_MADE = re.compile(r"(?:\.(?:isra|constprop|part|cold|llvm|lto_priv)(?:\.\d+)*)+$")
_PLACE = r"(?P<function>[\w.$]+)\+(?P<offset>0x[0-9a-f]+)/(?P<size>0x[0-9a-f]+)"
_FRAME = re.compile(rf"^(?:\[<[0-9a-f]+>\] )?(?P<guess>\? )?{_PLACE}(?: \[\w+.*\])?$")
_REGISTER = re.compile(rf"^(?:RIP: [0-9a-f]{{4}}:|pc : ){_PLACE}")
_MARK = re.compile(r"^</?[A-Z#]+>$")
_ACCESS = re.compile(r"^(?P<access>Read|Write) of size\b")
_LOCK_AT = re.compile(rf"\bat: {_PLACE}")
_ENDS = re.compile(r"^---\[ end (?:trace|Kernel panic)")


@dataclass(frozen=True)
class Frame:
    """A place in a call trace: a function of so many bytes, and how far into it."""

    function: str
    offset: int
    size: int
    return_address: bool = True


@dataclass(frozen=True)
class Complaint:
    """One complaint.

    Attributes:
        kind: name of its kind, see complaint_kinds.py.
        title: what is the same tomorrow.
        line: its first line, without time stamp.
        frames: the call trace, innermost function first.
        deadly: it explains why a machine died.
    """

    kind: str
    title: str
    line: str
    frames: tuple[Frame, ...] = ()
    deadly: bool = False

    @property
    def of_time(self) -> bool:
        """It says that something took long, which a busy host makes true of any kernel."""
        return self.kind in ("soft-lockup", "hard-lockup", "rcu-stall", "hung-task")

    @property
    def trace(self) -> tuple[str, ...]:
        """The names of the functions of the call trace."""
        return tuple(plain(frame.function) for frame in self.frames)


#: Characters of a line that are looked at: the kernel's own are shorter, LOG_LINE_MAX in
#: kernel/printk/printk.c, and the time that patterns take grows with the square.
_LONGEST = 1024


@dataclass
class _Found:
    """A complaint while its lines are read."""

    kind: Kind
    match: re.Match[str]
    line: str
    lines: list[str] = field(default_factory=list)
    ended: bool = False


def complaints(text: str) -> list[Complaint]:
    """Everything that a kernel complains of in a console's text, in order."""
    found: list[_Found] = []
    for whole in unstamped(text):
        line = whole[:_LONGEST]
        ends = _ENDS.match(line) is not None
        hit = None if ends else next(((k, m) for k in KINDS if (m := k.line.search(line))), None)
        if hit is not None:
            kind, match = hit
            # a panic that says no more than that comes after the end of what caused it
            joins = bool(found) and (kind.name == "panic" or not found[-1].ended)
            if not kind.follows or not joins:
                found.append(_Found(kind, match, line))
                continue
        if found:
            found[-1].lines.append(line)
            found[-1].ended = found[-1].ended or ends
    return [_complaint(each) for each in found]


def worst(found: Iterable[Complaint], *, lost: bool = False) -> Complaint | None:
    """The complaint that says most: the first one; of a lost machine the first deadly one."""
    everything = list(found)
    deadly = [each for each in everything if each.deadly] if lost else []
    return next(iter(deadly or everything), None)


def plain(function: str) -> str:
    """A function as it is called in the source: "pipe_read.isra.0" is pipe_read."""
    return _MADE.sub("", function)


def _complaint(found: _Found) -> Complaint:
    frames = _frames(found)
    groups = found.match.groupdict()
    place = _place(found, frames)
    words = {key: steady(groups.get(key) or "") for key in ("what", "text")}
    title = found.kind.title.format(**words, place=f" in {place}" if place else "")
    access = next((m["access"] for line in found.lines[:4] if (m := _ACCESS.match(line))), "")
    if access and place and found.kind.name == "kasan":
        title = f"{title.removesuffix(f' in {place}')} {access} in {place}"
    return Complaint(found.kind.name, title, found.line, frames, found.kind.deadly)


def _place(found: _Found, frames: tuple[Frame, ...]) -> str:
    """The function where the mistake is, as far as the text tells; else a file; else nothing."""
    groups = found.match.groupdict()
    header = plain(groups.get("function") or "")
    named = [header, *_locks(found, taken=True), *(plain(frame.function) for frame in frames)]
    named += _locks(found, taken=False)
    telling = [name for name in named if name and not GENERIC.fullmatch(name)]
    if telling or header:
        return (telling or [header])[0]
    text = groups.get("text") or ""
    return (
        text
        if found.kind.title.endswith("{place}") and re.fullmatch(r"[\w/.-]+\.[chS]", text)
        else ""
    )


def _locks(found: _Found, *, taken: bool) -> list[str]:
    """Where lockdep says that locks were taken: the one that it complains of, or those held."""
    if found.kind.name != "lockdep":
        return []
    lines = zip(["", *found.lines], found.lines, strict=False)
    return [
        plain(match["function"])
        for before, line in lines
        if (match := _LOCK_AT.search(line)) and ("trying to" in before) is taken
    ]


def _frames(found: _Found) -> tuple[Frame, ...]:
    """The first call trace, with the place where the processor was in front of it."""
    frames: list[Frame] = []
    register = None
    traced = False
    for line in found.lines:
        if register is None and not frames and (match := _REGISTER.match(line)):
            register = _frame(match, False)
        elif re.match(r"^Call [Tt]race:|^backtrace(?: \(|:)", line):
            if frames:
                break
            traced = True
        elif traced and (match := _FRAME.match(line)):
            if not match["guess"]:
                frames.append(_frame(match, True))
        elif traced and frames and not _MARK.match(line) and not _REGISTER.match(line):
            traced = False
    if register is not None and (not frames or frames[0].function != register.function):
        frames.insert(0, register)
    return tuple(frames[:MOST_FRAMES])


def _frame(match: re.Match[str], return_address: bool) -> Frame:
    return Frame(
        match["function"], int(match["offset"], 16), int(match["size"], 16), return_address
    )


_STEADY = (
    (re.compile(r"([\w.$]+)\+0x[0-9a-f]+/0x[0-9a-f]+"), lambda m: plain(m[1])),
    (re.compile(r"([\w/.-]+\.[chS]):\d+(?::\d+)?"), lambda m: m[1]),
    (re.compile(r",? ?\[[^\[\]\s]+:\d+\]|(?:, | in process )[\w./:-]+(?:/\d+)+"), lambda m: ""),
    (re.compile(r" in process \S+"), lambda m: ""),
    (re.compile(r"\b(?:0x[0-9a-f]+|(?=[a-f]*\d)[0-9a-f]{8,})\b"), lambda m: "ADDR"),
    (re.compile(r"\b(CPU|cpu) ?#?\d+\b"), lambda m: m[1]),
    (re.compile(r"\b(?:PID|pid):? ?\d+,? ?"), lambda m: ""),
    (re.compile(r"(?<![\w-])\d+(?![\w-])"), lambda m: "N"),
    (re.compile(r"\s+"), lambda m: " "),
)


def steady(text: str) -> str:
    """A text without what differs from run to run."""
    for pattern, put in _STEADY:
        text = pattern.sub(put, text)
    return text.strip(" ,:")


def titles(text: str) -> Iterator[str]:
    """The titles of a text's complaints, each once."""
    yield from dict.fromkeys(each.title for each in complaints(text))
