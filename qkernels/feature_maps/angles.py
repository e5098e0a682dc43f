"""From data and parameters to the numbers in a circuit: checked, encoded, evaluated.

`Angles` is the one function that both `FeatureMap.resolve` and every simulator call, so that they
cannot disagree. The circuit that the numbers are for is not changed here.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import cirq
import numpy as np
import sympy

from qkernels.expressions import ExpressionTable
from qkernels.feature_maps.flattening import FlatCircuit, flatten
from qkernels.feature_maps.validation import listed, real, real_array, symbols

# Scaling data to [-1, 1] overshoots by rounding errors, which is no reason to refuse them.
_ROUNDING = 1e-12
# How many columns an error message lists.
_SHOWN = 4


class Angles:
    """The function from inputs and parameters to a flat circuit's values.

    Parameters
    ----------
    source : cirq.FrozenCircuit
        The circuit before flattening, whose operations error messages name.
    flat : FlatCircuit
        The flattened circuit.
    features, parameters : tuple of sympy.Symbol
        The data symbols and the trainable symbols.
    """

    def __init__(
        self,
        source: cirq.FrozenCircuit,
        flat: FlatCircuit,
        features: tuple[sympy.Symbol, ...],
        parameters: tuple[sympy.Symbol, ...],
    ) -> None:
        self._source = source
        self._flat = flat
        self._features = features
        self._parameters = parameters

    @cached_property
    def arccos_columns(self) -> tuple[int, ...]:
        """The columns of X that the circuit uses only inside an arccos."""
        expressions = self._flat.expressions
        found = {a for e in expressions for a in e.atoms(sympy.acos)}
        columns = [i for i, x in enumerate(self._features) if sympy.acos(x) in found]
        hidden = {sympy.acos(self._features[i]): sympy.Dummy() for i in columns}
        bare = {s for e in expressions for s in e.xreplace(hidden).free_symbols}
        return tuple(i for i in columns if self._features[i] not in bare)

    @cached_property
    def table(self) -> ExpressionTable:
        """The values as expressions of encoded data and parameters."""
        encoded = {sympy.acos(self._features[i]): self._features[i] for i in self.arccos_columns}
        expressions = (
            (sympy.arg(e) / sympy.pi if is_phase else e).xreplace(encoded)
            for e, is_phase in zip(self._flat.expressions, self._flat.is_phase, strict=True)
        )
        names = tuple(s.name for s in self._features + self._parameters)
        return ExpressionTable(names, tuple(expressions))

    def encode(self, X: Any) -> np.ndarray:
        """Return the data, or their arccos where the circuit uses only that."""
        X = self._points(X)
        if not self.arccos_columns:
            return X
        encoded = X.copy()
        for i in self.arccos_columns:
            self._check_arccos(X, i)
            encoded[:, i] = np.arccos(np.clip(X[:, i], -1, 1))
        return encoded

    def _check_arccos(self, X: np.ndarray, column: int) -> None:
        outside = np.abs(X[:, column]) > 1 + _ROUNDING
        if outside.any():
            row = int(np.argmax(outside))
            raise ValueError(
                f"FeatureMap takes the arccos of column {column} of X ({self._features[column]}), "
                f"which must lie in [-1, 1]; got {X[row, column]} in row {row}"
            )

    def evaluate(self, inputs: Any, parameters: Any) -> np.ndarray:
        """Return the values, of shape (n_points, n_angles), of encoded data and parameters."""
        inputs = self._points(inputs)
        angles = self.table.evaluate(inputs, self.check_parameters(parameters))
        bad = ~np.isfinite(angles)
        if np.iscomplexobj(angles):
            bad |= np.abs(angles.imag) > _ROUNDING * np.maximum(1, np.abs(angles.real))
        if bad.any():
            row, angle = map(int, np.argwhere(bad)[0])
            raise ValueError(self._complaint(row, angle, angles[row, angle], inputs))
        return np.ascontiguousarray(angles.real)

    def push_forward(
        self, inputs: Any, parameters: Any, tangents: np.ndarray, parameter_tangents: np.ndarray
    ) -> np.ndarray:
        """Return how fast the values change when inputs and parameters do.

        Parameters
        ----------
        inputs, parameters
            As `evaluate` takes them.
        tangents : ndarray of shape (n_points, n_features)
            How fast the inputs change.
        parameter_tangents : ndarray of shape (n_parameters,)

        Returns
        -------
        ndarray of shape (n_points, n_angles)

        Raises
        ------
        ValueError
            If a value has no finite derivative there; the message names it.
        """
        values = self.check_parameters(parameters)
        rates = self.table.push_forward(inputs, values, tangents, parameter_tangents)
        bad = ~np.isfinite(rates)
        if bad.any():
            row, angle = map(int, np.argwhere(bad)[0])
            raise ValueError(
                f"no finite derivative of {self._flat.expressions[angle]} in row {row} of X"
            )
        return rates

    def pull_back(
        self, inputs: Any, parameters: Any, cotangent: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the gradient of a scalar, given that with respect to the values.

        Parameters
        ----------
        inputs, parameters
            As `evaluate` takes them.
        cotangent : ndarray of shape (n_points, n_angles)

        Returns
        -------
        ndarray of shape (n_points, n_features), ndarray of shape (n_parameters,)

        Raises
        ------
        ValueError
            If a value that counts has no finite derivative; the message names symbol and row.
        """
        values = self.check_parameters(parameters)
        gradient, parameter_gradient = self.table.pull_back(inputs, values, cotangent)
        if (bad := ~np.isfinite(gradient)).any():
            row, column = map(int, np.argwhere(bad)[0])
            symbol, where = self._features[column], f" in row {row} of X"
        elif (bad := ~np.isfinite(parameter_gradient)).any():
            symbol, where = self._parameters[int(np.argmax(bad))], ""
        else:
            return gradient, parameter_gradient
        raise ValueError(f"the circuit's angles have no finite derivative in {symbol}{where}")

    def encoding_slope(self, X: np.ndarray) -> np.ndarray:
        """Return the derivative of each entry of `encode(X)`: -1/√(1 - x²) for an arccos, else 1.

        Raises
        ------
        ValueError
            If an arccos is taken of ±1, where it has no derivative.
        """
        slope = np.ones_like(X)
        for i in self.arccos_columns:
            if (at_end := np.abs(X[:, i]) >= 1).any():
                row = int(np.argmax(at_end))
                raise ValueError(
                    f"the arccos of column {i} of X ({self._features[i]}) has no derivative at ±1; "
                    f"got {X[row, i]} in row {row}"
                )
            slope[:, i] = -1 / np.sqrt((1 - X[:, i]) * (1 + X[:, i]))
        return slope

    def _complaint(self, row: int, angle: int, value: complex, inputs: np.ndarray) -> str:
        expression = self._flat.expressions[angle]
        data = [
            f"{x} = {inputs[row, column]} (column {column})"
            for column, x in enumerate(self._features)
            if x in expression.free_symbols
        ]
        where = f", where {', '.join(data[:_SHOWN])}" if data else ""
        return (
            f"expected a finite real number for {expression} in the operation "
            f"{self._operation_of(expression)}, got {value} in row {row} of X{where}"
            + (", ..." if len(data) > _SHOWN else "")
        )

    def _operation_of(self, expression: sympy.Expr) -> cirq.Operation:
        """Return the first operation of the circuit that contains the expression."""
        operations = self._source.all_operations()
        return next(
            op for op in operations if expression in flatten(cirq.FrozenCircuit(op)).expressions
        )

    def _points(self, X: Any) -> np.ndarray:
        X = real_array(X, "X")
        if X.ndim != 2 or X.shape[1] != len(self._features):
            raise ValueError(
                f"FeatureMap expects X of shape (n_points, {len(self._features)}), got {X.shape}"
            )
        return X

    def check_parameters(self, parameters: Any) -> np.ndarray:
        """Return finite values of all trainable symbols as an array, or say what is wrong."""
        n = len(self._parameters)
        if parameters is None and n:
            raise ValueError(
                f"FeatureMap has {n} trainable parameters ({listed(self._parameters)}); "
                "got parameters=None"
            )
        values = real_array(() if parameters is None else parameters, "parameters")
        if values.shape != (n,):
            raise ValueError(f"FeatureMap expects parameters of shape ({n},), got {values.shape}")
        if not np.isfinite(values).all():
            k = int(np.argmin(np.isfinite(values)))
            raise ValueError(f"expected finite parameters, got {self._parameters[k]} = {values[k]}")
        return values

    def named_parameters(self, values: Any) -> dict[sympy.Symbol, float]:
        """Return finite values by symbol: of all trainable ones, or of those a mapping names."""
        if not isinstance(values, Mapping):
            numbers = self.check_parameters(values).tolist()
            return dict(zip(self._parameters, numbers, strict=True))
        names = symbols(values, "parameters")
        if unknown := set(names) - set(self._parameters):
            raise ValueError(
                f"FeatureMap has the trainable parameters {listed(self._parameters)}, "
                f"got values of {listed(sorted(unknown, key=str))}"
            )
        pairs = zip(names, values.values(), strict=True)
        return {name: real(value, name.name) for name, value in pairs}
