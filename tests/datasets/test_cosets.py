"""`cosets`: fidelities are what the group says, and what is refused."""

from __future__ import annotations

import re

import networkx
import numpy as np
import pytest

import qkernels as qk
from qkernels import datasets

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
