"""Tests of the work on quantum networks: its reference, its packages, its extrapolation."""

from __future__ import annotations

import numpy as np
import pytest

import qkernels as qk

from . import outcomes, reference, report, works
from .outcomes import Outcome, Record
from .peers import OURS, PEERS
from .peers.jax_job import filled_parts
from .worker import Order, Station
from .works import LAYERS, Work

WORK = Work("variational", "loss", "uploaded", 5, 3)
SUPPORTING = [key for key, peer in PEERS.items() if peer.supports(WORK)]


def circuit(n):
    """Return the work's circuit as a feature map of Cirq's gates."""
    upload = qk.feature_maps.angle(n, axis="X")
    return upload.compose(qk.ansatze.strongly_entangling(n, LAYERS))


def cirq_outputs(X, values):
    """Return ⟨Z⟩ of the first qubit from Cirq's simulator."""
    feature_map = circuit(X.shape[1])
    states = [
        feature_map.resolve(x, values.ravel()).final_state_vector(dtype=np.complex128) for x in X
    ]
    first = np.abs(np.reshape(states, (len(X), 2, -1))) ** 2
    return first[:, 0].sum(axis=1) - first[:, 1].sum(axis=1)


@pytest.mark.parametrize("n", [2, 3, 5])
def test_reference_states_are_those_of_cirq(n):
    X = np.random.default_rng(0).uniform(0, 6, (3, n))
    found = reference.states("uploaded", X)
    weights = works.weights(n).ravel()
    expected = [circuit(n).resolve(x, weights).final_state_vector() for x in X]
    np.testing.assert_allclose(abs((np.conj(expected) * found).sum(axis=1)), 1, atol=1e-5)


def test_reference_is_the_loss_and_its_gradient():
    X = works.points(WORK, 0)
    start, y = works.weights(3), works.labels(5)
    found = reference.matrix(WORK, X)
    assert found.shape == (1 + start.size,)
    assert found[0] == pytest.approx(np.mean((cirq_outputs(X, start) - y) ** 2))
    for place in ((0, 0, 1), (2, 1, 0), (5, 2, 1)):
        shift = np.zeros_like(start)
        shift[place] = np.pi / 2
        slopes = (cirq_outputs(X, start + shift) - cirq_outputs(X, start - shift)) / 2
        expected = np.mean(2 * (cirq_outputs(X, start) - y) * slopes)
        index = 1 + np.ravel_multi_index(place, start.shape)
        assert found[index] == pytest.approx(expected, abs=1e-8)
    assert np.abs(found[1:]).max() > 0.01


def test_who_takes_part():
    others = {"pennylane-jax", "tensorcircuit-jax", "pennylane-lightning", "qiskit-network"}
    assert set(SUPPORTING) == {OURS} | others
    (work,) = works.works(("variational",))
    assert (work.task, work.feature_map, work.n_points, work.n_qubits) == (
        *("loss", "uploaded", 1000, 8),
    )
    assert works.small(work) == Work("agreement", "loss", "uploaded", 6, 4)


@pytest.mark.parametrize("key", SUPPORTING)
def test_packages_agree_with_the_reference(key):
    if not PEERS[key].installed():
        pytest.skip(f"{PEERS[key].package} is not installed")
    X, rows = works.points(WORK, 0), np.array([0, 2, 4])
    answer = Station(PEERS[key]).answer(Order(WORK, X, rows))
    assert not answer.error
    assert outcomes.deviation(answer.block, reference.matrix(WORK, X[rows])) < 1e-8


@pytest.mark.parametrize(("n_points", "size", "blocks"), [(7, 3, 3), (6, 3, 2), (2, 5, 1)])
def test_parts_have_one_size_and_zeros_at_the_end(n_points, size, blocks):
    X = 1 + np.arange(2.0 * n_points).reshape(n_points, 2)
    parts = filled_parts(X, size)
    assert [part.shape for part in parts] == [(size, 2)] * blocks
    np.testing.assert_array_equal(np.concatenate(parts)[:n_points], X)
    assert not np.concatenate(parts)[n_points:].any()


def test_a_loss_is_extrapolated_by_points():
    few = Record("qiskit-network", seconds=[3.0], n_points=2)
    assert outcomes.extrapolated(few, WORK) == [7.5]
    ours = Record(OURS, seconds=[0.5], n_points=5)
    text = report.timing(Outcome(WORK, [ours, few])).text()
    assert "Qiskit ML EstimatorQNN runs circuits point by point. It took 3.00 s for 2" in text
    assert "by the number of points, not measured: 7.50 s, 15.0 (15.0 – 15.0) times" in text


def test_pairs_are_named_where_there_are_pairs():
    work = Work("zz", "gram", "zz", 5, 3)
    records = [Record(OURS, seconds=[0.5], n_points=5)]
    records.append(Record("qiskit-pairs", seconds=[3.0], n_points=3))
    text = report.timing(Outcome(work, records)).text()
    assert "runs circuits pair by pair. It took 3.00 s for 3 points" in text
