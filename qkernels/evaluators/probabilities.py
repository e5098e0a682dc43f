"""Probabilities of measurement outcomes, summed into outputs, and their gradients.

Every basis state counts for one output, such as its parity. The states of a few points exist at a
time. What lives here: the computing, and `OutputProbabilities`, which gives it to an evaluator of
exact states. Expectation values of Pauli words live in `observables`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import Any

import numpy as np
import scipy.sparse

from qkernels.compilation import CompiledCircuit, Component, compile_feature_map
from qkernels.evaluators.arguments import (
    checked_cotangent,
    checked_outputs,
    checked_parameters,
    checked_points,
)
from qkernels.evaluators.gradients import Gradient
from qkernels.evaluators.simulation import Simulation
from qkernels.feature_maps import FeatureMap
from qkernels.memory import require_memory

# About so many amplitudes exist at a time.
_AMPLITUDES = 2**20
# Numbers held for each of them: states, cotangents, probabilities, and products of these.
_NUMBERS_AN_AMPLITUDE = 10


class OutputProbabilities:
    """What gives an evaluator of exact states the probabilities of outcomes.

    To be mixed into an evaluator that has `_dtype`, the type of its states.
    """

    _dtype: np.dtype

    def probabilities(
        self,
        feature_map: FeatureMap,
        inputs: Any,
        parameters: Any | None = None,
        *,
        outputs: Any,
        n_outputs: int,
        return_std: bool = False,
    ) -> Any:
        """Return how probable each output is when all qubits are measured.

        Parameters
        ----------
        feature_map, inputs, parameters
            As in `embed`.
        outputs : array-like of shape (2^n_qubits,), int
            The output, from 0 to n_outputs - 1, that each basis state counts for; the first qubit
            is a basis state's most significant digit.
        n_outputs : int
        return_std : bool, default=False
            Whether to return the standard errors too; they are 0 here.

        Returns
        -------
        ndarray of shape (n_points, n_outputs), or two of them

        Raises
        ------
        TypeError, ValueError
            If the circuit cannot be compiled, an angle is not a finite number, there are no
            points, or outputs are none as described.
        MemoryError
            If the states of a few points would not fit.
        """
        inputs, values = checked_points(inputs), checked_parameters(parameters)
        _require_room(feature_map, len(inputs))
        numbers = checked_outputs(outputs, n_outputs, feature_map.n_qubits)
        compiled = compile_feature_map(feature_map)
        angles = compiled.angles(inputs, values)
        result = output_probabilities(compiled, angles, numbers, n_outputs, self._dtype)
        return (result, np.zeros_like(result)) if return_std else result

    def probabilities_vjp(
        self,
        feature_map: FeatureMap,
        inputs: Any,
        parameters: Any | None,
        outputs: Any,
        cotangent: Any,
    ) -> Gradient:
        """Return the gradient of a scalar, given that with respect to outputs' probabilities.

        Parameters
        ----------
        feature_map, inputs, parameters, outputs
            As in `probabilities`.
        cotangent : array-like of shape (n_points, n_outputs)

        Returns
        -------
        Gradient
            `.parameters` and `.X`.

        Raises
        ------
        TypeError, ValueError, MemoryError
            As `probabilities` does; if the cotangent is not one of finite numbers of such a shape,
            or the circuit's angles have no finite derivative.
        """
        inputs, values = checked_points(inputs), checked_parameters(parameters)
        n_outputs = np.shape(cotangent)[-1] if np.ndim(cotangent) == 2 else 1
        cotangent = checked_cotangent(cotangent, (len(inputs), n_outputs))
        _require_room(feature_map, len(inputs))
        numbers = checked_outputs(outputs, n_outputs, feature_map.n_qubits)
        compiled = compile_feature_map(feature_map)
        angles = compiled.angles(inputs, values)
        by_angle = pull_back_outputs(compiled, angles, numbers, cotangent, self._dtype)
        by_input, by_parameter = compiled.pull_back(inputs, values, by_angle)
        return Gradient(by_parameter, by_input)


def output_probabilities(
    compiled: CompiledCircuit,
    angles: np.ndarray,
    outputs: np.ndarray,
    n_outputs: int,
    dtype: np.dtype,
) -> np.ndarray:
    """Return how probable each output is at each point.

    Parameters
    ----------
    compiled : CompiledCircuit
    angles : ndarray of shape (n_points, n_angles)
    outputs : ndarray of shape (2^n_qubits,), int
        The output of each basis state, in Cirq's order.
    n_outputs : int
    dtype : numpy dtype
        Of the states.

    Returns
    -------
    ndarray of shape (n_points, n_outputs)
    """
    outputs = _in_order_of_parts(compiled, outputs)
    entries = np.ones(len(outputs)), (np.arange(len(outputs)), outputs)
    counts_for = scipy.sparse.csr_array(entries, shape=(len(outputs), n_outputs))
    values = np.empty((len(angles), n_outputs))
    for block in _blocks(len(angles), len(outputs)):
        parts = [_Part(component, angles[block], dtype) for component in compiled.components]
        values[block] = _joint([part.probabilities for part in parts]) @ counts_for
    return values


def pull_back_outputs(
    compiled: CompiledCircuit,
    angles: np.ndarray,
    outputs: np.ndarray,
    cotangent: np.ndarray,
    dtype: np.dtype,
) -> np.ndarray:
    """Return the gradient by the angles, given that by the outputs' probabilities.

    Parameters
    ----------
    compiled, angles, outputs, dtype
        As `output_probabilities` takes them.
    cotangent : ndarray of shape (n_points, n_outputs)

    Returns
    -------
    ndarray of shape (n_points, n_angles)
    """
    outputs = _in_order_of_parts(compiled, outputs)
    gradient = np.zeros_like(angles)
    for block in _blocks(len(angles), len(outputs)):
        parts = [_Part(component, angles[block], dtype) for component in compiled.components]
        weights = cotangent[block][:, outputs]
        for k, part in enumerate(parts):
            gradient[block] += part.pull_back(_marginal(weights, parts, k))
    return gradient


@dataclass(frozen=True, eq=False)
class _Part:
    """One unconnected part's states at some points."""

    component: Component
    angles: np.ndarray
    dtype: np.dtype

    @cached_property
    def simulation(self) -> Simulation:
        return Simulation(self.component, self.angles, self.dtype)

    @cached_property
    def states(self) -> tuple[np.ndarray, np.ndarray]:
        """Real and imaginary amplitudes, (n_points, 2^n) each, as they are stored."""
        return self.simulation.states(self.component.main)

    @cached_property
    def place(self) -> np.ndarray:
        """Where each basis state's amplitude is stored."""
        return self.component.frame.stored_index()

    @cached_property
    def probabilities(self) -> np.ndarray:
        """The probability of each basis state of the part's own qubits."""
        re, im = self.states
        return (re**2 + im**2)[:, self.place].astype(np.float64, copy=False)

    def pull_back(self, cotangent: np.ndarray) -> np.ndarray:
        """Return the gradient by the angles, given that by the probabilities."""
        stored = np.empty(cotangent.shape, self.dtype)
        stored[:, self.place] = 2 * cotangent
        re, im = self.states
        slots = self.simulation.pull_back(self.component.main, (re, im), (stored * re, stored * im))
        return self.component.slots.pull_back(slots)


def _joint(factors: Sequence[np.ndarray]) -> np.ndarray:
    """Return the probabilities of all parts together, the last part's digits the fastest."""

    def product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return (a[:, :, np.newaxis] * b[:, np.newaxis]).reshape(len(a), -1)

    return reduce(product, factors)


def _marginal(weights: np.ndarray, parts: Sequence[_Part], k: int) -> np.ndarray:
    """Return the gradient by one part's probabilities, given that by all of them together."""
    ones = np.ones((len(weights), 1))
    before = _joint([ones, *(part.probabilities for part in parts[:k])])
    after = _joint([ones, *(part.probabilities for part in parts[k + 1 :])])
    shape = len(weights), before.shape[1], -1, after.shape[1]
    return np.einsum("iakb,ia,ib->ik", weights.reshape(shape), before, after, optimize=True)


def _in_order_of_parts(compiled: CompiledCircuit, outputs: np.ndarray) -> np.ndarray:
    """Return outputs by basis states whose digits are the parts' qubits, part by part."""
    order = [qubit for component in compiled.components for qubit in component.qubits]
    return outputs.reshape([2] * len(order)).transpose(order).ravel()


def _blocks(n_points: int, size: int) -> Iterator[slice]:
    step = max(1, _AMPLITUDES // size)
    return (slice(first, first + step) for first in range(0, n_points, step))


def _require_room(feature_map: FeatureMap, n_points: int) -> None:
    size = 2**feature_map.n_qubits
    n_states = min(n_points, max(1, _AMPLITUDES // size))
    require_memory(
        8 * _NUMBERS_AN_AMPLITUDE * n_states * size,
        f"for the probabilities of {size} outcomes",
        "take fewer qubits, or expectation values instead of probabilities",
    )
