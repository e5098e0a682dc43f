"""The circuit of the circuit-centric classifier: encoded copies of a point, then code blocks.

What lives here: how points become the angles of a circuit, and the circuit's trainable gates. What
is measured and how it is trained is the business of `circuit_centric`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import gcd
from typing import Any

import cirq
import numpy as np

from qkernels.feature_maps import FeatureMap, amplitude
from qkernels.feature_maps.validation import integer, numbered, real
from qkernels.kernels.validation import (
    FeatureMapLike,
    as_feature_map,
    describe,
)


class Encoding:
    """Points in copies of a register.

    Parameters
    ----------
    feature_map : "amplitude", FeatureMap or callable
    n_features : int
    copies : int
    padding : float
        As `CircuitCentricClassifier` takes them.

    Attributes
    ----------
    circuit : FeatureMap
        On the first qubits of a line, copy after copy.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range, or the feature map is for other data.
    """

    def __init__(
        self, feature_map: str | FeatureMapLike, n_features: int, copies: int, padding: float
    ) -> None:
        self._padding = real(padding, "padding")
        self._amplitudes = isinstance(feature_map, str)
        if isinstance(feature_map, str):
            if feature_map != "amplitude":
                raise ValueError(
                    "expected feature_map to be 'amplitude', a FeatureMap or a function that "
                    f"returns one, got {feature_map!r}"
                )
            self._map, register = _amplitudes(
                1 << n_features.bit_length() if padding else n_features
            )
        else:
            self._map = register = _fixed_map(feature_map, n_features)
        self.circuit = _tensor_power(register, integer(copies, "copies", 1))

    def with_blocks(self, ranges: Sequence[int]) -> FeatureMap:
        """Return the circuit with code blocks after it; equal ones are one object."""
        return _with_blocks(self.circuit, _checked_ranges(ranges))

    def inputs(self, X: np.ndarray) -> np.ndarray:
        """Return the features of `circuit` at points.

        Parameters
        ----------
        X : ndarray of shape (n_points, n_features)

        Returns
        -------
        ndarray of shape (n_points, circuit.n_features)

        Raises
        ------
        ValueError
            If a row has nothing but zeros, and no constant is added to it.
        """
        if not self._amplitudes:
            return X
        filled = ((0, 0), (0, self._map.n_features - X.shape[1]))
        X = np.pad(X, filled, constant_values=self._padding)
        largest = np.abs(X).max(axis=1, keepdims=True)
        if not largest.all():
            raise ValueError(
                "expected rows that are not all zeros, or padding other than 0; got zeros in row "
                f"{int(np.argmin(largest))}"
            )
        return self._map.angles(X / largest)


@lru_cache(maxsize=64)
def _amplitudes(n_features: int) -> tuple[FeatureMap, FeatureMap]:
    """Return the map of amplitudes, and one whose features are the angles of the first.

    So the angles of state preparation are found once, and not in each step of the training.
    """
    whole = amplitude(n_features)
    return whole, FeatureMap(whole.flattened[0], whole.angle_symbols)


def _fixed_map(feature_map: FeatureMapLike, n_features: int) -> FeatureMap:
    """Return a feature map without trainable parameters for data of so many columns."""
    built = as_feature_map(feature_map, n_features)
    if built.n_features != n_features:
        raise ValueError(
            f"expected a feature map of {n_features} features, got {built.n_features} in "
            f"{describe(built)}"
        )
    if built.n_parameters:
        raise ValueError(
            f"expected a feature map without trainable parameters, got {built.n_parameters} in "
            f"{describe(built)}: bind them"
        )
    return built


def _tensor_power(register: FeatureMap, copies: int) -> FeatureMap:
    """Return the map of several registers that are all prepared alike."""
    n, circuit = register.n_qubits, cirq.Circuit()
    for first in range(0, copies * n, n):
        line: list[cirq.Qid] = [*cirq.LineQubit.range(first, first + n)]
        places = dict(zip(register.qubits, line, strict=True))
        circuit += register.circuit.unfreeze().transform_qubits(places)
    return FeatureMap(circuit, register.feature_symbols)


@lru_cache(maxsize=64)
def _with_blocks(circuit: FeatureMap, ranges: tuple[int, ...]) -> FeatureMap:
    # What is compiled is found by the map, which is quick for the same and slow for an equal one.
    return circuit.compose(code_blocks(circuit.n_qubits, ranges))


def code_blocks(n_qubits: int, ranges: Sequence[int] = (1,)) -> FeatureMap:
    """Blocks of a gate on each qubit and controlled gates round the ring, and a last gate.

    Each gate has three weights α, β, γ and the matrix [[e^{iβ} cos α, e^{iγ} sin α],
    [-e^{-iγ} sin α, e^{-iβ} cos α]]. In a block of range r there is one on each qubit, then
    n / gcd(n, r) controlled ones: the first from qubit 0 to qubit -r modulo n, and each of the
    others on from where the one before arrived. The last gate of all is on qubit 0.

    Parameters
    ----------
    n_qubits : int
        Number of qubits, at least 1. One qubit has no controlled gates.
    ranges : sequence of int, default=(1,)
        The range of each block: positive, and no multiple of the number of qubits.

    Returns
    -------
    FeatureMap
        Without features; its parameters are α, β, γ of the gates in their order.

    Raises
    ------
    ValueError
        If an argument is out of range.

    References
    ----------
    M. Schuld, A. Bocharov, K. Svore and N. Wiebe, "Circuit-centric quantum classifiers", Physical
    Review A 101, 032308 (2020).

    Examples
    --------
    >>> code_blocks(3, ranges=(1, 2)).n_parameters
    39
    """
    n = integer(n_qubits, "n_qubits", 1)
    couplings = [_couplings(n, reach) for reach in _checked_ranges(ranges)]
    qubits = cirq.LineQubit.range(n)
    weights = numbered("w", 3 * (sum(n + len(pairs) for pairs in couplings) + 1))
    triples = zip(*[iter(weights)] * 3, strict=True)
    circuit = cirq.Circuit()
    for pairs in couplings:
        circuit.append(_gate(next(triples), qubit) for qubit in qubits)
        for control, target in pairs:
            gate = _gate(next(triples), qubits[target])
            circuit.append(rotation.controlled_by(qubits[control]) for rotation in gate)
    circuit.append(_gate(next(triples), qubits[0]))
    return FeatureMap(circuit, (), weights, name="code_blocks")


def _checked_ranges(ranges: Any) -> tuple[int, ...]:
    if not isinstance(ranges, tuple | list | np.ndarray) or not len(ranges):
        raise ValueError(
            f"expected ranges to be a sequence of at least one positive integer, got {ranges!r}"
        )
    return tuple(integer(reach, "each of ranges", 1) for reach in ranges)


def _couplings(n: int, reach: int) -> list[tuple[int, int]]:
    """Return control and target of a block's controlled gates."""
    if n == 1:
        return []
    if reach % n == 0:
        raise ValueError(
            f"expected no range to be a multiple of the number of qubits, {n}, got {reach}"
        )
    return [(-k * reach % n, -(k + 1) * reach % n) for k in range(n // gcd(n, reach))]


def _gate(weights: tuple[Any, ...], qubit: cirq.Qid) -> list[cirq.Operation]:
    a, b, c = weights
    return [cirq.rz(c - b)(qubit), cirq.ry(-2 * a)(qubit), cirq.rz(-b - c)(qubit)]
