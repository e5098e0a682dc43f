"""Expressions as a flat program of NumPy functions, evaluated at all points at once.

What lives here: `ExpressionTable`, which writes the program, and its values and derivatives at
many points. The derivative of each function is in `derivatives`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import sympy

from qkernels.expressions.derivatives import Derivatives
from qkernels.expressions.program import Program, ProgramWriter

# Points are evaluated in blocks whose intermediate results stay in the processor's cache.
_BLOCK = 1024


@dataclass(frozen=True)
class ExpressionTable:
    """Expressions of some symbols, ready to be evaluated at many points.

    Symbols are identified by name; their assumptions are ignored. Equal tables have equal
    symbols and equal expressions in the same order.

    Parameters
    ----------
    symbols : tuple of str
        Names of the symbols: those that differ from point to point, in the order of the columns of
        the values, then those that all points share.
    expressions : tuple of sympy.Basic
        The expressions, in the order of the columns of the result.

    Examples
    --------
    >>> import numpy as np
    >>> import sympy
    >>> x, t = sympy.symbols("x t")
    >>> table = ExpressionTable(("x", "t"), (2 * x * t, sympy.acos(x)))
    >>> table.evaluate(np.array([[1.0, 3.0], [0.0, 5.0]]))
    array([[6.        , 0.        ],
           [0.        , 1.57079633]])
    """

    symbols: tuple[str, ...]
    expressions: tuple[sympy.Basic, ...]

    @cached_property
    def program(self) -> Program:
        """The steps that evaluate all expressions, common subexpressions once."""
        return ProgramWriter(self.symbols).write(self.expressions)

    @cached_property
    def dtype(self) -> type:
        """What the values are: float64, or complex128 where an imaginary number occurs."""
        columns = self.program.values(np.empty((len(self.symbols), 0)))
        is_complex = any(np.iscomplexobj(columns[i]) for i in self.program.outputs)
        return np.complex128 if is_complex else np.float64

    @cached_property
    def _derivatives(self) -> Derivatives:
        return Derivatives(self.program)

    @np.errstate(all="ignore")
    def evaluate(self, values: np.ndarray, shared: Any = ()) -> np.ndarray:
        """Evaluate every expression at every point.

        Parameters
        ----------
        values : ndarray of shape (n_points, n_own_symbols)
            Each point's own values of the first symbols.
        shared : array-like of shape (n_shared_symbols,), optional
            The values of the other symbols.

        Returns
        -------
        ndarray of shape (n_points, n_expressions)
            float64, or complex128 if some expression contains an imaginary number. Where an
            expression has no value, or only a complex one while all of it is real, it is nan.

        Raises
        ------
        ValueError
            If there is another number of values than of symbols, or an expression has no numerical
            form.
        """
        values, shared = self._check(values, shared)
        result: np.ndarray = np.empty((len(values), len(self.expressions)), dtype=self.dtype)
        for rows, columns in self._blocks(values, shared):
            for j, place in enumerate(self.program.outputs):
                result[rows, j] = columns[place]
        return result

    @np.errstate(all="ignore")
    def push_forward(
        self, values: np.ndarray, shared: Any, tangents: np.ndarray, shared_tangents: Any
    ) -> np.ndarray:
        """Return how fast the expressions change when the symbols do.

        Parameters
        ----------
        values, shared
            As `evaluate` takes them.
        tangents : ndarray of shape (n_points, n_own_symbols)
            How fast each point's values change.
        shared_tangents : array-like of shape (n_shared_symbols,)

        Returns
        -------
        ndarray of shape (n_points, n_expressions)
            Real parts only; not finite where an expression has no derivative.
        """
        values, shared = self._check(values, shared)
        tangents, shared_tangents = self._check(tangents, shared_tangents)
        result = np.empty((len(values), len(self.expressions)))
        for rows, columns in self._blocks(values, shared):
            given = _columns(tangents[rows], shared_tangents)
            for j, column in enumerate(self._derivatives.push_forward(columns, given)):
                result[rows, j] = np.real(column)
        return result

    @np.errstate(all="ignore")
    def pull_back(
        self, values: np.ndarray, shared: Any, cotangent: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the gradient of a scalar, given that with respect to the expressions' values.

        Parameters
        ----------
        values, shared
            As `evaluate` takes them.
        cotangent : ndarray of shape (n_points, n_expressions)

        Returns
        -------
        ndarray of shape (n_points, n_own_symbols), ndarray of shape (n_shared_symbols,)
            Not finite where an expression that counts has no derivative.
        """
        values, shared = self._check(values, shared)
        result, shared_result = np.empty_like(values), np.zeros_like(shared)
        own = values.shape[1]
        for rows, columns in self._blocks(values, shared):
            given = np.ascontiguousarray(cotangent[rows].T)
            # Summed at once where a value is one number for all points: one by one is slow.
            pairs = zip(self.program.outputs, given.sum(axis=1), given, strict=True)
            cotangents = [t if isinstance(columns[place], float) else g for place, t, g in pairs]
            found = self._derivatives.pull_back(columns, cotangents)
            for j, column in enumerate(found[:own]):
                result[rows, j] = column
            shared_result += found[own:]
        return result, shared_result

    def _blocks(self, values: np.ndarray, shared: np.ndarray) -> Iterator[tuple[slice, list[Any]]]:
        """Yield some rows at a time, with every value of the program there."""
        for start in range(0, len(values), _BLOCK):
            rows = slice(start, start + _BLOCK)
            yield rows, self.program.values(_columns(values[rows], shared))

    def _check(self, values: Any, shared: Any) -> tuple[np.ndarray, np.ndarray]:
        values, shared = np.asarray(values, dtype=np.float64), np.asarray(shared, dtype=np.float64)
        own = len(self.symbols) - shared.size
        if values.ndim != 2 or values.shape[1] != own:
            raise ValueError(f"expected values of shape (n_points, {own}), got {values.shape}")
        return values, shared

    def __getstate__(self) -> dict[str, Any]:
        return {"symbols": self.symbols, "expressions": self.expressions}


def _columns(values: np.ndarray, shared: np.ndarray) -> list[Any]:
    """Return one array for each of the points' own symbols, and one number for each other."""
    return [*np.ascontiguousarray(values.T), *shared]
