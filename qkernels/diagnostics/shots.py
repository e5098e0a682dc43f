"""How often circuits must be repeated, for kernel values and for what is decided by them.

What lives here: rules that take the entry of a fidelity kernel for a binomial frequency of
variance k(1-k)/S at S repetitions. Noise of a device comes on top and is not covered.
"""

from __future__ import annotations

from itertools import combinations
from typing import Any, Literal

import numpy as np
from scipy.stats import norm as normal
from sklearn.svm import SVC, NuSVC
from sklearn.utils.validation import check_is_fitted

from qkernels.diagnostics.validation import fraction, off_diagonal, probabilities
from qkernels.feature_maps.validation import real
from qkernels.kernels.validation import check_data, check_positive

_NORMS = ("entry", "relative", "operator")


def required_repetitions(
    K: Any, *, error: float, norm: Literal["entry", "relative", "operator"] = "entry"
) -> float:
    """Return how often each pair's circuit must run to know a kernel matrix to an error.

    "entry" is max k(1-k)/ε² over pairs: the standard error of each entry is at most ε. "relative"
    is max (1-k)/(k ε²): it is at most ε times the entry, which for entries of 2⁻ⁿ takes about 2ⁿ
    repetitions. "operator" is 4 N max k(1-k)/ε²: the spectral norm of a symmetric matrix of N
    rows with independent entries of variance σ² is about 2σ√N.

    Parameters
    ----------
    K : array-like of shape (n_points, n_points)
        Symmetric, entries from 0 to 1, of two points or more; the diagonal is not measured.
    error : float
        The ε, positive.
    norm : {"entry", "relative", "operator"}, default="entry"
        What the error is one of.

    Returns
    -------
    float
        Not rounded; inf where no number suffices, which is a relative error of an entry of 0.

    Raises
    ------
    ValueError, TypeError
        If K is not such a matrix, the error is not positive, or the norm is unknown.

    References
    ----------
    S. Thanasilp et al., "Exponential concentration in quantum kernel methods", Nature
    Communications 15, 5200 (2024), for the entries; A. S. Bandeira and R. van Handel, Annals of
    Probability 44, 2479 (2016), theorem 1.1, for the norm.

    Examples
    --------
    >>> from qkernels.diagnostics import required_repetitions
    >>> K = [[1.0, 0.5], [0.5, 1.0]]
    >>> required_repetitions(K, error=0.05).__round__(6)
    100.0
    >>> required_repetitions(K, error=0.05, norm="operator").__round__(6)
    800.0
    """
    if norm not in _NORMS:
        raise ValueError(f"expected norm to be one of {_NORMS}, got {norm!r}")
    error = check_positive(error, "error")
    entries = probabilities(off_diagonal(K))
    if norm == "relative":
        worst = entries.min()
        return float((1 - worst) / (worst * error**2)) if worst > 0 else np.inf
    factor = 1 if norm == "entry" else 4 * len(K)
    return float(factor * np.max(entries * (1 - entries)) / error**2)


def decision_repetitions(
    classifier: Any, K: Any, *, confidence: float = 0.95, share: float = 1.0
) -> float:
    """Return how often new points' circuits must run for a fitted classifier to decide as it does.

    The decision function f = Σ_i a_i k_i + b of measured kernel values has the variance
    Σ_i a_i² k_i(1-k_i)/S at S repetitions of each support vector's circuit. It keeps its sign with
    probability c where z_c standard errors fit into |f|, z_c the quantile of a normal
    distribution, so a point needs S = z_c² Σ_i a_i² k_i(1-k_i)/f².

    Of more than two classes each pair votes. The vote stands if no pair changes sign, or, where a
    class wins against all others, if none of its own does; z is then that of 1 - (1-c)/m for m such
    pairs, which is on the safe side.

    The rule takes the classifier as it is. Not covered: noise of the kernel values it was trained
    on, noise of the device, points with so few expected counts that they are not normal, and
    whether the decision is right.

    Parameters
    ----------
    classifier : sklearn.svm.SVC or NuSVC
        Fitted, without `break_ties`; of kernel "precomputed" or a quantum kernel.
    K : array-like of shape (n_new_points, n_training_points)
        Exact, or well estimated, kernel values from 0 to 1 of new points with all training points.
    confidence : float, default=0.95
        The probability for each point that its decision is kept; between 0.5 and 1.
    share : float, default=1.0
        The share of the points for which this is to hold, in (0, 1]. Those nearest to the boundary
        are the costly ones.

    Returns
    -------
    float
        Not rounded; inf where that many points are on the boundary.

    Raises
    ------
    ValueError
        If a number is out of range, K is not of such a shape, or `break_ties` is on.
    TypeError
        If the classifier is none of these.
    sklearn.exceptions.NotFittedError
        If it is not fitted.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.svm import SVC
    >>> from qkernels.diagnostics import decision_repetitions
    >>> classifier = SVC(kernel="precomputed").fit(np.eye(2), [0, 1])
    >>> round(decision_repetitions(classifier, [[0.2, 0.6]]), 2)
    6.76
    """
    probability = fraction(confidence, "confidence")
    if probability <= 0.5:
        raise ValueError(f"expected confidence to be above 0.5, got {confidence!r}")
    if not 0 < real(share, "share") <= 1:
        raise ValueError(f"expected share to be above 0 and at most 1, got {share!r}")
    values = _support_values(classifier, K)
    weights, pairs = _pairs(classifier)
    decisions = values @ weights + classifier.intercept_
    needed = np.full(decisions.shape, np.inf)
    variances = (values * (1 - values)) @ weights**2
    np.divide(variances, decisions**2, out=needed, where=decisions != 0)
    decisive = _decisive(decisions, pairs)
    doubts = (1 - probability) / decisive.sum(axis=1)
    costs = normal.isf(doubts) ** 2 * np.where(decisive, needed, 0).max(axis=1)
    # The order statistic, not an interpolation: that many points have to be served.
    rank = int(np.ceil(share * len(costs) - 1e-9)) - 1
    return float(np.sort(costs)[rank])


def _support_values(classifier: Any, K: Any) -> np.ndarray:
    """Return the new points' kernel values with the support vectors."""
    if not isinstance(classifier, SVC | NuSVC):
        raise TypeError(f"expected a fitted SVC or NuSVC, got {type(classifier).__name__}")
    check_is_fitted(classifier)
    if classifier.break_ties:
        raise ValueError("expected a classifier that goes by votes, got one of break_ties=True")
    K = check_data(K, owner="decision_repetitions", name="K")
    if K.shape[1] != classifier.shape_fit_[0]:
        raise ValueError(
            f"expected kernel values with the {classifier.shape_fit_[0]} training points, got "
            f"shape {K.shape}"
        )
    return probabilities(K[:, classifier.support_])


def _pairs(classifier: Any) -> tuple[np.ndarray, list[tuple[int, int]]]:
    """Return the weights of support vectors, a column for each pair of classes, and the pairs."""
    n_classes = len(classifier.classes_)
    owner = np.repeat(np.arange(n_classes), classifier.n_support_)
    pairs = list(combinations(range(n_classes), 2))
    # A class has its weights against the others in the rows of dual_coef_, itself left out.
    rows = [np.where(owner == i, j - 1, i) for i, j in pairs]
    weights = [
        np.where((owner == i) | (owner == j), classifier.dual_coef_[row, np.arange(len(owner))], 0)
        for row, (i, j) in zip(rows, pairs, strict=True)
    ]
    return np.column_stack(weights), pairs


def _decisive(decisions: np.ndarray, pairs: list[tuple[int, int]]) -> np.ndarray:
    """Return which pairs of classes a point's class hangs on."""
    first, second = np.transpose(pairs)
    winners = np.where(decisions > 0, first, second)
    n_classes = second.max() + 1
    votes = np.sum(winners[:, :, np.newaxis] == np.arange(n_classes), axis=1)
    best = votes.argmax(axis=1)[:, np.newaxis]
    unbeaten = votes.max(axis=1, keepdims=True) == n_classes - 1
    return ~unbeaten | (first == best) | (second == best)
