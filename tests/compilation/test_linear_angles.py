"""Angles as linear forms, and how a gate's argument becomes one."""

import math

import pytest
import sympy

from qkernels.compilation.angles import Angle, angle_of

a, b = sympy.symbols("a b")
NUMBERS = {"a": 0, "b": 1}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.5, Angle(0.5)),
        (2, Angle(2.0)),
        (sympy.Rational(1, 4), Angle(0.25)),
        (sympy.Integer(0), Angle()),
        (sympy.Float(0.0), Angle()),
        (sympy.sqrt(2) / 2, Angle(math.sqrt(0.5))),
        (a, Angle(0.0, {0: 1.0})),
        (2 * a - b / 2 + sympy.pi, Angle(math.pi, {0: 2.0, 1: -0.5})),
        ((a + 3) * 2 - a, Angle(6.0, {0: 1.0})),
        (a / sympy.pi, Angle(0.0, {0: 1 / math.pi})),
        (a * (b + 1) - a * b, Angle(0.0, {0: 1.0})),
    ],
)
def test_arguments_become_linear_forms(value, expected):
    angle = angle_of(value, NUMBERS)
    assert angle.constant == pytest.approx(expected.constant, abs=1e-16)
    assert dict(angle.terms) == pytest.approx(dict(expected.terms))


@pytest.mark.parametrize("value", [a**2, a * b, sympy.sin(a), sympy.I * a, a + sympy.I, 1 / a])
def test_arguments_that_are_not_linear_are_refused(value):
    with pytest.raises(ValueError, match="expected an expression linear in its symbols, got "):
        angle_of(value, NUMBERS)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, sympy.oo, sympy.nan, sympy.I])
def test_numbers_must_be_finite(value):
    with pytest.raises(ValueError, match=f"expected a finite real angle, got {value}"):
        angle_of(value, NUMBERS)


def test_arithmetic():
    x, y = Angle(1.0, {0: 2.0}), Angle(-0.5, {0: -2.0, 1: 1.0})
    assert x + y == Angle(0.5, {1: 1.0})
    assert x - y == Angle(1.5, {0: 4.0, 1: -1.0})
    assert -x == Angle(-1.0, {0: -2.0})
    assert 3.0 * x == x * 3.0 == Angle(3.0, {0: 6.0})
    assert x * 0.0 == Angle()


@pytest.mark.parametrize(
    ("angle", "constant", "zero", "odd"),
    [
        (Angle(), True, True, False),
        (Angle(1e-16), True, True, False),
        (Angle(math.pi), True, False, True),
        (Angle(-3 * math.pi), True, False, True),
        (Angle(2 * math.pi), True, False, False),
        (Angle(0.0, {0: 1.0}), False, False, False),
        (Angle(math.pi, {0: 1.0}), False, False, False),
    ],
)
def test_special_angles(angle, constant, zero, odd):
    assert (angle.is_constant, angle.is_zero, angle.is_odd_half_turn) == (constant, zero, odd)


def test_keys_tell_angles_apart():
    angles = [Angle(), Angle(1.0), Angle(0.0, {0: 1.0}), Angle(0.0, {1: 1.0}), Angle(1.0, {0: 1.0})]
    assert len({angle.key for angle in angles}) == len(angles)
    assert Angle(1.0, {0: 1.0, 1: 2.0}).key == Angle(1.0, {1: 2.0, 0: 1.0}).key
