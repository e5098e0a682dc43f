"""`mps_chains`: that a circuit's chain is compiled once, and what its cost is said to be."""

import cirq
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import qkernels as qk
from qkernels.compilation.angles import Angle
from qkernels.compilation.chain import LAYER, compile_chain
from qkernels.compilation.primitives import PauliRotation
from qkernels.evaluators.auto import AutoEvaluator, choice_for_expectations, choice_for_fidelities
from qkernels.evaluators.mps_chains import chain_cost, measured_chain, overlap_chain
from qkernels.feature_maps import heisenberg, ising, zz
from tests.random_circuits import GATES, feature_maps
from tests.random_circuits import points as random_points


def rotation(word, *sites):
    return PauliRotation(tuple(zip(sites, word, strict=True)), Angle(0.3))


def points(feature_map, n=8):
    return np.random.default_rng(0).uniform(0.5, 2, (n, feature_map.n_features))


@pytest.fixture
def forgotten():
    """Forget what was compiled and chosen."""
    for function in (overlap_chain, measured_chain, choice_for_fidelities, choice_for_expectations):
        function.cache_clear()


# -- One compilation


@pytest.mark.jit
def test_what_is_estimated_is_what_is_run(forgotten):
    feature_map = ising(16, distance=2, layers=1)
    evaluator = AutoEvaluator(cache_size="0MB")
    for k in range(3):
        evaluator.embed(feature_map, points(feature_map, 2))
        qk.MPSEvaluator(cache_size="0MB").embed(feature_map, points(feature_map, 2))
        assert overlap_chain.cache_info().misses == 1
        assert overlap_chain.cache_info().hits == 2 * k + 2
    assert LAYER in overlap_chain(feature_map, True).program.instructions[:, 0]


@pytest.mark.jit
def test_what_is_estimated_is_what_is_measured(forgotten):
    feature_map = ising(16, distance=1)
    words = [cirq.PauliString(dict.fromkeys(feature_map.qubits, cirq.Z))]
    AutoEvaluator(cache_size="0MB").expectations(
        feature_map, points(feature_map, 2), observables=words
    )
    assert (measured_chain.cache_info().misses, measured_chain.cache_info().hits) == (1, 1)


def test_other_evaluators_have_other_chains():
    feature_map = ising(16, distance=2, layers=1)
    assert qk.MPSEvaluator().takes_layers
    for rule in ({"truncation": 0}, {"truncation": 1e-14}, {"precision": "single"}):
        assert not qk.MPSEvaluator(**rule).takes_layers
    assert LAYER not in overlap_chain(feature_map, False).program.instructions[:, 0]


# -- Bonds


@pytest.mark.jit
@settings(max_examples=30, deadline=None)
@given(st.sampled_from(list(GATES)).flatmap(feature_maps), st.integers(0, 99))
def test_no_bond_is_larger(feature_map, seed):
    X, t = random_points(feature_map, 3, seed)
    chain = overlap_chain(feature_map, False)
    bonds = chain_cost(chain).bonds
    assert (bonds <= chain.bond_limits).all()
    states = qk.MPSEvaluator(truncation=0, cache_size="0MB").embed(feature_map, X, t)
    assert (states.bonds <= bonds).all()


@pytest.mark.jit
@pytest.mark.parametrize(
    "feature_map",
    [
        ising(10, distance=1),
        ising(10, distance=3, layers=1),
        zz(10, entanglement="linear"),
        zz(6),
        heisenberg(11, trotter_steps=1),
        heisenberg(11, trotter_steps=3),
    ],
    ids=["near", "layers", "line", "all", "product", "heisenberg"],
)
def test_bonds_of_standard_maps_are_those_of_their_states(feature_map):
    """At points of no special angles: the largest is reached."""
    bonds = chain_cost(overlap_chain(feature_map, True)).bonds
    found = qk.MPSEvaluator(truncation=1e-15, cache_size="0MB").embed(
        feature_map, points(feature_map)
    )
    largest = found.bonds.max(axis=0)
    assert (largest <= bonds).all()
    assert largest.max() == bonds.max()


def test_bonds_of_three_couplings_of_two_sites_are_those_of_one():
    """Of width 8 together, on a state whose bond cannot be larger than 2."""
    steps = [rotation(word, 0, 1) for word in ("XX", "YY", "ZZ")]
    steps += [rotation(word, 1, 2) for word in ("XX", "YY", "ZZ")]
    np.testing.assert_array_equal(chain_cost(compile_chain(steps, range(3), 0)).bonds, [1, 2, 2, 1])


def test_bonds_that_no_memory_holds_are_numbers():
    rng = np.random.default_rng(0)
    steps = [
        rotation(word, *sites)
        for word in ("XZ", "ZY", "YX") * 40
        for sites in (rng.choice(140, 2, replace=False) for _ in range(8))
    ]
    cost = chain_cost(compile_chain(steps, range(140), 0))
    assert np.isfinite(cost.bonds).all()
    assert np.isfinite(cost.products)
    assert cost.bonds.max() > 2**40


# -- Products


def test_products_of_one_coupling():
    """Applied, made orthonormal to the right, and truncated on the way back."""
    chain = compile_chain([rotation("XX", 0, 1)], range(2), 0)
    applied = 12 * (1 * 2 + 2 * 1)
    factorised = 20 * 2 * 2 * 2 + 40 * 2 * 2 * 2
    assert chain_cost(chain).products == 3 * 20_000 + applied + factorised


def test_products_grow_with_bonds():
    maps = [ising(16, distance=d, layers=2) for d in (1, 2, 3)]
    near, middle, far = (chain_cost(overlap_chain(m, True)).products for m in maps)
    assert near < middle / 2 < far / 12


def test_nothing_costs_nothing():
    cost = chain_cost(compile_chain([], [0], 0))
    np.testing.assert_array_equal(cost.bonds, [1, 1])
    assert cost.products == 0
