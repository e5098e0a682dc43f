"""Derivatives of a program's values, forwards and backwards through its nodes.

What lives here: one rule for each NumPy function of `functions`, and the two sweeps of the chain
rule. A rule gives the partial derivatives with respect to each argument. Where a function is not
analytic (a modulus, a real part), the partial derivative is a pair (p, q) of Wirtinger's:
df = p dz + q conj(dz).

Cotangents of complex values a follow dL = Re(conj(a) dz); for real ones that is the gradient.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import scipy.special

from qkernels.expressions.functions import Lambdified, arctan2, sign, sinc
from qkernels.expressions.program import Program

# Returns the derivative with respect to one argument, given the value and all arguments.
Rule: TypeAlias = Callable[..., Any]


class Wirtinger(NamedTuple):
    """The derivatives with respect to an argument and to its conjugate."""

    p: Any
    q: Any


def _sign_derivative(v: Any, a: Any) -> Any:
    """Return the derivative of a / |a|, which is flat along the real axis."""
    size = np.abs(a)
    return Wirtinger(0.5 / size, -0.5 * v * v / size) if np.iscomplexobj(a) else 0.0


_RULES: dict[Callable, tuple[Rule, ...]] = {
    operator.add: (lambda v, a, b: 1.0, lambda v, a, b: 1.0),
    operator.mul: (lambda v, a, b: b, lambda v, a, b: a),
    np.minimum: (lambda v, a, b: a <= b, lambda v, a, b: a > b),
    np.maximum: (lambda v, a, b: a >= b, lambda v, a, b: a < b),
    np.power: (
        lambda v, a, b: _product(b, np.power(a, b - 1.0)),
        lambda v, a, b: _product(v, np.log(a)),
    ),
    np.reciprocal: (lambda v, a: -(v * v),),
    np.square: (lambda v, a: 2.0 * a,),
    np.sqrt: (lambda v, a: 0.5 / v,),
    np.exp: (lambda v, a: v,),
    np.log: (lambda v, a: 1.0 / a,),
    np.sin: (lambda v, a: np.cos(a),),
    np.cos: (lambda v, a: -np.sin(a),),
    np.tan: (lambda v, a: 1.0 + v * v,),
    # Sympy's quotient loses all digits near 0; see DLMF 10.51.
    sinc: (lambda v, a: -scipy.special.spherical_jn(1, a),),
    np.arcsin: (lambda v, a: 1.0 / np.sqrt(1.0 - a * a),),
    np.arccos: (lambda v, a: -1.0 / np.sqrt(1.0 - a * a),),
    np.arctan: (lambda v, a: 1.0 / (1.0 + a * a),),
    arctan2: (lambda v, y, x: x / (x * x + y * y), lambda v, y, x: -y / (x * x + y * y)),
    np.sinh: (lambda v, a: np.cosh(a),),
    np.cosh: (lambda v, a: np.sinh(a),),
    np.tanh: (lambda v, a: 1.0 - v * v,),
    np.arcsinh: (lambda v, a: 1.0 / np.sqrt(a * a + 1.0),),
    np.arccosh: (lambda v, a: 1.0 / (np.sqrt(a - 1.0) * np.sqrt(a + 1.0)),),
    np.arctanh: (lambda v, a: 1.0 / (1.0 - a * a),),
    np.mod: (lambda v, a, b: 1.0, lambda v, a, b: -np.floor(a / b)),
    np.where: (
        lambda v, condition, a, b: 0.0,
        lambda v, condition, a, b: condition,
        lambda v, condition, a, b: np.logical_not(condition),
    ),
    np.abs: (lambda v, a: Wirtinger(0.5 * np.conj(sign(a)), 0.5 * sign(a)),),
    np.angle: (lambda v, a: Wirtinger(-0.5j / a, 0.5j / np.conj(a)),),
    np.real: (lambda v, a: Wirtinger(0.5, 0.5),),
    np.imag: (lambda v, a: Wirtinger(-0.5j, 0.5j),),
    sign: (_sign_derivative,),
    np.conjugate: (lambda v, a: Wirtinger(0.0, 1.0),),
}

# Their derivative is 0 wherever they have one.
_STEPS: set[Callable] = {
    *(np.floor, np.ceil),
    *(np.greater, np.greater_equal, np.less, np.less_equal, np.equal, np.not_equal),
    *(np.logical_and, np.logical_or, np.logical_not),
}


def rules_of(function: Callable) -> tuple[Rule, ...]:
    """Return the rule of each argument of a function; none where the derivative is 0."""
    if isinstance(function, Lambdified):
        return tuple(_lambdified_rule(function, k) for k in range(len(function.names)))
    return () if function in _STEPS else _RULES[function]


def _lambdified_rule(function: Lambdified, k: int) -> Rule:
    return lambda value, *arguments: function.derivative(k)(*arguments)


class Derivatives:
    """The chain rule along a program.

    Parameters
    ----------
    program : Program
    """

    def __init__(self, program: Program) -> None:
        self._program = program
        self._rules: list[list[tuple[int, Rule]]] = []
        depends = [True] * program.n_symbols
        for function, arguments in program.nodes:
            rules = zip(arguments, rules_of(function), strict=False) if arguments else ()
            self._rules.append([(place, rule) for place, rule in rules if depends[place]])
            depends.append(bool(self._rules[-1]))

    def push_forward(self, values: Sequence[Any], tangents: Sequence[Any]) -> list[Any]:
        """Return the tangent of each output, given those of the symbols.

        Parameters
        ----------
        values : sequence
            What `Program.values` returned.
        tangents : sequence of ndarray
            One column a symbol.
        """
        found = list(tangents)
        for place, (_, arguments) in enumerate(self._program.nodes, self._program.n_symbols):
            local = self._partials(place, values, arguments)
            found.append(sum(_pushed(p, found[argument]) for argument, p in local))
        return [found[place] for place in self._program.outputs]

    def pull_back(self, values: Sequence[Any], cotangents: Sequence[Any]) -> list[Any]:
        """Return the cotangent of each symbol, given those of the outputs.

        Parameters
        ----------
        values : sequence
            What `Program.values` returned. Where a value is one number for all points, its
            cotangent is summed over them.
        cotangents : sequence of ndarray
            One column an output.
        """
        program = self._program
        found: list[Any] = [None] * len(values)

        def add(place: int, cotangent: Any) -> None:
            cotangent = _like(values[place], cotangent)
            found[place] = cotangent if found[place] is None else found[place] + cotangent

        for place, cotangent in zip(program.outputs, cotangents, strict=True):
            add(place, cotangent)
        for place in reversed(range(program.n_symbols, len(values))):
            arguments = program.nodes[place - program.n_symbols].arguments
            if found[place] is not None:
                for argument, p in self._partials(place, values, arguments):
                    add(argument, _pulled(p, found[place]))
        return [0.0 if cotangent is None else cotangent for cotangent in found[: program.n_symbols]]

    def _partials(
        self, place: int, values: Sequence[Any], arguments: tuple[int, ...]
    ) -> list[tuple[int, Any]]:
        """Return the place and the partial derivative of each argument that varies."""
        inputs = [values[i] for i in arguments]
        rules = self._rules[place - self._program.n_symbols]
        return [(argument, rule(values[place], *inputs)) for argument, rule in rules]


def _product(a: Any, b: Any) -> Any:
    """Return a · b, where zero times anything is zero: what does not count may be infinite."""
    product = a * b
    if _is_finite(product):
        return product
    return np.where((a == 0) | (b == 0), 0.0, product)


def _is_finite(value: Any) -> bool:
    # Numpy is slow for scalars, and what all points share is a scalar.
    return math.isfinite(value) if isinstance(value, float) else bool(np.isfinite(value).all())


def _pushed(derivative: Any, tangent: Any) -> Any:
    if isinstance(derivative, Wirtinger):
        p, q = derivative
        return _product(p, tangent) + _product(q, np.conj(tangent))
    return _product(derivative, tangent)


def _pulled(derivative: Any, cotangent: Any) -> Any:
    if isinstance(derivative, Wirtinger):
        p, q = derivative
        return _product(np.conj(p), cotangent) + _product(q, np.conj(cotangent))
    if isinstance(derivative, float):
        return cotangent if derivative == 1.0 else _product(derivative, cotangent)
    return _product(np.conj(derivative), cotangent)


def _like(value: Any, cotangent: Any) -> Any:
    """Return a cotangent as a value of this kind has it: real, or one number for all points."""
    if isinstance(value, float) and isinstance(cotangent, float):
        return cotangent
    if np.iscomplexobj(cotangent) and not np.iscomplexobj(value):
        cotangent = np.real(cotangent)
    return np.sum(cotangent) if np.ndim(value) == 0 and np.ndim(cotangent) else cotangent
