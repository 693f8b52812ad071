"""Where the parts of a run are, and what their merger is written to."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from helpers.errors import UserError
from kernel_matrix import about, cells, journal, manifest, merge, run_file
from kernel_matrix.journal import Journal
from kernel_matrix.merge import Joined, Piece

_DEEP = 3
"""So many levels below a directory runs are looked for: artifacts are unpacked in folders."""


def find_runs(places: Sequence[Path]) -> list[Path]:
    """The directories of runs in or below some directories, each once.

    Raises:
        UserError: in one of them there is none.
    """
    found: dict[Path, Path] = {}
    for place in places:
        levels = [f"{'*/' * depth}{run_file.NAME}" for depth in range(_DEEP + 1)]
        here = [path.parent for level in levels for path in sorted(place.glob(level))]
        if not here:
            raise UserError(f"{place}: no run in it; a run is a directory with {run_file.NAME}")
        for path in here:
            found.setdefault(path.resolve(), path)
    return list(found.values())


def pieces_of(run: Path) -> list[Piece]:
    """The cells of a run.

    Raises:
        UserError: it cannot be read.
    """
    data = run_file.read(run)
    found = []
    for cell in data["cells"]:
        read, entries = _read(run / str(cell["directory"]) / journal.NAME)
        cell = {"problem": "", "blame": 0, "seconds": None, **cell}
        if not cell.get("over", True):
            cell["problem"], cell["blame"] = cells.judge(read, None, "", "")
        found.append(Piece(str(run), cell, read, entries))
    return found


def _read(path: Path) -> tuple[Journal, tuple[dict[str, Any], ...]]:
    read, entries = Journal(), []
    try:
        with path.open(errors="replace") as file:
            for line in file:
                entry = read.feed(line) if line.endswith("\n") else None
                if entry is not None:
                    entries.append(entry)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error
    return read, tuple(entries)


def in_order(found: Sequence[Joined]) -> list[Joined]:
    """The kernels as the matrix has them, others after them."""
    known = list(manifest.load().kernels)
    places = {ident: place for place, ident in enumerate(known)}
    return sorted(found, key=lambda joined: places.get(joined.kernel, len(known)))


def write(directory: Path, found: Sequence[Joined], first: Path) -> None:
    """A run's directory: journals, and beside each of them what the machines left.

    Args:
        directory: an empty one.
        found: the kernels.
        first: one of the runs; all were given the same words for pytest.

    Raises:
        UserError: it cannot be written.
    """
    names = cells.directories([joined.kernel for joined in found])
    try:
        for joined, name in zip(found, names, strict=True):
            _write_cell(directory / name, joined)
        rows = [_row(joined, name) for joined, name in zip(found, names, strict=True)]
        run = run_file.read(first)
        words = run.get("words", [])
        words = words[:-2] if run.get("shard") else words
        run_file.write(directory, {"words": words, "shard": "", "cells": rows})
    except OSError as error:
        raise UserError(f"{directory}: cannot be written: {error.strerror or error}") from error


def _write_cell(directory: Path, joined: Joined) -> None:
    directory.mkdir(parents=True)
    for number, piece in enumerate(joined.pieces, 1):
        source = Path(piece.source) / str(piece.cell["directory"])
        if source.is_dir():
            shutil.copytree(source, directory / "parts" / str(number))
        for name in ("kernel.json", about.CONFIG):
            if (source / name).is_file():
                shutil.copyfile(source / name, directory / name)
    if joined.entries:
        text = merge.lines(joined.entries)
        (directory / journal.NAME).write_text(text, encoding="utf-8", errors="surrogateescape")


def _row(joined: Joined, name: str) -> dict[str, Any]:
    first = joined.pieces[0].cell if joined.pieces else {"selector": joined.kernel}
    return {
        "id": joined.kernel,
        "selector": first["selector"],
        "directory": name,
        "kernel": first.get("kernel") or {},
        "over": True,
        "seconds": joined.seconds,
        "problem": joined.problem,
        "blame": int(joined.blame),
        "merged": [
            {"run": piece.source, "shard": _shard(piece), "suite": piece.journal.run.get("suite")}
            for piece in joined.pieces
        ],
    }


def _shard(piece: Piece) -> str:
    shard = piece.journal.shard
    return f"{shard[0]}/{shard[1]}" if shard else ""


def load_plan(path: Path) -> dict[str, Any]:
    """A plan as an object.

    Raises:
        UserError: it cannot be read.
    """
    try:
        data = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read: {error}") from error
    return data if isinstance(data, dict) else {}
