"""Shares of repetitions: against plain water-filling, beside what a ledger holds, and refusals."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.svm import SVC

import qkernels as qk
from qkernels import hardware
from qkernels.hardware.allocation import filled, rounded
from tests.hardware.devices import Device, Queue
from tests.hardware.test_plan import X, Y, fidelity, projected, y, zz

# -- Filling up


def plainly_filled(weights, held, total):
    """Return shares that rise step by step, the point whose next level is nearest first."""
    shares = [max(1, int(n)) for n in held]
    steps = sorted((2 ** (k / 2) / w, i, k) for i, w in enumerate(weights) for k in range(1, 40))
    for _, i, k in steps:
        higher = max(shares[i], int(2 ** (k / 2) + 1e-9))
        if sum(shares) - shares[i] + higher > total:
            break
        shares[i] = higher
    return shares


@given(st.integers(0, 2**32), st.integers(1, 8), st.integers(0, 3000), st.booleans())
def test_water_rises_point_by_point(seed, n_points, spare, has_pilot):
    generator = np.random.default_rng(seed)
    weights = generator.exponential(size=n_points) + 1e-3
    held = generator.integers(0, 300, n_points) * has_pilot
    total = int(np.maximum(held, 1).sum()) + spare
    found = filled(weights, held, total, rounded)
    np.testing.assert_array_equal(found, plainly_filled(weights, held, total))


@given(st.lists(st.integers(0, 60), max_size=8), st.integers(0, 500))
def test_even_water_is_as_high_as_can_be(held, spare):
    total = sum(max(n, 1) for n in held) + spare
    found = filled(np.ones(len(held)), np.array(held, int), total, np.floor)
    levels = range(1, total + 1 if held else 1)
    level = max((x for x in levels if sum(max(n, x) for n in held) <= total), default=0)
    assert found.tolist() == [max(n, level) for n in held]


def test_levels_are_whole_parts_of_powers():
    wanted = np.array([0.0, 0.5, 1.9, 2.0, 2.9, 4.0, 5.6, 5.7, 7.9, 8.0, 1024.0, 1e9])
    expected = [1, 1, 1, 2, 2, 4, 4, 5, 5, 8, 1024, 759250124]
    assert rounded(wanted).tolist() == expected


# -- Shares


@pytest.mark.parametrize("method", ["uniform", "svm", "ridge"])
def test_allocation_spends_what_it_may(method):
    plan = hardware.plan(fidelity(), X)
    shared = plan.allocate(50_000, y=y, method=method)
    (request,) = shared.requests
    assert 0.9 * 50_000 <= request.repetitions.sum() <= 50_000
    assert request.repetitions.min() >= 0.05 * 50_000 / 21
    device = shared.evaluator.backend.sampler
    run = shared.execute()
    assert device.repetitions == request.repetitions.sum()
    assert run.missing == 0


def test_ridge_shares_follow_the_formula():
    plan = hardware.plan(fidelity(diagonal="one"), X)
    (request,) = plan.allocate(10**8, y=y, method="ridge", alpha=0.5).requests
    K = qk.FidelityKernel(zz)(X)
    a = np.linalg.solve(K + 0.5 * np.eye(6), y)
    weights = np.abs(np.outer(a, a)) * np.sqrt(K * (1 - K))
    gram = plan.evaluator.gram_request(plan.kernel.prepare(X))
    i, j = np.triu_indices(6, 1)
    ideal = 0.9 * weights[i, j] / weights[i, j].sum() + 0.1 / 15
    found = request.repetitions[gram.entries[i, j]] / request.repetitions.sum()
    # Levels are steps of the square root of 2.
    assert np.all(np.abs(np.log2(found / ideal)) < 0.51)


def test_svm_gives_nothing_but_the_even_share_to_pairs_of_others():
    plan = hardware.plan(fidelity(diagonal="one"), X)
    (request,) = plan.allocate(10**6, y=y, method="svm", C=1.0).requests
    machine = SVC(kernel="precomputed", C=1.0).fit(qk.FidelityKernel(zz)(X), y)
    others = np.setdiff1d(np.arange(6), machine.support_)
    gram = plan.evaluator.gram_request(plan.kernel.prepare(X))
    i, j = np.triu_indices(6, 1)
    is_idle = np.isin(i, others) | np.isin(j, others)
    repetitions = request.repetitions[gram.entries[i, j]]
    if is_idle.any() and not is_idle.all():
        assert repetitions[is_idle].max() <= repetitions[~is_idle].min()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"total": 20}, "total: expected at least one repetition for each of 21 points, got 20"),
        ({"total": 0}, "expected total to be an integer of at least 1, got 0"),
        ({"total": 1e5}, "expected total to be an integer of at least 1, got 100000.0"),
        ({"total": 9999, "method": "best"}, "method: expected one of ['uniform', 'svm', 'ridge']"),
        ({"total": 9999, "method": "svm", "y": y[:3]}, "y: expected shape (6,), got (3,)"),
        ({"total": 9999, "method": "svm"}, "y: expected shape (6,), got ()"),
        (
            {"total": 9999, "method": "ridge", "y": [1, 0, np.inf, 0, 0, 0]},
            "y: expected finite numbers, got [ 1.  0. inf  0.  0.  0.]",
        ),
        (
            {"total": 9999, "method": "ridge", "y": list("ababab")},
            "expected y to be an array of numbers, got ['a', 'b', 'a', 'b', 'a', 'b']",
        ),
        (
            {"total": 9999, "method": "ridge", "y": y, "alpha": 0},
            "alpha: expected a positive number, got 0",
        ),
    ],
)
def test_allocations_that_are_refused(arguments, text):
    with pytest.raises(ValueError, match=re.escape(text)):
        hardware.plan(fidelity(), X).allocate(**arguments)


def test_allocation_by_a_learner_is_for_fidelities_of_training_points():
    text = "expected the plan of a FidelityKernel on training points"
    with pytest.raises(ValueError, match=text):
        hardware.plan(projected(), X).allocate(10**5, y=y, method="svm")
    with pytest.raises(ValueError, match=text):
        hardware.plan(fidelity(), X, Y).allocate(10**5, y=y, method="svm")
    # Its new points are the support vectors.
    machine = SVC(kernel=fidelity()).fit(X, y)
    prediction = hardware.plan_prediction(machine, X[machine.support_])
    assert len(prediction.points) == 1
    with pytest.raises(ValueError, match=text):
        prediction.allocate(10**5, y=y[machine.support_], method="svm")


@pytest.mark.parametrize("method", ["uniform", "svm", "ridge"])
@pytest.mark.parametrize("pilot", [10, 100, 400])
def test_what_is_held_counts(method, pilot):
    device = Device()
    hardware.plan(
        fidelity(device, ledger=(ledger := hardware.Ledger()), repetitions=10), X
    ).execute()
    # More of some points than of others.
    hardware.plan(fidelity(device, ledger=ledger, repetitions=pilot), X[:3]).execute()
    held = device.repetitions
    plan = hardware.plan(fidelity(device, ledger=ledger), X)
    shared = plan.allocate(5000, y=y, method=method)
    (request,) = shared.requests
    assert request.repetitions.sum() <= 5000
    assert shared.execute().missing == 0
    assert held < device.repetitions == request.repetitions.sum()
    assert device.repetitions >= 0.6 * 5000


def test_what_is_on_its_way_counts():
    queue = Queue(Device())
    plan = hardware.plan(fidelity(queue, repetitions=100), X)
    plan.submit()
    with pytest.raises(
        ValueError, match="expected at least 2100 repetitions, since the ledger has"
    ):
        plan.allocate(2099)
    (request,) = plan.allocate(2121).requests
    assert set(request.repetitions.tolist()) == {101}


def test_the_ledger_of_a_pilot_may_be_another(tmp_path):
    device = Device()
    plan = hardware.plan(fidelity(device), X)
    plan.execute(tmp_path / "run.db")
    assert plan.allocate(2100).requests[0].repetitions.sum() == 2100
    with pytest.raises(
        ValueError, match="since the ledger has 2100 already, which count, got 2000"
    ):
        plan.allocate(2000, ledger=tmp_path / "run.db")
    shared = plan.allocate(8000, y=y, method="svm", ledger=tmp_path / "run.db")
    assert shared.evaluator is plan.evaluator
    shared.execute(tmp_path / "run.db")
    assert 2100 < device.repetitions <= 8000


def test_several_circuits_share_one_total():
    evaluator = qk.SamplerEvaluator(Device(), repetitions=10)
    kernel = qk.FidelityKernel(zz, evaluator=evaluator) + qk.ProjectedKernel(
        zz, evaluator=evaluator
    )
    plan = hardware.plan(kernel, X).allocate(39 * 7 + 5)
    assert [r.repetitions.tolist() for r in plan.requests] == [[7] * 21, [7] * 18]


def test_nothing_to_measure_takes_nothing():
    plan = hardware.plan(fidelity(diagonal="one"), X[:1])
    assert len(plan.allocate(100).requests[0]) == 0
