"""Expressions to test with: random ones, and one for each function."""

import math

import sympy
from hypothesis import strategies as st

x, y = sympy.symbols("x y")

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
    sympy.sign(y - sympy.I * x),
    sympy.Piecewise((x, x > y), (y**2, sympy.And(x < y, sympy.Ne(x, 2))), (7, True)),
    sympy.Piecewise((1, sympy.Or(x >= 1, sympy.Not(sympy.Eq(y, 2)))), (2, x <= 5), (3, True)),
    sympy.Float("0.1", 40) * x,
    sympy.Integer(10) ** 30 * x,
]
