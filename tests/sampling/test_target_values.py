"""`qkernels.sampling.target`: targets as values, by what they hold, and where they have it from."""

import copy
import pickle
import re
import subprocess
import sys

import cirq
import numpy as np
import pytest

from qkernels.feature_maps import zz
from qkernels.sampling.target import Target
from tests.sampling.target_circuits import (
    at,
    inversion,
    line,
    names,
    resolved,
)

google = pytest.importorskip("cirq_google.engine")

CZ = cirq.CZTargetGateset()
WEBER = google.create_device_from_processor_id("weber")
WILLOW = google.create_device_from_processor_id("willow_pink")
CALIBRATION = google.load_median_device_calibration("weber")
ROW = [cirq.GridQubit(0, k) for k in range(6)]


class Counting:
    """A processor that counts how often it is asked."""

    def __init__(self):
        self.asked = []

    def get_device(self):
        self.asked.append("device")
        return WEBER

    def get_current_calibration(self):
        self.asked.append("calibration")
        return CALIBRATION


class Sampler(cirq.ZerosSampler):
    """A sampler of a processor."""

    def __init__(self, processor):
        super().__init__()
        self.processor = processor


# -- Values


def test_targets_are_values():
    device = line(3)
    target = Target(CZ, device, ROW[:2])
    same = Target(cirq.CZTargetGateset(), device, tuple(ROW[:2]))
    assert target == same
    assert hash(target) == hash(same)
    assert target.fingerprint() == same.fingerprint()
    assert target != Target(CZ, device)
    assert copy.deepcopy(target) is target
    assert copy.copy(target) is target
    with pytest.raises(AttributeError):
        target.route = False


def test_calibrations_tell_targets_apart():
    best = [
        Target(device=WEBER, qubits="best", calibration=c)
        for c in (CALIBRATION, dict(CALIBRATION), {"readout": {}})
    ]
    assert best[0] == best[1] != best[2]
    assert best[0].native_gateset is not None
    assert best[0].fingerprint() == best[1].fingerprint() != best[2].fingerprint()
    loaded = pickle.loads(pickle.dumps(best[0]))
    assert loaded == best[0]
    assert vars(loaded).keys() == {
        *("gateset", "device", "qubits", "route", "dynamical_decoupling", "calibration")
    }
    assert len(set(best)) == 2


# -- Texts


def test_texts_are_short():
    assert repr(Target()) == "Target()"
    digits = "fingerprint=[0-9a-f]{16}"
    whole = Target(CZ, WEBER, "best", False, True, CALIBRATION)
    for target, text in (
        (Target(CZ), "gateset=CZTargetGateset"),
        (
            Target(device=line(6), qubits=ROW[:2]),
            "device=.* of 6 qubits, qubits=.q.0, 0., q.0, 1..",
        ),
        (
            whole,
            "gateset=CZTargetGateset, device=GridDevice of 53 qubits, qubits='best', route=False, "
            "dynamical_decoupling=True, calibration=Calibration",
        ),
    ):
        pattern = re.compile(f"Target\\({text}, {digits}\\)")
        assert pattern.fullmatch(repr(target))
    assert whole.fingerprint()[:16] in repr(whole)


def test_whatever_differs_shows_in_the_fingerprint():
    pair = {(ROW[0], ROW[1]): [0.01]}
    square = cirq.testing.construct_grid_device(2, 3)
    targets = [
        Target(),
        *(Target(gateset) for gateset in (CZ, cirq.CZTargetGateset(allow_partial_czs=True))),
        # Devices of as many qubits, which Cirq cannot write.
        *(Target(device=device) for device in (line(6), square, WEBER, WILLOW)),
        *(Target(CZ, line(6), qubits) for qubits in (ROW[:2], ROW[1::-1])),
        *(Target(CZ, WEBER, route=False, dynamical_decoupling=d) for d in (False, True)),
        *(Target(CZ, WEBER, calibration={"two_qubit": c}) for c in (pair, {}, {ROW[0]: 0.01})),
        Target(CZ, WEBER, calibration={"two_qubit": {(ROW[0], ROW[1]): [0.02]}}),
    ]
    assert len({target.fingerprint() for target in targets}) == len(targets)
    assert len({repr(target) for target in targets}) == len(targets)


def fingerprints():
    """Return fingerprints of targets that hold sets, whose order a process may choose."""
    readout = {q: 0.01 * (q.row + 1) for q in WEBER.metadata.qubit_set}
    targets = [
        Target(device=WEBER, qubits="best", calibration={"readout": readout}),
        *(Target(gateset, line(5)) for gateset in WEBER.metadata.compilation_target_gatesets),
    ]
    return [target.fingerprint() for target in targets]


def test_every_process_has_the_same_fingerprints():
    script = "from tests.sampling.test_target_values import fingerprints; print(*fingerprints())"
    environment = {"PYTHONHASHSEED": "7", "PYTHONPATH": ":".join(sys.path)}
    other = subprocess.Popen(
        [sys.executable, "-c", script], env=environment, stdout=subprocess.PIPE, text=True
    )
    found = fingerprints()
    assert other.communicate()[0].split() == found


# -- Processors


def test_a_processor_is_asked_once():
    processor = Counting()
    target = Target(device=processor, qubits="best")
    target.compile(inversion(zz(2)))
    assert target == pickle.loads(pickle.dumps(target))
    assert processor.asked == ["device", "calibration"]
    assert target == Target(device=WEBER, qubits="best", calibration=CALIBRATION)
    assert target.device is WEBER
    assert Target(device=Sampler(processor), qubits="best") == target
    assert processor.asked == ["device", "calibration"] * 2


def test_a_calibration_that_is_given_wins():
    processor = Counting()
    own = {"readout": dict.fromkeys(WEBER.metadata.qubit_set, 0.01)}
    assert Target(device=processor, calibration=own).calibration is own
    assert processor.asked == ["device"]


@pytest.mark.parametrize("of_sampler", [False, True], ids=["processor", "sampler"])
def test_a_processor_says_all_that_is_needed(of_sampler):
    processor = google.create_default_noisy_quantum_virtual_machine(
        "rainbow", cirq.DensityMatrixSimulator
    ).get_processor("rainbow")
    sampler = processor.get_sampler()
    target = Target(device=sampler if of_sampler else processor, qubits="best")
    assert target.device == processor.get_device()
    assert target.calibration == processor.get_current_calibration()
    compiled = target.compile(inversion(zz(2)))
    result = sampler.run(resolved(compiled, at(names(compiled), 0.3)), repetitions=200)
    assert np.mean(np.all(result.measurements["m"] == 0, axis=1)) > 0.7
