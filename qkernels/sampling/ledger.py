"""The ledger: what was bought of which points, in which state each submission is, what came back.

What lives here: `Ledger`, every question that a run asks of it and every change of state, each in
one transaction. When what is bought is decided in `execution`; the tables are in `database`, and
the exchange of counts with others in `exchange`.
"""

from __future__ import annotations

import os
import sqlite3
import uuid
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cirq
import numpy as np

from qkernels.sampling.budget import Budget
from qkernels.sampling.counts import Counts
from qkernels.sampling.database import (
    STATES,
    Database,
    find_database,
    keep_points,
    keep_program,
    open_database,
)
from qkernels.sampling.exchange import export_counts, import_counts
from qkernels.sampling.programs import Program
from qkernels.sampling.submissions import OPEN, Holdings, Submission, Summary

_SUBMISSION = (
    "submission, token, state, n_points, submissions.repetitions, backend, reference, owner, "
    "message, created"
)
# The keys that are asked for, and their points; written so that SQLite starts from the keys.
_WANTED = "wanted CROSS JOIN points USING (key)"


class Ledger:
    """A record of every submission and every count, which survives any crash.

    A point is a circuit with values for its symbols on one backend. Whatever has been asked for
    is never bought again, by this process or another; repetitions add up.

    Parameters
    ----------
    path : str or path-like, optional
        An SQLite file; several processes of one machine may use it at the same time. Without it
        the ledger is kept in memory and shared by all copies within this process.

    Raises
    ------
    TypeError
        If `path` is not a path.
    ValueError
        If the file is not a ledger, is damaged, or was written by another version.
    FileNotFoundError
        If its folder does not exist.
    IsADirectoryError
        If it is a folder.

    Examples
    --------
    >>> from qkernels.sampling.ledger import Ledger
    >>> print(Ledger().summary())
    0 points of 0 circuits
    submissions: none
    repetitions: 0
    """

    def __init__(self, path: str | os.PathLike[str] | None = None) -> None:
        self.path = None if path is None else _file(path)
        self._name = open_database(self.path).name

    @property
    def _database(self) -> Database:
        return find_database(self.path, self._name)

    @property
    def name(self) -> str:
        """A text that no other ledger has."""
        return self._name

    @property
    def turn(self) -> AbstractContextManager:
        """A lock by which threads of this process take turns with buying."""
        return self._database.turn

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ledger) and self._name == other._name

    def __hash__(self) -> int:
        return hash(self._name)

    def __copy__(self) -> Ledger:
        return self

    def __deepcopy__(self, memo: dict) -> Ledger:
        return self

    def __reduce__(self) -> tuple:
        return _restored, (self.path, self._name)

    def __repr__(self) -> str:
        return f"Ledger({str(self.path)!r})" if self.path else "Ledger()"

    # -- Questions

    def summary(self) -> Summary:
        """Return what the ledger holds, in numbers; it prints as a few lines."""
        with self._database.reading() as database:
            (programs,) = database.execute("SELECT count(*) FROM programs").fetchone()
            (points,) = database.execute("SELECT count(DISTINCT point) FROM counts").fetchone()
            states = dict(
                database.execute(
                    "SELECT state, count(*) FROM submissions GROUP BY state"
                ).fetchall()
            )
            repetitions, cost = _spent(database)
        return Summary(programs, points, {s: states.get(s, 0) for s in STATES}, repetitions, cost)

    def submissions(self, *states: str) -> list[Submission]:
        """Return the submissions, of some states only if any are given, the oldest first."""
        wanted = states or STATES
        with self._database.reading() as database:
            rows = database.execute(
                f"SELECT {_SUBMISSION} FROM submissions WHERE state IN ({_marks(wanted)}) "
                "ORDER BY submission",
                wanted,
            ).fetchall()
        return [Submission(*row) for row in rows]

    def submission(self, number: int) -> Submission:
        """Return one submission.

        Raises
        ------
        LookupError
            If there is none of this number.
        """
        with self._database.reading() as database:
            row = database.execute(
                f"SELECT {_SUBMISSION} FROM submissions WHERE submission = ?", (number,)
            ).fetchone()
        if row is None:
            raise LookupError(f"expected the number of a submission of {self!r}, got {number!r}")
        return Submission(*row)

    def spent(self) -> tuple[int, float]:
        """Return the repetitions that may have been charged, and their price."""
        with self._database.reading() as database:
            return _spent(database)

    def backends(self, program: Program) -> list[str]:
        """Return the identities of the backends that have counts of a program."""
        with self._database.reading() as database:
            rows = database.execute(
                "SELECT DISTINCT backend FROM submissions JOIN programs USING (program) "
                "WHERE key = ? AND state = 'done' ORDER BY backend",
                (program.key,),
            ).fetchall()
        return [backend for (backend,) in rows]

    def holdings(self, keys: Sequence[bytes]) -> Holdings:
        """Return what the ledger has, and what is on its way, of some points."""
        with self._database.reading() as database:
            return _holdings(database, keys)

    def parts(self, keys: Sequence[bytes], n_bits: int) -> list[list[Counts]]:
        """Return what was counted at each point by each submission, the oldest first.

        Raises
        ------
        ValueError
            If what is stored cannot be read.
        """
        parts: list[list[Counts]] = [[] for _ in keys]
        with self._database.reading() as database:
            _select(database, keys)
            rows = database.execute(
                f"SELECT place, outcomes, numbers FROM {_WANTED} "
                "CROSS JOIN counts USING (point) ORDER BY place, submission"
            )
            for position, outcomes, numbers in rows:
                parts[position].append(Counts.from_bytes(outcomes, numbers, n_bits))
        return parts

    def calibrations(self, keys: Sequence[bytes]) -> dict[str, int]:
        """Return how many of the points were measured in each calibration of the device."""
        with self._database.reading() as database:
            _select(database, keys)
            rows = database.execute(
                f"SELECT calibration, count(DISTINCT point) FROM {_WANTED} "
                "CROSS JOIN counts USING (point) CROSS JOIN submissions USING (submission) "
                "WHERE calibration IS NOT NULL GROUP BY calibration"
            ).fetchall()
        return dict(rows)

    def provenance(self, keys: Sequence[bytes]) -> list[dict[str, Any]]:
        """Return backend, calibration, times and software of the submissions of some points."""
        names = ("submission", "backend", "calibration", "created", "updated", "software")
        with self._database.reading() as database:
            _select(database, keys)
            rows = database.execute(
                f"SELECT DISTINCT {', '.join(names)} FROM {_WANTED} CROSS JOIN counts "
                "USING (point) CROSS JOIN submissions USING (submission) ORDER BY submission"
            ).fetchall()
        return [dict(zip(names, row, strict=True)) for row in rows]

    def is_alive(self, submission: Submission) -> bool:
        """Tell whether the process that works on a submission still runs."""
        return self._database.is_alive(submission.owner)

    def is_mine(self, submission: Submission) -> bool:
        """Tell whether this process works on a submission."""
        return self._database.owner == submission.owner

    def points_of(self, submission: Submission) -> tuple[list[bytes], np.ndarray]:
        """Return keys and values, (n_points, n_symbols), of a submission's points, in order."""
        with self._database.reading() as database:
            rows = database.execute(
                "SELECT key, parameters FROM tasks JOIN points USING (point) "
                "WHERE submission = ? ORDER BY position",
                (submission.number,),
            ).fetchall()
        keys = [key for key, _ in rows]
        return keys, np.array([np.frombuffer(values, "<f8") for _, values in rows])

    def program_key(self, submission: Submission) -> bytes:
        """Return the key of a submission's program."""
        with self._database.reading() as database:
            (key,) = database.execute(
                "SELECT key FROM programs JOIN submissions USING (program) WHERE submission = ?",
                (submission.number,),
            ).fetchone()
        return key

    # -- Changes

    def plan(
        self,
        program: Program,
        backend: str,
        keys: Sequence[bytes],
        values: np.ndarray,
        *,
        wanted: int | np.ndarray,
        repetitions: int,
        cost: float = 0.0,
        budget: Budget | None = None,
    ) -> Submission | None:
        """Take on the points that still lack so many repetitions; None if there are none.

        Two processes that ask for the same point at the same time do not both get it.

        Parameters
        ----------
        program : Program
        backend : str
            Identity of the backend.
        keys, values
            The points: their keys, and an ndarray of shape (n_points, n_symbols).
        wanted : int or ndarray of shape (n_points,)
            Repetitions that each point is to have.
        repetitions : int
            Repetitions to send; points that lack another number are left out.
        cost : float, default=0.0
            Price of a point.
        budget : Budget, optional
            What the ledger may have spent after this.

        Raises
        ------
        BudgetExceeded
            If it would be more.
        """
        owner = self._database.owner
        with self._database.transaction() as database:
            held = _holdings(database, keys)
            lacking = np.flatnonzero(wanted - held.asked - held.coming == repetitions).tolist()
            # A point that is given twice is taken once.
            chosen = {keys[row]: values[row] for row in lacking}
            if not chosen:
                return None
            price = (len(chosen) * repetitions, len(chosen) * cost)
            if budget is not None:
                budget.check(_spent(database), price)
            token = uuid.uuid4().hex
            kept = keep_program(database, program.key, program.text, program.n_bits)
            number = database.execute(
                "INSERT INTO submissions (token, program, backend, repetitions, n_points, cost, "
                "state, owner, created, updated, software) "
                "VALUES (?, ?, ?, ?, ?, ?, 'planned', ?, ?, ?, ?)",
                (
                    *(token, kept, backend, repetitions, len(chosen), price[1]),
                    *(owner, _now(), _now(), f"cirq {cirq.__version__}"),
                ),
            ).lastrowid
            keep_points(database, chosen)
            _select(database, list(chosen))
            database.execute(f"INSERT INTO tasks SELECT ?, place, point FROM {_WANTED}", (number,))
        return self.submission(number or 0)

    def change(
        self,
        submission: Submission,
        state: str,
        *,
        reference: str | None = None,
        message: str | None = None,
        calibration: str | None = None,
        spent: bool = True,
        own: bool = False,
    ) -> bool:
        """Go on to another state, unless another process has done so; tell whether it was done.

        Parameters
        ----------
        submission : Submission
            As it was last seen: state and owner must still be the same.
        state : str
        reference, message, calibration : str, optional
            Kept as they are if left out.
        spent : bool, default=True
            Whether it may have been charged.
        own : bool, default=False
            Whether this process takes it over.
        """
        owner = self._database.owner if own else submission.owner
        with self._database.transaction() as database:
            changed = database.execute(
                "UPDATE submissions SET state = ?, reference = coalesce(?, reference), "
                "message = coalesce(?, message), calibration = coalesce(?, calibration), "
                "spent = ?, owner = ?, updated = ? WHERE token = ? AND state = ? AND owner = ?",
                (
                    *(state, reference, message, calibration, int(spent), owner, _now()),
                    *(submission.token, submission.state, submission.owner),
                ),
            )
            return changed.rowcount == 1

    def finish(self, submission: Submission, counts: Iterable[Counts]) -> None:
        """Keep the counts of all points of a submission, in order, unless they are here already."""
        with self._database.transaction() as database:
            done = database.execute(
                "UPDATE submissions SET state = 'done', spent = 1, updated = ? "
                "WHERE token = ? AND state != 'done'",
                (_now(), submission.token),
            )
            if not done.rowcount:
                return
            tasks = database.execute(
                "SELECT point, submission FROM tasks WHERE submission = ? ORDER BY position",
                (submission.number,),
            ).fetchall()
            database.executemany(
                "INSERT INTO counts VALUES (?, ?, ?, ?)",
                [(*task, *found.to_bytes()) for task, found in zip(tasks, counts, strict=True)],
            )

    # -- Exchange

    def export(self) -> str:
        """Return all counts as JSON text, with their circuits, values and provenance."""
        return export_counts(self._database)

    def import_counts(self, text: str) -> int:
        """Add counts that `export` wrote, of this ledger or another.

        Counts that are here already are left out, so that importing twice does no harm. Counts
        that were measured elsewhere come in through `Plan.import_counts`.

        Parameters
        ----------
        text : str

        Returns
        -------
        int
            How many submissions were new.

        Raises
        ------
        ValueError
            If the text is not that of counts; nothing is added then.
        """
        return import_counts(self._database, text)

    def keep_map(self, digest: bytes, text: str) -> None:
        """Keep the JSON of a feature map, by which prepared points find it again."""
        with self._database.transaction() as database:
            database.execute("INSERT OR IGNORE INTO feature_maps VALUES (?, ?)", (digest, text))

    def find_map(self, digest: bytes) -> str | None:
        """Return the JSON of a feature map, None if the ledger has not seen it."""
        with self._database.reading() as database:
            found = database.execute("SELECT json FROM feature_maps WHERE digest = ?", (digest,))
            row = found.fetchone()
        return row[0] if row else None


def _file(path: str | os.PathLike[str]) -> Path:
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"path: expected None or the path of a file, got {path!r}")
    found = Path(path).resolve()
    if found.is_dir():
        raise IsADirectoryError(f"path: expected the path of a file, got {path!r}, a folder")
    return found


def _restored(path: Path | None, name: str) -> Ledger:
    ledger = object.__new__(Ledger)
    ledger.path, ledger._name = path, name
    return ledger


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")


def _marks(values: Sequence[Any]) -> str:
    return ", ".join("?" * len(values))


def _spent(database: sqlite3.Connection) -> tuple[int, float]:
    return database.execute(
        "SELECT coalesce(sum(n_points * repetitions), 0), coalesce(sum(cost), 0.0) "
        "FROM submissions WHERE spent"
    ).fetchone()


def _select(database: sqlite3.Connection, keys: Sequence[bytes]) -> None:
    """Fill a table of this connection with the keys that are asked for."""
    database.execute("DELETE FROM wanted")
    database.executemany("INSERT INTO wanted VALUES (?, ?)", enumerate(keys))


def _holdings(database: sqlite3.Connection, keys: Sequence[bytes]) -> Holdings:
    _select(database, keys)
    held = np.zeros((2, len(keys)), dtype=np.int64)
    found = database.execute(
        "SELECT state NOT IN ('done', 'cancelled'), place, repetitions "
        f"FROM {_WANTED} CROSS JOIN tasks USING (point) CROSS JOIN submissions USING (submission) "
        "WHERE state != 'failed'"
    ).fetchall()
    is_open, places, repetitions = np.array(found, dtype=np.int64).reshape(-1, 3).T
    np.add.at(held, (is_open, places), repetitions)
    submissions = database.execute(
        f"SELECT DISTINCT {_SUBMISSION} FROM {_WANTED} "
        "CROSS JOIN tasks USING (point) CROSS JOIN submissions USING (submission) "
        f"WHERE state IN ({_marks(OPEN)}) ORDER BY submission",
        OPEN,
    ).fetchall()
    return Holdings(held[0], held[1], tuple(Submission(*row) for row in submissions))
