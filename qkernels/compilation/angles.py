"""Angles as linear forms in a feature map's flat symbols.

Every number that a circuit's gates turn by is a constant plus a sum of coefficient times symbol,
where each symbol stands for one expression of data and parameters
(`FeatureMap.flattened`). How the symbols get their values lives in `qkernels.feature_maps`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np
import scipy.sparse
import sympy


@dataclass(frozen=True)
class Angle:
    """A constant plus a linear combination of flat symbols, in radians.

    Parameters
    ----------
    constant : float
    terms : mapping of int to float
        Coefficient of each symbol, by its number; none is zero.
    """

    constant: float = 0.0
    terms: Mapping[int, float] = field(default_factory=lambda: MappingProxyType({}))

    def __add__(self, other: Angle) -> Angle:
        terms = dict(self.terms)
        for symbol, coefficient in other.terms.items():
            terms[symbol] = terms.get(symbol, 0.0) + coefficient
        kept = {symbol: coefficient for symbol, coefficient in terms.items() if coefficient}
        return Angle(self.constant + other.constant, kept)

    def __mul__(self, factor: float) -> Angle:
        if factor == 0.0:
            return Angle()
        scaled = {symbol: factor * coefficient for symbol, coefficient in self.terms.items()}
        return Angle(factor * self.constant, scaled)

    __rmul__ = __mul__

    def __neg__(self) -> Angle:
        return self * -1.0

    def __sub__(self, other: Angle) -> Angle:
        return self + -other

    @property
    def is_constant(self) -> bool:
        """Whether no symbol occurs."""
        return not self.terms

    @property
    def is_zero(self) -> bool:
        """Whether it is the constant 0, to rounding."""
        return self.is_constant and abs(self.constant) < 1e-15

    @property
    def is_odd_half_turn(self) -> bool:
        """Whether it is an odd multiple of π, to rounding."""
        remainder = abs(math.remainder(self.constant, 2 * math.pi))
        return self.is_constant and abs(remainder - math.pi) < 1e-15

    @property
    def key(self) -> tuple:
        """What equal angles have in common."""
        return (self.constant, *sorted(self.terms.items()))


@dataclass(frozen=True, eq=False)
class AngleMap:
    """The linear map from a feature map's angles to those that a program turns by.

    Attributes
    ----------
    coefficients : sparse array of shape (n_slots, n_angles)
    constants : ndarray of shape (n_slots,)
    """

    coefficients: scipy.sparse.csr_array
    constants: np.ndarray

    @classmethod
    def of(cls, slots: Sequence[Angle], n_angles: int) -> AngleMap:
        """Return the map whose outputs are the given angles."""
        entries = [(i, j, c) for i, angle in enumerate(slots) for j, c in angle.terms.items()]
        rows, columns, values = zip(*entries, strict=True) if entries else ((), (), ())
        shape = (len(slots), n_angles)
        coefficients = scipy.sparse.csr_array((values, (rows, columns)), shape=shape, dtype=float)
        return cls(coefficients, np.array([angle.constant for angle in slots], dtype=float))

    @cached_property
    def _used(self) -> np.ndarray:
        """The angles that occur: one of many small registers uses few of all."""
        return np.unique(self.coefficients.indices)

    @cached_property
    def _small(self) -> scipy.sparse.csr_array:
        return self.coefficients[:, self._used]

    def __call__(self, angles: np.ndarray) -> np.ndarray:
        """Return (n_points, n_slots) for angles of shape (n_points, n_angles)."""
        return self.push_forward(angles) + self.constants

    def push_forward(self, rates: np.ndarray) -> np.ndarray:
        """Return how fast the slots change, given how fast the angles do."""
        return np.ascontiguousarray((self._small @ rates[:, self._used].T).T)

    def pull_back(self, cotangent: np.ndarray) -> np.ndarray:
        """Return the gradient by the angles, given that by the slots, a row a point each."""
        gradient = np.zeros((len(cotangent), self.coefficients.shape[1]))
        self.add_pull_back(gradient, cotangent)
        return gradient

    def add_pull_back(self, gradient: np.ndarray, cotangent: np.ndarray) -> None:
        """Add the gradient by the angles to one of shape (n_points, n_angles)."""
        gradient[:, self._used] += (self._small.T @ cotangent.T).T


def angle_of(value: Any, numbers: Mapping[str, int]) -> Angle:
    """Return a gate's argument, a number or an expression linear in flat symbols, as an angle.

    Parameters
    ----------
    value : number or sympy.Expr
    numbers : mapping of str to int
        The number of each flat symbol, by name.

    Raises
    ------
    ValueError
        If the number is not finite or real, or the expression not linear with real coefficients.
    """
    if not isinstance(value, sympy.Basic) or not value.free_symbols:
        number = complex(value)
        if number.imag or not math.isfinite(number.real):
            raise ValueError(f"expected a finite real angle, got {value}")
        return Angle(number.real)
    if value.is_Symbol:
        return Angle(0.0, {numbers[value.name]: 1.0})
    constant = 0.0
    terms: dict[int, float] = {}
    for term in sympy.Add.make_args(sympy.expand(value)):
        number, rest = term.as_independent(sympy.Symbol, as_Add=False)
        if rest == 1 and number.is_real:
            constant += float(number)
        elif rest.is_Symbol and number.is_real:
            symbol = numbers[rest.name]
            terms[symbol] = terms.get(symbol, 0.0) + float(number)
        else:
            raise ValueError(f"expected an expression linear in its symbols, got {value}")
    return Angle(constant, terms)
