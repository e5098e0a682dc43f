"""Expressions as a program: a flat list of NumPy functions, common subexpressions once.

What lives here: `Program` and how it is written from sympy expressions. Nothing is evaluated at
points here but what is the same at all of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
import sympy

from qkernels.expressions.functions import FUNCTIONS, POWERS, REDUCTIONS, Constant, Lambdified


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


class ProgramWriter:
    """Writes the program of some expressions; equal steps are written once.

    Parameters
    ----------
    symbols : tuple of str
        The symbols' names, in the order of their values.
    """

    def __init__(self, symbols: tuple[str, ...]) -> None:
        self._symbols = {name: i for i, name in enumerate(symbols)}
        self._nodes: list[Node] = []
        self._numbers: dict[tuple, int] = {}
        self._places: dict[sympy.Basic, int] = {}

    def write(self, expressions: tuple[sympy.Basic, ...]) -> Program:
        """Return the program whose outputs are the expressions.

        Raises
        ------
        ValueError
            If a symbol is unknown, or an expression has no numerical form.
        """
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
        if function := REDUCTIONS.get(kind):
            return self._reduce(function, expression.args)
        if function := FUNCTIONS.get(kind):
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
        if function := POWERS.get(exponent):
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
