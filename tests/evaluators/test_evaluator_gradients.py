"""Gradients through states and expectation values, beside dense derivatives of the same circuits.

Forwards (jacobian) and backwards (vjp) are two programs: each is compared with the dense product
rule, and both with each other.
"""

from itertools import pairwise

import cirq
import numba
import numpy as np
import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from qkernels import FeatureMap, StatevectorEvaluator
from qkernels.evaluators import Direction
from qkernels.evaluators.states import PreparedStates
from tests.compilation.agreement import pauli_string
from tests.evaluators.dense import (
    differentiated,
    expectation_rates,
    fidelity_rates,
)
from tests.evaluators.maps import (
    PARAMETERS,
    entangled,
    layered,
    n_registers,
    points,
    unconnected,
)
from tests.random_circuits import FEATURES, GATES, feature_maps, symbols_of, words
from tests.random_circuits import PARAMETERS as SYMBOLS
from tests.random_circuits import points as random_points

# Fewer where the loops are not compiled.
N_CIRCUITS = 100 if numba.config.DISABLE_JIT else 240

evaluator = StatevectorEvaluator(cache_size=0)
single = StatevectorEvaluator(precision="single", cache_size=0)
LINE = cirq.LineQubit.range(9)
q = LINE[:4]
x, t = FEATURES, SYMBOLS
# What many gates share, alone and inside of sums, products and powers.
COMPOSITES = [t[0], 2 * t[0] + t[0] * x[0], t[0] ** 2, x[0] * t[1], x[0] ** 2, t[1] - t[0] / 2]


def of_parameters(expression):
    return expression.free_symbols <= set(t)


@st.composite
def layers(draw, qubits, expressions):
    """Return a layer of gates with some of the expressions, the same ones again and again."""
    chosen = st.sampled_from(expressions)
    kinds = st.sampled_from([cirq.X, cirq.Y, cirq.Z, cirq.H])
    layer = [draw(kinds)(qubit) ** draw(chosen) for qubit in qubits]
    pairs = [cirq.CZ(*pair) ** draw(chosen) for pair in pairwise(qubits)]
    return layer + (pairs if draw(st.booleans()) else [])


@st.composite
def maps(draw, gate_type):
    """Return a random map, perhaps between layers of parameters and beside unconnected parts."""
    body = draw(feature_maps(gate_type, max_qubits=4, max_operations=5))
    shared = list(filter(of_parameters, COMPOSITES))
    before = draw(layers(body.qubits, shared)) if draw(st.booleans()) else []
    after = draw(layers(body.qubits, shared)) if draw(st.booleans()) else []
    aside = [
        draw(layers(cirq.LineQubit.range(10 * k, 10 * k + 2), COMPOSITES))
        for k in range(1, 1 + draw(st.integers(0, 2)))
    ]
    circuit = cirq.Circuit(before, body.circuit.all_operations(), after, aside)
    used = symbols_of(circuit)
    return FeatureMap(circuit, *([s for s in all_ if s.name in used] for all_ in (x, t)))


def assert_close(actual, expected, tolerance):
    """Compare, relative to the largest number where that is more than 1."""
    scale = max(1.0, np.abs(expected).max(initial=0.0))
    np.testing.assert_allclose(actual, expected, atol=tolerance * scale, rtol=0)


def random_directions(feature_map, n_points, rng, count=2):
    return [
        Direction(
            rng.normal(size=(n_points, feature_map.n_features)),
            rng.normal(size=feature_map.n_parameters),
        )
        for _ in range(count)
    ]


def along(gradient, direction, rows=slice(None)):
    """Return how fast a scalar of the given gradient changes along a direction."""
    return np.sum(gradient.X * direction.inputs[rows]) + gradient.parameters @ direction.parameters


def central_difference(function, inputs, parameters, direction, step=2e-5):
    """Return the slope of a function along a direction, to order 4."""

    def shifted(h):
        return function(inputs + h * direction.inputs, parameters + h * direction.parameters)

    near, far = (shifted(h) - shifted(-h) for h in (step, 2 * step))
    return (8 * near - far) / (12 * step)


def fidelity_loss(feature_map, cotangent, rows=slice(None), columns=None):
    """Return a scalar of points and parameters: fidelities times their cotangent."""

    def loss(inputs, parameters):
        a = evaluator.embed(feature_map, inputs, parameters)
        b = None if columns is None else a[columns]
        return np.sum(cotangent * evaluator.fidelities(a[rows], b))

    return loss


def assert_fidelities_agree(feature_map, inputs, parameters, dense, rng):
    n = len(inputs)
    prepared = evaluator.embed(feature_map, inputs, parameters)
    directions = random_directions(feature_map, n, rng)
    cotangent = rng.normal(size=(n, n))
    by_i, by_j = fidelity_rates(dense, dense)
    features = slice(feature_map.n_features)
    trained = slice(feature_map.n_features, None)

    gradient = evaluator.fidelities_vjp(prepared, None, cotangent)
    weights = cotangent[:, :, np.newaxis]
    sides = np.sum(weights * by_i, axis=1) + np.sum(weights * by_j, axis=0)
    assert gradient.Y is None
    assert_close(gradient.X, sides[:, features], 1e-10)
    assert_close(gradient.parameters, np.sum(weights * (by_i + by_j), (0, 1))[trained], 1e-10)

    jacobian = evaluator.fidelities_jacobian(prepared, directions)
    for k, direction in enumerate(directions):
        rates = np.hstack([direction.inputs, np.tile(direction.parameters, (n, 1))])
        expected = np.einsum("ijs,is->ij", by_i, rates) + np.einsum("ijs,js->ij", by_j, rates)
        assert_close(jacobian[:, :, k], expected, 1e-10)
        slope = along(gradient, direction)
        assert_close(np.sum(cotangent * jacobian[:, :, k]), slope, 1e-12)
        loss = fidelity_loss(feature_map, cotangent)
        assert_close(slope, central_difference(loss, inputs, parameters, direction), 1e-6)


def assert_cross_fidelities_agree(feature_map, inputs, parameters, dense, rng):
    """Compare the fidelities of all but the last point with all but the first."""
    rows, columns = slice(None, -1), slice(1, None)
    prepared = evaluator.embed(feature_map, inputs, parameters)
    cotangent = rng.normal(size=(len(inputs) - 1,) * 2)
    weights = cotangent[:, :, np.newaxis]
    by_i, by_j = fidelity_rates(dense.rows(rows), dense.rows(columns))
    features = slice(feature_map.n_features)
    trained = slice(feature_map.n_features, None)

    gradient = evaluator.fidelities_vjp(prepared[rows], prepared[columns], cotangent)
    assert_close(gradient.X, np.sum(weights * by_i, axis=1)[:, features], 1e-10)
    assert_close(gradient.Y, np.sum(weights * by_j, axis=0)[:, features], 1e-10)
    assert_close(gradient.parameters, np.sum(weights * (by_i + by_j), (0, 1))[trained], 1e-10)

    (direction,) = random_directions(feature_map, len(inputs), rng, 1)
    slope = along(gradient, direction, rows) + np.sum(gradient.Y * direction.inputs[columns])
    loss = fidelity_loss(feature_map, cotangent, rows, columns)
    assert_close(slope, central_difference(loss, inputs, parameters, direction), 1e-6)


def assert_expectations_agree(feature_map, inputs, parameters, observables, dense, rng):
    n = len(inputs)
    where = feature_map, inputs, parameters, observables
    directions = random_directions(feature_map, n, rng)
    cotangent = rng.normal(size=(n, len(observables)))
    rates = expectation_rates(feature_map, observables, dense)
    features = slice(feature_map.n_features)
    trained = slice(feature_map.n_features, None)

    gradient = evaluator.expectations_vjp(*where, cotangent)
    by_symbol = np.einsum("iw,iws->is", cotangent, rates)
    assert_close(gradient.X, by_symbol[:, features], 1e-10)
    assert_close(gradient.parameters, by_symbol.sum(axis=0)[trained], 1e-10)

    def loss(inputs, parameters):
        values = evaluator.expectations(feature_map, inputs, parameters, observables=observables)
        return np.sum(cotangent * values)

    jacobian = evaluator.expectations_jacobian(*where, directions)
    for k, direction in enumerate(directions):
        moves = np.hstack([direction.inputs, np.tile(direction.parameters, (n, 1))])
        assert_close(jacobian[:, :, k], np.einsum("iws,is->iw", rates, moves), 1e-10)
        slope = along(gradient, direction)
        assert_close(np.sum(cotangent * jacobian[:, :, k]), slope, 1e-12)
        assert_close(slope, central_difference(loss, inputs, parameters, direction), 1e-6)


def assert_agrees(feature_map, inputs, parameters, some_words=("ZZ", "IXY"), random_seed=0):
    rng = np.random.default_rng(random_seed)
    strings = [pauli_string(feature_map.qubits, word) for word in some_words]
    observables = [k * 0.7 * string for k, string in enumerate(strings, 1)]
    dense = differentiated(feature_map, inputs, parameters)
    assert_fidelities_agree(feature_map, inputs, parameters, dense, rng)
    assert_cross_fidelities_agree(feature_map, inputs, parameters, dense, rng)
    assert_expectations_agree(feature_map, inputs, parameters, observables, dense, rng)


@pytest.mark.parametrize("gate_type", GATES, ids=lambda t: t.__name__)
def test_random_circuits(gate_type):
    @seed(list(GATES).index(gate_type))
    @settings(max_examples=N_CIRCUITS // len(GATES) + 1)
    @given(maps(gate_type), st.integers(0, 999), st.lists(words(8), max_size=4))
    def agrees(random_map, random_seed, some_words):
        inputs, parameters = random_points(random_map, 3, random_seed)
        assert_agrees(random_map, inputs, parameters, some_words, random_seed)

    agrees()


@pytest.mark.parametrize("feature_map", [entangled(), layered()], ids=["entangled", "layered"])
def test_maps_by_name(feature_map):
    assert_agrees(feature_map, points(20), PARAMETERS, ["XYZ", "Z", "", "ZZ"])


def test_unconnected_parts():
    three = unconnected()
    some_words = ["XYZXIIIIYXZZ", "ZIIIZIIIZIII", "", "IIIIYYXI", "IIIIIIIIIZXX"]
    assert n_registers(three) == 3
    assert n_registers(three, [pauli_string(three.qubits, word) for word in some_words]) == 3
    assert_agrees(three, points(5), PARAMETERS, some_words)


def test_symbols_that_are_shared_repeated_and_composite():
    circuit = cirq.Circuit(
        [cirq.ry(2 * t[0] + t[0] * x[0])(a) for a in q],
        cirq.ZZ(q[0], q[1]) ** (t[0] ** 2),
        cirq.CZ(q[1], q[2]) ** (x[0] * t[1]),
        [cirq.rx(x[0] ** 2 - t[1])(a) for a in q[:3]],
        cirq.CNOT(q[2], q[3]) ** (2 * t[0] + t[0] * x[0]),
        [cirq.rz(t[0])(a) for a in q],
        [cirq.rx(t[0] * t[1])(a) for a in q],
    )
    feature_map = FeatureMap(circuit, x[:1], t)
    assert_agrees(feature_map, points(4, 1), PARAMETERS, ["XXXX", "ZIZI", "YZIX"])


def test_a_circuit_that_only_parameters_touch():
    circuit = cirq.Circuit(cirq.ry(t[0])(q[0]), cirq.CNOT(q[0], q[1]), cirq.rx(t[1])(q[1]))
    feature_map = FeatureMap(circuit, [], t)
    assert_agrees(feature_map, np.empty((3, 0)), PARAMETERS, ["ZZ", "YI"])
    prepared = evaluator.embed(feature_map, np.empty((3, 0)), PARAMETERS)
    gradient = evaluator.fidelities_vjp(prepared, None, np.ones((3, 3)))
    assert gradient.X.shape == (3, 0)
    np.testing.assert_allclose(gradient.parameters, 0.0, atol=1e-15)


def test_a_circuit_without_symbols():
    feature_map = FeatureMap(cirq.Circuit(cirq.H(q[0]), cirq.CNOT(q[0], q[1])), [])
    assert_agrees(feature_map, np.empty((3, 0)), np.empty(0))


# -- Zeros: nothing is divided by them


def test_observables_with_factors_that_are_0():
    """For one R_X each, ⟨Y⟩ = -sin x and ⟨Z⟩ = cos x; at x = 0 the first is exactly 0."""
    turns = FeatureMap(cirq.Circuit(cirq.rx(x[k])(q[k]) for k in range(3)), x)
    X = np.array([[0.0, 0.0, 0.3], [0.0, 0.4, 0.3]])
    observables = [pauli_string(q, word) for word in ("YYZ", "YZZ", "YYI", "XXX")]
    sines, cosines = np.sin(X).T, np.cos(X).T
    expected = np.zeros((2, 4, 3))
    expected[:, 0, 0] = cosines[0] * sines[1] * cosines[2]
    expected[:, 0, 1] = sines[0] * cosines[1] * cosines[2]
    expected[:, 1, 0] = -cosines[0] * cosines[1] * cosines[2]
    expected[:, 2, 0] = cosines[0] * sines[1]
    still = Direction(np.zeros_like(X), np.empty(0))
    directions = [still._replace(inputs=np.tile(unit, (2, 1))) for unit in np.eye(3)]
    jacobian = evaluator.expectations_jacobian(turns, X, None, observables, directions)
    np.testing.assert_allclose(jacobian, expected, atol=1e-15)
    for k in range(4):
        cotangent = np.tile(np.eye(4)[k], (2, 1))
        gradient = evaluator.expectations_vjp(turns, X, None, observables, cotangent)
        np.testing.assert_allclose(gradient.X, expected[:, k], atol=1e-15)


def test_parts_whose_fidelities_are_exactly_0():
    """Of three parts, none, one or two are orthogonal: |⟨a|b⟩|² = Π_k cos²((a_k - b_k) / 2).

    Each turns |000⟩ to |111⟩: CNOTs before and after make a rotation by X one by XXX.
    """
    ladders = [[cirq.CNOT(a, b) for b in (c, d)] for a, c, d in zip(*[iter(LINE)] * 3, strict=True)]
    turns = FeatureMap(
        cirq.Circuit(
            (ladder, cirq.rx(x[k])(LINE[3 * k]), ladder) for k, ladder in enumerate(ladders)
        ),
        x,
    )
    assert n_registers(turns) == 3
    X = np.pi * np.array([[0, 0, 0], [0, 0, 1], [0, 1, 1], [1, 1, 1]]) + [0.0, 0.0, 0.0]
    near = evaluator.embed(turns, X)
    rounded = tuple((np.round(re), np.round(im)) for re, im in near.parts)
    prepared = PreparedStates(rounded, near.source)
    zeros = np.abs(X[:, np.newaxis] - X).sum(axis=2) > 1
    assert (evaluator.fidelities(prepared)[zeros] == 0).all()
    cotangent = np.random.default_rng(0).normal(size=(4, 4))
    gradient = evaluator.fidelities_vjp(prepared, None, cotangent)
    np.testing.assert_allclose(gradient.X, 0.0, atol=1e-15)
    X[1:, 0] += 0.2  # Now one part has a slope, and others are orthogonal or not.
    assert_agrees(turns, X, np.empty(0))


# -- Precision, pieces, order


def test_single_precision():
    X, feature_map, rng = points(30), layered(), np.random.default_rng(1)
    observables = [pauli_string(feature_map.qubits, word) for word in ("XY", "ZIZ")]
    directions = random_directions(feature_map, 30, rng)
    cotangents = rng.normal(size=(30, 30)), rng.normal(size=(30, 2))

    def all_of(computed_by):
        prepared = computed_by.embed(feature_map, X, PARAMETERS)
        where = feature_map, X, PARAMETERS, observables
        return [
            *computed_by.fidelities_vjp(prepared, None, cotangents[0])[:2],
            *computed_by.fidelities_vjp(prepared[:9], prepared[9:], cotangents[0][:9, 9:]),
            computed_by.fidelities_jacobian(prepared, directions),
            *computed_by.expectations_vjp(*where, cotangents[1])[:2],
            computed_by.expectations_jacobian(*where, directions),
        ]

    for exact, approximate in zip(all_of(evaluator), all_of(single), strict=True):
        assert approximate.dtype == np.float64
        assert 0 < np.abs(exact - approximate).max() < 1e-5 * np.abs(exact).max()


@pytest.mark.parametrize(
    "rows",
    [slice(3, 9), slice(None, None, 2), slice(None, None, -1), np.array([7, 2, 2, 11])],
    ids=["slice", "every other", "reversed", "some"],
)
@pytest.mark.parametrize("kept", [evaluator, StatevectorEvaluator()], ids=["alone", "cached"])
def test_pieces_of_prepared_points(rows, kept):
    X, feature_map, rng = points(40), layered(), np.random.default_rng(2)
    prepared = kept.embed(feature_map, X, PARAMETERS)
    apart = evaluator.embed(feature_map, X[rows], PARAMETERS)
    n = len(apart)
    cotangent, cross = rng.normal(size=(n, n)), rng.normal(size=(n, 40))
    directions = random_directions(feature_map, n, rng)
    for found, expected in (
        (
            kept.fidelities_vjp(prepared[rows], None, cotangent)[:2],
            evaluator.fidelities_vjp(apart, None, cotangent)[:2],
        ),
        (
            kept.fidelities_vjp(prepared[rows], prepared, cross),
            evaluator.fidelities_vjp(apart, prepared, cross),
        ),
        (
            [kept.fidelities_jacobian(prepared[rows], directions)],
            [evaluator.fidelities_jacobian(apart, directions)],
        ),
    ):
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-13)


def test_the_same_points_twice_are_the_symmetric_case():
    prepared = evaluator.embed(layered(), points(5), PARAMETERS)
    cotangent = np.random.default_rng(3).normal(size=(5, 5))
    gradient = evaluator.fidelities_vjp(prepared, prepared, cotangent)
    assert gradient.Y is None
    apart = evaluator.fidelities_vjp(prepared, prepared[:], cotangent)
    np.testing.assert_allclose(gradient.X, apart.X + apart.Y, atol=1e-13)
    np.testing.assert_allclose(gradient.parameters, apart.parameters, atol=1e-13)


def test_equal_maps_that_number_their_angles_otherwise():
    turns = [cirq.rx(x[0])(q[0]), cirq.ry(x[1] + t[0])(q[1])]
    end = cirq.CNOT(q[0], q[1])
    one, other = (
        FeatureMap(cirq.Circuit(cirq.Moment(order), end), x[:2], t[:1])
        for order in (turns, turns[::-1])
    )
    assert one == other
    X, cotangent = points(4, 2), np.random.default_rng(4).normal(size=(4, 4))
    found = [
        evaluator.fidelities_vjp(evaluator.embed(m, X, [0.3]), None, cotangent)
        for m in (one, other)
    ]
    np.testing.assert_array_equal(found[0].X, found[1].X)
    np.testing.assert_array_equal(found[0].parameters, found[1].parameters)


def test_no_directions_and_no_observables():
    X, prepared = points(4), evaluator.embed(entangled(), points(4), PARAMETERS)
    assert evaluator.fidelities_jacobian(prepared, []).shape == (4, 4, 0)
    where = entangled(), X, PARAMETERS, []
    assert evaluator.expectations_jacobian(*where, []).shape == (4, 0, 0)
    gradient = evaluator.expectations_vjp(*where, np.empty((4, 0)))
    np.testing.assert_array_equal(gradient.X, np.zeros((4, 3)))
    np.testing.assert_array_equal(gradient.parameters, np.zeros(2))
