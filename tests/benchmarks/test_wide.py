"""Tests of what measures wide circuits, and of its tables and picture; no times are judged.

The test marked `benchmark` runs all of it on small sizes.
"""

from __future__ import annotations

import json
from types import SimpleNamespace

import cirq
import numpy as np
import pytest

import qkernels as qk

from . import processes, scale, wide, wide_report, works
from .__main__ import _parse, main
from .peers import quimb_mps
from .peers.quimb_mps import WAYS

CONDITIONS = scale.Conditions({}, None, repetitions=2, quick=True)


@pytest.fixture
def quimb():
    return pytest.importorskip("quimb")


# -- What is chosen and asked for


def test_wide_circuits_are_measured_only_if_named():
    assert not set(works.WIDE) & set(_parse([]).works)
    assert _parse(["--works", "wide,zz"]).works == ("wide", "zz")


def test_what_is_missing_is_said(monkeypatch, tmp_path, capsys):
    found = SimpleNamespace(find_spec=lambda name: None if name == "quimb" else name)
    monkeypatch.setattr(wide, "util", found)
    assert wide.missing() == "quimb"
    assert main(["--works", "wide", "--output", str(tmp_path)]) == 0
    assert "wide: not measured, as quimb is not installed." in capsys.readouterr().out


def test_every_size_is_measured_in_a_process_of_its_own(monkeypatch):
    asked = []

    def attempt(module, measurement, sizes, variables):
        asked.append((module, measurement))
        wrong = {"record": {"differs": 2e-6}, "cones": {"error": "no memory"}}
        return {**sizes, **wrong.get(measurement, {"differs": 1e-9})}

    monkeypatch.setattr(processes, "attempt", attempt)
    found = wide.measure(CONDITIONS)
    assert asked == [("wide", entry["what"]) for entry in found]
    assert [entry["what"] for entry in found] == ["record", "states", "states", "states", "cones"]
    errors = [entry.get("error") for entry in found]
    assert errors == ["differs by 2e-06", None, None, None, "no memory"]


def test_sizes_of_the_measurement_are_those_of_the_record():
    orders = list(wide._orders(scale.Conditions({}, None, repetitions=7, quick=False)))
    assert orders[0] == ("record", {"n_points": 5120, "n_qubits": 165, "n_sampled": 100})
    assert orders[-1] == ("cones", {"n_points": 500, "n_qubits": 200})
    states = [sizes for what, sizes in orders if what == "states"]
    assert {(s["n_qubits"], s["distance"]) for s in states} >= {(100, 2), (100, 3), (100, 4)}


# -- Data and circuits


def test_features_of_the_record_are_scaled():
    X = wide.records(200, 12)
    assert X.shape == (200, 12)
    np.testing.assert_allclose([X.min(axis=0), X.max(axis=0)], [[0] * 12, [2] * 12], atol=1e-12)
    at_least = np.isclose(X, X.min(axis=0)).mean(axis=0)
    assert np.all(at_least[::3] > 0.45)
    assert np.all(np.delete(at_least, np.s_[::3]) < 0.05)


def test_points_are_close_to_each_other_and_differ_between_turns():
    first, second = wide.points(5, 7, 1), wide.points(5, 7, 2)
    assert np.ptp(first, axis=0).max() < 0.1
    assert abs(first - second).max() > 0.1
    np.testing.assert_array_equal(first[:3], wide.points(3, 7, 1))


@pytest.mark.parametrize("n_qubits", [3, 9])
def test_bloch_vectors_are_those_of_the_whole_circuit(n_qubits):
    x = wide.angles(1, n_qubits, 0)[0]
    feature_map = wide.brickwork(n_qubits)
    state = cirq.Simulator(dtype=np.complex128).simulate(
        feature_map.resolve(x), qubit_order=feature_map.qubits
    )
    vectors = [state.bloch_vector_of(q) for q in feature_map.qubits]
    np.testing.assert_allclose(wide.bloch_vectors(x), vectors, atol=1e-10)


# -- quimb


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("distance", [1, 2, 3])
def test_quimb_has_the_states_of_the_map(way, distance, quimb):
    x = np.random.default_rng(0).uniform(0, 2, 6)
    feature_map = qk.feature_maps.ising(6, gamma=0.8, distance=distance)
    exact = feature_map.resolve(x).final_state_vector(dtype=np.complex128)
    found = way(x, 0.8, distance).to_dense().ravel()
    assert abs(np.vdot(exact, found)) ** 2 == pytest.approx(1, abs=1e-9)


def test_quimb_contracts_states_whose_bonds_are_1(quimb):
    first, second = np.random.default_rng(0).uniform(0, 2, (2, 80))
    first[:40] = 1.0
    bra, ket = (WAYS[0](x, 0.1, 1) for x in (first, second))
    assert min(bra.bond_sizes()) == 1
    expected = abs(bra.overlap(ket)) ** 2
    found = abs(quimb_mps.overlap(bra.H, ket, quimb_mps.sweep(80))) ** 2
    assert found == pytest.approx(expected, rel=1e-10)


def test_quimb_takes_the_fastest_way(monkeypatch, quimb):
    clock = iter([0.0, 3.0, 10.0, 11.0, 20.0, 22.0])
    monkeypatch.setattr(quimb_mps.time, "perf_counter", lambda: next(clock))
    assert quimb_mps.fastest(np.ones(4), 1.0, 1) is WAYS[1]


def test_pairs_are_drawn_once_each():
    pairs = wide._some_pairs(5, 8, np.random.default_rng(0))
    assert pairs.shape == (8, 2)
    assert len({tuple(pair) for pair in pairs.tolist()}) == 8
    assert np.all(pairs[:, 0] < pairs[:, 1])


@pytest.mark.parametrize("n_workers", [1, 2])
def test_workers_keep_their_states_and_compare_them(n_workers, quimb):
    X = wide.points(4, 5, 0)
    K = qk.FidelityKernel(qk.feature_maps.ising(5, distance=2))(X)
    with quimb_mps.Workers(n_workers) as workers:
        way = workers.tune(X[0], 1.0, 2)
        seconds, bonds = workers.states(way, X, 1.0, 2)
        places = [np.array([[0, 1]])] * n_workers
        pause, values = workers.fidelities(places)
    assert way in {known.__name__ for known in WAYS}
    assert min(seconds, pause) > 0
    assert len(bonds) == 4 * 4
    expected = [[K[0, 1]], [K[2, 3]]][:n_workers]
    np.testing.assert_allclose(values, expected, atol=1e-8)


# -- Tables and picture


def turn(n_qubits, distance, bond, scale=1.0, **rest):
    return {
        "what": "states",
        "n_qubits": n_qubits,
        "distance": distance,
        "n_points": 8,
        "bond": bond,
        "greatest": 2 * bond,
        "way": "network",
        "busy": 0.1,
        "states": [scale * 1e-3 * bond**2] * 3,
        "their_states": [scale * 7e-3 * bond**2] * 3,
        "overlaps": [scale * 1e-6 * bond**3] * 3,
        "their_overlaps": [scale * 5e-6 * bond**3, scale * 6e-6 * bond**3, scale * 9e-6 * bond**3],
        "differs": 3e-9,
        **rest,
    }


MEASURED = [
    {
        "what": "record",
        "n_points": 5120,
        "n_qubits": 165,
        "seconds": 100.0,
        "states": 20.0,
        "peak": 2e9,
        "smallest": -3e-13,
        "largest": 1000.0,
        "version": "1.2.3",
        "checked": 1000,
        "differs": 2e-11,
        "their_states": 0.04,
        "their_overlaps": 0.002,
    },
    turn(100, 1, 4.0),
    turn(100, 2, 10.0),
    turn(100, 3, 30.0),
    turn(50, 2, 10.0, scale=0.5),
    turn(200, 2, 10.0, scale=2.0),
    {
        "what": "cones",
        "n_points": 500,
        "n_qubits": 200,
        "seconds": 3.0,
        "again": 2.0,
        "differs": 1e-15,
        "checked": 16,
        "peak": 3e8,
    },
]


def test_tables_show_times_beside_those_of_others():
    record, states, cones = (table.text() for table in wide_report.tables(MEASURED))
    assert "Gram matrix of 5120 points × 165 qubits" in record
    # 5120 states of 0.04 s and 13 104 640 pairs of 2 ms.
    rows = [line.split("  ") for line in record.splitlines()]
    rows = [[cell.strip() for cell in row if cell] for row in rows]
    assert ["qkernels", "20.0 s", "80.0 s", "100 s"] in rows
    assert ["quimb, extrapolated", "205 s", "26209 s", "26414 s", "264"] in rows
    assert ["the paper, 32 A100", "328 s", "10039 s", "10557 s", "106"] in rows
    assert "quimb 1.2.3 took 40.0 ms a state and 2.00 ms a pair" in record
    assert "1000 entries differ from quimb's by at most 2e-11." in record
    assert "Smallest eigenvalue -3.0e-13, where N·ε·λ_max is 1e-09." in record
    assert "7.0 (7.0 – 7.0)" in states
    assert "6.0 (5.0 – 9.0)" in states
    assert "700 ms (network)" in states
    assert "The paper's processor, at bond 10: 660 ms a state, 1.80 ms a pair." in states
    assert "500 points × 200 qubits" in cones


def test_the_paper_is_beside_matrices_of_its_size_alone():
    record = wide_report.tables([MEASURED[0] | {"n_points": 500}])[0]
    assert [row[0] for row in record.rows] == ["qkernels", "quimb, extrapolated"]


def test_noise_is_told():
    assert "QUIET" not in wide_report.tables(MEASURED)[1].text()
    noisy = wide_report.tables([*MEASURED, turn(400, 2, 10.0, busy=1.25)])[1]
    assert "NOT A QUIET MACHINE: other programs kept up to 1.2 processors busy." in noisy.text()


def test_exponents_are_fitted():
    series = wide_report.series(MEASURED)
    assert [entry["bond"] for entry in series["bond"]] == [4, 10, 30]
    assert [entry["n_qubits"] for entry in series["n_qubits"]] == [50, 100, 200]
    assert wide_report.exponents(series["bond"], "bond", "overlaps") == pytest.approx(3)
    assert wide_report.exponents(series["bond"], "bond", "their_states") == pytest.approx(2)
    assert wide_report.exponents(series["n_qubits"], "n_qubits", "states") == pytest.approx(1)
    text = wide_report.tables(MEASURED)[1].text()
    assert "overlap: the mean bond to the power 3.00, with quimb 3.00" in text
    assert "state: the number of qubits to the power 1.00, with quimb 1.00" in text


def test_failures_are_shown_and_left_out():
    failed = [{**entry, "error": "no memory"} for entry in MEASURED]
    tables = wide_report.tables(failed)
    assert all(not table.rows for table in tables)
    assert all("qubits: no memory" in table.text() for table in tables)
    assert wide_report.series(failed) == {}


def test_a_picture_is_drawn(tmp_path):
    path = tmp_path / "wide.png"
    assert wide_report.draw(MEASURED, path)
    assert path.stat().st_size > 10_000
    assert not wide_report.draw(MEASURED[:2], tmp_path / "none.png")
    assert not (tmp_path / "none.png").exists()


@pytest.mark.benchmark
def test_wide_circuits_are_measured(tmp_path, quimb):
    arguments = ["--works", "wide", "--quick", "--repetitions", "1", "--output", str(tmp_path)]
    assert main(arguments) == 0
    found = json.loads((tmp_path / "benchmarks.json").read_text())["wide"]
    assert [entry["what"] for entry in found] == ["record", "states", "states", "states", "cones"]
    assert all(entry["differs"] < 1e-6 for entry in found)
    assert (tmp_path / "wide.png").exists()
