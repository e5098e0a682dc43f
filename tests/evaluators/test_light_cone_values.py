"""Values, fidelities and gradients through light cones, beside Cirq's simulator and dense rates.

What a cone is lives in tests/compilation/test_light_cones.py.
"""

import itertools

import cirq
import numpy as np
import pytest
import sympy
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from qkernels import FeatureMap, ProjectedKernel, StatevectorEvaluator
from qkernels.compilation import compile_feature_map, light_cones
from qkernels.evaluators import Direction, observables
from qkernels.evaluators.observables import factors, read_words
from tests.compilation.agreement import expectations, feature_map, pauli_string, simulated
from tests.evaluators.dense import differentiated, expectation_rates, fidelity_rates
from tests.random_circuits import GATES, feature_maps, words
from tests.random_circuits import points as random_points

evaluator = StatevectorEvaluator(cache_size=0)
x, t = sympy.symbols("x0:3"), sympy.symbols("t0:2")
PAULIS = {"X": cirq.X, "Y": cirq.Y, "Z": cirq.Z}


@pytest.fixture(params=["registers of least cost", "a register for each cone"])
def costs(request, monkeypatch):
    """Small circuits are one register, unless nothing but amplitudes costs."""
    if request.param == "a register for each cone":
        for name in ("_REGISTER", "_STEP", "_WORD"):
            monkeypatch.setattr(light_cones, name, 0)
    factors.cache_clear()
    yield
    factors.cache_clear()


def bricks(n_qubits, depth, *, cz=True):
    """Return layers of rotations and of pairs, as one feature map of three features."""
    q = cirq.LineQubit.range(n_qubits)
    pair = cirq.CZ if cz else cirq.ISWAP ** (x[2] / 2)
    layers = [
        [
            [cirq.ry(x[i % 3] + 0.1 * i)(p) for i, p in enumerate(q)],
            [cirq.rz(t[i % 2] * x[(i + k) % 3])(p) for i, p in enumerate(q)],
            [pair(q[i], q[i + 1]) for i in range(k % 2, n_qubits - 1, 2)],
        ]
        for k in range(depth)
    ]
    return FeatureMap(cirq.Circuit(layers), x, t)


def points(n_points, seed=0):
    return np.random.default_rng(seed).uniform(-1.5, 1.5, (n_points, 3)), np.array([0.4, -0.7])


def letters(qubits):
    return [cirq.PauliString(pauli(q)) for q in qubits for pauli in PAULIS.values()]


def n_registers(feature_map, wanted):
    words = read_words(feature_map.qubits, wanted)
    return len(factors(compile_feature_map(feature_map), words))


# -- Values


def test_random_circuits(costs):
    @seed(0)
    @settings(max_examples=40, deadline=None)
    @given(st.data())
    def agrees(data):
        drawn = data.draw(feature_maps(data.draw(st.sampled_from(list(GATES)))))
        wanted = [*data.draw(st.lists(words(6), max_size=3)), "XIIIII", "IZIIII", "ZXIIII"]
        wanted = [pauli_string(drawn.qubits, word) for word in wanted]
        inputs, parameters = random_points(drawn, 3, seed=0)
        expected = expectations(drawn, wanted, simulated(drawn, inputs, parameters))
        values = evaluator.expectations(drawn, inputs, parameters, observables=wanted)
        np.testing.assert_allclose(values, expected, atol=1e-12)

    agrees()


def test_all_pairs_of_a_chain(costs):
    chain = bricks(9, 2)
    inputs, parameters = points(3)
    pairs = [
        -0.5 * cirq.PauliString({a: p, b: r})
        for a, b in itertools.combinations(chain.qubits, 2)
        for p, r in itertools.product(PAULIS.values(), repeat=2)
    ]
    expected = expectations(chain, pairs, simulated(chain, inputs, parameters))
    values = evaluator.expectations(chain, inputs, parameters, observables=pairs)
    np.testing.assert_allclose(values, expected, atol=1e-12)


def test_words_are_split_among_registers_and_meet_in_them(monkeypatch):
    chain = bricks(12, 1)
    ends = [cirq.X(chain.qubits[0]) * cirq.Z(chain.qubits[-1])]
    assert n_registers(chain, ends) == 1
    monkeypatch.setattr(light_cones, "_REGISTER", 0)
    factors.cache_clear()
    assert n_registers(chain, ends) == 2
    factors.cache_clear()


def cut(circuit, observable):
    """Return the operations that reach an observable by the qubits they act on, one by one."""
    reached, kept = set(observable.qubits), []
    for operation in reversed(list(circuit.all_operations())):
        if reached.intersection(operation.qubits):
            reached.update(operation.qubits)
            kept.append(operation)
    return cirq.Circuit(reversed(kept)), sorted(reached)


@pytest.mark.parametrize("cz", [True, False])
def test_two_hundred_qubits(cz):
    wide = bricks(200, 3, cz=cz)
    inputs, parameters = points(2)
    q = wide.qubits
    wanted = [*letters(q), *(cirq.Z(q[i]) * cirq.Y(q[i + 2]) for i in range(0, 198, 50))]
    values = evaluator.expectations(wide, inputs, parameters, observables=wanted)
    assert values.shape == (2, 604)
    simulator = cirq.Simulator(dtype=np.complex128)
    some = [(0, 0), (0, 1), (1, 302), (0, 303), (1, 598), (0, 599), (1, 600), (1, 601), (0, 603)]
    for i, k in some:
        circuit, qubits = cut(wide.resolve(inputs[i], parameters), wanted[k])
        assert len(qubits) <= 8
        (value,) = simulator.simulate_expectation_values(circuit, [wanted[k]], qubit_order=qubits)
        np.testing.assert_allclose(values[i, k], value.real, atol=1e-12)


def test_a_projected_kernel_on_two_hundred_qubits():
    wide = bricks(200, 3)
    inputs, parameters = points(4)
    K = ProjectedKernel(wide, parameters=parameters, gamma=0.1, evaluator=evaluator)(inputs)
    values = evaluator.expectations(wide, inputs, parameters, observables=letters(wide.qubits))
    distances = np.sum((values[:, None] - values[None]) ** 2, axis=2)
    np.testing.assert_allclose(K, np.exp(-0.05 * distances), atol=1e-12)


def test_qubits_without_operations_and_identities():
    q = cirq.LineQubit.range(3)
    alone = feature_map(cirq.rx(x[0])(q[0]), qubits=q)
    wanted = [cirq.Z(q[1]), cirq.X(q[2]), cirq.Z(q[0]) * cirq.Z(q[2]), 2 * cirq.PauliString()]
    wanted = [cirq.PauliString(word) for word in wanted]
    values = evaluator.expectations(alone, [[0.3]], observables=wanted)
    np.testing.assert_allclose(values, [[1, 0, np.cos(0.3), 2]], atol=1e-12)
    assert evaluator.expectations(alone, [[0.3]], observables=[]).shape == (1, 0)


def test_registers_are_kept(monkeypatch):
    chain = bricks(7, 2)
    inputs, parameters = points(2)
    wanted = letters(chain.qubits)
    first = evaluator.expectations(chain, inputs, parameters, observables=wanted)

    def refuse(*arguments):
        raise AssertionError("planned again")

    monkeypatch.setattr(observables, "registers", refuse)
    again = evaluator.expectations(chain, inputs, parameters, observables=wanted)
    np.testing.assert_array_equal(again, first)


# -- Gradients of values


def words_with_zeros(chain):
    """Return words on one and on several registers; a product with a factor 0 is among them."""
    q = chain.qubits
    return [
        *(cirq.PauliString(cirq.X(q[2])), 0.5 * cirq.Z(q[0]) * cirq.Z(q[-1])),
        *(cirq.PauliString(), cirq.Y(q[0]) * cirq.X(q[3]) * cirq.Z(q[5])),
        *(cirq.Z(q[0]) * cirq.X(q[-1]), -1.5 * cirq.Z(q[0]) * cirq.Z(q[1])),
    ]


def assert_gradients_agree(chain, wanted, inputs, parameters):
    """Compare both directions of differentiation with the dense product rule."""
    rng = np.random.default_rng(0)
    rates = expectation_rates(chain, wanted, differentiated(chain, inputs, parameters))
    weights = rng.normal(size=(len(inputs), len(wanted)))
    gradient = evaluator.expectations_vjp(chain, inputs, parameters, wanted, weights)
    n = chain.n_features
    np.testing.assert_allclose(
        gradient.X, np.einsum("io,ios->is", weights, rates[:, :, :n]), atol=1e-11
    )
    np.testing.assert_allclose(
        gradient.parameters, np.einsum("io,ios->s", weights, rates[:, :, n:]), atol=1e-11
    )
    direction = Direction(rng.normal(size=inputs.shape), rng.normal(size=len(parameters)))
    (jacobian,) = evaluator.expectations_jacobian(
        chain, inputs, parameters, wanted, [direction]
    ).transpose(2, 0, 1)
    expected = np.einsum("ios,is->io", rates[:, :, :n], direction.inputs)
    np.testing.assert_allclose(
        jacobian, expected + rates[:, :, n:] @ direction.parameters, atol=1e-11
    )


@pytest.mark.parametrize("depth", [1, 2])
def test_gradients_through_cones(costs, depth):
    chain = bricks(6, depth)
    inputs, parameters = points(3)
    # cos(π/2): a product of which one factor is 0 still has a gradient.
    inputs[0, 0] = np.pi / 2
    assert_gradients_agree(chain, words_with_zeros(chain), inputs, parameters)


def test_gradients_on_forty_qubits_by_central_differences():
    wide = bricks(40, 3)
    inputs, parameters = points(2)
    wanted = [*letters(wide.qubits[::13]), *words_with_zeros(wide)]
    weights = np.random.default_rng(1).normal(size=(2, len(wanted)))
    gradient = evaluator.expectations_vjp(wide, inputs, parameters, wanted, weights)

    def loss(inputs, parameters):
        return np.sum(
            weights * evaluator.expectations(wide, inputs, parameters, observables=wanted)
        )

    step = 1e-5
    for k in range(2):
        shift = step * np.eye(2)[k]
        slope = loss(inputs, parameters + shift) - loss(inputs, parameters - shift)
        np.testing.assert_allclose(gradient.parameters[k], slope / (2 * step), atol=1e-7)
    for place in [(0, 0), (1, 2)]:
        shift = np.zeros_like(inputs)
        shift[place] = step
        slope = loss(inputs + shift, parameters) - loss(inputs - shift, parameters)
        np.testing.assert_allclose(gradient.X[place], slope / (2 * step), atol=1e-7)


# -- Fidelities


def partly_reached():
    """Return a map with qubits that no data reach, and with shared gates at its end."""
    q = cirq.LineQubit.range(7)
    return FeatureMap(
        cirq.Circuit(
            cirq.H.on_each(*q),
            [cirq.ry(t[0] + 0.1 * i)(p) for i, p in enumerate(q)],
            *(cirq.CNOT(q[0], q[1]), cirq.CZ(q[5], q[6]), cirq.rx(t[1])(q[5])),
            [cirq.rz(x[i])(q[i]) for i in range(3)],
            *(cirq.CZ(q[1], q[2]) ** x[0], cirq.XX(q[0], q[2]) ** t[0]),
            *(cirq.rx(x[1] * t[1])(q[3]), cirq.ZZ(q[3], q[4]) ** t[0], cirq.ry(t[1])(q[2])),
            [cirq.CNOT(q[i], q[i + 1]) for i in range(6)],
            *(cirq.ISWAP(q[0], q[6]) ** t[1], cirq.X(q[3]), cirq.ry(t[0]).on_each(*q)),
        ),
        x,
        t,
    )


def test_what_all_points_share_is_not_seen():
    partly = partly_reached()
    inputs, parameters = points(5)
    states = simulated(partly, inputs, parameters)
    prepared = evaluator.embed(partly, inputs, parameters)
    # Qubits 0, 1, 2 with two-qubit gates, and 3, on the register of which nothing else is left.
    assert [re.shape for re, _ in prepared.parts] == [(5, 2**4)]
    np.testing.assert_allclose(
        evaluator.fidelities(prepared), np.abs(states.conj() @ states.T) ** 2, atol=1e-12
    )


def assert_fidelity_gradients_agree(partly, inputs, parameters):
    dense = differentiated(partly, inputs, parameters)
    by_a, by_b = fidelity_rates(dense, dense)
    rng, n = np.random.default_rng(0), partly.n_features
    weights = rng.normal(size=(len(inputs), len(inputs)))
    prepared = evaluator.embed(partly, inputs, parameters)
    gradient = evaluator.fidelities_vjp(prepared, None, weights)
    by_input = np.einsum("ij,ijs->is", weights, by_a) + np.einsum("ij,ijs->js", weights, by_b)
    np.testing.assert_allclose(gradient.X, by_input[:, :n], atol=1e-11)
    np.testing.assert_allclose(gradient.parameters, by_input[:, n:].sum(axis=0), atol=1e-11)
    direction = Direction(rng.normal(size=inputs.shape), rng.normal(size=len(parameters)))
    along = np.hstack([direction.inputs, np.tile(direction.parameters, (len(inputs), 1))])
    expected = np.einsum("ijs,is->ij", by_a, along) + np.einsum("ijs,js->ij", by_b, along)
    (jacobian,) = evaluator.fidelities_jacobian(prepared, [direction]).transpose(2, 0, 1)
    np.testing.assert_allclose(jacobian, expected, atol=1e-11)


def test_gradients_of_what_is_seen():
    assert_fidelity_gradients_agree(partly_reached(), *points(4))


def test_nothing_is_seen_where_no_data_are():
    q = cirq.LineQubit.range(70)
    chain = [cirq.CZ(a, b) ** t[0] for a, b in itertools.pairwise(q)]
    unread = FeatureMap(cirq.Circuit([cirq.ry(t[1])(p) for p in q], chain), [], t)
    prepared = evaluator.embed(unread, np.empty((3, 0)), [0.3, 0.4])
    assert np.array_equal(evaluator.fidelities(prepared), np.ones((3, 3)))
    gradient = evaluator.fidelities_vjp(prepared, None, np.ones((3, 3)))
    assert np.array_equal(gradient.parameters, [0, 0])
    direction = Direction(np.empty((3, 0)), np.ones(2))
    assert not evaluator.fidelities_jacobian(prepared, [direction]).any()


def test_a_hundred_qubits_of_small_parts():
    q = cirq.LineQubit.range(100)
    groups = [q[k : k + 3] for k in range(0, 99, 3)]
    parts = [
        FeatureMap(
            cirq.Circuit(
                [cirq.ry(x[i])(p) for i, p in enumerate(group)],
                *(cirq.CZ(a, b) ** x[1] for a, b in itertools.pairwise(group)),
                [cirq.rx(x[2] + 0.01 * k)(p) for p in group],
            ),
            x,
        )
        for k, group in enumerate(groups)
    ]
    shared = [cirq.CNOT(a, b) for a, b in itertools.pairwise(q)]
    whole = FeatureMap(cirq.Circuit([part.circuit.all_operations() for part in parts], shared), x)
    inputs, _ = points(4)
    inputs *= 0.1
    expected = np.ones((4, 4))
    for part in parts:
        states = simulated(part, inputs, None)
        expected *= np.abs(states.conj() @ states.T) ** 2
    assert 0 < expected.min() < 0.5
    prepared = evaluator.embed(whole, inputs)
    np.testing.assert_allclose(evaluator.fidelities(prepared), expected, atol=1e-12)
