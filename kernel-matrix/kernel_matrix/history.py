"""The history: an SQLite file of the user's that keeps what every kernel did in every run.

Kernels mostly do what they did the last time. So what all cases of a kernel came to is one set of
answers, kept once however often it is seen; a run adds a row for each kernel and its durations.
"""

import fcntl
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from helpers.errors import UserError
from kernel_matrix import history_rows
from kernel_matrix.reports.results import Results

OFF = "off"
"""As the value of KERNEL_MATRIX_HISTORY: nothing is kept."""

APPLICATION = 0x6B6D6178
VERSION = 1

SCHEMA = """
CREATE TABLE kernel(       -- one build of a kernel
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,    -- as in reports: "debian:6.12"
    version TEXT NOT NULL, -- of the package, or the commit of a tree
    release TEXT NOT NULL,
    sha256 TEXT NOT NULL,  -- of the image
    config TEXT NOT NULL,  -- a hash of its .config, "" if that is not known
    arch TEXT NOT NULL,
    origin TEXT NOT NULL,
    UNIQUE(name, version, release, sha256, config));
CREATE TABLE run(          -- one kernel in one run
    id INTEGER PRIMARY KEY,
    kernel INTEGER NOT NULL REFERENCES kernel,
    started REAL NOT NULL, -- seconds since the epoch
    suite TEXT NOT NULL,   -- the version of the suites
    machine TEXT NOT NULL, -- "qemu tcg, virtio"
    seconds REAL NOT NULL,
    boot REAL,             -- seconds until the first machine was up
    problem TEXT NOT NULL, -- why there is less than there should be
    good INTEGER NOT NULL, -- nothing that somebody should look at
    cases INTEGER NOT NULL,
    answers INTEGER NOT NULL REFERENCES answers,
    durations BLOB NOT NULL, -- tenths of milliseconds by case, see history_rows
    UNIQUE(kernel, started));
CREATE TABLE answers(      -- what all cases of a run came to
    id INTEGER PRIMARY KEY,
    digest BLOB NOT NULL UNIQUE);
CREATE TABLE answer(
    answers INTEGER NOT NULL REFERENCES answers,
    which INTEGER NOT NULL REFERENCES cases,
    outcome INTEGER NOT NULL REFERENCES outcome,
    PRIMARY KEY(answers, which)) WITHOUT ROWID;
CREATE TABLE cases(
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE);
CREATE TABLE outcome(      -- a verdict with everything that belongs to it
    id INTEGER PRIMARY KEY,
    verdict TEXT NOT NULL,
    details TEXT NOT NULL, -- JSON, as it was first seen
    digest BLOB NOT NULL UNIQUE);
"""

_BUSY_SECONDS = 30.0
_WAIT_SECONDS = 0.5
# What a file that is no database of ours, or is one no more, answers.
_NO_DATABASE = (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT)

Say = Callable[[str], None]


class NoneYet(UserError):
    """No run was ever entered."""


class Unusable(Exception):
    """The file is there and is no history that this program can use; the text says what it is."""


def location() -> Path | None:
    """Where the history is; None if the user wants none.

    $KERNEL_MATRIX_HISTORY, else kernel-matrix/history.sqlite under $XDG_DATA_HOME, else under
    ~/.local/share.

    Raises:
        UserError: the user has no home.
    """
    explicit = os.environ.get("KERNEL_MATRIX_HISTORY")
    if explicit:
        return None if explicit == OFF else Path(explicit)
    try:
        base = os.environ.get("XDG_DATA_HOME") or Path("~/.local/share").expanduser()
    except RuntimeError as error:
        raise UserError("no home directory; set KERNEL_MATRIX_HISTORY to a file") from error
    return Path(base) / "kernel-matrix" / "history.sqlite"


def kept_in() -> Path:
    """Where the history is, for what can do nothing without one.

    Raises:
        UserError: none is kept.
    """
    path = location()
    if path is None:
        raise UserError(f"no history is kept: KERNEL_MATRIX_HISTORY is {OFF}")
    return path


def keep(found: Results, say: Say) -> bool:
    """Enter a run into the history, if there is one; whatever goes wrong is one line.

    A run that is in it already changes nothing; one of which more is known now takes the place of
    what there was.

    Args:
        found: a run, judged by the expectations.
        say: gets the line.

    Returns:
        whether it is in the history now.
    """
    path: Path | None = None
    try:
        path = location()
        if path is None:
            return False
        path.parent.mkdir(parents=True, exist_ok=True)
        _enter(path, found, say)
    except (OSError, sqlite3.Error, UserError, Unusable) as error:
        say(f"this run is not in the history, {path or 'a file'}: {_reason(error)}")
        return False
    return True


def _enter(path: Path, found: Results, say: Say) -> None:
    try:
        with _transaction(path) as database:
            history_rows.enter(database, found)
        return
    except (Unusable, sqlite3.DatabaseError) as error:
        if not _is_none(error):
            raise
    _set_aside(path, say)
    with _transaction(path) as database:
        history_rows.enter(database, found)


@contextmanager
def reading() -> Iterator[sqlite3.Connection]:
    """The history, to ask it; nothing is changed.

    Raises:
        NoneYet: nothing is in it.
        UserError: none is kept, or it cannot be read.
    """
    path = kept_in()
    if not path.exists():
        raise NoneYet(f"no history yet: the first run makes {path}")
    try:
        # Not read-only: what a writer that was killed has left half done must be undone first.
        with closing(_connect(path, "rw")) as database:
            database.execute("PRAGMA query_only = 1")
            if _is_new(database):
                raise NoneYet(f"no history yet: nothing is in {path}")
            yield database
    except (Unusable, sqlite3.Error) as error:
        raise UserError(f"the history {path} cannot be read: {_reason(error)}") from error


@contextmanager
def _transaction(path: Path) -> Iterator[sqlite3.Connection]:
    """All of what is done in the block, or nothing of it.

    Raises:
        Unusable: the file is something else.
        sqlite3.Error: it cannot be written.
    """
    with closing(_connect(path, "rwc")) as database:
        _begin(database)
        try:
            if _is_new(database):
                for statement in SCHEMA.split(";"):
                    database.execute(statement)
                database.execute(f"PRAGMA application_id = {APPLICATION}")
                database.execute(f"PRAGMA user_version = {VERSION}")
            yield database
            database.execute("COMMIT")
        except BaseException:
            if database.in_transaction:
                database.execute("ROLLBACK")
            raise


def _begin(database: sqlite3.Connection) -> None:
    """Wait for the others. SQLite itself would wait for them where no interrupt is heard."""
    give_up = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            database.execute("BEGIN IMMEDIATE")
            return
        except sqlite3.OperationalError as error:
            if _code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > give_up:
                raise


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    uri = f"{path.absolute().as_uri()}?mode={mode}"
    return sqlite3.connect(uri, uri=True, timeout=_WAIT_SECONDS, isolation_level=None)


def _is_new(database: sqlite3.Connection) -> bool:
    """Whether nothing is in it yet.

    Raises:
        Unusable: what is in it is not ours.
    """
    (application,) = database.execute("PRAGMA application_id").fetchone()
    (version,) = database.execute("PRAGMA user_version").fetchone()
    (tables,) = database.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if application == APPLICATION:
        if version != VERSION:
            raise Unusable(f"of version {version}, this program writes {VERSION}")
        return False
    if application or tables:
        raise Unusable("the database of another program")
    return True


def _set_aside(path: Path, say: Say) -> None:
    """Rename a file that is no history; of several who find it only one does."""
    with path.with_name(f".{path.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        reason = _what_is_wrong(path) if path.exists() else ""
        if not reason:
            return
        stamp = time.strftime("%Y%m%d-%H%M%S")
        aside = path.with_name(f"{path.name}.{stamp}")
        number = 1
        while aside.exists():
            number += 1
            aside = path.with_name(f"{path.name}.{stamp}-{number}")
        # A journal belongs to its database by name: beside a new one it would destroy that.
        for suffix in ("-journal", "-wal", "-shm"):
            beside = path.with_name(path.name + suffix)
            if beside.exists():
                beside.rename(aside.with_name(aside.name + suffix))
        path.rename(aside)
        say(f"{path} is {reason}: it is {aside.name} now, and a new history begins")


def _what_is_wrong(path: Path) -> str:
    """Why it is no history, "" if it is one, or if nobody can tell now."""
    try:
        with closing(_connect(path, "rw")) as database:
            _is_new(database)
            (answer,) = database.execute("PRAGMA quick_check(1)").fetchone()
    except (Unusable, sqlite3.DatabaseError) as error:
        return _reason(error) if _is_none(error) else ""
    return "" if answer == "ok" else "damaged"


def _is_none(error: Unusable | sqlite3.Error) -> bool:
    """Whether the file is no history; it may also be one that cannot be used at the moment."""
    return isinstance(error, Unusable) or _code(error) in _NO_DATABASE


def _code(error: sqlite3.Error) -> int:
    """SQLite's primary error code; 0 if the error is not SQLite's."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):
        return error.strerror or str(error)
    if isinstance(error, sqlite3.Error):
        return _TOLD.get(_code(error), str(error))
    return str(error)


_TOLD = {
    sqlite3.SQLITE_BUSY: f"another process has kept it locked for {_BUSY_SECONDS:.0f} s",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened",
    sqlite3.SQLITE_CORRUPT: "damaged",
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_NOTADB: "not an SQLite database",
    sqlite3.SQLITE_READONLY: "cannot be written",
}
