"""`qkernels.datasets`: what is drawn, what is loaded, and what is refused."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import cirq
import networkx
import numpy as np
import pytest
from sklearn.svm import SVC

import qkernels as qk
from qkernels import datasets

ROOT = Path(__file__).parent.parent


def value(x: np.ndarray, observable: np.ndarray) -> float:
    """Return ⟨Φ(x)|O|Φ(x)⟩ of the ZZ map, with Cirq's simulator."""
    circuit = qk.feature_maps.zz(len(x), reps=2).resolve(x)
    state = cirq.Simulator(dtype=np.complex128).simulate(circuit).final_state_vector
    return (state.conj() @ observable @ state).real


# -- Drawn: ad hoc


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


# -- Drawn: cosets

TREE = [(0, 2), (3, 4), (2, 5), (1, 4), (2, 3), (4, 6)]
GRAPHS = pytest.mark.parametrize(
    "graph",
    [
        pytest.param(TREE, id="tree"),
        pytest.param([(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (5, 0)], id="ring"),
        pytest.param([(i, j) for i in range(6) for j in range(i)], id="complete"),
        pytest.param([(0, 5), (2, 5)], id="vertices without edges"),
        pytest.param([(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (1, 0)], id="an edge twice"),
        pytest.param(networkx.path_graph(6), id="networkx"),
    ],
)


@GRAPHS
def test_without_errors_a_coset_is_one_state(graph):
    drawn = datasets.cosets(24, graph, variance=0.0, random_state=0, return_X_y=False)
    covariant = qk.feature_maps.covariant(graph)
    K = qk.FidelityKernel(covariant, parameters=[np.pi / 2])(drawn.data)
    same = drawn.target[:, None] == drawn.target
    np.testing.assert_allclose(K[same], 1, atol=1e-10)
    np.testing.assert_allclose(K[~same], K[~same][0], atol=1e-10)
    assert len(np.unique(drawn.data.round(6), axis=0)) > 12


def test_two_cosets_are_far_apart():
    kernel = qk.FidelityKernel(qk.feature_maps.covariant(TREE), parameters=[np.pi / 2])
    between = []
    for seed in range(20):
        X, y = datasets.cosets(2, variance=0.0, random_state=seed)
        between.append(kernel(X[y == -1], X[y == 1])[0, 0])
    assert max(between) < 0.5
    # Of two random states of seven qubits it is 1/128; these are less random.
    assert np.mean(between) < 0.05


def test_another_angle_does_not_see_the_cosets():
    X, y = datasets.cosets(24, variance=0.0, random_state=0)
    K = qk.FidelityKernel(qk.feature_maps.covariant(TREE), parameters=[0.3])(X)
    assert K[(y[:, None] == y) & ~np.eye(24, dtype=bool)].mean() < 0.5


@pytest.mark.parametrize("variance", [0.01, 0.3])
def test_errors_have_their_variance(variance):
    clean, y = datasets.cosets(500, variance=0.0, random_state=4)
    noisy, same_y = datasets.cosets(500, variance=variance, random_state=4)
    np.testing.assert_array_equal(y, same_y)
    errors = (noisy - clean).ravel() / np.sqrt(variance)
    # Standard errors of mean, variance and covariance over 7000 numbers, five of them.
    bound = 5 / np.sqrt(errors.size)
    assert abs(errors.mean()) < bound
    assert abs(errors.var() - 1) < np.sqrt(2) * bound
    assert abs(np.mean(errors[1:] * errors[:-1])) < bound


@pytest.mark.parametrize(("n_samples", "shares"), [(2, (1, 1)), (7, (3, 4)), (30, (15, 15))])
def test_cosets_have_equal_shares_in_random_order(n_samples, shares):
    orders = set()
    for seed in range(8):
        X, y = datasets.cosets(n_samples, random_state=seed)
        assert X.shape == (n_samples, 14)
        assert (np.sum(y == -1), np.sum(y == 1)) == shares
        orders.add(tuple(y))
    assert len(orders) > 1


def test_cosets_repeat_with_their_seed():
    first, again, other = (datasets.cosets(6, random_state=seed) for seed in (5, 5, 6))
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    assert not np.array_equal(first[0], other[0])


def test_random_state_of_cosets_may_be_an_instance_which_moves_on():
    random = np.random.RandomState(5)
    first, second = (datasets.cosets(6, random_state=random) for _ in range(2))
    np.testing.assert_array_equal(first[0], datasets.cosets(6, random_state=5)[0])
    assert not np.array_equal(first[0], second[0])


def test_bunch_of_cosets():
    graph = [(0, 1), (1, 2)]
    X, y = datasets.cosets(6, graph, random_state=2)
    drawn = datasets.cosets(6, graph, random_state=2, return_X_y=False)
    np.testing.assert_array_equal(drawn.data, X)
    np.testing.assert_array_equal(drawn.target, y)
    assert drawn.feature_names == ["x0", "x1", "x2", "x3", "x4", "x5"]
    assert drawn.graph == graph


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_samples": 1}, "expected n_samples to be an integer of at least 2, got 1"),
        ({"n_samples": 10.0}, "expected n_samples to be an integer of at least 2, got 10.0"),
        ({"variance": -0.1}, "expected variance to be at least 0, got -0.1"),
        ({"variance": np.nan}, "expected variance to be a finite real number, got nan"),
        ({"graph": []}, "expected a graph with at least one edge, got none"),
        ({"graph": 3}, "expected graph to be a sequence of tuples of qubits, got 3"),
        ({"graph": [(0, 1, 2)]}, "expected the entries of graph to be pairs, got (0, 1, 2)"),
        ({"graph": [(1, 1)]}, "two or more distinct qubits below inf, got (1, 1)"),
        ({"graph": [(0, -1)]}, "each qubit of graph to be an integer of at least 0, got -1"),
        ({"random_state": "seed"}, "'seed' cannot be used to seed"),
    ],
)
def test_refusals_of_cosets(arguments, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        datasets.cosets(**{"n_samples": 10} | arguments)


# -- Loaded


@pytest.mark.parametrize("name", datasets.available())
def test_every_data_set_is_complete(name):
    loaded = datasets.load(name, return_X_y=False)
    n_samples, n_features = loaded.data.shape
    assert loaded.data.dtype == np.float64
    assert loaded.data.flags.c_contiguous
    assert np.all(np.isfinite(loaded.data))
    assert loaded.target.shape == (n_samples,)
    assert len(loaded.feature_names) == n_features
    for word in ["Samples", "Columns", "Origin", "Recipe", "Licence", str(n_samples)]:
        assert word in loaded.DESCR
    X, y = datasets.load(name)
    np.testing.assert_array_equal(X, loaded.data)
    np.testing.assert_array_equal(y, loaded.target)


def test_every_data_set_is_listed():
    folders = {path.parent.name for path in (ROOT / "datasets").glob("*/README.md")}
    assert folders == set(datasets.available())
    index = (ROOT / "datasets" / "README.md").read_text(encoding="utf-8")
    assert all(f"({name}/README.md)" in index for name in folders)


def test_the_frozen_sample_is_what_its_sheet_says():
    X, y = datasets.load("ad_hoc")
    drawn_X, drawn_y = datasets.ad_hoc(200, n_features=2, gap=0.3, random_state=2019)
    np.testing.assert_allclose(X, drawn_X, rtol=1e-14)
    np.testing.assert_array_equal(y, drawn_y)
    assert y.dtype == np.int64


def test_unknown_name_lists_the_known_ones():
    with pytest.raises(ValueError, match=r"out of \['ad_hoc'\], got 'iris'"):
        datasets.load("iris")


def test_an_installed_package_reads_its_own_copy(tmp_path, monkeypatch):
    (tmp_path / "_data" / "line").mkdir(parents=True)
    (tmp_path / "_data" / "line" / "data.csv").write_text("x,y\n0.5,1.5\n")
    (tmp_path / "_data" / "line" / "README.md").write_text("# One point\n")
    monkeypatch.setattr(datasets.resources, "files", lambda package: tmp_path)
    assert datasets.available() == ["line"]
    loaded = datasets.load("line", return_X_y=False)
    np.testing.assert_array_equal(loaded.data, [[0.5]])
    np.testing.assert_array_equal(loaded.target, [1.5])
    assert loaded.DESCR == "# One point\n"


def test_wheels_carry_the_data_sets():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel["force-include"] == {"datasets": "qkernels/_data"}
