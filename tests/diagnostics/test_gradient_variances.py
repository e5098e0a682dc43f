"""`gradient_variances`: draw by draw, against exact integrals, and what is refused."""

import itertools
import re

import cirq
import numpy as np
import pytest
import sympy
from scipy.stats import moment

import qkernels as qk
from qkernels.diagnostics import gradient_variances, gradients
from qkernels.qnn import ExpectationNetwork, ProbabilityNetwork

X = np.random.default_rng(0).uniform(-0.9, 0.9, (3, 2))


def product(n):
    """Return R_X of each qubit, the ansatz of the warm-up example of Cerezo et al."""
    weights, qubits = sympy.symbols(f"w:{n}"), cirq.LineQubit.range(n)
    circuit = cirq.Circuit(cirq.rx(w)(q) for w, q in zip(weights, qubits, strict=True))
    return qk.FeatureMap(circuit, (), weights)


def local_cost(ansatz):
    """Return the network of 1 - (1/n) sum of the probabilities of 0, up to a constant."""
    n = ansatz.n_qubits
    return ExpectationNetwork(ansatz, None, [sum(cirq.Z(q) * (-0.5 / n) for q in ansatz.qubits)])


def global_cost(ansatz):
    """Return the network whose first output is the probability of 0...0."""
    return ProbabilityNetwork(ansatz, interpret=lambda state: int(state != 0))


COSTS = {"local": local_cost, "global": global_cost}


def draw_by_draw(network, X, output, n_draws, seed):
    """Return variances and standard errors from one backward call for each draw."""
    random = np.random.RandomState(seed)
    cotangent = np.zeros((len(X), network.n_outputs))
    cotangent[:, output] = 1 / len(X)
    draws = random.uniform(0, 2 * np.pi, (n_draws, network.n_weights))
    found = np.array([network.backward(X, weights, cotangent).weights for weights in draws])
    variances = np.var(found, axis=0, ddof=1)
    spread = moment(found, 4) - variances**2 * (n_draws - 3) / (n_draws - 1)
    return variances, np.sqrt(spread / n_draws)


# -- Draw by draw

MAPS = qk.feature_maps
NETWORKS = {
    "no data": (ExpectationNetwork(qk.ansatze.two_local(3)), np.empty((1, 0))),
    "data": (ExpectationNetwork(MAPS.zz(2), qk.ansatze.strongly_entangling, bandwidth=0.3), X),
    "bandwidths": (
        ExpectationNetwork(MAPS.angle(2), qk.ansatze.hardware_efficient, bandwidth=[0.5, 2.0]),
        X,
    ),
    "weights in the map": (ExpectationNetwork(MAPS.hardware_efficient(2, layers=1)), X),
    "arccos": (ExpectationNetwork(MAPS.chebyshev(2), qk.ansatze.brickwork, bandwidth=2.0), X),
    "probabilities": (ProbabilityNetwork(MAPS.angle(2), qk.ansatze.brickwork(2, 3)), X),
}


@pytest.mark.parametrize("output", [0, 1])
@pytest.mark.parametrize("name", NETWORKS)
def test_every_draw_is_a_gradient_of_the_network(name, output):
    network, points = NETWORKS[name]
    given = points if network.n_features else None
    found = gradient_variances(network, given, output=output, n_draws=7, random_state=3)
    expected = draw_by_draw(network, points, output, 7, 3)
    np.testing.assert_allclose(found.variances, expected[0], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found.standard_errors, expected[1], rtol=1e-6, atol=1e-9)


def test_draws_come_in_batches_of_bounded_memory(monkeypatch):
    network = NETWORKS["data"][0]
    options = {"n_draws": 7, "random_state": 0}
    whole = gradient_variances(network, X, **options)
    for numbers in (1, 3 * len(X) * (2 + network.n_weights)):
        monkeypatch.setattr(gradients, "_BATCH", numbers)
        for found, expected in zip(gradient_variances(network, X, **options), whole, strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-15)


def test_a_feature_that_is_switched_off_stays_a_column():
    x, scale, qubit = sympy.Symbol("x"), sympy.Symbol("s"), cirq.LineQubit(0)
    scaled = qk.FeatureMap(cirq.Circuit(cirq.rx(x * scale)(qubit)), [x], [scale])
    network = ExpectationNetwork(scaled.bind([0.0]), product(1))
    assert network.n_features == 1
    found = gradient_variances(network, [[0.4]], n_draws=5, random_state=0)
    expected = draw_by_draw(network, [[0.4]], 0, 5, 0)
    np.testing.assert_allclose(found.variances, expected[0])


def test_the_network_is_left_as_it_was():
    network, points = NETWORKS["bandwidths"]
    before = network.circuit, network.n_weights, network.bandwidth.copy()
    gradient_variances(network, points, n_draws=2)
    assert (network.circuit, network.n_weights) == before[:2]
    np.testing.assert_array_equal(network.bandwidth, before[2])


def test_the_random_state_decides():
    network = NETWORKS["no data"][0]
    first, second = (gradient_variances(network, n_draws=4, random_state=5) for _ in range(2))
    np.testing.assert_array_equal(first.variances, second.variances)
    random = np.random.RandomState(5)
    first, second = (gradient_variances(network, n_draws=4, random_state=random) for _ in range(2))
    assert not np.allclose(first.variances, second.variances)


def test_measured_outputs_have_noisy_gradients():
    evaluator = qk.StatevectorEvaluator(repetitions=10**6, random_state=0)
    options = {"n_draws": 20, "random_state": 1}
    ansatz = qk.ansatze.hardware_efficient(2)
    noisy = gradient_variances(ExpectationNetwork(ansatz, evaluator=evaluator), **options)
    exact = gradient_variances(ExpectationNetwork(ansatz), **options)
    np.testing.assert_allclose(noisy.variances, exact.variances, atol=0.01)
    assert not np.array_equal(noisy.variances, exact.variances)


# -- Exact integrals

CLOSED_FORMS = {
    "local": lambda n: 1 / (8 * n**2),
    "global": lambda n: (3 / 8) ** (n - 1) / 8,
}


@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("cost", COSTS)
def test_closed_forms_are_integrals_over_a_grid(cost, n):
    # Of the squared gradient, a polynomial of order 2 in each angle's sine and cosine, the mean
    # over five equal steps is exact.
    network = COSTS[cost](product(n))
    grid = list(itertools.product(2 * np.pi * np.arange(5) / 5, repeat=n))
    cotangent = np.eye(1, network.n_outputs)
    gradients = [network.backward(np.empty((1, 0)), w, cotangent).weights for w in grid]
    np.testing.assert_allclose(np.mean(gradients, axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(np.var(gradients, axis=0), CLOSED_FORMS[cost](n), rtol=1e-12)


@pytest.mark.parametrize(("cost", "n"), [("local", 1), ("local", 6), ("global", 2), ("global", 5)])
def test_product_circuits(cost, n):
    found = gradient_variances(COSTS[cost](product(n)), n_draws=4000, random_state=1)
    assert (abs(found.variances - CLOSED_FORMS[cost](n)) < 3.5 * found.standard_errors).all()
    assert (found.standard_errors < 0.2 * found.variances).all()


def test_the_standard_error_is_that_of_the_variance():
    # The derivative of cos w is -sin w: variance 1/2, fourth moment 3/8.
    n = 100_000
    network = ExpectationNetwork(product(1))
    found = gradient_variances(network, n_draws=n, random_state=0)
    exact = np.sqrt((3 / 8 - (n - 3) / (n - 1) / 4) / n)
    assert found.standard_errors[0] == pytest.approx(exact, rel=0.01)
    assert abs(found.variances[0] - 0.5) < 3 * exact


def test_repeated_draws_scatter_by_the_standard_error():
    network = ExpectationNetwork(qk.ansatze.brickwork(3, 2))
    random = np.random.RandomState(0)
    found = [gradient_variances(network, n_draws=200, random_state=random) for _ in range(200)]
    scatter = np.std([each.variances[0] for each in found], ddof=1)
    assert scatter == pytest.approx(np.mean([each.standard_errors[0] for each in found]), rel=0.2)


# A matrix for each Pauli letter, I, X, Y, Z: how the squares of coefficients mix in the mean.
MIX = {"y": np.array([[2, 0, 0, 0], [0, 1, 0, 1], [0, 0, 2, 0], [0, 1, 0, 1]]) / 2}
MIX["z"] = np.array([[2, 0, 0, 0], [0, 1, 1, 0], [0, 1, 1, 0], [0, 0, 0, 2]]) / 2


def conjugated_by_cz():
    """Return what CZ makes of the product of two Pauli letters, as 4 x 4 permutation."""
    letters = [cirq.unitary(gate) for gate in (cirq.I, cirq.X, cirq.Y, cirq.Z)]
    words = [np.kron(a, b) for a, b in itertools.product(letters, repeat=2)]
    cz = np.diag([1, 1, 1, -1])
    overlaps = [[abs(np.trace(cz @ word @ cz @ other)) / 4 for other in words] for word in words]
    return np.rint(overlaps).reshape(4, 4, 4, 4)


def exact_variance(n, layers, squares):
    """Return the variance of a brickwork's derivative by w0, from the squares of coefficients.

    In the Heisenberg picture, an angle that is uniform on the circle leaves no mean product of
    different coefficients of an observable, and mixes the squares of two; a CZ permutes them. Words
    of I and Z have the value ±1 in the zero state, and the derivative by the first angle that of a
    word turned by a quarter.
    """
    cz = conjugated_by_cz()
    for layer in reversed(range(layers)):
        for i in range(layer % 2, n - 1, 2):
            squares = np.moveaxis(
                np.tensordot(cz, squares, ((0, 1), (i, i + 1))), (0, 1), (i, i + 1)
            )
        for q, letter in itertools.product(range(n), "zy"):
            squares = np.moveaxis(np.tensordot(MIX[letter], squares, (1, q)), 0, q)
    return squares[np.ix_([3], *[[0, 3]] * (n - 1))].sum()


def local_squares(n):
    squares = np.zeros((4,) * n)
    for word in np.eye(n, dtype=int):
        squares[tuple(3 * word)] = 1 / (2 * n) ** 2
    return squares


def global_squares(n):
    squares = np.zeros((4,) * n)
    squares[np.ix_(*[[0, 3]] * n)] = 4.0**-n
    return squares


SQUARES = {"local": local_squares, "global": global_squares}


@pytest.mark.parametrize("cost", COSTS)
@pytest.mark.parametrize(("n", "layers"), [(1, 2), (2, 1), (3, 2), (4, 3), (5, 6)])
def test_brickwork(cost, n, layers):
    network = COSTS[cost](qk.ansatze.brickwork(n, layers))
    found = gradient_variances(network, n_draws=4000, random_state=2)
    exact = exact_variance(n, layers, SQUARES[cost](n))
    assert abs(found.variances[0] - exact) < 3.5 * found.standard_errors[0]
    assert found.standard_errors[0] < 0.1 * exact


def haar_variance(n, squares):
    """Return the variance by an angle on a zero state, before a unitary that is a 2-design.

    McClean et al. (2018): tr(O²) / (d² - 1) times -tr([V, ρ]²), which is 1/2 for V = Y/2 that turns
    the state into an orthogonal one; O without its trace.
    """
    d = 2**n
    return (squares.sum() - squares[(0,) * n]) * d / (d**2 - 1) / 2


@pytest.mark.parametrize("cost", COSTS)
def test_a_deep_brickwork_is_a_2_design(cost):
    network = COSTS[cost](qk.ansatze.brickwork(4, 32))
    found = gradient_variances(network, n_draws=4000, random_state=0)
    exact = haar_variance(4, SQUARES[cost](4))
    assert exact == pytest.approx({"local": 16 / 32 / 255, "global": 1 / 32 / 17}[cost])
    assert abs(found.variances[0] - exact) < 3 * found.standard_errors[0]
    assert exact_variance(4, 32, SQUARES[cost](4)) == pytest.approx(exact, rel=0.005)
    assert exact_variance(4, 4, SQUARES[cost](4)) > 1.3 * exact


def test_weights_that_nothing_depends_on():
    # The last R_Z and CZ commute with Z.
    found = gradient_variances(ExpectationNetwork(qk.ansatze.hardware_efficient(2)), n_draws=50)
    np.testing.assert_allclose(found.variances[[1, 2, 3]], 0, atol=1e-25)
    np.testing.assert_allclose(found.standard_errors[[1, 2, 3]], 0, atol=1e-25)


# -- What is refused

ONE = ExpectationNetwork(product(1))
DATA = NETWORKS["data"][0]
REFUSED = [
    (lambda: gradient_variances(ONE, n_draws=1), "expected n_draws to be an integer of at least 2"),
    (lambda: gradient_variances(ONE, output=-1), "expected output to be an integer of at least 0"),
    (lambda: gradient_variances(ONE, output=1), "expected output to be below 1, got 1"),
    (lambda: gradient_variances(DATA), "points X for a network of 2 features, got None"),
    (lambda: gradient_variances(DATA, X[:, :1]), "X has 1 features, but the feature map of"),
    (lambda: gradient_variances(ONE, X), "X has 2 features, but the feature map of"),
    (lambda: gradient_variances(DATA, [[np.nan, 0.0]]), "NaN"),
    (
        lambda: gradient_variances(ExpectationNetwork(MAPS.angle(2)), X),
        "expected a network with weights, got ExpectationNetwork(2 features, 0 weights, 2 qubits",
    ),
]


@pytest.mark.parametrize(("call", "message"), REFUSED)
def test_what_is_refused(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call()


def test_what_is_no_network_is_refused():
    message = "expected a network of qkernels.qnn, got <FeatureMap 'brickwork'"
    with pytest.raises(TypeError, match=message):
        gradient_variances(qk.ansatze.brickwork(2))
