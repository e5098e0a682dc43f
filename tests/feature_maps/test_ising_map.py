"""Tests of the Ising map against dense matrices made by SciPy's matrix exponential."""

import itertools

import cirq
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import expm

import qkernels as qk
from qkernels.feature_maps import FeatureMap, ising
from qkernels.kernels import from_json

X = np.array([[0.0, 1.0], [1.0, 0.0]])
Z = np.diag([1.0, -1.0])


def on(letters, n):
    """Return the matrix of a product of one-qubit matrices given as {qubit: matrix}."""
    product = np.eye(1)
    for qubit in range(n):
        product = np.kron(product, letters.get(qubit, np.eye(2)))
    return product


def hamiltonians(x, gamma, distance):
    """Return H_Z and H_XX of the paper."""
    n = len(x)
    near = [(i, j) for i, j in itertools.combinations(range(n), 2) if j - i <= distance]
    h_z = sum(gamma * x[i] * on({i: Z}, n) for i in range(n))
    h_xx = sum(
        (gamma**2 * np.pi / 2 * (1 - x[i]) * (1 - x[j]) * on({i: X, j: X}, n) for i, j in near),
        start=np.zeros((2**n, 2**n)),
    )
    return h_z, h_xx


def expected_state(x, gamma, layers, distance):
    h_z, h_xx = hamiltonians(x, gamma, distance)
    layer = expm(-1j * h_xx) @ expm(-1j * h_z)
    plus = np.full(2 ** len(x), 2 ** (-len(x) / 2))
    return np.linalg.matrix_power(layer, layers) @ plus


def state_of(feature_map, x):
    circuit = feature_map.resolve(x)
    return circuit.final_state_vector(qubit_order=feature_map.qubits, dtype=np.complex128)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.floats(-1, 3), min_size=1, max_size=5),
    st.sampled_from([0.1, 0.5, 1, -1.3]),
    st.integers(1, 3),
    st.integers(1, 5),
)
def test_states_are_those_of_the_hamiltonians(x, gamma, layers, distance):
    feature_map = ising(len(x), gamma=gamma, layers=layers, distance=distance)
    # The global phase is that of the definition, too.
    expected = expected_state(x, gamma, layers, distance)
    np.testing.assert_allclose(state_of(feature_map, x), expected, atol=1e-12)


@pytest.mark.parametrize("distance", [1, 2, 4])
def test_fidelities_of_the_exact_evaluator(distance):
    points = np.random.default_rng(0).uniform(0, 2, (4, 5))
    states = np.array([expected_state(x, 1.0, 2, distance) for x in points])
    kernel = qk.FidelityKernel(ising(5, distance=distance))
    np.testing.assert_allclose(kernel(points), abs(states.conj() @ states.T) ** 2, atol=1e-12)


def test_arguments_by_default_and_distances_past_the_end():
    assert ising(4) == ising(np.int64(4), gamma=1, layers=2, distance=1)
    assert ising(3, distance=2) == ising(3, distance=99)
    assert ising(3, gamma=-1) != ising(3)
    one = ising(1)
    assert [type(op.gate) for op in one.circuit.all_operations()] == [
        cirq.HPowGate,
        cirq.Rz,
        cirq.Rz,
    ]


def test_the_number_of_couplings():
    for n, distance in [(6, 1), (6, 3), (5, 7)]:
        operations = list(ising(n, layers=3, distance=distance).circuit.all_operations())
        pairs = [op.qubits for op in operations if len(op.qubits) == 2]
        near = [p for p in itertools.combinations(cirq.LineQubit.range(n), 2)
                if p[1].x - p[0].x <= distance]  # fmt: skip
        assert sorted(pairs) == sorted(near * 3)


def test_a_kernel_is_written_as_json():
    kernel = qk.FidelityKernel(ising(3, gamma=0.1, distance=2))
    read = from_json(kernel.to_json())
    assert read.feature_map == kernel.feature_map
    by_name = qk.FidelityKernel(ising, bandwidth=0.5)
    points = np.random.default_rng(0).uniform(0, 2, (3, 4))
    read = from_json(by_name.to_json())
    np.testing.assert_array_equal(read(points), by_name(points))


def test_a_wide_map_is_written_and_read():
    feature_map = ising(200, gamma=0.1, distance=4)
    assert feature_map.n_qubits == feature_map.n_features == 200
    assert FeatureMap.from_json(feature_map.to_json()) == feature_map


BAD_ARGUMENTS = [
    ({"n_features": 0}, "expected n_features to be an integer of at least 1, got 0"),
    ({"n_features": 2.0}, "expected n_features to be an integer of at least 1, got 2.0"),
    ({"gamma": 0}, "expected gamma to be different from 0, got 0"),
    ({"gamma": np.nan}, "expected gamma to be a finite real number, got nan"),
    ({"gamma": "1"}, "expected gamma to be a finite real number, got '1'"),
    ({"layers": 0}, "expected layers to be an integer of at least 1, got 0"),
    ({"layers": 1.5}, "expected layers to be an integer of at least 1, got 1.5"),
    ({"distance": 0}, "expected distance to be an integer of at least 1, got 0"),
    ({"distance": True}, "expected distance to be an integer of at least 1, got True"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD_ARGUMENTS)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        ising(**{"n_features": 3} | arguments)
