"""`qkernels.sampling.exchange`: counts leave a ledger as text and come back as they were."""

import json
import re

import cirq
import numpy as np
import pytest

import qkernels as qk
from qkernels.hardware import Ledger, MissingCounts, plan
from qkernels.sampling.exchange import counts_from
from tests.hardware.devices import Device

X = np.random.default_rng(0).uniform(0, 1, (4, 2))


def kernel(ledger=None, device=None):
    evaluator = qk.SamplerEvaluator(device, repetitions=60, ledger=ledger, points_per_chunk=4)
    return qk.FidelityKernel(qk.feature_maps.zz, evaluator=evaluator)


@pytest.fixture
def bought():
    """A ledger with all counts of the matrix at X."""
    ledger = Ledger()
    kernel(ledger, Device())(X)
    return ledger


def test_counts_come_back(bought, tmp_path):
    other = Ledger(tmp_path / "other.db")
    assert other.import_counts(bought.export()) == 3
    np.testing.assert_array_equal(kernel(other)(X), kernel(bought)(X))
    assert other.summary().points == 10
    assert other.summary().repetitions == 0
    entry = plan(kernel(other), X).open().estimate().provenance[0]
    assert entry["backend"] == "Device"
    assert json.loads(other.export())["submissions"][0]["token"]
    buyer = Device()
    kernel(other, buyer)(X)
    assert buyer.points == 0


def test_importing_twice_counts_once(bought):
    assert bought.import_counts(bought.export()) == 0
    other = Ledger()
    other.import_counts(bought.export())
    assert other.import_counts(bought.export()) == 0
    np.testing.assert_array_equal(kernel(other)(X), kernel(bought)(X))


def test_counts_of_two_ledgers_add_up(bought):
    other = Ledger()
    kernel(other, Device(seed=1))(X)
    both = Ledger()
    both.import_counts(bought.export())
    both.import_counts(other.export())
    mean = (kernel(bought)(X) + kernel(other)(X)) / 2
    np.testing.assert_allclose(kernel(both)(X), mean, atol=1e-12)


def test_floats_and_large_values_round_trip():
    device = Device()
    points = np.array([[1e-300, np.pi], [1 / 3, -0.0]])
    ledger, other = Ledger(), Ledger()
    kernel(ledger, device)(points)
    other.import_counts(ledger.export())
    np.testing.assert_array_equal(kernel(other)(points), kernel(ledger)(points))


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda c: "[", "expected the JSON text of counts, got '['"),
        (lambda c: "3", "expected the JSON text of counts, got '3'"),
        (lambda c: {**c, "version": 2}, "expected format and version ('qkernels.counts', 1)"),
        (lambda c: {**c, "programs": {}}, "expected what export writes, but reading failed: Key"),
        (lambda c: {**c, "submissions": [{"token": "a"}]}, "expected what export writes"),
    ],
)
def test_other_texts_are_refused(bought, change, text):
    content = change(json.loads(bought.export()))
    content = content if isinstance(content, str) else json.dumps(content)
    other = Ledger()
    with pytest.raises(ValueError, match=re.escape(text)):
        other.import_counts(content)
    assert other.summary().points == 0


def test_a_bad_outcome_keeps_all_out(bought):
    content = json.loads(bought.export())
    content["submissions"][-1]["points"][-1]["counts"] = {"012": 3}
    other = Ledger()
    with pytest.raises(ValueError, match=r"outcomes of 2 zeros and ones, got '012': 3"):
        other.import_counts(json.dumps(content))
    assert other.submissions() == []


@pytest.mark.parametrize(
    ("strings", "shown"),
    [({}, "none"), ({"0": 1}, "'0': 1"), ({"01": 0}, "'01': 0"), ({"01": 1.5}, "'01': 1.5")],
)
def test_counts_from_strings(strings, shown):
    with pytest.raises(ValueError, match=re.escape(f"zeros and ones, got {shown}")):
        counts_from(strings, 2)
    found = counts_from({"10": 3, "00": 1}, 2)
    np.testing.assert_array_equal(found.outcomes, [[False, False], [True, False]])
    np.testing.assert_array_equal(found.numbers, [1, 3])


# -- Measured elsewhere


@pytest.mark.parametrize("as_strings", [False, True])
def test_what_was_measured_elsewhere(as_strings):
    planned = plan(kernel(Ledger()), X)
    results = cirq.Simulator(seed=1).run_sweep(planned.circuit, planned.sweep, 500)
    if as_strings:
        n_bits = len(planned.circuit.all_qubits())
        given = [
            {format(k, f"0{n_bits}b"): n for k, n in result.histogram(key="m").items()}
            for result in results
        ]
    else:
        given = results[::-1]  # They name their points.
    run = planned.import_counts(given)
    assert run.missing == 0
    exact = qk.FidelityKernel(qk.feature_maps.zz)(X)
    found = run.estimate()
    assert np.abs(found.K - exact).max() < 5 * found.std_error.max()
    planned.import_counts(given)
    np.testing.assert_array_equal(planned.open().estimate().K, found.K)


def test_what_was_measured_elsewhere_spares_the_device():
    device = Device()
    planned = plan(kernel(Ledger(), device), X)
    planned.import_counts(cirq.Simulator(seed=1).run_sweep(planned.circuit, planned.sweep, 60))
    planned.execute()
    assert device.points == 0


def test_results_that_do_not_fit():
    planned = plan(kernel(Ledger()), X)
    with pytest.raises(ValueError, match="expected 10 results, got 1"):
        planned.import_counts([{"00": 5}])
    results = cirq.Simulator(seed=1).run_sweep(planned.circuit, planned.sweep, 60)
    with pytest.raises(ValueError, match="expected 10 results, got 9"):
        planned.import_counts(results[:9])
    with pytest.raises(MissingCounts):
        planned.open().estimate()
