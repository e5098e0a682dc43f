"""`qkernels.sampling.target`: targets as values, by what they hold, and where they have it from."""

import copy
import pickle

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
    loaded = pickle.loads(pickle.dumps(best[0]))
    assert loaded == best[0]
    assert vars(loaded).keys() == {
        *("gateset", "device", "qubits", "route", "dynamical_decoupling", "calibration")
    }
    assert len(set(best)) == 2


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
