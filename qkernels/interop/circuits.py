"""What the packages' circuits have in common: measurements at the end, idle qubits, names.

`Assembly` puts operations together and makes a `FeatureMap` of them. Where the operations come
from is said in each package's file.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Sequence
from typing import Any

import cirq
import sympy

from qkernels.feature_maps import FeatureMap


def require(package: str, distribution: str) -> Any:
    """Return a package that is not among those that qkernels needs.

    Raises
    ------
    ImportError
        If it is missing; the message names the extra to install.
    """
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise ImportError(
            f"this needs the package {distribution}, which is missing: "
            'pip install "qkernels[interop]"'
        ) from error


class Assembly:
    """Operations in their order, and which qubits were measured.

    Parameters
    ----------
    qubits : iterable of cirq.Qid, default=()
        All qubits of the circuit; those on which nothing acts are kept by an identity gate.
    """

    def __init__(self, qubits: Iterable[cirq.Qid] = ()) -> None:
        self.qubits = [*qubits]
        self._operations: list[cirq.Operation] = []
        self._used: set[cirq.Qid] = set()
        self._measured: set[cirq.Qid] = set()

    def append(self, operations: Iterable[cirq.Operation], name: str) -> None:
        """Append the operations of an instruction.

        Raises
        ------
        ValueError
            If one of its qubits has been measured; the message names the instruction.
        """
        for operation in operations:
            if late := self._measured.intersection(operation.qubits):
                raise ValueError(
                    f"expected measurements at the end of the circuit only, got {name} after "
                    f"a measurement of qubit {min(late)}"
                )
            self._used.update(operation.qubits)
            self._operations.append(operation)

    def measure(self, qubits: Iterable[cirq.Qid]) -> None:
        """Note a measurement, which has to be the last thing that happens to its qubits."""
        self._measured.update(qubits)

    def are_idle(self, qubits: Iterable[cirq.Qid]) -> bool:
        """Tell whether nothing has happened to qubits, so that a reset of them does nothing."""
        return not (self._used | self._measured).intersection(qubits)

    def feature_map(
        self, features: Sequence[Any], parameters: Sequence[Any], name: str | None
    ) -> FeatureMap:
        """Return the map of all operations."""
        circuit = cirq.Circuit(self._operations)
        circuit.append([cirq.I(q) for q in self.qubits if q not in self._used])
        return FeatureMap(circuit, features, parameters, name=name)


def angle_of(value: Any) -> Any:
    """Return a number as a float, and an expression with integers for floats that are integers.

    Examples
    --------
    >>> import sympy
    >>> angle_of(sympy.pi / 2), angle_of(2.0 * sympy.Symbol("x"))
    (1.5707963267948966, 2*x)
    """
    expression = sympy.sympify(value)
    # Of a number as it is, such as log(sin(1)), the sign may be unknown.
    if expression.is_number and expression.evalf().is_real:
        return float(expression)
    whole = {
        f: sympy.Integer(int(f)) for f in expression.atoms(sympy.Float) if float(f).is_integer()
    }
    return expression.xreplace(whole)
