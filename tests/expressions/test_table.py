"""Values of expressions at many points, beside sympy's own."""

import math
import operator
import pickle
import time

import numpy as np
import pytest
import sympy
from hypothesis import given, settings

from qkernels.expressions import ExpressionTable
from qkernels.expressions.functions import Constant
from tests.expressions.some_expressions import EVERY_FUNCTION, expressions, points, x, y


def value(expression, point=(0.3, 0.7)):
    return ExpressionTable(("x", "y"), (expression,)).evaluate(np.array([point])).item()


def reference(expression, point=(0.3, 0.7)):
    return complex(expression.subs({x: sympy.Float(point[0]), y: sympy.Float(point[1])}).evalf())


@settings(max_examples=200, deadline=None)
@given(expressions, points)
def test_values_agree_with_sympy(expression, point):
    expected = reference(expression, point)
    assert value(expression, point) == pytest.approx(expected.real, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("expression", EVERY_FUNCTION, ids=str)
def test_every_function_has_sympys_value(expression):
    assert complex(value(expression)) == pytest.approx(reference(expression), rel=1e-13, abs=1e-14)


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
