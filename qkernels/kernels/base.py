"""`QuantumKernel`: what every quantum kernel is to scikit-learn.

What lives here: the call, the hyperparameters, and equality, printing and copying by value. How
two points are compared is the business of a subclass (`fidelity`, `projected`), how the numbers
are computed that of an evaluator.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
from sklearn.gaussian_process.kernels import Hyperparameter, Kernel

from qkernels.evaluators import AutoEvaluator, Direction, Evaluator, Prepared
from qkernels.feature_maps import FeatureMap
from qkernels.kernels.embedding import Embedding, check_points, resolve_evaluator
from qkernels.kernels.gradients import KernelGradient, Vjp, check_cotangent
from qkernels.kernels.serialization import fingerprint, to_json
from qkernels.kernels.validation import FeatureMapLike, check_data, check_hyperparameter
from qkernels.kernels.values import canonical, show_call
from qkernels.memory import require_memory

PullBack: TypeAlias = Callable[[np.ndarray], tuple[dict[str, np.ndarray], list[np.ndarray]]]


class QuantumKernel(Kernel):
    """Base class of quantum kernels.

    A quantum kernel is a scikit-learn kernel: give it to any estimator that takes a kernel, add
    it to others, multiply it by them, search over its parameters. Arguments are stored as given
    and checked when the kernel is called.

    A subclass has a constructor with at least the attributes below as arguments, and the methods
    `_prepare`, `compare` and `restore`; with `_compare_with_gradient` and `_circuit_jacobian` it
    has gradients.

    Attributes
    ----------
    feature_map : FeatureMap or callable
        The map, or a function of the number of features that returns one.
    bandwidth : float or array-like of shape (n_features,)
        What the (encoded) data are multiplied with.
    parameters : array-like of shape (n_parameters,) or None
        Values of the map's trainable symbols.
    bandwidth_bounds, parameter_bounds : "fixed", pair, or array-like of pairs
        Where a hyperparameter may go; "fixed" keeps it out of `theta`.
    evaluator : Evaluator, "auto" or None
        What computes; None is one exact evaluator shared by the whole process, "auto" chooses
        between it and matrix product states.
    """

    feature_map: FeatureMapLike
    bandwidth: Any
    parameters: Any
    bandwidth_bounds: Any
    parameter_bounds: Any
    evaluator: Evaluator | str | None

    def __call__(self, X: Any, Y: Any = None, eval_gradient: bool = False) -> Any:
        """Return the kernel matrix k(X, Y), and optionally its gradient.

        Parameters
        ----------
        X : array-like of shape (n_points_X, n_features)
        Y : array-like of shape (n_points_Y, n_features), default=None
            None, X itself and equal content are the symmetric case k(X, X).
        eval_gradient : bool, default=False
            Also return the gradient of k(X, X) with respect to `theta`.

        Returns
        -------
        K : ndarray of shape (n_points_X, n_points_Y)
            Fresh, writable, C-ordered float64; exactly symmetric in the symmetric case.
        K_gradient : ndarray of shape (n_points_X, n_points_X, n_dims), optional

        Raises
        ------
        ValueError, TypeError
            For data that are not a finite real matrix of the width the feature map expects, and
            for arguments of the kernel that are out of range.
        NotImplementedError
            For a gradient that the evaluator, or the outer kernel, does not have.
        MemoryError
            If the gradient would not fit; `KernelTrainer` needs no more than a few kernel matrices.
        """
        points = check_points(X, Y, owner=type(self).__name__)
        embedding = self._embedding(points)
        if eval_gradient and Y is not None:
            raise ValueError("a gradient can only be evaluated where Y is None")
        if eval_gradient and self.n_dims:
            embedding = embedding.for_gradients()
        prepared = [self._prepare(embedding, P) for P in points]
        K = self.compare(*prepared)
        return (K, self._gradient(embedding, points[0], prepared[0], K)) if eval_gradient else K

    def value_and_vjp(self, X: Any, Y: Any = None) -> tuple[np.ndarray, Vjp]:
        """Return the kernel matrix, and the function that pulls a gradient by it back.

        One reverse sweep gives the gradient with respect to all hyperparameters and points at the
        price of a few kernel matrices, however many parameters there are. For sums, products and
        powers of kernels there is `qkernels.value_and_vjp`.

        Parameters
        ----------
        X : array-like of shape (n_points_X, n_features)
        Y : array-like of shape (n_points_Y, n_features), default=None
            Only None is the symmetric case here: Y has its own gradient where it is given.

        Returns
        -------
        K : ndarray of shape (n_points_X, n_points_Y)
        vjp : callable
            Takes ∂L/∂K, of the shape of K, and returns a `KernelGradient`: `.theta`, `.X`, `.Y`
            and `.hyperparameters`. A symmetric K is a function of each of its entries.

        Raises
        ------
        NotImplementedError
            If the evaluator, or the outer kernel, cannot be differentiated.
        """
        owner = type(self).__name__
        points = [check_data(X, owner=owner)]
        if Y is not None:
            points.append(check_data(Y, owner=owner, name="Y"))
        embedding = self._embedding(points).for_gradients()
        prepared = [self._prepare(embedding, P) for P in points]
        K, pull_back = self._compare_with_gradient(embedding, points, prepared)

        def vjp(cotangent: Any) -> KernelGradient:
            found, by_inputs = pull_back(check_cotangent(cotangent, K))
            found["bandwidth"] = embedding.bandwidth_gradient(points, by_inputs)
            return KernelGradient(self, found, lambda: embedding.point_gradients(points, by_inputs))

        return K, vjp

    def diag(self, X: Any) -> np.ndarray:
        """Return the diagonal of k(X, X), of shape (n_points,), without the rest.

        Parameters
        ----------
        X : array-like of shape (n_points, n_features)
        """
        points = check_points(X, owner=type(self).__name__)
        return self._diagonal(self._embedding(points), points[0])

    def is_stationary(self) -> bool:
        """Return False: the kernel depends on more than the difference of two points."""
        return False

    def prepare(self, X: Any) -> Prepared:
        """Make points ready for `compare`: the O(N) part of a kernel matrix.

        Parameters
        ----------
        X : array-like of shape (n_points, n_features)

        Returns
        -------
        Prepared
            Has a length, takes slices, and knows its `nbytes` and its `arrays()`.
        """
        points = check_points(X, owner=type(self).__name__)
        return self._prepare(self._embedding(points), points[0])

    @abstractmethod
    def compare(self, p: Prepared, q: Prepared | None = None, *, return_std: bool = False) -> Any:
        """Return the kernel matrix of prepared points: the O(N²) part.

        Parameters
        ----------
        p, q : Prepared
            What `prepare` or `restore` returned; q None, or p itself, is the symmetric case.
        return_std : bool, default=False
            Also return the standard error of each entry.

        Returns
        -------
        K : ndarray of shape (len(p), len(q))
        K_std : ndarray of shape (len(p), len(q)), optional
        """

    @abstractmethod
    def restore(self, arrays: Mapping[str, np.ndarray]) -> Prepared:
        """Return the prepared points whose `arrays()` these are."""

    def _diagonal(self, embedding: Embedding, X: np.ndarray) -> np.ndarray:
        """Return the diagonal of k(X, X), of shape (n_points,); here, ones."""
        return np.ones(len(X))

    @abstractmethod
    def _prepare(self, embedding: Embedding, X: np.ndarray) -> Prepared:
        """Prepare checked points."""

    def _compare_with_gradient(
        self, embedding: Embedding, points: list[np.ndarray], prepared: list[Any]
    ) -> tuple[np.ndarray, PullBack]:
        """Return the kernel matrix, and what pulls a gradient by it back to the inputs.

        The function returns the gradients with respect to the values of all hyperparameters but
        the bandwidth, by name, and those with respect to each set of inputs.
        """
        raise NotImplementedError(f"{type(self).__name__} has no gradients")

    def _circuit_jacobian(
        self,
        embedding: Embedding,
        X: np.ndarray,
        prepared: Any,
        K: np.ndarray,
        directions: list[Direction],
    ) -> np.ndarray:
        """Return how fast k(X, X) changes, (n_points, n_points, n_directions).

        `directions` say how the circuit's inputs and parameters change.
        """
        raise NotImplementedError(f"{type(self).__name__} has no gradients")

    def _own_jacobian(self, prepared: Any, K: np.ndarray) -> np.ndarray:
        """Return the derivative by what a subclass has between bandwidth and parameters."""
        raise NotImplementedError

    def _embedding(self, points: list[np.ndarray]) -> Embedding:
        """Check the arguments against the points, before any work."""
        embedding = Embedding.of(self, *points)
        self._check_arguments(embedding)
        return embedding

    def _check_arguments(self, embedding: Embedding) -> None:
        """Raise for arguments that an `Embedding` does not know; here, the bounds."""
        self._parts()

    def _gradient(
        self, embedding: Embedding, X: np.ndarray, prepared: Any, K: np.ndarray
    ) -> np.ndarray:
        """Return the derivative of K by each entry of theta, (n_points, n_points, n_dims)."""
        pieces = [np.empty((*K.shape, 0))]
        require_memory(
            16 * K.size * self.n_dims,
            f"for the gradient of {K.shape[0]} x {K.shape[1]} entries by {self.n_dims} "
            "hyperparameters",
            "free fewer of them, or train with KernelTrainer, whose memory does not grow with them",
        )
        inputs = embedding.inputs(X)
        for name in self._free_parts():
            if name == "bandwidth":
                directions = embedding.bandwidth_directions(inputs)
            elif name == "parameters":
                directions = embedding.parameter_directions(inputs)
            else:
                pieces.append(self._own_jacobian(prepared, K))
                continue
            pieces.append(self._circuit_jacobian(embedding, X, prepared, K, directions))
        return np.concatenate(pieces, axis=2)

    # -- Hyperparameters: scikit-learn knows logarithmic ones only; angles are linear.

    def _parts(self) -> dict[str, Hyperparameter | Kernel]:
        """Return what `theta` is made of, in order: hyperparameters, and kernels inside."""
        return {
            "bandwidth": check_hyperparameter("bandwidth", self.bandwidth, self.bandwidth_bounds),
            "parameters": check_hyperparameter(
                "parameters", self.parameters, self.parameter_bounds, logarithmic=False
            ),
        }

    def _free_parts(self) -> dict[str, Hyperparameter | Kernel]:
        return {
            name: part
            for name, part in self._parts().items()
            if isinstance(part, Kernel) or not part.fixed
        }

    @property
    def hyperparameters(self) -> list[Hyperparameter]:
        """The hyperparameters, free and fixed, in the order of `theta`."""
        listed: list[Hyperparameter] = []
        for name, part in self._parts().items():
            if isinstance(part, Kernel):
                listed += [h._replace(name=f"{name}__{h.name}") for h in part.hyperparameters]
            else:
                listed.append(part)
        return listed

    @property
    def theta(self) -> np.ndarray:
        """The free hyperparameters, of shape (n_dims,).

        In order: bandwidth, gamma or the outer kernel's, parameters. All are logarithms, as
        scikit-learn has it, except for the parameters, which are angles.
        """
        values = [
            part.theta if isinstance(part, Kernel) else _to_theta(name, getattr(self, name))
            for name, part in self._free_parts().items()
        ]
        return np.concatenate(values) if values else np.empty(0)

    @theta.setter
    def theta(self, theta: Any) -> None:
        theta = np.asarray(theta, dtype=np.float64)
        if theta.shape != (self.n_dims,):
            raise ValueError(f"theta must have shape ({self.n_dims},), got {theta.shape}")
        for name, part in self._free_parts().items():
            n = part.n_dims if isinstance(part, Kernel) else part.n_elements
            head, theta = theta[:n], theta[n:]
            if isinstance(part, Kernel):
                part.theta = head
            else:
                setattr(self, name, _from_theta(name, head, getattr(self, name)))

    @property
    def bounds(self) -> np.ndarray:
        """The bounds of `theta`, on its scale, of shape (n_dims, 2)."""
        bounds = [np.empty((0, 2))]
        for name, part in self._free_parts().items():
            inside = part.bounds if isinstance(part, Kernel) else _to_theta(name, part.bounds)
            bounds.append(inside.reshape(-1, 2))
        return np.concatenate(bounds)

    # -- Values

    def __eq__(self, other: object) -> bool:
        return isinstance(other, QuantumKernel) and canonical(self) == canonical(other)

    def __hash__(self) -> int:
        """Hash the present arguments; a kernel in a set or a dict must not be changed."""
        return hash(canonical(self))

    def __repr__(self) -> str:
        return show_call(self)

    def report(self) -> Any:
        """Return what the evaluator says of what it has computed, to be printed.

        Returns
        -------
        object
            With a text as its `str`: of matrix product states bonds, discarded weights and bounds
            of errors, those of the last circuit that an equal evaluator has prepared in this
            process; of "auto" what was chosen and why.

        Examples
        --------
        >>> import qkernels as qk
        >>> kernel = qk.FidelityKernel(qk.feature_maps.zz(2), evaluator="auto")
        >>> K = kernel([[0.1, 0.2], [0.3, 0.4]])
        >>> print(kernel.report())
        fidelities of 2 qubits: state vectors, as the widest unconnected part has 2 qubits
        """
        evaluator: Any = resolve_evaluator(self.evaluator)
        if isinstance(evaluator, AutoEvaluator) and isinstance(self.feature_map, FeatureMap):
            return evaluator.report(self.feature_map)
        return evaluator.report() if hasattr(evaluator, "report") else f"no report of {evaluator!r}"

    def fingerprint(self) -> str:
        """Return a text that changes whenever the computed numbers could change.

        Bounds are left out: they do not change a kernel matrix.

        Raises
        ------
        ValueError
            For arguments that `to_json` cannot write.
        """
        return fingerprint(self, resolve_evaluator(self.evaluator).fingerprint())

    def to_json(self) -> str:
        """Return the kernel as JSON, which `from_json` reads back.

        Raises
        ------
        ValueError
            For what cannot be written, such as a lambda as feature map.
        """
        return to_json(self)


def _to_theta(name: str, value: Any) -> np.ndarray:
    array = np.asarray(value, dtype=np.float64)
    array = array if name == "parameters" else np.log(array)
    return np.atleast_1d(array)


def _from_theta(name: str, theta: np.ndarray, like: Any) -> float | np.ndarray:
    values = theta.copy() if name == "parameters" else np.exp(theta)
    return values if np.ndim(like) else float(values[0])
