"""What matrix product states report of themselves, and the warnings that say it unasked."""

import re
import warnings

import cirq
import numpy as np
import pytest

import qkernels as qk
from qkernels import MPSEvaluator
from qkernels.evaluators import mps_report, mps_simulation
from qkernels.evaluators.mps_report import Record
from tests.evaluators.maps import PARAMETERS, entangled, layered, points, product

MAP = layered(4)
NOTHING = "matrix product states: none prepared yet in this process"


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    """Let no other test's states be reported."""
    monkeypatch.setattr(mps_report, "_records", {})


def own(**options):
    """Return an evaluator that keeps nothing of other tests."""
    evaluator = MPSEvaluator(cache_size="1234KB", **options)
    evaluator.clear_cache()
    return evaluator


def quiet(evaluator, feature_map=MAP, X=None, parameters=PARAMETERS):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return evaluator.embed(feature_map, points(9) if X is None else X, parameters)


# -- Figures


def test_nothing_yet():
    evaluator = own()
    report = evaluator.report()
    assert str(report) == NOTHING
    assert report.n_states == report.nbytes == 0
    assert report.fidelity_bound == report.expectation_bound == 0.0


def test_figures_are_those_of_the_prepared_states():
    evaluator = own(max_bond=2)
    a = quiet(evaluator)
    report = evaluator.report()
    assert (report.n_states, report.n_qubits) == (9, 4)
    np.testing.assert_array_equal(report.largest_bonds, a.bonds[:, 1:-1].max(axis=0))
    np.testing.assert_allclose(report.mean_bonds, a.bonds[:, 1:-1].mean(axis=0))
    assert report.discarded_weight == a.weights.sum(axis=1).max() > 0
    assert report.largest_angle == a.angles.max()
    assert report.rounding == a.rounding.max()
    assert report.nbytes == a.arrays()["re"].nbytes + a.arrays()["im"].nbytes
    assert report.capped


def test_bounds_are_the_largest_of_any_states_that_are_so_far_off():
    evaluator = own(max_bond=1)
    a = quiet(evaluator)
    report = evaluator.report()
    off = min(2 * a.angles.max(), np.pi / 2)
    assert report.fidelity_bound == pytest.approx(min(1.0, np.sin(off)), abs=1e-10)
    assert report.fidelity_bound >= evaluator.fidelity_bounds(a).max()
    expected = min(2.0, 2 * np.sin(min(a.angles.max(), np.pi / 2)))
    assert report.expectation_bound == pytest.approx(expected, abs=1e-10)


def test_states_of_one_circuit_add_up_and_kept_ones_are_not_counted_twice():
    evaluator = own()
    X = points(12)
    a = quiet(evaluator, X=X[:9])
    b = quiet(evaluator, X=X[4:])
    report = evaluator.report()
    assert report.n_states == 12
    both = np.concatenate([a.bonds, b.bonds[5:]])
    np.testing.assert_allclose(report.mean_bonds, both[:, 1:-1].mean(axis=0))
    quiet(evaluator, X=X)
    assert evaluator.report().n_states == 12


def test_another_circuit_starts_anew():
    evaluator = own()
    quiet(evaluator)
    quiet(evaluator, entangled(3), points(2))
    assert evaluator.report().n_states == 2
    quiet(evaluator, entangled(3), points(2), PARAMETERS + 1)
    assert evaluator.report().n_states == 2
    evaluator.expectations(MAP, points(5), PARAMETERS, observables=[cirq.Z(MAP.qubits[0])])
    assert evaluator.report().n_states == 5


def test_equal_evaluators_share_a_report_and_others_do_not():
    evaluator = own()
    quiet(evaluator)
    assert own().report().n_states == evaluator.without_cache().report().n_states == 9
    assert own(truncation=1e-3).report().n_states == 0


def test_a_report_does_not_change_afterwards():
    evaluator = own()
    quiet(evaluator, X=points(2))
    report = evaluator.report()
    before = report.largest_bonds.copy()
    quiet(evaluator)
    np.testing.assert_array_equal(report.largest_bonds, before)
    assert report.n_states == 2


def test_qubits_are_those_that_numbers_depend_on():
    evaluator = own()
    q = cirq.LineQubit(1)
    evaluator.expectations(product(4), points(3, 4), observables=[cirq.Z(q)])
    assert evaluator.report().n_qubits == 1


# -- Texts


def test_the_text_of_exact_states():
    evaluator = own(truncation=0)
    quiet(evaluator, qk.feature_maps.ising(3), [[0.3] * 3, [0.4] * 3], None)
    lines = str(evaluator.report()).split("\n")
    assert re.fullmatch(r"matrix product states: 2 of 3 qubits, \d+ B", lines[0])
    assert lines[1] == "bonds: 2.00 on average, at most 2 (between sites 0 and 1)"
    assert re.fullmatch(r"discarded weight: at most [\d.e-]+ of a state", lines[2])
    assert re.fullmatch(
        r"bounds: a fidelity is off by at most [\d.]+e-1\d, the expectation value of a Pauli word "
        r"by at most [\d.]+e-1\d",
        lines[3],
    )
    assert len(lines) == 4


def test_the_text_of_one_qubit_has_no_bonds():
    evaluator = own()
    quiet(evaluator, product(1), points(2, 1), None)
    assert re.match(
        r"matrix product states: 2 of 1 qubits, 64 B\ndiscarded", str(evaluator.report())
    )


def test_the_text_says_that_max_bond_was_reached():
    evaluator = own(max_bond=1)
    quiet(evaluator)
    assert "of a state, more than asked for, as max_bond was reached\n" in str(evaluator.report())


def test_the_widest_bond_is_named():
    record = Record()
    bonds = np.array([[1, 2, 4, 2, 1]])
    numbers = {"rounding": 0.0, "nbytes": 2000, "capped": False}
    record.add(bonds, np.zeros((1, 2)), np.zeros(1), **numbers)
    assert "bonds: 2.67 on average, at most 4 (between sites 1 and 2)" in str(record.report())
    assert "1 of 4 qubits, 2 KB" in str(record.report())


# -- Warnings


def warned(evaluator, *arguments):
    """Return the texts of the warnings."""
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        evaluator.embed(*arguments)
    return [str(w.message) for w in found if issubclass(w.category, UserWarning)]


def test_max_bond_is_warned_of_once_a_circuit():
    evaluator = own(max_bond=1)
    texts = warned(evaluator, MAP, points(3), PARAMETERS)
    assert warned(evaluator, MAP, points(9, seed=1), PARAMETERS) == []
    assert len(warned(evaluator, entangled(4), points(3), PARAMETERS)) == 1
    (text,) = texts
    assert re.fullmatch(
        r"max_bond=1 was reached: up to 0\.\d+ of a state was discarded, where truncation=1e-12 "
        r"was asked for; fidelities may be off by up to [\d.]+ \(see report\(\)\)",
        text,
    )


def test_what_truncation_discards_is_not_warned_of():
    assert warned(own(truncation=0.1), MAP, points(3), PARAMETERS) == []
    assert warned(own(max_bond=64), MAP, points(3), PARAMETERS) == []


def test_what_takes_long_is_warned_of_once_with_what_helps(monkeypatch):
    monkeypatch.setattr(mps_simulation, "_LONG", 0.0)
    monkeypatch.setattr(mps_simulation, "_SEEN", 0.0)
    monkeypatch.setattr(mps_simulation, "_WORK_A_CALL", 1.0)
    (text,) = warned(own(), MAP, points(40), PARAMETERS)
    assert re.fullmatch(
        r"bonds have grown to \d: the 40 states take another 0\.0 hours or more; give max_bond, at "
        r"the price of an error that report\(\) bounds, or take a map with fewer layers, or with "
        r"couplings of neighbours only",
        text,
    )


def test_what_is_quick_is_not_warned_of(monkeypatch):
    monkeypatch.setattr(mps_simulation, "_WORK_A_CALL", 1.0)
    assert warned(own(), MAP, points(40), PARAMETERS) == []


def test_a_progress_bar_is_shown_if_asked_for(capsys):
    quiet(own())
    assert capsys.readouterr().err == ""
    quiet(own(verbose=1))
    assert "9/9" in capsys.readouterr().err
