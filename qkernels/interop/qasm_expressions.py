"""Arithmetic of OpenQASM: from a parsed expression to a number or a sympy expression.

Statements and gates are read in `qasm`, and what a name stands for is asked of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sympy

Lookup = Callable[[str, Any], Any]

# A program may give each of these names to something else.
CONSTANTS: dict[str, sympy.Expr] = {
    **dict.fromkeys(("pi", "π"), sympy.pi),
    **dict.fromkeys(("tau", "τ"), 2 * sympy.pi),
    **dict.fromkeys(("euler", "ℇ"), sympy.E),
}
# Those of OpenQASM 3; OpenQASM 2 has ln for log.
_FUNCTIONS: dict[str, Callable] = {
    **{"arccos": sympy.acos, "arcsin": sympy.asin, "arctan": sympy.atan},
    **{"acos": sympy.acos, "asin": sympy.asin, "atan": sympy.atan},
    **{"cos": sympy.cos, "sin": sympy.sin, "tan": sympy.tan, "sqrt": sympy.sqrt},
    **{"exp": sympy.exp, "log": sympy.log, "ln": sympy.log},
    **{"ceiling": sympy.ceiling, "floor": sympy.floor},
}


@dataclass(frozen=True)
class Arithmetic:
    """The rules by which expressions have values.

    Parameters
    ----------
    lookup : callable
        Called with a name, and the node that has it; returns its value. An element of an array
        has the name "x[0]".
    integer : callable
        What an integer literal stands for: int, or sympy.Integer where all numbers are real.
    """

    lookup: Lookup
    integer: Callable[[int], Any] = int

    def evaluate(self, node: Any) -> Any:
        """Return the value of an expression.

        Parameters
        ----------
        node : openqasm3.ast.Expression
            The parsed expression.

        Returns
        -------
        int or sympy.Expr
            An int where OpenQASM 3 has one.

        Raises
        ------
        ValueError
            If there is no rule for the expression, or two integers of OpenQASM 3 are divided
            with a remainder; the message quotes it.
        """
        match type(node).__name__:
            case "IntegerLiteral":
                return self.integer(node.value)
            case "FloatLiteral":
                return sympy.Float(node.value)
            case "Identifier":
                return self.lookup(node.name, node)
            case "IndexExpression":
                return self._element(node)
            case "Cast" if type(node.type).__name__ in ("FloatType", "AngleType"):
                return sympy.sympify(self.evaluate(node.argument))
            case "UnaryExpression" if node.op.name == "-":
                return -self.evaluate(node.expression)
            case "BinaryExpression" if node.op.name in _OPERATORS:
                return self._operation(node, *map(self.evaluate, (node.lhs, node.rhs)))
            case "FunctionCall" if node.name.name in _FUNCTIONS:
                return self._call(node)
        raise error_at(node, "expected arithmetic of numbers, parameters and functions")

    def _operation(self, node: Any, a: Any, b: Any) -> Any:
        # The language drops the remainder, yet its standard library says pow(1/2) for a root.
        if node.op.name == "/" and _are_integers(a, b) and (b == 0 or a % b):
            raise error_at(
                node, "expected a real number in a quotient that is not an integer, such as 1.0/2"
            )
        return _OPERATORS[node.op.name](a, b)

    def _call(self, node: Any) -> Any:
        arguments = (sympy.sympify(self.evaluate(a)) for a in node.arguments)
        try:
            return _FUNCTIONS[node.name.name](*arguments)
        except TypeError as error:
            raise error_at(node, "expected as many arguments as the function takes") from error

    def _element(self, node: Any) -> Any:
        match node.index:
            case [index] if type(node.collection).__name__ == "Identifier":
                return self.lookup(f"{node.collection.name}[{self.evaluate(index)}]", node)
        raise error_at(node, "expected an element of an array")


def _are_integers(a: Any, b: Any) -> bool:
    return isinstance(a, int) and isinstance(b, int)


_OPERATORS: dict[str, Callable] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a // b if _are_integers(a, b) else sympy.sympify(a) / b,
    "**": lambda a, b: a**b if _are_integers(a, b) and b >= 0 else sympy.sympify(a) ** b,
}


def error_at(node: Any, expected: str) -> ValueError:
    """Return an error that says what was expected, and quotes a node with its line."""
    import openqasm3

    text = openqasm3.dumps(node).strip().splitlines()[0]
    line = f"line {node.span.start_line}: " if node.span else ""
    return ValueError(f"{line}{expected}, got {text}")
