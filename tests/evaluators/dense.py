"""States and their derivatives, gate by gate, on dense vectors with Cirq, SymPy and NumPy alone.

What lives here: the product rule along a circuit, and from it how fast fidelities and expectation
values change. An expression is differentiated by SymPy. A gate's matrix is a sum of exponentials
exp(iωa) of its argument, ω at most some 2π: a central difference of order 12 knows its derivative
to 1e-13.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from math import factorial
from typing import Any, NamedTuple

import cirq
import numpy as np
import sympy

from qkernels import FeatureMap
from qkernels.feature_maps.flattening import flatten, unroll

_ORDER, _STEP = 6, 0.03


class Dense(NamedTuple):
    """States of some points, and their derivatives by each feature, then by each parameter.

    Attributes
    ----------
    states : ndarray of shape (n_points, 2^n_qubits)
    tangents : ndarray of shape (n_points, n_features + n_parameters, 2^n_qubits)
    """

    states: np.ndarray
    tangents: np.ndarray

    def rows(self, rows: Any) -> Dense:
        """Return some of the points."""
        return Dense(self.states[rows], self.tangents[rows])


def differentiated(feature_map: FeatureMap, X: np.ndarray, parameters: Any = None) -> Dense:
    """Return the states of points, and how they change."""
    given = () if parameters is None else tuple(parameters)
    states, tangents = zip(*(_point(feature_map, (*x, *given)) for x in X), strict=True)
    return Dense(np.array(states), np.array(tangents))


def _point(feature_map: FeatureMap, values: tuple[float, ...]) -> tuple[np.ndarray, np.ndarray]:
    symbols = feature_map.feature_symbols + feature_map.parameter_symbols
    qubits = feature_map.qubits
    # The state, then its derivatives, one a row.
    rows = np.zeros((1 + len(symbols), 2 ** len(qubits)), complex)
    rows[0, 0] = 1.0
    for operation in unroll(feature_map.circuit).all_operations():
        axes = [qubits.index(q) for q in operation.qubits]
        matrix, slopes = _matrix_and_slopes(operation, symbols, values)
        before = rows[0]
        rows = _apply(matrix, rows, axes)
        for place, slope in slopes:
            rows[1 + place] += _apply(slope, before[np.newaxis], axes)[0]
    return rows[0], rows[1:]


def _apply(matrix: np.ndarray, rows: np.ndarray, axes: Sequence[int]) -> np.ndarray:
    n, k = rows.shape[1].bit_length() - 1, len(axes)
    places = [1 + axis for axis in axes]
    tensor = matrix.reshape((2,) * 2 * k)
    product = np.tensordot(rows.reshape(-1, *[2] * n), tensor, (places, range(k, 2 * k)))
    return np.moveaxis(product, range(-k, 0), places).reshape(rows.shape)


def _matrix_and_slopes(
    operation: cirq.Operation, symbols: Sequence[sympy.Symbol], values: Sequence[float]
) -> tuple[np.ndarray, list[tuple[int, np.ndarray]]]:
    """Return an operation's matrix, and its derivative by each symbol that occurs in it."""
    flat = flatten(cirq.FrozenCircuit(operation))
    (bare,) = flat.circuit.all_operations()
    arguments = [
        _argument(expression, is_phase, tuple(symbols), tuple(values))
        for expression, is_phase in zip(flat.expressions, flat.is_phase, strict=True)
    ]

    def matrix(*shifts: float) -> np.ndarray:
        shifted = [a + shift for (a, _), shift in zip(arguments, shifts, strict=True)]
        given = {
            symbol: np.exp(1j * a) if is_phase else a
            for symbol, a, is_phase in zip(flat.symbols, shifted, flat.is_phase, strict=True)
        }
        return cirq.unitary(cirq.resolve_parameters(bare, given))

    slopes = []
    for unit, (_, rates) in zip(np.eye(len(arguments)), arguments, strict=True):
        by_argument = sum(
            weight * (matrix(*step * unit) - matrix(*-step * unit)) for step, weight in _stencil()
        )
        slopes += [(k, rate * by_argument) for k, rate in enumerate(rates) if rate]
    return matrix(*np.zeros(len(arguments))), slopes


def _stencil() -> Iterator[tuple[float, float]]:
    """Yield steps h and weights w, so that f′(0) is Σ w (f(h) - f(-h))."""
    m = _ORDER
    for k in range(1, m + 1):
        share = factorial(m) ** 2 / (factorial(m - k) * factorial(m + k))
        yield k * _STEP, (-1) ** (k + 1) * share / (k * _STEP)


def _argument(
    expression: sympy.Expr,
    is_phase: bool,
    symbols: tuple[sympy.Symbol, ...],
    values: tuple[float, ...],
) -> tuple[float, list[float]]:
    """Return an argument and its derivatives; that of a global phase c is arg(c)."""
    value, *rates = _functions(expression, symbols)(*values)
    if not is_phase:
        return value, rates
    return float(np.angle(value)), [(rate / value).imag for rate in rates]


@lru_cache(maxsize=256)
def _functions(expression: sympy.Expr, symbols: tuple[sympy.Symbol, ...]) -> Any:
    return sympy.lambdify(symbols, [expression, *(expression.diff(s) for s in symbols)], "numpy")


# -- What changes with the states


def fidelity_rates(a: Dense, b: Dense) -> tuple[np.ndarray, np.ndarray]:
    """Return the derivatives of |⟨a_i|b_j⟩|² by the symbols of i and by those of j.

    Returns
    -------
    tuple of two ndarrays of shape (n_a, n_b, n_symbols)
    """
    overlaps = (a.states.conj() @ b.states.T)[:, :, np.newaxis]
    by_a = np.einsum("isd,jd->ijs", a.tangents.conj(), b.states)
    by_b = np.einsum("id,jsd->ijs", a.states.conj(), b.tangents)
    return 2 * np.real(overlaps.conj() * by_a), 2 * np.real(overlaps.conj() * by_b)


def expectation_rates(
    feature_map: FeatureMap, observables: Sequence[cirq.PauliString], a: Dense
) -> np.ndarray:
    """Return the derivatives of expectation values, (n_points, n_observables, n_symbols)."""
    shape = len(a.states), len(observables), a.tangents.shape[1]
    rates = np.zeros(shape)
    for k, observable in enumerate(observables):
        kets = a.states * observable.coefficient
        for qubit, pauli in observable.items():
            kets = _apply(cirq.unitary(pauli), kets, [feature_map.qubits.index(qubit)])
        rates[:, k] = 2 * np.real(np.einsum("id,isd->is", kets.conj(), a.tangents))
    return rates
