"""Angles as linear forms in a feature map's flat symbols.

Every number that a circuit's gates turn by is a constant plus a sum of coefficient times symbol,
where each symbol stands for one expression of data and parameters
(`FeatureMap.flattened`). How the symbols get their values lives in `qkernels.feature_maps`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

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
