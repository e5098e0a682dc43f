"""What Cirq's gates are made of: operations → primitives.

A rule for each family of gates says, symbolically, which rotations make it up, to the last global
phase, because a control makes that phase visible. What has no rule is taken by its numeric matrix
or by Cirq's own decomposition. How primitives are merged and laid out is not known here.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import cirq
import numpy as np
import sympy

from qkernels.compilation.angles import Angle, angle_of
from qkernels.compilation.primitives import (
    ControlledNot,
    Controls,
    Flip,
    GlobalPhase,
    PauliRotation,
    Primitive,
    Unitary,
    controlled,
    diagonal,
)

MAX_MATRIX_QUBITS = 6
MAX_CONTROLS = 12

Rule = Callable[["Decomposer", Any, tuple[int, ...]], Iterable[Primitive]]
_RULES: dict[type, Rule] = {}


def _rule(*gate_types: type) -> Callable[[Rule], Rule]:
    def register(function: Rule) -> Rule:
        for gate_type in gate_types:
            _RULES[gate_type] = function
        return function

    return register


class Decomposer:
    """Takes operations on some qubits, with flat symbols, apart into primitives.

    Parameters
    ----------
    qubits : sequence of cirq.Qid
        The operations' qubits; primitives name them by their place here.
    symbols : sequence of sympy.Symbol
        The flat symbols; angles name them by their place here.
    """

    def __init__(self, qubits: Iterable[cirq.Qid], symbols: Iterable[sympy.Symbol]) -> None:
        self._all_qubits = tuple(qubits)
        self._places = {qubit: place for place, qubit in enumerate(self._all_qubits)}
        self._numbers = {symbol.name: number for number, symbol in enumerate(symbols)}

    def circuit(self, circuit: cirq.AbstractCircuit) -> Iterator[Primitive]:
        """Yield the primitives of a whole circuit.

        Raises
        ------
        ValueError
            If an operation cannot be compiled; the message names it and its moment.
        """
        for i, moment in enumerate(circuit):
            # Equal moments may differ in their order, and equal circuits compile to equal programs.
            for operation in sorted(moment, key=lambda operation: operation.qubits):
                try:
                    yield from self.operation(operation)
                except ValueError as error:
                    raise ValueError(f"moment {i}: {_name(operation)}: {error}") from error

    def operation(self, operation: cirq.Operation) -> Iterable[Primitive]:
        """Return the primitives of one operation."""
        operation = operation.untagged
        qubits = self._qubits(operation.qubits)
        if isinstance(operation, cirq.ControlledOperation):
            n = len(operation.controls)
            controls = _controls(qubits[:n], operation.control_values)
            return controlled(self.operation(operation.sub_operation), controls)
        if isinstance(operation, cirq.PauliString):
            return _pauli_word(_letters(operation.values()), operation.coefficient, qubits)
        for gate_type in type(operation.gate).__mro__:
            if rule := _RULES.get(gate_type):
                return rule(self, operation.gate, qubits)
        return self._without_rule(operation, qubits)

    def angle(self, value: Any) -> Angle:
        """Return a gate's argument as an angle."""
        return angle_of(value, self._numbers)

    def half_turns(self, value: Any) -> Angle:
        """Return an exponent t as the angle πt."""
        return math.pi * self.angle(value)

    def _qubits(self, qubits: Iterable[cirq.Qid]) -> tuple[int, ...]:
        return tuple(self._places[qubit] for qubit in qubits)

    def _without_rule(
        self, operation: cirq.Operation, qubits: tuple[int, ...]
    ) -> Iterable[Primitive]:
        if not cirq.is_parameterized(operation):
            if not cirq.has_unitary(operation):
                raise ValueError(
                    "expected a unitary operation; a noise channel needs an evaluator of mixed "
                    "states, this one computes pure ones"
                )
            if len(qubits) <= 2:
                return _matrix(qubits, cirq.unitary(operation))
        if isinstance(operation.gate, cirq.EigenGate):
            return self._eigen_gate(operation.gate, qubits)
        parts = cirq.decompose_once(operation, default=None)
        if parts is not None and self._places.keys() >= {q for p in parts for q in p.qubits}:
            return [step for part in parts for step in self.operation(part)]
        if cirq.is_parameterized(operation):
            raise ValueError("no rule for this gate with symbols, and Cirq does not decompose it")
        return _matrix(qubits, cirq.unitary(operation))

    def _eigen_gate(self, gate: cirq.EigenGate, qubits: tuple[int, ...]) -> Iterator[Primitive]:
        """Yield V D V†: the gate is diagonal in a fixed basis, whatever its exponent."""
        if len(qubits) > MAX_MATRIX_QUBITS:
            raise ValueError(_too_many_qubits(len(qubits)))
        columns, shifts = [], []
        for shift, projector in gate._eigen_components():
            values, vectors = np.linalg.eigh(projector)
            columns.append(vectors[:, values > 0.5])
            shifts += [float(shift) + gate.global_shift] * columns[-1].shape[1]
        basis = np.hstack(columns)
        yield Unitary(qubits, basis.conj().T, conjugation=True)
        yield from diagonal(qubits, [shift * self.half_turns(gate.exponent) for shift in shifts])
        yield Unitary(qubits, basis, conjugation=True)


def _name(operation: cirq.Operation) -> str:
    """Return an operation's text for a message; matrices, which print as tables, by their class."""
    text = str(operation)
    if "\n" not in text:
        return text
    return f"{type(operation.gate).__name__}({', '.join(map(str, operation.qubits))})"


def _too_many_qubits(count: int) -> str:
    return f"expected a matrix on at most {MAX_MATRIX_QUBITS} qubits, got one on {count}"


def _matrix(qubits: tuple[int, ...], matrix: np.ndarray) -> Iterator[Primitive]:
    """Yield the primitives of a numeric unitary."""
    if len(qubits) > MAX_MATRIX_QUBITS:
        raise ValueError(_too_many_qubits(len(qubits)))
    if len(qubits) == 1:
        yield from _one_qubit(qubits[0], matrix)
    elif np.count_nonzero(np.abs(matrix - np.diag(np.diag(matrix))) > 1e-15) == 0:
        yield from diagonal(qubits, [Angle(float(a)) for a in np.angle(np.diag(matrix))])
    else:
        yield Unitary(qubits, np.asarray(matrix, dtype=np.complex128))


def _one_qubit(qubit: int, matrix: np.ndarray) -> Iterator[Primitive]:
    """Yield exp(iα) RZ(a) RY(b) RZ(c), rightmost first."""
    phase = 0.5 * cmath.phase(np.linalg.det(matrix))
    special = matrix * cmath.exp(-1j * phase)
    b = 2.0 * math.atan2(abs(special[1, 0]), abs(special[0, 0]))
    plus = -2.0 * cmath.phase(special[0, 0]) if abs(special[0, 0]) > 1e-15 else 0.0
    minus = 2.0 * cmath.phase(special[1, 0]) if abs(special[1, 0]) > 1e-15 else 0.0
    yield _z(qubit, Angle(0.5 * (plus - minus)))
    yield PauliRotation(((qubit, "Y"),), Angle(b))
    yield _z(qubit, Angle(0.5 * (plus + minus)))
    yield GlobalPhase(Angle(phase))


def _z(qubit: int, angle: Angle, *, conjugation: bool = False) -> PauliRotation:
    return PauliRotation(((qubit, "Z"),), angle, conjugation)


def _word(qubits: tuple[int, ...], letters: str) -> tuple[tuple[int, str], ...]:
    return tuple(zip(qubits, letters, strict=True))


def _controls(qubits: tuple[int, ...], values: cirq.ops.AbstractControlValues) -> Controls:
    if len(qubits) > MAX_CONTROLS:
        raise ValueError(f"expected at most {MAX_CONTROLS} controls, got {len(qubits)}")
    return Controls(qubits, frozenset(tuple(map(int, v)) for v in values.expand()))


def _pauli_power(
    self: Decomposer, gate: Any, qubits: tuple[int, ...], letters: str
) -> Iterator[Primitive]:
    """Yield P^t = exp(iπt(shift + ½)) exp(-iπt/2 · P) for a Pauli word P."""
    angle = self.half_turns(gate.exponent)
    if letters == "X" and angle.is_odd_half_turn:
        yield Flip(qubits[0])
        yield GlobalPhase(gate.global_shift * angle)
        return
    yield PauliRotation(_word(qubits, letters), angle)
    yield GlobalPhase((gate.global_shift + 0.5) * angle)


def _power_rule(gate_type: type, letters: str) -> None:
    _RULES[gate_type] = lambda self, gate, qubits: _pauli_power(self, gate, qubits, letters)


for _gate_type, _word_of_type in (
    (cirq.XPowGate, "X"),
    (cirq.YPowGate, "Y"),
    (cirq.ZPowGate, "Z"),
    (cirq.XXPowGate, "XX"),
    (cirq.YYPowGate, "YY"),
    (cirq.ZZPowGate, "ZZ"),
):
    _power_rule(_gate_type, _word_of_type)


def _controlled_power_rule(gate_type: type, letter: str, n_controls: int) -> None:
    base = {"X": cirq.X, "Y": cirq.Y, "Z": cirq.Z}[letter]

    def rule(self: Decomposer, gate: Any, qubits: tuple[int, ...]) -> Iterator[Primitive]:
        controls = Controls(qubits[:n_controls], frozenset({(1,) * n_controls}))
        steps = _pauli_power(self, base**gate.exponent, qubits[n_controls:], letter)
        yield from controlled(steps, controls)
        yield GlobalPhase(gate.global_shift * self.half_turns(gate.exponent))

    _RULES[gate_type] = rule


for _letter in "XYZ":
    for _n_controls in (1, 2):
        # Older releases of Cirq have no CYPowGate and CCYPowGate.
        if _found := getattr(cirq, f"{'C' * _n_controls}{_letter}PowGate", None):
            _controlled_power_rule(_found, _letter, _n_controls)


@_rule(cirq.IdentityGate, cirq.WaitGate)
def _identity(self: Decomposer, gate: Any, qubits: tuple[int, ...]) -> Iterable[Primitive]:
    return ()


@_rule(cirq.HPowGate)
def _hadamard(
    self: Decomposer, gate: cirq.HPowGate, qubits: tuple[int, ...]
) -> Iterator[Primitive]:
    angle = self.half_turns(gate.exponent)
    if angle.is_odd_half_turn:
        yield from _matrix(qubits, cirq.unitary(cirq.H))
        yield GlobalPhase(gate.global_shift * angle)
        return
    tilt = PauliRotation(((qubits[0], "Y"),), Angle(math.pi / 4), conjugation=True)
    yield PauliRotation(tilt.word, -tilt.angle, conjugation=True)
    yield _z(qubits[0], angle)
    yield tilt
    yield GlobalPhase((gate.global_shift + 0.5) * angle)


@_rule(cirq.SwapPowGate)
def _swap(self: Decomposer, gate: cirq.SwapPowGate, qubits: tuple[int, ...]) -> Iterator[Primitive]:
    angle = self.half_turns(gate.exponent)
    if angle.is_odd_half_turn:
        first, second = qubits
        yield ControlledNot(second, first, conjugation=True)
        yield ControlledNot(first, second)
        yield ControlledNot(second, first, conjugation=True)
        yield GlobalPhase(gate.global_shift * angle)
        return
    for letters in ("XX", "YY", "ZZ"):
        yield PauliRotation(_word(qubits, letters), 0.5 * angle)
    yield GlobalPhase((gate.global_shift + 0.25) * angle)


@_rule(cirq.CSwapGate)
def _controlled_swap(
    self: Decomposer, gate: cirq.CSwapGate, qubits: tuple[int, ...]
) -> Iterator[Primitive]:
    controls = Controls(qubits[:1], frozenset({(1,)}))
    return controlled(_swap(self, cirq.SWAP, qubits[1:]), controls)


@_rule(cirq.ISwapPowGate)
def _iswap(
    self: Decomposer, gate: cirq.ISwapPowGate, qubits: tuple[int, ...]
) -> Iterator[Primitive]:
    angle = self.half_turns(gate.exponent)
    for letters in ("XX", "YY"):
        yield PauliRotation(_word(qubits, letters), -0.5 * angle)
    yield GlobalPhase(gate.global_shift * angle)


@_rule(cirq.PhasedISwapPowGate)
def _phased_iswap(
    self: Decomposer, gate: cirq.PhasedISwapPowGate, qubits: tuple[int, ...]
) -> Iterator[Primitive]:
    phase = self.half_turns(gate.phase_exponent)
    for qubit, sign in zip(qubits, (1.0, -1.0), strict=True):
        yield _z(qubit, sign * phase, conjugation=True)
    for letters in ("XX", "YY"):
        yield PauliRotation(_word(qubits, letters), -0.5 * self.half_turns(gate.exponent))
    for qubit, sign in zip(qubits, (-1.0, 1.0), strict=True):
        yield _z(qubit, sign * phase, conjugation=True)


@_rule(cirq.PhasedXPowGate)
def _phased_x(
    self: Decomposer, gate: cirq.PhasedXPowGate, qubits: tuple[int, ...]
) -> Iterator[Primitive]:
    phase = self.half_turns(gate.phase_exponent)
    yield _z(qubits[0], -phase, conjugation=True)
    yield from _pauli_power(self, gate, qubits, "X")
    yield _z(qubits[0], phase, conjugation=True)


@_rule(cirq.PhasedXZGate)
def _phased_xz(
    self: Decomposer, gate: cirq.PhasedXZGate, qubits: tuple[int, ...]
) -> Iterator[Primitive]:
    axis = self.half_turns(gate.axis_phase_exponent)
    yield _z(qubits[0], -axis, conjugation=True)
    yield from _pauli_power(self, cirq.X**gate.x_exponent, qubits, "X")
    yield _z(qubits[0], axis, conjugation=True)
    yield from _pauli_power(self, cirq.Z**gate.z_exponent, qubits, "Z")


@_rule(cirq.FSimGate)
def _fsim(self: Decomposer, gate: cirq.FSimGate, qubits: tuple[int, ...]) -> Iterator[Primitive]:
    """Yield exp(-iθ(XX + YY)/2), then exp(-iφ) on |11⟩."""
    for letters in ("XX", "YY"):
        yield PauliRotation(_word(qubits, letters), self.angle(gate.theta))
    yield from diagonal(qubits, [Angle(), Angle(), Angle(), -self.angle(gate.phi)])


@_rule(cirq.PhasedFSimGate)
def _phased_fsim(
    self: Decomposer, gate: cirq.PhasedFSimGate, qubits: tuple[int, ...]
) -> Iterator[Primitive]:
    """Yield an FSim between Z's; Cirq does not always see that this gate has symbols."""
    for operation in cirq.decompose_once(gate.on(*(self._all_qubits[q] for q in qubits))):
        yield from self.operation(operation)


@_rule(cirq.TwoQubitDiagonalGate, cirq.ThreeQubitDiagonalGate, cirq.DiagonalGate)
def _diagonal_gate(self: Decomposer, gate: Any, qubits: tuple[int, ...]) -> Iterator[Primitive]:
    return diagonal(qubits, [self.angle(a) for a in gate._diag_angles_radians])


@_rule(cirq.GlobalPhaseGate)
def _global_phase(
    self: Decomposer, gate: cirq.GlobalPhaseGate, qubits: tuple[int, ...]
) -> Iterator[Primitive]:
    """Yield the phase; a symbol stands for half turns (`FeatureMap.flattened`)."""
    if isinstance(gate.coefficient, sympy.Basic):
        yield GlobalPhase(self.half_turns(gate.coefficient))
    else:
        yield GlobalPhase(Angle(cmath.phase(complex(gate.coefficient))))


@_rule(cirq.ControlledGate)
def _controlled_gate(
    self: Decomposer, gate: cirq.ControlledGate, qubits: tuple[int, ...]
) -> Iterator[Primitive]:
    n = gate.num_controls()
    operation = gate.sub_gate.on(*(self._all_qubits[q] for q in qubits[n:]))
    return controlled(self.operation(operation), _controls(qubits[:n], gate.control_values))


@_rule(cirq.MatrixGate)
def _matrix_gate(
    self: Decomposer, gate: cirq.MatrixGate, qubits: tuple[int, ...]
) -> Iterator[Primitive]:
    return _matrix(qubits, cirq.unitary(gate))


def _letters(paulis: Iterable[cirq.Pauli]) -> str:
    return "".join(str(pauli) for pauli in paulis)


def _pauli_word(letters: str, coefficient: Any, qubits: tuple[int, ...]) -> Iterator[Primitive]:
    """Yield multiplication by a Pauli word with a coefficient of modulus 1."""
    if isinstance(coefficient, sympy.Basic) or abs(abs(coefficient) - 1.0) > 1e-8:
        raise ValueError(f"expected a number of modulus 1 as coefficient, got {coefficient}")
    word = tuple((q, letter) for q, letter in zip(qubits, letters, strict=True) if letter != "I")
    if word:
        yield PauliRotation(word, Angle(math.pi))
        yield GlobalPhase(Angle(math.pi / 2))
    yield GlobalPhase(Angle(cmath.phase(complex(coefficient))))


@_rule(cirq.BaseDensePauliString)
def _dense_pauli_string(
    self: Decomposer, gate: cirq.BaseDensePauliString, qubits: tuple[int, ...]
) -> Iterator[Primitive]:
    letters = "".join("IXYZ"[k] for k in gate.pauli_mask)
    return _pauli_word(letters, gate.coefficient, qubits)


@_rule(cirq.PauliStringPhasorGate)
def _pauli_string_phasor(
    self: Decomposer, gate: cirq.PauliStringPhasorGate, qubits: tuple[int, ...]
) -> Iterator[Primitive]:
    """Yield exp(iπ·neg) on the eigenvalue -1 of the word, exp(iπ·pos) on 1."""
    if not qubits:
        return
    negative = self.half_turns(gate.exponent_neg)
    positive = self.half_turns(gate.exponent_pos)
    # Cirq's simulators take the parity of all the qubits: an I in the word acts as a Z.
    letters = ("ZXYZ"[k] for k in gate.dense_pauli_string.pauli_mask)
    yield PauliRotation(tuple(zip(qubits, letters, strict=True)), negative - positive)
    yield GlobalPhase(0.5 * (negative + positive))
