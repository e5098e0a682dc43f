"""`evaluator="auto"` and `MPSEvaluator` in kernels: values, copies, JSON, gradients, reports."""

import pickle
import re

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.decomposition import KernelPCA
from sklearn.gaussian_process.kernels import RBF, WhiteKernel
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

import qkernels as qk
from qkernels.evaluators import AutoEvaluator
from qkernels.evaluators.mps_states import PreparedMPS
from qkernels.feature_maps import angle, iqp, ising, zz
from qkernels.kernels import from_json, to_json
from qkernels.kernels.embedding import resolve_evaluator
from qkernels.testing import check_kernel

EVALUATORS = [
    "auto",
    AutoEvaluator(cache_size="1MB"),
    qk.MPSEvaluator(),
    qk.MPSEvaluator(max_bond=16, truncation=0.0, cache_size="0MB"),
]
KINDS = [qk.FidelityKernel, qk.ProjectedKernel]
X = np.random.default_rng(0).uniform(0.1, 0.9, (8, 3))
Y = np.array([0, 1] * 4)


def both(test):
    """Run a test for all evaluators, and for both kinds of kernels."""
    test = pytest.mark.parametrize("evaluator", EVALUATORS, ids=str)(test)
    return pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)(test)


# -- What "auto" stands for


def test_auto_is_one_shared_evaluator():
    assert resolve_evaluator("auto") is resolve_evaluator("auto")
    assert resolve_evaluator("auto") == AutoEvaluator()


@pytest.mark.parametrize("wrong", ["atuo", "Auto", "", "mps"])
def test_other_words_are_refused(wrong):
    message = (
        "evaluator must be None (the shared exact evaluator), 'auto' or an object with the methods "
        f"of qkernels.evaluators.Evaluator, got {wrong!r}"
    )
    for call in (
        lambda: qk.FidelityKernel(zz, evaluator=wrong)(X),
        lambda: qk.ProjectedKernel(zz, evaluator=wrong).diag(X),
        lambda: qk.FidelityKernel(zz, evaluator=wrong).fingerprint(),
        lambda: qk.FidelityKernel(zz, evaluator=wrong).report(),
        lambda: qk.ProjectedFeatures(zz, evaluator=wrong).fit(X),
        lambda: qk.qnn.ExpectationNetwork(angle(3), evaluator=wrong),
        lambda: qk.gram_matrix(qk.FidelityKernel(zz, evaluator=wrong), X),
    ):
        with pytest.raises(TypeError, match=f"^{re.escape(message)}$"):
            call()


# -- Values


@both
def test_the_contract_of_kernels(kind, evaluator):
    check_kernel(kind(zz, bandwidth=0.5, evaluator=evaluator), X)


@both
def test_values_are_those_of_state_vectors(kind, evaluator):
    kernel, exact = kind(zz, bandwidth=0.5, evaluator=evaluator), kind(zz, bandwidth=0.5)
    np.testing.assert_allclose(kernel(X), exact(X), rtol=0, atol=1e-10)
    np.testing.assert_allclose(kernel(X[:3], X), exact(X[:3], X), rtol=0, atol=1e-10)
    both = 2.0 * kernel**2 + RBF(0.5) + WhiteKernel(0.1)
    np.testing.assert_allclose(both(X), 2 * exact(X) ** 2 + RBF(0.5)(X) + 0.1 * np.eye(8))


@pytest.mark.parametrize("evaluator", EVALUATORS, ids=str)
def test_features_and_networks(evaluator):
    features = qk.ProjectedFeatures(iqp, locality=2, evaluator=evaluator).fit_transform(X)
    expected = qk.ProjectedFeatures(iqp, locality=2).fit_transform(X)
    np.testing.assert_allclose(features, expected, rtol=0, atol=1e-10)
    weights, cotangent = np.array([0.3, -0.4] * 3), np.random.default_rng(1).normal(size=(8, 3))
    networks = [
        qk.qnn.ExpectationNetwork(angle(3), qk.ansatze.hardware_efficient, evaluator=e)
        for e in (evaluator, None)
    ]
    weights = networks[0].initial_weights(0)
    values = [network.forward(X, weights) for network in networks]
    np.testing.assert_allclose(*values, rtol=0, atol=1e-10)
    # By a sweep backwards, or by the parameter-shift rule.
    gradients = [network.backward(X, weights, cotangent) for network in networks]
    for name in ("X", "weights"):
        found, wanted = (getattr(gradient, name) for gradient in gradients)
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-9)


def test_a_wide_projected_kernel_by_light_cones():
    """A qubit sees its neighbours: cut out, a part of the circuit has the same in its middle."""
    wide = np.random.default_rng(0).uniform(0, 2, (3, 60))
    kernel = qk.ProjectedKernel(ising(60, distance=1), evaluator="auto")
    features = kernel.prepare(wide).features.reshape(3, 60, 3)
    part = qk.ProjectedKernel(ising(16, distance=1)).prepare(wide[:, 20:36]).features
    np.testing.assert_allclose(features[:, 26:30], part.reshape(3, 16, 3)[:, 6:10], atol=1e-12)
    distances = np.sum((features[:, None] - features) ** 2, axis=(2, 3))
    np.testing.assert_allclose(kernel(wide), np.exp(-distances), rtol=0, atol=1e-12)


# -- Copies


@both
def test_copies_json_and_printing(kind, evaluator):
    kernel = kind(zz, bandwidth=0.5, evaluator=evaluator)
    for copied in (clone(kernel), pickle.loads(pickle.dumps(kernel)), from_json(to_json(kernel))):
        assert copied == kernel
        assert hash(copied) == hash(kernel)
        assert copied.evaluator == evaluator
        assert copied.fingerprint() == kernel.fingerprint()
    assert f"evaluator={evaluator!r}" in repr(kernel)
    assert clone(kernel).evaluator is evaluator


@pytest.mark.parametrize("kind", KINDS)
def test_evaluators_tell_kernels_apart(kind):
    kernels = [kind(zz, evaluator=e) for e in (None, *EVALUATORS)]
    assert len(set(kernels)) == len(kernels)
    prints = [kernel.fingerprint() for kernel in kernels]
    # "auto" stands for an `AutoEvaluator`, whose numbers no cache changes.
    assert prints[1] == prints[2]
    assert len(set(prints)) == len(kernels) - 1


@both
def test_grid_search(kind, evaluator):
    def search(evaluator):
        kernel = kind(zz, evaluator=evaluator)
        grid = {"kernel__bandwidth": [0.1, 0.5, 1.0], "C": [1.0, 10.0]}
        return GridSearchCV(SVC(kernel=kernel), grid, cv=2).fit(X, Y)

    found, expected = search(evaluator), search(None)
    np.testing.assert_allclose(
        found.cv_results_["mean_test_score"], expected.cv_results_["mean_test_score"]
    )
    assert found.best_estimator_.kernel.evaluator is evaluator


@pytest.mark.parametrize("name", ["evaluator", "kernel__evaluator"])
def test_evaluators_are_searched_over(name):
    kernel = qk.FidelityKernel(zz)
    if name == "evaluator":
        assert kernel.set_params(evaluator="auto")(X).shape == (8, 8)
        return
    search = GridSearchCV(SVC(kernel=kernel), {name: [None, *EVALUATORS]}, cv=2).fit(X, Y)
    assert len(set(search.cv_results_["mean_test_score"])) == 1


@pytest.mark.parametrize("evaluator", EVALUATORS, ids=str)
def test_pipelines_in_threads(evaluator):
    kernel = qk.FidelityKernel(zz, bandwidth=0.3, evaluator=evaluator)
    pca = KernelPCA(2, kernel=kernel, n_jobs=2, eigen_solver="dense")
    found = make_pipeline(pca, SVC()).fit(X, Y).predict(X)
    pca = KernelPCA(2, kernel=qk.FidelityKernel(zz, bandwidth=0.3), eigen_solver="dense")
    np.testing.assert_array_equal(found, make_pipeline(pca, SVC()).fit(X, Y).predict(X))


# -- Gradients


FREE = {"bandwidth": 0.5, "bandwidth_bounds": (0.1, 2.0)}


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_of_auto_are_exact(kind):
    kernel, exact = kind(zz, evaluator="auto", **FREE), kind(zz, **FREE)
    for k in (kernel, kernel + WhiteKernel(0.1, "fixed")):
        K, vjp = qk.value_and_vjp(k, X)
        np.testing.assert_allclose(vjp(K).theta, qk.value_and_vjp(exact, X)[1](K).theta)
    pairs = zip(kernel(X, eval_gradient=True), exact(X, eval_gradient=True), strict=True)
    for found, wanted in pairs:
        np.testing.assert_allclose(found, wanted)


def test_gradients_take_states_where_the_rest_takes_chains():
    """A line of 16 qubits is compared as matrix product states, and differentiated as states."""
    wide = np.random.default_rng(1).uniform(0, 2, (4, 16))
    kernel = qk.FidelityKernel(ising(16, gamma=0.2), evaluator="auto", **FREE)
    assert isinstance(kernel.prepare(wide), PreparedMPS)
    exact = qk.FidelityKernel(ising(16, gamma=0.2), **FREE)
    K, gradient = kernel(wide, eval_gradient=True)
    np.testing.assert_allclose(K, kernel(wide), rtol=0, atol=1e-10)
    np.testing.assert_allclose(gradient, exact(wide, eval_gradient=True)[1], rtol=0, atol=1e-12)
    cotangent = np.random.default_rng(2).normal(size=K.shape)
    for Z in (None, wide[:2] + 0.1):
        here = cotangent[:, : len(K if Z is None else Z)]
        found, wanted = (qk.value_and_vjp(k, wide, Z)[1](here) for k in (kernel, exact))
        np.testing.assert_allclose(found.X, wanted.X, rtol=0, atol=1e-12)
        np.testing.assert_allclose(found.theta, wanted.theta, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("kernel", "what"),
    [
        (qk.FidelityKernel(ising(40), evaluator="auto", **FREE), "unconnected part of the circuit"),
        (qk.ProjectedKernel(zz(40), evaluator="auto", **FREE), "light cone"),
    ],
    ids=["fidelity", "projected"],
)
def test_gradients_of_wide_kernels_are_refused_before_any_work(kernel, what, monkeypatch):
    for name in ("embed", "expectations"):
        monkeypatch.delattr(qk.MPSEvaluator, name)
        monkeypatch.delattr(qk.StatevectorEvaluator, name)
    wide = np.random.default_rng(1).uniform(0, 2, (4, 40))
    message = rf"but the widest {what} has 40 qubits: train with KernelTrainer\(optimizer='spsa'"
    for call in (lambda: qk.value_and_vjp(kernel, wide), lambda: kernel(wide, eval_gradient=True)):
        with pytest.raises(NotImplementedError, match=message):
            call()


@pytest.mark.parametrize("kind", KINDS)
def test_matrix_product_states_have_no_gradients(kind):
    kernel = kind(zz, evaluator=qk.MPSEvaluator(), **FREE)
    message = re.escape(f"{qk.MPSEvaluator()!r}; KernelTrainer(optimizer='spsa') needs none")
    for call in (lambda: qk.value_and_vjp(kernel, X), lambda: kernel(X, eval_gradient=True)):
        with pytest.raises(NotImplementedError, match=f"^gradients need an .*, got {message}$"):
            call()


# -- Reports


def test_reports_are_the_evaluators():
    wide = np.random.default_rng(1).uniform(0, 2, (4, 40))
    kernel = qk.FidelityKernel(ising(40), evaluator=qk.MPSEvaluator(truncation=1e-9))
    assert "none prepared yet" in str(kernel.report())
    kernel(wide)
    assert str(kernel.report()).startswith("matrix product states: 4 of 40 qubits")


def test_reports_of_auto_are_of_the_kernels_map():
    wide = np.random.default_rng(1).uniform(0, 2, (4, 41))
    kernel = qk.FidelityKernel(ising(41), evaluator="auto")
    assert str(kernel.report()) == "nothing has been computed yet, so nothing was chosen"
    kernel(wide)
    qk.FidelityKernel(zz, evaluator="auto")(X)
    first, second, *_ = str(kernel.report()).splitlines()
    assert first.startswith("fidelities of 41 qubits: matrix product states, as the widest ")
    assert second.startswith("matrix product states: 4 of 41 qubits")
    projected = qk.ProjectedKernel(ising(41), evaluator="auto")
    projected(wide)
    assert "\nexpectation values of 41 qubits: state vectors, as the widest light" in str(
        projected.report()
    )
    # A map that is not known before the data: all of late.
    assert "fidelities of 3 qubits: state vectors" in str(
        qk.FidelityKernel(zz, evaluator="auto").report()
    )


def test_evaluators_without_reports():
    assert qk.FidelityKernel(zz).report() == f"no report of {qk.StatevectorEvaluator()!r}"
