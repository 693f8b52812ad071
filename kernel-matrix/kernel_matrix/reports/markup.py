"""Markdown that stays readable with any text in it, and under the limits of CI summaries."""

from collections.abc import Iterable, Sequence

LIMIT = 1_000_000
"""Bytes. A step summary of GitHub may have 1024 KiB; of a longer one nothing is shown."""

MOST = 500
"""Rows of one table."""

_CELL = 300
_RESERVE = 1000  # for what is said of that which had no room


def plain(text: str, limit: int = _CELL) -> str:
    """A text in one line, shown as it is: no markup, no tag, no mention of a user."""
    line = " ".join(text.split())
    if len(line) > limit:
        line = line[: limit - 3] + "..."
    line = line.replace("&", "&amp;").replace("<", "&lt;")
    for character in "\\`*_[]>|~#":
        line = line.replace(character, f"\\{character}")
    return line.replace("@", "&#64;")


def code(text: str) -> str:
    """A text as code in one line; a bar would end a table's cell even there."""
    line = " ".join(text.split()).replace("`", "'").replace("|", "\\|")
    return f"`{line}`" if line else ""


class Page:
    """Pieces of Markdown, as many as fit; what does not fit is counted."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._room = limit - _RESERVE
        self._parts: list[str] = []
        self._left_out = 0

    def add(self, text: str) -> bool:
        """A paragraph; False if there is no room for it."""
        return self._put(f"{text}\n\n")

    def _put(self, text: str) -> bool:
        size = len(text.encode())
        if size > self._room:
            self._left_out += 1
            return False
        self._room -= size
        self._parts.append(text)
        return True

    def table(
        self,
        title: str,
        columns: Sequence[str],
        rows: Iterable[Sequence[str]],
        total: int,
        most: int = MOST,
    ) -> None:
        """A heading and a table; nothing at all without rows.

        Args:
            title: of the heading, with the total behind it.
            columns: the names of the columns.
            rows: the cells, as Markdown; only as many are taken as are shown.
            total: how many rows there are.
            most: how many are shown at most.
        """
        if not total:
            return
        head = f"### {title} ({total})\n\n{_row(columns)}{_row(['---'] * len(columns))}"
        if not self._put(head):
            return
        shown = 0
        for cells in rows:
            if shown == most or not self._put(_row(cells)):
                break
            shown += 1
        more = f"\n... and {total - shown} more\n" if shown < total else ""
        # The reserve is for this: a table that is cut must say so.
        self._parts.append(f"{more}\n")

    def text(self) -> str:
        """All of it, with a last line about what had no room."""
        if self._left_out:
            note = f"{self._left_out} parts had no room here; all of it is in the text report.\n"
            return "".join([*self._parts, note])
        return "".join(self._parts)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |\n"
