"""What was measured: records of one package on one work, and the numbers drawn from them.

Plain data and pure functions; nothing here starts a process or prints.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from statistics import median

import numpy as np

from .works import Work

TIMED = "timed"
NOT_INSTALLED = "not installed"
FAILED = "failed"
DISAGREES = "disagrees"
TOO_SLOW = "over the time limit"


@dataclass
class Record:
    """One package on one work.

    Parameters
    ----------
    peer : str
        The package's key.
    status : str
        `TIMED`, or why there are no times.
    error : str
        Details of the status.
    preparing, first : float
        Seconds of imports and constructions, and of the first call of this size with the
        compilation that it brings; never in `seconds` unless `warmed` is false.
    seconds : list of float
        One time for each round it took part in, from the first round on.
    deviation : float
        The largest difference from the reference on some rows and columns.
    n_points : int
        The points it was given: fewer than the work's if it computes pair by pair.
    warmed : bool
        False if the only time is the first call of this size, because it took too long for two.
    """

    peer: str
    status: str = TIMED
    error: str = ""
    preparing: float = float("nan")
    first: float = float("nan")
    seconds: list[float] = field(default_factory=list)
    deviation: float = float("nan")
    n_points: int = 0
    warmed: bool = True


@dataclass
class Outcome:
    """All packages on one work, in the order in which they took turns.

    `busy` is the number of processors that other programs kept busy meanwhile, if it is known.
    """

    work: Work
    records: list[Record]
    busy: float = float("nan")

    def of(self, peer: str) -> Record | None:
        """Return the record of one package if it has times."""
        timed = (r for r in self.records if r.peer == peer and r.status == TIMED)
        return next(timed, None)


@dataclass(frozen=True)
class Spread:
    """A median with the least and the greatest value."""

    median: float
    least: float
    greatest: float


def spread(values: list[float]) -> Spread:
    """Return the median and the range of some numbers."""
    return Spread(median(values), min(values), max(values))


def ratios(ours: list[float], theirs: list[float]) -> Spread:
    """Return how many times longer another package takes.

    Parameters
    ----------
    ours, theirs : list of float
        Times by round. With several of theirs, each is divided by ours of the same round, so
        that what disturbs the machine for a while disturbs both; a single one is divided by
        each of ours.
    """
    if len(theirs) == 1:
        return spread([theirs[0] / time for time in ours])
    return spread([their / our for our, their in zip(ours, theirs, strict=False)])


def extrapolated(record: Record, work: Work) -> list[float]:
    """Return the times of a package that took fewer points, extrapolated to those of a work.

    The time is taken to be proportional to the number of points for a loss, of pairs elsewhere.
    """
    factor = work.n_points / record.n_points
    if work.task != "loss":
        factor *= (work.n_points - 1) / (record.n_points - 1)
    return [time * factor for time in record.seconds]


def deviation(block: np.ndarray, truth: np.ndarray) -> float:
    """Return the largest difference of two matrices; infinity if a number is missing."""
    if block.shape != truth.shape or not np.isfinite(block).all():
        return float("inf")
    return float(np.abs(block - truth).max())


def rates(outcome: Outcome, peer: str, product: str, order: int) -> Spread | None:
    """Return the rate of a Gram matrix from states in fractions of the matrix product's.

    Parameters
    ----------
    outcome : Outcome
        Of a work from states to Gram matrix: 4·N²·2ⁿ real operations by definition, whatever
        the package saves.
    peer, product : str
        Keys of the package and of the plain matrix product.
    order : int
        The order of the matrices in that product: 2·order³ operations.

    Returns
    -------
    Spread or None
        None if one of the two has no times.
    """
    record, plain = outcome.of(peer), outcome.of(product)
    if record is None or plain is None:
        return None
    operations = 4 * outcome.work.n_points**2 * 2**outcome.work.n_qubits
    relative = ratios(record.seconds, plain.seconds)
    factor = operations / (2 * order**3)
    return Spread(*(factor * value for value in vars(relative).values()))


def best(outcome: Outcome, peers: Collection[str]) -> Record | None:
    """Return the record of a whole work with the least median time among some packages."""
    others = [
        record
        for record in outcome.records
        if record.status == TIMED
        and record.peer in peers
        and record.n_points == outcome.work.n_points
    ]
    return min(others, key=lambda record: median(record.seconds), default=None)
