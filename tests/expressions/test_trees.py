"""Expressions as nested lists, there and back."""

import json
import math

import pytest
import sympy
from hypothesis import given, settings

from qkernels.expressions import from_tree, to_tree
from tests.expressions.some_expressions import EVERY_FUNCTION, expressions, x


@settings(max_examples=200, deadline=None)
@given(expressions)
def test_trees_go_there_and_back(expression):
    tree = json.loads(json.dumps(to_tree(expression)))
    assert from_tree(tree) == expression
    assert hash(from_tree(tree)) == hash(expression)


@pytest.mark.parametrize("expression", EVERY_FUNCTION, ids=str)
def test_every_function_has_a_tree(expression):
    assert from_tree(json.loads(json.dumps(to_tree(expression)))) == expression


@pytest.mark.parametrize(
    ("expression", "tree"),
    [
        (sympy.Integer(3), 3),
        (sympy.Float(0.1), 0.1),
        (sympy.Rational(-1, 3), ["Rational", -1, 3]),
        (sympy.pi, ["pi"]),
        (-sympy.oo, ["-oo"]),
        (sympy.Symbol("x y"), ["Symbol", "x y"]),
        (sympy.acos(x), ["acos", ["Symbol", "x"]]),
        (sympy.true, ["true"]),
    ],
)
def test_trees_look_like_this(expression, tree):
    assert to_tree(expression) == tree
    assert from_tree(tree) == expression


@pytest.mark.parametrize(
    "number",
    [
        sympy.Float(1 / 3),
        sympy.Float(5e-324),
        sympy.Float("-0.1", 40),
        sympy.Float("1e400"),
        sympy.Float(0.5, precision=24),
        sympy.Float(0),
    ],
)
def test_floats_keep_value_and_precision(number):
    copy = from_tree(json.loads(json.dumps(to_tree(number))))
    assert copy._mpf_ == number._mpf_
    assert copy._prec == number._prec


def test_assumptions_are_not_written():
    assert from_tree(to_tree(sympy.Symbol("x", positive=True))) == x


def test_a_function_that_cannot_be_read_is_not_written():
    with pytest.raises(ValueError, match=r"cannot write besselj in besselj\(1, x\); allowed are"):
        to_tree(1 + sympy.besselj(1, x))


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        (["eval", "1"], "got the unknown name 'eval'; allowed are -oo, Abs, Add"),
        (["Symbol", 3], r"expected \['Symbol', name\], got the arguments \[3\]"),
        (["Symbol"], r"expected \['Symbol', name\], got the arguments \[\]"),
        (["Rational", 1, 0], r"expected \['Rational', p, q > 0\], got the arguments \[1, 0\]"),
        (["Rational", "1", 2], r"expected \['Rational', p, q > 0\]"),
        (["Float", 1, 2], r"expected \['Float', mantissa, exponent, bits > 0\]"),
        (["Float", 1, 2, 0], r"expected \['Float', mantissa, exponent, bits > 0\]"),
        (["pi", 3], r"expected no arguments of pi, got \[3\]"),
        (["sin", 1, 2], r"wrong arguments of sin: \[1, 2\]"),
        (["Pow", 2], r"wrong arguments of Pow: \[2\]"),
        (["sin", "x"], r"expected an int, a finite float or \[name, ...\], got 'x'"),
        ("x", r"expected an int, a finite float or \[name, ...\], got 'x'"),
        ([], r"expected an int, a finite float or \[name, ...\], got \[\]"),
        ([["sin"], 1], r"expected an int, a finite float or \[name, ...\]"),
        (True, r"expected an int, a finite float or \[name, ...\], got True"),
        (None, r"expected an int, a finite float or \[name, ...\], got None"),
        (math.inf, r"expected an int, a finite float or \[name, ...\], got inf"),
    ],
)
def test_bad_trees_are_refused(tree, message):
    with pytest.raises(ValueError, match=message):
        from_tree(tree)


def test_reading_does_no_arithmetic():
    tower = from_tree(["Pow", 10, ["Pow", 10, ["Pow", 10, 10]]])
    assert str(tower) == "10**(10**(10**10))"
