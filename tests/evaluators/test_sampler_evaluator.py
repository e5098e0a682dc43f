"""`SamplerEvaluator`: what is bought, how often, from whom, and what is refused before."""

import re

import cirq
import numpy as np
import pytest
import sympy
from joblib import parallel_config
from sklearn.base import clone
from sklearn.decomposition import KernelPCA
from sklearn.gaussian_process import GaussianProcessClassifier, GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
from sklearn.kernel_ridge import KernelRidge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.svm import SVC, SVR

from qkernels import FeatureMap, FidelityKernel, ProjectedFeatures, ProjectedKernel
from qkernels.evaluators import SamplerEvaluator
from qkernels.sampling.backends import Offline, SamplerBackend
from qkernels.sampling.budget import Budget, BudgetExceeded
from qkernels.sampling.circuits import second_copy
from qkernels.sampling.execution import MissingCounts
from qkernels.sampling.ledger import Ledger
from qkernels.sampling.mitigation import (
    BitFlipTolerance,
    Depolarizing,
    HammingWeights,
    Readout,
    UnbiasedDistances,
)
from qkernels.sampling.settings import measurement_settings
from qkernels.testing import check_evaluator, check_kernel
from tests.reference import ring, trained
from tests.sampling.exact_sampler import ExactEvaluator, ExactSampler, depolarized

MAP = ring(2)
N = 8
X = np.random.default_rng(0).uniform(-1, 1, (N, 2))
Y = np.array([0, 1] * (N // 2))
PAIRS = N * (N - 1) // 2
QUBITS = (*MAP.qubits, *second_copy(MAP.qubits))
ESTIMATORS = pytest.mark.parametrize("estimator", ["inversion", "bell"])


@pytest.fixture
def sampler():
    return ExactSampler(0)


def fidelity(sampler, **options):
    return FidelityKernel(MAP, evaluator=SamplerEvaluator(sampler, repetitions=50, **options))


def projected(sampler, *, repetitions=50, mitigation=(), ledger=None, **options):
    evaluator = SamplerEvaluator(
        sampler, repetitions=repetitions, mitigation=mitigation, ledger=ledger
    )
    return ProjectedKernel(MAP, evaluator=evaluator, **options)


def require_bought(sampler, n):
    """Check how many points were bought, and that none was bought twice."""
    assert len(sampler.points) == len(set(sampler.points)) == n


# -- Bought once


@ESTIMATORS
@pytest.mark.parametrize("diagonal", ["measure", "one"])
def test_symmetric_calls_buy_each_pair_once(sampler, estimator, diagonal):
    kernel = fidelity(sampler, estimator=estimator, diagonal=diagonal)
    n = PAIRS + (N if diagonal == "measure" else 0)
    K = kernel(X)
    require_bought(sampler, n)
    for other in (X, X.copy(), X.tolist(), None):
        np.testing.assert_array_equal(kernel(X, other), K)
    np.testing.assert_array_equal(kernel(X[:5], X), K[:5])
    np.testing.assert_array_equal(kernel(X, X[::-2]), K[:, ::-2])
    np.testing.assert_array_equal(kernel(X[::-1]), K[::-1, ::-1])
    np.testing.assert_array_equal(kernel.diag(X), np.diag(K))
    require_bought(sampler, n)
    kernel(X, X[:2] + 0.5)
    require_bought(sampler, n + 2 * N)


def test_equal_points_are_one(sampler):
    kernel = fidelity(sampler)
    points = np.array([[0.0, 0.5], [-0.0, 0.5], [0.3, -0.0], [0.3, 0.0], [0.0, 0.5]])
    K = kernel(points)
    require_bought(sampler, 3)
    np.testing.assert_array_equal(K[0], K[1])
    np.testing.assert_array_equal(K[:, 2], K[:, 3])
    kernel(points[:2], points[2:])
    kernel.diag(np.abs(points))
    require_bought(sampler, 3)


def test_without_a_measured_diagonal_none_is_bought(sampler):
    kernel = fidelity(sampler, diagonal="one")
    np.testing.assert_array_equal(kernel(X[:1]), [[1]])
    np.testing.assert_array_equal(kernel.diag(X), np.ones(N))
    np.testing.assert_array_equal(kernel(X[[0, 0]], X[[0]]), [[1], [1]])
    require_bought(sampler, 0)
    K, std = kernel.compare(kernel.prepare(X[[0, 1, 0]]), return_std=True)
    require_bought(sampler, 1)
    np.testing.assert_array_equal((K == 1) & (std == 0), [[1, 0, 1], [0, 1, 0], [1, 0, 1]])


@pytest.mark.parametrize(("method", "n"), [("single", 5), ("average", 5), ("split", 7)])
def test_corrections_buy_the_diagonals_that_they_need(method, n):
    sampler = ExactSampler(0, depolarized(0.1))
    fidelity(sampler, mitigation=[Depolarizing(method)])(X[:2], X[2:7])
    require_bought(sampler, 2 * 5 + n)


def test_clones_and_other_kernels_share(sampler):
    kernel = fidelity(sampler)
    K = kernel(X)
    np.testing.assert_array_equal(clone(kernel)(X), K)
    half = clone(kernel).set_params(bandwidth=0.5)
    np.testing.assert_array_equal(half(2 * X), K)
    named = FeatureMap(MAP.circuit, MAP.feature_symbols, name="another name")
    np.testing.assert_array_equal(FidelityKernel(named, evaluator=kernel.evaluator)(X), K)
    np.testing.assert_allclose((2.0 * kernel + WhiteKernel(0.5))(X), 2 * K + 0.5 * np.eye(N))
    require_bought(sampler, PAIRS + N)
    half(X)
    require_bought(sampler, 2 * (PAIRS + N))


def test_angles_of_any_expression_are_found_again(sampler):
    a, b = sympy.symbols("a b")
    q = cirq.LineQubit(0)
    circuit = cirq.Circuit(
        cirq.rx(sympy.sin(a) * sympy.exp(-(b**2)))(q),
        cirq.rz(sympy.atan2(a, b**2 + 1) + sympy.cos(a * b / 3))(q),
        cirq.ry(sympy.acos(sympy.cos(a) / 2) ** 2)(q),
    )
    kernel = FidelityKernel(
        FeatureMap(circuit, ["a", "b"]),
        evaluator=SamplerEvaluator(sampler, repetitions=1),
    )
    points = np.random.default_rng(1).normal(size=(23, 2))
    kernel(points)
    for i in range(23):
        kernel(points[i : i + 3], np.asfortranarray(points[i // 2 :]))
    require_bought(sampler, 23 * 24 // 2)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_grid_search_buys_each_pair_once(sampler, n_jobs):
    search = GridSearchCV(
        SVC(kernel=fidelity(sampler)), {"C": [0.1, 1.0, 10.0]}, cv=4, n_jobs=n_jobs
    )
    with parallel_config(backend="threading"):
        search.fit(X, Y)
    require_bought(sampler, PAIRS + N)
    search.predict(X)
    require_bought(sampler, PAIRS + N)


def test_threads_buy_each_pair_once(sampler):
    kernel = fidelity(sampler, points_per_chunk=3, random_state=0)
    KernelPCA(3, kernel=kernel, n_jobs=2).fit(X)
    require_bought(sampler, PAIRS + N)


def test_projected_kernels_buy_three_settings_a_point(sampler):
    kernel = projected(sampler)
    K = kernel(X)
    require_bought(sampler, 3 * N)
    np.testing.assert_array_equal(kernel(X[[1, 1, 0]], X), K[[1, 1, 0]])
    np.testing.assert_array_equal(kernel.diag(X), 1)
    other = ProjectedKernel(MAP, gamma=3.0, evaluator=kernel.evaluator)
    np.testing.assert_allclose(other(X), K**3, rtol=1e-12)
    ProjectedKernel(MAP, outer=RBF(), evaluator=kernel.evaluator)(X)
    ProjectedFeatures(MAP, observables="XZ", evaluator=kernel.evaluator).fit_transform(X)
    require_bought(sampler, 3 * N)
    kernel(X[:2] + 0.5, X)
    require_bought(sampler, 3 * (N + 2))


@pytest.mark.parametrize("n_qubits", [2, 3])
def test_settings_are_shared_between_localities(sampler, n_qubits):
    evaluator = SamplerEvaluator(sampler, repetitions=10)
    points = np.random.default_rng(2).uniform(size=(2, n_qubits))
    places = [((q, a),) for q in range(n_qubits) for a in "XYZ"]
    longer = [p + q for p in places for q in places if p[0][0] < q[0][0]]
    known = set()
    for locality, words in ((1, places), (2, places + longer)):
        ProjectedKernel(ring, locality=locality, evaluator=evaluator)(points)
        known |= set(map(tuple, measurement_settings(words, n_qubits).tolist()))
        require_bought(sampler, 2 * len(known))
    assert len(known) == 9


def test_more_repetitions_are_added(sampler):
    ledger = Ledger()
    few = fidelity(sampler, ledger=ledger)(X)
    more = FidelityKernel(MAP, evaluator=SamplerEvaluator(sampler, repetitions=80, ledger=ledger))
    K = more(X)
    assert ledger.summary().repetitions == 80 * (PAIRS + N)
    np.testing.assert_allclose(K * 80, np.rint(K * 80), atol=1e-9)
    assert (np.abs(K * 80 - few * 50) <= 30 + 1e-9).all()
    # What was counted is used, though fewer are asked for.
    np.testing.assert_array_equal(fidelity(sampler, ledger=ledger)(X), K)


def test_observables_without_letters_buy_nothing(sampler):
    evaluator = SamplerEvaluator(sampler, mitigation=[])
    for observables, expected in (([], []), ([cirq.PauliString(coefficient=-2)], [-2])):
        values, std = evaluator.expectations(MAP, X, observables=observables, return_std=True)
        np.testing.assert_array_equal(values, np.tile(expected, (N, 1)))
        np.testing.assert_array_equal(std, np.zeros((N, len(expected))))
    require_bought(sampler, 0)


# -- In scikit-learn

KINDS = pytest.mark.parametrize("build", [fidelity, projected], ids=lambda build: build.__name__)


@KINDS
def test_contract(sampler, build):
    check_kernel(build(sampler), 3 * X[:4])


@ESTIMATORS
def test_contract_of_evaluators(estimator):
    check_evaluator(ExactEvaluator(estimator=estimator), ring(3), np.eye(4, 3), atol=1e-9)
    check_evaluator(ExactEvaluator(), trained(2), X, [0.3, -0.4], atol=1e-9)


@KINDS
@pytest.mark.parametrize("model", [SVC(), SVR(), KernelRidge()], ids=repr)
def test_estimators_of_precomputed_matrices(sampler, build, model):
    kernel = build(sampler)
    ours = clone(model).set_params(kernel=kernel).fit(X[:6], Y[:6])
    theirs = clone(model).set_params(kernel="precomputed").fit(kernel(X[:6]), Y[:6])
    expected = theirs.predict(kernel(X[6:], X[:6]))
    np.testing.assert_allclose(ours.predict(X[6:]), expected, atol=1e-9)


@KINDS
def test_gaussian_processes(sampler, build):
    kernel = ConstantKernel(2.0, "fixed") * build(sampler) + WhiteKernel(0.5, "fixed")
    mean, std = GaussianProcessRegressor(kernel).fit(X[:6], Y[:6]).predict(X[6:], return_std=True)
    assert mean.shape == std.shape == (2,)
    assert np.isfinite(std).all()
    classifier = GaussianProcessClassifier(build(sampler)).fit(X, Y)
    assert classifier.predict_proba(X).shape == (N, 2)


@KINDS
def test_pipelines(sampler, build):
    kernel = build(sampler)
    model = make_pipeline(MinMaxScaler(), SVC(kernel=kernel)).fit(X[:6], Y[:6])
    Z = model[0].transform(X)
    expected = SVC(kernel="precomputed").fit(kernel(Z[:6]), Y[:6]).predict(kernel(Z, Z[:6]))
    np.testing.assert_array_equal(model.predict(X), expected)


@pytest.mark.parametrize(
    "mitigation",
    [
        (),
        (Readout(dict.fromkeys(QUBITS, (0.02, 0.05))),),
        (BitFlipTolerance(1),),
        (HammingWeights(0.5), Depolarizing("average")),
        (Depolarizing("single"),),
        (Depolarizing("split"),),
    ],
    ids=repr,
)
def test_the_diagonal_alone_is_that_of_the_matrix(mitigation):
    sampler = ExactSampler(1, depolarized(0.2))
    kernel = fidelity(sampler, mitigation=mitigation)
    points = X[[0, 1, 1, 2]]
    first = kernel.diag(points)
    np.testing.assert_allclose(first, np.diag(kernel(points)), rtol=1e-12)
    require_bought(sampler, 6)


@pytest.mark.parametrize("mitigation", [(), (UnbiasedDistances(),)], ids=repr)
def test_the_diagonal_of_a_projected_kernel_is_one(sampler, mitigation):
    kernel = projected(sampler, mitigation=mitigation)
    np.testing.assert_array_equal(kernel.diag(X), 1)
    require_bought(sampler, 0)
    np.testing.assert_array_equal(np.diag(kernel(X)), 1)


def test_gradients_are_refused(sampler):
    kernel = fidelity(sampler).set_params(bandwidth_bounds=(0.1, 1.0))
    with pytest.raises(NotImplementedError, match="gradients need an evaluator with the methods"):
        kernel(X, eval_gradient=True)
    require_bought(sampler, 0)


# -- Offline


def test_the_ledger_alone(sampler):
    online = fidelity(sampler)
    K = online(X)
    offline = fidelity(None, ledger=online.evaluator.ledger)
    np.testing.assert_array_equal(offline(X), K)
    np.testing.assert_array_equal(offline.diag(X), np.diag(K))
    given = fidelity(Offline("ExactSampler"), ledger=online.evaluator.ledger)
    np.testing.assert_array_equal(given(X), K)
    require_bought(sampler, PAIRS + N)


def test_what_is_missing_is_named(sampler):
    online = fidelity(sampler)
    online(X[[0, 2]])
    offline = fidelity(None, ledger=online.evaluator.ledger)
    with pytest.raises(MissingCounts) as caught:
        offline(X[:3])
    text = "expected counts of 6 points measured on ExactSampler, got none of 3 in Ledger(): "
    assert str(caught.value).startswith(text)
    named = str(caught.value).removeprefix(text).split(", ")
    assert sorted(named) == ["X[0] with X[1]", "X[1] with X[1]", "X[1] with X[2]"]
    with pytest.raises(MissingCounts, match=r"of 1 points .* any backend, .*: X\[0\] with Y\[0\]$"):
        fidelity(None)(X[:1], X[1:2])
    with pytest.raises(MissingCounts, match=r"none of 1 in Ledger\(\): X\[0\] with itself$"):
        fidelity(None).diag(X[:1])
    with pytest.raises(MissingCounts, match=r"none of 24 in .* in setting [XYZ]{2}, .*, \.\.\.$"):
        projected(None)(X)


def test_counts_of_several_backends_are_not_mixed(sampler):
    ledger, points = Ledger(), X[:2]
    K = [
        fidelity(SamplerBackend(ExactSampler(seed), identity=name), ledger=ledger)(points)
        for seed, name in ((1, "left"), (2, "right"))
    ]
    assert (K[0] != K[1]).any()
    with pytest.raises(
        ValueError,
        match=r"^expected counts of one backend in Ledger\(\), got \['left', 'right'\]: give the",
    ):
        fidelity(None, ledger=ledger)(points)
    found = fidelity(Offline("right"), ledger=ledger)(points)
    np.testing.assert_array_equal(found, K[1])


# -- Refusals


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"repetitions": 0}, "expected repetitions to be an integer of at least 1, got 0"),
        ({"repetitions": 2.5}, "expected repetitions to be an integer of at least 1, got 2.5"),
        ({"repetitions": True}, "expected repetitions to be an integer of at least 1, got True"),
        (
            {"repetitions": "many"},
            "expected repetitions to be an integer of at least 1, got 'many'",
        ),
        (
            {"points_per_chunk": 0},
            "expected points_per_chunk to be an integer of at least 1, got 0",
        ),
        ({"random_state": -1}, "expected random_state to be an integer of at least 0, got -1"),
        ({"estimator": "swap"}, "estimator: expected one of ['inversion', 'bell'], got 'swap'"),
        ({"diagonal": "ones"}, "diagonal: expected one of ['measure', 'one'], got 'ones'"),
        (
            {"diagonal": "one", "mitigation": [Depolarizing("split")]},
            "mitigation: Depolarizing needs a measured diagonal, got diagonal='one': an evaluator "
            "with diagonal='measure' measures it",
        ),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_wrong_values(tmp_path, options, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        SamplerEvaluator(ExactSampler(), ledger=tmp_path / "ledger", **options)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"budget": 1000}, "budget: expected None or a Budget, got 1000"),
        ({"target": "sycamore"}, "target: expected None or a Target, got 'sycamore'"),
        ({"backend": 5}, "backend: expected None, a cirq.Sampler, or an object with the methods"),
        ({"backend": cirq.Simulator}, "backend: expected None, a cirq.Sampler, or an object with"),
        ({"mitigation": None}, "mitigation: expected a list of mitigations, got None of type None"),
        ({"mitigation": "readout"}, "mitigation: expected a list of mitigations, got 'readout' of"),
        (
            {"mitigation": Depolarizing("split")},
            "mitigation: expected a list of mitigations, got Depolarizing(method='split') of type",
        ),
        ({"mitigation": [Readout]}, "mitigation: expected a list of mitigations, got [<class '"),
    ],
    ids=str,
)
def test_wrong_types(tmp_path, options, message):
    with pytest.raises(TypeError, match=f"^{re.escape(message)}"):
        SamplerEvaluator(**{"backend": ExactSampler(), "ledger": tmp_path / "ledger"} | options)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("build", "mitigation", "message"),
    [
        (fidelity, UnbiasedDistances(), "fidelities have no projected distances"),
        (fidelity, Readout({QUBITS[0]: (0.1, 0.1)}), r"got none of q\(1\); there are those of q"),
        (fidelity, BitFlipTolerance(3), "expected h of at most 2, the measured qubits, got 3"),
        (projected, Depolarizing("split"), "have no diagonal that tells the noise"),
        (projected, BitFlipTolerance(1), "applies to 'inversion', got 'expectations'"),
        (projected, HammingWeights(1.0), "applies to 'inversion', got 'expectations'"),
        (projected, Readout({QUBITS[1]: (0.1, 0.1)}), r"got none of q\(0\); there are those of q"),
        (projected, Readout(dict.fromkeys(QUBITS, (0.5, 0.5))), "which cannot be undone"),
    ],
    ids=str,
)
def test_mitigations_that_do_not_apply(sampler, build, mitigation, message):
    kernel = build(sampler, mitigation=[mitigation])
    calls = [kernel, lambda P: kernel(P, P[:1])] + [kernel.diag] * (build is fidelity)
    for call in calls:
        with pytest.raises(ValueError, match=message):
            call(X)
    assert not kernel.evaluator.ledger.submissions()


@pytest.mark.parametrize("mitigation", [BitFlipTolerance(1), HammingWeights(1.0)], ids=repr)
def test_bell_measurements_have_no_weights(sampler, mitigation):
    kernel = fidelity(sampler, estimator="bell", mitigation=[mitigation])
    with pytest.raises(ValueError, match=r"applies to 'inversion', got 'bell': only there"):
        kernel(X)
    kernel = fidelity(sampler, estimator="bell", mitigation=[Readout({QUBITS[0]: (0.1, 0.1)})])
    with pytest.raises(ValueError, match=r"got none of q\(1\), q\(2\), q\(3\)"):
        kernel(X)
    require_bought(sampler, 0)


def test_noisy_maps_have_no_inverse(sampler):
    q = cirq.LineQubit(0)
    noisy = FeatureMap(cirq.Circuit(cirq.rx(sympy.Symbol("x"))(q), cirq.depolarize(0.1)(q)), ["x"])
    kernel = FidelityKernel(noisy, evaluator=SamplerEvaluator(sampler))
    with pytest.raises(ValueError, match=r"inversion' runs .*'bell' measures such maps$"):
        kernel(X[:, :1])
    require_bought(sampler, 0)
    bell = FidelityKernel(noisy, evaluator=ExactEvaluator(estimator="bell"))
    purity = (1 + (1 - 4 / 3 * 0.1) ** 2) / 2
    np.testing.assert_allclose(bell.diag(X[:, :1]), purity, atol=1e-9)


def test_points_of_two_maps_are_not_compared(sampler):
    evaluator = SamplerEvaluator(sampler)
    a, b = evaluator.embed(MAP, X), evaluator.embed(ring(3), np.eye(3))
    with pytest.raises(ValueError, match=r"^expected points of one feature map, got .* and .*3 qu"):
        evaluator.fidelities(a, b)
    require_bought(sampler, 0)


@pytest.mark.parametrize(
    ("observables", "error", "message"),
    [
        ([1 * cirq.X(cirq.LineQubit(7))], ValueError, r"expected observables on the .* on \['q\(7"),
        ([1j * cirq.X(QUBITS[0])], ValueError, "expected a real coefficient, got 1j"),
        ([cirq.X(QUBITS[0]) + 1], TypeError, "expected a cirq.PauliString as observable, got"),
    ],
    ids=["qubit", "Hermitian", "sum"],
)
def test_observables_that_are_none(sampler, observables, error, message):
    with pytest.raises(error, match=message):
        SamplerEvaluator(sampler).expectations(MAP, X, observables=observables)
    require_bought(sampler, 0)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_angles_that_are_no_numbers(sampler, value):
    evaluator, inputs = SamplerEvaluator(sampler), np.array([[0.1, value]])
    observables = [1 * cirq.X(QUBITS[0])]
    for call in (
        lambda: evaluator.embed(MAP, inputs),
        lambda: evaluator.expectations(MAP, inputs, observables=observables),
    ):
        with pytest.raises(ValueError, match=r"expected a finite real number for .* in row 0 of X"):
            call()
    require_bought(sampler, 0)


@KINDS
def test_nothing_is_submitted_beyond_the_budget(sampler, build):
    kernel = build(sampler)
    evaluator = kernel.evaluator.replace(budget=Budget(repetitions=300))
    with pytest.raises(BudgetExceeded, match="expected at most 300 repetitions in all"):
        clone(kernel).set_params(evaluator=evaluator)(X)
    require_bought(sampler, 0)
    assert not evaluator.ledger.submissions()
