"""Derivatives of expressions, forwards and backwards, beside sympy's and central differences."""

import math
from itertools import combinations

import numpy as np
import pytest
import sympy
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from qkernels.expressions import ExpressionTable
from qkernels.expressions.derivatives import rules_of
from qkernels.expressions.functions import FUNCTIONS, POWERS, REDUCTIONS
from tests.expressions.some_expressions import EVERY_FUNCTION, expressions, points, x, y

POINT = (0.3, 0.7)
STEP = 1e-6


def table(*several):
    return ExpressionTable(("x", "y"), several)


def forward(expression, point=POINT):
    """Return the gradient of the real part, one tangent at a time."""
    given = np.array([point])
    rates = [table(expression).push_forward(given, (), np.array([t]), ()) for t in np.eye(2)]
    return np.ravel(rates)


def backward(expression, point=POINT):
    """Return the gradient of the real part, all of it at once."""
    return table(expression).pull_back(np.array([point]), (), np.ones((1, 1)))[0][0]


def central(expression, point=POINT, step=STEP):
    """Return central differences of the values in the direction of each symbol."""
    moves = step * np.vstack([np.eye(2), -np.eye(2)])
    values = table(expression).evaluate(point + moves)[:, 0].real
    return (values[:2] - values[2:]) / (2 * step)


def exact(expression, point=POINT):
    """Return sympy's gradient of the real part, evaluated with 40 digits."""
    a, b = sympy.symbols("x y", real=True)
    real = expression.xreplace({x: a, y: b})
    at = {a: sympy.Float(point[0], 40), b: sympy.Float(point[1], 40)}
    return [complex(real.diff(symbol).subs(at).evalf(40)).real for symbol in (a, b)]


def near(expected, tolerance=1e-12):
    return pytest.approx(expected, rel=tolerance, abs=tolerance)


# -- Random expressions


def kinks(expression):
    """Return what is 0 where a modulus or a maximum has no derivative."""
    moduli = [modulus.args[0] for modulus in expression.atoms(sympy.Abs)]
    pairs = [pair for top in expression.atoms(sympy.Max) for pair in combinations(top.args, 2)]
    return [*moduli, *(a - b for a, b in pairs)]


def assume_smooth(expression, point):
    distances = table(*kinks(expression)).evaluate(np.array([point]))
    assume((np.abs(distances) > 1e-3).all())


@settings(max_examples=150)
@given(expressions, points)
def test_gradients_agree_with_sympy(expression, point):
    assume_smooth(expression, point)
    expected = exact(expression, point)
    assert forward(expression, point) == near(expected, 1e-9)
    assert backward(expression, point) == near(expected, 1e-9)


@settings(max_examples=150)
@given(expressions, points)
def test_gradients_agree_with_central_differences(expression, point):
    assume_smooth(expression, point)
    expected = central(expression, point)
    # Where the function is too steep for the step, differences say nothing.
    assume(central(expression, point, 2 * STEP) == near(expected, 1e-6))
    assert forward(expression, point) == near(expected, 1e-5)
    assert backward(expression, point) == near(expected, 1e-5)


SOME = st.lists(expressions, min_size=1, max_size=4)


@settings(max_examples=100)
@given(SOME, st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_one_way_is_the_transpose_of_the_other(some, n_points, seed):
    """⟨c, J t⟩ = ⟨Jᵀ c, t⟩ for any tangent t and cotangent c, with x of each point and y of all."""
    rng, outputs = np.random.default_rng(seed), table(*some)
    own, shared = rng.uniform(-2, 2, (n_points, 1)), rng.uniform(-2, 2, 1)
    tangents, shared_tangents = rng.normal(size=(n_points, 1)), rng.normal(size=1)
    cotangent = rng.normal(size=(n_points, len(some)))
    rates = outputs.push_forward(own, shared, tangents, shared_tangents)
    gradient, shared_gradient = outputs.pull_back(own, shared, cotangent)
    terms = np.concatenate([tangents * gradient, [shared_tangents * shared_gradient]])
    size = np.abs(cotangent * rates).sum() + np.abs(terms).sum()
    assert np.sum(cotangent * rates) == pytest.approx(terms.sum(), abs=1e-12 * size)


# -- Every function

A, B = x * y + x, sympy.exp(x) * y
KINDS = {
    **{f: f(A) for f in (sympy.exp, sympy.log, sympy.sin, sympy.cos, sympy.tan)},
    **{f: f(A) for f in (sympy.asin, sympy.acos, sympy.atan, sympy.asinh, sympy.atanh)},
    **{f: f(A) for f in (sympy.sinh, sympy.cosh, sympy.tanh, sympy.sign, sympy.sinc)},
    **{f: f(7 * A) for f in (sympy.floor, sympy.ceiling)},
    **{f: f(A - 2 * B) for f in (sympy.Abs, sympy.arg, sympy.re, sympy.im, sympy.conjugate)},
    **{f: f(A, -B) for f in (sympy.atan2, sympy.Add, sympy.Mul, sympy.Min, sympy.Max)},
    sympy.acosh: sympy.acosh(A + B),
    sympy.Mod: sympy.Mod(-5 * A, B),
    sympy.Pow: A**B,
    **{exponent: A**exponent for exponent in POWERS},
    **{
        f: sympy.Piecewise((A, f(x, y)), (B, True))
        for f in (sympy.Gt, sympy.Ge, sympy.Lt, sympy.Le, sympy.Eq, sympy.Ne)
    },
    **{f: sympy.Piecewise((A, f(x > y, y > 2 * x)), (B, True)) for f in (sympy.And, sympy.Or)},
    sympy.Not: sympy.Piecewise((A, sympy.Not(sympy.Eq(x, y) & (y > x), evaluate=False)), (B, True)),
}
MORE = {
    "base": A**3,
    "fraction": B ** sympy.Rational(-3, 2),
    "exponent": 2**A,
    "negative base": (-1) ** A,
    "symbolic power of a negative base": (A - 2) ** 3,
    "nested branches": sympy.Piecewise(
        (sympy.Piecewise((A, x > y), (A * B, True)), y > x / 2), (B, True)
    ),
    "minimum of three": sympy.Min(A, B, x - y),
}
LAMBDIFIED = [
    *(f(A) for f in (sympy.erf, sympy.sec, sympy.csc, sympy.cot, sympy.acot)),
    *(f(A) for f in (sympy.sech, sympy.csch, sympy.coth, sympy.asech, sympy.acsch)),
    *(f(A + 2) for f in (sympy.asec, sympy.acsc, sympy.acoth, sympy.gamma, sympy.loggamma)),
    sympy.Heaviside(A - B) * x,
    sympy.besselj(1, A),
    2 * sympy.besselj(0, sympy.Abs(A - 2 * B)) + sympy.sin(x) * sympy.erf(y),
]
COMPLEX = [
    sympy.exp(sympy.I * A),
    sympy.arg(sympy.exp(sympy.I * x * y)),
    sympy.arg(A + sympy.I * B),
    sympy.re(sympy.exp((1 + 2 * sympy.I) * A)),
    sympy.im(sympy.log(A + sympy.I * B)),
    sympy.re(sympy.conjugate(sympy.sin(A + sympy.I * B)) * sympy.exp(sympy.I * x)),
    sympy.Abs(A + sympy.I * B),
    sympy.Abs(sympy.cos(A + sympy.I * B)) ** 2,
    sympy.re((A + sympy.I * B) ** (x + sympy.I)),
    sympy.re(sympy.sqrt(A - sympy.I * B) / (1 + sympy.I * x)),
    sympy.im(sympy.sign(A + sympy.I * B)),
    sympy.im(sympy.sinc(A + sympy.I * B)),
    sympy.re(sympy.tanh(sympy.I * A) * sympy.asinh(2 * B + sympy.I)),
    sympy.im(sympy.erf(A) * sympy.exp(sympy.I * B)),
]
EVERY = [*KINDS.values(), *MORE.values(), *LAMBDIFIED, *COMPLEX]
# Sympy has no derivatives of these, or not of complex numbers.
UNKNOWN_TO_SYMPY = (sympy.floor, sympy.ceiling, sympy.Mod, sympy.sign)


def test_there_is_an_example_of_every_function():
    assert {*FUNCTIONS, *REDUCTIONS, *POWERS} <= KINDS.keys()


@pytest.mark.parametrize("expression", EVERY, ids=str)
def test_every_function_against_central_differences(expression):
    expected = central(expression)
    assert forward(expression) == near(expected, 1e-8)
    assert backward(expression) == near(expected, 1e-8)


@pytest.mark.parametrize("expression", [e for e in EVERY if not e.has(*UNKNOWN_TO_SYMPY)], ids=str)
def test_every_function_against_sympy(expression):
    expected = exact(expression)
    assert forward(expression) == near(expected)
    assert backward(expression) == near(expected)


@pytest.mark.parametrize("expression", [*EVERY_FUNCTION, *EVERY], ids=str)
def test_every_step_of_a_program_has_rules(expression):
    """There are none where all is flat, or one for each argument."""
    for function, arguments in table(expression).program.nodes:
        if arguments:
            assert len(rules_of(function)) in (0, len(arguments))


@pytest.mark.parametrize(
    "expression",
    [
        sympy.floor(9 * x) - sympy.ceiling(x / y),
        sympy.sign(x - y),
        sympy.Piecewise((1, (x > y) & sympy.Ne(x, 0)), (2, (x <= y) | sympy.Eq(y, 0)), (3, True)),
        sympy.pi + 0 * x,
    ],
    ids=str,
)
def test_what_is_flat_has_no_gradient(expression):
    assert forward(expression).tolist() == [0.0, 0.0]
    assert backward(expression).tolist() == [0.0, 0.0]


def test_a_derivative_without_numerical_form_is_refused():
    with pytest.raises(ValueError, match=r"no numerical form of the expression .*besselj"):
        backward(sympy.besselj(x, y))
    with pytest.raises(ValueError, match=r"no numerical form of the expression .*besselj"):
        forward(sympy.besselj(x, y))


# -- Where there is no derivative, or none on one side


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (sympy.Piecewise((1 / x, sympy.Ne(x, 0)), (2 * y, True)), [0.0, 2.0]),
        (sympy.Piecewise((x * sympy.log(x), x > 0), (3 * x, True)), [3.0, 0.0]),
        (sympy.Piecewise((y, x < 1), (sympy.sqrt(x) / x + sympy.acos(5 + x), True)), [0.0, 1.0]),
        (sympy.Piecewise((sympy.besselj(1, x) / x, x > 0), (x + y, True)), [1.0, 1.0]),
        (sympy.Min(sympy.sqrt(x), y - 5), [0.0, 1.0]),
    ],
    ids=str,
)
def test_a_branch_that_is_not_taken_may_be_infinite(expression, expected):
    assert forward(expression, (0.0, 0.7)).tolist() == expected
    assert backward(expression, (0.0, 0.7)).tolist() == expected


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (sympy.sqrt(x), [math.inf, 0.0]),
        (y * sympy.log(x), [math.inf, -math.inf]),
        (sympy.acos(x + 1), [-math.inf, 0.0]),
        (sympy.atan2(x, 0 * y + x), [math.nan, 0.0]),
        (sympy.acos(x + 5) + y, [math.nan, 1.0]),
    ],
    ids=str,
)
def test_what_has_no_derivative_is_not_finite(expression, expected):
    assert forward(expression, (0.0, 0.7)) == pytest.approx(expected, nan_ok=True)
    assert backward(expression, (0.0, 0.7)) == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize(
    ("exponent", "expected"),
    [(2.5, [0.0, 0.0]), (1.0, [1.0, 0.0]), (0.5, [math.inf, 0.0]), (0.0, [0.0, -math.inf])],
)
def test_powers_of_zero(exponent, expected):
    assert forward(x**y, (0.0, exponent)).tolist() == expected
    assert backward(x**y, (0.0, exponent)).tolist() == expected


@pytest.mark.parametrize("point", [0.0, 1e-12, -1e-7, 1e-3])
def test_the_derivative_of_sinc_keeps_its_digits_near_zero(point):
    expected = -point / 3 + point**3 / 30
    assert forward(sympy.sinc(x), (point, 0.7)) == pytest.approx([expected, 0.0], rel=1e-12)
    assert backward(sympy.sinc(x), (point, 0.7)) == pytest.approx([expected, 0.0], rel=1e-12)


@pytest.mark.parametrize("function", [sympy.Min, sympy.Max])
def test_equal_arguments_share_one_gradient(function):
    first = forward(function(2 * x, 2 * y), (0.4, 0.4))
    assert first.sum() == 2.0
    assert backward(function(2 * x, 2 * y), (0.4, 0.4)).tolist() == first.tolist()


def test_a_modulus_is_flat_at_its_kink():
    for expression in (sympy.Abs(x), sympy.Abs(x + sympy.I * y)):
        assert forward(expression, (0.0, 0.0)).tolist() == [0.0, 0.0]
        assert backward(expression, (0.0, 0.0)).tolist() == [0.0, 0.0]


# -- Many points

SEVERAL = (
    x * sympy.sin(y),
    y**2,
    sympy.exp(-x) + sympy.besselj(0, x * y),
    x,
    sympy.arg(x + y * 1j),
)


def job(n_points, seed=0):
    """Return values of x and y of each point, and tangents and cotangents of them."""
    rng = np.random.default_rng(seed)
    shapes = (n_points, 2), (n_points, 2), (n_points, len(SEVERAL))
    return [rng.normal(size=shape) for shape in shapes]


@pytest.mark.parametrize("n_points", [0, 1, 7, 1024, 2500])
def test_each_point_has_its_own_derivatives(n_points):
    values, tangents, cotangent = job(n_points)
    rates = table(*SEVERAL).push_forward(values, (), tangents, ())
    gradient, shared = table(*SEVERAL).pull_back(values, (), cotangent)
    assert rates.shape == cotangent.shape
    assert shared.shape == (0,)
    for rows in (slice(0, 1), slice(n_points - 1, n_points)):
        alone = table(*SEVERAL).push_forward(values[rows], (), tangents[rows], ())
        np.testing.assert_array_equal(rates[rows], alone)
        alone, _ = table(*SEVERAL).pull_back(values[rows], (), cotangent[rows])
        np.testing.assert_array_equal(gradient[rows], alone)


@pytest.mark.parametrize("n_shared", [1, 2])
@pytest.mark.parametrize("n_points", [0, 1, 1024, 2500])
def test_what_all_points_share_gets_the_sum_over_points(n_points, n_shared):
    values, tangents, cotangent = job(n_points)
    own, shared = 2 - n_shared, np.array([0.7, -0.3])[:n_shared]
    values[:, own:], tangents[:, own:] = shared, shared - 1
    rates = table(*SEVERAL).push_forward(values, (), tangents, ())
    given = values[:, :own], shared
    np.testing.assert_allclose(
        table(*SEVERAL).push_forward(*given, tangents[:, :own], shared - 1), rates, atol=1e-14
    )
    gradient, _ = table(*SEVERAL).pull_back(values, (), cotangent)
    found, found_shared = table(*SEVERAL).pull_back(*given, cotangent)
    np.testing.assert_allclose(found, gradient[:, :own], atol=1e-14)
    np.testing.assert_allclose(found_shared, gradient[:, own:].sum(axis=0), atol=1e-11)


def test_a_point_that_is_no_number_spoils_its_own_row_alone():
    values, tangents, cotangent = job(9)
    rates = table(*SEVERAL).push_forward(values, (), tangents, ())
    gradient, _ = table(*SEVERAL).pull_back(values, (), cotangent)
    values[4] = np.nan
    spoilt = table(*SEVERAL).push_forward(values, (), tangents, ())
    np.testing.assert_array_equal(np.delete(spoilt, 4, 0), np.delete(rates, 4, 0))
    spoilt, _ = table(*SEVERAL).pull_back(values, (), cotangent)
    np.testing.assert_array_equal(np.delete(spoilt, 4, 0), np.delete(gradient, 4, 0))
    assert np.isnan(spoilt[4]).all()


def test_what_is_given_is_left_alone():
    given = job(5)
    copies = [array.copy() for array in given]
    table(*SEVERAL).push_forward(given[0], (), given[1], ())
    table(*SEVERAL).pull_back(given[0], (), given[2])
    for array, copy in zip(given, copies, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_a_symbol_that_is_an_expression_twice_gets_both_cotangents():
    gradient, _ = table(x, x, y).pull_back(np.zeros((1, 2)), (), np.array([[1.0, 2.0, 5.0]]))
    assert gradient.tolist() == [[3.0, 5.0]]


def test_no_expressions_have_no_gradient():
    gradient, shared = table().pull_back(np.ones((3, 1)), [1.0], np.empty((3, 0)))
    assert gradient.tolist() == [[0.0]] * 3
    assert shared.tolist() == [0.0]
    assert table().push_forward(np.ones((3, 1)), [1.0], np.ones((3, 1)), [1.0]).shape == (3, 0)


def test_the_shape_of_tangents_is_checked():
    with pytest.raises(ValueError, match=r"expected values of shape \(n_points, 2\), got \(4, 3\)"):
        table(x).push_forward(np.zeros((4, 2)), (), np.zeros((4, 3)), ())
