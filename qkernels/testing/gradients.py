"""The part of the contract suites that is about derivatives: gradients beside differences.

A gradient is compared with the slopes along random directions, one for each kind of thing that can
change: points, parameters, hyperparameters. Forwards and backwards must agree.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from sklearn.base import clone

from qkernels.evaluators import DifferentiableEvaluator, Direction, Gradient
from qkernels.feature_maps import FeatureMap
from qkernels.kernels import KernelGradient, QuantumKernel
from qkernels.testing.requirements import require, require_array, require_close

_STEP = 2e-4
# Allowed between a gradient and a difference, relative to slopes of more than 1.
_TOLERANCE = 1e-6
# Forwards, scikit-learn has no more than a coarse difference for some Matern kernels.
_COARSE = 1e-3


def check_evaluator_gradients(
    evaluator: DifferentiableEvaluator,
    feature_map: FeatureMap,
    inputs: np.ndarray,
    parameters: Any,
    words: Sequence[Any],
    atol: float,
) -> None:
    """Check the gradients of fidelities and of the expectation values of Pauli words."""
    probe = _Probe(inputs, parameters, atol)
    _check_fidelities(evaluator, feature_map, probe)
    _check_blocks(evaluator, feature_map, probe)
    _check_expectations(evaluator, feature_map, words, probe)


def check_kernel_gradients(
    kernel: QuantumKernel, K: np.ndarray, X: np.ndarray, atol: float
) -> None:
    """Check the gradients of a kernel matrix, if the kernel has any."""
    try:
        value, vjp = kernel.value_and_vjp(X)
    except NotImplementedError:
        return
    require_close(value, K, "the value of value_and_vjp(X) and kernel(X)", atol)
    cotangent = np.random.default_rng(0).normal(size=K.shape)
    gradient = vjp(cotangent)
    require(gradient.Y is None, "the gradient by Y must be None where Y is")
    _check_hyperparameters(kernel, X, cotangent, gradient, atol)
    _check_theta(kernel, X, cotangent, gradient, atol)
    _check_points(kernel, X, cotangent, gradient, atol)
    _check_cross_points(kernel, X, cotangent[:2, 1:], atol)


# -- Evaluators


class _Probe:
    """Points and parameters, and a random direction in which each of them moves."""

    def __init__(self, inputs: np.ndarray, parameters: Any, atol: float) -> None:
        self.rng = np.random.default_rng(0)
        self.inputs, self.parameters, self._atol = inputs, parameters, atol
        self._values = np.array(() if parameters is None else parameters, dtype=np.float64)
        moves = self.rng.normal(size=inputs.shape), self.rng.normal(size=self._values.shape)
        self._directions = {
            "X": Direction(moves[0], np.zeros_like(moves[1])),
            "parameters": Direction(np.zeros_like(moves[0]), moves[1]),
        }

    @property
    def wrt(self) -> list[Direction]:
        return list(self._directions.values())

    def check(
        self,
        what: str,
        matrix: Callable[[np.ndarray, Any], np.ndarray],
        cotangent: np.ndarray,
        gradient: Gradient,
        jacobian: np.ndarray | None = None,
    ) -> None:
        """Check a gradient, and a jacobian along `wrt`, of a matrix of inputs and parameters."""
        require_array(gradient.X, self.inputs.shape, f"the gradient of {what} by X")
        shape = self._values.shape
        require_array(gradient.parameters, shape, f"the gradient of {what} by parameters")
        slopes = [
            np.sum(gradient.X * self._directions["X"].inputs),
            gradient.parameters @ self._directions["parameters"].parameters,
        ]
        for slope, (name, direction) in zip(slopes, self._directions.items(), strict=True):

            def moved(h: float, direction: Direction = direction) -> np.ndarray:
                inputs = self.inputs + h * direction.inputs
                values = self._values + h * direction.parameters
                return matrix(inputs, None if self.parameters is None else values)

            _require_slope(f"{what} by {name}", moved, cotangent, slope, self._atol)
        if jacobian is not None:
            _check_forwards(what, cotangent, jacobian, np.array(slopes), max(self._atol, 1e-10))


def _check_fidelities(
    evaluator: DifferentiableEvaluator, feature_map: FeatureMap, probe: _Probe
) -> None:
    prepared = evaluator.embed(feature_map, probe.inputs, probe.parameters)
    cotangent = probe.rng.normal(size=(len(prepared), len(prepared)))
    probe.check(
        "fidelities",
        lambda *point: evaluator.fidelities(evaluator.embed(feature_map, *point)),
        cotangent,
        evaluator.fidelities_vjp(prepared, None, cotangent),
        evaluator.fidelities_jacobian(prepared, probe.wrt),
    )


def _check_blocks(
    evaluator: DifferentiableEvaluator, feature_map: FeatureMap, probe: _Probe
) -> None:
    """Check the fidelities of the first two points with all but the first."""
    head, tail = slice(2), slice(1, None)

    def blocks(inputs: np.ndarray, parameters: Any) -> tuple[Any, Any]:
        prepared = evaluator.embed(feature_map, inputs, parameters)
        return prepared[head], prepared[tail]

    cotangent = probe.rng.normal(size=(2, len(probe.inputs) - 1))
    found = evaluator.fidelities_vjp(*blocks(probe.inputs, probe.parameters), cotangent)
    by_inputs = np.zeros_like(probe.inputs)
    for name, rows, gradient in (("X", head, found.X), ("Y", tail, found.Y)):
        what = f"the gradient of fidelities of two blocks by {name}"
        require_array(gradient, by_inputs[rows].shape, what)
        by_inputs[rows] += gradient
    probe.check(
        "fidelities of two blocks",
        lambda *point: evaluator.fidelities(*blocks(*point)),
        cotangent,
        Gradient(found.parameters, by_inputs),
    )


def _check_expectations(
    evaluator: DifferentiableEvaluator,
    feature_map: FeatureMap,
    words: Sequence[Any],
    probe: _Probe,
) -> None:
    where = feature_map, probe.inputs, probe.parameters, words
    cotangent = probe.rng.normal(size=(len(probe.inputs), len(words)))
    probe.check(
        "expectations",
        lambda *point: evaluator.expectations(feature_map, *point, observables=words),
        cotangent,
        evaluator.expectations_vjp(*where, cotangent),
        evaluator.expectations_jacobian(*where, probe.wrt),
    )


# -- Kernels


def _check_hyperparameters(
    kernel: QuantumKernel,
    X: np.ndarray,
    cotangent: np.ndarray,
    gradient: KernelGradient,
    atol: float,
) -> None:
    """Check the gradient by the value of each hyperparameter, fixed or free."""
    values, found = kernel.get_params(), gradient.hyperparameters
    names, rng = [h.name for h in kernel.hyperparameters], np.random.default_rng(1)
    require(
        set(found) == set(names),
        f"gradients must be of the hyperparameters {sorted(names)}, got {sorted(found)}",
    )
    for name in (name for name in names if np.size(values[name]) and values[name] is not None):
        value = np.asarray(values[name], dtype=np.float64)
        require_array(found[name], (value.size,), f"the gradient by {name}")
        # Relative, so that what is positive remains so.
        move = rng.normal(size=value.shape) * np.where(value == 0, 1.0, np.abs(value))

        def moved(h: float, name: str = name, moving: Any = (value, move)) -> np.ndarray:
            changed = moving[0] + h * moving[1]
            given = {name: changed if changed.ndim else float(changed)}
            return clone(kernel).set_params(**given)(X)

        slope = float(found[name] @ np.atleast_1d(move))
        _require_slope(f"the kernel by {name}", moved, cotangent, slope, atol)


def _check_theta(
    kernel: QuantumKernel,
    X: np.ndarray,
    cotangent: np.ndarray,
    gradient: KernelGradient,
    atol: float,
) -> None:
    theta = kernel.theta
    require_array(gradient.theta, theta.shape, "the gradient by theta")
    move = np.random.default_rng(2).normal(size=theta.shape)

    def moved(h: float) -> np.ndarray:
        return kernel.clone_with_theta(theta + h * move)(X)

    _require_slope("the kernel by theta", moved, cotangent, float(gradient.theta @ move), atol)
    try:
        jacobian = kernel(X, eval_gradient=True)[1]
    except NotImplementedError:
        return
    _check_forwards("the kernel", cotangent, jacobian, gradient.theta, max(atol, _COARSE))


def _check_points(
    kernel: QuantumKernel,
    X: np.ndarray,
    cotangent: np.ndarray,
    gradient: KernelGradient,
    atol: float,
) -> None:
    require_array(gradient.X, X.shape, "the gradient by X")
    move = np.random.default_rng(3).normal(size=X.shape)

    def moved(h: float) -> np.ndarray:
        return kernel(X + h * move)

    _require_slope("the kernel by X", moved, cotangent, np.sum(gradient.X * move), atol)


def _check_cross_points(
    kernel: QuantumKernel, X: np.ndarray, cotangent: np.ndarray, atol: float
) -> None:
    """Check k(X, Y) of the first two points and all but the first."""
    A, B = X[:2], X[1:]
    K, vjp = kernel.value_and_vjp(A, B)
    require_close(K, kernel(A, B), "the value of value_and_vjp(X, Y) and kernel(X, Y)", atol)
    gradient = vjp(cotangent)
    by_y = np.asarray(gradient.Y)
    require_array(by_y, B.shape, "the gradient by Y")
    rng = np.random.default_rng(4)
    move_a, move_b = rng.normal(size=A.shape), rng.normal(size=B.shape)
    for name, move, slope in (
        ("X of k(X, Y)", (move_a, 0.0), np.sum(gradient.X * move_a)),
        ("Y", (0.0, move_b), np.sum(by_y * move_b)),
    ):

        def moved(h: float, move: tuple = move) -> np.ndarray:
            return kernel(A + h * move[0], B + h * move[1])

        _require_slope(f"the kernel by {name}", moved, cotangent, slope, atol)


# -- What they share


def _require_slope(
    what: str,
    moved: Callable[[float], np.ndarray],
    cotangent: np.ndarray,
    slope: float,
    atol: float,
) -> None:
    """Require the slope at 0 of a matrix times its cotangent; its entries are good to `atol`."""
    near, far = (np.sum(cotangent * (moved(h) - moved(-h))) for h in (_STEP, 2 * _STEP))
    expected = (8 * near - far) / (12 * _STEP)
    allowed = _TOLERANCE * max(1.0, abs(expected)) + np.linalg.norm(cotangent) * atol / _STEP
    require(
        abs(slope - expected) <= allowed,
        f"the gradient of {what} gives a slope of {slope:.9g}, differences give {expected:.9g}",
    )


def _check_forwards(
    what: str, cotangent: np.ndarray, jacobian: np.ndarray, slopes: np.ndarray, tolerance: float
) -> None:
    """Check the rates that were computed forwards against slopes that were pulled back."""
    require_array(jacobian, (*cotangent.shape, len(slopes)), f"the jacobian of {what}")
    forwards = np.einsum("ij,ijk->k", cotangent, jacobian)
    allowed = tolerance * np.linalg.norm(cotangent) * np.abs(slopes).max(initial=1.0)
    require_close(forwards, slopes, f"slopes of {what} forwards and backwards", allowed)
