"""What `ProjectedKernel` and `ProjectedFeatures` compute, from reduced density matrices up."""

from itertools import combinations

import cirq
import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.gaussian_process.kernels import (
    RBF,
    ConstantKernel,
    DotProduct,
    Exponentiation,
    ExpSineSquared,
    Kernel,
    Matern,
    RationalQuadratic,
    WhiteKernel,
)
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC
from sklearn.utils.estimator_checks import parametrize_with_checks

from qkernels.feature_maps import FeatureMap
from qkernels.kernels import ProjectedFeatures, ProjectedKernel, projected
from qkernels.testing import check_kernel
from tests.reference import (
    EVALUATORS,
    ReferenceEvaluator,
    arccos,
    reduced_density_matrix,
    ring,
    states,
    trained,
)

T = np.array([0.7, -1.1])
Q = cirq.LineQubit.range(4)
PAULIS = {"X": [[0, 1], [1, 0]], "Y": [[0, -1j], [1j, 0]], "Z": [[1, 0], [0, -1]]}


@pytest.fixture(params=EVALUATORS, ids=lambda evaluator: type(evaluator).__name__)
def evaluator(request):
    return request.param


@pytest.fixture
def X():
    return np.random.default_rng(2).uniform(-0.9, 0.9, (6, 4))


def squared_distances(feature_map, X, locality):
    """Return Σ_A ‖ρ_A − ρ′_A‖²_F over all sets A of `locality` qubits."""
    found = states(feature_map, feature_map.encode(X))
    D = np.zeros((len(X), len(X)))
    for keep in combinations(range(feature_map.n_qubits), locality):
        rho = [reduced_density_matrix(state, keep) for state in found]
        D += [[np.linalg.norm(a - b) ** 2 for b in rho] for a in rho]
    return D


def bloch_vectors(feature_map, X):
    """Return ⟨X⟩, ⟨Y⟩, ⟨Z⟩ of every qubit, of shape (n_points, n_qubits, 3)."""
    found = states(feature_map, feature_map.encode(X))
    return np.array(
        [
            [
                [np.trace(reduced_density_matrix(s, [q]) @ p).real for p in PAULIS.values()]
                for q in range(feature_map.n_qubits)
            ]
            for s in found
        ]
    )


def test_reduced_density_matrices_are_cirqs(X):
    for state in states(ring(4), X[:2]):
        for keep in [[0], [3], [0, 2], [1, 2, 3]]:
            traced = cirq.partial_trace_of_state_vector_as_mixture(state, keep, atol=1e-12)
            rho = sum(p * np.outer(v, v.conj()) for p, v in traced)
            np.testing.assert_allclose(reduced_density_matrix(state, keep), rho, atol=1e-9)


def test_definition_by_reduced_density_matrices(evaluator, X):
    expected = np.exp(-0.7 * squared_distances(ring(4), X, 1))
    K = ProjectedKernel(ring, gamma=0.7, evaluator=evaluator)(X)
    np.testing.assert_allclose(K, expected, atol=1e-12)


def test_definition_by_bloch_vectors_has_half_of_gamma(evaluator, X):
    r = bloch_vectors(ring(4), X)
    distances = ((r[:, None] - r[None]) ** 2).sum(axis=(2, 3))
    K = ProjectedKernel(ring, gamma=0.7, evaluator=evaluator)(X)
    np.testing.assert_allclose(K, np.exp(-0.35 * distances), atol=1e-12)


@pytest.mark.parametrize("locality", [1, 2, 3, 4])
def test_distance_of_features_is_that_of_density_matrices(evaluator, X, locality):
    F = ProjectedKernel(ring, locality=locality, evaluator=evaluator).prepare(X).features
    D = ((F[:, None] - F[None]) ** 2).sum(axis=2)
    np.testing.assert_allclose(D, squared_distances(ring(4), X, locality), atol=1e-12)


def test_columns_run_over_qubits_then_paulis(evaluator, X):
    F = ProjectedKernel(ring, evaluator=evaluator).prepare(X).features
    expected = bloch_vectors(ring(4), X).reshape(6, 12) / np.sqrt(2)
    np.testing.assert_allclose(F, expected, atol=1e-12)


def test_parameters_and_bandwidth_reach_the_map(evaluator, X):
    kernel = ProjectedKernel(trained(4), bandwidth=[1, 2, 3, 4], parameters=T, evaluator=evaluator)
    plain = ProjectedKernel(trained(4).bind(T), evaluator=evaluator)
    np.testing.assert_allclose(kernel(X), plain(X * [1, 2, 3, 4]), atol=1e-12)


def test_own_observables(evaluator, X):
    observables = [cirq.Z(Q[0]) * cirq.Z(Q[3]) - 2 * cirq.Y(Q[1]) + 0.5, 3 * cirq.X(Q[2])]
    F = ProjectedKernel(ring, observables=observables, evaluator=evaluator).prepare(X).features
    expected = [
        [observable.expectation_from_state_vector(s, {q: i for i, q in enumerate(Q)}).real]
        for s in states(ring(4), X)
        for observable in map(cirq.PauliSum.wrap, observables)
    ]
    np.testing.assert_allclose(F, np.reshape(expected, (6, 2)), atol=1e-12)


def test_letters(evaluator, X):
    everything = ProjectedKernel(ring, evaluator=evaluator).prepare(X).features
    some = ProjectedKernel(ring, observables="ZX", evaluator=evaluator).prepare(X).features
    np.testing.assert_allclose(some, everything.reshape(6, 4, 3)[:, :, [0, 2]].reshape(6, 8))


CONTRACT = [
    {},
    {"gamma": 0.3, "gamma_bounds": (0.1, 10.0)},
    {"locality": 2, "bandwidth": 0.5, "bandwidth_bounds": (0.1, 2.0)},
    {"observables": "Z"},
    {"observables": [cirq.Z(Q[0]) + cirq.X(Q[1]), cirq.Y(Q[2])]},
    {"outer": RBF(0.5)},
    {"outer": Matern(0.5, nu=1.5), "bandwidth": [1.0, 0.5, 2.0, 1.0]},
    {"outer": RationalQuadratic() + WhiteKernel(0.1)},
    {"outer": ConstantKernel(2.0) * DotProduct(sigma_0=0.5), "observables": "XY"},
]


@pytest.mark.parametrize("options", CONTRACT, ids=lambda options: ",".join(options) or "plain")
def test_contract(evaluator, X, options):
    check_kernel(ProjectedKernel(ring, **options, evaluator=evaluator), X)


@pytest.mark.parametrize(("build", "parameters"), [(ring, None), (trained, T), (arccos, None)])
def test_contract_of_maps(evaluator, X, build, parameters):
    check_kernel(ProjectedKernel(build(3), parameters=parameters, evaluator=evaluator), X[:, :3])


# -- The Gaussian


@pytest.mark.parametrize("tile", [1, 3, 256])
def test_gaussian_in_tiles(monkeypatch, tile):
    monkeypatch.setattr(projected, "_TILE", tile)
    rng = np.random.default_rng(0)
    F, G = rng.normal(size=(8, 5)), rng.normal(size=(7, 5))
    expected = np.exp(-0.3 * ((F[:, None] - G[None]) ** 2).sum(axis=2))
    np.testing.assert_allclose(projected._gaussian(F, G, 0.3), expected, rtol=1e-13)
    K = projected._gaussian(F, None, 0.3)
    np.testing.assert_array_equal(K, K.T)
    np.testing.assert_array_equal(np.diag(K), 1.0)
    np.testing.assert_array_equal(K, projected._gaussian(F, F.copy(), 0.3))


def test_small_distances_keep_their_digits():
    F = np.full((2, 40), 0.6)
    F[1] += 1e-9
    exact = np.sum((F[1] - F[0]).astype(np.longdouble) ** 2)
    K = projected._gaussian(F, None, 1e15)
    np.testing.assert_allclose(-np.log(K[0, 1]), float(1e15 * exact), rtol=1e-12)


def test_repeated_points_have_similarity_one(evaluator, X):
    kernel = ProjectedKernel(ring, gamma=50.0, evaluator=evaluator)
    repeated = np.vstack([X, X[2:3]])
    np.testing.assert_array_equal(kernel(repeated)[2, -1], 1.0)
    assert kernel(X, repeated).max() == 1.0


# -- Another outer kernel


OUTERS = [
    RBF(0.5),
    Matern(0.7, nu=0.5),
    Matern(0.7, nu=2.5),
    RationalQuadratic(),
    ExpSineSquared(),
    DotProduct(),
    ConstantKernel(2.0) * RBF() + WhiteKernel(0.3),
    Exponentiation(DotProduct(), 2),
]


@pytest.mark.parametrize("outer", OUTERS, ids=str)
def test_outer_is_applied_to_the_features(evaluator, X, outer):
    kernel = ProjectedKernel(ring, outer=outer, evaluator=evaluator)
    F = kernel.prepare(X).features
    np.testing.assert_array_equal(kernel(X), outer(F))
    np.testing.assert_array_equal(kernel(X), kernel(X).T)
    np.testing.assert_array_equal(kernel.diag(X), outer.diag(F))
    np.testing.assert_array_equal(kernel(X, X[:2]), outer(F, F[:2]))


def test_outer_rbf_is_the_gaussian(evaluator, X):
    a = ProjectedKernel(ring, gamma=2.0, evaluator=evaluator)
    b = ProjectedKernel(ring, outer=RBF(length_scale=0.5), evaluator=evaluator)
    np.testing.assert_allclose(a(X), b(X), atol=1e-12)


def test_white_noise_is_on_the_symmetric_diagonal_only(evaluator, X):
    kernel = ProjectedKernel(ring, outer=RBF() + WhiteKernel(0.5), evaluator=evaluator)
    np.testing.assert_allclose(np.diag(kernel(X)), 1.5)
    np.testing.assert_allclose(np.diag(kernel(X, X.copy())), 1.5)
    np.testing.assert_allclose(kernel(X, X[::-1])[0, -1], 1.0)


@pytest.mark.parametrize("options", [{"gamma": 2.0}, {"gamma_bounds": (0.1, 1.0)}])
def test_outer_excludes_gamma(X, options):
    kernel = ProjectedKernel(ring, outer=RBF(), **options, evaluator=ReferenceEvaluator())
    with pytest.raises(ValueError, match=r"so gamma must be left alone; got gamma=.*outer=RBF"):
        kernel(X)


def test_outer_must_be_a_kernel(X):
    kernel = ProjectedKernel(ring, outer="rbf", evaluator=ReferenceEvaluator())
    with pytest.raises(TypeError, match=r"outer must be None or a kernel .* got 'rbf'"):
        kernel(X)
    with pytest.raises(TypeError, match="outer must be None or a kernel"):
        kernel.theta


def test_outer_must_return_a_matrix(X):
    class Wrong(RBF):
        def __call__(self, X, Y=None, eval_gradient=False):
            return np.ones(len(X))

    kernel = ProjectedKernel(ring, outer=Wrong(), evaluator=ReferenceEvaluator())
    with pytest.raises(ValueError, match=r"outer must return a matrix of shape \(6, 6\)"):
        kernel(X)


def test_arguments_of_outer_are_reached_by_name():
    kernel = ProjectedKernel(ring, outer=ConstantKernel(2.0) * RBF(0.5))
    assert kernel.get_params()["outer__k2__length_scale"] == 0.5
    assert "outer__k2__length_scale" not in kernel.get_params(deep=False)
    assert kernel.set_params(outer__k2__length_scale=3.0, bandwidth=0.5) is kernel
    assert kernel.outer.k2.length_scale == 3.0
    assert kernel.bandwidth == 0.5
    kernel.set_params(outer__alpha=7.0, outer=RationalQuadratic())
    assert kernel.outer == RationalQuadratic(alpha=7.0)
    with pytest.raises(ValueError, match="Invalid parameter nonsense for kernel RationalQuadratic"):
        kernel.set_params(outer__nonsense=1.0)
    with pytest.raises(ValueError, match="outer__alpha cannot be set while outer is None"):
        kernel.set_params(outer=None, outer__alpha=7.0)


def test_any_kernel_may_be_outer(evaluator, X):
    class Cosine(Kernel):
        def __call__(self, X, Y=None, eval_gradient=False):
            return np.asfortranarray(np.cos(X @ (X if Y is None else Y).T).astype(np.float32))

        def diag(self, X):
            return np.cos((X * X).sum(axis=1)).astype(np.float32)

        def is_stationary(self):
            return False

    kernel = ProjectedKernel(ring, outer=Cosine(), evaluator=evaluator)
    for array in (kernel(X), kernel(X, X[:2]), kernel.diag(X)):
        assert array.dtype == np.float64
        assert array.flags.c_contiguous
        assert array.flags.writeable


# -- Prepared points


def test_prepared_points_are_their_features(evaluator, X):
    kernel = ProjectedKernel(ring, evaluator=evaluator)
    p = kernel.prepare(X)
    assert p.arrays().keys() == {"features"}
    assert p.nbytes == 6 * 12 * 8
    assert np.shares_memory(p[1:3].features, p.features)
    np.testing.assert_array_equal(kernel.restore(p.arrays()).features, p.features)


def test_states_are_refused(X):
    kernel = ProjectedKernel(ring, evaluator=ReferenceEvaluator())
    prepared = ReferenceEvaluator().embed(ring(4), X)
    with pytest.raises(TypeError, match="expected points prepared by a ProjectedKernel"):
        kernel.compare(prepared)


def test_exact_features_have_no_standard_errors(evaluator, X):
    kernel = ProjectedKernel(ring, gamma=0.7, evaluator=evaluator)
    K, std = kernel.compare(kernel.prepare(X), kernel.prepare(X[:2]), return_std=True)
    np.testing.assert_array_equal(K, kernel(X, X[:2]))
    np.testing.assert_array_equal(std, np.zeros((6, 2)))


def test_standard_errors_with_an_outer_kernel_are_refused(X):
    kernel = ProjectedKernel(ring, outer=RBF(), evaluator=ReferenceEvaluator())
    with pytest.raises(NotImplementedError, match="bootstrap over points or repetitions"):
        kernel.compare(kernel.prepare(X), return_std=True)


# -- The transformer


def test_features_are_those_of_the_kernel(evaluator, X):
    for options in ({}, {"locality": 2}, {"observables": "Z"}, {"bandwidth": 0.5}):
        features = ProjectedFeatures(ring, **options, evaluator=evaluator).fit_transform(X)
        prepared = ProjectedKernel(ring, **options, evaluator=evaluator).prepare(X)
        np.testing.assert_array_equal(features, prepared.features)
        np.testing.assert_allclose(
            RBF(np.sqrt(0.5))(features), ProjectedKernel(ring, **options, evaluator=evaluator)(X)
        )


def test_names_of_features(X):
    features = ProjectedFeatures(ring, observables="ZX", evaluator=ReferenceEvaluator())
    with pytest.raises(NotFittedError):
        features.get_feature_names_out()
    names = features.fit(X[:, :2]).get_feature_names_out()
    assert list(names) == ["X0", "Z0", "X1", "Z1"]
    assert names.dtype == object


def test_pandas_in_and_out(X):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=list("abcd"), index=range(10, 16))
    features = ProjectedFeatures(ring, evaluator=ReferenceEvaluator()).set_output(
        transform="pandas"
    )
    out = features.fit_transform(frame)
    assert list(out.columns[:3]) == ["X0", "Y0", "Z0"]
    assert list(out.index) == list(range(10, 16))
    assert list(features.feature_names_in_) == list("abcd")
    np.testing.assert_array_equal(out, features.set_output(transform="default").transform(frame))
    with pytest.raises(ValueError, match="feature names should match"):
        features.transform(frame[list("dcba")])


def test_transformer_checks_when_it_is_fitted(X):
    def fit(feature_map=ring, **options):
        return ProjectedFeatures(feature_map, **options, evaluator=ReferenceEvaluator()).fit(X)

    assert fit().n_features_in_ == 4
    with pytest.raises(ValueError, match="X has 4 features, but the feature map 'ring' of Proj"):
        fit(ring(3))
    with pytest.raises(ValueError, match="locality must be an integer from 1 to the 4 qubits"):
        fit(locality=5)
    with pytest.raises(ValueError, match="X has 3 features, but ProjectedFeatures is expecting 4"):
        fit().transform(X[:, :3])
    with pytest.raises(NotFittedError):
        ProjectedFeatures(ring).transform(X)


def test_gamma_is_chosen_from_training_data(evaluator, X):
    y = X[:, 0] > 0
    model = make_pipeline(ProjectedFeatures(ring, evaluator=evaluator), SVC(gamma="scale"))
    model.fit(X[:4], y[:4])
    F = ProjectedKernel(ring, evaluator=evaluator).prepare(X[:4]).features
    gamma = 1 / (F.shape[1] * F.var())
    kernel = ProjectedKernel(ring, gamma=gamma, evaluator=evaluator)
    other = SVC(kernel=kernel).fit(X[:4], y[:4])
    np.testing.assert_allclose(model.decision_function(X), other.decision_function(X), atol=1e-8)


def fold(n_features):
    """Return a map of any number of features on two qubits."""
    p, q = cirq.LineQubit.range(2)
    return FeatureMap.from_function(
        lambda x: cirq.Circuit(
            [cirq.rx(xi)((p, q)[i % 2]) for i, xi in enumerate(x)], cirq.CZ(p, q)
        ),
        n_features,
    )


@parametrize_with_checks([ProjectedFeatures(fold, evaluator=ReferenceEvaluator())])
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)
