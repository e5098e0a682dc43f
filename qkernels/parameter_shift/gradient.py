"""From shifted values to the gradient by data and parameters.

What lives here: which shifted points are measured, and the chain rule from exponents over angles
to inputs. Who measures them is not known.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from qkernels.evaluators import Gradient
from qkernels.evaluators.arguments import checked_points
from qkernels.feature_maps import FeatureMap
from qkernels.feature_maps.validation import real_array
from qkernels.parameter_shift.occurrences import Occurrences, occurrences

# Shifted points are measured in blocks of about so many numbers: exponents, or covariances.
_NUMBERS = 2**22


def shift_count(feature_map: FeatureMap, *, wrt_inputs: bool = True) -> int:
    """Return how many shifted circuits a gradient measures at each point.

    Parameters
    ----------
    feature_map : FeatureMap
    wrt_inputs : bool, default=True
        As `pull_back_by_shifts` takes it.

    Raises
    ------
    ValueError
        As `pull_back_by_shifts` does of the circuit.

    Examples
    --------
    >>> from qkernels.feature_maps import hardware_efficient
    >>> ladder = hardware_efficient(2, layers=1)
    >>> ladder.n_features, ladder.n_parameters
    (2, 4)
    >>> shift_count(ladder), shift_count(ladder, wrt_inputs=False)
    (12, 8)
    """
    found = occurrences(feature_map)
    return sum(len(found.rules[k].shifts) for k in _shifted(found, wrt_inputs))


def pull_back_by_shifts(
    measure: Callable[[FeatureMap, np.ndarray], np.ndarray],
    feature_map: FeatureMap,
    inputs: Any,
    parameters: Any,
    cotangent: Any,
    *,
    wrt_inputs: bool = True,
) -> Gradient:
    """Return the gradient of a scalar, given that by measured values, from values alone.

    The gradient is exact: if values are estimated without bias, so is it. Each gate with a
    symbolic exponent is shifted by itself, two circuits for each frequency with which values
    depend on its exponent: two for rotations, powers of Pauli words and their controlled powers,
    four for controlled rotations and powers of iSWAP. `shift_count` adds them up; points whose
    cotangents are all 0 are not measured. All shifted circuits are one circuit with different
    numbers.

    Parameters
    ----------
    measure : callable
        Given a feature map without parameters and inputs of shape (n, n_features), returns values
        of shape (n, n_outputs): expectation values, or probabilities. It is called once, or for
        many points in blocks.
    feature_map : FeatureMap
    inputs : array-like of shape (n_points, n_features)
        What the circuit takes, as evaluators do.
    parameters : array-like of shape (n_parameters,) or None
    cotangent : array-like of shape (n_points, n_outputs)
        The gradient by the values of `feature_map` at `inputs`.
    wrt_inputs : bool, default=True
        Whether the gradient by the inputs is wanted. If not, exponents without trainable symbols
        are not shifted.

    Returns
    -------
    Gradient
        `.parameters` and `.X`; without `wrt_inputs`, `.X` is all nan, since it is not known.

    Raises
    ------
    ValueError
        If an operation has symbols but no rule, which the message names; if an argument has the
        wrong shape or is not finite; if `measure` returns another shape; or if the circuit's angles
        have no finite derivative.

    References
    ----------
    D. Wierichs, J. Izaac, C. Wang and C. Y.-Y. Lin, "General parameter-shift rules for quantum
    gradients", Quantum 6, 677 (2022).

    Examples
    --------
    The expectation value of Z after a rotation about X is cos(x).

    >>> import cirq
    >>> import numpy as np
    >>> import qkernels as qk
    >>> feature_map = qk.feature_maps.angle(1)
    >>> observables = [cirq.PauliString({qubit: "Z"}) for qubit in feature_map.qubits]
    >>> def measure(shift_map, shift_inputs):
    ...     return qk.StatevectorEvaluator().expectations(
    ...         shift_map, shift_inputs, observables=observables
    ...     )
    >>> pull_back_by_shifts(measure, feature_map, [[0.0], [np.pi / 2]], None, [[1.0], [1.0]]).X
    array([[ 0.],
           [-1.]])
    """
    points = checked_points(inputs)
    weights = _checked_cotangent(cotangent, len(points))
    found = occurrences(feature_map)
    exponents = found.exponents(feature_map.angles(points, parameters))
    by_exponent = np.zeros_like(exponents)
    shifted = _shifted(found, wrt_inputs)
    rows = np.flatnonzero(weights.any(axis=1) & bool(len(shifted)))
    numbers = shift_count(feature_map) * max(exponents.shape[1], weights.shape[1] ** 2)
    step = 1 + _NUMBERS // (1 + numbers)
    for some in (rows[i : i + step] for i in range(0, len(rows), step)):
        by_exponent[some] = _derivatives(measure, found, shifted, exponents[some], weights[some])
    by_input, by_parameter = feature_map.angle_function.pull_back(
        points, parameters, by_exponent @ found.coefficients
    )
    return Gradient(by_parameter, by_input if wrt_inputs else np.full_like(by_input, np.nan))


def _shifted(found: Occurrences, wrt_inputs: bool) -> np.ndarray:
    """Return the places of the exponents that a gradient shifts."""
    return np.arange(len(found.rules)) if wrt_inputs else np.flatnonzero(found.of_parameters)


def _derivatives(
    measure: Callable[[FeatureMap, np.ndarray], np.ndarray],
    found: Occurrences,
    shifted: np.ndarray,
    exponents: np.ndarray,
    weights: np.ndarray,
) -> np.ndarray:
    """Return the gradient by each exponent, (n_points, n_occurrences); 0 if not shifted."""
    rules = [found.rules[k] for k in shifted]
    columns = np.repeat(shifted, [len(rule.shifts) for rule in rules])
    shifts = np.zeros((len(columns), exponents.shape[1]))
    shifts[np.arange(len(columns)), columns] = np.concatenate([rule.shifts for rule in rules])
    shift_inputs = (exponents[:, np.newaxis] + shifts).reshape(-1, exponents.shape[1])
    values = _checked_values(measure(found.shift_map, shift_inputs), len(shift_inputs), weights)
    losses = np.einsum("imj,ij->im", values.reshape(len(exponents), len(columns), -1), weights)
    rates = losses * np.concatenate([rule.weights for rule in rules])
    derivatives = np.zeros_like(exponents)
    np.add.at(derivatives.T, columns, rates.T)
    return derivatives


def _checked_cotangent(cotangent: Any, n_points: int) -> np.ndarray:
    weights = real_array(cotangent, "cotangent")
    if weights.ndim != 2 or len(weights) != n_points:
        raise ValueError(
            f"expected a cotangent of shape ({n_points}, n_outputs), got {weights.shape}"
        )
    if not np.isfinite(weights).all():
        raise ValueError("expected a cotangent of finite numbers, got one with inf or nan")
    return weights


def _checked_values(values: Any, n_points: int, weights: np.ndarray) -> np.ndarray:
    values = real_array(values, "the measured values")
    if values.shape != (n_points, weights.shape[1]):
        raise ValueError(
            f"expected measured values of shape {(n_points, weights.shape[1])}, as many columns as "
            f"the cotangent has, got {values.shape}"
        )
    return values
