"""The value that all else starts from: a circuit, its data symbols and its trainable symbols.

`FeatureMap` says which symbols are which. The surgery on circuits, the function to their angles
and the standard maps live in the files beside this one; how a circuit is simulated is not known.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import cirq
import numpy as np
import sympy

from qkernels.expressions import ExpressionTable
from qkernels.feature_maps import serialization
from qkernels.feature_maps.angles import Angles
from qkernels.feature_maps.flattening import (
    FlatCircuit,
    evaluated,
    flatten,
    plain_and_flat,
    substitute,
    unroll,
    without_measurements,
)
from qkernels.feature_maps.validation import (
    check_distinct,
    check_known,
    check_used,
    integer,
    numbered,
    real_array,
    symbols,
    typed,
)


class FeatureMap:
    """A Cirq circuit whose symbols are data features and trainable parameters.

    A feature map is a value: it never changes, equal circuits with equal symbols are equal maps,
    and a copy is the map itself.

    Parameters
    ----------
    circuit : cirq.AbstractCircuit
        The circuit that prepares the state of a point from |0...0⟩. Measurements at its end are
        dropped, constants become numbers, and symbols lose their assumptions: they are known by
        name.
    features : sequence of str or sympy.Symbol
        The data symbols, in the order of the columns of X. May be empty.
    parameters : sequence of str or sympy.Symbol, default=()
        The trainable symbols, in the order of a parameter vector.
    name : str, optional
        A label for people; equality ignores it.

    Raises
    ------
    TypeError
        If an argument is of the wrong type.
    ValueError
        If the circuit has a symbol that is in neither list, a list has a symbol that the circuit
        lacks or that was listed before, or the circuit is not one on qubits that could be
        prepared without looking at measurement outcomes.

    Examples
    --------
    >>> import cirq
    >>> import sympy
    >>> q = cirq.LineQubit.range(2)
    >>> x, t = sympy.symbols("x t")
    >>> circuit = cirq.Circuit(cirq.rx(x)(q[0]), cirq.CNOT(*q), cirq.rz(t * x)(q[1]))
    >>> feature_map = FeatureMap(circuit, features=["x"], parameters=["t"])
    >>> print(feature_map)
    0: ───Rx(x)───@─────────────
                  │
    1: ───────────X───Rz(t*x)───
    >>> print(feature_map.resolve([0.5], [2.0]))
    0: ───Rx(0.159π)───@────────────────
                       │
    1: ────────────────X───Rz(0.318π)───
    """

    def __init__(
        self,
        circuit: cirq.AbstractCircuit,
        features: Sequence[str | sympy.Symbol],
        parameters: Sequence[str | sympy.Symbol] = (),
        *,
        name: str | None = None,
    ) -> None:
        self._set(circuit, features, parameters, name)
        check_used(self._flat.free_symbols, self._features, self._parameters)

    def _set(
        self,
        circuit: cirq.AbstractCircuit,
        features: Sequence[str | sympy.Symbol],
        parameters: Sequence[str | sympy.Symbol],
        name: str | None,
    ) -> None:
        if not isinstance(circuit, cirq.AbstractCircuit):
            raise TypeError(f"expected circuit to be a Cirq circuit, got {typed(circuit)}")
        if name is not None and not isinstance(name, str):
            raise TypeError(f"expected name to be a str or None, got {typed(name)}")
        self._features = symbols(features, "features")
        self._parameters = symbols(parameters, "parameters")
        self._name = name
        check_distinct(self._features, self._parameters)
        self._circuit, self._flat = plain_and_flat(without_measurements(circuit))
        check_known(self._flat.free_symbols, self._features, self._parameters)

    @classmethod
    def _unchecked(cls, *args: Any) -> FeatureMap:
        """Return a map that may list symbols which the circuit lacks."""
        feature_map = object.__new__(cls)
        feature_map._set(*args)
        return feature_map

    @classmethod
    def from_function(
        cls,
        function: Callable[..., cirq.AbstractCircuit],
        n_features: int,
        n_parameters: int = 0,
        *,
        name: str | None = None,
    ) -> FeatureMap:
        """Build a feature map from a function that writes its circuit.

        Parameters
        ----------
        function : callable
            Called as `function(x, t)`, or as `function(x)` if there are no parameters, with `x`
            and `t` object arrays of the symbols x0, x1, ... and theta0, theta1, ...; returns
            the circuit.
        n_features, n_parameters : int
            Numbers of symbols, at least 0.
        name : str, optional
            The map's label.

        Returns
        -------
        FeatureMap
            The map of the circuit.

        Raises
        ------
        TypeError
            If the function does not return a Cirq circuit.
        ValueError
            If a number is not a non-negative integer, or the circuit does not use all symbols.

        Examples
        --------
        >>> import cirq
        >>> q = cirq.LineQubit(0)
        >>> print(FeatureMap.from_function(
        ...     lambda x, t: cirq.Circuit(cirq.rx(x[0])(q), cirq.ry(t[0])(q)), 1, 1
        ... ))
        0: ───Rx(x0)───Ry(theta0)───
        """
        features = numbered("x", integer(n_features, "n_features", 0))
        parameters = numbered("theta", integer(n_parameters, "n_parameters", 0))
        arguments = [features, parameters] if n_parameters else [features]
        circuit = function(*(np.array(a, dtype=object) for a in arguments))
        return cls(circuit, features, parameters, name=name)

    @property
    def circuit(self) -> cirq.FrozenCircuit:
        """The circuit, without measurements at its end."""
        return self._circuit

    @property
    def name(self) -> str | None:
        """The label, or None."""
        return self._name

    @property
    def feature_symbols(self) -> tuple[sympy.Symbol, ...]:
        """The data symbols, in the order of the columns of X."""
        return self._features

    @property
    def parameter_symbols(self) -> tuple[sympy.Symbol, ...]:
        """The trainable symbols, in the order of a parameter vector."""
        return self._parameters

    @cached_property
    def qubits(self) -> tuple[cirq.Qid, ...]:
        """The circuit's qubits, sorted; the first is the most significant."""
        return tuple(sorted(self._circuit.all_qubits()))

    @property
    def n_features(self) -> int:
        """Number of data symbols: columns of X."""
        return len(self._features)

    @property
    def n_parameters(self) -> int:
        """Number of trainable symbols."""
        return len(self._parameters)

    @property
    def n_qubits(self) -> int:
        """Number of qubits."""
        return len(self.qubits)

    @cached_property
    def _unrolled(self) -> cirq.FrozenCircuit:
        return unroll(self._circuit)

    @cached_property
    def _flat(self) -> FlatCircuit:
        return flatten(self._unrolled)

    @cached_property
    def angle_function(self) -> Angles:
        """The function that `encode` and `angles` call, which has derivatives too."""
        return Angles(self._unrolled, self._flat, self._features, self._parameters)

    @cached_property
    def flattened(self) -> tuple[cirq.FrozenCircuit, ExpressionTable]:
        """The circuit with one plain symbol for each distinct expression, and the expressions.

        Subcircuits are unrolled, and values without symbols are numbers. The table's symbols are
        the features, then the parameters; its expressions are in the order of `angle_symbols`.
        The expression of a global phase's coefficient c is arg(c) / π: there the circuit's
        `cirq.GlobalPhaseGate` holds a symbol for the phase in half turns. A feature x_i that
        the circuit uses only inside acos(x_i) stands for that angle here: see `encode`.
        """
        return self._flat.circuit, self.angle_function.table

    @property
    def angle_symbols(self) -> tuple[sympy.Symbol, ...]:
        """The symbols of the flattened circuit, in the order of the columns of `angles`."""
        return self._flat.symbols

    def encode(self, X: np.ndarray) -> np.ndarray:
        """Return the data as the circuit's angles see them: arccos(x) where it uses only that.

        Parameters
        ----------
        X : ndarray of shape (n_points, n_features)
            The data.

        Returns
        -------
        ndarray of shape (n_points, n_features)
            arccos(X[:, i]) in radians for each feature that the circuit uses only inside
            acos(x_i), X[:, i] for every other.

        Raises
        ------
        ValueError
            If X has the wrong shape or is complex, or lies outside [-1, 1] where its arccos is
            needed. A rounding error of 1e-12 is allowed.

        Examples
        --------
        >>> import numpy as np
        >>> from qkernels.feature_maps import chebyshev
        >>> chebyshev(2).encode(np.array([[0.0, -1.0]]))
        array([[1.57079633, 3.14159265]])
        """
        return self.angle_function.encode(X)

    def angles(self, inputs: np.ndarray, parameters: Any = None) -> np.ndarray:
        """Return the values of `angle_symbols` at every point.

        Parameters
        ----------
        inputs : ndarray of shape (n_points, n_features)
            Encoded data: what `encode` returns, times a kernel's bandwidth.
        parameters : array-like of shape (n_parameters,), optional
            Values of the trainable symbols; needed if there are any.

        Returns
        -------
        ndarray of shape (n_points, n_angles)
            Real values, in the order of `angle_symbols`.

        Raises
        ------
        ValueError
            If an argument has the wrong shape, the parameters are missing or not finite, or a
            value is not a finite real number; then the message names operation, row and column.

        Examples
        --------
        >>> import numpy as np
        >>> from qkernels.feature_maps import angle
        >>> feature_map = angle(1)
        >>> feature_map.angles(np.array([[np.pi / 2]]))
        array([[0.5]])
        """
        return self.angle_function.evaluate(inputs, parameters)

    def resolve(self, x: Any, parameters: Any = None) -> cirq.Circuit:
        """Return the circuit of one point, with numbers for all symbols.

        Parameters
        ----------
        x : array-like of shape (n_features,)
            The point.
        parameters : array-like of shape (n_parameters,), optional
            Values of the trainable symbols; needed if there are any.

        Returns
        -------
        cirq.Circuit
            The circuit, with its subcircuits unrolled.

        Raises
        ------
        ValueError
            As `encode` and `angles` do.

        Examples
        --------
        >>> from qkernels.feature_maps import angle
        >>> print(angle(1).resolve([0.25]))
        0: ───Rx(0.08π)───
        """
        x = real_array(x, "x")
        if x.shape != (self.n_features,):
            raise ValueError(f"FeatureMap expects x of shape ({self.n_features},), got {x.shape}")
        angles = self.angles(self.encode(x[np.newaxis]), parameters)[0]
        values = dict(zip(self.angle_symbols, angles.tolist(), strict=True))
        return substitute(
            self._flat.circuit,
            lambda e: evaluated(e, values),
            lambda e: np.exp(1j * np.pi * evaluated(e, values)).item(),
        ).unfreeze()

    def compose(self, other: FeatureMap) -> FeatureMap:
        """Return the map whose circuit is this one's, then the other's.

        Parameters
        ----------
        other : FeatureMap
            What comes after. Symbols and qubits that both have are shared.

        Returns
        -------
        FeatureMap
            Its symbols are this map's, then those that only the other has.

        Raises
        ------
        TypeError
            If `other` is not a feature map.
        ValueError
            If a symbol is a feature of one and a parameter of the other.

        Examples
        --------
        >>> from qkernels.feature_maps import angle
        >>> print(angle(1, axis="X").compose(angle(1, axis="Z")))
        0: ───Rx(x0)───Rz(x0)───
        """
        if not isinstance(other, FeatureMap):
            raise TypeError(f"expected a FeatureMap to compose with, got {typed(other)}")
        return FeatureMap._unchecked(
            self._circuit + other._circuit,
            _union(self._features, other._features),
            _union(self._parameters, other._parameters),
            None,
        )

    def bind(self, parameters: Any) -> FeatureMap:
        """Return the map with numbers in the place of trainable symbols.

        Parameters
        ----------
        parameters : array-like of shape (n_parameters,) or mapping
            Values of all trainable symbols, or a mapping from some of them (or their names) to
            values.

        Returns
        -------
        FeatureMap
            The map with the remaining trainable symbols. It keeps all features, also one that
            a parameter of 0 has switched off; its subcircuits are unrolled.

        Raises
        ------
        ValueError
            If a name is not that of a trainable symbol, or the values are not finite real
            numbers or of the wrong number.

        Examples
        --------
        >>> from qkernels.feature_maps import hardware_efficient
        >>> print(hardware_efficient(1, layers=1).bind({"theta1": 0.5}))
        0: ───Rx(x0)───Ry(theta0)───Rz(0.159π)───
        """
        values = self.angle_function.named_parameters(parameters)

        def bind(expression: sympy.Expr) -> sympy.Expr | complex:
            return evaluated(expression, values)

        return FeatureMap._unchecked(
            substitute(self._unrolled, bind, bind),
            self._features,
            tuple(s for s in self._parameters if s not in values),
            self._name,
        )

    def to_json(self) -> str:
        """Write the map as JSON text.

        Returns
        -------
        str
            The text, with a version of its format; subcircuits are unrolled.

        Raises
        ------
        ValueError
            If the circuit holds an operation that Cirq cannot write, or an expression an
            unusual function.

        Examples
        --------
        >>> from qkernels.feature_maps import zz
        >>> FeatureMap.from_json(zz(2).to_json()) == zz(2)
        True
        """
        features, parameters = ([s.name for s in t] for t in (self._features, self._parameters))
        return serialization.write(self._flat, features, parameters, self._name)

    @classmethod
    def from_json(cls, text: str) -> FeatureMap:
        """Read a map that `to_json` wrote; nothing in the text is executed.

        Parameters
        ----------
        text : str
            The JSON text.

        Returns
        -------
        FeatureMap
            An equal map, if the one written had no subcircuits.

        Raises
        ------
        ValueError
            If the text is not that of a feature map.
        """
        name, features, parameters, circuit = serialization.read(text)
        return cls._unchecked(circuit, features, parameters, name)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, FeatureMap):
            return NotImplemented
        return self is other or (
            self._features == other._features
            and self._parameters == other._parameters
            and self._circuit == other._circuit
        )

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        try:
            circuit = hash(self._circuit)
        except TypeError:  # An operation that cannot be hashed: what equal circuits share.
            circuit = hash((self.qubits, len(self._circuit)))
        return hash((circuit, self._features, self._parameters))

    def __copy__(self) -> FeatureMap:
        return self

    def __deepcopy__(self, memo: dict) -> FeatureMap:
        return self

    def __getstate__(self) -> dict[str, Any]:
        kept = ("_circuit", "_features", "_parameters", "_name")
        return {key: self.__dict__[key] for key in kept}

    def __str__(self) -> str:
        return str(self._circuit)

    def __repr__(self) -> str:
        label = f"FeatureMap {self._name!r}" if self._name else "FeatureMap"
        sizes = f"{self.n_features} features, {self.n_parameters} parameters"
        return f"<{label}: {sizes}, {self.n_qubits} qubits>"


def _union(first: tuple, second: tuple) -> tuple:
    return first + tuple(s for s in second if s not in first)
