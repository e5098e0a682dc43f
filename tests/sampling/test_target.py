"""`qkernels.sampling.target`: compiled circuits against the original's exact probabilities."""

import subprocess
import sys

import cirq
import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from qkernels.feature_maps import hardware_efficient, zz
from qkernels.sampling.target import Target
from qkernels.sampling.target.qubits import is_connected, read_errors
from tests.random_circuits import GATES, feature_maps, points
from tests.sampling.target_circuits import (
    at,
    fingerprints,
    inversion,
    line,
    measured,
    names,
    probabilities,
    resolved,
    two_qubit_gates,
)

google = pytest.importorskip("cirq_google.engine")

A, B, C = cirq.LineQubit.range(3)
X, Y = sympy.symbols("x y")
CZ, SQRT_ISWAP = cirq.CZTargetGateset(), cirq.SqrtIswapTargetGateset()
WEBER = google.create_device_from_processor_id("weber")
WILLOW = google.create_device_from_processor_id("willow_pink")
CALIBRATIONS = {
    device: google.load_median_device_calibration(name)
    for device, name in ((WEBER, "weber"), (WILLOW, "willow_pink"))
}


def check_same_statistics(compiled, circuit, values):
    np.testing.assert_allclose(
        probabilities(resolved(compiled, values)),
        probabilities(resolved(circuit, values)),
        atol=1e-8,
    )


def check_native(compiled, target):
    gates = list(compiled.all_operations())
    if target.native_gateset is not None:
        assert all(operation in target.native_gateset for operation in gates)
    if target.device is not None:
        edges = target.device.metadata.nx_graph.edges
        assert all(op.qubits in edges for op in two_qubit_gates(compiled))
        assert compiled.all_qubits() <= target.device.metadata.qubit_set
    assert cirq.is_measurement(gates[-1])
    assert not any(map(cirq.is_measurement, gates[:-1]))


# -- The same statistics

TARGETS = [
    Target(CZ),
    Target(cirq.CZTargetGateset(allow_partial_czs=True)),
    Target(SQRT_ISWAP),
    Target(CZ, line(4)),
    Target(device=line(4)),
    Target(device=WEBER, qubits="best", calibration=CALIBRATIONS[WEBER]),
    Target(device=WILLOW, dynamical_decoupling=True),
]


@pytest.mark.parametrize("gate_type", GATES, ids=lambda gate_type: gate_type.__name__)
@settings(max_examples=2)
@given(data=st.data())
def test_statistics_stay_the_same_with_any_gates(gate_type, data):
    feature_map = data.draw(feature_maps(gate_type, max_qubits=3, max_operations=2))
    target = data.draw(st.sampled_from(TARGETS))
    order = data.draw(st.permutations(feature_map.qubits))
    measurement = cirq.Moment(cirq.measure(*order, key="m"))
    compiled = target.compile(feature_map.circuit + measurement)
    check_native(compiled, target)
    (inputs,), parameters = points(feature_map, 1, seed=2)
    symbols = [s.name for s in feature_map.feature_symbols + feature_map.parameter_symbols]
    for scale in (1.0, 0.0):
        original = feature_map.resolve(scale * inputs, scale * parameters) + measurement
        values = at(symbols, scale * np.concatenate([inputs, parameters]))
        np.testing.assert_allclose(
            probabilities(resolved(compiled, values)), probabilities(original), atol=1e-7
        )


MAPS = {
    "zz": zz(4),
    "zz, three": zz(3, reps=3),
    "hardware-efficient": hardware_efficient(4),
}


@pytest.mark.parametrize("target", TARGETS, ids=range(len(TARGETS)))
@pytest.mark.parametrize("feature_map", MAPS.values(), ids=MAPS)
def test_inversion(feature_map, target):
    circuit = inversion(feature_map)
    compiled = target.compile(circuit)
    check_native(compiled, target)
    symbols = names(circuit)
    assert names(compiled) == symbols
    random = np.random.default_rng(3)
    equal = {name: 0.3 * int(name[1:]) - 1 for name in symbols}
    for values in (at(symbols, random.uniform(-4, 4, len(symbols))), at(symbols, 0.0), equal):
        check_same_statistics(compiled, circuit, values)
    assert probabilities(resolved(compiled, equal))[0] == pytest.approx(1, abs=1e-8)
    # The diagonal of a Gram matrix goes through the gates of all other entries.
    diagonal = cirq.drop_negligible_operations(resolved(compiled, equal))
    assert len(two_qubit_gates(resolved(compiled, equal))) == len(two_qubit_gates(compiled))
    assert len(diagonal) > len(compiled) / 2


def test_a_ring_on_a_line():
    circuit = inversion(hardware_efficient(6))
    target = Target(CZ, line(6))
    compiled = target.compile(circuit)
    check_native(compiled, target)
    symbols = names(circuit)
    for seed in range(2):
        numbers = np.random.default_rng(seed).uniform(-4, 4, len(symbols))
        check_same_statistics(compiled, circuit, at(symbols, numbers))
        assert len(resolved(compiled, at(symbols, numbers))) == len(compiled)


def test_subsets_and_inverted_bits_are_measured_as_before():
    circuit = cirq.Circuit(
        cirq.ry(X)(A), cirq.CNOT(A, C), cirq.rx(Y)(B), cirq.CNOT(C, B), cirq.CNOT(A, B)
    )
    for measurement in (cirq.measure(C, A, key="k"), cirq.measure(B, C, A, invert_mask=(True,))):
        whole = circuit + measurement
        compiled = Target(CZ, line(3)).compile(whole)
        check_same_statistics(compiled, whole, {"x": 0.7, "y": -1.1})
        (end,) = compiled[-1]
        assert end.gate == measurement.gate


def test_qubits_that_nothing_acts_on():
    compiled = Target(CZ, line(3)).compile(measured(cirq.X(B), qubits=(A, B, C)))
    assert probabilities(compiled)[0b010] == pytest.approx(1)
    assert len(Target(CZ).compile(measured())) == 1


@pytest.mark.parametrize("letter", ["theta", "x", "a", "z", "angle", "qk_x"])
def test_no_name_of_a_symbol_is_taken(letter):
    s = sympy.symbols(f"{letter}0:4")
    circuit = measured(
        cirq.PhasedXZGate(x_exponent=s[0], z_exponent=s[1], axis_phase_exponent=s[2])(A),
        cirq.CZ(A, B) ** s[3],
        cirq.rx(s[0] * s[1])(B),
    )
    compiled = Target(SQRT_ISWAP).compile(circuit)
    assert names(compiled) == names(circuit)
    check_same_statistics(compiled, circuit, at(names(circuit), [0.3, -0.8, 1.1, 0.6]))


def test_symbolic_phases():
    phase = cirq.GlobalPhaseGate(sympy.exp(sympy.I * X)).on()
    circuit = measured(phase, cirq.H(A), phase.controlled_by(A), cirq.H(A), cirq.CNOT(A, B))
    check_same_statistics(Target(CZ).compile(circuit), circuit, {"x": 0.9})


# -- Others


def test_nothing_to_do():
    circuit = measured(cirq.depolarize(0.1)(A), cirq.CCX(A, B, C) ** X)
    assert Target().compile(circuit) == circuit.freeze()


def test_every_process_compiles_the_same():
    script = "from tests.sampling.target_circuits import fingerprints; print(*fingerprints())"
    environment = {"PYTHONHASHSEED": "7", "PYTHONPATH": ":".join(sys.path)}
    other = subprocess.Popen(
        [sys.executable, "-c", script], env=environment, stdout=subprocess.PIPE, text=True
    )
    found = fingerprints()
    assert other.communicate()[0].split() == found
    assert len(set(found)) == 2


# -- Gate sets


def test_devices_have_gate_sets_of_their_own():
    assert type(Target(device=WEBER).native_gateset).__name__ == "GoogleCZTargetGateset"
    # weber's calibration knows no errors of CZ.
    calibrated = Target(device=WEBER, calibration=CALIBRATIONS[WEBER])
    assert type(calibrated.native_gateset).__name__ == "SycamoreTargetGateset"
    calibrated = Target(device=WILLOW, calibration=CALIBRATIONS[WILLOW])
    assert type(calibrated.native_gateset).__name__ == "GoogleCZTargetGateset"
    assert Target(SQRT_ISWAP, WEBER).native_gateset is SQRT_ISWAP
    assert Target(device=line(2)).native_gateset is None


def test_partial_czs_stay_one_gate():
    compiled = Target(cirq.CZTargetGateset(allow_partial_czs=True)).compile(inversion(zz(4)))
    # Of four layers of six interactions, the two in the middle join.
    assert len(two_qubit_gates(compiled)) == 3 * 6


@pytest.mark.parametrize(("gateset", "expected"), [(CZ, 2), (SQRT_ISWAP, 2)])
def test_interactions_take_two_gates(gateset, expected):
    compiled = Target(gateset).compile(inversion(zz(4)))
    assert len(two_qubit_gates(compiled)) == 3 * 6 * expected


def test_dynamical_decoupling_fills_idle_moments():
    busy = [(cirq.H(A), cirq.rx(X)(B), cirq.CZ(A, B)) for _ in range(4)]
    circuit = measured(cirq.H(C), cirq.CZ(B, C), busy, cirq.CZ(B, C), cirq.H(C), qubits=(A, B, C))
    plain = Target(CZ).compile(circuit)
    target = Target(CZ, dynamical_decoupling=True)
    pulsed = target.compile(circuit)
    assert len(list(pulsed.all_operations())) > len(list(plain.all_operations()))
    assert len(two_qubit_gates(pulsed)) == len(two_qubit_gates(plain))
    check_native(pulsed, target)
    check_same_statistics(pulsed, circuit, {"x": 0.4})
    alone = Target(dynamical_decoupling=True).compile(circuit)
    check_same_statistics(alone, circuit, {"x": 0.4})


# -- Qubits


def test_qubits_of_the_device_are_kept():
    qubits = [cirq.GridQubit(0, k) for k in (2, 0, 1)]
    circuit = inversion(zz(3)).transform_qubits(dict(zip((A, B, C), qubits, strict=True)))
    compiled = Target(CZ, line(5)).compile(circuit)
    assert compiled.all_qubits() == set(qubits)
    check_same_statistics(compiled, circuit, at(names(circuit), 0.3))


def test_qubits_far_apart_are_kept_too():
    ends = cirq.GridQubit(0, 0), cirq.GridQubit(0, 4)
    circuit = measured(cirq.rx(X)(ends[0]), cirq.CNOT(*ends), qubits=ends)
    compiled = Target(CZ, line(5)).compile(circuit)
    check_native(compiled, Target(CZ, line(5)))
    check_same_statistics(compiled, circuit, {"x": 0.8})


def test_named_qubits_are_used():
    region = [cirq.GridQubit(0, k) for k in (1, 2, 3)]
    assert Target(CZ, line(5), region).compile(inversion(zz(3))).all_qubits() == set(region)
    assert Target(CZ, line(5), region[:2]).compile(measured(cirq.CZ(A, B) ** X)).all_qubits() == {
        *region[:2]
    }
    # Without a device, in this order.
    compiled = Target(CZ, qubits=region[::-1]).compile(measured(cirq.X(A), cirq.H(B)))
    assert compiled[-1].operations[0].qubits == tuple(region[:0:-1])


def test_the_best_of_the_named_qubits_are_used():
    row = [cirq.GridQubit(0, k) for k in range(5)]
    calibration = {"readout": {q: 0.1 if q.col < 3 else 0.01 for q in row}}
    target = Target(CZ, line(5), row, calibration=calibration)
    assert target.compile(measured(cirq.CZ(A, B) ** X)).all_qubits() == set(row[3:])


def test_the_best_region_by_hand():
    device = cirq.testing.construct_grid_device(5, 5)
    good = {cirq.GridQubit(3, k) for k in (1, 2, 3)} | {cirq.GridQubit(4, 2)}
    pairs = device.metadata.nx_graph.edges
    calibration = {
        "readout": dict.fromkeys(device.metadata.qubit_set, 0.02),
        "two_qubit": {e: 0.002 if set(e) <= good else 0.02 for e in pairs},
    }
    target = Target(CZ, device, "best", calibration=calibration)
    compiled = target.compile(inversion(hardware_efficient(4)))
    assert compiled.all_qubits() == good


@pytest.mark.parametrize("device", [WEBER, WILLOW], ids=["weber", "willow_pink"])
@pytest.mark.parametrize("n_qubits", [2, 5])
def test_the_best_region_beats_others(device, n_qubits):
    target = Target(device=device, qubits="best", calibration=CALIBRATIONS[device])
    circuit = inversion(hardware_efficient(n_qubits))
    errors = read_errors(CALIBRATIONS[device], target.native_gateset)
    graph = device.metadata.nx_graph
    n_gates = len(two_qubit_gates(circuit))
    best = errors.region_cost(graph, target.compile(circuit).all_qubits(), n_gates)
    random, qubits = np.random.default_rng(4), sorted(graph)
    others = []
    for start in random.choice(len(qubits), 30):
        region = [qubits[start]]
        while len(region) < n_qubits:
            beside = sorted({q for r in region for q in graph[r]} - set(region))
            region.append(beside[random.integers(len(beside))])
        assert is_connected(graph.subgraph(region))
        others.append(errors.region_cost(graph, region, n_gates))
    assert best < np.quantile(others, 0.1)


@pytest.mark.parametrize("n_qubits", [4, 6])
def test_circuits_that_fit_need_no_routing(n_qubits):
    circuit = inversion(zz(n_qubits, entanglement="linear"))
    assert Target(CZ, line(n_qubits), route=False).compile(circuit)
    # Of the regions of the best gates on weber, the first has the shape of a star.
    target = Target(None, WEBER, "best", route=False, calibration=CALIBRATIONS[WEBER])
    compiled = target.compile(circuit)
    check_native(compiled, target)
    assert len(two_qubit_gates(compiled)) == 3 * (n_qubits - 1) * 2


@pytest.mark.parametrize("device", [WEBER, WILLOW], ids=["weber", "willow_pink"])
def test_no_swaps_are_put_in_where_that_is_better(device):
    circuit = inversion(zz(4, entanglement="linear"))
    calibration = CALIBRATIONS[device]
    compiled = Target(None, device, "best", calibration=calibration).compile(circuit)
    assert len(two_qubit_gates(compiled)) == 3 * 3 * 2
