"""Gradients through prepared states and expectation values, from a matrix's cotangent to inputs.

What lives here: the chain from the gradient of a scalar with respect to fidelities or expectation
values, through the states, the slots of each unconnected part and the angles, to the points and
the parameters. The sweeps themselves are loops.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from qkernels.compilation import CompiledCircuit, compile_feature_map
from qkernels.evaluators.comparison import gram_matrix, state_cotangents
from qkernels.evaluators.observables import Words, measurement_rates, pull_back_measurement
from qkernels.evaluators.simulation import Planes, Simulation
from qkernels.evaluators.states import PreparedStates


class Gradient(NamedTuple):
    """The gradient of a scalar with respect to what points were prepared from.

    Attributes
    ----------
    parameters : ndarray of shape (n_parameters,)
    X : ndarray of shape (n_points, n_features)
        With respect to the inputs of the first points.
    Y : ndarray of shape (n_points_Y, n_features) or None
        With respect to the inputs of the others, where there are others.
    """

    parameters: np.ndarray
    X: np.ndarray
    Y: np.ndarray | None = None


class Direction(NamedTuple):
    """How fast inputs and parameters change.

    Attributes
    ----------
    inputs : ndarray of shape (n_points, n_features)
    parameters : ndarray of shape (n_parameters,)
    """

    inputs: np.ndarray
    parameters: np.ndarray


def pull_back_fidelities(
    a: PreparedStates, b: PreparedStates | None, cotangent: np.ndarray
) -> Gradient:
    """Return the gradient, given that by each fidelity; b None is the symmetric case.

    Raises
    ------
    ValueError
        If the two were prepared by different feature maps, parameters or precisions.
    """
    if b is not None:
        _require_alike(a, b)
    compiled = compile_feature_map(a.require_source().feature_map)
    sides = [_Side(compiled, points) for points in (a, b) if points is not None]
    pairs = [*zip(a.parts, (a if b is None else b).parts, strict=True)]
    symmetric = b is None
    for k, part in _part_cotangents(pairs, cotangent, symmetric=symmetric):
        found = state_cotangents(*pairs[k], part, symmetric=symmetric)
        for side, planes in zip(sides, found, strict=True):
            side.add(k, planes)
    results = [side.finish() for side in sides]
    parameters = np.sum([result.parameters for result in results], axis=0)
    return Gradient(parameters, *(result.X for result in results))


def _require_alike(a: PreparedStates, b: PreparedStates) -> None:
    one, other = a.require_source(), b.require_source()
    same_parameters = np.array_equal(np.asarray(one.parameters), np.asarray(other.parameters))
    if one.feature_map != other.feature_map or not same_parameters:
        raise ValueError(
            "expected points prepared by one feature map and one set of parameters; got "
            f"{one.feature_map!r} with {one.parameters} and {other.feature_map!r} with "
            f"{other.parameters}"
        )
    dtypes = [states.parts[0][0].dtype for states in (a, b)]
    if dtypes[0] != dtypes[1]:
        raise ValueError(f"expected points of one precision, got {dtypes[0]} and {dtypes[1]}")


def pull_back_expectations(
    compiled: CompiledCircuit,
    inputs: np.ndarray,
    parameters: np.ndarray | None,
    words: Words,
    cotangent: np.ndarray,
    dtype: np.dtype,
) -> Gradient:
    """Return the gradient, given that with respect to expectation values of Pauli words."""
    angles = compiled.angles(inputs, parameters)
    by_angle = pull_back_measurement(compiled, angles, words, cotangent, dtype)
    by_input, by_parameter = compiled.pull_back(inputs, parameters, by_angle)
    return Gradient(by_parameter, by_input)


def fidelities_jacobian(a: PreparedStates, wrt: Sequence[Direction]) -> np.ndarray:
    """Return how fast the symmetric fidelities change along each direction."""
    feature_map, inputs, parameters = a.require_source()
    compiled = compile_feature_map(feature_map)
    angles = compiled.angles(inputs, parameters)
    rates = [compiled.push_forward(inputs, parameters, *direction) for direction in wrt]
    result = np.zeros((len(a), len(a), len(wrt)))
    ones = np.ones((len(a), len(a)))
    pairs = [(part, part) for part in a.parts]
    for k, others in _part_cotangents(pairs, ones, symmetric=True):
        component = compiled.overlap_components[k]
        re, im = a.parts[k]
        simulation = Simulation(component, angles, re.dtype)
        states = re + 1j * im
        overlaps = states.conj() @ states.T
        for p, rate in enumerate(rates):
            _, changes = simulation.tangents(component.slots.push_forward(rate))
            result[:, :, p] += others * _fidelity_rates(states, overlaps, changes)
    return result


def _fidelity_rates(states: np.ndarray, overlaps: np.ndarray, changes: Planes) -> np.ndarray:
    """Return d|o_ij|² = 2 Re conj(o_ij) (⟨da_i|a_j⟩ + ⟨a_i|da_j⟩)."""
    half = (changes[0] + 1j * changes[1]).conj() @ states.T
    rates = 2 * np.real(overlaps.conj() * (half + half.conj().T))
    return rates * (1 - np.eye(len(rates)))


def expectations_jacobian(
    compiled: CompiledCircuit,
    inputs: np.ndarray,
    parameters: np.ndarray | None,
    words: Words,
    wrt: Sequence[Direction],
    dtype: np.dtype,
) -> np.ndarray:
    """Return how fast expectation values of Pauli words change along each direction."""
    angles = compiled.angles(inputs, parameters)
    rates = [compiled.push_forward(inputs, parameters, *direction) for direction in wrt]
    return measurement_rates(compiled, angles, rates, words, dtype)


class _Side:
    """Collects the gradient with respect to the angles of one set of points, part by part."""

    def __init__(self, compiled: CompiledCircuit, states: PreparedStates) -> None:
        self._compiled = compiled
        self._states = states
        self._source = states.require_source()
        self._angles = compiled.angles(self._source.inputs, self._source.parameters)
        self._gradient = np.zeros_like(self._angles)

    def add(self, k: int, cotangent: Planes) -> None:
        """Add what comes through part k."""
        component = self._compiled.overlap_components[k]
        # The loops read whole blocks; a slice of the points may have gaps or run backwards.
        re, im = map(np.ascontiguousarray, self._states.parts[k])
        simulation = Simulation(component, self._angles, re.dtype)
        slots = simulation.pull_back(component.main, (re, im), cotangent)
        component.slots.add_pull_back(self._gradient, slots)

    def finish(self) -> Gradient:
        """Return the gradient with respect to inputs and parameters."""
        inputs, parameters = self._compiled.pull_back(
            self._source.inputs, self._source.parameters, self._gradient
        )
        return Gradient(parameters, inputs)


def _part_cotangents(
    pairs: Sequence[tuple[Planes, Planes]],
    cotangent: np.ndarray,
    *,
    symmetric: bool,
    first: int = 0,
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield each part's number and cotangent: the whole one times the other parts' fidelities.

    Halves are halved again and again: nothing is divided by a fidelity, which may be 0, and few
    matrices are held at a time.
    """
    if len(pairs) == 1:
        yield first, cotangent
        return
    half = len(pairs) // 2
    for own, others, start in (
        (pairs[:half], pairs[half:], first),
        (pairs[half:], pairs[:half], first + half),
    ):
        weighted = cotangent * gram_matrix(others, symmetric=symmetric)
        yield from _part_cotangents(own, weighted, symmetric=symmetric, first=start)
