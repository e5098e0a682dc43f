"""Expressions as nested lists of names and numbers, and back without evaluating any code."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import sympy
from sympy.functions.elementary.piecewise import ExprCondPair

from qkernels.expressions.functions import FUNCTIONS, REDUCTIONS

# What a tree may name. Functions without an entry above are evaluated by `sympy.lambdify`.
_CONSTANTS: dict[str, sympy.Basic] = {
    "pi": sympy.pi,
    "E": sympy.E,
    "I": sympy.I,
    "oo": sympy.oo,
    "-oo": -sympy.oo,
    "zoo": sympy.zoo,
    "nan": sympy.nan,
    "true": sympy.true,
    "false": sympy.false,
}
_CONSTANT_NAMES = {value: name for name, value in _CONSTANTS.items()}
_CLASSES: dict[str, type] = {
    cls.__name__: cls
    for cls in (
        *FUNCTIONS,
        *REDUCTIONS,
        *(sympy.Pow, sympy.Piecewise, ExprCondPair, sympy.Heaviside, sympy.erf),
        *(sympy.cot, sympy.sec, sympy.csc, sympy.acot, sympy.asec, sympy.acsc),
        *(sympy.coth, sympy.sech, sympy.csch, sympy.acoth, sympy.asech, sympy.acsch),
    )
}


def to_tree(expression: sympy.Basic) -> Any:
    """Write an expression as nested lists of names and numbers, ready for JSON.

    An integer is an int, a double is a float; all else is a list that starts with a name.

    Parameters
    ----------
    expression : sympy.Basic
        Made of symbols, numbers and the usual functions.

    Returns
    -------
    int, float or list
        The tree; `from_tree` gives an equal expression back.

    Raises
    ------
    ValueError
        If the expression contains something that `from_tree` would not read.

    Examples
    --------
    >>> import sympy
    >>> to_tree(sympy.sin(2 * sympy.Symbol("x")) / 3)
    ['Mul', ['Rational', 1, 3], ['sin', ['Mul', 2, ['Symbol', 'x']]]]
    """
    kind = type(expression)
    if expression.is_Symbol:
        return ["Symbol", expression.name]
    if expression.is_Integer:
        return int(expression)
    if expression.is_Rational and expression.is_finite:
        return ["Rational", int(expression.p), int(expression.q)]
    if expression.is_Float and kind is sympy.Float:
        return _float_to_tree(expression)
    if name := _CONSTANT_NAMES.get(expression):
        return [name]
    if _CLASSES.get(kind.__name__) is not kind:
        raise ValueError(f"cannot write {kind.__name__} in {expression}; {_allowed()}")
    return [kind.__name__, *map(to_tree, expression.args)]


def _float_to_tree(number: sympy.Float) -> float | list:
    double = float(number)
    if math.isfinite(double) and _same_float(sympy.Float(double), number):
        return double
    sign, mantissa, exponent, _ = number._mpf_
    return ["Float", -int(mantissa) if sign else int(mantissa), int(exponent), number._prec]


def _same_float(a: sympy.Float, b: sympy.Float) -> bool:
    return a._mpf_ == b._mpf_ and a._prec == b._prec


def from_tree(tree: Any) -> sympy.Basic:
    """Read an expression written by `to_tree`.

    Nothing is evaluated: names come from a fixed list, and no arithmetic is done.

    Parameters
    ----------
    tree : int, float or list
        The tree.

    Returns
    -------
    sympy.Basic
        The expression.

    Raises
    ------
    ValueError
        If the tree contains an unknown name or anything else that `to_tree` does not write.

    Examples
    --------
    >>> from_tree(["acos", ["Symbol", "x"]])
    acos(x)
    """
    if type(tree) is int:
        return sympy.Integer(tree)
    if type(tree) is float and math.isfinite(tree):
        return sympy.Float(tree)
    if not isinstance(tree, list) or not tree or not isinstance(tree[0], str):
        raise ValueError(f"expected an int, a finite float or [name, ...], got {tree!r}")
    name, *arguments = tree
    if read := _LEAVES.get(name):
        return read(arguments)
    if name not in _CLASSES:
        raise ValueError(f"got the unknown name {name!r}; {_allowed()}")
    kind = _CLASSES[name]
    options = {} if kind is ExprCondPair else {"evaluate": False}
    try:
        return kind(*map(from_tree, arguments), **options)
    except (TypeError, AttributeError) as error:
        raise ValueError(f"wrong arguments of {name}: {arguments!r}") from error


def _read_symbol(arguments: list) -> sympy.Symbol:
    match arguments:
        case [str(name)]:
            return sympy.Symbol(name)
    raise ValueError(f"expected ['Symbol', name], got the arguments {arguments!r}")


def _read_rational(arguments: list) -> sympy.Rational:
    if not (_are_ints(arguments, 2) and arguments[1] > 0):
        raise ValueError(f"expected ['Rational', p, q > 0], got the arguments {arguments!r}")
    return sympy.Rational(*arguments)


def _read_float(arguments: list) -> sympy.Float:
    if not (_are_ints(arguments, 3) and arguments[2] > 0):
        raise ValueError(
            f"expected ['Float', mantissa, exponent, bits > 0], got the arguments {arguments!r}"
        )
    mantissa, exponent, bits = arguments
    sign, size = int(mantissa < 0), abs(mantissa)
    return sympy.Float._new((sign, size, exponent, size.bit_length()), bits)


def _are_ints(arguments: list, n: int) -> bool:
    return len(arguments) == n and all(type(a) is int for a in arguments)


def _read_constant(value: sympy.Basic) -> Callable[[list], sympy.Basic]:
    def read(arguments: list) -> sympy.Basic:
        if arguments:
            raise ValueError(f"expected no arguments of {value}, got {arguments!r}")
        return value

    return read


_LEAVES: Mapping[str, Callable[[list], sympy.Basic]] = {
    "Symbol": _read_symbol,
    "Rational": _read_rational,
    "Float": _read_float,
    **{name: _read_constant(value) for name, value in _CONSTANTS.items()},
}


def _allowed() -> str:
    return f"allowed are {', '.join(sorted([*_LEAVES, *_CLASSES]))}"
