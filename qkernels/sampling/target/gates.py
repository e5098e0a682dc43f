"""From constant gates, Z^t and ZZ^t to the gates that a device has.

What lives here: the call of Cirq's transformer for what is constant, and the merging of one-qubit
gates, whether or not they hold symbols. Two-qubit gates that do are made in `interactions`.

A run of one-qubit gates is a product of constants and powers of Z. Each constant that is not
diagonal is X^½ between powers of Z, once or twice, and every two X^½ in the run cost one native
gate, Z^c X^b Z^a, which takes in the powers of Z around them: H Z^t H is one gate.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Iterable, Iterator
from typing import Any

import cirq
import numpy as np
import sympy

from qkernels.sampling.target.decomposition import is_diagonal, sum_of_turns
from qkernels.sampling.target.interactions import without_interactions

_ATOL = 1e-9
# The last digits may differ between machines.
_DIGITS = 12
_TAG = "holds symbols"


def converted(
    operations: Iterable[cirq.Operation], gateset: cirq.CompilationTargetGateset
) -> list[cirq.Operation]:
    """Return operations that are native to a gate set, as far as they can be converted.

    Parameters
    ----------
    operations : iterable of cirq.Operation
        Before a measurement of Z: constant ones on at most two qubits, Z**t and ZZ**t.
    gateset : cirq.CompilationTargetGateset
    """
    lowered = without_interactions(operations, gateset)
    native = merged(_constants_converted(lowered, gateset), gateset)
    return [_in_own_form(operation, gateset) for operation in native]


def decoupled(circuit: cirq.Circuit, gateset: cirq.CompilationTargetGateset | None) -> cirq.Circuit:
    """Return a circuit with pulses on idle qubits, in moments of one-qubit gates.

    Parameters
    ----------
    circuit : cirq.Circuit
        Its last moment is the measurement.
    gateset : cirq.CompilationTargetGateset or None
        The gates that pulses are made of; None leaves Cirq's own.
    """
    one_qubit = cirq.stratified_circuit(
        circuit[:-1], categories=[lambda op: len(op.qubits) == 1, lambda op: len(op.qubits) > 1]
    )
    pulsed = cirq.add_dynamical_decoupling(one_qubit + circuit[-1])
    if gateset is None:
        return pulsed

    def native(operation: cirq.Operation, place: int) -> Iterable[cirq.Operation]:
        if len(operation.qubits) > 1 or not cirq.has_unitary(operation):
            return [operation]
        run: list[Factor] = []
        _append(run, _factor(operation))
        own = _native_run(run, operation.qubits[0], gateset)
        return [_in_own_form(gate, gateset) for gate in own]

    return cirq.map_operations_and_unroll(pulsed, native).unfreeze()


def _constants_converted(
    operations: Iterable[cirq.Operation], gateset: cirq.CompilationTargetGateset
) -> Iterable[cirq.Operation]:
    """Have Cirq convert what holds no symbols."""
    tagged = (op.with_tags(_TAG) if cirq.is_parameterized(op) else op for op in operations)
    context = cirq.TransformerContext(tags_to_ignore=(_TAG,))
    circuit = cirq.optimize_for_target_gateset(
        cirq.Circuit(tagged), context=context, gateset=gateset
    )
    return (op.untagged if _TAG in op.tags else op for op in circuit.all_operations())


def _in_own_form(operation: cirq.Operation, gateset: cirq.Gateset) -> cirq.Operation:
    """Return a gate of the types that its gate set names, if it only is equal to such a one.

    A PhasedXZGate can be equal to H, but who knows H by its type does not know that.
    """
    families = [family.gate for family in gateset.gates if operation in family]
    types = tuple(gate if isinstance(gate, type) else type(gate) for gate in families)
    if not types or isinstance(operation.gate, types):
        return operation
    return min((gate for gate in families if isinstance(gate, cirq.Gate)), key=repr).on(
        *operation.qubits
    )


# -- Runs of one-qubit gates

# A constant that is not diagonal, or the exponent of a power of Z.
Factor = np.ndarray | Any


def merged(
    operations: Iterable[cirq.Operation], gateset: cirq.CompilationTargetGateset
) -> list[cirq.Operation]:
    """Write runs of one-qubit gates with as few native gates as can be.

    Powers of Z move past diagonal two-qubit gates, and are dropped at the end.

    Parameters
    ----------
    operations : iterable of cirq.Operation
        Before a measurement of Z. One-qubit gates are constant or Z**t.
    gateset : cirq.CompilationTargetGateset
    """
    runs: dict[cirq.Qid, list[Factor]] = {}
    found: list[cirq.Operation] = []
    for operation in operations:
        if len(operation.qubits) == 1 and _is_factor(operation):
            _append(runs.setdefault(operation.qubits[0], []), _factor(operation))
        elif operation.qubits:
            carries = _is_factor(operation) and is_diagonal(operation)
            for qubit in operation.qubits:
                run = runs.pop(qubit, [])
                if carries:
                    runs[qubit] = _last_turns(run)
                found.extend(_native_run(run, qubit, gateset))
            found.append(operation)
    for qubit, run in sorted(runs.items()):
        _last_turns(run)
        found.extend(_native_run(run, qubit, gateset))
    return found


def _last_turns(run: list[Factor]) -> list[Factor]:
    """Take the power of Z from a run's end."""
    return [run.pop()] if run and not isinstance(run[-1], np.ndarray) else []


def _is_factor(operation: cirq.Operation) -> bool:
    """Tell whether an operation is a unitary that is understood here."""
    kinds = cirq.ZPowGate | cirq.ZZPowGate | cirq.CZPowGate
    return cirq.has_unitary(operation) or isinstance(operation.gate, kinds)


def _factor(operation: cirq.Operation) -> Factor:
    if isinstance(operation.gate, cirq.ZPowGate):
        return operation.gate.exponent
    return cirq.unitary(operation)


def _append(run: list[Factor], factor: Factor) -> None:
    """Append a factor, which acts last, and keep powers of Z and other constants in turn."""
    if not isinstance(factor, np.ndarray):
        if run and not isinstance(run[-1], np.ndarray):
            factor = sum_of_turns(run.pop(), factor)
        if not _is_trivial(factor):
            run.append(factor)
    elif abs(factor[0, 1]) < _ATOL:
        _append(run, round(cmath.phase(factor[1, 1] / factor[0, 0]) / math.pi, _DIGITS))
    elif run and not isinstance(run[-1], sympy.Basic):
        _append(run, factor @ _matrix(run.pop()))
    elif run and _flips(factor):
        # X Z^t is Z^-t X.
        turns = run.pop()
        _append(run, factor)
        _append(run, -turns)
    elif len(run) == 2 and _flips(run[0]):
        flip, turns = run
        run[:] = [-turns, factor @ flip]
    else:
        run.append(factor)


def _matrix(factor: np.ndarray | float) -> np.ndarray:
    """Return a constant factor as a matrix."""
    return factor if isinstance(factor, np.ndarray) else cirq.unitary(cirq.Z**factor)


def _is_trivial(turns: Any) -> bool:
    return not isinstance(turns, sympy.Basic) and abs((turns + 1) % 2 - 1) < _ATOL


def _flips(matrix: np.ndarray) -> bool:
    return isinstance(matrix, np.ndarray) and abs(matrix[0, 0]) < _ATOL


def _native_run(
    run: list[Factor], qubit: cirq.Qid, gateset: cirq.CompilationTargetGateset
) -> Iterator[cirq.Operation]:
    """Yield the native gates of a run."""
    turns = _turns_between_halves(run)
    if len(turns) == 1 and run:
        yield from _native(qubit, 0, 0, turns[0], gateset)
    for i in range(0, len(turns) - 1, 2):
        last = turns[-1] if i + 3 >= len(turns) else 0
        if i + 2 < len(turns):
            # X^½ Z^u X^½ is Z^½ X^(1-u) Z^½.
            yield from _native(qubit, turns[i] + 0.5, 1 - turns[i + 1], 0.5 + last, gateset)
        else:
            yield from _native(qubit, turns[i], 0.5, last, gateset)


def _turns_between_halves(run: list[Factor]) -> list[Any]:
    """Return t_0, t_1, ... with Z^t_0, X^½, Z^t_1, X^½, ... in turn equal to a run."""
    turns: list[Any] = [0]
    for factor in run:
        if not isinstance(factor, np.ndarray):
            turns[-1] = turns[-1] + factor
            continue
        a, b, c = _euler_turns(factor)
        if abs(b - 0.5) < _ATOL:
            turns[-1:] = [turns[-1] + a, c]
        else:
            turns[-1:] = [turns[-1] + a - 0.5, 1 - b, c - 0.5]
    return turns


def _euler_turns(matrix: np.ndarray) -> tuple[float, float, float]:
    """Return a, b, c with Z^c X^b Z^a equal to a matrix that is not diagonal, up to a phase."""
    phases = np.angle(matrix) / math.pi
    if _flips(matrix):
        return 0.0, 1.0, round(phases[1, 0] - phases[0, 1], _DIGITS)
    b = 2 * math.atan2(abs(matrix[1, 0]), abs(matrix[0, 0])) / math.pi
    turns = phases[0, 1] - phases[0, 0] + 0.5, b, phases[1, 0] - phases[0, 0] + 0.5
    return tuple(round(float(turn), _DIGITS) for turn in turns)  # type: ignore[return-value]


def _native(
    qubit: cirq.Qid, a: Any, b: Any, c: Any, gateset: cirq.CompilationTargetGateset
) -> Iterable[cirq.Operation]:
    """Return Z^c X^b Z^a in native gates."""
    a, b, c, sum_ = (_reduced(turns) for turns in (a, b, c, a + c))
    whole = cirq.PhasedXZGate(x_exponent=b, z_exponent=sum_, axis_phase_exponent=_reduced(-a))
    forms: list[list[cirq.Gate]] = [[whole], [cirq.Z**a, cirq.X**b, cirq.Z**c]]
    if _is_trivial(b):
        forms.insert(0, [cirq.Z**sum_])
    for gates in forms:
        operations = [
            gate(qubit) for gate in gates if not _is_trivial(getattr(gate, "exponent", 1))
        ]
        if all(operation in gateset for operation in operations):
            return operations
    if not cirq.is_parameterized(whole):
        operation = cirq.MatrixGate(cirq.unitary(whole))(qubit)
        parts = gateset.decompose_to_target_gateset(operation, 0)
        if parts is not None and parts is not NotImplemented:
            return [part for part in cirq.flatten_to_ops(parts) if part.qubits]
    return [whole(qubit)]


def _reduced(turns: Any) -> Any:
    """Return an exponent between -1 and 1 where it is a number; 0 for a rounding error."""
    if isinstance(turns, sympy.Basic):
        return turns
    return 0 if _is_trivial(turns) else 1 - (1 - turns) % 2
