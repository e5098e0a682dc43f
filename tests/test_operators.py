"""`gram_operator` beside the matrix it stands for, and solvers on both."""

import re

import cirq
import numpy as np
import pytest
from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st
from scipy.sparse.linalg import LinearOperator, aslinearoperator, cg, eigsh, svds
from sklearn.gaussian_process.kernels import (
    RBF,
    CompoundKernel,
    ConstantKernel,
    DotProduct,
    WhiteKernel,
)

import qkernels as qk
from qkernels import operators as module
from qkernels.gram import blocks
from qkernels.operators import gram_operator
from tests.compilation.agreement import simulated
from tests.random_circuits import GATES, feature_maps, points
from tests.reference import ReferenceEvaluator, ring

ZZ = qk.FidelityKernel(qk.feature_maps.zz)
PRODUCT = qk.FidelityKernel(qk.feature_maps.angle, bandwidth=0.6)
# With so little memory, states are prepared anew and matrices come in many tiles.
LITTLE, MUCH = "3.2MB", "100MB"
KERNELS = [
    ZZ,
    PRODUCT,
    qk.ProjectedKernel(qk.feature_maps.zz, gamma=0.3),
    RBF(0.7),
    0.5 * ZZ + WhiteKernel(0.2),
    RBF(0.7) * ConstantKernel(3.0) + ZZ * 2.0 + 0.1,
    2.0 * (ZZ + WhiteKernel(0.3)) + PRODUCT**2,
    ZZ * RBF(0.7) + WhiteKernel(0.3) * RBF(0.5),
    qk.ProjectedKernel(qk.feature_maps.zz, outer=RBF() + WhiteKernel(0.5)),
    qk.FidelityKernel(ring, evaluator=ReferenceEvaluator()),
    qk.FidelityKernel(qk.feature_maps.zz, evaluator=qk.StatevectorEvaluator(cache_size=0)),
]


def data(n_points, n_features=2, seed=0):
    return np.random.default_rng(seed).uniform(-2, 2, (n_points, n_features))


def assert_close(actual, expected, tolerance=1e-12):
    """Compare, relative to the largest number."""
    assert actual.shape == expected.shape
    scale = max(1.0, np.abs(expected).max())
    np.testing.assert_allclose(actual, expected, rtol=0, atol=tolerance * scale)


def assert_is(operator, K, n_vectors=3):
    """Check products from both sides, with one vector and with several, real and complex."""
    random = np.random.default_rng(5)
    n, m = K.shape
    assert isinstance(operator, LinearOperator)
    assert operator.shape == K.shape
    assert operator.dtype == np.float64
    V, U = random.normal(size=(m, n_vectors)), random.normal(size=(n, n_vectors))
    assert_close(operator @ V, K @ V)
    assert_close(operator.rmatmat(U), K.T @ U)
    assert_close(operator.matvec(V[:, 0]), K @ V[:, 0])
    assert_close(operator.rmatvec(U[:, 0]), K.T @ U[:, 0])
    assert_close(operator @ V[:, :1], K @ V[:, :1])
    assert_close(operator.T @ U, K.T @ U)
    z = V[:, 0] + 1j * V[:, 1]
    assert_close(operator @ z, K @ z)
    assert_close(operator @ np.ones(m, dtype=int), K.sum(axis=1))
    assert_close(operator @ np.zeros(m), np.zeros(n))


@pytest.mark.parametrize("memory", [LITTLE, MUCH, None])
@pytest.mark.parametrize("kernel", KERNELS, ids=repr)
def test_is_the_matrix(kernel, memory):
    X, Y = data(150), data(70, seed=1)
    assert_is(gram_operator(kernel, X, working_memory=memory), kernel(X))
    assert_is(gram_operator(kernel, X, Y, working_memory=memory), kernel(X, Y))
    assert_is(gram_operator(kernel, Y, X, working_memory=memory), kernel(Y, X))


@pytest.mark.parametrize("gate_type", GATES, ids=lambda t: t.__name__)
def test_random_circuits(gate_type):
    @settings(max_examples=3, phases=[Phase.generate])
    @given(feature_maps(gate_type, max_qubits=3, max_operations=5), st.integers(0, 999))
    def agrees(feature_map, seed):
        assume(feature_map.n_features)
        inputs, parameters = points(feature_map, 20, seed)
        kernel = qk.FidelityKernel(feature_map, parameters=parameters)
        operator = gram_operator(kernel, inputs)
        psi = simulated(feature_map, feature_map.encode(inputs), parameters)
        v = np.random.default_rng(seed).normal(size=20)
        assert_close(operator @ v, np.abs(psi.conj() @ psi.T) ** 2 @ v)

    agrees()


def tiles_computed(monkeypatch):
    """Return a list that grows by the shape of each tile that is compared."""
    shapes = []

    def compare(kernel, p, q=None):
        shapes.append((len(p), len(p if q is None else q)))
        return original(kernel, p, q)

    original = module.compare
    monkeypatch.setattr(module, "compare", compare)
    return shapes


def test_no_kernel_values_are_computed_where_states_are_few(monkeypatch):
    shapes = tiles_computed(monkeypatch)
    X, Y = data(40), data(30, seed=1)
    for operator in (gram_operator(ZZ, X), gram_operator(ZZ, X, Y), gram_operator(ZZ, X, Y).H):
        operator @ np.ones(operator.shape[1])
    assert shapes == []


def test_tiles_are_computed_where_they_take_less_work(monkeypatch):
    """With d = 4 amplitudes and 40 points, five vectors and no more are worth an observable each.

    An observable takes 4 d² operations a point and side, a kernel value 8 d, half if symmetric.
    """
    shapes = tiles_computed(monkeypatch)
    operator = gram_operator(ZZ, data(40))
    operator @ np.ones((40, 5))
    assert shapes == []
    operator @ np.ones((40, 6))
    assert shapes == [(40, 40)]
    # More basis states than points.
    K = gram_operator(qk.FidelityKernel(qk.feature_maps.zz), data(20, 5))
    K @ np.ones(20)
    assert shapes == [(40, 40), (20, 20)]


def test_tiles_of_a_symmetric_matrix_are_computed_once(monkeypatch):
    shapes = tiles_computed(monkeypatch)
    X = data(1100)
    operator = gram_operator(RBF(), X)
    assert_close(operator @ X, RBF()(X) @ X)
    assert len(shapes) > 3
    assert 1100**2 / 2 < sum(n * m for n, m in shapes) < 0.8 * 1100**2


def test_prepared_points_are_kept_where_they_fit(monkeypatch):
    calls = []
    original = blocks.prepare
    monkeypatch.setattr(blocks, "prepare", lambda k, X: (calls.append(len(X)), original(k, X))[1])
    X = data(3000, 6)
    # Of 1 KB each; rows are gone through backwards after columns, and the last are kept.
    for memory, least, most in ((MUCH, 0, 0), (LITTLE, 1500, 4500)):
        operator = gram_operator(ZZ, X, working_memory=memory)
        operator @ np.ones(len(X))
        calls.clear()
        operator @ np.ones(len(X))
        assert least <= sum(calls) <= most


def test_large_observables_are_not_made():
    """Of 2 · 2^10 numbers it takes 33.6 MB, and half of the memory is for it at most."""
    X = data(5, 10)
    for memory, kind in (("67.2MB", module._StateOperator), ("67.0MB", module._TiledOperator)):
        assert type(gram_operator(ZZ, X, working_memory=memory)) is kind


def test_evaluators_of_another_kind_compare_themselves():
    class Depolarised(qk.StatevectorEvaluator):
        def fidelities(self, a, b=None, *, return_std=False):
            return 0.9 * super().fidelities(a, b, return_std=return_std)

    kernel = qk.FidelityKernel(qk.feature_maps.zz, evaluator=Depolarised())
    X = data(30)
    assert_is(gram_operator(kernel, X), 0.9 * ZZ(X))


def test_equal_content_is_the_symmetric_case():
    X = data(30)
    K = (ZZ + WhiteKernel(1.0))(X)
    assert_is(gram_operator(ZZ + WhiteKernel(1.0), X, X.copy()), K)


def test_single_precision():
    evaluator = qk.StatevectorEvaluator(precision="single")
    kernel = qk.FidelityKernel(qk.feature_maps.zz, evaluator=evaluator)
    X, v = data(200), np.random.default_rng(0).normal(size=200)
    assert_close(gram_operator(kernel, X) @ v, ZZ(X) @ v, 1e-5)


def test_the_kernel_is_as_it_was():
    kernel, X = qk.FidelityKernel(qk.feature_maps.zz), data(30)
    operator = gram_operator(kernel, X)
    expected = kernel(X).sum(axis=1)
    kernel.bandwidth = 3.0
    assert_close(operator @ np.ones(30), expected)


# -- Solvers


def test_kernel_ridge_regression_by_conjugate_gradients():
    X, y = data(400), np.sin(data(400)[:, 0])
    weights, failed = cg(gram_operator(ZZ + WhiteKernel(0.1), X), y, rtol=1e-10)
    assert failed == 0
    expected = np.linalg.solve(ZZ(X) + 0.1 * np.eye(400), y)
    np.testing.assert_allclose(weights, expected, atol=1e-6)
    shifted = gram_operator(ZZ, X) + 0.1 * aslinearoperator(np.eye(400))
    np.testing.assert_allclose(cg(shifted, y, rtol=1e-10)[0], expected, atol=1e-6)


def test_eigenvalues_and_singular_values():
    X, Y = data(300), data(200, seed=1)
    found = eigsh(gram_operator(ZZ, X), k=5, return_eigenvectors=False)
    np.testing.assert_allclose(np.sort(found), np.linalg.eigvalsh(ZZ(X))[-5:], rtol=1e-9)
    found = svds(gram_operator(ZZ, X, Y), k=3, return_singular_vectors=False, random_state=0)
    expected = np.linalg.svd(ZZ(X, Y), compute_uv=False)[2::-1]
    np.testing.assert_allclose(np.sort(found), expected, rtol=1e-9)


# -- Refusals

SAMPLED = [
    qk.SamplerEvaluator(cirq.Simulator(), repetitions=10),
    qk.StatevectorEvaluator(repetitions=10, random_state=0),
]


@pytest.mark.parametrize("evaluator", SAMPLED, ids=lambda e: type(e).__name__)
def test_refuses_sampled_evaluators(evaluator):
    sampled = qk.ProjectedKernel(qk.feature_maps.zz, evaluator=evaluator)
    for kernel in (sampled, RBF() + 2.0 * sampled):
        message = (
            "expected a kernel with an exact evaluator, as each product computes all kernel values "
            f"anew, got {evaluator!r}; compute the matrix once, with gram_matrix"
        )
        with pytest.raises(TypeError, match=re.escape(message)):
            gram_operator(kernel, data(4))


@pytest.mark.parametrize(
    ("kernel", "X", "Y", "options", "error", "message"),
    [
        ("rbf", data(4), None, {}, TypeError, "kernel: expected a kernel that returns one matrix"),
        (CompoundKernel([RBF()]), data(4), None, {}, TypeError, "that returns one matrix"),
        (RBF(), data(4), data(4, 3), {}, ValueError, "equally many features, got [2, 3]"),
        (ZZ, [[np.nan, 1.0]], None, {}, ValueError, "contains NaN"),
        (DotProduct(), data(4), None, {"working_memory": 0}, ValueError, "working_memory"),
        (DotProduct(), data(4), None, {"working_memory": "1KB"}, MemoryError, "working_memory"),
    ],
)
def test_refusals(kernel, X, Y, options, error, message):
    with pytest.raises(error, match=re.escape(message)):
        gram_operator(kernel, X, Y, **options)
