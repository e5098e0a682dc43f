"""What a kernel and a feature transformer share: from checked arguments to quantum states.

What lives here: `Embedding`, the feature map that an argument stands for, together with the
bandwidth, the parameter values and the evaluator, all checked against the data. What is done
with the states (comparing them, measuring them) is the business of `fidelity` and `projected`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import cirq
import numpy as np

from qkernels.evaluators import (
    AutoEvaluator,
    DifferentiableEvaluator,
    Direction,
    Evaluator,
    Prepared,
    SampledEvaluator,
    auto_evaluator,
    default_evaluator,
)
from qkernels.feature_maps import FeatureMap
from qkernels.kernels.validation import (
    as_feature_map,
    check_bandwidth,
    check_data,
    check_parameters,
    check_width,
)


def check_points(X: Any, Y: Any = None, *, owner: str) -> list[np.ndarray]:
    """Return checked points: [X] where Y is None, X or equal to X, and [X, Y] elsewhere."""
    first = check_data(X, owner=owner)
    if Y is None or Y is X:
        return [first]
    second = check_data(Y, owner=owner, name="Y")
    return [first] if np.array_equal(first, second) else [first, second]


def resolve_evaluator(evaluator: Any) -> Evaluator:
    """Return the evaluator to compute with.

    None stands for state vectors, "auto" for the evaluator that chooses; both are shared.

    Raises
    ------
    TypeError
        If it is none.
    """
    if evaluator is None:
        return default_evaluator()
    if isinstance(evaluator, str) and evaluator == "auto":
        return auto_evaluator()
    if isinstance(evaluator, type) or not isinstance(evaluator, Evaluator):
        raise TypeError(
            "evaluator must be None (the shared exact evaluator), 'auto' or an object with the "
            f"methods of qkernels.evaluators.Evaluator, got {evaluator!r}"
        )
    return evaluator


@dataclass(frozen=True, eq=False)
class Embedding:
    """A feature map with a bandwidth, parameter values and an evaluator, ready for data."""

    feature_map: FeatureMap
    bandwidth: np.ndarray
    parameters: np.ndarray | None
    evaluator: Evaluator

    @classmethod
    def of(cls, owner: Any, *points: np.ndarray) -> Embedding:
        """Check the arguments that `owner` (a kernel or a transformer) holds against points."""
        widths = [P.shape[1] for P in points]
        if not isinstance(owner.feature_map, FeatureMap) and len(set(widths)) > 1:
            raise ValueError(
                f"expected X and Y of {type(owner).__name__} to have equally many features, "
                f"got {widths[0]} and {widths[1]}"
            )
        feature_map = as_feature_map(owner.feature_map, widths[0])
        for name, P in zip("XY", points, strict=False):
            check_width(P, feature_map, owner=type(owner).__name__, name=name)
        return cls(
            feature_map,
            check_bandwidth(owner.bandwidth, feature_map.n_features),
            check_parameters(owner.parameters, feature_map),
            resolve_evaluator(owner.evaluator),
        )

    def inputs(self, X: np.ndarray) -> np.ndarray:
        """Return what the circuit takes: the encoded data times the bandwidth."""
        return self.feature_map.encode(X) * self.bandwidth

    def require_gradients(self) -> DifferentiableEvaluator:
        """Return the evaluator if it gives gradients; raise NotImplementedError if not."""
        if not isinstance(self.evaluator, DifferentiableEvaluator):
            raise NotImplementedError(
                "gradients need an evaluator with the methods of "
                f"qkernels.evaluators.DifferentiableEvaluator, got {self.evaluator!r}; "
                "KernelTrainer(optimizer='spsa') needs none"
            )
        return self.evaluator

    def for_gradients(self) -> Embedding:
        """Return the same with an evaluator whose prepared points can be differentiated.

        Raises
        ------
        NotImplementedError
            If the evaluator gives no gradients.
        """
        evaluator = self.require_gradients()
        if isinstance(evaluator, AutoEvaluator):
            return replace(self, evaluator=evaluator.for_gradients())
        return self

    def bandwidth_gradient(
        self, points: Sequence[np.ndarray], by_inputs: Sequence[np.ndarray]
    ) -> np.ndarray:
        """Return the gradient by each bandwidth, given that by the inputs of all points."""
        pairs = zip(points, by_inputs, strict=True)
        total = sum(np.sum(g * self.feature_map.encode(P), axis=0) for P, g in pairs)
        return total if self.bandwidth.ndim else np.sum(total, keepdims=True)

    def point_gradients(
        self, points: Sequence[np.ndarray], by_inputs: Sequence[np.ndarray]
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Return the gradient by X, and that by Y where there is a Y."""
        slope = self.feature_map.angle_function.encoding_slope
        pairs = zip(points, by_inputs, strict=True)
        first, *rest = (g * self.bandwidth * slope(P) for P, g in pairs)
        return first, rest[0] if rest else None

    def bandwidth_directions(self, inputs: np.ndarray) -> list[Direction]:
        """Return how inputs change with the logarithm of each bandwidth."""
        still = np.zeros(self.feature_map.n_parameters)
        if not self.bandwidth.ndim:
            return [Direction(inputs, still)]
        columns = np.eye(inputs.shape[1])
        return [Direction(inputs * column, still) for column in columns]

    def parameter_directions(self, inputs: np.ndarray) -> list[Direction]:
        """Return how the parameters change with each of them."""
        still = np.zeros_like(inputs)
        return [Direction(still, column) for column in np.eye(self.feature_map.n_parameters)]

    def states(self, X: np.ndarray) -> Prepared:
        """Prepare the states of the points."""
        return self.evaluator.embed(self.feature_map, self.inputs(X), self.parameters)

    def expectations(self, X: np.ndarray, words: Sequence[cirq.PauliString]) -> np.ndarray:
        """Return the expectation values of Pauli words, of shape (n_points, n_words)."""
        return self.evaluator.expectations(
            self.feature_map, self.inputs(X), self.parameters, observables=words
        )

    def expectation_covariances(
        self, X: np.ndarray, words: Sequence[cirq.PauliString]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return estimated expectation values, and the covariances of their errors."""
        assert isinstance(self.evaluator, SampledEvaluator)
        return self.evaluator.expectation_covariances(
            self.feature_map, self.inputs(X), self.parameters, observables=words
        )

    def pull_back_expectations(
        self, X: np.ndarray, words: Sequence[cirq.PauliString], cotangent: np.ndarray
    ) -> Any:
        """Return the gradient by inputs and parameters, given that by the expectation values."""
        return self.require_gradients().expectations_vjp(
            self.feature_map, self.inputs(X), self.parameters, words, cotangent
        )

    def expectations_jacobian(
        self, X: np.ndarray, words: Sequence[cirq.PauliString], wrt: Sequence[Direction]
    ) -> np.ndarray:
        """Return how fast the expectation values change, of shape (n_points, n_words, len(wrt))."""
        return self.require_gradients().expectations_jacobian(
            self.feature_map, self.inputs(X), self.parameters, words, wrt
        )
