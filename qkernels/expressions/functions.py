"""Which NumPy function computes which sympy function.

What lives here: the tables that `program` writes from and `trees` takes its names from, and the
functions that NumPy does not have. Their derivatives are in `derivatives`.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy


def arctan2(y: Any, x: Any) -> Any:
    """Return the angle of (x, y); nan at the origin, as in sympy and unlike `np.arctan2`."""
    return np.where((x == 0) & (y == 0), np.nan, np.arctan2(y, x))


def sign(a: Any) -> Any:
    """Return a / |a|, 0 for 0; of complex numbers too, where NumPy 1 returns something else."""
    return np.where(a == 0, 0.0, a / np.abs(a)) if np.iscomplexobj(a) else np.sign(a)


def sinc(a: Any) -> Any:
    """Return sin(a) / a, as sympy defines it and unlike `np.sinc`."""
    return np.sinc(a / np.pi)


FUNCTIONS: dict[type, Callable] = {
    sympy.exp: np.exp,
    sympy.log: np.log,
    sympy.sin: np.sin,
    sympy.cos: np.cos,
    sympy.tan: np.tan,
    sympy.sinc: sinc,
    sympy.asin: np.arcsin,
    sympy.acos: np.arccos,
    sympy.atan: np.arctan,
    sympy.atan2: arctan2,
    sympy.sinh: np.sinh,
    sympy.cosh: np.cosh,
    sympy.tanh: np.tanh,
    sympy.asinh: np.arcsinh,
    sympy.acosh: np.arccosh,
    sympy.atanh: np.arctanh,
    sympy.Abs: np.abs,
    sympy.sign: sign,
    sympy.floor: np.floor,
    sympy.ceiling: np.ceil,
    sympy.Mod: np.mod,
    sympy.arg: np.angle,
    sympy.re: np.real,
    sympy.im: np.imag,
    sympy.conjugate: np.conjugate,
    sympy.StrictGreaterThan: np.greater,
    sympy.GreaterThan: np.greater_equal,
    sympy.StrictLessThan: np.less,
    sympy.LessThan: np.less_equal,
    sympy.Equality: np.equal,
    sympy.Unequality: np.not_equal,
    sympy.Not: np.logical_not,
}
REDUCTIONS: dict[type, Callable] = {
    # Python's own, because what all points share is a scalar, for which a ufunc is slow.
    sympy.Add: operator.add,
    sympy.Mul: operator.mul,
    sympy.Min: np.minimum,
    sympy.Max: np.maximum,
    sympy.And: np.logical_and,
    sympy.Or: np.logical_or,
}
POWERS: dict[sympy.Basic, Callable] = {
    sympy.Integer(-1): np.reciprocal,
    sympy.Integer(2): np.square,
    sympy.Rational(1, 2): np.sqrt,
}


@dataclass(frozen=True)
class Constant:
    """The function of no arguments that returns a number."""

    value: complex

    def __call__(self) -> complex:
        """Return the number."""
        return self.value


class Lambdified:
    """Sympy's own translation of a subexpression that has no NumPy function here.

    Parameters
    ----------
    expression : sympy.Basic
        The subexpression.
    names : tuple of str
        Its symbols' names, in the order of the arguments.
    """

    def __init__(self, expression: sympy.Basic, names: tuple[str, ...]) -> None:
        self.expression = expression
        self.names = names
        self._derivatives: dict[int, Lambdified] = {}
        # Sympy writes code to evaluate it: no name that a user chose may get into that code.
        dummies = {name: sympy.Dummy() for name in names}
        body = expression.xreplace({s: dummies[s.name] for s in expression.free_symbols})
        try:
            self._function = sympy.lambdify(list(dummies.values()), body, ["scipy", "numpy"])
        except (NotImplementedError, TypeError) as error:
            raise ValueError(f"no numerical form of the expression {expression}") from error

    def __call__(self, *arguments: Any) -> Any:
        """Return the subexpression's values, given those of its symbols."""
        try:
            return self._function(*arguments)
        except (NameError, TypeError) as error:
            raise ValueError(f"no numerical form of the expression {self.expression}") from error

    def derivative(self, argument: int) -> Lambdified:
        """Return the derivative with respect to one argument.

        Raises
        ------
        ValueError
            If it has no numerical form.
        """
        if argument not in self._derivatives:
            # Arguments are real: without saying so, |x| has no derivative in sympy.
            real = {s: sympy.Symbol(s.name, real=True) for s in self.expression.free_symbols}
            symbol = sympy.Symbol(self.names[argument], real=True)
            derivative = self.expression.xreplace(real).diff(symbol)
            smooth = derivative.replace(sympy.DiracDelta, lambda *arguments: sympy.Integer(0))
            self._derivatives[argument] = Lambdified(smooth, self.names)
        return self._derivatives[argument]
