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
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import numpy as np

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
# Of each connection. In `wanted` a question lists the keys of the points that it is about.
_SETTINGS = (
    "PRAGMA foreign_keys = ON",
    "PRAGMA synchronous = FULL",
    "PRAGMA temp_store = MEMORY",
    "CREATE TEMP TABLE wanted (place INTEGER PRIMARY KEY, key BLOB NOT NULL)",
)


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
        self._connection: sqlite3.Connection | None = _connect(path)
        self._owners = None if path is None else Owners(path.with_name(path.name + "-owners"))
        self._file = None if path is None else _identity(path)
        with self.transaction() as database:
            self.name = database.execute("SELECT name FROM about").fetchone()[0]
            self.owner = self._enter(database)

    def _enter(self, database: sqlite3.Connection) -> int:
        """Take a number: a new one, that no process has of another file at this path either."""
        while True:
            new = database.execute("INSERT INTO owners (started) VALUES (datetime('now'))")
            number = new.lastrowid or 0
            if self._owners is None or self._owners.enter(number):
                return number

    def is_alive(self, owner: int) -> bool:
        """Tell whether the process with this number is at work."""
        with self._lock:
            return owner == self.owner if self._owners is None else self._owners.is_alive(owner)

    def is_current(self) -> bool:
        """Tell whether the path still leads to the file that was opened."""
        return self.path is None or self._file == _identity(self.path)

    def close(self) -> None:
        """Close the file; others then take this process for one that is gone."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
            if self._owners is not None:
                self._owners.close()

    def pause(self) -> None:
        """Close a file until it is next used, and let no thread use it before `go_on`."""
        self._lock.acquire()
        if self.path is not None and self._connection is not None:
            self._connection.close()
            self._connection = None

    def go_on(self) -> None:
        """Let threads use the database again."""
        self._lock.release()

    def transaction(self) -> AbstractContextManager[sqlite3.Connection]:
        """Give a connection for statements that are all written, or none of them.

        Others wait with their writing meanwhile.
        """
        return self._begun("BEGIN IMMEDIATE", "COMMIT")

    def reading(self) -> AbstractContextManager[sqlite3.Connection]:
        """Give a connection that reads one state of the file; others may write meanwhile."""
        return self._begun("BEGIN", "ROLLBACK")

    @contextmanager
    def _begun(self, begin: str, end: str) -> Iterator[sqlite3.Connection]:
        with self._lock:
            connection = self._connected()
            try:
                connection.execute(begin)
                yield connection
                connection.execute(end)
            finally:
                _roll_back(connection)

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = _connect(self.path, is_checked=True)
        # An interrupt may have come while the last transaction was rolled back.
        _roll_back(self._connection)
        return self._connection


_databases: dict[Path | str, Database] = {}
_opening = threading.RLock()


def open_database(path: Path | None) -> Database:
    """Return this process's database of a file, or a new one in memory.

    Raises
    ------
    ValueError
        If the file is not a ledger, is damaged, or has the tables of another version.
    FileNotFoundError
        If the folder does not exist.
    """
    with _opening:
        if path is None:
            database = Database(None)
            return _databases.setdefault(database.name, database)
        found = _databases.get(path)
        if found is not None and found.is_current():
            return found
        if not path.parent.is_dir():
            raise FileNotFoundError(f"expected the folder of the ledger to exist, got {path}")
        if found is not None:
            found.close()
            del _databases[path]
        return _databases.setdefault(path, Database(path))


def find_database(path: Path | None, name: str) -> Database:
    """Return this process's database of this name: of a file that exists, or in memory.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    RuntimeError
        If the file is another ledger, or the memory that of another process.
    """
    found: Database | None
    if path is None:
        found = _databases.get(name)
    elif path.exists():
        found = open_database(path)
    else:
        raise FileNotFoundError(f"expected the ledger {path}, got no such file: was it moved?")
    if found is None:
        raise RuntimeError(
            "this ledger is kept in the memory of another process, which alone can use it: "
            "give Ledger a path, and processes share it"
        )
    if found.name != name:
        raise RuntimeError(
            f"expected the ledger that was opened first, got another at {path}: was it replaced? "
            "Open this one with Ledger(path)"
        )
    return found


def _before_fork() -> None:
    """Close all files: SQLite's locks are lost in the process that is forked, without its notice.

    It would write into a log that the last other process throws away.
    """
    _opening.acquire()
    for database in _databases.values():
        database.pause()


def _after_fork() -> None:
    for database in _databases.values():
        database.go_on()
    _opening.release()


def _after_fork_in_child() -> None:
    _databases.clear()
    _opening.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork_in_child
    )


def _connect(path: Path | None, *, is_checked: bool = False) -> sqlite3.Connection:
    """Connect to a file that is a ledger, or becomes one."""
    with _explained(path):
        connection = sqlite3.connect(
            ":memory:" if path is None else path,
            timeout=_BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            for statement in _SETTINGS:
                connection.execute(statement)
            if not is_checked:
                _prepare(connection, path)
        except BaseException:
            connection.close()
            raise
    return connection


@contextmanager
def _explained(path: Path | None) -> Iterator[None]:
    """Say of which file SQLite complains."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise OSError(f"cannot open the ledger {path}: {error}") from error
    except sqlite3.DatabaseError as error:
        raise ValueError(f"expected a ledger, got {path}: {error}") from error


def _prepare(connection: sqlite3.Connection, path: Path | None) -> None:
    """Make the tables of a new file, and check those of an old one."""
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
    # Not before it is known to be ours: this changes the file.
    _use_wal(connection)
    (damage,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if damage != "ok":
        raise ValueError(f"expected a ledger that is whole, got a damaged file {path}: {damage}")


def _roll_back(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:
        connection.execute("ROLLBACK")


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


def keep_program(database: sqlite3.Connection, key: bytes, text: str, n_bits: int) -> int:
    """Return the number of a program, which is written down if it is new."""
    database.execute(
        "INSERT OR IGNORE INTO programs (key, text, n_bits) VALUES (?, ?, ?)", (key, text, n_bits)
    )
    found = database.execute("SELECT program FROM programs WHERE key = ?", (key,))
    return found.fetchone()[0]


def keep_points(database: sqlite3.Connection, points: Mapping[bytes, np.ndarray]) -> None:
    """Write down the values of points, by key, that are new."""
    database.executemany(
        "INSERT OR IGNORE INTO points (key, parameters) VALUES (?, ?)",
        [(key, np.asarray(row + 0.0, dtype="<f8").tobytes()) for key, row in points.items()],
    )
