"""What a ledger says about submissions and points, as plain values.

What lives here: `Submission`, `Holdings` and `Summary`. Where they come from is `ledger`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# States in which repetitions were asked for and may still come.
OPEN = ("planned", "submitting", "submitted", "unknown")


@dataclass(frozen=True)
class Submission:
    """One chunk that was, or is to be, sent to a backend.

    Attributes
    ----------
    number : int
        By which people name it.
    token : str
        By which backends know it.
    state : str
        "planned" (nothing was sent), "submitting" (the call is on its way), "submitted" (it has a
        reference), "done" (its counts are here), "failed" (it gave no counts and never will),
        "cancelled" (it was given up) or "unknown" (nobody knows whether it was run).
    n_points, repetitions : int
        How many points, and how often each is measured.
    backend : str
        The identity of the backend.
    reference : str or None
        What the backend returned.
    owner : int
        The process that works on it.
    message : str or None
        What went wrong.
    created : str
        When, UTC.
    """

    number: int
    token: str
    state: str
    n_points: int
    repetitions: int
    backend: str
    reference: str | None
    owner: int
    message: str | None
    created: str

    def __str__(self) -> str:
        of = f"{self.n_points} points × {self.repetitions} repetitions on {self.backend}"
        why = f"; {self.message}" if self.message else ""
        return f"submission {self.number} ({self.state}: {of}, {self.created} UTC{why})"


@dataclass(frozen=True)
class Holdings:
    """What a ledger has of some points.

    Attributes
    ----------
    asked : ndarray of shape (n_points,), int
        Repetitions of each point that are here, or were given up.
    coming : ndarray of shape (n_points,), int
        Repetitions of each point that are in open submissions.
    open : tuple of Submission
        These submissions.
    """

    asked: np.ndarray
    coming: np.ndarray
    open: tuple[Submission, ...]


@dataclass(frozen=True, repr=False)
class Summary:
    """What a ledger holds, in numbers.

    Attributes
    ----------
    programs, points : int
        Distinct circuits, and points with counts.
    submissions : dict of str to int
        How many submissions are in each state.
    repetitions : int
        Repetitions that may have been charged.
    cost : float
        Their price.
    """

    programs: int
    points: int
    submissions: dict[str, int]
    repetitions: int
    cost: float

    def __repr__(self) -> str:
        states = ", ".join(f"{n} {state}" for state, n in self.submissions.items() if n) or "none"
        price = f" for {self.cost:g}" if self.cost else ""
        return (
            f"{self.points} points of {self.programs} circuits\n"
            f"submissions: {states}\n"
            f"repetitions: {self.repetitions}{price}"
        )
