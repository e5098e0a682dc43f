"""`Plan.import_counts`: labels, backends, ledgers, and what does not fit."""

import re

import cirq
import numpy as np
import pytest

import qkernels as qk
from qkernels import hardware
from tests.hardware.devices import Device
from tests.hardware.test_plan import X, fidelity, projected, zz

ZEROS = [{"00": 60}] * 21
ONES = [{"11": 60}] * 21


def test_labels_tell_equal_counts_from_a_copy_of_them():
    plan = hardware.plan(fidelity(), X)
    assert plan.import_counts(ZEROS).missing == 21
    assert plan.import_counts(ZEROS).missing == 21
    assert plan.import_counts(ZEROS, label="second run").missing == 0
    assert plan.import_counts(ZEROS, label="second run").ledger.summary().points == 21
    (request,) = plan.requests
    held = plan.evaluator.ledger.holdings(request.keys("Device"))
    assert set(held.asked.tolist()) == {120}
    run = plan.import_counts(ONES, label="third run")
    np.testing.assert_allclose(run.estimate().K, 2 / 3)


def test_counts_are_of_the_backend_that_is_named():
    plan = hardware.plan(fidelity(), X)
    plan.import_counts(ZEROS, backend="another device")
    with pytest.raises(hardware.MissingCounts, match="points measured on Device, got none of 21"):
        plan.open().estimate()
    evaluator = plan.evaluator.replace(backend=hardware.Offline("another device"))
    there = hardware.plan(qk.FidelityKernel(zz, evaluator=evaluator), X)
    np.testing.assert_array_equal(there.open().estimate().K, np.ones((6, 6)))
    assert there.open().estimate().provenance[0]["backend"] == "another device"


def test_without_a_backend_they_are_from_elsewhere(tmp_path):
    kernel = qk.FidelityKernel(zz, evaluator=qk.SamplerEvaluator(None, repetitions=60))
    run = hardware.plan(kernel, X).import_counts(ONES, ledger=tmp_path / "run.db")
    assert run.missing == 0
    np.testing.assert_array_equal(run.estimate().K, np.zeros((6, 6)))
    assert run.estimate().provenance[0]["backend"] == "elsewhere"
    assert hardware.Ledger(tmp_path / "run.db").summary().repetitions == 0
    assert kernel.evaluator.ledger.summary().points == 0


@pytest.mark.parametrize(
    ("results", "error", "text"),
    [
        ([], ValueError, "expected 21 results, got 0"),
        (ZEROS[:20], ValueError, "expected 21 results, got 20"),
        ([*ZEROS[:20], {"000": 1}], ValueError, "outcomes of 2 zeros and ones, got '000': 1"),
        ([*ZEROS[:20], {}], ValueError, "outcomes of 2 zeros and ones, got none"),
        (ZEROS[0], hardware.BadResults, "expected a list of cirq.Result, got '00' in it"),
        ([*ZEROS[:20], None], hardware.BadResults, "expected a list of cirq.Result, got"),
    ],
)
def test_results_that_do_not_fit(results, error, text):
    plan = hardware.plan(fidelity(), X)
    with pytest.raises(error, match=re.escape(text)):
        plan.import_counts(results)
    assert plan.evaluator.ledger.summary().points == 0


def test_results_of_several_circuits_are_refused():
    evaluator = qk.SamplerEvaluator(Device(), repetitions=10)
    kernel = fidelity().set_params(evaluator=evaluator) + projected().set_params(
        evaluator=evaluator
    )
    with pytest.raises(ValueError, match="expected a kernel that measures one circuit, got 2"):
        hardware.plan(kernel, X).import_counts(ZEROS)


def test_results_of_a_projected_kernel():
    plan = hardware.plan(projected(), X)
    results = cirq.Simulator(seed=0).run_sweep(plan.circuit, plan.sweep, 5000)
    found = plan.import_counts(results).estimate()
    assert np.abs(found.K - qk.ProjectedKernel(zz)(X)).max() < 5 * found.std_error.max()
