"""Kconfig fragments: what is asked for in a series, and whether it came true.

A fragment has lines "CONFIG_X=value" and comments. A line that only some series have says so at
the end of the comment right above it: "[since 5.14]" or "[until 7.2]", both with the series named.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from helpers.errors import UserError
from kernel_matrix.providers.debindex import series_key

_OPTION = re.compile(r"(CONFIG_\w+)=(.+)|# (CONFIG_\w+) is not set")
_LIMIT = re.compile(r"^#.*\[(since|until) (\d+\.\d+)\]$")


def asked(text: str, series: str) -> dict[str, str]:
    """What a fragment asks of a series: option -> value, "n" for one that must not be set.

    Raises:
        UserError: a line is neither an option nor a comment.
    """
    options: dict[str, str] = {}
    above = ""
    for number, line in enumerate(text.splitlines(), 1):
        match = _OPTION.fullmatch(line)
        if match is None and line and not line.startswith("#"):
            raise UserError(f"line {number} of a configuration is not understood: {line!r}")
        if match and _applies(above, series):
            options[match[1] or match[3]] = match[2] or "n"
        above = line
    return options


def _applies(comment: str, series: str) -> bool:
    match = _LIMIT.match(comment)
    if match is None:
        return True
    ours, limit = series_key(series), series_key(match[2])
    return ours >= limit if match[1] == "since" else ours <= limit


def merged(fragments: Sequence[Path], series: str) -> dict[str, str]:
    """What several fragments ask for together; a later one wins.

    Raises:
        UserError: one cannot be read or understood.
    """
    options: dict[str, str] = {}
    for path in fragments:
        try:
            options |= asked(path.read_text(encoding="utf-8"), series)
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"cannot read the configuration {path}: {error}") from error
        except UserError as error:
            raise UserError(f"{path}: {error}") from error
    return options


def text_of(options: dict[str, str]) -> str:
    """The options as a .config has them."""
    return "".join(
        f"# {name} is not set\n" if value == "n" else f"{name}={value}\n"
        for name, value in options.items()
    )


def unfulfilled(options: dict[str, str], config: str) -> list[str]:
    """The lines that were asked for and are not in a .config: what they need is missing there.

    Args:
        options: what was asked for.
        config: the .config after Kconfig has completed it.
    """
    have = {
        match[1] or match[3]: match[2] or "n"
        for match in map(_OPTION.fullmatch, config.splitlines())
        if match
    }
    return [f"{n}={value}" for n, value in options.items() if have.get(n, "n") != value]
