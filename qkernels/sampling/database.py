"""The file of a ledger: its tables, its connections, and what must be true before it is used.

What lives here: `open_database`, one connection for each file and process, in SQLite's WAL mode,
so that several processes may write. What the tables mean to a run is the business of `ledger`.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from qkernels.sampling.owners import Owners

VERSION = 1
_APPLICATION = int.from_bytes(b"qkrn", "big")
_BUSY_SECONDS = 60.0

STATES = ("planned", "submitting", "submitted", "done", "failed", "cancelled", "unknown")

_SCHEMA = f"""
CREATE TABLE about (name TEXT NOT NULL);
CREATE TABLE owners (owner INTEGER PRIMARY KEY AUTOINCREMENT, started TEXT NOT NULL);
CREATE TABLE feature_maps (digest BLOB PRIMARY KEY, json TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE programs (
    program INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, text TEXT NOT NULL,
    n_bits INTEGER NOT NULL
);
CREATE TABLE points (
    point INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, parameters BLOB NOT NULL
);
CREATE TABLE submissions (
    submission INTEGER PRIMARY KEY AUTOINCREMENT, token TEXT NOT NULL UNIQUE,
    program INTEGER NOT NULL REFERENCES programs, backend TEXT NOT NULL,
    repetitions INTEGER NOT NULL, n_points INTEGER NOT NULL, cost REAL NOT NULL,
    spent INTEGER NOT NULL DEFAULT 1,
    state TEXT NOT NULL CHECK (state IN {STATES}),
    owner INTEGER NOT NULL, reference TEXT, calibration TEXT, message TEXT,
    created TEXT NOT NULL, updated TEXT NOT NULL, software TEXT NOT NULL
);
CREATE TABLE tasks (
    submission INTEGER NOT NULL REFERENCES submissions, position INTEGER NOT NULL,
    point INTEGER NOT NULL REFERENCES points, PRIMARY KEY (submission, position)
) WITHOUT ROWID;
CREATE INDEX tasks_of_point ON tasks (point);
CREATE TABLE counts (
    point INTEGER NOT NULL REFERENCES points, submission INTEGER NOT NULL REFERENCES submissions,
    outcomes BLOB NOT NULL, numbers BLOB NOT NULL, PRIMARY KEY (point, submission)
) WITHOUT ROWID;
"""


class Database:
    """A connection of this process, with the number by which others know it is at work.

    Parameters
    ----------
    path : Path or None
        None is a database in memory.

    Attributes
    ----------
    turn : RLock
        Held by the thread of this process that buys.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._lock = threading.RLock()
        self.turn = threading.RLock()
        self._connection = _connect(path)
        self._owners = None if path is None else Owners(path.with_name(path.name + "-owners"))
        with self.transaction() as run:
            self.name = run("SELECT name FROM about").fetchone()[0]
            self.owner = run("INSERT INTO owners (started) VALUES (datetime('now'))").lastrowid or 0
            if self._owners is not None:
                self._owners.enter(self.owner)
        self._file = None if path is None else _identity(path)

    def is_alive(self, owner: int) -> bool:
        """Tell whether the process with this number is at work."""
        with self._lock:
            return owner == self.owner if self._owners is None else self._owners.is_alive(owner)

    def is_current(self) -> bool:
        """Tell whether the path still leads to the file that was opened."""
        return self.path is None or self._file == _identity(self.path)

    def close(self) -> None:
        """Close the file; others then take this process for one that is gone."""
        self._connection.close()
        if self._owners is not None:
            self._owners.close()

    @contextmanager
    def transaction(self) -> Iterator:
        """Give a function that runs SQL: all of it is written, or nothing.

        Others wait with their writing meanwhile.
        """
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection.execute
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    @contextmanager
    def reading(self) -> Iterator:
        """Give a function that runs SQL on one state of the file; others may write meanwhile."""
        with self._lock:
            self._connection.execute("BEGIN")
            try:
                yield self._connection.execute
            finally:
                self._connection.execute("ROLLBACK")


_databases: dict[Path | str, Database] = {}


def open_database(path: Path | None) -> Database:
    """Return this process's database of a file, or a new one in memory.

    Raises
    ------
    ValueError
        If the file is not a ledger, is damaged, or has the tables of another version.
    FileNotFoundError
        If the folder does not exist.
    """
    if path is None:
        database = Database(None)
        return _databases.setdefault(database.name, database)
    found = _databases.get(path)
    if found is not None and found.is_current():
        return found
    if found is not None:
        found.close()
    if not path.parent.is_dir():
        raise FileNotFoundError(f"expected the folder of the ledger to exist, got {path}")
    _databases[path] = Database(path)
    return _databases[path]


def find_database(name: str) -> Database | None:
    """Return this process's database in memory of this name, if it is one of this process."""
    return _databases.get(name)


def _after_fork() -> None:
    """Forget the connections of the process that was forked: SQLite's must not be shared."""
    _abandoned.extend(_databases.values())
    _databases.clear()


# Closing them would take the other process's locks away.
_abandoned: list[Database] = []
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def _connect(path: Path | None) -> sqlite3.Connection:
    connection = sqlite3.connect(
        ":memory:" if path is None else path,
        timeout=_BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        _prepare(connection, path)
    except sqlite3.DatabaseError as error:
        connection.close()
        if isinstance(error, sqlite3.OperationalError):
            raise OSError(f"cannot open the ledger {path}: {error}") from error
        raise ValueError(f"expected a ledger, got {path}: {error}") from error
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, path: Path | None) -> None:
    """Make the tables of a new file, and check those of an old one."""
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = FULL")
    _use_wal(connection)
    connection.execute("BEGIN IMMEDIATE")
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (n_tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if not n_tables:
        for statement in filter(str.strip, _SCHEMA.split(";\n")):
            connection.execute(statement)
        connection.execute("INSERT INTO about VALUES (?)", (uuid.uuid4().hex,))
        connection.execute(f"PRAGMA application_id = {_APPLICATION}")
        connection.execute(f"PRAGMA user_version = {VERSION}")
    elif application != _APPLICATION:
        raise ValueError(f"expected a ledger, got another program's database {path}")
    elif version != VERSION:
        raise ValueError(f"expected a ledger of version {VERSION}, got version {version} in {path}")
    connection.execute("COMMIT")
    (damage,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if damage != "ok":
        raise ValueError(f"expected a ledger that is whole, got a damaged file {path}: {damage}")


def _use_wal(connection: sqlite3.Connection) -> None:
    """Turn on the write-ahead log; SQLite does not wait for others here."""
    end = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > end:
                raise
            time.sleep(0.05)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino
