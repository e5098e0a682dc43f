"""The circuit of the circuit-centric classifier: encoded copies of a point, then an ansatz.

What lives here: how points become the angles of a circuit. Its trainable gates are those of
`ansatze`; what is measured and how it is trained is the business of `circuit_centric`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import cirq
import numpy as np

from qkernels.ansatze import code_blocks
from qkernels.feature_maps import FeatureMap, amplitude
from qkernels.feature_maps.validation import integer, real
from qkernels.kernels.validation import (
    FeatureMapLike,
    as_feature_map,
    describe,
)
from qkernels.qnn import compose
from qkernels.qnn.layers import Ansatz


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

    def with_ansatz(self, ansatz: Ansatz | None, ranges: Sequence[int]) -> FeatureMap:
        """Return the circuit with an ansatz after it, code blocks if there is none."""
        if ansatz is None:
            ansatz = code_blocks(self.circuit.n_qubits, ranges)
        return compose(self.circuit, ansatz)

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
