"""The exact evaluator: what it computes, and what it refuses."""

import cirq
import numpy as np
import pytest
import sympy

from qkernels import FeatureMap, StatevectorEvaluator
from qkernels.evaluators import Evaluator
from tests import reference
from tests.compilation.agreement import assert_equal_up_to_phase, expectations, simulated
from tests.evaluators.maps import PARAMETERS, entangled, n_registers, points, product

evaluator = StatevectorEvaluator()
single = StatevectorEvaluator(precision="single")


def assert_close(actual, expected, atol=1e-12):
    np.testing.assert_allclose(actual, expected, atol=atol, rtol=0)


# -- Fidelities


@pytest.mark.parametrize("n_points", [1, 2, 9, 170])
def test_symmetric_fidelities(n_points):
    X = points(n_points)
    K = evaluator.fidelities(evaluator.embed(entangled(), X, PARAMETERS))
    assert_close(K, reference.fidelity_matrix(entangled(), X, X, parameters=PARAMETERS))
    np.testing.assert_array_equal(K, K.T)
    assert (np.diag(K) == 1.0).all()


@pytest.mark.parametrize("shape", [(1, 1), (3, 11), (170, 2)])
def test_cross_fidelities(shape):
    X, Y = points(shape[0]), points(shape[1], seed=1)
    a, b = (evaluator.embed(entangled(), Z, PARAMETERS) for Z in (X, Y))
    K = evaluator.fidelities(a, b)
    assert_close(K, reference.fidelity_matrix(entangled(), X, Y, parameters=PARAMETERS))


def test_the_same_points_twice_are_the_symmetric_case():
    a = evaluator.embed(entangled(), points(7), PARAMETERS)
    np.testing.assert_array_equal(evaluator.fidelities(a, a), evaluator.fidelities(a))


def test_a_block_is_that_block_of_the_whole():
    X = points(40)
    a = evaluator.embed(entangled(), X, PARAMETERS)
    assert_close(evaluator.fidelities(a[3:9], a[20:]), evaluator.fidelities(a)[3:9, 20:], 1e-15)


@pytest.mark.parametrize("shape", [(0, 0), (0, 4), (4, 0)])
def test_no_points_give_an_empty_matrix(shape):
    a = evaluator.embed(product(2), points(4, 2))
    assert evaluator.fidelities(a[: shape[0]], a[: shape[1]]).shape == shape


def test_no_points_are_symmetric_too():
    assert evaluator.fidelities(evaluator.embed(product(2), points(4, 2))[:0]).shape == (0, 0)


def test_results_are_fresh_and_writable():
    a = evaluator.embed(entangled(), points(7), PARAMETERS)
    K = evaluator.fidelities(a)
    K[:] = 7.0
    assert K.flags.c_contiguous
    assert K.dtype == np.float64
    assert evaluator.fidelities(a).max() <= 1 + 1e-12


def test_standard_errors_are_0():
    a = evaluator.embed(entangled(), points(5), PARAMETERS)
    K, error = evaluator.fidelities(a, a[:2], return_std=True)
    np.testing.assert_array_equal(K, evaluator.fidelities(a, a[:2]))
    np.testing.assert_array_equal(error, np.zeros((5, 2)))


def test_many_unconnected_parts():
    X = points(6, 20)
    assert n_registers(product(20)) == 5
    K = evaluator.fidelities(evaluator.embed(product(20), X))
    parts = [
        evaluator.fidelities(evaluator.embed(product(1), X[:, [i]])) for i in range(20)
    ]  # fmt: skip
    assert_close(K, np.prod(parts, axis=0))


def test_states_of_a_map_without_data():
    circuit = cirq.Circuit(cirq.ry(0.3)(cirq.LineQubit(0)), cirq.CNOT(*cirq.LineQubit.range(2)))
    a = evaluator.embed(FeatureMap(circuit, []), np.empty((3, 0)))
    assert_close(evaluator.fidelities(a), np.ones((3, 3)))


def test_points_of_other_circuits_are_refused():
    a = evaluator.embed(product(6), points(2, 6))
    b = evaluator.embed(entangled(), points(2), PARAMETERS)
    with pytest.raises(
        ValueError,
        match=r"^expected points prepared by one feature map; got parts of dimensions "
        r"\[16, 4\] and \[8\]$",
    ):
        evaluator.fidelities(a, b)


def test_points_of_another_precision_are_refused():
    a, b = (e.embed(product(2), points(2, 2)) for e in (evaluator, single))
    with pytest.raises(
        ValueError, match=r"^expected points of one precision, got float64 and float32$"
    ):
        evaluator.fidelities(a, b)


# -- Whole states


def test_states_in_cirqs_order_of_unsorted_unconnected_qubits():
    a, b, c, d = (cirq.NamedQubit(name) for name in "dbca")
    x, y = sympy.symbols("x y")
    circuit = cirq.Circuit(
        cirq.rx(x)(a), cirq.CNOT(a, c), cirq.ry(y)(b), cirq.CZ(b, d) ** x, cirq.rx(y)(d)
    )
    feature_map = FeatureMap(circuit, [x, y])
    X = points(5, 2)
    states = evaluator.statevectors(feature_map, X)
    assert states.shape == (5, 16)
    assert_equal_up_to_phase(states, simulated(feature_map, X, []))


def test_states_include_what_no_fidelity_sees():
    q = cirq.LineQubit(0)
    x = sympy.Symbol("x")
    feature_map = FeatureMap(cirq.Circuit(cirq.rx(x)(q), cirq.ry(0.7)(q), cirq.T(q)), [x])
    X = np.array([[0.4], [1.0]])
    assert_equal_up_to_phase(evaluator.statevectors(feature_map, X), simulated(feature_map, X, []))


# -- Single precision


@pytest.mark.parametrize("n_qubits", [2, 5, 8])
def test_single_precision_is_good_to_1e_6(n_qubits):
    X, feature_map = points(40), entangled(n_qubits)
    K, approximate = (
        e.fidelities(e.embed(feature_map, X, PARAMETERS)) for e in (evaluator, single)
    )
    error = np.abs(approximate - K).max()
    assert 0 < error < 2e-6
    assert approximate.dtype == np.float64
    assert (np.diag(approximate) == 1.0).all()


def test_single_precision_halves_memory():
    nbytes = [
        e.embed(entangled(), points(4), PARAMETERS).nbytes for e in (evaluator, single)
    ]  # fmt: skip
    assert nbytes == [4 * 8 * 16, 4 * 8 * 8]


# -- Arguments


def test_the_evaluator_follows_the_protocol():
    assert isinstance(evaluator, Evaluator)


@pytest.mark.parametrize("inputs", [[[0.1, 0.2, 0.3]], np.float32([[0.1, 0.2, 0.3]]), [[1, 2, 3]]])
def test_inputs_are_any_real_numbers(inputs):
    expected = evaluator.embed(entangled(), np.array(inputs, float), PARAMETERS)
    got = evaluator.embed(entangled(), inputs, list(PARAMETERS))
    np.testing.assert_array_equal(got.parts[0], expected.parts[0])


@pytest.mark.parametrize("inputs", [np.zeros(3), np.zeros((0, 3)), np.zeros((1, 2, 3)), 0.5])
@pytest.mark.parametrize("method", ["embed", "statevectors", "expectations"])
def test_inputs_must_be_some_points(method, inputs):
    arguments = {"observables": []} if method == "expectations" else {}
    with pytest.raises(
        ValueError,
        match=r"^expected inputs of shape \(n_points, n_features\), at least one point, "
        rf"got shape \({', '.join(map(str, np.shape(inputs)))}",
    ):
        getattr(evaluator, method)(entangled(), inputs, PARAMETERS, **arguments)


BAD_INPUTS = {
    "columns": (points(2, 2), PARAMETERS, r"expects X of shape \(n_points, 3\), got \(2, 2\)"),
    "complex": (points(2) * 1j, PARAMETERS, "expected inputs to be real, got an array of complex"),
    "text": ([["a", "b", "c"]], PARAMETERS, "expected inputs to be an array of numbers, got"),
    "NaN": ([[np.nan, 0, 0]], PARAMETERS, "expected a finite real number for .* got nan in row 0"),
    "no parameters": (points(2), None, r"has 2 trainable parameters \(t0, t1\); got parameters=N"),
    "few parameters": (points(2), [0.1], r"expects parameters of shape \(2,\), got \(1,\)"),
    "infinite": (points(2), [0.1, np.inf], "expected finite parameters, got t1 = inf"),
    "complex parameters": (points(2), [0.1, 1j], "expected parameters to be real, got an array"),
}


@pytest.mark.parametrize("name", BAD_INPUTS)
@pytest.mark.parametrize("method", ["embed", "statevectors", "expectations"])
def test_bad_inputs_are_refused(method, name):
    inputs, parameters, message = BAD_INPUTS[name]
    arguments = {"observables": []} if method == "expectations" else {}
    with pytest.raises(ValueError, match=message):
        getattr(evaluator, method)(entangled(), inputs, parameters, **arguments)


# -- Equal maps


def test_equal_maps_with_another_order_in_a_moment_give_the_same_states():
    a, b = cirq.LineQubit.range(2)
    x, y = sympy.symbols("x y")
    operations = [cirq.rx(x)(a), cirq.ry(2 * y)(b)]
    one, other = (
        FeatureMap(cirq.Circuit(cirq.Moment(moment), cirq.CZ(a, b)), [x, y])
        for moment in (operations, operations[::-1])
    )
    assert one == other
    X = points(5, 2)
    expected = simulated(one, X, [])
    wanted = [cirq.PauliString(cirq.Z(a)), cirq.PauliString(cirq.X(b))]
    for feature_map in (one, other):
        assert_equal_up_to_phase(evaluator.statevectors(feature_map, X), expected)
        K = evaluator.fidelities(evaluator.embed(feature_map, X))
        assert_close(K, np.abs(expected.conj() @ expected.T) ** 2)
        assert_close(
            evaluator.expectations(feature_map, X, observables=wanted),
            expectations(feature_map, wanted, expected),
        )
        evaluator.clear_cache()
