"""Tests of every standard map against states built from its formula with NumPy alone."""

import itertools

import cirq
import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from qkernels.feature_maps import (
    amplitude,
    angle,
    chebyshev,
    covariant,
    hardware_efficient,
    heisenberg,
    high_dimensional,
    hubregtsen,
    iqp,
    pauli,
    yz_cx,
    z,
    zz,
)

PAULIS = {
    "I": np.eye(2),
    "X": np.array([[0, 1], [1, 0]]),
    "Y": np.array([[0, -1j], [1j, 0]]),
    "Z": np.diag([1, -1]),
}
HADAMARD = np.array([[1, 1], [1, -1]]) / np.sqrt(2)


def kron(*matrices):
    product = np.eye(1)
    for matrix in matrices:
        product = np.kron(product, matrix)
    return product


def word(letters, n):
    """Return the matrix of a Pauli word given as {qubit: letter}."""
    return kron(*(PAULIS[letters.get(q, "I")] for q in range(n)))


def evolve(word, angle):
    """Return exp(-i angle P) of a matrix P whose square is 1."""
    return np.cos(angle) * np.eye(len(word)) - 1j * np.sin(angle) * word


def evolve_sum(generator, angle):
    """Return exp(-i angle H) of a Hermitian matrix H."""
    energies, states = np.linalg.eigh(generator)
    return (states * np.exp(-1j * angle * energies)) @ states.conj().T


def rotation(letter, angle, qubit, n):
    return evolve(word({qubit: letter}, n), angle / 2)


def controlled(gate, control, target, n):
    """Return P0 ⊗ 1 + P1 ⊗ gate."""
    operators = [[np.eye(2)] * n for _ in range(2)]
    operators[0][control] = np.diag([1, 0])
    operators[1][control], operators[1][target] = np.diag([0, 1]), gate
    return kron(*operators[0]) + kron(*operators[1])


def cnot(control, target, n):
    return controlled(PAULIS["X"], control, target, n)


def cz(control, target, n):
    return controlled(PAULIS["Z"], control, target, n)


def hadamards(n):
    return kron(*[HADAMARD] * n)


def zero(n):
    return np.eye(2**n)[0].astype(complex)


def apply(state, *matrices):
    """Apply the first matrix first."""
    for matrix in matrices:
        state = matrix @ state
    return state


def state_of(feature_map, point, parameters=None):
    circuit = feature_map.resolve(point, parameters)
    return circuit.final_state_vector(qubit_order=feature_map.qubits, dtype=np.complex128)


def assert_same_state(actual, expected):
    overlap = np.vdot(expected, actual)
    np.testing.assert_allclose(actual, expected * overlap / abs(overlap), atol=1e-12)


def points(n, seed=0):
    return np.random.default_rng(seed).uniform(-2, 2, n)


def phase_on_parity(angle, qubits, n):
    """Return diag(exp(i angle parity)), with the parity of the bits of some qubits."""
    bits = np.array(list(itertools.product((0, 1), repeat=n)))
    return np.diag(np.exp(1j * angle * (bits[:, qubits].sum(axis=1) % 2)))


@pytest.mark.parametrize(("n", "reps", "alpha"), [(1, 1, 2.0), (3, 2, 2.0), (2, 3, -0.7)])
def test_z(n, reps, alpha):
    x = points(n)
    layer = [hadamards(n), *(phase_on_parity(alpha * x[i], [i], n) for i in range(n))]
    assert_same_state(state_of(z(n, reps, alpha), x), apply(zero(n), *layer * reps))


PAIRS = {
    "full": [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)],
    "linear": [(0, 1), (1, 2), (2, 3)],
    "circular": [(0, 1), (1, 2), (2, 3), (3, 0)],
    ((2, 0), (3, 1)): [(2, 0), (3, 1)],
}


@pytest.mark.parametrize("entanglement", PAIRS)
@pytest.mark.parametrize(("reps", "alpha"), [(2, 2.0), (1, 0.3)])
def test_zz(entanglement, reps, alpha):
    x = points(4)
    layer = [hadamards(4), *(phase_on_parity(alpha * x[i], [i], 4) for i in range(4))]
    for i, j in PAIRS[entanglement]:
        phase = alpha * (np.pi - x[i]) * (np.pi - x[j])
        layer.append(phase_on_parity(phase, [i, j], 4))
    expected = apply(zero(4), *layer * reps)
    assert_same_state(state_of(zz(4, reps, entanglement, alpha), x), expected)


def test_zz_defaults_and_small_widths():
    assert zz(3) == zz(3, reps=2, entanglement="full", alpha=2)
    assert zz(2, entanglement="circular") == zz(2, entanglement="linear") == zz(2)
    assert zz(1) == z(1)
    assert zz(2).name == "zz"


def subsets_of(entanglement, n, size):
    if entanglement == "full" or size == 1:
        return list(itertools.combinations(range(n), size))
    starts = range(n) if entanglement == "circular" and n > size else range(n - size + 1)
    return [tuple((i + k) % n for k in range(size)) for i in starts]


@pytest.mark.parametrize("entanglement", ["full", "linear", "circular"])
@pytest.mark.parametrize(
    "paulis", [("Z", "ZZ"), ("X", "YY"), ("Y", "XX", "ZX"), ("Z", "XYZ", "YZ"), ("ZZZ", "Z")]
)
def test_pauli(paulis, entanglement):
    n, alpha, x = 4, 1.3, points(4)
    layer = [hadamards(n)]
    for letters in paulis:
        for group in subsets_of(entanglement, n, len(letters)):
            phi = x[group[0]] if len(group) == 1 else np.prod(np.pi - x[list(group)])
            generator = word(dict(zip(group, letters, strict=True)), n)
            layer.append(evolve(generator, alpha * phi / 2))
    feature_map = pauli(n, paulis, 2, entanglement, alpha)
    assert_same_state(state_of(feature_map, x), apply(zero(n), *layer * 2))


def test_pauli_with_listed_groups():
    x = points(3)
    layer = [hadamards(3), *(phase_on_parity(2 * x[i], [i], 3) for i in range(3))]
    layer.append(phase_on_parity(2 * np.prod(np.pi - x), [0, 1, 2], 3))
    layer.append(phase_on_parity(2 * (np.pi - x[0]) * (np.pi - x[2]), [0, 2], 3))
    feature_map = pauli(3, ("Z", "ZZZ", "ZZ"), 1, [(2, 1, 0), (0, 2)])
    assert_same_state(state_of(feature_map, x), apply(zero(3), *layer))


def test_pauli_contains_zz():
    assert pauli(4) == zz(4)
    assert pauli(3, ("Z",)) == z(3)


@pytest.mark.parametrize(
    ("pattern", "pairs"), [(None, [(0, 1), (0, 2), (1, 2)]), ([(2, 0)], [(2, 0)]), ([], [])]
)
@pytest.mark.parametrize("reps", [1, 2])
def test_iqp(pattern, pairs, reps):
    x = points(3)
    layer = [hadamards(3), *(rotation("Z", x[i], i, 3) for i in range(3))]
    layer += [evolve(word({i: "Z", j: "Z"}, 3), x[i] * x[j] / 2) for i, j in pairs]
    assert_same_state(state_of(iqp(3, reps, pattern), x), apply(zero(3), *layer * reps))


@pytest.mark.parametrize("axis", ["X", "Y", "Z"])
@pytest.mark.parametrize("reps", [1, 3])
def test_angle(axis, reps):
    x = points(3)
    expected = apply(zero(3), *(rotation(axis, reps * x[i], i, 3) for i in range(3)))
    actual = cirq.unitary(angle(3, axis, reps).resolve(x)) @ zero(3)
    assert_same_state(actual, expected)


def neighbours(n, offset):
    return [(i, i + 1) for i in range(offset, n - 1, 2)]


@pytest.mark.parametrize(
    ("n_features", "degree", "layers"), [(3, 1, 2), (2, 2, 3), (1, 4, 2), (2, 2, 1)]
)
def test_chebyshev(n_features, degree, layers):
    x = points(n_features) / 2
    n = n_features * degree
    angles = [2 * k * np.arccos(value) for value in x for k in range(1, degree + 1)]
    towers = [rotation("Y", angles[q], q, n) for q in range(n)]
    coupling = [cnot(i, j, n) for i, j in neighbours(n, 0) + neighbours(n, 1)]
    expected = apply(zero(n), *towers, *[*coupling, *towers] * (layers - 1))
    assert_same_state(state_of(chebyshev(n_features, degree, layers), x), expected)


def test_chebyshev_amplitudes_are_polynomials():
    state = state_of(chebyshev(1, degree=3, layers=1), [0.3])
    polynomial = [np.polynomial.Chebyshev.basis(k)(0.3) for k in (1, 2, 3)]
    assert state[0] == pytest.approx(np.prod(polynomial))


def ring(n):
    return [(0, 1)] if n == 2 else [(i, (i + 1) % n) for i in range(n)] if n > 2 else []


@pytest.mark.parametrize(
    ("n_features", "n_qubits", "layers"), [(3, 3, 2), (2, 2, 1), (5, 2, 2), (2, 4, 2), (1, 1, 3)]
)
def test_hardware_efficient(n_features, n_qubits, layers):
    x, n = points(n_features), n_qubits
    blocks = -(-n_features // n)
    theta = points(2 * n * layers * blocks, seed=1)
    state, parameters = zero(n), iter(theta)
    for _, block in itertools.product(range(layers), range(blocks)):
        for q in range(n):
            data = x[(block * n + q) % n_features]
            state = apply(state, rotation("X", data, q, n), rotation("Y", next(parameters), q, n))
            state = apply(state, rotation("Z", next(parameters), q, n))
        state = apply(state, *(cz(i, j, n) for i, j in ring(n)))
    feature_map = hardware_efficient(n_features, n_qubits, layers)
    assert feature_map.n_parameters == len(theta)
    assert_same_state(state_of(feature_map, x, theta), state)


@pytest.mark.parametrize(
    ("n_features", "n_qubits", "layers", "scale"),
    [(3, 3, 2, 1.0), (2, 2, 1, 0.5), (5, 2, 3, -2.0), (2, 5, 2, 1.5), (1, 1, 2, 1.0)],
)
def test_yz_cx(n_features, n_qubits, layers, scale):
    x, n = points(n_features), n_qubits
    theta = points(2 * n * layers, seed=1)
    state = zero(n)
    for layer in range(layers):
        for q in range(n):
            i = layer * n + q
            data = scale * x[i % n_features]
            state = apply(state, rotation("Y", theta[2 * i] + data, q, n))
            state = apply(state, rotation("Z", theta[2 * i + 1] + data, q, n))
        state = apply(state, *(cnot(i, j, n) for i, j in neighbours(n, layer % 2)))
    assert_same_state(state_of(yz_cx(n_features, n_qubits, layers, scale), x, theta), state)


@pytest.mark.parametrize(
    ("n_features", "n_qubits", "layers"), [(3, 3, 2), (2, 2, 1), (5, 3, 2), (2, 4, 1), (1, 1, 2)]
)
def test_hubregtsen(n_features, n_qubits, layers):
    x, n = points(n_features), n_qubits
    width = n + len(ring(n))
    theta = points(width * layers, seed=1)
    state = zero(n)
    for layer in range(layers):
        parameters = theta[layer * width :]
        data = [x[(layer * n + q) % n_features] for q in range(n)]
        state = apply(state, hadamards(n), *(rotation("Z", data[q], q, n) for q in range(n)))
        state = apply(state, *(rotation("Y", parameters[q], q, n) for q in range(n)))
        for k, (i, j) in enumerate(ring(n)):
            gate = evolve(PAULIS["Z"], parameters[n + k] / 2)
            state = apply(state, controlled(gate, i, j, n))
    feature_map = hubregtsen(n_features, n_qubits, layers)
    assert feature_map.n_parameters == len(theta)
    assert_same_state(state_of(feature_map, x, theta), state)


@pytest.mark.parametrize(
    ("n_features", "n_qubits", "layers"), [(12, None, 2), (7, 3, 2), (18, 3, 2), (2, 1, 1)]
)
def test_high_dimensional(n_features, n_qubits, layers):
    x = points(n_features)
    feature_map = high_dimensional(n_features, n_qubits, layers)
    n = feature_map.n_qubits
    state, data = apply(zero(n), hadamards(n)), itertools.cycle(x)
    for layer in range(layers):
        for i, j in neighbours(n, 0) + neighbours(n, 1) if layer else []:
            exchange = word({i: "X", j: "X"}, n) + word({i: "Y", j: "Y"}, n)
            state = apply(state, evolve_sum(exchange, -np.pi / 8))
        for letter in "ZYZ":
            state = apply(state, *(rotation(letter, next(data), q, n) for q in range(n)))
    assert_same_state(state_of(feature_map, x), state)


@pytest.mark.parametrize(
    ("n_features", "layers", "n_qubits"),
    [(1, 2, 2), (12, 2, 2), (13, 2, 3), (67, 2, 12), (7, 1, 3)],
)
def test_high_dimensional_takes_as_few_qubits_as_hold_the_data(n_features, layers, n_qubits):
    assert high_dimensional(n_features, layers=layers).n_qubits == n_qubits


def product_state(feature_map):
    """Return the state that a Heisenberg map starts from: nothing evolves at x = 0."""
    return state_of(feature_map, np.zeros(feature_map.n_features))


@pytest.mark.parametrize(
    ("n_features", "steps", "time"), [(1, 1, None), (3, 20, None), (2, 3, 0.7), (3, 2, -1)]
)
def test_heisenberg(n_features, steps, time):
    x, n = points(n_features), n_features + 1
    feature_map = heisenberg(n_features, steps, time)
    step = []
    for j in range(n_features):
        bond = sum(word({j: p, j + 1: p}, n) for p in "XYZ")
        step.append(evolve_sum(bond, (n_features / 3 if time is None else time) / steps * x[j]))
    expected = apply(product_state(feature_map), *step * steps)
    assert_same_state(state_of(feature_map, x), expected)


def test_heisenberg_starts_from_a_product_state():
    state = product_state(heisenberg(2)).reshape(2, 4)
    assert np.linalg.matrix_rank(state, tol=1e-10) == 1
    assert np.linalg.matrix_rank(state.reshape(4, 2), tol=1e-10) == 1


def test_heisenberg_draws_from_the_haar_measure():
    circuit = heisenberg(999, trotter_steps=1).circuit
    polar = [op.gate._rads for op in circuit.all_operations() if isinstance(op.gate, cirq.Ry)]
    azimuth = [op.gate._rads for op in circuit.all_operations() if isinstance(op.gate, cirq.Rz)]
    assert len(polar) == len(azimuth) == 1000
    assert scipy.stats.kstest(np.cos(polar), scipy.stats.uniform(-1, 2).cdf).pvalue > 1e-3
    assert scipy.stats.kstest(azimuth, scipy.stats.uniform(0, 2 * np.pi).cdf).pvalue > 1e-3


def test_heisenberg_depends_on_its_seed_alone():
    assert heisenberg(2) == heisenberg(2, seed=0)
    assert heisenberg(2) != heisenberg(2, seed=1)


GRAPH = [[0, 2], [3, 4], [2, 1], [1, 4]]


@pytest.mark.parametrize("shared_angle", [True, False])
def test_covariant(shared_angle):
    n, x = 5, points(10)
    theta = points(1 if shared_angle else n, seed=1)
    angles = np.broadcast_to(theta, n)
    state = apply(zero(n), *(rotation("Y", angles[q], q, n) for q in range(n)))
    state = apply(state, *(cz(i, j, n) for i, j in GRAPH))
    for q in range(n):
        first, second = (word({q: letter}, n) for letter in "XZ")
        element = evolve(first, -x[2 * q]) @ evolve(second, -x[2 * q + 1])
        state = apply(state, element)
    feature_map = covariant(GRAPH, shared_angle=shared_angle)
    assert feature_map.n_features == 2 * n
    assert_same_state(state_of(feature_map, x, theta), state)


def test_covariant_takes_graphs_of_several_kinds():
    class Graph:
        edges = ((0, 1), (1, 2))

    expected = covariant([(0, 1), (1, 2)])
    assert covariant(Graph()) == expected
    assert covariant(iter([[0, 1], np.array([1, 2])])) == expected
    assert covariant([], n_qubits=2).n_qubits == 2
    assert covariant([(0, 1)], n_qubits=3).n_features == 6


vectors = st.integers(1, 9).flatmap(
    lambda n: arrays(float, n, elements=st.one_of(st.just(0.0), st.floats(-3, 3)))
)


@settings(max_examples=100, deadline=None)
@given(vectors.filter(lambda x: np.linalg.norm(x) > 1e-6))
def test_amplitude(x):
    feature_map = amplitude(len(x))
    expected = np.zeros(2**feature_map.n_qubits)
    expected[: len(x)] = x / np.linalg.norm(x)
    np.testing.assert_allclose(state_of(feature_map, x), expected, atol=1e-12)


@pytest.mark.parametrize(("n_features", "n_qubits"), [(1, 1), (2, 1), (3, 2), (4, 2), (5, 3)])
def test_amplitude_takes_as_few_qubits_as_hold_the_data(n_features, n_qubits):
    assert amplitude(n_features).n_qubits == n_qubits


@pytest.mark.parametrize("n_features", [1, 2, 3, 4, 7])
def test_amplitude_refuses_a_zero_vector(n_features):
    with pytest.raises(
        ValueError, match=r"expected a finite real number for 2\*atan2\(.* in row 1"
    ):
        amplitude(n_features).angles(np.eye(2, n_features) * [[1], [0]])


def test_amplitude_is_resolved_by_cirq_too():
    feature_map, x = amplitude(4), [0.0, 0.0, -0.3, 0.4]
    values = dict(zip(["x0", "x1", "x2", "x3"], x, strict=True))
    resolved = cirq.resolve_parameters(feature_map.circuit, values)
    state = resolved.final_state_vector(dtype=np.complex128)
    np.testing.assert_allclose(state, [0, 0, -0.6, 0.8], atol=1e-12)
