"""Matrix product states, and "auto", in what is built on kernels: each against state vectors."""

import json
import re

import numpy as np
import pytest
from click.testing import CliRunner
from scipy.sparse.linalg import cg
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import WhiteKernel
from sklearn.svm import SVC

import qkernels as qk
from qkernels import diagnostics
from qkernels.cli import main
from qkernels.feature_maps import ising, zz
from qkernels.features import FidelityFeatures
from qkernels.gram import GramStore
from qkernels.operators import gram_operator

MPS = qk.MPSEvaluator(truncation=0.0)
EVALUATORS = [MPS, "auto"]
X = np.random.default_rng(0).uniform(0, 2, (30, 4))
Y = np.where(X[:, 0] + X[:, 1] > 2, 1, -1)
CLOSE = {"rtol": 0, "atol": 1e-10}


def small(evaluator=None, **options):
    return qk.FidelityKernel(ising(4, gamma=0.6, distance=2), evaluator=evaluator, **options)


def every(test):
    return pytest.mark.parametrize("evaluator", EVALUATORS, ids=["mps", "auto"])(test)


# -- Operators, approximations, features


@every
@pytest.mark.parametrize("memory", ["3.2MB", "100MB"])
def test_operators(evaluator, memory):
    kernel, K = small(evaluator), small()(X)
    operator = gram_operator(kernel, X, working_memory=memory)
    np.testing.assert_allclose(operator @ np.eye(30), K, **CLOSE)
    cross = gram_operator(kernel, X[:7], X, working_memory=memory)
    np.testing.assert_allclose(cross.T @ np.ones(7), K[:7].sum(axis=0), **CLOSE)
    weights, _ = cg(gram_operator(kernel + WhiteKernel(0.5), X), Y.astype(float), rtol=1e-12)
    np.testing.assert_allclose(weights, np.linalg.solve(K + 0.5 * np.eye(30), Y), atol=1e-9)


@pytest.mark.parametrize(("evaluator", "kind"), [(MPS, "Tiled"), ("auto", "State")])
def test_operators_without_kernel_values_are_those_of_states(evaluator, kind):
    assert type(gram_operator(small(evaluator), X)).__name__ == f"_{kind}Operator"


@every
@pytest.mark.parametrize("landmarks", ["rpcholesky", "uniform"])
def test_nystroem(evaluator, landmarks):
    def features(kernel):
        nystroem = qk.QuantumNystroem(kernel, n_components=8, landmarks=landmarks, random_state=0)
        F = nystroem.fit_transform(X)
        return F @ F.T, nystroem.transform(X[:5]) @ F.T

    for found, wanted in zip(features(small(evaluator)), features(small()), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-7)


def test_fidelity_features_need_whole_states():
    exact = FidelityFeatures(zz).fit_transform(X)
    np.testing.assert_allclose(FidelityFeatures(zz, evaluator="auto").fit_transform(X), exact)
    message = (
        "evaluator: expected an exact StatevectorEvaluator, which has whole states, got "
        f"{MPS!r}; ProjectedFeatures and QuantumNystroem take any evaluator"
    )
    with pytest.raises(TypeError, match=f"^{re.escape(message)}$"):
        FidelityFeatures(zz, evaluator=MPS).fit(X)


# -- Training


def free(evaluator=None):
    return small(evaluator, bandwidth=0.5, bandwidth_bounds=(0.1, 2.0))


@every
def test_spsa(evaluator):
    def trained(evaluator):
        trainer = qk.KernelTrainer(
            free(evaluator), optimizer="spsa", max_iter=5, batch_size=20, random_state=0
        )
        return trainer.fit(X, Y)

    found, expected = trained(evaluator), trained(None)
    np.testing.assert_allclose(found.history_, expected.history_, rtol=1e-6)
    np.testing.assert_allclose(found.kernel_.theta, expected.kernel_.theta, rtol=1e-6)


def test_spsa_of_a_wide_kernel():
    wide = np.random.default_rng(1).uniform(0, 2, (10, 30))
    kernel = qk.FidelityKernel(
        ising(30), evaluator="auto", bandwidth=0.3, bandwidth_bounds=(0.05, 1)
    )
    trainer = qk.KernelTrainer(kernel, optimizer="spsa", max_iter=3, random_state=0)
    assert np.isfinite(trainer.fit(wide, Y[:10]).history_).all()
    with pytest.raises(NotImplementedError, match=r"train with KernelTrainer\(optimizer='spsa'\)"):
        qk.KernelTrainer(kernel, max_iter=3).fit(wide, Y[:10])


def test_gradients():
    found, expected = (
        qk.KernelTrainer(free(evaluator), max_iter=5).fit(X, Y) for evaluator in ("auto", None)
    )
    np.testing.assert_allclose(found.history_, expected.history_, rtol=1e-10)
    with pytest.raises(NotImplementedError, match=r"KernelTrainer\(optimizer='spsa'\) needs none"):
        qk.KernelTrainer(free(MPS), max_iter=5).fit(X, Y)


@every
def test_gaussian_processes(evaluator):
    def predicted(evaluator):
        kernel = small(evaluator, bandwidth=0.5) + WhiteKernel(0.1, "fixed")
        return GaussianProcessRegressor(kernel).fit(X, X[:, 0]).predict(X[:4] + 0.1)

    np.testing.assert_allclose(predicted(evaluator), predicted(None), rtol=0, atol=1e-8)


@every
def test_networks_by_parameter_shifts_and_classifiers(evaluator):
    def fitted(evaluator):
        model = qk.VariationalClassifier(
            max_iter=3, random_state=0, evaluator=evaluator, ansatz=qk.ansatze.hardware_efficient
        )
        return model.fit(X[:10], Y[:10]).decision_function(X)

    np.testing.assert_allclose(fitted(evaluator), fitted(None), rtol=0, atol=1e-6)


# -- Diagnostics and reports


@every
def test_diagnostics(evaluator):
    kernel, exact = small(evaluator), small()
    K, wanted = kernel(X), exact(X)
    for norm in ("entry", "relative", "operator"):
        found = diagnostics.required_repetitions(K, error=0.05, norm=norm)
        expected = diagnostics.required_repetitions(wanted, error=0.05, norm=norm)
        assert found == pytest.approx(expected, rel=1e-6)
    assert diagnostics.concentration(K, 1000).__dict__ == pytest.approx(
        diagnostics.concentration(wanted, 1000).__dict__, rel=1e-8
    )
    assert diagnostics.effective_dimension(K, 0.1) == pytest.approx(
        diagnostics.effective_dimension(wanted, 0.1)
    )
    repetitions = [
        diagnostics.decision_repetitions(SVC(kernel=k).fit(X, Y), k(X[:5] + 0.1, X))
        for k in (kernel, exact)
    ]
    assert repetitions[0] == pytest.approx(repetitions[1], rel=1e-4)
    paths = [
        diagnostics.bandwidth_path(k, X, Y, bandwidths=[0.2, 1.0], random_state=0)
        for k in (kernel, exact)
    ]
    np.testing.assert_allclose(paths[0].scores, paths[1].scores)


@every
def test_the_report(evaluator):
    def made(evaluator):
        kernel = small(evaluator)
        return qk.report(
            kernel, X, Y, baselines=("linear",), cv=2, repeats=1, random_state=0, verbose=0
        )

    found, expected = made(evaluator), made(None)
    assert found.scores == expected.scores
    assert found.verdict == expected.verdict


# -- The command line


@every
def test_the_command_line(evaluator, tmp_path):
    kernel = small(evaluator)
    (tmp_path / "kernel.json").write_text(kernel.to_json())
    np.save(tmp_path / "X.npy", X)
    names = [str(tmp_path / name) for name in ("X.npy", "kernel.json", "K.zarr")]
    result = CliRunner().invoke(main, ["gram", "run", *names, "--tile-size", "16", "--json"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["complete"]
    store = GramStore.open(names[-1])
    np.testing.assert_allclose(store, small()(X), **CLOSE)
    assert store.kernel == kernel
