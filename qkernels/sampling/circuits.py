"""The circuits that estimators measure: one parametrised circuit for all points of a map.

What lives here: from a feature map to the inversion, Bell and tomography circuits, in a private
namespace of symbols, compiled for a device once. How points are paired, and what outcomes say of
a state, is the business of `requests` and `readings`.

A state is prepared by the map's circuit with its angles as symbols, so that points and trainable
parameters of any value share one circuit, and its depth cannot depend on the data.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cirq
import numpy as np
import sympy

from qkernels.expressions import ExpressionTable
from qkernels.feature_maps import FeatureMap
from qkernels.feature_maps.flattening import is_global_phase, substitute
from qkernels.sampling.programs import Program, canonical_program

KEY = "m"
# Quarter turns before a measurement of Z, as the phase and the exponent of a PhasedXPowGate.
_TURNS = np.array([[0.5, -0.5], [0.0, 0.5], [0.0, 0.0]])


@dataclass(frozen=True, eq=False)
class MeasuredMap:
    """A feature map's circuit with measurements, and the way from angles to its symbols.

    Attributes
    ----------
    program : Program
    table : ExpressionTable
        The program's symbols as functions of the first and the second half of a point: the angles
        of one state, and those of another, or the turns of a measurement setting.
    columns : tuple of (int, ...)
        The columns of first and second half that `table` takes.
    """

    program: Program
    table: ExpressionTable
    columns: tuple[tuple[int, ...], tuple[int, ...]]

    def values(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Return the values of the program's symbols, (n_points, n_symbols).

        Parameters
        ----------
        first, second : ndarray of shape (n_points, n_columns)
        """
        both = [half[:, list(c)] for half, c in zip((first, second), self.columns, strict=True)]
        return np.ascontiguousarray(self.table.evaluate(np.hstack(both)), dtype=np.float64)


@lru_cache(maxsize=64)
def inversion_circuit(feature_map: FeatureMap, target: Any = None) -> MeasuredMap:
    """Return U(y)† U(x) with all qubits measured: P(0ⁿ) is the fidelity of x and y.

    Parameters
    ----------
    feature_map : FeatureMap
    target : Target, optional
        The device to compile for.

    Raises
    ------
    ValueError
        If the circuit has no inverse, as with noise channels.

    References
    ----------
    .. [1] V. Havlíček et al., "Supervised learning with quantum-enhanced feature spaces",
       Nature 567, 209 (2019).
    """
    first, second = _prepared(feature_map, "x"), _prepared(feature_map, "y")
    inverse = cirq.Circuit(
        cirq.Moment(part) if isinstance(part, cirq.Operation) else part
        for moment in reversed(second)
        for part in _inverted(moment)
    )
    return _measured(first + inverse, feature_map.qubits, feature_map, target)


def _inverted(moment: cirq.Moment) -> Iterator[Any]:
    """Yield the inverse of a moment: a moment, or operations one by one."""
    inverses = [i for i in map(_inverse, moment) if i is not None]
    if len(inverses) == len(moment.operations):
        yield cirq.Moment(inverses)
        return
    for operation in moment:
        yield from _inverted_operation(operation)


def _inverted_operation(operation: cirq.Operation) -> Iterator[cirq.Operation]:
    inverse = _inverse(operation)
    parts = cirq.decompose_once(operation, None) if inverse is None else None
    if inverse is not None:
        yield inverse
    elif cirq.has_unitary(operation):
        yield cirq.MatrixGate(cirq.unitary(operation).conj().T)(*operation.qubits)
    elif parts:
        for part in reversed(parts):
            yield from _inverted_operation(part)
    else:
        raise ValueError(
            f"estimator='inversion' runs the circuit backwards, but {operation} has no inverse; "
            "estimator='bell' measures such maps"
        )


def _inverse(operation: cirq.Operation) -> cirq.Operation | None:
    """Return Cirq's inverse of an operation, None if it has none that is right."""
    operation = operation.untagged  # of a tagged one without inverse Cirq raises
    inverse = cirq.inverse(operation, None)
    is_controlled = isinstance(operation, cirq.ControlledOperation) or isinstance(
        operation.gate, cirq.ControlledGate
    )
    if inverse is None or not is_controlled or cirq.is_parameterized(operation):
        return inverse
    # Cirq's inverses of Clifford gates may have other phases, which count under controls.
    both = cirq.Circuit(operation, inverse).unitary(qubit_order=operation.qubits)
    return inverse if np.allclose(both, np.eye(len(both)), atol=1e-7) else None


@lru_cache(maxsize=64)
def bell_circuit(feature_map: FeatureMap, target: Any = None) -> MeasuredMap:
    """Return two copies of the map's circuit with a Bell measurement of each pair of qubits.

    The mean of (−1)^(Σ aᵢbᵢ) is Tr ρσ, for mixed states too.

    Parameters
    ----------
    feature_map : FeatureMap
    target : Target, optional
        The device to compile for.

    References
    ----------
    .. [1] J. C. Garcia-Escartin and P. Chamorro-Posada, "Swap test and Hong-Ou-Mandel effect are
       equivalent", Physical Review A 87, 052330 (2013).
    """
    copies = second_copy(feature_map.qubits)
    pairs = list(zip(feature_map.qubits, copies, strict=True))
    other = _prepared(feature_map, "y").transform_qubits(dict(pairs))
    both = cirq.Circuit(cirq.align_left(_prepared(feature_map, "x").zip(other)))
    both += cirq.Circuit(cirq.Moment(cirq.CNOT(a, b) for a, b in pairs))
    both += cirq.Circuit(cirq.Moment(cirq.H(a) for a, _ in pairs))
    return _measured(both, (*feature_map.qubits, *copies), feature_map, target)


@lru_cache(maxsize=64)
def tomography_circuit(feature_map: FeatureMap, target: Any = None) -> MeasuredMap:
    """Return the map's circuit, then a quarter turn of each qubit to X, Y or Z, and measurements.

    Parameters
    ----------
    feature_map : FeatureMap
    target : Target, optional
        The device to compile for.
    """
    turns = cirq.Moment(
        cirq.PhasedXPowGate(
            phase_exponent=sympy.Symbol(f"qk_y{2 * k}"), exponent=sympy.Symbol(f"qk_y{2 * k + 1}")
        )(qubit)
        for k, qubit in enumerate(feature_map.qubits)
    )
    circuit = _prepared(feature_map, "x") + cirq.Circuit(turns)
    return _measured(circuit, feature_map.qubits, feature_map, target)


def turns(settings: np.ndarray) -> np.ndarray:
    """Return the second half of a tomography circuit's points.

    Parameters
    ----------
    settings : ndarray of shape (n_settings, n_qubits), int
        0, 1, 2 for X, Y, Z.

    Returns
    -------
    ndarray of shape (n_settings, 2 n_qubits)
    """
    return _TURNS[settings].reshape(len(settings), -1)


def second_copy(qubits: tuple[cirq.Qid, ...]) -> tuple[cirq.Qid, ...]:
    """Return as many qubits beside the given ones: behind a line, below a grid.

    Qubits that are neither on one line nor on one grid get named copies.
    """
    line = [qubit for qubit in qubits if isinstance(qubit, cirq.LineQubit)]
    if len(line) == len(qubits):
        shift = line[-1].x - line[0].x + 1
        return tuple(qubit + shift for qubit in line)
    grid = [qubit for qubit in qubits if isinstance(qubit, cirq.GridQubit)]
    if len(grid) == len(qubits):
        down = (grid[-1].row - grid[0].row + 1, 0)
        return tuple(qubit + down for qubit in grid)
    return tuple(cirq.NamedQubit(f"{qubit} copy") for qubit in qubits)


def _measured(
    circuit: cirq.Circuit, qubits: tuple[cirq.Qid, ...], feature_map: FeatureMap, target: Any
) -> MeasuredMap:
    """Add the measurement, compile, and name the symbols anew."""
    circuit = circuit + cirq.Circuit(cirq.Moment(cirq.measure(*qubits, key=KEY)))
    if target is not None:
        circuit = target.compile(circuit)
    program, table = canonical_program(circuit)
    first, second = (
        tuple(int(name[4:]) for name in table.symbols if name[3] == letter) for letter in "xy"
    )
    names = *(f"qk_x{k}" for k in first), *(f"qk_y{k}" for k in second)
    return MeasuredMap(program, ExpressionTable(names, table.expressions), (first, second))


def _prepared(feature_map: FeatureMap, letter: str) -> cirq.Circuit:
    """Return the map's circuit with the k-th angle as the symbol qk_{letter}{k}."""
    names = {
        symbol: sympy.Symbol(f"qk_{letter}{k}")
        for k, symbol in enumerate(feature_map.angle_symbols)
    }

    def rename(expression: sympy.Expr) -> sympy.Expr:
        return expression.xreplace(names)

    circuit = _without_global_phases(feature_map.flattened[0])
    return substitute(circuit, rename, rename).unfreeze()


def _without_global_phases(circuit: cirq.FrozenCircuit) -> cirq.FrozenCircuit:
    """Drop the phases that nobody can measure, and write symbolic controlled ones as Z rotations.

    A global phase gate wants a complex number, which is no value for a symbol on a device.
    """
    return cirq.FrozenCircuit(
        moment if not any(map(is_global_phase, moment)) else list(_phases(moment))
        for moment in circuit
    )


def _phases(moment: cirq.Moment) -> Iterator[cirq.Operation]:
    for operation in moment:
        if not is_global_phase(operation):
            yield operation
        elif operation.qubits:
            yield from _controlled_phase(operation)


def _controlled_phase(operation: cirq.Operation) -> Iterator[cirq.Operation]:
    """Yield a controlled global phase, its coefficient's symbol in half turns, as gates."""
    controlled = operation.without_classical_controls().untagged
    if not cirq.is_parameterized(operation) or not isinstance(controlled, cirq.ControlledOperation):
        yield operation
        return
    phase = controlled.sub_operation.gate.coefficient  # type: ignore[union-attr]
    *controls, last = controlled.controls
    for *values, final in controlled.control_values.expand():
        flips = [cirq.X(last)] if not final else []
        yield from flips
        yield (cirq.Z(last) ** phase).controlled_by(*controls, control_values=values)
        yield from flips
