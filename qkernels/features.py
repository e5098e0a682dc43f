"""`FidelityFeatures`: density matrices as features, whose inner products are fidelities.

What lives here: a transformer for maps of a few qubits, after which linear models are exact
fidelity kernel machines. Features for more qubits are approximations, the business of `nystroem`;
features that are measured are `ProjectedFeatures`.
"""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from qkernels.evaluators import (
    AutoEvaluator,
    Evaluator,
    SampledEvaluator,
    StatevectorEvaluator,
)
from qkernels.kernels.embedding import Embedding
from qkernels.kernels.validation import FeatureMapLike, as_float64, describe
from qkernels.memory import require_memory

_MOST_QUBITS = 6
# Features that are computed at a time, so that what they take beside the result is small.
_NUMBERS_AT_ONCE = 2**20


class FidelityFeatures(TransformerMixin, BaseEstimator):
    """The entries of the density matrix, as a transformer.

    The features of a point x are those of ρ(x) = |φ(x)⟩⟨φ(x)|, 4^n real numbers for n qubits,

        Φ(x) = (ρ_ii, √2 Re ρ_ij, √2 Im ρ_ij), i < j,

    so that Φ(x)·Φ(x′) = Tr ρ(x)ρ(x′) = |⟨φ(x)|φ(x′)⟩|² is the fidelity kernel, exactly [1]_. A
    linear model on them is that kernel's model, and its cost grows with the number of points
    alone: `LinearSVC`, `SGDClassifier`, `Ridge`.

    Parameters
    ----------
    feature_map : FeatureMap or callable
        The map x → |φ(x)⟩ on at most 6 qubits, or a function of the number of features that
        returns one.
    bandwidth : float or array-like of shape (n_features,), default=1.0
        Positive; multiplies the data (for maps with arccos, the angle after it).
    parameters : array-like of shape (n_parameters,), default=None
        Values of the map's trainable symbols, which must be given if there are any.
    evaluator : StatevectorEvaluator or "auto", default=None
        What computes the states; None is one exact evaluator shared by the whole process.

    Attributes
    ----------
    n_features_in_ : int
        Number of features seen by `fit`.
    feature_names_in_ : ndarray of str
        Their names, where the data have names.

    References
    ----------
    .. [1] M. Schuld, "Supervised quantum machine learning models are kernel methods",
       arXiv:2101.11020 (2021), section V: data are encoded in density matrices.

    Examples
    --------
    >>> import numpy as np
    >>> from qkernels.feature_maps import zz
    >>> from qkernels.features import FidelityFeatures
    >>> from qkernels.kernels import FidelityKernel
    >>> X = np.array([[0.1, 0.2], [0.3, 0.1], [1.5, 1.4]])
    >>> features = FidelityFeatures(zz).fit_transform(X)
    >>> features.shape
    (3, 16)
    >>> bool(np.allclose(features @ features.T, FidelityKernel(zz)(X), rtol=0, atol=1e-12))
    True
    """

    def __init__(
        self,
        feature_map: FeatureMapLike,
        *,
        bandwidth: Any = 1.0,
        parameters: Any = None,
        evaluator: Evaluator | str | None = None,
    ) -> None:
        self.feature_map = feature_map
        self.bandwidth = bandwidth
        self.parameters = parameters
        self.evaluator = evaluator

    def fit(self, X: Any, y: Any = None) -> FidelityFeatures:
        """Check the data and the arguments; nothing is learnt.

        Parameters
        ----------
        X : array-like of shape (n_points, n_features)
        y : ignored

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If the map has more than 6 qubits, or an argument is out of range.
        TypeError
            If the evaluator is not an exact one that has states.
        """
        self._embedding(self._check(X, reset=True))
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Return the features.

        Parameters
        ----------
        X : array-like of shape (n_points, n_features)

        Returns
        -------
        ndarray of shape (n_points, 4^n_qubits)

        Raises
        ------
        MemoryError
            If they would not fit.
        """
        check_is_fitted(self, "n_features_in_")
        X = self._check(X, reset=False)
        embedding = self._embedding(X)
        n_features = 4**embedding.feature_map.n_qubits
        require_memory(
            8 * len(X) * n_features,
            f"for {n_features} features of {len(X)} points",
            "take fewer points at a time, or the fewer features of QuantumNystroem",
        )
        features = np.empty((len(X), n_features))
        step = max(1, _NUMBERS_AT_ONCE // n_features)
        for start in range(0, len(X), step):
            rows = slice(start, start + step)
            features[rows] = _packed(_states(embedding, X[rows]))
        return features

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return one name for each entry, such as "rho_01_01", "re_rho_00_01" or "im_rho_00_01".

        Digits are those of basis states, in Cirq's order. `input_features` is ignored.
        """
        check_is_fitted(self, "n_features_in_")
        n = self._embedding(np.empty((1, self.n_features_in_))).feature_map.n_qubits
        digits = [f"{state:0{n}b}" for state in range(2**n)]
        pairs = [f"{first}_{second}" for first, second in combinations(digits, 2)]
        names = [f"rho_{state}_{state}" for state in digits]
        names += [f"{part}_rho_{pair}" for part in ("re", "im") for pair in pairs]
        return np.array(names, dtype=object)

    def _check(self, X: Any, *, reset: bool) -> np.ndarray:
        return as_float64(validate_data(self, X, reset=reset, dtype="numeric"), "X")

    def _embedding(self, X: np.ndarray) -> Embedding:
        """Check the arguments against the points, before any work."""
        embedding = Embedding.of(self, X)
        evaluator, feature_map = embedding.evaluator, embedding.feature_map
        if isinstance(evaluator, SampledEvaluator):
            raise TypeError(
                "evaluator: expected an exact StatevectorEvaluator, as states cannot be estimated "
                f"from repetitions, got {evaluator!r}; ProjectedFeatures can be"
            )
        if not isinstance(evaluator, StatevectorEvaluator | AutoEvaluator):
            raise TypeError(
                "evaluator: expected an exact StatevectorEvaluator, which has whole states, got "
                f"{evaluator!r}; ProjectedFeatures and QuantumNystroem take any evaluator"
            )
        if feature_map.n_qubits > _MOST_QUBITS:
            raise ValueError(
                f"expected a map of at most {_MOST_QUBITS} qubits, as there are 4^n features, got "
                f"{describe(feature_map)} of {feature_map.n_qubits} qubits; use QuantumNystroem, "
                "whose features are fewer, or gram_operator, which needs none"
            )
        return embedding


def _states(embedding: Embedding, X: np.ndarray) -> np.ndarray:
    evaluator = embedding.evaluator
    assert isinstance(evaluator, StatevectorEvaluator | AutoEvaluator)
    return evaluator.statevectors(
        embedding.feature_map, embedding.inputs(X), embedding.parameters
    ).astype(np.complex128, copy=False)


def _packed(states: np.ndarray) -> np.ndarray:
    """Return the independent entries of |φ⟩⟨φ|, those off the diagonal times √2.

    Row by row: to gather both factors of all entries at once takes six times as long.
    """
    size = states.shape[1]
    features = np.empty((len(states), size * size))
    features[:, :size] = states.real**2 + states.imag**2
    re, im = np.split(features[:, size:], 2, axis=1)
    scaled, conjugates, start = np.sqrt(2) * states, states.conj(), 0
    for i in range(size - 1):
        entries = scaled[:, i : i + 1] * conjugates[:, i + 1 :]
        columns = slice(start, start + entries.shape[1])
        re[:, columns], im[:, columns] = entries.real, entries.imag
        start = columns.stop
    return features
