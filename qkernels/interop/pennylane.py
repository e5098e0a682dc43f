"""Circuits from PennyLane.

A quantum function is called once, with symbols, and its operations are taken apart until they are
gates of `gates`, with their controls, or numeric matrices. PennyLane is imported when a function
is called, not before.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import cirq
import numpy as np
import sympy

from qkernels.feature_maps import FeatureMap
from qkernels.feature_maps.validation import integer, typed
from qkernels.interop.circuits import Assembly, angle_of, require
from qkernels.interop.gates import Controls, named_gate, pauli_rotation, repeated
from qkernels.interop.symbolic_arrays import SymbolicArray

# Their name of an operation: its name in OpenQASM.
_NAMES = {
    "PauliX": "x",
    "PauliY": "y",
    "PauliZ": "z",
    "Hadamard": "h",
    "S": "s",
    "T": "t",
    "SX": "sx",
    "SWAP": "swap",
    "ISWAP": "iswap",
    "RX": "rx",
    "RY": "ry",
    "RZ": "rz",
    "PhaseShift": "p",
    "U1": "u1",
    "U2": "u2",
    "U3": "u3",
    "IsingXX": "rxx",
    "IsingYY": "ryy",
    "IsingZZ": "rzz",
}


def from_pennylane(
    function: Any,
    n_features: int,
    n_parameters: int = 0,
    *,
    wires: Sequence[Any] | None = None,
    name: str | None = None,
) -> FeatureMap:
    """Bring a PennyLane quantum function over.

    The integer wire i becomes `cirq.LineQubit(i)`; wires with other labels become
    `cirq.LineQubit(0)`, ... in the order of their first use. Where wires are listed, by `wires` or
    by the device of a QNode, their places in the list count: on `device(wires=[1, 2])`, wire 1
    becomes `cirq.LineQubit(0)`. Both packages take the first qubit as the most significant one,
    so amplitudes are in the same order.

    Parameters
    ----------
    function : callable or pennylane.QNode
        Called as `function(x, t)`, or as `function(x)` if there are no parameters, with `x` of
        shape (n_features,) and `t` of shape (n_parameters,) arrays of symbols, which take
        arithmetic, indices, `reshape` and the functions of NumPy and pennylane.numpy. Weights of
        another shape are reshaped by the function:
        `qml.BasicEntanglerLayers(t.reshape(2, 3), wires=range(3))`. What it measures at its end
        is ignored.
    n_features, n_parameters : int
        Numbers of symbols, at least 0. Features are called x0, x1, ... and parameters theta0,
        theta1, ..., or w0, w1, ... where there are no features, as those of an ansatz are:
        `FeatureMap.compose` takes equal names for one symbol.
    wires : sequence, optional
        All wires, in the order of the qubits; those on which nothing acts are kept, with an
        identity gate. By default those of a QNode's device if it names them, otherwise those
        that the function uses.
    name : str, optional
        The map's label; by default none.

    Returns
    -------
    FeatureMap
        The map of the circuit.

    Raises
    ------
    ImportError
        If PennyLane is missing.
    TypeError
        If an argument is of the wrong type, or the function cannot be called with symbols.
    ValueError
        If a number is negative, the circuit does not use all symbols, or an operation is not a
        gate, such as a measurement before the end, or takes a batch, or has no decomposition in
        symbols.

    Examples
    --------
    >>> import pennylane as qml
    >>> print(from_pennylane(lambda x: qml.AngleEmbedding(x, wires=range(2)), 2))
    0: ───Rx(x0)───
    <BLANKLINE>
    1: ───Rx(x1)───
    """
    qml = require("pennylane", "pennylane")
    numbers = integer(n_features, "n_features", 0), integer(n_parameters, "n_parameters", 0)
    if isinstance(function, qml.QNode):
        wires = function.device.wires if wires is None else wires
        function = function.func
    if not callable(function):
        raise TypeError(
            f"expected function to be a quantum function or a QNode, got {typed(function)}"
        )
    _check_wires(wires)
    letters = "x", "theta" if n_features else "w"
    # PennyLane asks whether coefficients are real.
    x, weights = (
        [sympy.Symbol(f"{letter}{i}", real=True) for i in range(n)]
        for letter, n in zip(letters, numbers, strict=True)
    )
    arguments = [x, weights] if weights else [x]
    _check_takes(function, arguments)
    tape = _tape(qml, function, map(_array_class(qml).of, arguments))
    places = _places(tape.operations, wires)
    reader, assembly = _Reader(qml, places), Assembly(places.values())
    for operation in tape.operations:
        assembly.append(reader.operations(operation, Controls()), operation.name)
    return assembly.feature_map(x, weights, name)


def _check_wires(wires: Any) -> None:
    if wires is not None and (isinstance(wires, set) or not isinstance(wires, Iterable)):
        raise TypeError(f"expected wires to be a sequence of wires, got {typed(wires)}")


def _check_takes(function: Any, arguments: Sequence[Any]) -> None:
    """Refuse a function that does not take the features and the weights."""
    words = "the features and the weights"
    if len(arguments) == 1:
        words = "the features only, as n_parameters is 0"
    signature = inspect.signature(function)
    try:
        signature.bind(*arguments)
    except TypeError as error:
        raise TypeError(
            f"expected a function of {words}; got the arguments {signature}: {error}"
        ) from error


def _array_class(qml: Any) -> type[SymbolicArray]:
    """Return arrays of symbols that go before PennyLane's own arrays in arithmetic."""

    # NumPy asks a subclass first, and the tensor takes symbols for constants.
    class Symbols(SymbolicArray, qml.numpy.tensor):
        pass

    return Symbols


def _tape(qml: Any, function: Any, arguments: Iterable[SymbolicArray]) -> Any:
    try:
        return qml.tape.make_qscript(function)(*arguments)
    except TypeError as error:
        raise TypeError(
            f"expected a function that can be called with symbols, got the error: {error}; "
            "symbols cannot be compared, nor made floats, as their values are not known"
        ) from error


def _places(operations: Iterable[Any], wires: Sequence[Any] | None) -> dict[Any, cirq.LineQubit]:
    """Return the qubit of each wire."""
    used = list(dict.fromkeys(wire for operation in operations for wire in operation.wires))
    if wires is not None:
        wires = list(wires)
        if len(set(wires)) < len(wires) or not set(used) <= set(wires):
            raise ValueError(f"expected all of the wires {used} in wires, each once, got {wires}")
        return dict(zip(wires, cirq.LineQubit.range(len(wires)), strict=True))
    if all(isinstance(wire, int | np.integer) for wire in used):
        return {wire: cirq.LineQubit(int(wire)) for wire in used}
    return dict(zip(used, cirq.LineQubit.range(len(used)), strict=True))


class _Reader:
    """Takes PennyLane's operations apart.

    Parameters
    ----------
    qml : module
        PennyLane.
    places : dict
        The qubit of each wire.
    """

    def __init__(self, qml: Any, places: dict[Any, cirq.LineQubit]) -> None:
        self._qml = qml
        self._places = places

    def operations(self, operation: Any, controls: Controls) -> Iterable[cirq.Operation]:
        """Return the operations of an operation under controls."""
        ops = self._qml.ops
        if getattr(operation, "batch_size", None) is not None:
            raise ValueError(
                f"expected one value for each angle of {operation.name}, got a batch of "
                f"{operation.batch_size}: {operation.data}"
            )
        is_operator = isinstance(operation, self._qml.operation.Operator)
        if not is_operator or isinstance(operation, ops.Conditional):
            raise _not_a_gate(operation)
        if isinstance(operation, ops.Controlled):
            qubits = self._qubits(operation.control_wires)
            inner = controls.also(qubits, map(int, operation.control_values))
            return self.operations(operation.base, inner)
        if isinstance(operation, ops.Adjoint):
            return repeated(self.operations(operation.base, controls), -1)
        return self._gate(operation, controls)

    def _gate(self, operation: Any, controls: Controls) -> Iterable[cirq.Operation]:
        qubits = self._qubits(operation.wires)
        if operation.name in _NAMES:
            return named_gate(_NAMES[operation.name], _angles(operation), qubits, controls)
        match operation.name:
            case "Identity":
                return controls.on(map(cirq.I, qubits))
            case "GlobalPhase":
                return controls.phase(-_angles(operation)[0])
            case "Rot":
                gates = zip((cirq.rz, cirq.ry, cirq.rz), _angles(operation), strict=True)
                return controls.on(rotation(angle).on(*qubits) for rotation, angle in gates)
            case "MultiRZ":
                return _rotation("Z" * len(qubits), _angles(operation)[0], qubits, controls)
            case "PauliRot":
                word = operation.hyperparameters["pauli_word"]
                return _rotation(word, _angles(operation)[0], qubits, controls)
            case "QubitUnitary":
                return self._matrix(operation, controls)
        try:
            with self._qml.QueuingManager.stop_recording():
                parts = operation.decomposition()
        except self._qml.operation.DecompositionUndefinedError:
            return self._matrix(operation, controls)
        except (TypeError, ValueError, AttributeError) as error:
            raise _not_a_gate(operation) from error
        return [o for part in parts for o in self.operations(part, controls)]

    def _matrix(self, operation: Any, controls: Controls) -> Iterator[cirq.Operation]:
        is_numeric = all(np.asarray(value).dtype != object for value in operation.data)
        if not (operation.has_matrix and is_numeric):
            raise _not_a_gate(operation)
        gate = cirq.MatrixGate(np.asarray(self._qml.matrix(operation)))
        return controls.on([gate.on(*self._qubits(operation.wires))])

    def _qubits(self, wires: Iterable[Any]) -> list[cirq.LineQubit]:
        return [self._places[wire] for wire in wires]


def _not_a_gate(operation: Any) -> ValueError:
    return ValueError(
        "expected gates, and measurements at the end of the circuit; got "
        f"{operation.name} on the wires {operation.wires.tolist()}, which has neither a "
        "decomposition in symbols nor a numeric matrix"
    )


def _angles(operation: Any) -> list[Any]:
    return [angle_of(SymbolicArray.of(value).item()) for value in operation.data]


def _rotation(
    word: str, angle: Any, qubits: Sequence[cirq.Qid], controls: Controls
) -> Iterator[cirq.Operation]:
    """Return exp(-i angle/2 · P) for any Pauli word P."""
    acted = [(letter, q) for letter, q in zip(word, qubits, strict=True) if letter != "I"]
    if not acted:
        return controls.phase(-angle / 2)
    letters, places = zip(*acted, strict=True)
    return controls.on([pauli_rotation("".join(letters), angle).on(*places)])
