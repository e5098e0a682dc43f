"""Encoded points and code blocks beside dense matrices."""

from itertools import pairwise

import cirq
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qkernels.ansatze import code_blocks
from qkernels.variational.circuit_centric_circuit import Encoding
from tests.variational.circuit_centric_dense import dense_blocks, dense_states


@pytest.mark.parametrize(
    ("n", "ranges"),
    [(1, (1,)), (1, (2, 1)), (2, (1,)), (3, (1, 2)), (3, (4,)), (4, (2,)), (4, (3, 2, 1))],
)
def test_code_blocks_are_products_of_the_gates_in_the_paper(n, ranges):
    ansatz = code_blocks(n, ranges)
    weights = np.random.default_rng(n).uniform(0, 2 * np.pi, ansatz.n_parameters)
    found = cirq.unitary(ansatz.resolve([], weights))
    np.testing.assert_allclose(found, dense_blocks(weights, n, ranges), atol=1e-12)


def test_the_circuit_for_eight_qubits_is_the_one_drawn_in_the_paper():
    ansatz = code_blocks(8, (1, 3))
    assert ansatz.n_parameters == 3 * 33
    operations = [op for op in ansatz.circuit.all_operations() if len(op.qubits) == 2]
    found = sorted({tuple(q.x for q in op.qubits) for op in operations})
    first = [(0, 7), *((k, k - 1) for k in range(1, 8))]
    second = [*pairwise((0, 5, 2, 7, 4, 1, 6, 3, 0))]
    assert found == sorted(first + second)
    assert len(operations) == 3 * 16
    assert [s.name for s in ansatz.parameter_symbols[:2]] == ["w0", "w1"]


@given(
    st.integers(1, 5),
    st.integers(1, 2),
    st.sampled_from([0.0, 1.0, -0.5]),
    st.integers(0, 2**32 - 1),
)
def test_points_are_encoded_as_copies_of_amplitudes(n_features, copies, padding, seed):
    X = np.random.default_rng(seed).normal(size=(3, n_features))
    X[0, 1:] = 0  # Zeros next to each other leave angles open.
    encoding = Encoding("amplitude", n_features, copies, padding)
    for inputs, state in zip(encoding.inputs(X), dense_states(X, copies, padding), strict=True):
        circuit = encoding.circuit.resolve(inputs)
        found = cirq.final_state_vector(
            circuit, qubit_order=cirq.LineQubit.range(len(state).bit_length() - 1)
        )
        np.testing.assert_allclose(found, state, atol=1e-6)


@pytest.mark.parametrize("scale", [1e300, 1e-300])
@pytest.mark.parametrize("padding", [0.0, 1.0])
def test_the_length_of_a_point_is_never_too_large(scale, padding):
    X = scale * np.array([[1.0, 2.0, 3.0]])
    encoding = Encoding("amplitude", 3, 1, padding)
    (row,) = encoding.inputs(X)
    state = cirq.final_state_vector(encoding.circuit.resolve(row))
    expected = np.append(X[0], padding) / max(3 * scale, padding)
    np.testing.assert_allclose(state, expected / np.linalg.norm(expected), atol=1e-6)


def test_equal_circuits_are_one_object():
    one, other = (Encoding("amplitude", 3, 2, 1.0).with_ansatz(None, r) for r in ((1, 2), [1, 2]))
    assert one is other
    assert one is not Encoding("amplitude", 3, 2, 1.0).with_ansatz(None, (1,))


@pytest.mark.parametrize("n", [0, 1.5])
def test_code_blocks_need_qubits(n):
    with pytest.raises(ValueError, match=f"n_qubits to be an integer of at least 1, got {n}"):
        code_blocks(n)
