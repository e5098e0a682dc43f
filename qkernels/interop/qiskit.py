"""Circuits from Qiskit.

Instructions are taken apart until they are gates of `gates`, with their controls, or numeric
matrices. Qiskit is imported when a function is called, not before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import cirq
import numpy as np
import sympy

from qkernels.feature_maps import FeatureMap
from qkernels.feature_maps.validation import symbols, typed
from qkernels.interop.circuits import Assembly, angle_of, require
from qkernels.interop.gates import GATE_NAMES, Controls, named_gate, repeated

# Nothing happens to the state.
_SKIPPED = ("barrier", "delay")
# The instruction of Qiskit Machine Learning's raw_feature_vector.
_AMPLITUDES = "ParameterizedInitialize"
_STANDARD = "qiskit.circuit.library.standard_gates"


def from_qiskit(
    circuit: Any,
    features: Sequence[Any],
    parameters: Sequence[Any] = (),
    *,
    name: str | None = None,
) -> FeatureMap:
    """Bring a Qiskit circuit over.

    Qubit i of the circuit becomes `cirq.LineQubit(i)`: an observable on qubit i stays on qubit i.
    Qiskit reads the digits of a basis state from the last qubit to the first, and Cirq from the
    first to the last, so the amplitudes are in another order.

    Parameters
    ----------
    circuit : qiskit.QuantumCircuit
        Gates of any kind, with any expressions of its parameters: controlled, inverted, nested,
        given by matrices. An evolution gate is the product formula of its synthesis. Barriers,
        delays, measurements at the end, resets before anything else, as in `initialize`, and the
        global phase are dropped. A qubit on which nothing acts is kept, with an identity gate.
    features : qiskit.circuit.ParameterVector or sequence of qiskit.circuit.Parameter or str
        The data symbols, in the order of the columns of X. Mind that `circuit.parameters` is
        sorted by name. An element of a vector has the name "x[0]", as in Qiskit.
    parameters : qiskit.circuit.ParameterVector or sequence of Parameter or str, default=()
        The trainable symbols, in the order of a parameter vector.
    name : str, optional
        The map's label; by default none.

    Returns
    -------
    FeatureMap
        A map on as many qubits as the circuit has.

    Raises
    ------
    ImportError
        If Qiskit is missing.
    TypeError
        If an argument is of the wrong type.
    ValueError
        If features and parameters are not the parameters of the circuit's gates, each once, or an
        instruction is not a gate, such as a later reset, control flow, or a measurement before
        the end, or has a definition for numbers only.

    Examples
    --------
    >>> from qiskit.circuit.library import z_feature_map
    >>> circuit = z_feature_map(2, reps=1)
    >>> print(from_qiskit(circuit, circuit.parameters))
    0: ───H───Z^(2*x[0]/pi)───
    <BLANKLINE>
    1: ───H───Z^(2*x[1]/pi)───
    """
    qiskit = require("qiskit", "qiskit")
    if not isinstance(circuit, qiskit.QuantumCircuit):
        raise TypeError(f"expected circuit to be a qiskit.QuantumCircuit, got {typed(circuit)}")
    lists = symbols(_names(features), "features"), symbols(_names(parameters), "parameters")
    qubits = cirq.LineQubit.range(circuit.num_qubits)
    assembly = Assembly(qubits)
    _read(circuit, qubits, assembly)
    return assembly.feature_map(*lists, name)


def _names(values: Any) -> Any:
    """Return Qiskit's parameters as names, and leave what else is wrong to its check."""
    from qiskit.circuit import Parameter

    # A set has no order of columns, yet a view of a circuit's parameters has.
    if isinstance(values, str | set | frozenset) or not isinstance(values, Iterable):
        return values
    return [value.name if isinstance(value, Parameter) else value for value in values]


def _read(circuit: Any, qubits: Sequence[cirq.Qid], assembly: Assembly) -> None:
    """Append the instructions of a circuit; nested ones that measure or reset are entered."""
    from qiskit.circuit.library import Initialize

    for instruction in circuit.data:
        operation = instruction.operation
        places = [qubits[circuit.find_bit(q).index] for q in instruction.qubits]
        _refuse_conditions(operation)
        if operation.name == "measure":
            assembly.measure(places)
        elif isinstance(operation, Initialize) or _measures(operation):
            _read(operation.definition, places, assembly)
        elif operation.name == "reset" and assembly.are_idle(places):
            continue
        elif operation.name not in _SKIPPED:
            assembly.append(_operations(operation, places, Controls()), operation.name)


def _refuse_conditions(operation: Any) -> None:
    # Qiskit 1 only: in Qiskit 2, conditions are control flow.
    if getattr(operation, "condition", None) is not None:
        raise ValueError(f"expected no classical control, got one of {operation.name}")


def _measures(operation: Any) -> bool:
    """Tell whether an instruction, which is not a gate, has measurements in its definition."""
    return operation.num_clbits > 0 and _definition_of(operation) is not None


def _definition_of(operation: Any) -> Any:
    """Return the circuit that defines an instruction, or None."""
    from qiskit.exceptions import QiskitError

    try:
        return getattr(operation, "definition", None)
    except (QiskitError, TypeError) as error:
        instead = "; take qkernels.feature_maps.amplitude" if operation.name == _AMPLITUDES else ""
        raise ValueError(
            f"expected a definition of {operation.name} in symbols{instead}; got the error: {error}"
        ) from error


def _operations(
    operation: Any, qubits: Sequence[cirq.Qid], controls: Controls
) -> Iterable[cirq.Operation]:
    """Return the operations of an instruction under controls."""
    from qiskit.circuit import AnnotatedOperation, ControlledGate
    from qiskit.circuit.library import UnitaryGate

    if operation.name in _SKIPPED:
        return ()
    if isinstance(operation, UnitaryGate):
        return _matrix(operation.to_matrix(), qubits, controls)
    if isinstance(operation, ControlledGate) and _is_base_gate_under_controls(operation):
        return _controlled(operation, qubits, controls)
    if _is_standard(operation) and operation.name in GATE_NAMES:
        return named_gate(operation.name, _angles(operation), qubits, controls)
    if isinstance(operation, AnnotatedOperation):
        return _annotated(operation, qubits, controls)
    if (definition := _definition_of(operation)) is not None:
        return _definition(definition, qubits, controls)
    return _matrix(_numeric(operation, qubits), qubits, controls)


def _is_base_gate_under_controls(operation: Any) -> bool:
    """Tell whether a controlled gate has neither ancillas nor a phase of its own, as CU has."""
    base = operation.base_gate
    is_cu = base.name == "u" and len(operation.params) == 4
    return operation.num_qubits == operation.num_ctrl_qubits + base.num_qubits and not is_cu


def _is_standard(operation: Any) -> bool:
    kind = getattr(operation, "base_class", type(operation))
    return kind.__module__.startswith(_STANDARD)


def _angles(operation: Any) -> list[Any]:
    return [_expression(value) for value in operation.params]


def _expression(value: Any) -> Any:
    from qiskit.circuit import ParameterExpression

    if not isinstance(value, ParameterExpression):
        return float(value)
    # Where all but one of its parameters cancel, Qiskit's sympify may return another of them.
    if (name := str(value)) in {parameter.name for parameter in value.parameters}:
        return sympy.Symbol(name)
    try:
        return angle_of(value.sympify())
    except (AttributeError, TypeError, sympy.SympifyError) as error:
        raise ValueError(
            f"expected an expression that Qiskit can turn into one of SymPy, got {name}"
        ) from error


def _controlled(
    operation: Any, qubits: Sequence[cirq.Qid], controls: Controls
) -> Iterable[cirq.Operation]:
    n = operation.num_ctrl_qubits
    values = [operation.ctrl_state >> k & 1 for k in range(n)]
    return _operations(operation.base_gate, qubits[n:], controls.also(qubits[:n], values))


def _definition(
    definition: Any, qubits: Sequence[cirq.Qid], controls: Controls
) -> Iterator[cirq.Operation]:
    yield from controls.phase(_expression(definition.global_phase))
    for instruction in definition.data:
        places = [qubits[definition.find_bit(q).index] for q in instruction.qubits]
        yield from _operations(instruction.operation, places, controls)


def _annotated(
    operation: Any, qubits: Sequence[cirq.Qid], controls: Controls
) -> Iterable[cirq.Operation]:
    """Return the operations of a gate with modifiers, of which the last is the outermost."""
    from qiskit.circuit import AnnotatedOperation, ControlModifier, InverseModifier

    *inner, modifier = operation.modifiers
    base = AnnotatedOperation(operation.base_op, inner) if inner else operation.base_op
    if isinstance(modifier, ControlModifier):
        n = modifier.num_ctrl_qubits
        values = [modifier.ctrl_state >> k & 1 for k in range(n)]
        return _operations(base, qubits[n:], controls.also(qubits[:n], values))
    if isinstance(modifier, InverseModifier):
        return repeated(_operations(base, qubits, controls), -1)
    if modifier.power == int(modifier.power):
        return repeated(_operations(base, qubits, controls), int(modifier.power))
    return _matrix(_numeric(operation, qubits), qubits, controls)


def _matrix(
    matrix: np.ndarray, qubits: Sequence[cirq.Qid], controls: Controls
) -> Iterable[cirq.Operation]:
    # The first qubit is the least significant in Qiskit's matrices.
    return controls.on([cirq.MatrixGate(np.asarray(matrix)).on(*reversed(qubits))])


def _numeric(operation: Any, qubits: Sequence[cirq.Qid]) -> np.ndarray:
    """Return the matrix of an instruction without definition, if it has one."""
    from qiskit.exceptions import QiskitError
    from qiskit.quantum_info import Operator

    try:
        return Operator(operation).data
    except (QiskitError, TypeError, AttributeError) as error:
        places = ", ".join(str(q) for q in qubits)
        raise ValueError(
            "expected gates, barriers, and measurements at the end of the circuit; got "
            f"{operation.name} on {places}, which has neither a definition nor a numeric matrix"
        ) from error
