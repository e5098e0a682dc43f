"""Tests of `qkernels.expressions`: values against sympy's own, and trees there and back."""

import json
import math
import operator
import pickle
import time

import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from qkernels.expressions import ExpressionTable, from_tree, to_tree
from qkernels.expressions.functions import Constant

x, y = sympy.symbols("x y")


def value(expression, point=(0.3, 0.7)):
    return ExpressionTable(("x", "y"), (expression,)).evaluate(np.array([point])).item()


def reference(expression, point=(0.3, 0.7)):
    return complex(expression.subs({x: sympy.Float(point[0]), y: sympy.Float(point[1])}).evalf())


SMOOTH = (sympy.sin, sympy.cos, sympy.tanh, sympy.atan, sympy.Abs, sympy.asinh)
NUMBERS = st.one_of(
    st.integers(-4, 4).map(sympy.Integer),
    st.fractions(-3, 3, max_denominator=7).map(lambda f: sympy.Rational(*f.as_integer_ratio())),
    st.floats(-2, 2).map(sympy.Float),
    st.just(sympy.pi),
)


def combined(children):
    two = st.tuples(children, children)
    return st.one_of(
        st.tuples(st.sampled_from(SMOOTH), children).map(lambda p: p[0](p[1])),
        two.map(sum),
        two.map(math.prod),
        two.map(lambda p: sympy.Max(*p)),
        children.map(lambda e: e**2),
        children.map(lambda e: sympy.sqrt(1 + e**2)),
        children.map(lambda e: sympy.log(2 + sympy.cos(e))),
        children.map(lambda e: 1 / (1 + e**2)),
    )


expressions = st.recursive(st.one_of(st.sampled_from([x, y]), NUMBERS), combined, max_leaves=8)
points = st.tuples(st.floats(-2, 2), st.floats(-2, 2))


@settings(max_examples=200, deadline=None)
@given(expressions, points)
def test_values_agree_with_sympy(expression, point):
    expected = reference(expression, point)
    assert value(expression, point) == pytest.approx(expected.real, rel=1e-9, abs=1e-9)


@settings(max_examples=200, deadline=None)
@given(expressions)
def test_trees_go_there_and_back(expression):
    tree = json.loads(json.dumps(to_tree(expression)))
    assert from_tree(tree) == expression
    assert hash(from_tree(tree)) == hash(expression)


EVERY_FUNCTION = [
    *(f(x) for f in (sympy.exp, sympy.log, sympy.sin, sympy.cos, sympy.tan)),
    *(f(x) for f in (sympy.asin, sympy.acos, sympy.atan, sympy.sinh, sympy.cosh, sympy.tanh)),
    *(f(x) for f in (sympy.asinh, sympy.atanh, sympy.Abs, sympy.sign, sympy.erf, sympy.sinc)),
    *(f(x) for f in (sympy.cot, sympy.sec, sympy.csc, sympy.acot, sympy.coth, sympy.sech)),
    *(f(x) for f in (sympy.csch, sympy.asech, sympy.acsch, sympy.re, sympy.im, sympy.arg)),
    *(f(x + 2) for f in (sympy.acosh, sympy.asec, sympy.acsc, sympy.acoth, sympy.conjugate)),
    *(f(5 * x - 4) for f in (sympy.floor, sympy.ceiling, sympy.Heaviside)),
    sympy.atan2(x, -y),
    sympy.Mod(-5 * x, 2),
    sympy.Min(x, y, 1),
    sympy.Max(x, y, sympy.Rational(1, 2)),
    x**y,
    2**x,
    1 / x,
    x ** sympy.Rational(-3, 2),
    sympy.sqrt(x),
    sympy.E**y,
    (-1) ** x,
    sympy.exp(sympy.I * x),
    sympy.arg(y * sympy.exp(2 * sympy.I * x)),
    sympy.Abs(1 + sympy.I * x),
    sympy.Piecewise((x, x > y), (y**2, sympy.And(x < y, sympy.Ne(x, 2))), (7, True)),
    sympy.Piecewise((1, sympy.Or(x >= 1, sympy.Not(sympy.Eq(y, 2)))), (2, x <= 5), (3, True)),
    sympy.Float("0.1", 40) * x,
    sympy.Integer(10) ** 30 * x,
]


@pytest.mark.parametrize("expression", EVERY_FUNCTION, ids=str)
def test_every_function_has_sympys_value(expression):
    assert complex(value(expression)) == pytest.approx(reference(expression), rel=1e-13, abs=1e-14)


@pytest.mark.parametrize("expression", EVERY_FUNCTION, ids=str)
def test_every_function_has_a_tree(expression):
    assert from_tree(json.loads(json.dumps(to_tree(expression)))) == expression


def test_functions_without_a_ufunc_are_lambdified():
    expression = 2 * sympy.besselj(1, x * y) + x
    assert value(expression) == pytest.approx(reference(expression).real, rel=1e-13)


def test_names_of_symbols_never_reach_generated_code():
    nasty = sympy.Symbol("__import__('os').abort()")
    table = ExpressionTable((nasty.name,), (sympy.besselj(0, nasty),))
    assert table.evaluate(np.zeros((1, 1))).item() == 1.0


def test_what_has_no_numerical_form_is_refused_by_name():
    with pytest.raises(ValueError, match=r"no numerical form of the expression f\(x\)"):
        value(sympy.Function("f")(x))


def test_an_unknown_symbol_is_refused():
    with pytest.raises(ValueError, match="unknown symbol t; expected one of x, y"):
        value(x + sympy.Symbol("t"))


@pytest.mark.parametrize("shape", [(3,), (2, 3), (1, 2, 2)])
def test_the_shape_of_the_values_is_checked(shape):
    table = ExpressionTable(("x", "y"), (x,))
    with pytest.raises(ValueError, match=r"expected values of shape \(n_points, 2\), got \("):
        table.evaluate(np.zeros(shape))


def test_symbols_are_known_by_name_whatever_they_assume():
    real = sympy.Symbol("x", real=True)
    table = ExpressionTable(("x",), (real + x, sympy.besselj(0, real) - sympy.besselj(0, x)))
    assert table.evaluate(np.array([[0.5]])).tolist() == [[1.0, 0.0]]


def test_values_are_real_unless_an_imaginary_number_occurs():
    points = np.array([[0.5, 0.2]])
    assert ExpressionTable(("x", "y"), (x, x > y)).evaluate(points).dtype == np.float64
    assert ExpressionTable(("x", "y"), (x, sympy.I * y)).evaluate(points).dtype == np.complex128
    phase = sympy.arg(sympy.exp(sympy.I * x))
    assert ExpressionTable(("x", "y"), (phase,)).evaluate(points).dtype == np.float64


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (sympy.acos(5 * x), math.nan),
        (sympy.sqrt(-x), math.nan),
        (sympy.atan2(x - 0.3, y - 0.7), math.nan),
        (1 / (x - 0.3), math.inf),
        (sympy.log(x - 0.3), -math.inf),
        (sympy.exp(x * 10**5), math.inf),
        (sympy.Piecewise((x, x > 1)), math.nan),
        (sympy.zoo + 0 * x, math.nan),
        (-sympy.oo + 0 * x, -math.inf),
        (sympy.Integer(10) ** 400 + 0 * x, math.inf),
    ],
)
def test_what_has_no_finite_value_comes_out_without_a_warning(expression, expected):
    assert value(expression) == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize("n_points", [0, 1, 1024, 2500])
def test_any_number_of_points_is_evaluated_row_by_row(n_points):
    points = np.random.default_rng(0).normal(size=(n_points, 2))
    result = ExpressionTable(("x", "y"), (x * y, sympy.Integer(3), y)).evaluate(points)
    expected = np.stack([points[:, 0] * points[:, 1], np.full(n_points, 3), points[:, 1]], axis=1)
    np.testing.assert_array_equal(result, expected)
    assert result.flags.c_contiguous
    assert result.flags.writeable


def test_no_expressions_give_no_columns():
    assert ExpressionTable(("x",), ()).evaluate(np.zeros((4, 1))).shape == (4, 0)


def test_common_subexpressions_are_computed_once():
    table = ExpressionTable(("x", "y"), (sympy.sin(x * y) + 1, sympy.sin(x * y) + 2, x * y))
    functions = [node.function for node in table.program.nodes]
    assert functions.count(np.sin) == 1
    assert functions.count(operator.mul) == 1


def test_numbers_are_computed_once_and_for_all():
    program = ExpressionTable(("x",), (2 * x / sympy.pi,)).program
    assert [node.function for node in program.nodes if node.arguments] == [operator.mul]
    constants = [node.function for node in program.nodes if isinstance(node.function, Constant)]
    assert 2 / math.pi in [constant.value for constant in constants]


def test_each_node_needs_only_what_came_before():
    program = ExpressionTable(("x", "y"), tuple(EVERY_FUNCTION)).program
    for place, node in enumerate(program.nodes, start=program.n_symbols):
        assert all(argument < place for argument in node.arguments)
    assert len(program.outputs) == len(EVERY_FUNCTION)


def test_tables_are_values():
    first, second = (ExpressionTable(("x", "y"), (x * y, 2 * x)) for _ in range(2))
    first.evaluate(np.zeros((1, 2)))
    assert first == second
    assert hash(first) == hash(second)
    assert first != ExpressionTable(("x", "y"), (2 * x, x * y))
    assert pickle.loads(pickle.dumps(first)) == first


def test_a_used_table_can_be_pickled_whatever_it_holds():
    table = ExpressionTable(("x",), (sympy.besselj(0, x),))
    table.evaluate(np.zeros((1, 1)))
    copy = pickle.loads(pickle.dumps(table))
    assert copy.evaluate(np.zeros((1, 1))).item() == 1.0


def test_two_thousand_expressions_are_prepared_quickly():
    symbols = sympy.symbols("x:50")
    pairs = [(a, b) for a in symbols for b in symbols[:40]]
    products = tuple(2 * (sympy.pi - a) * (sympy.pi - b) for a, b in pairs)
    table = ExpressionTable(tuple(map(str, symbols)), products)
    start = time.perf_counter()
    assert len(table.program.outputs) == 2000
    assert time.perf_counter() - start < 1.0  # About 0.03 s on an idle core.


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
