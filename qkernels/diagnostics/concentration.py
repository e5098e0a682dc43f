"""How concentrated a kernel is: whether different points still have different kernel values.

What lives here: numbers of the entries of a kernel matrix. How many repetitions it takes to
resolve them is the business of `shots`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from qkernels.diagnostics.validation import off_diagonal, probabilities
from qkernels.feature_maps.validation import integer
from qkernels.psd.spectrum import symmetric


@dataclass(frozen=True)
class Concentration:
    """The off-diagonal entries of a kernel matrix; what `concentration` returns.

    Attributes
    ----------
    mean, variance : float
        Of the entries for pairs of different points.
    zero_count_probability : float or None
        How probable it is that a pair is never counted, on average over pairs; None where no
        repetitions are given.
    distance_to_identity : float
        The spectral norm of K - 1: 0 for a kernel that knows each point only as itself.
    """

    mean: float
    variance: float
    zero_count_probability: float | None
    distance_to_identity: float


def concentration(K: Any, repetitions: int | None = None) -> Concentration:
    """Return how concentrated a kernel matrix is.

    Parameters
    ----------
    K : array-like of shape (n_points, n_points)
        Symmetric, not scaled; of two points or more.
    repetitions : int, default=None
        How often each pair's circuit is run. The probability to count nothing, (1 - k)^S, is that
        of a fidelity kernel, whose entries are probabilities of one outcome.

    Returns
    -------
    Concentration

    Raises
    ------
    ValueError
        If K is not such a matrix, repetitions are not a positive integer, or they are given and
        entries are not from 0 to 1.

    References
    ----------
    S. Thanasilp et al., "Exponential concentration in quantum kernel methods", Nature
    Communications 15, 5200 (2024), definition 1.

    Examples
    --------
    >>> import numpy as np
    >>> from qkernels.diagnostics import concentration
    >>> concentration(np.array([[1.0, 0.5], [0.5, 1.0]]), repetitions=2)
    Concentration(mean=0.5, variance=0.0, zero_count_probability=0.25, distance_to_identity=0.5)
    """
    K = symmetric(K)
    entries, nothing = off_diagonal(K), None
    if repetitions is not None:
        repetitions = integer(repetitions, "repetitions", 1)
        nothing = float(np.mean((1 - probabilities(entries)) ** repetitions))
    distance = np.abs(np.linalg.eigvalsh(K) - 1).max()
    return Concentration(float(entries.mean()), float(entries.var()), nothing, float(distance))
