"""What is done to a Cirq circuit before it is a feature map: checks, and surgery on symbols.

Here measurements at the end are dropped, subcircuits are unrolled, and every symbolic value of a
circuit is exchanged for another one, as `cirq.flatten` does. Which symbols are data and which are
parameters is not known here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import filterfalse
from types import MappingProxyType
from typing import Any, NamedTuple

import cirq
import numpy as np
import sympy

from qkernels.expressions import ExpressionTable


class FlatCircuit(NamedTuple):
    """A circuit whose values are plain symbols, each standing for one expression.

    Attributes
    ----------
    circuit : cirq.FrozenCircuit
        The circuit with its symbols.
    symbols : tuple of sympy.Symbol
        Its symbols, in the order in which the circuit has them.
    expressions : tuple of sympy.Expr
        What each symbol stands for.
    is_phase : tuple of bool
        Whether a symbol is the coefficient of a global phase.
    """

    circuit: cirq.FrozenCircuit
    symbols: tuple[sympy.Symbol, ...]
    expressions: tuple[sympy.Expr, ...]
    is_phase: tuple[bool, ...]

    @property
    def free_symbols(self) -> tuple[sympy.Symbol, ...]:
        """The symbols of the expressions, sorted by name."""
        return tuple(sorted({s for e in self.expressions for s in e.free_symbols}, key=str))


def without_measurements(circuit: cirq.AbstractCircuit) -> cirq.FrozenCircuit:
    """Drop the measurements at the end, and refuse what is not a circuit on qubits.

    Parameters
    ----------
    circuit : cirq.AbstractCircuit
        Any circuit.

    Returns
    -------
    cirq.FrozenCircuit
        The same circuit; subcircuits that measure are unrolled.

    Raises
    ------
    ValueError
        If the circuit has no qubits or qudits, measures before its end, has a channel that
        records its outcome, is controlled by measurements, or has subcircuits whose repetitions
        are not a number.
    """
    unrolled = unroll(circuit)
    for i, moment in enumerate(unrolled):
        for operation in moment:
            _check_operation(operation, i, unrolled)
    if any(map(_is_measuring_subcircuit, circuit.all_operations())):
        circuit = unrolled
    if circuit.has_measurements():
        kept = (filterfalse(cirq.is_measurement, moment) for moment in circuit)
        circuit = cirq.drop_empty_moments(cirq.FrozenCircuit(cirq.Moment(k) for k in kept))
    if not circuit.all_qubits():
        raise ValueError("expected a circuit that acts on at least one qubit, got one on none")
    return circuit.freeze()


def _is_measuring_subcircuit(operation: cirq.Operation) -> bool:
    return isinstance(operation.untagged, cirq.CircuitOperation) and cirq.is_measurement(operation)


def _check_operation(operation: cirq.Operation, i: int, circuit: cirq.AbstractCircuit) -> None:
    for qubit in operation.qubits:
        if qubit.dimension != 2:
            raise ValueError(
                f"expected qubits, got {qubit!r} of dimension {qubit.dimension} in {operation}"
            )
    if keys := cirq.control_keys(operation):
        names = ", ".join(sorted(map(str, keys)))
        raise ValueError(
            f"expected no classical control, got {operation} controlled by the outcome of {names}"
        )
    if not cirq.is_measurement(operation):
        return
    if not isinstance(operation.gate, cirq.MeasurementGate | cirq.PauliMeasurementGate):
        raise ValueError(f"expected no channel that records its outcome, got {operation}")
    if circuit.next_moment_operating_on(operation.qubits, i + 1) is not None:
        raise ValueError(
            f"expected measurements at the end of the circuit only, got {operation} in moment {i}"
        )


def unroll(circuit: cirq.AbstractCircuit) -> cirq.FrozenCircuit:
    """Return the circuit with the operations of its subcircuits in their place.

    Parameters
    ----------
    circuit : cirq.AbstractCircuit
        Any circuit. Without subcircuits, its moments stay as they are.

    Returns
    -------
    cirq.FrozenCircuit
        An equivalent circuit without `cirq.CircuitOperation`.

    Raises
    ------
    ValueError
        If the number of repetitions of a subcircuit is not a number.
    """
    if not any(map(_subcircuit, circuit.all_operations())):
        return circuit.freeze()
    return cirq.FrozenCircuit(o for op in circuit.all_operations() for o in _unroll_one(op))


def _subcircuit(operation: cirq.Operation) -> cirq.CircuitOperation | None:
    """Return the subcircuit that the operation applies, under any controls, if it does."""
    operation = operation.untagged
    while isinstance(operation, cirq.ControlledOperation):
        operation = operation.sub_operation.untagged
    return operation if isinstance(operation, cirq.CircuitOperation) else None


def _unroll_one(operation: cirq.Operation) -> Iterator[cirq.Operation]:
    subcircuit = _subcircuit(operation)
    operation = operation.untagged if subcircuit else operation
    if subcircuit is None:
        yield operation
    elif isinstance(operation, cirq.ControlledOperation):
        for inner in _unroll_one(operation.sub_operation):
            yield cirq.ControlledOperation(operation.controls, inner, operation.control_values)
    else:
        _check_repetitions(subcircuit)
        for inner in subcircuit.mapped_circuit().all_operations():
            yield from _unroll_one(inner)


def _check_repetitions(subcircuit: cirq.CircuitOperation) -> None:
    if isinstance(subcircuit.repetitions, sympy.Basic):
        raise ValueError(
            f"expected a number of repetitions of a subcircuit, got {subcircuit.repetitions}"
        )
    if subcircuit.repeat_until is not None:
        raise ValueError(
            "expected a number of repetitions of a subcircuit, "
            f"got repeat_until={subcircuit.repeat_until}"
        )


def flatten(circuit: cirq.AbstractCircuit) -> FlatCircuit:
    """Exchange every expression for a symbol of its own.

    Parameters
    ----------
    circuit : cirq.AbstractCircuit
        A circuit without subcircuits.

    Returns
    -------
    FlatCircuit
        The circuit in the symbols angle0, angle1, ..., and their expressions.

    Raises
    ------
    ValueError
        If an operation keeps symbols when they are given values.
    """
    found: dict[tuple[sympy.Expr, bool], sympy.Symbol] = {}

    def symbol(expression: sympy.Expr, is_phase: bool) -> Any:
        return found.setdefault((expression, is_phase), sympy.Symbol(f"angle{len(found)}"))

    flat = substitute(circuit, lambda e: symbol(e, False), lambda e: symbol(e, True))
    _check_resolved(flat, {s.name for s in found.values()})
    expressions, is_phase = zip(*found, strict=True) if found else ((), ())
    return FlatCircuit(flat, tuple(found.values()), expressions, is_phase)


def _check_resolved(flat: cirq.FrozenCircuit, names: set[str]) -> None:
    if extra := cirq.parameter_names(flat) - names:
        operation = next(o for o in flat.all_operations() if cirq.parameter_names(o) & extra)
        raise ValueError(
            f"expected operations whose symbols can be given values, got {operation}, which "
            f"keeps {', '.join(sorted(extra))} (does its gate have _resolve_parameters_?)"
        )


def plain_and_flat(circuit: cirq.FrozenCircuit) -> tuple[cirq.FrozenCircuit, FlatCircuit]:
    """Return the circuit with nameable symbols and without symbolic constants, and flattened.

    Parameters
    ----------
    circuit : cirq.FrozenCircuit
        Any circuit.

    Returns
    -------
    circuit : cirq.FrozenCircuit
        The circuit itself if its symbols have no assumptions and its constants are numbers;
        otherwise the circuit with such symbols and constants, and its subcircuits unrolled.
    flat : FlatCircuit
        The same circuit flattened.

    Raises
    ------
    ValueError
        If a constant has no finite value, or an operation keeps symbols when they are given
        values.
    """
    flat = flatten(unroll(circuit))
    # Cirq takes long to rebuild some gates, so this is done only where it changes something.
    if all(_plain(expression) is expression for expression in flat.expressions):
        return circuit, flat
    circuit = substitute(unroll(circuit), _plain, _plain)
    return circuit, flatten(circuit)


def _plain(expression: sympy.Expr) -> sympy.Expr | complex:
    if not expression.free_symbols:
        value = evaluated(expression)
        if not np.isfinite(value):
            raise ValueError(f"expected a finite number for the constant {expression}, got {value}")
        return value
    typed = {s: p for s in expression.free_symbols if s != (p := sympy.Symbol(s.name))}
    return expression.xreplace(typed) if typed else expression


def evaluated(
    expression: sympy.Expr, values: Mapping[sympy.Symbol, float] = MappingProxyType({})
) -> sympy.Expr | complex:
    """Return the expression with numbers for some symbols; a number if no symbols are left.

    Parameters
    ----------
    expression : sympy.Expr
        The expression.
    values : mapping from sympy.Symbol to float
        The numbers.

    Returns
    -------
    sympy.Expr, float or complex
        Not finite where the expression has no value.
    """
    if expression in values:
        return values[expression]
    known = expression.free_symbols & values.keys()
    expression = expression.xreplace({s: sympy.Float(values[s]) for s in known})
    if expression.free_symbols:
        return expression
    return ExpressionTable((), (expression,)).evaluate(np.empty((1, 0))).item()


def substitute(
    circuit: cirq.AbstractCircuit,
    angle: Callable[[sympy.Expr], Any],
    phase: Callable[[sympy.Expr], Any],
) -> cirq.FrozenCircuit:
    """Exchange every symbolic value of a circuit for another value.

    Parameters
    ----------
    circuit : cirq.AbstractCircuit
        A circuit without subcircuits.
    angle, phase : callable
        Given an expression, return what stands in its place: `phase` for the coefficients of
        global phases, `angle` for all other values.

    Returns
    -------
    cirq.FrozenCircuit
        The circuit with the same moments, whose operations are in the order of their qubits, so
        that equal circuits are seen in one order.
    """
    angles, phases = _Substitution(angle), _Substitution(phase)

    def exchange(operation: cirq.Operation) -> cirq.Operation:
        if not cirq.is_parameterized(operation):
            return operation
        return cirq.resolve_parameters(operation, phases if is_global_phase(operation) else angles)

    ordered = (sorted(moment, key=lambda operation: sorted(operation.qubits)) for moment in circuit)
    return cirq.FrozenCircuit(cirq.Moment.from_ops(*map(exchange, moment)) for moment in ordered)


def is_global_phase(operation: cirq.Operation) -> bool:
    """Tell whether the operation is a global phase, under any controls."""
    operation = operation.untagged
    while isinstance(operation, cirq.ControlledOperation):
        operation = operation.sub_operation.untagged
    gate = operation.gate
    while isinstance(gate, cirq.ControlledGate):
        gate = gate.sub_gate
    return isinstance(gate, cirq.GlobalPhaseGate)


class _Substitution(cirq.ParamResolver):
    """Resolves every symbolic value by a function of the whole expression."""

    def __init__(self, function: Callable[[sympy.Expr], Any]) -> None:
        super().__init__({})
        self._function = function

    def __new__(cls, function: Callable[[sympy.Expr], Any]) -> _Substitution:
        return object.__new__(cls)

    def value_of(self, value: Any, recursive: bool = True) -> Any:
        return self._function(value) if isinstance(value, sympy.Basic) else value

    def __bool__(self) -> bool:
        return True  # Cirq takes an empty resolver for one that has nothing to do.

    __eq__ = object.__eq__
    __hash__ = object.__hash__
