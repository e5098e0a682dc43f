"""Counts as text: to keep them beside a paper, and to bring in what was measured elsewhere.

What lives here: a ledger's counts as JSON and back. What is imported twice is counted once: each
submission carries its token.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from qkernels.sampling.counts import Counts
from qkernels.sampling.database import Database, keep_points, keep_program
from qkernels.sampling.programs import Program, point_keys

FORMAT, VERSION = "qkernels.counts", 1
_FIELDS = ("token", "backend", "repetitions", "calibration", "created", "software")


def export_counts(database: Database) -> str:
    """Return all counts of a ledger as JSON text."""
    with database.reading() as connection:
        programs = connection.execute("SELECT program, key, text, n_bits FROM programs").fetchall()
        submissions = connection.execute(
            f"SELECT submission, program, {', '.join(_FIELDS)} FROM submissions "
            "WHERE state = 'done' ORDER BY submission"
        ).fetchall()
        n_bits = {number: bits for number, _, _, bits in programs}
        written = [
            {
                "program": program,
                **dict(zip(_FIELDS, fields, strict=True)),
                "points": _points(connection, number, n_bits[program]),
            }
            for number, program, *fields in submissions
        ]
    content = {
        "format": FORMAT,
        "version": VERSION,
        "programs": {
            str(number): {"key": key.hex(), "text": text, "n_bits": bits}
            for number, key, text, bits in programs
        },
        "submissions": written,
    }
    return json.dumps(content)


def import_counts(database: Database, text: str) -> int:
    """Add the counts that `export_counts` wrote; return how many submissions were new.

    Raises
    ------
    ValueError
        If the text is not that of such counts; nothing is added then.
    """
    try:
        content = json.loads(text)
        found = (content["format"], content["version"])
    except (TypeError, KeyError, ValueError) as error:
        raise ValueError(f"expected the JSON text of counts, got {text!r:.80}") from error
    if found != (FORMAT, VERSION):
        raise ValueError(f"expected format and version {(FORMAT, VERSION)}, got {found}")
    try:
        programs = content["programs"]
        with database.transaction() as connection:
            return sum(
                _insert(connection, database.owner, programs[str(entry["program"])], entry)
                for entry in content["submissions"]
            )
    except (AttributeError, IndexError, KeyError, TypeError) as error:
        raise ValueError(f"expected what export writes, but reading failed: {error!r}") from error


def as_text(
    program: Program, values: np.ndarray, counts: Sequence[Counts], backend: str, label: str
) -> str:
    """Return counts that were measured elsewhere as `import_counts` takes them.

    The token of each point's is made of what they are, so that they too are counted once.

    Parameters
    ----------
    program : Program
    values : ndarray of shape (n_points, n_symbols)
    counts : sequence of Counts
        Of each point.
    backend : str
        The identity of what measured them.
    label : str
        Tells them from equal counts of another measurement.
    """
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")
    key = program.key.hex()
    submissions = []
    for row, counted in zip(values.tolist(), counts, strict=True):
        point = {"values": row, "counts": _strings(counted)}
        content = json.dumps([key, backend, label, point])
        submissions.append(
            {
                "program": 0,
                "token": hashlib.sha256(content.encode()).hexdigest(),
                "backend": backend,
                "repetitions": counted.repetitions,
                "calibration": None,
                "created": now,
                "software": "imported",
                "points": [point],
            }
        )
    programs = {"0": {"key": key, "text": program.text, "n_bits": program.n_bits}}
    return json.dumps(
        {"format": FORMAT, "version": VERSION, "programs": programs, "submissions": submissions}
    )


def counts_from(strings: Mapping[str, int], n_bits: int) -> Counts:
    """Return counts from a mapping of bitstrings to numbers.

    Raises
    ------
    ValueError
        If it holds anything but outcomes of so many bits, with positive whole numbers.
    """
    bad = [key for key in strings if len(key) != n_bits or set(key) - {"0", "1"}]
    bad += [key for key, number in strings.items() if int(number) != number or number < 1]
    if bad or not strings:
        shown = f"{bad[0]!r}: {strings[bad[0]]!r}" if bad else "none"
        raise ValueError(f"expected numbers of outcomes of {n_bits} zeros and ones, got {shown}")
    return Counts.from_bits(
        np.array([list(map(int, key)) for key in strings]), np.array(list(strings.values()))
    )


def _points(connection: sqlite3.Connection, submission: int, n_bits: int) -> list[dict[str, Any]]:
    rows = connection.execute(
        "SELECT parameters, outcomes, numbers FROM tasks JOIN points USING (point) "
        "JOIN counts USING (point, submission) WHERE submission = ? ORDER BY position",
        (submission,),
    )
    return [
        {
            "values": np.frombuffer(values, "<f8").tolist(),
            "counts": _strings(Counts.from_bytes(outcomes, numbers, n_bits)),
        }
        for values, outcomes, numbers in rows
    ]


def _strings(counts: Counts) -> dict[str, int]:
    return {
        "".join("01"[bit] for bit in outcome.astype(int)): number
        for outcome, number in zip(counts.outcomes, counts.numbers.tolist(), strict=True)
    }


def _insert(
    connection: sqlite3.Connection, owner: int, program: Mapping[str, Any], entry: Mapping[str, Any]
) -> bool:
    """Add one submission; tell whether it is new."""
    known = "SELECT 1 FROM submissions WHERE token = ?"
    if connection.execute(known, (entry["token"],)).fetchone():
        return False
    key, n_bits, backend = bytes.fromhex(program["key"]), program["n_bits"], entry["backend"]
    values = np.array([point["values"] for point in entry["points"]], dtype=np.float64)
    keys = point_keys(key, values, backend)
    keep_points(connection, dict(zip(keys, values, strict=True)))
    number = connection.execute(
        "INSERT INTO submissions (token, program, backend, repetitions, n_points, cost, spent, "
        "state, owner, calibration, created, updated, software, message) "
        "VALUES (?, ?, ?, ?, ?, 0, 0, 'done', ?, ?, ?, ?, ?, 'imported')",
        (
            *(entry["token"], keep_program(connection, key, program["text"], n_bits), backend),
            *(entry["repetitions"], len(keys), owner, entry["calibration"], entry["created"]),
            *(entry["created"], entry["software"]),
        ),
    ).lastrowid
    for position, (point_key, point) in enumerate(zip(keys, entry["points"], strict=True)):
        counts = counts_from(point["counts"], n_bits)
        found = connection.execute("SELECT point FROM points WHERE key = ?", (point_key,))
        (place,) = found.fetchone()
        connection.execute("INSERT INTO tasks VALUES (?, ?, ?)", (number, position, place))
        connection.execute(
            "INSERT INTO counts VALUES (?, ?, ?, ?)", (place, number, *counts.to_bytes())
        )
    return True
