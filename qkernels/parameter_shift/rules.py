"""Parameter-shift rules: the derivative of a trigonometric polynomial from a few of its values.

What lives here: frequencies of a gate, and shifts and weights for them. Nothing is known of
circuits.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

import numpy as np

# Frequencies that are nearer to each other are one.
_APART = 1e-9
# Of shifts, so many sets are tried; their linear systems are to have at most this condition.
_TRIED, _REGULAR = 2000, 1e9
# Weights whose sums differ by this share are as good as each other.
_AS_GOOD = 1e-6


class ShiftRule(NamedTuple):
    """f'(t) = Σ_m weights[m] f(t + shifts[m]).

    Attributes
    ----------
    shifts, weights : ndarray of shape (n_shifts,)
    """

    shifts: np.ndarray
    weights: np.ndarray


def frequencies_of(levels: Iterable[float]) -> tuple[float, ...]:
    """Return the distinct positive differences of some numbers, in order.

    A value measured after a gate whose eigenvalues are exp(iπ t level) is a trigonometric
    polynomial in t with these frequencies, times π.

    Examples
    --------
    >>> frequencies_of([0, 0.5, -0.5])
    (0.5, 1.0)
    """
    values = np.array(list(levels), dtype=float)
    gaps = np.sort(np.abs(np.subtract.outer(values, values)), axis=None)
    return tuple(gaps[np.diff(gaps, prepend=0) > _APART].tolist())


@lru_cache(maxsize=256)
def shift_rule(frequencies: tuple[float, ...]) -> ShiftRule:
    """Return the rule of fewest shifts for the derivative: two for each frequency.

    It holds for every f(t) = c + Σ_r a_r cos(π ω_r t) + b_r sin(π ω_r t), where
    (f(x) - f(-x))/2 = Σ_r b_r sin(π ω_r x) and f'(0) = Σ_r b_r π ω_r. Shifts are odd multiples
    ±s, ±3s, ... of an s with small Σ |weights|, which bounds the error that errors of values make.
    It is never below π ω_R, the largest derivative of an f with values in [-1, 1]. s = 1/(2 ω_R)
    attains this where frequencies are equidistant, and often where they are not.

    Parameters
    ----------
    frequencies : tuple of float
        ω_1, ..., ω_R, positive and increasing.

    References
    ----------
    D. Wierichs, J. Izaac, C. Wang and C. Y.-Y. Lin, "General parameter-shift rules for quantum
    gradients", Quantum 6, 677 (2022): the first derivative with equidistant frequencies, and a
    linear system for others. With one frequency it is the rule of K. Mitarai et al., Physical
    Review A 98, 032309 (2018), and M. Schuld et al., Physical Review A 99, 032331 (2019).

    Examples
    --------
    >>> shift_rule((1.0,))
    ShiftRule(shifts=array([ 0.5, -0.5]), weights=array([ 1.57079633, -1.57079633]))
    """
    omega = np.pi * np.array(frequencies)
    forward = _steps(frequencies)[:, np.newaxis] * (2 * np.arange(len(omega)) + 1)
    systems = np.sin(omega[:, np.newaxis] * forward[:, np.newaxis, :])
    condition = np.linalg.cond(systems)
    regular = condition <= max(_REGULAR, condition.min())
    weights = np.linalg.solve(systems[regular], omega[:, np.newaxis] / 2)[:, :, 0]
    total = np.abs(weights).sum(axis=1)
    best = np.argmax(total < total.min() * (1 + _AS_GOOD))  # the first of them
    shifts, found = forward[regular][best], weights[best]
    return ShiftRule(np.concatenate([shifts, -shifts]), np.concatenate([found, -found]))


def _steps(frequencies: tuple[float, ...]) -> np.ndarray:
    """Return the s that are tried: 1/(2 ω_R), then some until all frequencies are out of step."""
    gap = np.diff(frequencies, prepend=0).min()
    # 0.96 keeps the tried ones from being multiples of a common period.
    tried = 0.96 / gap * np.arange(1, _TRIED) / _TRIED
    return np.concatenate([[0.5 / frequencies[-1]], tried])
