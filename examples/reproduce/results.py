"""What it means to reproduce a number: bands, standard errors, and what an experiment returns.

A number is reproduced if ours lies within 2 √(SE² of the published one + SE² of ours) of the
published one, give or take half a unit of its last digit. A claim without a number is reproduced if
a rule holds that was written down before anything was computed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes


@dataclass(frozen=True)
class Result:
    """A published number and ours, each with its standard error.

    `rounding` is half a unit of the last published digit, and 0 where the number is exact.
    `comment` says what is special, and `why` what we think is the reason if ours is outside. A
    second attempt at a number that is there already is not `counted`.
    """

    name: str
    published: float
    published_error: float
    ours: float
    our_error: float
    rounding: float = 0.0
    comment: str = ""
    why: str = ""
    counted: bool = True

    @property
    def band(self) -> tuple[float, float]:
        """The numbers that reproduce the published one."""
        width = 2 * math.hypot(self.published_error, self.our_error) + self.rounding
        return self.published - width, self.published + width

    @property
    def inside(self) -> bool:
        """Whether ours is one of them, up to rounding errors of the machine."""
        low, high = self.band
        return low - 1e-12 <= self.ours <= high + 1e-12


@dataclass(frozen=True)
class Claim:
    """A published statement without a number, our numbers, and whether its rule holds."""

    name: str
    published: str
    ours: str
    inside: bool
    comment: str = ""
    why: str = ""


@dataclass(frozen=True)
class Outcome:
    """What an experiment found, and how to draw it."""

    results: list[Result | Claim]
    draw: Callable[[Axes], None] | None = None


def binomial_error(accuracy: float, n_points: int) -> float:
    """Return the standard error of an accuracy, half a point added to each side: never 0."""
    share = (accuracy * n_points + 0.5) / (n_points + 1)
    return math.sqrt(share * (1 - share) / n_points)


def paired_error(n_apart: float, n_points: int) -> float:
    """Return the standard error of a difference in accuracy on the same points.

    Of accuracies that are k points apart, k points at least were classified otherwise; these count
    as so many tosses of a coin.
    """
    return math.sqrt(max(n_apart, 1.0)) / n_points


def mean_and_error(values: Sequence[float]) -> tuple[float, float]:
    """Return the mean of repetitions and its standard error."""
    return float(np.mean(values)), float(np.std(values, ddof=1) / math.sqrt(len(values)))
