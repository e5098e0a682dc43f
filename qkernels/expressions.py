"""Symbolic expressions of data and parameters: their values at many points, and their text.

An `ExpressionTable` turns sympy expressions into a flat program of NumPy functions, so that all
of them are evaluated at all points at once; `to_tree` and `from_tree` write expressions as nested
lists and read them back without evaluating any code. What a circuit does with the values, and
which symbols are data and which are parameters, is not known here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import sympy
from sympy.functions.elementary.piecewise import ExprCondPair

# Points are evaluated in blocks whose intermediate results stay in the processor's cache.
_BLOCK = 1024


def _arctan2(y: Any, x: Any) -> Any:
    """Return the angle of (x, y); nan at the origin, as in sympy and unlike `np.arctan2`."""
    return np.where((x == 0) & (y == 0), np.nan, np.arctan2(y, x))


_FUNCTIONS: dict[type, Callable] = {
    sympy.exp: np.exp,
    sympy.log: np.log,
    sympy.sin: np.sin,
    sympy.cos: np.cos,
    sympy.tan: np.tan,
    sympy.asin: np.arcsin,
    sympy.acos: np.arccos,
    sympy.atan: np.arctan,
    sympy.atan2: _arctan2,
    sympy.sinh: np.sinh,
    sympy.cosh: np.cosh,
    sympy.tanh: np.tanh,
    sympy.asinh: np.arcsinh,
    sympy.acosh: np.arccosh,
    sympy.atanh: np.arctanh,
    sympy.Abs: np.abs,
    sympy.sign: np.sign,
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
_REDUCTIONS: dict[type, Callable] = {
    sympy.Add: np.add,
    sympy.Mul: np.multiply,
    sympy.Min: np.minimum,
    sympy.Max: np.maximum,
    sympy.And: np.logical_and,
    sympy.Or: np.logical_or,
}
_POWERS: dict[sympy.Basic, Callable] = {
    sympy.Integer(-1): np.reciprocal,
    sympy.Integer(2): np.square,
    sympy.Rational(1, 2): np.sqrt,
}

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
        *_FUNCTIONS,
        *_REDUCTIONS,
        *(sympy.Pow, sympy.Piecewise, ExprCondPair, sympy.Heaviside, sympy.erf, sympy.sinc),
        *(sympy.cot, sympy.sec, sympy.csc, sympy.acot, sympy.asec, sympy.acsc),
        *(sympy.coth, sympy.sech, sympy.csch, sympy.acoth, sympy.asech, sympy.acsch),
    )
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


class Node(NamedTuple):
    """One step of a program: a function, and the places of its arguments' values."""

    function: Callable
    arguments: tuple[int, ...]


class Program(NamedTuple):
    """Steps in an order in which each needs only what came before.

    The values are numbered: first the symbols, then the nodes. A node without arguments is a
    `Constant`; the function of any other is vectorised over points.

    Attributes
    ----------
    n_symbols : int
        Number of symbols.
    nodes : tuple of Node
        The steps.
    outputs : tuple of int
        The number of each expression's value.
    """

    n_symbols: int
    nodes: tuple[Node, ...]
    outputs: tuple[int, ...]

    def values(self, columns: Iterable[np.ndarray]) -> list[Any]:
        """Return every numbered value: the symbols' `columns`, then what each node gives."""
        values: list[Any] = list(columns)
        for function, arguments in self.nodes:
            values.append(function(*[values[i] for i in arguments]))
        return values


class _Compiler:
    """Writes the program of some expressions; equal steps are written once."""

    def __init__(self, symbols: tuple[str, ...]) -> None:
        self._symbols = {name: i for i, name in enumerate(symbols)}
        self._nodes: list[Node] = []
        self._numbers: dict[tuple, int] = {}
        self._places: dict[sympy.Basic, int] = {}

    def compile(self, expressions: tuple[sympy.Basic, ...]) -> Program:
        outputs = tuple(self._place(e) for e in expressions)
        return Program(len(self._symbols), tuple(self._nodes), outputs)

    def _place(self, expression: sympy.Basic) -> int:
        place = self._places.get(expression)
        if place is None:
            place = self._places[expression] = self._write(expression)
        return place

    def _write(self, expression: sympy.Basic) -> int:
        kind = type(expression)
        if expression.is_Symbol:
            return self._symbol(expression.name)
        if kind is sympy.Pow:
            return self._power(*expression.args)
        if function := _REDUCTIONS.get(kind):
            return self._reduce(function, expression.args)
        if function := _FUNCTIONS.get(kind):
            return self._emit(function, *map(self._place, expression.args))
        if kind is sympy.Piecewise:
            return self._piecewise(expression)
        if expression.is_Atom:
            return self._constant(_number(expression))
        names = tuple(sorted({s.name for s in expression.free_symbols}))
        return self._emit(Lambdified(expression, names), *map(self._symbol, names))

    def _symbol(self, name: str) -> int:
        if name not in self._symbols:
            raise ValueError(f"unknown symbol {name}; expected one of {', '.join(self._symbols)}")
        return self._symbols[name]

    def _constant(self, value: complex) -> int:
        # The type tells 1 from 1.0 and 1 + 0j, which are equal but not the same constant.
        return self._append(Node(Constant(value), ()), (type(value), value))

    def _emit(self, function: Callable, *arguments: int) -> int:
        constants = [self._constant_at(i) for i in arguments]
        if all(c is not None for c in constants):
            with np.errstate(all="ignore"):
                return self._constant(np.asarray(function(*constants)).item())
        node = Node(function, arguments)
        return self._append(node, node)

    def _append(self, node: Node, key: tuple) -> int:
        place = self._numbers.get(key)
        if place is None:
            place = self._numbers[key] = len(self._symbols) + len(self._nodes)
            self._nodes.append(node)
        return place

    def _constant_at(self, place: int) -> complex | None:
        if place < len(self._symbols):
            return None
        node = self._nodes[place - len(self._symbols)]
        return None if node.arguments else node.function()

    def _reduce(self, function: Callable, arguments: tuple[sympy.Basic, ...]) -> int:
        # Numbers come first, so that they melt into one constant.
        first, *rest = map(self._place, sorted(arguments, key=lambda a: not a.is_number))
        for place in rest:
            first = self._emit(function, first, place)
        return first

    def _power(self, base: sympy.Basic, exponent: sympy.Basic) -> int:
        if base is sympy.E:
            return self._emit(np.exp, self._place(exponent))
        if function := _POWERS.get(exponent):
            return self._emit(function, self._place(base))
        place = self._place(base)
        value = self._constant_at(place)
        if value is not None and value.real < 0 and not exponent.is_integer:
            place = self._constant(complex(value))
        return self._emit(np.power, place, self._place(exponent))

    def _piecewise(self, expression: sympy.Piecewise) -> int:
        place = self._constant(math.nan)
        for value, condition in reversed(expression.args):
            place = self._emit(np.where, self._place(condition), self._place(value), place)
        return place


def _number(atom: sympy.Basic) -> complex:
    """Return the value of an atom that is not a symbol, as a float where it is real."""
    if atom in (sympy.true, sympy.false):
        return bool(atom)
    if atom is sympy.zoo:
        return math.nan
    if not atom.is_number:
        raise ValueError(f"no numerical form of the expression {atom}")
    return float(atom) if atom.is_extended_real or atom is sympy.nan else complex(atom)


@dataclass(frozen=True)
class ExpressionTable:
    """Expressions of some symbols, ready to be evaluated at many points.

    Symbols are identified by name; their assumptions are ignored. Equal tables have equal
    symbols and equal expressions in the same order.

    Parameters
    ----------
    symbols : tuple of str
        Names of the symbols, in the order of the columns of the values.
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
        return _Compiler(self.symbols).compile(self.expressions)

    @cached_property
    def dtype(self) -> type:
        """What the values are: float64, or complex128 where an imaginary number occurs."""
        columns = self.program.values(np.empty((len(self.symbols), 0)))
        is_complex = any(np.iscomplexobj(columns[i]) for i in self.program.outputs)
        return np.complex128 if is_complex else np.float64

    def evaluate(self, values: np.ndarray) -> np.ndarray:
        """Evaluate every expression at every point.

        Parameters
        ----------
        values : ndarray of shape (n_points, n_symbols)
            The symbols' values.

        Returns
        -------
        ndarray of shape (n_points, n_expressions)
            float64, or complex128 if some expression contains an imaginary number. Where an
            expression has no value, or only a complex one while all of it is real, it is nan.

        Raises
        ------
        ValueError
            If `values` has the wrong shape, or an expression no numerical form.
        """
        values = np.asarray(values, dtype=np.float64)
        if values.ndim != 2 or values.shape[1] != len(self.symbols):
            raise ValueError(
                f"expected values of shape (n_points, {len(self.symbols)}), got {values.shape}"
            )
        result: np.ndarray = np.empty((len(values), len(self.expressions)), dtype=self.dtype)
        with np.errstate(all="ignore"):
            for start in range(0, len(values), _BLOCK):
                rows = slice(start, start + _BLOCK)
                columns = self.program.values(np.ascontiguousarray(values[rows].T))
                for j, place in enumerate(self.program.outputs):
                    result[rows, j] = columns[place]
        return result

    def __getstate__(self) -> dict[str, Any]:
        return {"symbols": self.symbols, "expressions": self.expressions}


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
