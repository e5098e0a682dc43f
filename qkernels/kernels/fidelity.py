"""`FidelityKernel`: two points are as similar as their states.

What lives here: the fidelity kernel, a thin face on an evaluator's `embed` and `fidelities`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from qkernels.evaluators import Direction, Evaluator, Prepared, SampledEvaluator
from qkernels.kernels.base import PullBack, QuantumKernel
from qkernels.kernels.embedding import Embedding, resolve_evaluator
from qkernels.kernels.gradients import present
from qkernels.kernels.serialization import register
from qkernels.kernels.validation import FeatureMapLike


@register
class FidelityKernel(QuantumKernel):
    """The fidelity of two states, k(x, x′) = |⟨φ(x)|φ(x′)⟩|².

    Parameters
    ----------
    feature_map : FeatureMap or callable
        The map x → |φ(x)⟩, or a function of the number of features that returns one, such as
        `qkernels.feature_maps.zz`, which fits whatever width of data a pipeline hands over.
    bandwidth : float or array-like of shape (n_features,), default=1.0
        Positive; multiplies the data (for maps with arccos, the angle after it). Small values
        keep the kernel from concentrating when there are many qubits [3]_.
    parameters : array-like of shape (n_parameters,), default=None
        Values of the map's trainable symbols, which must be given if there are any.
    bandwidth_bounds : "fixed", pair, or array-like of shape (n_features, 2), default="fixed"
        Bounds 0 < low <= high of the bandwidth as a hyperparameter.
    parameter_bounds : "fixed", pair, or array-like of shape (n_parameters, 2), default="fixed"
        Bounds low <= high of the parameters; angles are periodic, so bounds only say where
        restarts are drawn from.
    evaluator : Evaluator or "auto", default=None
        What computes; None is one exact evaluator that all share, "auto" is an `AutoEvaluator`.

    References
    ----------
    .. [1] V. Havlíček et al., "Supervised learning with quantum-enhanced feature spaces",
       Nature 567, 209 (2019).
    .. [2] M. Schuld and N. Killoran, "Quantum machine learning in feature Hilbert spaces",
       Physical Review Letters 122, 040504 (2019).
    .. [3] R. Shaydulin and S. M. Wild, "Importance of kernel bandwidth in quantum machine
       learning", Physical Review A 106, 042407 (2022).

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.svm import SVC
    >>> from qkernels.feature_maps import zz
    >>> from qkernels.kernels import FidelityKernel
    >>> X = np.array([[0.1, 0.2], [0.3, 0.1], [1.5, 1.4], [1.3, 1.6]])
    >>> kernel = FidelityKernel(zz, bandwidth=0.5)
    >>> kernel(X).shape
    (4, 4)
    >>> SVC(kernel=kernel).fit(X, [0, 0, 1, 1]).predict([[1.4, 1.5]])
    array([1])
    """

    def __init__(
        self,
        feature_map: FeatureMapLike,
        *,
        bandwidth: Any = 1.0,
        parameters: Any = None,
        bandwidth_bounds: Any = "fixed",
        parameter_bounds: Any = "fixed",
        evaluator: Evaluator | str | None = None,
    ) -> None:
        self.feature_map = feature_map
        self.bandwidth = bandwidth
        self.parameters = parameters
        self.bandwidth_bounds = bandwidth_bounds
        self.parameter_bounds = parameter_bounds
        self.evaluator = evaluator

    def compare(self, p: Prepared, q: Prepared | None = None, *, return_std: bool = False) -> Any:
        """Return the fidelities of prepared states; see `QuantumKernel.compare`."""
        evaluator = resolve_evaluator(self.evaluator)
        return evaluator.fidelities(p, None if q is p else q, return_std=return_std)

    def restore(self, arrays: Mapping[str, np.ndarray]) -> Prepared:
        """Return the prepared states whose `arrays()` these are."""
        return resolve_evaluator(self.evaluator).restore(arrays)

    def _prepare(self, embedding: Embedding, X: np.ndarray) -> Prepared:
        return embedding.states(X)

    def _diagonal(self, embedding: Embedding, X: np.ndarray) -> np.ndarray:
        if isinstance(embedding.evaluator, SampledEvaluator):
            return embedding.evaluator.self_fidelities(embedding.states(X))
        return super()._diagonal(embedding, X)

    def _compare_with_gradient(
        self, embedding: Embedding, points: list[np.ndarray], prepared: list[Any]
    ) -> tuple[np.ndarray, PullBack]:
        p, q = prepared[0], prepared[1] if len(prepared) == 2 else None

        def pull_back(cotangent: np.ndarray) -> tuple[dict[str, np.ndarray], list[np.ndarray]]:
            gradient = embedding.require_gradients().fidelities_vjp(p, q, cotangent)
            return {"parameters": gradient.parameters}, present((gradient.X, gradient.Y))

        return self.compare(p, q), pull_back

    def _circuit_jacobian(
        self,
        embedding: Embedding,
        X: np.ndarray,
        prepared: Prepared,
        K: np.ndarray,
        directions: list[Direction],
    ) -> np.ndarray:
        return embedding.require_gradients().fidelities_jacobian(prepared, directions)
