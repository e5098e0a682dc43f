"""Plain, slow twins of what the package computes, written with Cirq, SymPy and NumPy alone.

What lives here: one obvious implementation of each thing the package does fast, for tests to
compare with. It takes from the package only the value types it is handed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

import cirq
import numpy as np
import sympy

from qkernels import FeatureMap, MPSEvaluator, StatevectorEvaluator


@dataclass(frozen=True, eq=False)
class ReferenceStates:
    """States of points, one a row."""

    states: np.ndarray

    @property
    def nbytes(self) -> int:
        return self.states.nbytes

    def __len__(self) -> int:
        return len(self.states)

    def __getitem__(self, rows: slice | np.ndarray) -> ReferenceStates:
        return ReferenceStates(self.states[rows])

    def arrays(self) -> dict[str, np.ndarray]:
        return {"states": self.states}


@dataclass(frozen=True)
class ReferenceEvaluator:
    """The evaluator protocol on `cirq.Simulator`, one point at a time."""

    def __copy__(self) -> ReferenceEvaluator:
        return self

    def __deepcopy__(self, memo: dict) -> ReferenceEvaluator:
        return self

    def embed(
        self, feature_map: FeatureMap, inputs: np.ndarray, parameters: Any = None
    ) -> ReferenceStates:
        return ReferenceStates(states(feature_map, inputs, parameters))

    def restore(self, arrays: Mapping[str, np.ndarray]) -> ReferenceStates:
        return ReferenceStates(np.asarray(arrays["states"]))

    def fidelities(
        self, a: ReferenceStates, b: ReferenceStates | None = None, *, return_std: bool = False
    ) -> Any:
        symmetric = b is None or b is a
        K = np.abs(a.states.conj() @ (a if b is None else b).states.T) ** 2
        if symmetric:
            K = (K + K.T) / 2
            np.fill_diagonal(K, 1.0)
        return (K, np.zeros_like(K)) if return_std else K

    def expectations(
        self,
        feature_map: FeatureMap,
        inputs: np.ndarray,
        parameters: Any = None,
        *,
        observables: Sequence[cirq.PauliString],
        return_std: bool = False,
    ) -> Any:
        order = {qubit: i for i, qubit in enumerate(feature_map.qubits)}
        values = np.array(
            [
                [word.expectation_from_state_vector(state, order).real for word in observables]
                for state in states(feature_map, inputs, parameters)
            ]
        )
        return (values, np.zeros_like(values)) if return_std else values

    def fingerprint(self) -> str:
        return "cirq.Simulator, complex128"


# The evaluators that every test of a kernel runs on.
EVALUATORS = [ReferenceEvaluator(), StatevectorEvaluator(), MPSEvaluator(truncation=0)]


def states(feature_map: FeatureMap, inputs: np.ndarray, parameters: Any = None) -> np.ndarray:
    """Return the states at encoded inputs, of shape (n_points, 2 ** n_qubits)."""
    given = () if parameters is None else tuple(map(float, parameters))
    return np.array([state(feature_map, tuple(map(float, row)), given) for row in inputs])


@lru_cache(maxsize=4096)
def state(
    feature_map: FeatureMap, inputs: tuple[float, ...], parameters: tuple[float, ...] = ()
) -> np.ndarray:
    """Return the state at one encoded input."""
    circuit = cirq.unroll_circuit_op(feature_map.circuit, deep=True, tags_to_check=None)
    flat, symbols = cirq.flatten(circuit)
    values = _symbol_values(feature_map, inputs, parameters)
    resolver = {symbol: _number(expression, values) for expression, symbol in symbols.items()}
    return (
        cirq.Simulator(dtype=np.complex128)
        .simulate(cirq.resolve_parameters(flat, resolver), qubit_order=feature_map.qubits)
        .final_state_vector
    )


def _symbol_values(
    feature_map: FeatureMap, inputs: tuple[float, ...], parameters: tuple[float, ...]
) -> dict[sympy.Expr, float]:
    """Return what to put for each symbol, or for its arccos where the input holds that."""
    is_arccos = feature_map.encode(np.zeros((1, feature_map.n_features)))[0] != 0
    features = [
        sympy.acos(symbol) if arccos else symbol
        for symbol, arccos in zip(feature_map.feature_symbols, is_arccos, strict=True)
    ]
    symbols = [*features, *feature_map.parameter_symbols]
    return dict(zip(symbols, inputs + parameters, strict=True))


def _number(expression: Any, values: Mapping[sympy.Expr, float]) -> complex | float:
    number = complex(sympy.N(sympy.sympify(expression).xreplace(values)))
    return number.real if number.imag == 0 else number


def fidelity_matrix(
    feature_map: FeatureMap,
    X: np.ndarray,
    Y: np.ndarray,
    bandwidth: Any = 1.0,
    parameters: Any = None,
) -> np.ndarray:
    """Return |⟨φ(x)|φ(y)⟩|² one pair at a time."""
    a = states(feature_map, feature_map.encode(X) * bandwidth, parameters)
    b = states(feature_map, feature_map.encode(Y) * bandwidth, parameters)
    return np.array([[abs(np.vdot(x, y)) ** 2 for y in b] for x in a])


def reduced_density_matrix(state: np.ndarray, keep: Sequence[int]) -> np.ndarray:
    """Return the reduced density matrix of some qubits of a pure state, the first one leftmost."""
    n = int(np.log2(state.size))
    rest = [i for i in range(n) if i not in keep]
    matrix = state.reshape((2,) * n).transpose([*keep, *rest]).reshape(2 ** len(keep), -1)
    return matrix @ matrix.conj().T


# -- Maps to test with: as small as maps get that entangle, train, or take an arccos.


def ring(n_features: int) -> FeatureMap:
    """Return an entangling map without trainable symbols."""

    def circuit(x: np.ndarray) -> cirq.Circuit:
        qubits = cirq.LineQubit.range(n_features)
        pairs = [(i, (i + 1) % n_features) for i in range(n_features)] if n_features > 1 else []
        return cirq.Circuit(
            [cirq.H(q) for q in qubits],
            [cirq.rz(x[i])(q) for i, q in enumerate(qubits)],
            [cirq.ZZ(qubits[i], qubits[j]) ** (x[i] * x[j] / 2) for i, j in pairs],
            [cirq.ry(x[i] + 0.3)(q) for i, q in enumerate(qubits)],
        )

    return FeatureMap.from_function(circuit, n_features, name="ring")


def trained(n_features: int) -> FeatureMap:
    """Return a map with two trainable symbols."""

    def circuit(x: np.ndarray, t: np.ndarray) -> cirq.Circuit:
        qubits = cirq.LineQubit.range(n_features)
        return cirq.Circuit(
            [cirq.rx(x[i] * t[0])(q) for i, q in enumerate(qubits)],
            [cirq.CNOT(p, q) for p, q in pairwise(qubits)],
            [cirq.ry(t[1] + x[i])(q) for i, q in enumerate(qubits)],
        )

    return FeatureMap.from_function(circuit, n_features, 2, name="trained")


def arccos(n_features: int) -> FeatureMap:
    """Return a map of the arccos of the data."""

    def circuit(x: np.ndarray) -> cirq.Circuit:
        qubits = cirq.LineQubit.range(n_features)
        return cirq.Circuit(
            [cirq.ry(2 * sympy.acos(x[i]))(q) for i, q in enumerate(qubits)],
            [cirq.CZ(p, q) ** 0.5 for p, q in pairwise(qubits)],
            [cirq.rx(sympy.acos(x[i]))(q) for i, q in enumerate(qubits)],
        )

    return FeatureMap.from_function(circuit, n_features, name="arccos")
