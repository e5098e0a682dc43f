"""A feature map's circuit with a private symbol for each symbolic exponent in it: the shift map.

What lives here: which gates depend on their exponent with known frequencies, how all others are
written by such gates, and the linear way from angles to exponents. A gate in one piece is kept so,
unless its rotations need fewer shifts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

import cirq
import numpy as np
import sympy

from qkernels.compilation.angles import Angle
from qkernels.compilation.decomposition import Decomposer
from qkernels.compilation.primitives import (
    ControlledNot,
    Flip,
    GlobalPhase,
    PauliRotation,
    Primitive,
    Unitary,
)
from qkernels.feature_maps import FeatureMap
from qkernels.parameter_shift.rules import ShiftRule, frequencies_of, shift_rule


@dataclass(frozen=True, eq=False)
class Occurrences:
    """The symbolic exponents of a circuit, one for each gate that has one.

    Attributes
    ----------
    shift_map : FeatureMap
        The circuit with the exponents as its features, and without parameters.
    coefficients : ndarray of shape (n_occurrences, n_angles)
    constants : ndarray of shape (n_occurrences,)
        Exponents are `coefficients` times the angles of the map, plus `constants`.
    rules : tuple of ShiftRule
        How to differentiate by each exponent.
    of_parameters : ndarray of shape (n_occurrences,), bool
        Whether an exponent depends on trainable parameters.
    """

    shift_map: FeatureMap
    coefficients: np.ndarray
    constants: np.ndarray
    rules: tuple[ShiftRule, ...]
    of_parameters: np.ndarray

    def exponents(self, angles: np.ndarray) -> np.ndarray:
        """Return the exponents, (n_points, n_occurrences), at angles (n_points, n_angles)."""
        return angles @ self.coefficients.T + self.constants


@lru_cache(maxsize=64)
def occurrences(feature_map: FeatureMap) -> Occurrences:
    """Return the occurrences of symbolic exponents in a map's circuit.

    Raises
    ------
    ValueError
        If an operation with symbols is neither a power of a gate with known eigenvalues nor made
        of such; the message names it.
    """
    circuit, powers = _rewritten(feature_map)
    names = [f"s{k}" for k in range(len(powers))]
    coefficients = np.zeros((len(powers), len(feature_map.angle_symbols)))
    for row, power in zip(coefficients, powers, strict=True):
        row[list(power.exponent.terms)] = list(power.exponent.terms.values())
    trained = set(feature_map.parameter_symbols)
    expressions = feature_map.flattened[1].expressions
    is_trained = np.array([bool(e.free_symbols & trained) for e in expressions], dtype=bool)
    return Occurrences(
        FeatureMap(circuit, names),
        coefficients,
        np.array([power.exponent.constant for power in powers]),
        tuple(shift_rule(power.frequencies) for power in powers),
        (coefficients != 0) @ is_trained,
    )


def _rewritten(feature_map: FeatureMap) -> tuple[cirq.Circuit, list[_Power]]:
    """Return the circuit in the symbols s0, s1, ..., and the powers whose exponents these are."""
    flat, table = feature_map.flattened
    symbols = feature_map.angle_symbols
    powers: list[_Power] = []

    def named(part: _Part) -> cirq.Operation:
        if not isinstance(part, _Power):
            return part
        powers.append(part)
        return part.operation(sympy.Symbol(f"s{len(powers) - 1}"))

    def rewrite(operation: cirq.Operation) -> list[cirq.Operation]:
        try:
            return [*map(named, _parts(operation, symbols))]
        except ValueError as error:
            given = dict(zip(symbols, table.expressions, strict=True))
            name = cirq.resolve_parameters(operation, given, recursive=False)
            raise ValueError(f"no parameter-shift rule for {name}: {error}") from error

    moments = [[*map(rewrite, moment)] for moment in flat]
    circuit = cirq.Circuit(map(_moment_or_operations, moments))
    lost = set(feature_map.qubits) - circuit.all_qubits()
    return circuit + cirq.I.on_each(*sorted(lost)), powers


def _moment_or_operations(parts: list[list[cirq.Operation]]) -> Any:
    """Keep a moment whose operations are as many as they were; else place them anew."""
    operations = [operation for of_one in parts for operation in of_one]
    return cirq.Moment(operations) if all(len(of_one) <= 1 for of_one in parts) else operations


@dataclass(frozen=True, eq=False)
class _Power:
    """An operation with eigenvalues exp(iπ t level), where the exponent t is linear in angles."""

    operation: Callable[[Any], cirq.Operation]
    exponent: Angle
    frequencies: tuple[float, ...]


_Part: TypeAlias = _Power | cirq.Operation


def _n_shifts(parts: list[_Part]) -> int:
    return sum(2 * len(part.frequencies) for part in parts if isinstance(part, _Power))


def _parts(operation: cirq.Operation, symbols: tuple[sympy.Symbol, ...]) -> list[_Part]:
    """Return what an operation is made of, up to a global phase, with as few shifts as known."""
    if not cirq.is_parameterized(operation):
        return [operation]
    operation = operation.untagged
    decomposer = Decomposer(operation.qubits, symbols)
    whole = _power(operation, decomposer)
    if whole is not None and not whole.frequencies:
        return []  # a global phase
    if whole is not None and len(whole.frequencies) == 1:
        return [whole]
    if pieces := _pieces(operation):
        return [part for piece in pieces for part in _parts(piece, symbols)]
    try:
        written = [*_written(decomposer.operation(operation), operation.qubits)]
    except ValueError:
        if whole is None:
            raise
        return [whole]
    return written if whole is None else min([whole], written, key=_n_shifts)


def _power(operation: cirq.Operation, decomposer: Decomposer) -> _Power | None:
    """Return a gate of known eigenvalues, perhaps controlled, with symbols in the exponent only."""
    outer = operation.gate
    gate = outer.sub_gate if isinstance(outer, cirq.ControlledGate) else outer
    if not isinstance(gate, cirq.EigenGate) or cirq.is_parameterized(gate._with_exponent(0.5)):
        return None
    levels = [float(level) + gate.global_shift for level in gate._eigen_shifts()]

    def raised(exponent: Any) -> cirq.Operation:
        power = gate._with_exponent(exponent)
        if not isinstance(outer, cirq.ControlledGate):
            return power.on(*operation.qubits)
        shape = outer.control_qid_shape
        return cirq.ControlledGate(power, len(shape), outer.control_values).on(*operation.qubits)

    if outer is not gate:
        levels.append(0.0)  # where the controls say no
    return _Power(raised, decomposer.angle(gate.exponent), frequencies_of(levels))


def _pieces(operation: cirq.Operation) -> list[cirq.Operation] | None:
    """Return the parts of gates whose rotations would need more shifts than these."""
    gate = operation.gate
    if isinstance(gate, cirq.PhasedFSimGate):
        return cirq.decompose_once(operation)
    if isinstance(gate, cirq.FSimGate):
        hopping = cirq.ISWAP ** (-2 / math.pi * gate.theta)
        return [hopping(*operation.qubits), cirq.CZ(*operation.qubits) ** (-gate.phi / math.pi)]
    return None


def _written(steps: Iterable[Primitive], qubits: tuple[cirq.Qid, ...]) -> Iterator[_Part]:
    """Yield primitives on some qubits as Cirq's operations; global phases are left out."""
    for step in steps:
        on = [qubits[place] for place in step.qubits]
        if isinstance(step, PauliRotation):
            yield _rotation(step, on)
        elif not isinstance(step, GlobalPhase):
            yield _gate(step).on(*on)


def _gate(step: Flip | ControlledNot | Unitary) -> cirq.Gate:
    if isinstance(step, Flip):
        return cirq.X
    return cirq.CNOT if isinstance(step, ControlledNot) else cirq.MatrixGate(step.matrix)


def _rotation(step: PauliRotation, qubits: list[cirq.Qid]) -> _Part:
    """Return exp(-i angle/2 P), up to a global phase, as a power of the Pauli word P."""
    exponent = 1 / math.pi * step.angle
    gate = _PAULI_POWERS.get(word := "".join(letter for _, letter in step.word))

    def raised(power: Any) -> cirq.Operation:
        if gate is not None:
            return gate(exponent=power).on(*qubits)
        return cirq.PauliStringPhasorGate(cirq.DensePauliString(word), exponent_neg=power)(*qubits)

    if exponent.is_constant:
        return raised(exponent.constant)
    return _Power(raised, exponent, (1.0,))


_PAULI_POWERS = {
    **{"X": cirq.XPowGate, "Y": cirq.YPowGate, "Z": cirq.ZPowGate},
    **{"XX": cirq.XXPowGate, "YY": cirq.YYPowGate, "ZZ": cirq.ZZPowGate},
}
