"""Tests of the suite itself: works, statistics, tables, pictures, and turns; no times are judged.

The one test marked `benchmark` runs the quick suite on whatever packages are installed.
"""

from __future__ import annotations

import json
import math
import sys

import cirq
import numpy as np
import pytest

from qkernels import StatevectorEvaluator

from . import outcomes, picture, reference, report, runner, works
from .__main__ import main
from .outcomes import Outcome, Record
from .peers import OURS, PEERS, RATE
from .peers.base import Job, Peer, bloch_vectors, fidelities, projected_gram
from .peers.jax_job import equal_parts
from .peers.ours import layered
from .quiet import Watch
from .worker import Order, Station
from .works import GROUPS, Work

WORK = Work("zz", "gram", "zz", 5, 3)


def record(peer: str, *seconds: float, **rest) -> Record:
    return Record(peer, seconds=list(seconds), n_points=rest.pop("n_points", 5), **rest)


class Fake(Peer):
    """A package that computes the reference, with an error added to it."""

    key = label = "fake"
    package = distribution = "numpy"

    def __init__(self, error: float = 0.0) -> None:
        self.error = error
        self.seen: list[np.ndarray] = []

    def prepare(self, work: Work) -> Job:
        def run(X):
            self.seen.append(X)
            return reference.matrix(work, X) + self.error

        return Job(run=run)


class Broken(Fake):
    def prepare(self, work: Work) -> Job:
        raise RuntimeError("no such\nlibrary")


class Missing(Fake):
    package = "no_such_package"


class TeamInOneProcess:
    """Answers orders at once, without processes."""

    def __init__(self) -> None:
        self.stations: dict[str, Station] = {}
        self.turns: list[str] = []
        self.watch = Watch()

    def ask(self, key, order):
        self.turns.append(key)
        return self.stations.setdefault(key, Station(PEERS[key])).answer(order)


@pytest.fixture
def team(monkeypatch):
    fakes = {"good": Fake(), "bad": Fake(2e-6), "broken": Broken(), "missing": Missing()}
    for key, peer in fakes.items():
        monkeypatch.setitem(PEERS, key, peer)
    return TeamInOneProcess()


@pytest.fixture
def settings(tmp_path):
    return runner.Settings(1, repetitions=3, budget=60.0, limit=60.0, output=tmp_path)


def cirq_states(feature_map: str, X: np.ndarray) -> np.ndarray:
    qubits = cirq.LineQubit.range(X.shape[1])
    simulator = cirq.Simulator(dtype=np.complex128)
    make = {"zz": zz_circuit, "layered": layered_circuit}[feature_map]
    circuits = [cirq.Circuit(make(qubits, x)) for x in X]
    return np.array(
        [simulator.simulate(c, qubit_order=qubits).final_state_vector for c in circuits]
    )


def zz_circuit(qubits, x):
    for _ in range(2):
        yield cirq.H.on_each(qubits)
        yield [cirq.ZPowGate(exponent=2 * v / np.pi)(q) for v, q in zip(x, qubits, strict=True)]
        for i, j in works.pairs(len(x)):
            phase = 2 * (np.pi - x[i]) * (np.pi - x[j])
            yield cirq.CNOT(qubits[i], qubits[j])
            yield cirq.ZPowGate(exponent=phase / np.pi)(qubits[j])
            yield cirq.CNOT(qubits[i], qubits[j])


def layered_circuit(qubits, x):
    for offset in works.offsets(len(x)):
        for q, qubit in enumerate(qubits):
            yield cirq.ry(x[q] + offset[q, 0])(qubit)
            yield cirq.rz(x[q] + offset[q, 1])(qubit)
        yield [cirq.CZ(qubits[i], qubits[j]) for i, j in works.ring(len(x))]


@pytest.mark.parametrize("feature_map", ["zz", "layered"])
def test_reference_states_are_those_of_cirq_up_to_a_phase(feature_map):
    X = np.random.default_rng(0).uniform(0, 6, (4, 3))
    overlaps = (cirq_states(feature_map, X).conj() * reference.states(feature_map, X)).sum(axis=1)
    np.testing.assert_allclose(abs(overlaps), 1.0, atol=1e-12)


def test_reference_projected_kernel_is_the_definition():
    work = Work("projected", "projected", "zz", 3, 3)
    X = works.points(work, 0)
    rho = [
        [cirq.density_matrix_from_state_vector(psi, [q]) for q in range(3)]
        for psi in cirq_states("zz", X)
    ]
    squares = [[sum(np.linalg.norm(np.subtract(a, b), axis=(1, 2)) ** 2) for b in rho] for a in rho]
    expected = np.exp(-works.GAMMA * np.array(squares))
    np.testing.assert_allclose(reference.matrix(work, X), expected, atol=1e-12)


def test_vectorised_numpy_agrees_with_the_reference():
    work = Work("projected", "projected", "zz", 70, 5)
    X = works.points(work, 0)
    states = reference.states("zz", X)
    np.testing.assert_allclose(projected_gram(states), reference.matrix(work, X), atol=1e-12)
    assert bloch_vectors(states).shape == (70, 15)
    np.testing.assert_allclose(fidelities(states), abs(states.conj() @ states.T) ** 2, atol=1e-12)


@pytest.mark.parametrize(("n_points", "blocks"), [(10, 1), (10, 3), (500, 8), (7, 7)])
def test_blocks_have_one_size_and_hold_all_points(n_points, blocks):
    X = np.arange(2.0 * n_points).reshape(n_points, 2)
    parts = equal_parts(X, blocks)
    assert len({part.shape for part in parts}) == 1
    np.testing.assert_array_equal(np.concatenate(parts)[:n_points], X)


def test_every_repetition_has_its_own_points_and_the_same_ones_again():
    first, second = works.points(WORK, 1), works.points(WORK, 2)
    assert first.shape == (5, 3)
    assert not np.isclose(first, second).any()
    np.testing.assert_array_equal(first, works.points(WORK, 1))


def test_fidelities_of_the_points_are_neither_zero_nor_one():
    work = Work("zz", "gram", "zz", 8, 10)
    gram = reference.matrix(work, works.points(work, 0))
    off_diagonal = gram[~np.eye(8, dtype=bool)]
    assert off_diagonal.min() > 0.2
    assert off_diagonal.max() < 0.999


def test_names_of_works_are_unique_and_quick_ones_are_smaller():
    full, quick = works.works(), works.works(quick=True)
    assert len({work.name for work in full}) == len(full)
    assert {work.group for work in full} == {work.group for work in quick}
    assert {work.group for work in full} == set(GROUPS) - set(works.FRESH)
    sizes = [[w.n_points * 2**w.n_qubits for w in chosen] for chosen in (quick, full)]
    assert max(sizes[0]) < np.median(sizes[1])


def test_works_are_chosen_by_group_or_by_name():
    chosen = works.works(("zz-1000x10", "hea"))
    assert [work.name for work in chosen] == ["zz-1000x10", "hea-1000x10", "hea-496x14"]


def test_ratios_are_taken_round_by_round():
    ratio = outcomes.ratios([1.0, 2.0, 4.0], [10.0, 22.0, 36.0])
    assert (ratio.median, ratio.least, ratio.greatest) == (10.0, 9.0, 11.0)


def test_ratios_ignore_rounds_that_the_other_missed():
    ratio = outcomes.ratios([1.0, 2.0, 100.0], [10.0, 22.0])
    assert (ratio.least, ratio.greatest) == (10.0, 11.0)


def test_a_single_time_is_compared_with_each_of_ours():
    ratio = outcomes.ratios([1.0, 2.0, 4.0], [8.0])
    assert (ratio.median, ratio.least, ratio.greatest) == (4.0, 2.0, 8.0)


def test_extrapolation_goes_by_pairs():
    assert outcomes.extrapolated(record("qiskit-pairs", 3.0, n_points=3), WORK) == [10.0]


def test_rate_counts_four_flops_for_each_pair_and_amplitude():
    work = Work("overlaps", "overlaps", "zz", 100, 6)
    outcome = Outcome(work, [record(OURS, 1.0, 2.0), record(RATE, 0.5, 1.0)])
    rate = outcomes.rates(outcome, OURS, RATE, order=10)
    assert rate.median == pytest.approx(0.5 * 4 * 100**2 * 64 / (2 * 10**3))
    assert outcomes.rates(outcome, "numpy", RATE, order=10) is None


def test_deviation_notices_missing_numbers_and_shapes():
    truth = np.eye(2)
    assert outcomes.deviation(truth + 0.25, truth) == 0.25
    assert outcomes.deviation(np.full((2, 2), np.nan), truth) == math.inf
    assert outcomes.deviation(np.eye(3), truth) == math.inf


def test_best_other_is_a_whole_work_by_another_package():
    records = [
        record(OURS, 1.0),
        record("qulacs", 3.0),
        record("squlearn", 2.0),
        record("qiskit-pairs", 0.1, n_points=2),
        Record("qsim", outcomes.FAILED),
        record(RATE, 0.5),
    ]
    others = ["qulacs", "squlearn", "qiskit-pairs", "qsim"]
    assert outcomes.best(Outcome(WORK, records), others).peer == "squlearn"
    assert outcomes.best(Outcome(WORK, records[:1]), others) is None


def test_work_done_by_hand_is_not_called_a_package():
    records = [record(OURS, 1.0), record("qulacs-merged", 4.0), record("qulacs", 5.0)]
    remarks = report.timing(Outcome(WORK, records)).remarks
    assert remarks[0].startswith("Best other package: qulacs + NumPy, 5.00")
    assert remarks[1].startswith("With work done by hand: qulacs, phases by hand, 4.00")


def test_check_notices_who_disagrees_fails_or_is_missing(team):
    keys = ["good", "bad", "broken", "missing"]
    (outcome,) = runner.check(team, keys, [WORK, WORK])
    found = {r.peer: r.status for r in outcome.records}
    assert found == {
        "good": outcomes.TIMED,
        "bad": outcomes.DISAGREES,
        "broken": outcomes.FAILED,
        "missing": outcomes.NOT_INSTALLED,
    }
    assert outcome.records[0].deviation < 1e-12
    assert "2.0e-06" in outcome.records[1].error
    assert outcome.records[2].error == "RuntimeError: no such library"


def test_who_failed_the_check_is_reported_with_every_work_and_not_timed(team, settings):
    checked = runner.check(team, ["good", "bad"], [WORK])
    outcome = runner.measure(team, ["good", "bad"], WORK, settings, checked)
    assert [len(r.seconds) for r in outcome.records] == [3, 0]
    assert outcome.records[1].status == outcomes.DISAGREES


def test_turns_alternate_on_the_same_new_points(team, settings, monkeypatch):
    monkeypatch.setitem(PEERS, "second", Fake())
    runner.measure(team, ["good", "second"], WORK, settings, [])
    assert team.turns == ["good", "second"] * 4
    seen = [PEERS[key].seen for key in ("good", "second")]
    np.testing.assert_array_equal(seen[0], seen[1])
    expected = [0, -1, 1, -1, 2, -1, 3]
    np.testing.assert_array_equal(seen[0], [works.points(WORK, k) for k in expected])


def test_a_slow_first_call_counts_unless_it_compiled(team, settings, monkeypatch):
    hasty = runner.Settings(**vars(settings) | {"budget": 0.0})
    outcome = runner.measure(team, ["good"], WORK, hasty, [])
    assert outcome.records[0].seconds == [outcome.records[0].first]
    assert not outcome.records[0].warmed
    monkeypatch.setattr(Fake, "compiles", True)
    outcome = runner.measure(team, ["good"], WORK, hasty, [])
    assert len(outcome.records[0].seconds) == 1
    assert outcome.records[0].warmed


def test_growth_drops_who_has_trouble(team, settings):
    series = [WORK, Work("zz", "gram", "zz", 6, 3)]
    found = list(runner.measure_growth(team, ["good", "bad"], series, settings, []))
    assert [len(outcome.records) for outcome in found] == [2, 1]


def test_a_package_computing_pair_by_pair_gets_few_points(team, settings, monkeypatch):
    monkeypatch.setattr(Fake, "most_points", 2)
    (found,) = runner.measure(team, ["good"], WORK, settings, []).records
    assert found.n_points == 2
    assert {len(X) for X in PEERS["good"].seen} == {2}


def test_a_station_shows_the_block_that_is_asked_for():
    X, rows = works.points(WORK, 0), np.array([0, 3])
    answer = Station(Fake()).answer(Order(WORK, X, rows))
    np.testing.assert_allclose(answer.block, reference.matrix(WORK, X)[np.ix_(rows, rows)])
    assert answer.seconds > 0
    assert Station(Fake()).answer(Order(WORK, X)).block is None


def test_processes_answer_and_are_given_up_after_the_limit(settings):
    work = Work("overlaps", "overlaps", "zz", 5, 3)
    order = Order(work, works.points(work, 0), np.arange(5))
    with runner.Team(settings) as team:
        answer = team.ask("numpy", order)
        assert not answer.error
        np.testing.assert_allclose(answer.block, reference.matrix(work, order.X), atol=1e-12)
    impatient = runner.Settings(**vars(settings) | {"limit": 0.0})
    with runner.Team(impatient) as team:
        assert runner.measure(team, ["numpy"], work, impatient, []).records[0].status == (
            outcomes.TOO_SLOW
        )
    assert (settings.output / "numpy.log").exists()


def test_a_process_that_ends_is_reported(settings, monkeypatch):
    monkeypatch.setattr(runner, "serve", sys.exit)
    with runner.Team(settings) as team:
        answer = team.ask("numpy", Order(WORK, works.points(WORK, 0)))
        assert "ended with exit code" in answer.error
        assert "numpy" not in team._workers


def test_thread_variables_bound_every_pool():
    variables = runner.thread_variables(3)
    assert variables["OMP_NUM_THREADS"] == variables["NUMBA_NUM_THREADS"] == "3"
    assert "intra_op_parallelism_threads=3" in variables["XLA_FLAGS"]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0412, "41.2 ms"), (3.1, "3.10 s"), (245.2, "245 s"), (2e-6, "2.00 µs"), (math.nan, "–")],
)
def test_seconds_have_three_digits_and_a_unit(value, text):
    assert report.seconds(value) == text


def outcome_with_everything() -> Outcome:
    records = [
        record("qulacs", 0.8, 1.2, 1.0, deviation=2e-15),
        record(OURS, 0.1, 0.1, 0.1, first=0.2),
        record("qiskit-pairs", 3.0, n_points=3),
        record("qiskit-states", 9.0, warmed=False),
        Record("squlearn", outcomes.FAILED, "ValueError: nothing works"),
        Record("tensorcircuit-jax", outcomes.NOT_INSTALLED),
        Record("pennylane-jax", outcomes.TOO_SLOW),
    ]
    return Outcome(WORK, records)


def test_table_shows_medians_ratios_and_every_trouble():
    text = report.timing(outcome_with_everything()).text()
    lines = text.splitlines()
    assert lines[0] == "ZZ map, points to Gram matrix, 5 points × 3 qubits"
    assert lines[4].startswith("qkernels ")
    assert lines[5].split("  ")[0] == "qulacs + NumPy"
    assert "1.00 s" in lines[5]
    assert "800 ms – 1.20 s" in lines[5]
    assert "10.0 (8.00 – 12.0)" in lines[5]
    assert "1 (first)" in lines[6]
    assert "Best other package: qulacs + NumPy, 10.0 (8.00 – 12.0) times" in text
    assert "extrapolated by the number of pairs, not measured: 10.0 s, 100 (100 – 100)" in text
    assert "sQUlearn: failed. ValueError: nothing works" in text
    assert "TensorCircuit-NG + JAX: not installed." in text
    assert "PennyLane + JAX: over the time limit." in text


def test_table_warns_of_a_machine_that_is_not_quiet():
    found = outcome_with_everything()
    assert "NOT A QUIET MACHINE" not in report.timing(found).text()
    found.busy = 1.26
    assert "other programs kept 1.3 processors busy" in report.timing(found).text()


def test_watch_counts_processors_and_starts_anew():
    watch = Watch()
    watch.pause(0.05)
    busy = watch.take()
    assert math.isnan(busy) or busy >= 0
    assert math.isnan(watch.take())


def test_markdown_has_a_cell_for_each_column():
    table = report.timing(outcome_with_everything())
    rows = [line for line in table.markdown().splitlines() if line.startswith("|")]
    assert {line.count("|") for line in rows} == {len(table.header) + 1}
    assert rows[1] == "|:--|--:|--:|--:|--:|--:|--:|"


def test_agreement_table_says_who_does_not_agree():
    good = Outcome(WORK, [record(OURS, deviation=1e-15)])
    assert report.agreement([good]).remarks[-1].startswith("All agree")
    bad = Outcome(WORK, [*good.records, Record("qsim", outcomes.DISAGREES, "by 1e-2")])
    remarks = report.agreement([bad]).remarks
    assert remarks[0] == "qsim + NumPy: disagrees by 1e-2"
    assert remarks[-1].startswith("All others agree")


def test_memory_table_shows_shares_and_errors():
    sizes = {"what": "gram", "n_points": 9, "n_qubits": 2}
    entry = sizes | {"seconds": 1.0, "needed": 2e8, "over": 2.1e8, "peak": 4e8}
    table = report.memory([entry, sizes | {"error": "exit code -9: no message"}])
    assert table.rows[0][1:] == ("1.00 s", "200 MB", "210 MB", "1.050", "400 MB")
    assert table.rows[1][1] == "failed"
    assert "exit code -9" in table.remarks[0]


def test_training_table_shows_what_a_gradient_costs():
    entry = {"n_points": 9, "n_qubits": 2, "n_symbols": 12, "gram": 0.5, "gradient": 1.5}
    table = report.training([entry | {"ratio": 3.0, "extra": 1.25}])
    assert table.rows == [("12", "500 ms", "1.50 s", "3.00", "1.25")]


@pytest.mark.parametrize("n_symbols", [12, 24, 240])
def test_layered_circuits_have_shared_own_and_summed_symbols(n_symbols):
    feature_map = layered(2, n_symbols)
    assert feature_map.n_parameters == n_symbols
    parameters = np.random.default_rng(0).standard_normal(n_symbols)
    shifts = np.resize(parameters, 24) if n_symbols < 24 else parameters.reshape(24, -1).sum(axis=1)
    overlaps = states_of(feature_map, parameters).conj() * states_of(layered(2, 24), shifts)
    np.testing.assert_allclose(np.abs(overlaps.sum(axis=1)), 1.0, atol=1e-12)


def states_of(feature_map, parameters):
    return StatevectorEvaluator().statevectors(feature_map, [[0.3, -0.4], [1.0, 2.0]], parameters)


def test_outcomes_become_json():
    found = json.loads(json.dumps(report.as_json(outcome_with_everything())))
    assert found["work"]["n_points"] == 5
    assert found["records"][0]["seconds"] == [0.8, 1.2, 1.0]


def test_pictures_are_drawn_only_when_there_is_something(tmp_path):
    growth = [
        Outcome(Work(group, "gram", "zz", n, 8), [record(OURS, n / 1e3, n_points=n)])
        for group in works.GROWTH
        for n in (50, 100)
    ]
    assert picture.draw_works([outcome_with_everything()], tmp_path / "works.png")
    assert picture.draw_growth(growth, tmp_path / "growth.png")
    for name in ("works.png", "growth.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
    assert not picture.draw_works(growth, tmp_path / "none.png")
    assert not picture.draw_growth([outcome_with_everything()], tmp_path / "none.png")
    assert not (tmp_path / "none.png").exists()


@pytest.mark.parametrize("arguments", [["--works", "zz,nothing"], ["--peers", ","]])
def test_unknown_names_are_refused_with_those_known(arguments, capsys):
    with pytest.raises(SystemExit):
        main(arguments)
    assert "expected some of" in capsys.readouterr().err


@pytest.mark.benchmark
def test_quick_suite_runs_and_saves(tmp_path, capsys):
    assert main(["--quick", "--output", str(tmp_path)]) == 0
    found = json.loads((tmp_path / "benchmarks.json").read_text())
    assert {entry["work"]["group"] for entry in found["works"]} == set(GROUPS) - set(works.FRESH)
    assert found["first"]["warm"] > 0
    assert len(found["memory"]) == 3
    assert [entry["n_symbols"] for entry in found["training"]] == [12, 72, 720]
    assert (tmp_path / "works.png").exists()
    assert "times the time of qkernels" in capsys.readouterr().out
