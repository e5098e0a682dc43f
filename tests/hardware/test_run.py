"""`qkernels.hardware.run` and `estimate`: bought, resumed, estimated, topped up."""

import re
import warnings

import cirq
import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.gaussian_process.kernels import RBF
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC, SVR

import qkernels as qk
from qkernels import hardware
from tests.hardware.devices import Device, Queue
from tests.hardware.test_plan import X, Y, fidelity, projected, y, zz

EXACT = qk.FidelityKernel(zz)(X)


# -- Buying


def test_a_second_run_buys_nothing(tmp_path):
    device = Device()
    ledger = hardware.Ledger(tmp_path / "run.db")
    first = hardware.plan(fidelity(device), X).execute(ledger)
    assert (device.points, first.missing, first.ledger) == (21, 0, ledger)
    again = hardware.plan(fidelity(device), X).execute(hardware.Ledger(tmp_path / "run.db"))
    assert device.points == 21
    np.testing.assert_array_equal(again.estimate().K, first.estimate().K)


def test_a_path_is_a_ledger(tmp_path):
    run = hardware.plan(fidelity(), X[:2]).execute(tmp_path / "run.db")
    assert (tmp_path / "run.db").exists()
    assert run.ledger == hardware.Ledger(tmp_path / "run.db")


def test_submit_today_and_collect_tomorrow(tmp_path):
    queue = Queue(Device())
    path = tmp_path / "run.db"
    run = hardware.plan(fidelity(queue, points_per_chunk=10), X).submit(path)
    assert run.collect(wait=False) is run
    assert run.missing == 21
    assert len(run.ledger.submissions("submitted")) == 3
    with pytest.raises(hardware.MissingCounts, match=r"^expected counts of 21 points .*, \.\.\.$"):
        run.estimate()
    run.plan.submit(path)
    assert len(queue.jobs) == 3
    queue.work()
    tomorrow = hardware.plan(fidelity(queue, points_per_chunk=10), X).open(path)
    assert tomorrow.collect().estimate().K.shape == (6, 6)
    assert tomorrow.missing == 0


def test_a_budget_is_checked_first():
    device = Device()
    budget = hardware.Budget(repetitions=2000)
    plan = hardware.plan(fidelity(device, budget=budget), X)
    with pytest.raises(hardware.BudgetExceeded, match="expected at most 2000 repetitions in all"):
        plan.execute()
    assert device.points == 0
    assert not plan.evaluator.ledger.submissions()


class Broken(cirq.Sampler):
    """Runs some calls, then loses its connection after the device has worked."""

    def __init__(self, calls):
        self.device, self.calls = Device(), calls

    def run_sweep(self, program, params, repetitions=1):
        results = self.device.run_sweep(program, params, repetitions)
        self.calls -= 1
        if self.calls < 0:
            raise ConnectionError("gone")
        return results


@pytest.mark.parametrize(("action", "bought"), [("resubmit", 21 + 10), ("abandon", 21)])
def test_what_is_unknown_is_decided_by_the_user(action, bought):
    sampler = Broken(1)
    plan = hardware.plan(fidelity(sampler, points_per_chunk=10), X)
    with pytest.raises(hardware.UnknownSubmission, match=r"submission 2 .*ConnectionError: gone"):
        plan.execute()
    sampler.calls = 100
    with pytest.raises(hardware.UnknownSubmission, match=r"Decide with resolve\(2, action="):
        plan.execute()
    assert sampler.device.points == 20
    run = plan.open()
    run.resolve(2, action=action)
    plan.execute()
    assert sampler.device.points == bought
    if action == "resubmit":
        assert run.estimate().K.shape == (6, 6)
    else:
        with pytest.raises(hardware.MissingCounts, match="got none of 10 in Ledger"):
            run.estimate()


def test_attach_finds_what_was_run():
    queue = Queue(Device())
    plan = hardware.plan(fidelity(queue), X)
    run = plan.submit()
    (submission,) = run.ledger.submissions()
    run.ledger.change(submission, "unknown")
    queue.lookup = lambda token: (_ for _ in ()).throw(NotImplementedError)
    queue.work()
    with pytest.raises(hardware.UnknownSubmission):
        run.collect()
    run.resolve(1, action="attach", reference=submission.reference)
    assert run.missing == 0


@pytest.mark.parametrize("backend", [None, hardware.Offline("Device")])
def test_without_a_backend_nothing_needs_to_be_bought(backend):
    ledger = hardware.Ledger()
    bought = hardware.plan(fidelity(ledger=ledger), X).execute()
    evaluator = qk.SamplerEvaluator(backend, repetitions=100, ledger=ledger)
    kernel = qk.FidelityKernel(zz, evaluator=evaluator)
    run = hardware.plan(kernel, X).execute()
    assert hardware.plan(kernel, X).submit().collect().missing == 0
    np.testing.assert_array_equal(run.estimate().K, bought.estimate().K)
    assert run.top_up(std_error=0.5) is run
    text = re.escape(
        "a backend to buy repetitions of 4 points from, which Ledger() lacks, got none"
    )
    with pytest.raises(hardware.MissingCounts, match=text):
        hardware.plan(kernel, X[:4], Y[:1]).execute()
    with pytest.raises(hardware.MissingCounts, match="expected a backend to buy repetitions of"):
        run.top_up(std_error=0.001)


# -- Estimates


def test_estimates_are_pure():
    device = Device(depolarizing=0.2)
    run = hardware.plan(fidelity(device, repetitions=4000), X).execute()
    split = hardware.Depolarizing("split")
    found = run.estimate([split])
    assert device.points == 21
    np.testing.assert_array_equal(found.raw, run.estimate().K)
    np.testing.assert_array_equal(np.diag(found.K), np.ones(6))
    assert np.abs(found.K - EXACT).max() < 5 * found.std_error.max()
    assert np.abs(found.raw - EXACT).max() > 0.1
    (correction,) = found.corrections
    assert correction.mitigation == split
    change = np.abs(found.K - found.raw)
    assert (correction.mean, correction.largest) == (change.mean(), change.max())
    assert re.match(r"Depolarizing\(method='split'\): 0\.\d+ on average", str(correction))
    (entry,) = found.provenance
    assert (entry["backend"], entry["submission"]) == ("Device", 1)
    assert entry["software"] == f"cirq {cirq.__version__}"


def test_train_and_test_points_are_corrected_alike():
    device = Device(depolarizing=0.2)
    split = hardware.Depolarizing("split")
    kernel = fidelity(device, repetitions=4000, mitigation=[split])
    found = hardware.plan(kernel, Y, X).execute().estimate()
    exact = qk.FidelityKernel(zz)(Y, X)
    assert np.abs(found.K - exact).max() < 5 * found.std_error.max()
    np.testing.assert_array_equal(found.K, kernel(Y, X))


@pytest.mark.parametrize(("method", "n_missing"), [("split", 10), ("average", 6)])
def test_diagonals_that_were_not_bought_can_be(method, n_missing):
    device = Device(depolarizing=0.2)
    run = hardware.plan(fidelity(device), Y, X).execute()
    correction = hardware.Depolarizing(method)
    with pytest.raises(hardware.MissingCounts) as caught:
        run.estimate(mitigation=[correction])
    assert f"expected counts of {24 + n_missing} points" in str(caught.value)
    assert f"got none of {n_missing} in" in str(caught.value)
    assert str(caught.value).endswith(
        "; some of them the plan does not measure: give its evaluator "
        f"mitigation=[Depolarizing(method='{method}')], plan again, and execute, which on this "
        "ledger buys them alone"
    )
    # As it says:
    evaluator = run.plan.evaluator.replace(mitigation=[correction])
    again = hardware.plan(qk.FidelityKernel(zz, evaluator=evaluator), Y, X).execute()
    assert device.points == 24 + n_missing
    np.testing.assert_array_equal(again.estimate().K, run.estimate(mitigation=[correction]).K)


def test_a_diagonal_of_ones_says_how_to_measure_it():
    run = hardware.plan(fidelity(diagonal="one"), X).execute()
    with pytest.raises(ValueError, match="an evaluator with diagonal='measure' measures it"):
        run.estimate(mitigation=[hardware.Depolarizing("split")])


def test_intervals_hold_the_estimate():
    run = hardware.plan(fidelity(), X).execute()
    found = run.estimate()
    low, high = found.interval(0.9)
    wider = found.interval(0.99)
    assert np.all((low <= found.K) & (high >= found.K))
    assert np.all((wider[0] <= low) & (high <= wider[1]))
    assert np.all((low >= 0) & (high <= 1))
    with pytest.raises(ValueError, match="level: expected a number between 0 and 1, got 95"):
        found.interval(95)
    with pytest.raises(ValueError, match="level: expected a number between 0 and 1, got '95 %'"):
        found.interval("95 %")


@pytest.mark.parametrize("points", [(X,), (X, Y)])
def test_errors_of_projected_kernels(points):
    run = hardware.plan(projected(repetitions=1000), *points).execute()
    found = run.estimate([hardware.UnbiasedDistances()])
    exact = qk.ProjectedKernel(zz)(*points)
    assert np.abs(found.K - exact).max() < 5 * found.std_error.max()
    low, high = found.interval()
    assert np.mean((low <= exact) & (exact <= high)) > 0.8
    samples = np.std(list(found.bootstrap(300, random_state=0)), axis=0)
    is_off = samples > 1e-3
    np.testing.assert_allclose(samples[is_off], found.std_error[is_off], rtol=0.5)


def test_kernels_without_a_formula_are_bootstrapped():
    kernel = fidelity() * RBF()
    run = hardware.plan(kernel, X).execute()
    found = run.estimate()
    plain = hardware.plan(kernel.k1, X).execute().estimate()
    np.testing.assert_allclose(
        found.std_error, plain.std_error * RBF()(X), atol=0.15 * plain.std_error.max()
    )
    low, high = found.interval()
    assert np.all(low <= high)


def test_bootstrap_draws_each_point_once():
    run = hardware.plan(fidelity(), X).execute()
    found = run.estimate()
    samples = list(found.bootstrap(2, random_state=1))
    for sample in samples:
        np.testing.assert_array_equal(sample, sample.T)
    assert np.abs(samples[0] - samples[1]).max() > 0
    again = list(found.bootstrap(2, random_state=1))
    np.testing.assert_array_equal(samples, again)
    with pytest.raises(
        ValueError, match="expected n_samples to be an integer of at least 1, got 0"
    ):
        next(found.bootstrap(0))
    with pytest.raises(ValueError, match="expected random_state to be an integer of at least 0"):
        next(found.bootstrap(1, random_state=-1))


def test_readout_errors_are_measured_once():
    device = Device()
    run = hardware.plan(fidelity(device), X).execute()
    bought = device.repetitions
    readout = run.measure_readout(repetitions=50, trials=3)
    assert device.repetitions == bought + 2 * 3 * 50
    assert run.measure_readout(repetitions=50, trials=3) == readout
    assert device.repetitions == bought + 2 * 3 * 50
    np.testing.assert_array_equal(run.estimate([readout]).K, run.estimate().K)


# -- Topping up


@pytest.mark.parametrize("make", [fidelity, projected])
def test_top_up_buys_what_is_missing(make):
    device = Device()
    run = hardware.plan(make(device), X).execute()
    spent = device.repetitions
    better = run.top_up(std_error=0.02)
    assert better.estimate().std_error.max() <= 0.02
    assert device.repetitions > spent
    total = sum(r.repetitions.sum() for r in better.plan.requests)
    assert device.repetitions == total
    assert better.top_up(std_error=0.02).missing == 0
    assert device.repetitions == total


def test_top_up_keeps_to_the_budget():
    device = Device()
    budget = hardware.Budget(repetitions=3000)
    run = hardware.plan(fidelity(device, budget=budget), X).execute()
    with pytest.raises(hardware.BudgetExceeded):
        run.top_up(std_error=0.001)
    assert device.repetitions == 2100
    with pytest.raises(ValueError, match="std_error: expected a positive number, got 0"):
        run.top_up(std_error=0)


def test_top_up_tells_of_another_calibration():
    queue = Queue(Device())
    run = hardware.plan(fidelity(queue), X).submit()
    queue.work()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run.collect()
        run.resume()
    queue.calibration = "tuesday"
    submit = queue.submit
    queue.submit = lambda *args: (submit(*args), queue.work())[0]
    with pytest.warns(hardware.CalibrationWarning, match=r"21 points in monday, \d+ points in tue"):
        run.top_up(std_error=0.02)


# -- Propagation


def test_propagation_follows_refitting():
    run = hardware.plan(fidelity(repetitions=400), X).execute()
    new = hardware.plan(fidelity(ledger=run.ledger, repetitions=400), Y, X).execute()
    machine = SVC(kernel="precomputed")
    found = hardware.propagate(machine, run.estimate(), y, new.estimate(), random_state=0)
    assert found.decision.shape == found.std_error.shape == found.changed.shape == (4,)
    assert not hasattr(machine, "support_")
    fitted = SVC(kernel="precomputed").fit(run.estimate().K, y)
    np.testing.assert_allclose(found.decision, fitted.decision_function(new.estimate().K))
    # The errors are those of whole experiments done again.
    again = []
    for seed in range(60):
        kernel = fidelity(Device(seed=seed + 1), repetitions=400)
        again.append(SVC(kernel=kernel).fit(X, y).decision_function(Y))
    np.testing.assert_allclose(found.std_error, np.std(again, axis=0), rtol=0.7, atol=0.01)


def test_propagation_through_a_repair():
    run = hardware.plan(fidelity(repetitions=20), X).execute()
    machine = make_pipeline(qk.psd.PSDRepair(), SVC(kernel="precomputed"))
    found = hardware.propagate(machine, run.estimate(), y, n_samples=5, random_state=0)
    assert found.std_error.shape == (6,)
    with pytest.raises(
        ValueError, match="expected n_samples to be an integer of at least 2, got 1"
    ):
        hardware.propagate(machine, run.estimate(), y, n_samples=1)


def test_machines_that_take_no_matrices_are_refused():
    found = hardware.plan(fidelity(), X).execute().estimate()
    for machine in (SVC(), make_pipeline(qk.psd.PSDRepair(), SVC())):
        with pytest.raises(
            ValueError, match=r"with kernel='precomputed', got (svc__)?kernel='rbf'"
        ):
            hardware.propagate(machine, found, y)
    with pytest.raises(TypeError, match="expected a classifier with a decision_function, got SVR"):
        hardware.propagate(SVR(kernel="precomputed"), found, y)


def test_nothing_is_fitted_anew_from_columns_of_support_vectors():
    kernel = fidelity()
    machine = SVC(kernel=kernel).fit(X, y)
    columns = hardware.plan_prediction(machine, Y).execute().estimate()
    assert columns.is_padded
    whole = hardware.plan(kernel, X).execute().estimate()
    text = "expected estimates of whole matrices, got that of a prediction's columns"
    for train, test in ((whole, columns), (columns, whole), (columns, None)):
        with pytest.raises(ValueError, match=text):
            hardware.propagate(SVC(kernel="precomputed"), train, y, test)


def test_distances_of_equal_points_are_known():
    run = hardware.plan(projected(), np.vstack([X, X[:1]])).execute()
    found = run.estimate()
    assert found.K[0, 6] == 1
    assert found.std_error[0, 6] == 0
    assert cdist(X[:1], X[1:]).min() > 0
