"""`FidelityFeatures`: inner products against kernels, entries against density matrices."""

import re

import cirq
import numpy as np
import pandas as pd
import pytest
from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import Ridge, SGDClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC, LinearSVC
from sklearn.utils.estimator_checks import parametrize_with_checks

from qkernels import FeatureMap, FidelityKernel, SamplerEvaluator, StatevectorEvaluator
from qkernels import feature_maps as standard
from qkernels import features as module
from qkernels.features import FidelityFeatures
from tests.compilation.agreement import simulated
from tests.random_circuits import GATES, feature_maps, points
from tests.reference import ReferenceEvaluator, ring, states, trained


@pytest.fixture
def X():
    return np.random.default_rng(3).uniform(-0.9, 0.9, (7, 3))


def fold(n_features):
    """Return a map of any number of features on two qubits."""
    p, q = cirq.LineQubit.range(2)
    return FeatureMap.from_function(
        lambda x: cirq.Circuit(
            [cirq.rx(xi)((p, q)[i % 2]) for i, xi in enumerate(x)], cirq.CZ(p, q)
        ),
        n_features,
    )


@pytest.mark.parametrize("gate_type", GATES, ids=lambda t: t.__name__)
def test_random_circuits(gate_type):
    @settings(max_examples=3, phases=[Phase.generate])
    @given(feature_maps(gate_type, max_qubits=3, max_operations=5), st.integers(0, 999))
    def agrees(feature_map, seed):
        assume(feature_map.n_features)
        inputs, parameters = points(feature_map, 5, seed)
        features = FidelityFeatures(feature_map, parameters=parameters).fit_transform(inputs)
        psi = simulated(feature_map, feature_map.encode(inputs), parameters)
        assert features.shape == (5, 4**feature_map.n_qubits)
        np.testing.assert_allclose(
            features @ features.T, np.abs(psi.conj() @ psi.T) ** 2, atol=1e-12
        )

    agrees()


@pytest.mark.parametrize("feature_map", [standard.zz, standard.iqp, standard.angle, standard.z])
@pytest.mark.parametrize("n", [1, 2, 5])
def test_standard_maps_and_new_points(feature_map, n):
    X = np.random.default_rng(n).uniform(0, 3, (9, n))
    features = FidelityFeatures(feature_map, bandwidth=0.5).fit(X[:5])
    K = features.transform(X[5:]) @ features.transform(X[:5]).T
    expected = FidelityKernel(feature_map, bandwidth=0.5)(X[5:], X[:5])
    np.testing.assert_allclose(K, expected, atol=1e-12)


@pytest.mark.parametrize(("feature_map", "parameters"), [(ring, None), (trained, [0.7, -1.1])])
def test_entries_are_those_of_the_density_matrix(X, feature_map, parameters):
    transformer = FidelityFeatures(feature_map, parameters=parameters)
    features = transformer.fit_transform(X)
    entries = dict(zip(transformer.get_feature_names_out(), features.T, strict=True))
    d = 2 ** feature_map(3).n_qubits
    assert len(entries) == d * d
    for row, psi in enumerate(states(feature_map(3), X, parameters)):
        rho = np.outer(psi, psi.conj())
        for i in range(d):
            for j in range(i, d):
                place = f"{i:03b}_{j:03b}"
                if i == j:
                    assert entries[f"rho_{place}"][row] == pytest.approx(rho[i, i].real, abs=1e-12)
                    continue
                found = entries[f"re_rho_{place}"][row] + 1j * entries[f"im_rho_{place}"][row]
                assert found == pytest.approx(np.sqrt(2) * rho[i, j], abs=1e-12)


def test_by_hand():
    q = cirq.LineQubit(0)
    plus_i = FeatureMap.from_function(lambda x: cirq.Circuit(cirq.rx(x[0])(q)), 1)
    # (|0⟩ − i|1⟩)/√2: the off-diagonal entry is i/2.
    np.testing.assert_allclose(
        FidelityFeatures(plus_i).fit_transform([[np.pi / 2]]),
        [[0.5, 0.5, 0, np.sqrt(0.5)]],
        atol=1e-15,
    )


def test_blocks_of_rows_make_no_difference(X, monkeypatch):
    transformer = FidelityFeatures(ring).fit(X)
    whole = transformer.transform(X)
    for numbers in (1, 3 * 64, 7 * 64):
        monkeypatch.setattr(module, "_NUMBERS_AT_ONCE", numbers)
        np.testing.assert_allclose(transformer.transform(X), whole, rtol=0, atol=1e-15)


def test_single_precision_gives_float64(X):
    evaluator = StatevectorEvaluator(precision="single")
    features = FidelityFeatures(ring, evaluator=evaluator).fit_transform(X)
    assert features.dtype == np.float64
    assert features.flags.c_contiguous
    np.testing.assert_allclose(features @ features.T, FidelityKernel(ring)(X), atol=1e-5)


def test_linear_models_are_kernel_machines():
    random = np.random.default_rng(0)
    X = random.uniform(0, 2, (60, 2))
    y = np.sin(3 * X[:, 0]) * X[:, 1]
    kernel, features = FidelityKernel(standard.zz), FidelityFeatures(standard.zz)
    ridge = make_pipeline(features, Ridge(0.1, fit_intercept=False)).fit(X[:40], y[:40])
    expected = KernelRidge(alpha=0.1, kernel=kernel).fit(X[:40], y[:40]).predict(X[40:])
    np.testing.assert_allclose(ridge.predict(X[40:]), expected, atol=1e-8)
    label = y > 0.5
    svc = SVC(kernel=kernel, tol=1e-8).fit(X, label)
    machine = make_pipeline(features, SVC(kernel="linear", tol=1e-8)).fit(X, label)
    np.testing.assert_allclose(machine.decision_function(X), svc.decision_function(X), atol=1e-5)
    for linear in (LinearSVC(C=100), SGDClassifier(alpha=1e-4, random_state=0)):
        assert make_pipeline(features, linear).fit(X, label).score(X, label) > 0.8


def test_grid_search_and_clones(X):
    y = X[:, 0] * X[:, 1] > 0
    model = make_pipeline(FidelityFeatures(standard.zz), LinearSVC())
    grid = {"fidelityfeatures__bandwidth": [0.3, 1.0], "linearsvc__C": [0.1, 1]}
    search = GridSearchCV(model, grid, cv=2, error_score="raise").fit(X, y)
    assert len(search.cv_results_["params"]) == 4
    cloned = clone(FidelityFeatures(ring, bandwidth=0.4).fit(X))
    assert cloned.bandwidth == 0.4
    with pytest.raises(NotFittedError):
        cloned.transform(X)
    with pytest.raises(NotFittedError):
        cloned.get_feature_names_out()


def test_pandas_in_and_out(X):
    frame = pd.DataFrame(X[:, :2], columns=["a", "b"], index=range(10, 17))
    features = FidelityFeatures(ring).set_output(transform="pandas")
    out = features.fit_transform(frame)
    assert list(out.columns[:5]) == [
        *("rho_00_00", "rho_01_01", "rho_10_10", "rho_11_11", "re_rho_00_01")
    ]
    assert out.columns[-1] == "im_rho_10_11"
    assert list(out.index) == list(range(10, 17))
    assert list(features.feature_names_in_) == ["a", "b"]


@parametrize_with_checks([FidelityFeatures(fold)])
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)


# -- Refusals


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (
            {"feature_map": standard.zz(7)},
            ValueError,
            "expected a map of at most 6 qubits, as there are 4^n features, got the feature map "
            "'zz' of 7 qubits; use QuantumNystroem, whose features are fewer, or gram_operator, "
            "which needs none",
        ),
        (
            {"evaluator": SamplerEvaluator(cirq.Simulator(), repetitions=10)},
            TypeError,
            "expected an exact StatevectorEvaluator, as states cannot be estimated from "
            "repetitions, got SamplerEvaluator(",
        ),
        (
            {"evaluator": StatevectorEvaluator(repetitions=10, random_state=0)},
            TypeError,
            "repetitions=10, random_state=0); ProjectedFeatures can be",
        ),
        ({"evaluator": ReferenceEvaluator()}, TypeError, "got ReferenceEvaluator()"),
        ({"evaluator": "exact"}, TypeError, "evaluator must be None"),
        ({"bandwidth": -1.0}, ValueError, "bandwidth must be a positive finite number"),
        ({"feature_map": trained}, ValueError, "parameters is None"),
        ({"feature_map": 3}, TypeError, "feature_map must be a FeatureMap"),
    ],
)
def test_refusals(arguments, error, message):
    with pytest.raises(error, match=re.escape(message)):
        FidelityFeatures(**{"feature_map": standard.zz, **arguments}).fit(np.ones((2, 7)))


def test_refuses_what_does_not_fit(X, monkeypatch):
    transformer = FidelityFeatures(ring).fit(X)
    monkeypatch.setattr("qkernels.memory.available_memory", lambda: 10)
    monkeypatch.setattr("qkernels.memory._MODEST", 0)
    message = "for 64 features of 7 points, got 10 B: take fewer points at a time, or the fewer"
    with pytest.raises(MemoryError, match=message):
        transformer.transform(X)
    with pytest.raises(ValueError, match="X has 2 features, but FidelityFeatures is expecting 3"):
        transformer.transform(X[:, :2])
