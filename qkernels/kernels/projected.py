"""`ProjectedKernel` and `ProjectedFeatures`: states compared by what can be measured of them.

What lives here: from observables to features, from features to a kernel matrix, and the features
as a scikit-learn transformer. Which observables there are is the business of `observables`,
measuring them that of an evaluator.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.spatial.distance import cdist
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.gaussian_process.kernels import Hyperparameter, Kernel
from sklearn.utils.validation import check_is_fitted, validate_data

from qkernels.evaluators import Direction, Evaluator, Prepared, SampledEvaluator
from qkernels.kernels.base import PullBack, QuantumKernel
from qkernels.kernels.classical import (
    distance_rates,
    pull_back_distances,
    push_forward,
    squared_distances,
)
from qkernels.kernels.embedding import Embedding, resolve_evaluator
from qkernels.kernels.gradients import present, value_and_vjp
from qkernels.kernels.noise import Distances, estimated_distances, hashed
from qkernels.kernels.observables import Observables, parse_observables
from qkernels.kernels.serialization import register
from qkernels.kernels.validation import (
    FeatureMapLike,
    as_float64,
    check_hyperparameter,
    check_positive,
)

# Rows of a tile of the kernel matrix: half a megabyte, so that it stays in the cache.
_TILE = 256


@dataclass(frozen=True, eq=False)
class PreparedFeatures:
    """Points made ready for a projected kernel.

    Attributes
    ----------
    features : ndarray of shape (n_points, n_observables)
    covariance : ndarray of shape (n_points, n_observables, n_observables), optional
        Of the features' errors, where they were estimated.
    points : ndarray of shape (n_points,), uint64, optional
        A hash of each point, where features were estimated: equal features are not always those
        of one point then.
    """

    features: np.ndarray
    covariance: np.ndarray | None = None
    points: np.ndarray | None = None

    @property
    def nbytes(self) -> int:
        """Bytes held in memory."""
        return sum(array.nbytes for array in self.arrays().values())

    def __len__(self) -> int:
        return len(self.features)

    def __getitem__(self, rows: slice | np.ndarray) -> PreparedFeatures:
        return PreparedFeatures(**{name: array[rows] for name, array in self.arrays().items()})

    def arrays(self) -> dict[str, np.ndarray]:
        """Return what a store writes."""
        return {name: array for name, array in vars(self).items() if array is not None}


@register
class ProjectedKernel(QuantumKernel):
    r"""A classical kernel on expectation values measured in the states.

    Unless told otherwise it is the Gaussian of the one-qubit reduced density matrices ρ_q,

        k(x, x′) = exp(−γ Σ_q ‖ρ_q(x) − ρ_q(x′)‖²_F) = exp(−(γ/2) Σ_q |r_q(x) − r_q(x′)|²),

    with r_q the Bloch vector (⟨X⟩, ⟨Y⟩, ⟨Z⟩) of qubit q [1]_. Other packages leave out the ½:
    γ here is twice the γ of sQUlearn.

    Parameters
    ----------
    feature_map : FeatureMap or callable
        The map from data to states, or a function of the number of features that returns one.
    gamma : float, default=1.0
        Positive factor of the squared distance.
    outer : sklearn.gaussian_process.kernels.Kernel, default=None
        Kernel on the features in place of the Gaussian; excludes `gamma`. Its parameters are
        reached as `outer__<name>`.
    observables : str or list of cirq.PauliString or cirq.PauliSum, default=None
        What is measured. Letters such as "Z" or "XY" choose some of the one-qubit Paulis on all
        qubits, each scaled by 1/√2 as in ρ_q. Observables of your own are not scaled.
    locality : int, default=1
        Without `observables`: compare the reduced density matrices of all sets of that many
        qubits. The features are all Pauli words of weight 1 to `locality`, a word of weight w
        scaled by √(C(n − w, k − w) 2^(−k)), k the locality and n the number of qubits; then the
        squared distance of the features is the sum of the squared Frobenius distances.
    bandwidth : float or array-like of shape (n_features,), default=1.0
        Positive; multiplies the data (for maps with arccos, the angle after it).
    parameters : array-like of shape (n_parameters,), default=None
        Values of the map's trainable symbols, which must be given if there are any.
    gamma_bounds : "fixed" or pair, default="fixed"
        Bounds 0 < low <= high of gamma as a hyperparameter.
    bandwidth_bounds : "fixed", pair, or array-like of shape (n_features, 2), default="fixed"
        Bounds 0 < low <= high of the bandwidth as a hyperparameter.
    parameter_bounds : "fixed", pair, or array-like of shape (n_parameters, 2), default="fixed"
        Bounds low <= high of the parameters; they say where restarts are drawn from.
    evaluator : Evaluator or "auto", default=None
        What computes; None is one exact evaluator that all share, "auto" is an `AutoEvaluator`.

    References
    ----------
    .. [1] H.-Y. Huang et al., "Power of data in quantum machine learning", Nature
       Communications 12, 2631 (2021), section on projected quantum kernels.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.gaussian_process.kernels import Matern
    >>> from qkernels.feature_maps import zz
    >>> from qkernels.kernels import ProjectedKernel
    >>> X = np.array([[0.1, 0.2], [0.3, 0.1], [1.5, 1.4]])
    >>> ProjectedKernel(zz, gamma=0.5)(X).shape
    (3, 3)
    >>> kernel = ProjectedKernel(zz, observables="Z", outer=Matern(length_scale=2.0))
    >>> kernel.prepare(X).features.shape
    (3, 2)
    """

    def __init__(
        self,
        feature_map: FeatureMapLike,
        *,
        gamma: float = 1.0,
        outer: Kernel | None = None,
        observables: Any = None,
        locality: int = 1,
        bandwidth: Any = 1.0,
        parameters: Any = None,
        gamma_bounds: Any = "fixed",
        bandwidth_bounds: Any = "fixed",
        parameter_bounds: Any = "fixed",
        evaluator: Evaluator | str | None = None,
    ) -> None:
        self.feature_map = feature_map
        self.gamma = gamma
        self.outer = outer
        self.observables = observables
        self.locality = locality
        self.bandwidth = bandwidth
        self.parameters = parameters
        self.gamma_bounds = gamma_bounds
        self.bandwidth_bounds = bandwidth_bounds
        self.parameter_bounds = parameter_bounds
        self.evaluator = evaluator

    def diag(self, X: Any) -> np.ndarray:
        """Return the diagonal of k(X, X), of shape (n_points,), without the rest."""
        if self.outer is None:
            return super().diag(X)
        return np.array(self.outer.diag(_features(self.prepare(X))), dtype=np.float64)

    def compare(self, p: Prepared, q: Prepared | None = None, *, return_std: bool = False) -> Any:
        """Return the kernel matrix of prepared features; see `QuantumKernel.compare`.

        Standard errors are those of the Gaussian kernel, of first order in the error of the
        squared distance. With another outer kernel they are refused: the errors of words measured
        together are correlated, so that they do not carry over entry by entry.
        """
        q = None if q is p else q
        if self.outer is None:
            gamma = check_positive(self.gamma, "gamma")
            return _estimated_gaussian(p, q, gamma, self._is_unbiased(), return_std)
        if return_std:
            raise NotImplementedError(
                "a projected kernel with an outer kernel has no standard errors of single "
                "entries: bootstrap over points or repetitions instead"
            )
        return _outer_matrix(self.outer, _features(p), None if q is None else _features(q))

    def _is_unbiased(self) -> bool:
        evaluator = resolve_evaluator(self.evaluator)
        return isinstance(evaluator, SampledEvaluator) and evaluator.unbiased_distances

    def restore(self, arrays: Mapping[str, np.ndarray]) -> PreparedFeatures:
        """Return the prepared features whose `arrays()` these are."""
        return PreparedFeatures(**{name: np.asarray(array) for name, array in arrays.items()})

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the constructor's arguments, and with `deep` those of `outer` too."""
        params = super().get_params(deep=False)
        if deep and isinstance(self.outer, Kernel):
            params |= {f"outer__{k}": v for k, v in self.outer.get_params(deep=True).items()}
        return params

    def set_params(self, **params: Any) -> ProjectedKernel:
        """Set arguments by name, those of `outer` as `outer__<name>`; return self."""
        inside = {name: value for name, value in params.items() if name.startswith("outer__")}
        super().set_params(**{name: params[name] for name in params.keys() - inside.keys()})
        if not inside:
            return self
        if not isinstance(self.outer, Kernel):
            raise ValueError(f"{', '.join(inside)} cannot be set while outer is {self.outer!r}")
        self.outer.set_params(**{k.removeprefix("outer__"): v for k, v in inside.items()})
        return self

    def _prepare(self, embedding: Embedding, X: np.ndarray) -> PreparedFeatures:
        observables = _observables(self, embedding)
        if not isinstance(embedding.evaluator, SampledEvaluator):
            return PreparedFeatures(_measure(self, embedding, X))
        values, covariance = embedding.expectation_covariances(X, observables.words)
        return PreparedFeatures(
            observables.features(values),
            observables.covariances(covariance),
            hashed(embedding.inputs(X)),
        )

    def _compare_with_gradient(
        self, embedding: Embedding, points: list[np.ndarray], prepared: list[Any]
    ) -> tuple[np.ndarray, PullBack]:
        F, G = _features(prepared[0]), _features(prepared[1]) if len(prepared) == 2 else None
        if self.outer is None:
            K, pull_back_features = _gaussian_with_gradient(F, G, self.gamma)
        else:
            K, pull_back_features = _outer_with_gradient(self.outer, F, G)
        observables = _observables(self, embedding)

        def pull_back(cotangent: np.ndarray) -> tuple[dict[str, np.ndarray], list[np.ndarray]]:
            found, by_features = pull_back_features(cotangent)
            gradients = [
                embedding.pull_back_expectations(P, observables.words, by_words)
                for P, by_words in zip(points, map(observables.pull_back, by_features), strict=True)
            ]
            found["parameters"] = np.sum([g.parameters for g in gradients], axis=0)
            return found, [g.X for g in gradients]

        return K, pull_back

    def _circuit_jacobian(
        self,
        embedding: Embedding,
        X: np.ndarray,
        prepared: PreparedFeatures,
        K: np.ndarray,
        directions: list[Direction],
    ) -> np.ndarray:
        F, observables = prepared.features, _observables(self, embedding)
        by_words = embedding.expectations_jacobian(X, observables.words, directions)
        result = np.empty((*K.shape, len(directions)))
        for k in range(len(directions)):
            changes = observables.push_forward(by_words[:, :, k])
            if self.outer is None:
                result[:, :, k] = -self.gamma * K * distance_rates(F, changes)
            else:
                result[:, :, k] = push_forward(self.outer, F, changes)[1]
        return result

    def _own_jacobian(self, prepared: PreparedFeatures, K: np.ndarray) -> np.ndarray:
        F = prepared.features
        if self.outer is not None:
            return self.outer(F, eval_gradient=True)[1]
        return (-self.gamma * K * squared_distances(F, None, 1.0))[:, :, np.newaxis]

    def _parts(self) -> dict[str, Hyperparameter | Kernel]:
        bandwidth, parameters = super()._parts().values()
        gamma = check_hyperparameter("gamma", self.gamma, self.gamma_bounds)
        if self.outer is None:
            return {"bandwidth": bandwidth, "gamma": gamma, "parameters": parameters}
        if not isinstance(self.outer, Kernel):
            raise TypeError(
                "outer must be None or a kernel of sklearn.gaussian_process.kernels such as "
                f"RBF(), got {self.outer!r}"
            )
        if self.gamma != 1.0 or not gamma.fixed:
            raise ValueError(
                "outer takes the place of the Gaussian, so gamma must be left alone; got "
                f"gamma={self.gamma!r}, gamma_bounds={self.gamma_bounds!r}, outer={self.outer!r}"
            )
        return {"bandwidth": bandwidth, "outer": self.outer, "parameters": parameters}

    def _check_arguments(self, embedding: Embedding) -> None:
        check_positive(self.gamma, "gamma")
        super()._check_arguments(embedding)
        _observables(self, embedding)
        if self.outer is not None and self._is_unbiased():
            raise ValueError(
                "unbiased distances are those of the Gaussian kernel, so outer must be None, got "
                f"{self.outer!r}"
            )


class ProjectedFeatures(TransformerMixin, BaseEstimator):
    """Expectation values measured in the states, as a transformer.

    The features are those of `ProjectedKernel`: a Gaussian kernel of width γ on them is the
    projected kernel, and an estimator that follows may choose γ from training data alone.

    Parameters
    ----------
    feature_map : FeatureMap or callable
        The map from data to states, or a function of the number of features that returns one.
    locality : int, default=1
        Take the reduced density matrices of all sets of that many qubits.
    observables : str or list of cirq.PauliString or cirq.PauliSum, default=None
        Measure these instead; see `ProjectedKernel`.
    bandwidth : float or array-like of shape (n_features,), default=1.0
        Positive; multiplies the data (for maps with arccos, the angle after it).
    parameters : array-like of shape (n_parameters,), default=None
        Values of the map's trainable symbols, which must be given if there are any.
    evaluator : Evaluator or "auto", default=None
        What computes; None is one exact evaluator that all share, "auto" is an `AutoEvaluator`.

    Attributes
    ----------
    n_features_in_ : int
        Number of features seen by `fit`.
    feature_names_in_ : ndarray of str
        Their names, where the data have names.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.svm import SVC
    >>> from qkernels.feature_maps import zz
    >>> from qkernels.kernels import ProjectedFeatures
    >>> X = np.array([[0.1, 0.2], [0.3, 0.1], [1.5, 1.4], [1.3, 1.6]])
    >>> features = ProjectedFeatures(zz).fit(X)
    >>> features.get_feature_names_out()
    array(['X0', 'Y0', 'Z0', 'X1', 'Y1', 'Z1'], dtype=object)
    >>> model = make_pipeline(ProjectedFeatures(zz), SVC(gamma="scale")).fit(X, [0, 0, 1, 1])
    >>> model.predict([[1.4, 1.5]])
    array([1])
    """

    def __init__(
        self,
        feature_map: FeatureMapLike,
        *,
        locality: int = 1,
        observables: Any = None,
        bandwidth: Any = 1.0,
        parameters: Any = None,
        evaluator: Evaluator | str | None = None,
    ) -> None:
        self.feature_map = feature_map
        self.locality = locality
        self.observables = observables
        self.bandwidth = bandwidth
        self.parameters = parameters
        self.evaluator = evaluator

    def fit(self, X: Any, y: Any = None) -> ProjectedFeatures:
        """Check the data and the arguments; nothing is learnt.

        Parameters
        ----------
        X : array-like of shape (n_points, n_features)
        y : ignored

        Returns
        -------
        self
        """
        _observables(self, Embedding.of(self, self._check(X, reset=True)))
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Return the features, an ndarray of shape (n_points, n_observables).

        Parameters
        ----------
        X : array-like of shape (n_points, n_features)
        """
        check_is_fitted(self, "n_features_in_")
        X = self._check(X, reset=False)
        return _measure(self, Embedding.of(self, X), X)

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return one name for each observable, such as "X0" or "Z0Z2".

        Digits are positions in the feature map's qubits. `input_features` is ignored.
        """
        check_is_fitted(self, "n_features_in_")
        embedding = Embedding.of(self, np.empty((1, self.n_features_in_)))
        return np.array(_observables(self, embedding).names, dtype=object)

    def _check(self, X: Any, *, reset: bool) -> np.ndarray:
        return as_float64(validate_data(self, X, reset=reset, dtype="numeric"), "X")


def _observables(owner: Any, embedding: Embedding) -> Observables:
    """Return what a projected kernel or transformer measures."""
    return parse_observables(owner.observables, owner.locality, embedding.feature_map.qubits)


def _measure(owner: Any, embedding: Embedding, X: np.ndarray) -> np.ndarray:
    observables = _observables(owner, embedding)
    return observables.features(embedding.expectations(X, observables.words))


def _features(p: Prepared) -> np.ndarray:
    if not isinstance(p, PreparedFeatures):
        raise TypeError(
            "expected points prepared by a ProjectedKernel (its prepare or restore), got "
            f"{type(p).__name__}"
        )
    return p.features


def _estimated_gaussian(
    p: Prepared, q: Prepared | None, gamma: float, unbiased: bool, return_std: bool
) -> Any:
    """Return the Gaussian of features, and its standard errors, without noise if unbiased."""
    K = _gaussian(_features(p), None if q is None else _features(q), gamma)
    found = estimated(p, p if q is None else q) if return_std or unbiased else None
    if found is None:
        return (K, np.zeros_like(K)) if return_std else K
    if unbiased:
        K = np.exp(-gamma * found.unbiased)
    return (K, gamma * K * np.sqrt(found.variances)) if return_std else K


def estimated(p: Prepared, q: Prepared) -> Distances | None:
    """Return the squared distances of prepared features with errors; None if they have none."""
    F, G = _features(p), _features(q)
    noise, more = p.covariance, q.covariance  # type: ignore[attr-defined]
    if noise is None or more is None:
        return None
    same = p.points[:, np.newaxis] == q.points  # type: ignore[attr-defined]
    return estimated_distances(F, G, noise, more, same)


def _gaussian(F: np.ndarray, G: np.ndarray | None, gamma: float) -> np.ndarray:
    """Return exp(−γ |f_i − g_j|²), tile by tile; without G exactly symmetric.

    Distances are sums of squared differences. |f|² + |g|² − 2 f·g by a matrix product would be
    0.3 s instead of 0.4 s for 8000 points of 42 features on two cores, but it loses the digits
    of small distances, is not zero for equal points, and changes with the number of threads.
    """
    symmetric = G is None
    G = F if G is None else G
    K = np.empty((len(F), len(G)))
    for i in range(0, len(F), _TILE):
        rows = slice(i, i + _TILE)
        for j in range(i if symmetric else 0, len(G), _TILE):
            columns = slice(j, j + _TILE)
            tile = cdist(F[rows], G[columns], "sqeuclidean")
            tile *= -gamma
            np.exp(tile, out=tile)
            K[rows, columns] = tile
            if symmetric:
                K[columns, rows] = tile.T
    return K


def _outer_matrix(outer: Kernel, F: np.ndarray, G: np.ndarray | None) -> np.ndarray:
    # White noise is noise only where scikit-learn's kernel is given no second argument.
    K = np.ascontiguousarray(outer(F) if G is None else outer(F, G), dtype=np.float64)
    expected = (len(F), len(F if G is None else G))
    if K.shape != expected:
        raise ValueError(f"outer must return a matrix of shape {expected}, got {K.shape}")
    return K


def _gaussian_with_gradient(
    F: np.ndarray, G: np.ndarray | None, gamma: float
) -> tuple[np.ndarray, PullBack]:
    K = _gaussian(F, G, gamma)

    def pull_back(cotangent: np.ndarray) -> tuple[dict[str, np.ndarray], list[np.ndarray]]:
        weighted = cotangent * K
        by_gamma = -np.sum(weighted * squared_distances(F, G, 1.0))
        found = {"gamma": np.array([by_gamma])}
        return found, present(pull_back_distances(F, G, -gamma * weighted))

    # Callers may write to what they get.
    return K.copy(), pull_back


def _outer_with_gradient(
    outer: Kernel, F: np.ndarray, G: np.ndarray | None
) -> tuple[np.ndarray, PullBack]:
    K, vjp = value_and_vjp(outer, F, G)

    def pull_back(cotangent: np.ndarray) -> tuple[dict[str, np.ndarray], list[np.ndarray]]:
        gradient = vjp(cotangent)
        found = {f"outer__{name}": value for name, value in gradient.hyperparameters.items()}
        return found, present((gradient.X, gradient.Y))

    return K, pull_back
