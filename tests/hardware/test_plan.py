"""`qkernels.hardware.plan`: what a matrix takes, what it costs, and for whom."""

import re

import cirq
import numpy as np
import pytest
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
from sklearn.svm import SVC, SVR

import qkernels as qk
from qkernels import hardware
from qkernels.hardware.summary import two_qubit_depth
from tests.hardware.devices import Device

X = np.random.default_rng(0).uniform(0, 1, (6, 2))
Y = np.random.default_rng(1).uniform(0, 1, (4, 2))
y = np.array([0, 1, 0, 1, 1, 0])
zz = qk.feature_maps.zz


def fidelity(device=None, **options):
    evaluator = qk.SamplerEvaluator(device or Device(), **({"repetitions": 100} | options))
    return qk.FidelityKernel(zz, evaluator=evaluator)


def projected(device=None, **options):
    evaluator = qk.SamplerEvaluator(device or Device(), **({"repetitions": 100} | options))
    return qk.ProjectedKernel(zz, evaluator=evaluator)


# -- Points


@pytest.mark.parametrize(
    ("make", "options", "points", "n_points"),
    [
        (fidelity, {}, (X,), 21),
        (fidelity, {"diagonal": "one"}, (X,), 15),
        (fidelity, {"estimator": "bell"}, (X,), 21),
        (fidelity, {}, (X, Y), 24),
        (fidelity, {}, (X, X.copy()), 21),
        (fidelity, {}, (X, X[:2]), 11),
        (fidelity, {"mitigation": [hardware.Depolarizing("split")]}, (X, Y), 34),
        (fidelity, {"mitigation": [hardware.Depolarizing("average")]}, (X, Y), 28),
        (projected, {}, (X,), 18),
        (projected, {}, (X, Y), 30),
        (projected, {}, (X, X[:2]), 18),
    ],
)
def test_each_distinct_point_once(make, options, points, n_points):
    device = Device()
    plan = hardware.plan(make(device, **options), *points)
    summary = plan.summary()
    assert (summary.points, summary.repetitions) == (n_points, 100 * n_points)
    assert (summary.missing_points, summary.missing_repetitions) == (n_points, 100 * n_points)
    assert device.points == 0
    plan.execute()
    assert device.points == n_points
    plan.kernel(*points)
    assert device.points == n_points


def test_nothing_is_bought_by_planning():
    device = Device()
    plan = hardware.plan(fidelity(device), X)
    plan.summary()
    plan.open()
    assert device.points == 0
    assert plan.evaluator.ledger.summary().submissions["done"] == 0


def test_circuit_and_sweep_are_what_runs():
    plan = hardware.plan(fidelity(), X)
    results = cirq.Simulator(seed=0).run_sweep(plan.circuit, plan.sweep, 2000)
    zeros = [np.mean(~result.measurements["m"].any(axis=1)) for result in results]
    exact = qk.FidelityKernel(zz)(X)[np.triu_indices(6)]
    # Points are in the order of sorted angles.
    np.testing.assert_allclose(np.sort(zeros), np.sort(exact), atol=0.06)


def test_kernels_inside_other_kernels():
    device = Device()
    kernel = ConstantKernel(2.0) * fidelity(device) * RBF() + WhiteKernel(0.1)
    plan = hardware.plan(kernel, X)
    assert plan.summary().points == 21
    np.testing.assert_array_equal(plan.execute().estimate().K, kernel(X))
    assert device.points == 21


def test_kernels_that_measure_several_circuits():
    device = Device()
    evaluator = qk.SamplerEvaluator(device, repetitions=100)
    kernel = qk.FidelityKernel(zz, evaluator=evaluator) + qk.ProjectedKernel(
        zz, evaluator=evaluator
    )
    plan = hardware.plan(kernel, X)
    assert len(plan.requests) == 2
    assert plan.summary().circuits == 2
    with pytest.raises(ValueError, match="expected a kernel that measures one circuit, got 2"):
        plan.circuit
    assert plan.execute().missing == 0
    assert device.points == 21 + 18


@pytest.mark.parametrize(
    ("kernel", "error", "text"),
    [
        ("zz", TypeError, "kernel: expected a quantum kernel, got 'zz'"),
        (RBF(), TypeError, "expected a kernel whose evaluator is a SamplerEvaluator, got RBF"),
        (qk.FidelityKernel(zz), TypeError, "expected a kernel whose evaluator is a Sampler"),
        (fidelity() + fidelity(), ValueError, "expected one evaluator in all parts of the kernel"),
    ],
)
def test_kernels_that_cannot_be_planned(kernel, error, text):
    with pytest.raises(error, match=re.escape(text)):
        hardware.plan(kernel, X)


def test_bad_points_are_refused():
    with pytest.raises(ValueError, match="NaN"):
        hardware.plan(fidelity(), [[np.nan, 0.0]])


# -- Costs


def test_price_is_a_function_of_circuit_and_repetitions():
    seen = []

    def price(circuit, repetitions):
        seen.append((circuit, repetitions))
        return 0.5 + repetitions / 1000

    plan = hardware.plan(fidelity(), X)
    summary = plan.summary(price=price)
    assert summary.price == pytest.approx(21 * 0.6)
    assert summary.missing_price == pytest.approx(21 * 0.6)
    assert (plan.circuit, 100) in seen
    plan.execute()
    assert plan.summary(price=price).missing_price == 0
    budget = hardware.Budget(cost=100.0, price=price)
    assert hardware.plan(fidelity(budget=budget), X).summary().price == pytest.approx(21 * 0.6)


def test_what_another_ledger_has_need_not_be_bought(tmp_path):
    plan = hardware.plan(fidelity(), X)
    plan.execute(tmp_path / "run.db")
    more = hardware.plan(fidelity(repetitions=150), np.vstack([X, Y[:1]]))
    found = more.summary(price=lambda circuit, n: n / 10, ledger=tmp_path / "run.db")
    assert (found.points, found.repetitions, found.price) == (28, 28 * 150, 28 * 15)
    assert (found.missing_points, found.missing_repetitions) == (28, 21 * 50 + 7 * 150)
    assert found.missing_price == pytest.approx(21 * 5 + 7 * 15)
    assert more.summary().missing_repetitions == 28 * 150
    here = plan.summary(ledger=hardware.Ledger(tmp_path / "run.db"))
    assert (here.counted_points, here.missing_points) == (21, 0)
    assert str(here).endswith("in the ledger: 21 of 21 points; to buy: 0 repetitions of 0 points")


def test_estimators_stand_beside_each_other():
    summary = hardware.plan(fidelity(), X).summary()
    inversion, bell = summary.estimators
    assert [c.name for c in summary.estimators] == ["inversion", "bell"]
    assert (inversion.is_chosen, bell.is_chosen) == (True, False)
    assert (inversion.qubits, bell.qubits) == (2, 4)
    # Two repetitions of the map, one ZZ gate each, forth and back; both copies at once.
    assert (inversion.two_qubit_depth, bell.two_qubit_depth) == (4, 3)
    K = qk.FidelityKernel(zz)(X)[~np.eye(6, dtype=bool)]
    assert inversion.std_error == pytest.approx(np.mean(np.sqrt(K * (1 - K) / 100)))
    assert bell.std_error == pytest.approx(np.mean(np.sqrt((1 - K**2) / 100)))
    printed = str(summary).splitlines()
    assert printed[1].split()[:2] == ["*", "inversion"]
    assert printed[-1].startswith("in the ledger: 0 of 21 points; to buy: 2100 repetitions of 21")


@pytest.mark.parametrize("estimator", ["inversion", "bell"])
def test_sums_and_products_are_measured_as_their_parts_are(estimator):
    evaluator = qk.SamplerEvaluator(Device(), repetitions=10, estimator=estimator)
    pairs = qk.FidelityKernel(zz, evaluator=evaluator)
    states = qk.ProjectedKernel(zz, evaluator=evaluator)
    for kernel, name in (
        (pairs + RBF(), estimator),
        (2.0 * states, "tomography"),
        (pairs * (states + WhiteKernel()), f"{estimator} + tomography"),
    ):
        (cost,) = hardware.plan(kernel, X).summary().estimators
        assert (cost.name, cost.is_chosen) == (name, True)
        assert np.isnan(cost.std_error)


def test_estimators_are_compared_at_equal_repetitions():
    plan = hardware.plan(fidelity(), X)
    for shared in (plan.allocate(21 * 300), plan.execute().top_up(std_error=0.02).plan):
        inversion, bell = shared.summary().estimators
        assert inversion.repetitions > 2100
        assert bell.repetitions == pytest.approx(inversion.repetitions, abs=21 / 2)


def test_what_cannot_be_measured_is_not_listed():
    x = cirq.LineQubit(0)
    noisy = qk.FeatureMap(
        cirq.Circuit(
            cirq.rx(qk.feature_maps.angle(1).feature_symbols[0])(x), cirq.depolarize(0.1)(x)
        ),
        ["x0"],
    )
    evaluator = qk.SamplerEvaluator(cirq.DensityMatrixSimulator(), estimator="bell")
    kernel = qk.FidelityKernel(noisy, evaluator=evaluator)
    summary = hardware.plan(kernel, X[:, :1]).summary()
    assert [c.name for c in summary.estimators] == ["bell"]


def test_one_point_that_is_not_measured_takes_nothing():
    plan = hardware.plan(fidelity(diagonal="one"), X[:1])
    summary = plan.summary()
    assert [(c.points, c.std_error) for c in summary.estimators] == [(0, 0), (0, 0)]
    run = plan.execute().top_up(std_error=0.1)
    assert (run.missing, run.estimate().K, run.estimate().std_error) == (0, [[1]], [[0]])


@pytest.mark.parametrize("estimator", ["inversion", "bell"])
def test_entries_that_are_known_have_no_error(estimator):
    kernel = fidelity(estimator=estimator, diagonal="one")
    found = hardware.plan(kernel, X, X[:2]).summary().std_error
    K = qk.FidelityKernel(zz)(X, X[:2])
    variance = K * (1 - K) if estimator == "inversion" else 1 - K**2
    variance[[0, 1], [0, 1]] = 0
    assert found == pytest.approx(np.mean(np.sqrt(variance / 100)), rel=1e-12)


def test_two_qubit_depth_counts_layers():
    a, b, c, d = cirq.LineQubit.range(4)
    circuit = cirq.Circuit(
        cirq.H(a), cirq.CNOT(a, b), cirq.CNOT(c, d), cirq.CZ(b, c), cirq.measure(a, b, c, d)
    )
    assert two_qubit_depth(circuit) == 2


# -- Predictions


@pytest.mark.parametrize("machine", [SVC(C=10.0), SVR(C=0.01)])
def test_predictions_measure_support_vectors_only(machine):
    device = Device()
    kernel = fidelity(device)
    machine.set_params(kernel=kernel).fit(X, y)
    bought = device.points
    plan = hardware.plan_prediction(machine, Y)
    assert plan.summary().points == len(Y) * len(machine.support_)
    K = plan.execute().estimate().K
    assert device.points == bought + len(Y) * len(machine.support_)
    assert K.shape == (4, 6)
    unmeasured = np.setdiff1d(np.arange(6), machine.support_)
    assert not K[:, unmeasured].any()
    predicted = hardware.precomputed(machine).predict(K)
    np.testing.assert_array_equal(predicted, machine.predict(Y))


def test_predictions_of_machines_that_were_fitted_to_a_matrix():
    device = Device()
    kernel = fidelity(device)
    K = hardware.plan(kernel, X).execute().estimate().K
    machine = SVC(kernel="precomputed").fit(K, y)
    with pytest.raises(
        TypeError, match=r"expected kernel=\.\.\. and X_train=\.\.\. with an estimator"
    ):
        hardware.plan_prediction(machine, Y)
    with pytest.raises(ValueError, match=r"X_train: expected the 6 points .* got None"):
        hardware.plan_prediction(machine, Y, kernel=kernel)
    plan = hardware.plan_prediction(machine, Y, kernel=kernel, X_train=X)
    assert plan.summary().points == len(Y) * len(machine.support_)
    predicted = hardware.precomputed(machine).predict(plan.execute().estimate().K)
    bought = device.points
    itself = SVC(kernel=kernel).fit(X, y)
    np.testing.assert_array_equal(predicted, itself.predict(Y))
    assert device.points == bought + len(Y) * (6 - len(machine.support_))


def test_predictions_that_cannot_be_planned():
    fitted = SVC(kernel=fidelity()).fit(X, y)
    with pytest.raises(TypeError, match="expected a fitted support vector machine, got SVC"):
        hardware.plan_prediction(SVC(kernel=fidelity()), Y)
    with pytest.raises(ValueError, match=r"X_train: expected the 6 points .* got 5"):
        hardware.plan_prediction(fitted, Y, X_train=X[:5])
    evaluator = fitted.kernel.evaluator.replace(mitigation=[hardware.Depolarizing("average")])
    fitted.kernel.set_params(evaluator=evaluator)
    with pytest.raises(ValueError, match=r"measures the support vectors only; take .*'split'"):
        hardware.plan_prediction(fitted, Y)
