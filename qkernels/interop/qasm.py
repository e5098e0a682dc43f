"""Circuits from OpenQASM 2 and 3.

The text is parsed by the language's reference parser, the package openqasm3; what lives here is
the meaning of its statements: declarations, gates with modifiers, definitions of gates. Numbers
are in `qasm_expressions`, the gates of the libraries in `gates`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import redirect_stderr
from dataclasses import dataclass
from io import StringIO
from typing import Any

import cirq
import sympy
from sympy import sympify

from qkernels.feature_maps import FeatureMap
from qkernels.feature_maps.validation import check_distinct, symbols, typed
from qkernels.interop.circuits import Assembly, angle_of, require
from qkernels.interop.gates import GATE_NAMES, Controls, named_gate, repeated
from qkernels.interop.qasm_expressions import CONSTANTS, Arithmetic, error_at

_LIBRARIES = ("qelib1.inc", "stdgates.inc")
# Nothing happens to the state.
_SKIPPED = ("QuantumBarrier", "DelayInstruction", "Pragma")
# Words of OpenQASM 3 that OpenQASM 2 leaves free.
_RESERVED = (
    "angle array bit bool box break cal case complex const continue ctrl def defcal "
    "defcalgrammar default delay duration durationof else end extern false float for gphase im in "
    "input int inv let mutable negctrl output pow pragma qubit readonly return stretch switch "
    "true uint void while"
)


def from_qasm(
    text: str,
    features: Sequence[str | sympy.Symbol] = (),
    parameters: Sequence[str | sympy.Symbol] = (),
    *,
    name: str | None = None,
) -> FeatureMap:
    """Bring a circuit in OpenQASM 2 or 3 over.

    The qubits become `cirq.LineQubit(0)`, ... in the order of their declaration; those on which
    nothing acts are kept, with an identity gate. In a program that declares none, the physical
    qubit $i becomes `cirq.LineQubit(i)`.

    Parameters
    ----------
    text : str
        The program: gates of qelib1.inc and stdgates.inc, definitions of gates, the modifiers
        ctrl, negctrl, inv and pow, whole registers, arithmetic, constants. Barriers, delays,
        measurements at the end, resets before anything else and the global phase are dropped.
        Under a control the phase of a gate counts, and U(θ, φ, λ) is P(φ) R_Y(θ) P(λ), as in
        Qiskit; u2 and u3 are U too. The specification's U has the phase exp(iθ/2) besides, so
        that its definition of h, by U(π/2, 0, π) and gphase(-π/4), is exp(-iπ/4) H here.
    features : sequence of str or sympy.Symbol, default=()
        The data symbols, in the order of the columns of X. In OpenQASM 3 these are declared,
        `input float[64] x0;`, or `input array[float[64], 3] x;` for "x[0]", "x[1]", "x[2]". A
        name that is listed here need not be declared: OpenQASM 2 has no inputs. Where Qiskit wrote
        the text, its x[0] is called _x_0_.
    parameters : sequence of str or sympy.Symbol, default=()
        The trainable symbols, in the order of a parameter vector.
    name : str, optional
        The map's label; by default none.

    Returns
    -------
    FeatureMap
        A map on as many qubits as the program declares.

    Raises
    ------
    ImportError
        If openqasm3 is missing.
    TypeError
        If an argument is of the wrong type.
    ValueError
        If the text cannot be parsed, has a symbol that is not listed or lacks one that is, or a
        statement that is not a gate, such as a later reset, or a condition; the message names
        the line.

    Notes
    -----
    In OpenQASM 3, the quotient of two integers drops the remainder, which nobody means in a
    circuit: where there is one, it is an error. In OpenQASM 2 all numbers are real.

    Examples
    --------
    >>> print(from_qasm('''
    ... OPENQASM 3.0;
    ... include "stdgates.inc";
    ... input float[64] x0;
    ... qubit[2] q;
    ... h q;
    ... cp(2 * x0**2) q[0], q[1];
    ... ''', ["x0"]))
    0: ───H───@────────────────
              │
    1: ───H───@^(2*x0**2/pi)───
    """
    if not isinstance(text, str):
        raise TypeError(f"expected text to be a str, got {typed(text)}")
    lists = symbols(features, "features"), symbols(parameters, "parameters")
    check_distinct(*lists)
    program = _parse(text)
    listed = {s.name: s for s in (*lists[0], *lists[1])}
    reader = _reader_of(program, listed)
    for statement in program.statements:
        reader.read(statement)
    return reader.assembly.feature_map(*lists, name)


def _parse(text: str) -> Any:
    parser = require("openqasm3.parser", "openqasm3[parser]")
    # The parser writes what is wrong there.
    with redirect_stderr(StringIO()) as complaints:
        try:
            program = parser.parse(text)
            # The power of OpenQASM 2 is another operator, with another rank, in OpenQASM 3.
            if _is_version_2(program) and "^" in text:
                program = parser.parse(text.replace("^", "**"))
        except (parser.QASM3ParsingError, AttributeError) as error:
            _refuse_words_of_version_2(text)
            said = complaints.getvalue().strip() or str(error) or repr(text[:80])
            raise ValueError(f"expected text in OpenQASM 2 or 3, got {said}") from error
    return program


def _refuse_words_of_version_2(text: str) -> None:
    """Name the word for which a program in OpenQASM 2 is not one in OpenQASM 3, if it has one."""
    if not re.search(r"^\s*OPENQASM\s+2", text, re.MULTILINE):
        return
    for number, line in enumerate(text.splitlines(), 1):
        words = re.findall(r"[A-Za-z_]\w*", re.sub(r'//.*|".*?"', "", line))
        if "opaque" in words:
            raise ValueError(f"line {number}: expected gates with definitions, got opaque")
        if found := [word for word in words if word in _RESERVED.split()]:
            raise ValueError(
                f"line {number}: expected names that OpenQASM 3, whose parser reads OpenQASM 2 "
                f"too, does not reserve, got {found[0]}"
            )


def _is_version_2(program: Any) -> bool:
    return bool(program.version) and program.version.startswith("2")


def _reader_of(program: Any, listed: dict[str, sympy.Symbol]) -> _Reader:
    if _is_version_2(program):
        return _Reader({"pi": sympy.pi, **listed}, sympy.Integer)
    return _Reader({**CONSTANTS, **listed}, int)


@dataclass(frozen=True)
class _Scope:
    """What names stand for: values, gates, and qubits or registers of them."""

    values: dict[str, Any]
    qubits: dict[str, cirq.Qid | list[cirq.Qid]]
    # The definition of each gate, and what was known there.
    gates: dict[str, tuple[Any, _Scope]]

    def inner(self, values: dict[str, Any], qubits: dict[str, cirq.Qid]) -> _Scope:
        """Return the scope of a gate's body."""
        return _Scope({**self.values, **values}, {**qubits}, self.gates)


class _Reader:
    """Reads statements one after the other.

    Parameters
    ----------
    undeclared : dict from str to sympy.Expr
        What names stand for that need not be declared, and that declarations hide: the language's
        constants, and the symbols that are listed.
    integer : type
        The type of an integer literal.
    """

    def __init__(self, undeclared: dict[str, sympy.Expr], integer: type[Any]) -> None:
        self.assembly = Assembly()
        self._undeclared = undeclared
        self._integer = integer
        self._scope = _Scope({}, {}, {})

    def read(self, statement: Any) -> None:
        """Read a statement that is not in the body of a gate."""
        match type(statement).__name__:
            case "Include" if statement.filename in _LIBRARIES:
                pass
            case "Include":
                raise error_at(statement, f"expected an include of {' or '.join(_LIBRARIES)}")
            case "QubitDeclaration":
                self._declare_qubits(statement)
            case "IODeclaration":
                self._declare_input(statement)
            case "ClassicalDeclaration" if type(statement.type).__name__ == "BitType":
                if type(statement.init_expression).__name__ == "QuantumMeasurement":
                    self._measure(statement.init_expression)
            case "ClassicalDeclaration" | "ConstantDeclaration" if statement.init_expression:
                self._declare_constant(statement)
            case "QuantumGateDefinition":
                self._define(statement)
            case "QuantumReset" if self.assembly.are_idle(self._places(statement.qubits)):
                pass
            case "QuantumMeasurementStatement":
                self._measure(statement.measure)
            case _:
                operations = self._operations(statement, self._scope, Controls())
                self.assembly.append(operations, _name(statement))

    def _define(self, statement: Any) -> None:
        names = [node.name for node in (*statement.arguments, *statement.qubits)]
        if len(set(names)) < len(names):
            raise error_at(statement, "expected each name once")
        known = _Scope(dict(self._scope.values), {}, dict(self._scope.gates))
        self._scope.gates[statement.name.name] = statement, known

    def _refuse_again(self, name: str, statement: Any) -> None:
        if {name, f"{name}[0]"} & {*self._scope.qubits, *self._scope.values}:
            raise error_at(statement, f"expected one declaration of {name}")

    def _declare_qubits(self, statement: Any) -> None:
        name = statement.qubit.name
        self._refuse_again(name, statement)
        n = 1 if statement.size is None else self._count(statement.size, self._scope)
        start = len(self.assembly.qubits)
        register: list[cirq.Qid] = [*cirq.LineQubit.range(start, start + n)]
        self.assembly.qubits += register
        self._scope.qubits[name] = register[0] if statement.size is None else register

    def _declare_input(self, statement: Any) -> None:
        name, kind = statement.identifier.name, statement.type
        names = [name]
        self._refuse_again(name, statement)
        if type(kind).__name__ == "ArrayType" and len(kind.dimensions) == 1:
            size = self._count(kind.dimensions[0], self._scope)
            names, kind = [f"{name}[{i}]" for i in range(size)], kind.base_type
        is_real = type(kind).__name__ in ("FloatType", "AngleType")
        if statement.io_identifier.name == "input" and is_real:
            self._scope.values.update({n: sympy.Symbol(n) for n in names})
        elif type(kind).__name__ != "BitType":
            raise error_at(statement, "expected inputs that are float, angle or arrays of them")

    def _declare_constant(self, statement: Any) -> None:
        self._refuse_again(statement.identifier.name, statement)
        value = self._value(statement.init_expression, self._scope)
        is_integer = type(statement.type).__name__ in ("IntType", "UintType")
        self._scope.values[statement.identifier.name] = value if is_integer else sympify(value)

    def _measure(self, measurement: Any) -> None:
        self.assembly.measure(self._places(measurement.qubit))

    def _places(self, node: Any) -> list[cirq.Qid]:
        return _each(self._qubits(node, self._scope))

    def _operations(
        self, statement: Any, scope: _Scope, controls: Controls
    ) -> Iterator[cirq.Operation]:
        """Yield the operations of a statement on whole registers."""
        if type(statement).__name__ in _SKIPPED:
            return
        if type(statement).__name__ not in ("QuantumGate", "QuantumPhase"):
            raise error_at(
                statement,
                "expected gates, declarations, and measurements at the end of the circuit",
            )
        for qubits in self._rows(statement, scope):
            yield from self._modified(statement, statement.modifiers, scope, qubits, controls)

    def _rows(self, statement: Any, scope: _Scope) -> Iterator[tuple[cirq.Qid, ...]]:
        """Yield the qubits of each gate that a statement on registers stands for."""
        operands = [self._qubits(node, scope) for node in statement.qubits]
        sizes = {len(operand) for operand in operands if isinstance(operand, list)}
        if len(sizes) > 1:
            raise error_at(statement, "expected registers of one size")
        n = sizes.pop() if sizes else 1
        yield from zip(*(o if isinstance(o, list) else [o] * n for o in operands), strict=True)
        if not operands:
            yield ()

    def _modified(
        self,
        statement: Any,
        modifiers: Sequence[Any],
        scope: _Scope,
        qubits: Sequence[cirq.Qid],
        controls: Controls,
    ) -> Iterable[cirq.Operation]:
        """Return the operations of a gate with modifiers, of which the first is the outermost."""
        if not modifiers:
            return self._gate(statement, scope, qubits, controls)
        first, *rest = modifiers
        if first.modifier.name in ("ctrl", "negctrl"):
            n = 1 if first.argument is None else self._count(first.argument, scope)
            if len(qubits) < n:
                raise error_at(statement, f"expected qubits for {n} more controls")
            values = [int(first.modifier.name == "ctrl")] * n
            inner = controls.also(qubits[:n], values)
            return self._modified(statement, rest, scope, qubits[n:], inner)
        steps = list(self._modified(statement, rest, scope, qubits, controls))
        if first.modifier.name == "inv":
            return repeated(steps, -1)
        return _power(steps, self._angle(first.argument, scope), statement)

    def _gate(
        self, statement: Any, scope: _Scope, qubits: Sequence[cirq.Qid], controls: Controls
    ) -> Iterable[cirq.Operation]:
        """Return the operations of a gate without modifiers."""
        if type(statement).__name__ == "QuantumPhase":
            if qubits:
                raise error_at(statement, "expected qubits for the controls only")
            return controls.phase(self._angle(statement.argument, scope))
        name = _name(statement)
        angles = [self._angle(node, scope) for node in statement.arguments]
        if name in scope.gates:
            return self._body(statement, angles, scope, qubits, controls)
        if name not in GATE_NAMES:
            raise error_at(statement, "expected a gate that is defined before it is used")
        try:
            return list(named_gate(name, angles, qubits, controls))
        except ValueError as error:
            raise error_at(statement, str(error)) from error

    def _body(
        self,
        statement: Any,
        angles: Sequence[Any],
        scope: _Scope,
        qubits: Sequence[cirq.Qid],
        controls: Controls,
    ) -> Iterator[cirq.Operation]:
        """Yield the operations of a gate that the program defines."""
        definition, known = scope.gates[_name(statement)]
        names, places = definition.arguments, definition.qubits
        if (len(names), len(places)) != (len(angles), len(qubits)):
            raise error_at(
                statement, f"expected {len(names)} angles and {len(places)} qubits for the gate"
            )
        inner = known.inner(
            {node.name: sympify(a) for node, a in zip(names, angles, strict=True)},
            {node.name: q for node, q in zip(places, qubits, strict=True)},
        )
        for step in definition.body:
            yield from self._operations(step, inner, controls)

    def _qubits(self, node: Any, scope: _Scope) -> cirq.Qid | list[cirq.Qid]:
        """Return a qubit, or a register of them."""
        indexed = type(node).__name__ == "IndexedIdentifier"
        name = node.name.name if indexed else node.name
        if name.startswith("$") and not self._scope.qubits:
            return self._physical_qubit(int(name[1:]))
        found = scope.qubits.get(name)
        if found is None:
            raise error_at(node, "expected a qubit that is declared")
        if not indexed:
            return found
        return _each(found)[self._index(node, scope, len(_each(found)))]

    def _index(self, node: Any, scope: _Scope, size: int) -> int:
        """Return the one index of a node, of which negative ones count from the end."""
        match node.indices:
            case [[index]]:
                value = self._integer_at(index, scope)
            case _:
                raise error_at(node, "expected one index")
        if not -size <= value < size:
            raise error_at(node, f"expected an index below {size}")
        return value

    def _integer_at(self, node: Any, scope: _Scope) -> int:
        value = self._value(node, scope)
        if not isinstance(value, self._integer):
            raise error_at(node, "expected an integer")
        return int(value)

    def _count(self, node: Any, scope: _Scope) -> int:
        if (value := self._integer_at(node, scope)) < 1:
            raise error_at(node, "expected an integer of at least 1")
        return value

    def _physical_qubit(self, number: int) -> cirq.Qid:
        qubit = cirq.LineQubit(number)
        if qubit not in self.assembly.qubits:
            self.assembly.qubits.append(qubit)
        return qubit

    def _angle(self, node: Any, scope: _Scope) -> Any:
        angle = angle_of(self._value(node, scope))
        if isinstance(angle, sympy.Expr) and (angle.is_number or angle.has(sympy.I)):
            raise error_at(node, "expected a real number")
        return angle

    def _value(self, node: Any, scope: _Scope) -> Any:
        def lookup(name: str, place: Any) -> Any:
            if name in scope.values:
                return scope.values[name]
            # An element that a declared array lacks may not be listed either.
            is_missing = f"{name.partition('[')[0]}[0]" in scope.values
            if name in self._undeclared and not is_missing:
                return self._undeclared[name]
            raise error_at(
                place, "expected a name that is declared, or among the features or parameters"
            )

        return Arithmetic(lookup, self._integer).evaluate(node)


def _name(statement: Any) -> str:
    return statement.name.name if type(statement).__name__ == "QuantumGate" else "gphase"


def _each(qubits: cirq.Qid | list[cirq.Qid]) -> list[cirq.Qid]:
    return qubits if isinstance(qubits, list) else [qubits]


def _power(steps: list[cirq.Operation], exponent: Any, statement: Any) -> list[cirq.Operation]:
    """Return the operations so many times; a single one may have any power."""
    if isinstance(exponent, float) and exponent.is_integer():
        return repeated(steps, int(exponent))
    if len(steps) != 1:
        raise error_at(statement, f"expected an integer power of a gate made of {len(steps)} gates")
    return [steps[0] ** exponent]
