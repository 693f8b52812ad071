"""What happened in a case, call by call, as strace would have shown it.

Lines are only made when somebody wants to read them: a passing case never pays for formatting.
"""

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Entry:
    """One call or one thing done to memory; answer is None until it is there."""

    who: Callable[[], str]
    what: Callable[[], str]
    answer: str | None = None
    resumed: bool = False


@dataclass
class Transcript:
    """The entries of a case, in the order in which they were asked for."""

    entries: list[Entry] = field(default_factory=list)

    def begin(self, who: Callable[[], str], what: Callable[[], str]) -> Entry:
        """A new entry whose answer is not there yet."""
        entry = Entry(who, what)
        self.entries.append(entry)
        return entry

    def answer(self, entry: Entry, answer: str, background: bool = False) -> None:
        """Note an answer. One that comes after other calls of a case gets a line of its own."""
        entry.answer = answer
        if background and self.entries and self.entries[-1] is not entry:
            name = entry.what().split("(", 1)[0]
            late = Entry(entry.who, lambda: f"<... {name} resumed>", answer)
            entry.resumed = True
            self.entries.append(late)

    def note(self, text: str) -> None:
        """A line about something that is no call: a death, an end."""
        self.entries.append(Entry(lambda: "", lambda: text, ""))

    def clear(self) -> None:
        """Begin a new case."""
        self.entries.clear()

    def text(self) -> str:
        """All lines."""
        return "\n".join(map(_line, self.entries))


def _line(entry: Entry) -> str:
    who = entry.who()
    head = f"{who}: {entry.what()}" if who else entry.what()
    if entry.answer is None or entry.resumed:
        return f"{head} <unfinished ...>"
    return f"{head} = {entry.answer}" if entry.answer else head
