"""What a circuit is made of, for a device: constant gates, Z^t and ZZ^t.

What lives here: a rule for each family of gates with symbols, which writes it as a constant change
of basis and rotations about products of Z, and the gathering of what commutes. Only `Z**t` and
`ZZ**t` hold symbols afterwards. Which gates a device has, and where its qubits are, is the business
of `gates` and `routing`.

A rotation is exp(-iπ/2 Σ_S c_S Z_S), with Z_S the product of Z on a set S of qubits; Z**t has
c = t on its qubit, and the empty set holds the global phase, which a control makes visible.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cirq
import numpy as np
import sympy

from qkernels.feature_maps.flattening import evaluated

MAX_MATRIX_QUBITS = 6
_ATOL = 1e-9

Words = Mapping[frozenset[cirq.Qid], Any]


@dataclass(frozen=True)
class Rotation:
    """V† exp(-iπ/2 Σ_S c_S Z_S) V for a constant V: V is `basis`, c is `words`."""

    words: Words
    basis: tuple[cirq.Operation, ...] = ()

    def controlled(self, projector: Words) -> Rotation:
        """Return the rotation where a projector, Σ_S w_S Z_S on other qubits, is 1."""
        products = itertools.product(self.words.items(), projector.items())
        return Rotation({s | t: c * w for (s, c), (t, w) in products}, self.basis)

    def operations(self) -> Iterator[cirq.Operation]:
        """Yield constants, Z**t and ZZ**t; the global phase is dropped."""
        yield from self.basis
        for word, turns in sorted(self.words.items(), key=lambda w: (len(w[0]), sorted(w[0]))):
            if word and turns != 0:
                yield from _word(sorted(word), turns)
        yield from map(cirq.inverse, reversed(self.basis))


Piece = Rotation | cirq.Operation
Rule = Callable[[Any, Sequence[cirq.Qid]], Iterable[Piece]]
_RULES: dict[type, Rule] = {}


def primitives(operation: cirq.Operation) -> Iterator[cirq.Operation]:
    """Yield constant operations on at most two qubits, Z**t and ZZ**t.

    Parameters
    ----------
    operation : cirq.Operation
        What cannot be taken apart is yielded as it is.
    """
    for piece in _pieces(operation):
        if isinstance(piece, Rotation):
            yield from piece.operations()
        elif _is_symbolic(piece):
            yield piece
        else:
            yield from _constants(piece)


def is_primitive(operation: cirq.Operation) -> bool:
    """Tell whether an operation is what `primitives` is meant to yield."""
    if _is_symbolic(operation):
        return type(operation.gate) in (cirq.ZPowGate, cirq.ZZPowGate)
    return len(operation.qubits) <= 2


def sum_of_turns(first: Any, second: Any) -> Any:
    """Return the sum of two exponents, a number where their symbols cancel."""
    total = first + second
    return evaluated(total) if isinstance(total, sympy.Basic) else total


def is_diagonal(operation: cirq.Operation) -> bool:
    """Tell whether an operation is diagonal in the basis that is measured."""
    if isinstance(operation.gate, cirq.ZPowGate | cirq.ZZPowGate | cirq.CZPowGate):
        return True
    if _is_symbolic(operation):
        return False
    matrix = _matrix(operation)
    return bool(np.allclose(matrix, np.diag(np.diag(matrix)), atol=_ATOL))


def gathered(operations: Iterable[cirq.Operation]) -> list[cirq.Operation]:
    """Join rotations and constants that meet, past diagonal ones that commute with them.

    Which gates are left depends on the symbols that they hold, never on values: of U(y)† U(x),
    ZZ**y† and ZZ**x become ZZ**(x - y), also where x = y.

    Parameters
    ----------
    operations : iterable of cirq.Operation
        What `primitives` yields.
    """
    found: list[tuple[cirq.Operation, bool] | None] = []
    for operation in operations:
        if operation.qubits and not _is_identity(operation):
            _gather(found, operation)
    return [item[0] for item in found if item is not None]


def _gather(found: list[tuple[cirq.Operation, bool] | None], operation: cirq.Operation) -> None:
    """Add an operation and whether it is diagonal, or join it with one before it."""
    diagonal = is_diagonal(operation)
    place = len(found)
    for i in range(len(found) - 1, -1, -1):
        item = found[i]
        if item is None or set(item[0].qubits).isdisjoint(operation.qubits):
            continue
        if (joined := _joined(item[0], operation)) is not None:
            found[i] = None if _is_identity(joined) else (joined, is_diagonal(joined))
            return
        if not (diagonal and item[1]):
            break
        # One-qubit gates go first, so that two-qubit gates meet.
        place = i if len(operation.qubits) == 1 else place
    found.insert(place, (operation, diagonal))


def _joined(first: cirq.Operation, second: cirq.Operation) -> cirq.Operation | None:
    """Return the product of two operations on the same qubits, where it is as simple as each."""
    if set(first.qubits) != set(second.qubits):
        return None
    kinds = {type(first.gate), type(second.gate)}
    if kinds in ({cirq.ZPowGate}, {cirq.ZZPowGate}):
        turns = sum_of_turns(first.gate.exponent, second.gate.exponent)  # type: ignore[union-attr]
        gate = cirq.Z if kinds == {cirq.ZPowGate} else cirq.ZZ
        return (gate**turns)(*first.qubits)
    if _is_symbolic(first) or _is_symbolic(second):
        return None
    product = cirq.MatrixGate(cirq.Circuit(first, second).unitary(first.qubits))
    operation = product(*first.qubits)
    return operation if len(first.qubits) == 1 or _is_identity(operation) else None


def _is_symbolic(operation: cirq.Operation) -> bool:
    # Of PhasedFSimGate's symbols, Cirq does not see all.
    return cirq.is_parameterized(operation) or not cirq.has_unitary(operation)


def _matrix(operation: cirq.Operation) -> np.ndarray:
    # A circuit's, because `cirq.unitary` is wrong for a control whose value is False.
    return cirq.Circuit(operation).unitary(operation.qubits)


def _is_identity(operation: cirq.Operation) -> bool:
    if _is_symbolic(operation):
        return False
    matrix = _matrix(operation)
    return bool(np.allclose(matrix, matrix[0, 0] * np.eye(len(matrix)), atol=_ATOL))


def _word(qubits: Sequence[cirq.Qid], turns: Any) -> Iterator[cirq.Operation]:
    """Yield exp(-iπ/2 turns Z...Z): a ladder of CNOTs that ends in ZZ."""
    if len(qubits) == 1:
        yield (cirq.Z**turns)(*qubits)
        return
    ladder = [cirq.CNOT(*pair) for pair in itertools.pairwise(qubits[:-1])]
    yield from ladder
    yield (cirq.ZZ**turns)(*qubits[-2:])
    yield from reversed(ladder)


def _constants(operation: cirq.Operation) -> Iterator[cirq.Operation]:
    """Yield constant operations on at most two qubits."""
    if len(operation.qubits) <= 2:
        controlled = isinstance(operation.untagged, cirq.ControlledOperation)
        yield cirq.MatrixGate(_matrix(operation))(*operation.qubits) if controlled else operation
    elif (parts := cirq.decompose_once(operation, default=None)) is not None:
        for part in parts:
            yield from _constants(part)
    elif len(operation.qubits) <= MAX_MATRIX_QUBITS:
        yield from cirq.quantum_shannon_decomposition(operation.qubits, _matrix(operation))
    else:
        yield operation


def _pieces(operation: cirq.Operation) -> Iterator[Piece]:
    """Yield what an operation is made of, exact to the global phase."""
    operation = operation.untagged
    if not _is_symbolic(operation):
        yield operation
    elif isinstance(operation, cirq.ControlledOperation):
        values = operation.control_values
        yield from _controlled(_pieces(operation.sub_operation), operation.controls, values)
    elif rule := next((r for t in type(operation.gate).__mro__ if (r := _RULES.get(t))), None):
        yield from rule(operation.gate, operation.qubits)
    else:
        yield from _without_rule(operation)


def _without_rule(operation: cirq.Operation) -> Iterator[Piece]:
    parts = cirq.decompose_once(operation, default=None)
    if parts is not None and {q for p in parts for q in p.qubits} <= set(operation.qubits):
        for part in parts:
            yield from _pieces(part)
    elif isinstance(operation.gate, cirq.EigenGate):
        yield _eigen_rotation(operation.gate, operation.qubits)
    else:
        yield operation


def _controlled(
    pieces: Iterable[Piece],
    controls: Sequence[cirq.Qid],
    values: cirq.ops.AbstractControlValues,
) -> Iterator[Piece]:
    projector = _projector(controls, list(values.expand()))
    for piece in pieces:
        if isinstance(piece, Rotation):
            yield piece.controlled(projector)
        else:
            yield piece.controlled_by(*controls, control_values=values)


def _projector(
    qubits: Sequence[cirq.Qid], values: Sequence[Sequence[int]]
) -> dict[frozenset[cirq.Qid], float]:
    """Return the weights w_S of the projector Σ_S w_S Z_S on some values of the qubits."""
    return {
        frozenset(itertools.compress(qubits, chosen)): sum(
            (-1.0) ** np.dot(chosen, value) for value in values
        )
        / 2 ** len(qubits)
        for chosen in itertools.product((0, 1), repeat=len(qubits))
    }


def _phase(half_turns: Any) -> Rotation:
    """Return the global phase exp(iπ half_turns)."""
    return Rotation({frozenset(): -2 * half_turns})


def _pauli(gate: Any, qubits: Sequence[cirq.Qid], letters: str) -> Iterator[Rotation]:
    """Yield P^t = exp(iπt(shift + ½)) exp(-iπt/2 · P) for a Pauli word P."""
    basis = [_TO_Z[p](q) for q, p in zip(qubits, letters, strict=True) if p in _TO_Z]
    shift = -(2 * gate.global_shift + 1) * gate.exponent
    yield Rotation({frozenset(qubits): gate.exponent, frozenset(): shift}, tuple(basis))


# V with V P V† = Z.
_TO_Z = {"X": cirq.H, "Y": cirq.X**0.5, "H": cirq.Y**-0.25}


def _register_powers() -> None:
    for name, letters in (("X", "X"), ("Y", "Y"), ("Z", "Z"), ("H", "H")):
        _RULES[getattr(cirq, f"{name}PowGate")] = _power(letters)
    for letters in ("XX", "YY", "ZZ"):
        _RULES[getattr(cirq, f"{letters}PowGate")] = _power(letters)
    for letter, n_controls in itertools.product("XYZ", (1, 2)):
        # Older releases of Cirq have no CYPowGate and CCYPowGate.
        if gate_type := getattr(cirq, f"{'C' * n_controls}{letter}PowGate", None):
            _RULES[gate_type] = _controlled_power(letter, n_controls)


def _power(letters: str) -> Rule:
    return lambda gate, qubits: _pauli(gate, qubits, letters)


def _controlled_power(letter: str, n_controls: int) -> Rule:
    power = getattr(cirq, f"{letter}PowGate")

    def rule(gate: Any, qubits: Sequence[cirq.Qid]) -> Iterator[Piece]:
        yield _phase(gate.global_shift * gate.exponent)
        projector = _projector(qubits[:n_controls], [(1,) * n_controls])
        for rotation in _pauli(power(exponent=gate.exponent), qubits[n_controls:], letter):
            yield rotation.controlled(projector)

    return rule


_register_powers()


def _rule(*gate_types: type) -> Callable[[Rule], Rule]:
    def register(function: Rule) -> Rule:
        _RULES.update(dict.fromkeys(gate_types, function))
        return function

    return register


def _exchange(qubits: Sequence[cirq.Qid], turns: Any) -> Rotation:
    """Return exp(-iπ/2 turns (XX + YY)), in a basis where XX and YY are Z on one qubit each."""
    a, b = qubits
    basis = (cirq.X(a) ** 0.5, cirq.X(b) ** 0.5, cirq.CNOT(a, b), cirq.H(a))
    return Rotation({frozenset([a]): turns, frozenset([b]): turns}, basis)


@_rule(cirq.ISwapPowGate)
def _iswap(gate: cirq.ISwapPowGate, qubits: Sequence[cirq.Qid]) -> Iterator[Piece]:
    yield _exchange(qubits, -gate.exponent / 2)
    yield _phase(gate.global_shift * gate.exponent)


@_rule(cirq.SwapPowGate)
def _swap(gate: cirq.SwapPowGate, qubits: Sequence[cirq.Qid]) -> Iterator[Piece]:
    """Yield SWAP^t = exp(iπt/4) exp(-iπt/4 (XX + YY + ZZ))."""
    yield _exchange(qubits, gate.exponent / 2)
    yield Rotation({frozenset(qubits): gate.exponent / 2})
    yield _phase((gate.global_shift + 0.25) * gate.exponent)


@_rule(cirq.FSimGate)
def _fsim(gate: cirq.FSimGate, qubits: Sequence[cirq.Qid]) -> Iterator[Piece]:
    """Yield exp(-iθ(XX + YY)/2), then exp(-iφ) on |11⟩."""
    yield _exchange(qubits, gate.theta / np.pi)
    yield _phase(-gate.phi / np.pi).controlled(_projector(qubits, [(1, 1)]))


@_rule(cirq.PhasedISwapPowGate)
def _phased_iswap(gate: cirq.PhasedISwapPowGate, qubits: Sequence[cirq.Qid]) -> Iterator[Piece]:
    a, b = (frozenset([qubit]) for qubit in qubits)
    yield Rotation({a: gate.phase_exponent, b: -gate.phase_exponent})
    yield _exchange(qubits, -gate.exponent / 2)
    yield Rotation({a: -gate.phase_exponent, b: gate.phase_exponent})


@_rule(cirq.PhasedXPowGate)
def _phased_x(gate: cirq.PhasedXPowGate, qubits: Sequence[cirq.Qid]) -> Iterator[Piece]:
    yield Rotation({frozenset(qubits): -gate.phase_exponent})
    yield from _pauli(gate, qubits, "X")
    yield Rotation({frozenset(qubits): gate.phase_exponent})


@_rule(cirq.PhasedXZGate)
def _phased_xz(gate: cirq.PhasedXZGate, qubits: Sequence[cirq.Qid]) -> Iterator[Piece]:
    phased = cirq.PhasedXPowGate(exponent=gate.x_exponent, phase_exponent=gate.axis_phase_exponent)
    yield from _phased_x(phased, qubits)
    yield from _pauli(cirq.Z**gate.z_exponent, qubits, "Z")


@_rule(cirq.TwoQubitDiagonalGate, cirq.ThreeQubitDiagonalGate, cirq.DiagonalGate)
def _diagonal(gate: Any, qubits: Sequence[cirq.Qid]) -> Iterator[Piece]:
    return _diagonal_rotation(qubits, [a / np.pi for a in gate._diag_angles_radians])


def _diagonal_rotation(qubits: Sequence[cirq.Qid], half_turns: Sequence[Any]) -> Iterator[Piece]:
    """Yield exp(iπ h_x) on each value x of the qubits."""
    words: dict[frozenset[cirq.Qid], Any] = {}
    values = itertools.product((0, 1), repeat=len(qubits))
    for value, phase in zip(values, half_turns, strict=True):
        for word, weight in _projector(qubits, [value]).items():
            words[word] = words.get(word, 0) - 2 * phase * weight
    yield Rotation(words)


@_rule(cirq.GlobalPhaseGate)
def _global_phase(gate: cirq.GlobalPhaseGate, qubits: Sequence[cirq.Qid]) -> Iterator[Piece]:
    yield _phase(sympy.arg(gate.coefficient) / sympy.pi)


@_rule(cirq.ControlledGate)
def _controlled_gate(gate: cirq.ControlledGate, qubits: Sequence[cirq.Qid]) -> Iterator[Piece]:
    n = gate.num_controls()
    pieces = _pieces(gate.sub_gate.on(*qubits[n:]))
    return _controlled(pieces, qubits[:n], gate.control_values)


@_rule(cirq.PauliStringPhasorGate)
def _phasor(gate: cirq.PauliStringPhasorGate, qubits: Sequence[cirq.Qid]) -> Iterator[Piece]:
    """Yield exp(iπ·neg) on the eigenvalue -1 of the word, exp(iπ·pos) on 1."""
    negative, positive = gate.exponent_neg, gate.exponent_pos
    # Cirq's simulators take the parity of all the qubits: an I in the word acts as a Z.
    letters = "".join("ZXYZ"[k] for k in gate.dense_pauli_string.pauli_mask)
    yield from _pauli(cirq.ZPowGate(exponent=negative - positive), qubits, letters)
    yield _phase(positive)


def _eigen_rotation(gate: cirq.EigenGate, qubits: Sequence[cirq.Qid]) -> Rotation:
    """Return V† D V: the gate is diagonal in a fixed basis, whatever its exponent."""
    columns, phases = [], []
    for shift, projector in gate._eigen_components():
        values, vectors = np.linalg.eigh(projector)
        columns.append(vectors[:, values > 0.5])
        phases += [(float(shift) + gate.global_shift) * gate.exponent] * columns[-1].shape[1]
    (rotation,) = _diagonal_rotation(qubits, phases)
    basis = cirq.MatrixGate(np.hstack(columns).conj().T)(*qubits)
    return Rotation(rotation.words, tuple(_constants(basis)))  # type: ignore[union-attr]
