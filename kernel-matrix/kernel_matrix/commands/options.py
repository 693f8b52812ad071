"""What several commands say, take and print alike."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kernel_matrix import completion_words, manifest
from kernel_matrix.manifest import ROOT

if TYPE_CHECKING:
    from kernel_matrix.table import Paint

LATEST = ROOT / "results" / "latest"

group_option = click.option(
    "--group",
    "groups",
    multiple=True,
    metavar="NAME",
    shell_complete=completion_words.groups,
    help="A group of matrix.toml, or all.  [default: default]",
)
matrix_option = click.option(
    "--matrix",
    type=click.Path(path_type=Path),
    default=manifest.MATRIX,
    show_default="kernel-matrix/matrix.toml",
    help="Another file with kernels and groups.",
)
accel_option = click.option(
    "--accel",
    type=click.Choice(["auto", "kvm", "tcg"]),
    default="auto",
    envvar="KERNEL_MATRIX_ACCEL",
    show_default=True,
    help="How QEMU runs the kernel.",
)
channel_option = click.option(
    "--channel",
    type=click.Choice(["auto", "virtio", "serial"]),
    default="auto",
    show_default=True,
    help="How the agent is reached.",
)


def example(text: str) -> str:
    """An epilog that click does not re-flow."""
    return f"\b\nExample:\n{text}"


def paint() -> "Paint":
    """Colours, if the output is a terminal and the user wants them."""
    from kernel_matrix import table

    def colour(text: str, name: str) -> str:
        return click.style(text, fg=name)

    return colour if sys.stdout.isatty() and "NO_COLOR" not in os.environ else table.plain


def give(text: str, out: Path | None) -> None:
    """A text to a file or to standard output."""
    from kernel_matrix.reports import formats

    if out is None:
        click.echo(text.removesuffix("\n"))
    else:
        formats.save(out, text if text.endswith("\n") else f"{text}\n")


def built(selector: str) -> str:
    """The selector of a tree as that of a copy that is built."""
    is_tree = selector.startswith("tree:") and not selector.endswith("+build")
    return f"{selector}+build" if is_tree else selector
