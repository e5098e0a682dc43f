"""Gradients that evaluators refuse: unknown points, other cotangents, no finite derivative."""

import cirq
import numpy as np
import pytest
import sympy

from qkernels import FeatureMap, StatevectorEvaluator
from qkernels.evaluators import Direction
from tests.compilation.agreement import pauli_string
from tests.evaluators.maps import PARAMETERS, entangled, layered, points, product
from tests.random_circuits import FEATURES as x
from tests.random_circuits import PARAMETERS as t

evaluator = StatevectorEvaluator(cache_size=0)
single = StatevectorEvaluator(precision="single", cache_size=0)
q = cirq.LineQubit.range(4)


def test_restored_states_do_not_know_their_points():
    prepared = evaluator.embed(entangled(), points(3), PARAMETERS)
    restored = evaluator.restore(prepared.arrays())
    message = "^expected states prepared by embed, which know their points; got restored ones$"
    for call in (
        lambda: evaluator.fidelities_vjp(restored, None, np.ones((3, 3))),
        lambda: evaluator.fidelities_vjp(prepared, restored, np.ones((3, 3))),
        lambda: evaluator.fidelities_jacobian(restored, []),
    ):
        with pytest.raises(ValueError, match=message):
            call()


@pytest.mark.parametrize(
    ("other_map", "parameters"),
    [
        (entangled(4), PARAMETERS),
        (layered(), PARAMETERS),
        (entangled(), -PARAMETERS),
        (product(3), None),
    ],
    ids=["more qubits", "another map", "other parameters", "no parameters"],
)
def test_points_of_another_map(other_map, parameters):
    prepared = evaluator.embed(entangled(), points(3), PARAMETERS)
    other = evaluator.embed(other_map, points(4), parameters)
    with pytest.raises(
        ValueError,
        match=r"^expected points prepared by one feature map and one set of parameters; got "
        r"<FeatureMap: .*> with \[ 0\.4 -0\.7\] and <FeatureMap.*> with ",
    ):
        evaluator.fidelities_vjp(prepared, other, np.ones((3, 4)))


def test_points_of_another_precision():
    one, other = (e.embed(entangled(), points(3), PARAMETERS) for e in (evaluator, single))
    with pytest.raises(
        ValueError, match=r"^expected points of one precision, got float64 and float32$"
    ):
        evaluator.fidelities_vjp(one, other, np.ones((3, 3)))


@pytest.mark.parametrize(
    ("cotangent", "message"),
    [
        (np.ones((3, 2)), r"^expected a cotangent of shape \(3, 3\), got \(3, 2\)$"),
        (np.ones(3), r"^expected a cotangent of shape \(3, 3\), got \(3,\)$"),
        (np.full((3, 3), np.nan), "^expected a cotangent of finite numbers, got one with inf or"),
        (1j * np.ones((3, 3)), r"^expected cotangent to be real, got an array of complex128$"),
        ("many", r"^expected cotangent to be an array of numbers, got 'many'$"),
    ],
    ids=["columns", "flat", "nan", "complex", "text"],
)
def test_other_cotangents(cotangent, message):
    prepared = evaluator.embed(entangled(), points(3), PARAMETERS)
    observables = [pauli_string(q, word) for word in ("X", "Y", "Z")]
    with pytest.raises(ValueError, match=message):
        evaluator.fidelities_vjp(prepared, None, cotangent)
    with pytest.raises(ValueError, match=message):
        evaluator.expectations_vjp(entangled(), points(3), PARAMETERS, observables, cotangent)


@pytest.mark.parametrize(
    ("angle", "inputs"),
    [(sympy.sqrt(x[0]), [[0.5], [0.0]]), (sympy.acos(x[0]) + x[0], [[0.5], [1.0]])],
    ids=["sqrt at 0", "arccos at 1"],
)
def test_angles_without_a_finite_derivative(angle, inputs):
    feature_map = FeatureMap(cirq.Circuit(cirq.rx(1 + angle)(q[0])), x[:1])
    prepared, where = evaluator.embed(feature_map, inputs), (feature_map, inputs, None)
    observables = [pauli_string(q, "Z")]
    message = "^the circuit's angles have no finite derivative in x0 in row 1 of X$"
    with pytest.raises(ValueError, match=message):
        evaluator.fidelities_vjp(prepared, None, np.arange(4.0).reshape(2, 2))
    with pytest.raises(ValueError, match=message):
        evaluator.expectations_vjp(*where, observables, np.ones((2, 1)))
    directions = [Direction(np.ones((2, 1)), np.empty(0))]
    for call in (
        lambda: evaluator.fidelities_jacobian(prepared, directions),
        lambda: evaluator.expectations_jacobian(*where, observables, directions),
    ):
        with pytest.raises(ValueError, match=r"^no finite derivative of .*x0.* in row 1 of X$"):
            call()


def test_a_parameter_without_a_finite_derivative():
    feature_map = FeatureMap(
        cirq.Circuit(cirq.rx(x[0] * (1 + sympy.sqrt(t[0])))(q[0])), x[:1], t[:1]
    )
    prepared = evaluator.embed(feature_map, [[0.1], [0.9]], [0.0])
    with pytest.raises(ValueError, match=r"^the circuit's angles have no finite derivative in t0$"):
        evaluator.fidelities_vjp(prepared, None, np.ones((2, 2)))


def test_what_does_not_count_may_have_no_derivative():
    feature_map = FeatureMap(cirq.Circuit(cirq.rx(1 + sympy.sqrt(x[0]))(q[0])), x[:1])
    prepared = evaluator.embed(feature_map, [[0.5], [0.0], [0.7]])
    cotangent = np.zeros((3, 3))
    cotangent[0, 2] = 1.0
    gradient = evaluator.fidelities_vjp(prepared, None, cotangent)
    assert gradient.X[1] == 0
    assert np.abs(gradient.X[[0, 2]]).min() > 0.01
