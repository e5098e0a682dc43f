"""`ad_hoc`: labels are what the recipe says, and what is refused."""

from __future__ import annotations

import re

import cirq
import numpy as np
import pytest
from sklearn.svm import SVC

import qkernels as qk
from qkernels import datasets


def value(x: np.ndarray, observable: np.ndarray) -> float:
    """Return ⟨Φ(x)|O|Φ(x)⟩ of the ZZ map, with Cirq's simulator."""
    circuit = qk.feature_maps.zz(len(x), reps=2).resolve(x)
    state = cirq.Simulator(dtype=np.complex128).simulate(circuit).final_state_vector
    return (state.conj() @ observable @ state).real


@pytest.mark.parametrize("n_features", [1, 2, 3])
def test_labels_are_signs_of_the_observable_outside_the_gap(n_features):
    drawn = datasets.ad_hoc(20, n_features, gap=0.2, random_state=3, return_X_y=False)
    values = np.array([value(x, drawn.observable) for x in drawn.data])
    assert np.all(np.abs(values) > 0.2)
    np.testing.assert_array_equal(drawn.target, np.sign(values))


@pytest.mark.parametrize("n_features", [1, 2, 4])
def test_observable_is_a_parity(n_features):
    observable = datasets.ad_hoc(
        2, n_features, gap=0.0, random_state=0, return_X_y=False
    ).observable
    np.testing.assert_allclose(observable, observable.conj().T, atol=1e-12)
    eigenvalues = np.linalg.eigvalsh(observable)
    half = 2 ** (n_features - 1)
    np.testing.assert_allclose(eigenvalues, [-1] * half + [1] * half, atol=1e-12)


@pytest.mark.parametrize(("n_samples", "shares"), [(2, (1, 1)), (7, (3, 4)), (30, (15, 15))])
def test_classes_have_equal_shares(n_samples, shares):
    X, y = datasets.ad_hoc(n_samples, random_state=0)
    assert X.shape == (n_samples, 2)
    assert (np.sum(y == -1), np.sum(y == 1)) == shares


def test_points_fill_the_period():
    X, _ = datasets.ad_hoc(400, gap=0.0, random_state=0)
    assert X.min() > 0
    assert X.max() <= 2 * np.pi
    counts, _ = np.histogram(X, bins=8, range=(0, 2 * np.pi))
    assert counts.min() > 0.7 * X.size / 8


def test_the_feature_map_separates_unseen_points():
    X, y = datasets.ad_hoc(300, random_state=1)
    model = SVC(kernel=qk.FidelityKernel(qk.feature_maps.zz)).fit(X[:150], y[:150])
    assert model.score(X[150:], y[150:]) > 0.97


def test_a_seed_repeats_and_seeds_differ():
    first, again = (datasets.ad_hoc(10, random_state=5) for _ in range(2))
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    assert not np.array_equal(first[0], datasets.ad_hoc(10, random_state=6)[0])


def test_random_state_may_be_an_instance_which_moves_on():
    random = np.random.RandomState(5)
    first, second = (datasets.ad_hoc(10, random_state=random) for _ in range(2))
    np.testing.assert_array_equal(first[0], datasets.ad_hoc(10, random_state=5)[0])
    assert not np.array_equal(first[0], second[0])


def test_random_state_none_draws_anew():
    assert not np.array_equal(datasets.ad_hoc(4)[0], datasets.ad_hoc(4)[0])


def test_bunch():
    X, y = datasets.ad_hoc(6, 3, random_state=2)
    drawn = datasets.ad_hoc(6, 3, random_state=2, return_X_y=False)
    np.testing.assert_array_equal(drawn.data, X)
    np.testing.assert_array_equal(drawn.target, y)
    assert drawn.feature_names == ["x0", "x1", "x2"]
    assert drawn.observable.shape == (8, 8)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_samples": 1}, "expected n_samples to be an integer of at least 2, got 1"),
        ({"n_samples": 10.0}, "expected n_samples to be an integer of at least 2, got 10.0"),
        ({"n_features": 0}, "expected n_features to be an integer of at least 1, got 0"),
        ({"n_features": 11}, "expected n_features to be at most 10, got 11"),
        ({"gap": 1.0}, "expected gap to be at least 0 and below 1, got 1.0"),
        ({"gap": -0.1}, "expected gap to be at least 0 and below 1, got -0.1"),
        ({"gap": "wide"}, "expected gap to be a finite real number, got 'wide'"),
        ({"random_state": "seed"}, "'seed' cannot be used to seed"),
        (
            {"gap": 0.999, "random_state": 0},
            "gap=0.999 rejects too many points: 6000 were drawn, and of the 10 wanted 5 with label "
            "-1 and 5 with label 1 are still missing; take a smaller gap, or fewer features than 2",
        ),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        datasets.ad_hoc(**{"n_samples": 10} | arguments)
