"""`qkernels.sampling.target`: what is refused, and what the messages say."""

import re

import cirq
import pytest
import sympy

from qkernels.sampling.target import Target
from tests.sampling.target_circuits import line, measured

google = pytest.importorskip("cirq_google.engine")

A, B, C = cirq.LineQubit.range(3)
X = sympy.Symbol("x")
CZ, SQRT_ISWAP = cirq.CZTargetGateset(), cirq.SqrtIswapTargetGateset()
WEBER = google.create_device_from_processor_id("weber")
WILLOW = google.create_device_from_processor_id("willow_pink")


class Unknown(cirq.Gate):
    """A gate without a decomposition."""

    def _num_qubits_(self):
        return 2

    def __str__(self):
        return "Unknown"


class Wide(Unknown):
    def _num_qubits_(self):
        return 3


class Uncalibrated:
    """A processor that was never calibrated."""

    def get_device(self):
        return WEBER

    def get_current_calibration(self):
        return None


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (
            lambda: Target(cirq.Gateset(cirq.CZ)),
            TypeError,
            "gateset: expected a cirq.CompilationTargetGateset, such as cirq.CZTargetGateset(), "
            "got cirq.Gateset(",
        ),
        (
            lambda: Target(device="weber"),
            TypeError,
            "device: expected a cirq.Device, or a processor or sampler of cirq_google, got 'weber'",
        ),
        (
            lambda: Target(device=cirq.Simulator()),
            TypeError,
            "a processor or sampler of cirq_google, got <cirq.sim.sparse_simulator.Simulator",
        ),
        (
            lambda: Target(device=Uncalibrated(), qubits="best"),
            ValueError,
            "qubits='best' needs a calibration, got calibration=None",
        ),
        (
            lambda: Target(device=WEBER, qubits="best", calibration=0.1),
            TypeError,
            "calibration: expected a mapping from metrics to values, got 0.1",
        ),
        (
            lambda: Target(device=WEBER, qubits="best"),
            ValueError,
            "qubits='best' needs a calibration, got calibration=None",
        ),
        (
            lambda: Target(qubits="best", calibration={}),
            ValueError,
            "qubits='best' needs a device with metadata, got device=None",
        ),
        (
            lambda: Target(device=WEBER, qubits="worst"),
            ValueError,
            "qubits: expected qubits, 'best' or None, got 'worst'",
        ),
        (
            lambda: Target(device=WEBER, qubits=[1, 2]),
            ValueError,
            "qubits: expected qubits, 'best' or None, got [1, 2]",
        ),
        (
            lambda: Target(device=line(2), qubits=[A]),
            ValueError,
            "qubits: expected qubits of the device, got q(0)",
        ),
        (
            lambda: Target(qubits=[A, A]),
            ValueError,
            "qubits: expected different qubits, got q(0), q(0)",
        ),
    ],
)
def test_settings_out_of_range(make, error, message):
    with pytest.raises(error, match=re.escape(message)):
        make()


PLUS = cirq.testing.construct_grid_device(3, 3)


@pytest.mark.parametrize(
    ("target", "circuit", "message"),
    [
        (
            Target(CZ),
            measured(Unknown()(A, B)),
            "expected every operation to be native to CZTargetGateset, got Unknown(q(0), q(1))",
        ),
        (
            Target(device=line(3)),
            measured(Wide()(A, B, C)),
            "expected operations that come apart into some on two qubits, got Unknown(q(0), q(1),",
        ),
        (
            Target(CZ),
            measured(cirq.depolarize(0.1)(A)),
            "expected unitary operations, got depolarize(p=0.1)(q(0)): a device has noise of its",
        ),
        (
            Target(CZ),
            measured(cirq.reset(A)),
            "expected unitary operations, got reset(q(0))",
        ),
        (
            Target(CZ),
            cirq.Circuit(cirq.H(A)),
            "expected a circuit that ends with its only measurement, got 0 measurements",
        ),
        (
            Target(CZ),
            cirq.Circuit(cirq.measure(A, key="a"), cirq.measure(B, key="b")),
            "expected a circuit that ends with its only measurement, got 2 measurements",
        ),
        (
            Target(CZ),
            cirq.Circuit(cirq.measure(A, key="a"), cirq.H(A)),
            "expected measurements at the end of the circuit only",
        ),
        (
            Target(CZ, line(2)),
            measured(cirq.CZ(A, B), cirq.CZ(B, C)),
            "expected a circuit on at most 2 qubits, which may be used, got one on 3",
        ),
        (
            Target(CZ, qubits=[A]),
            measured(cirq.CZ(A, B)),
            "expected a circuit on at most 1 qubits, which may be used, got one on 2",
        ),
        (
            Target(CZ, PLUS, [cirq.GridQubit(0, 0), cirq.GridQubit(1, 1)]),
            measured(cirq.CZ(A, B)),
            "expected 2 qubits that the device connects, got none such among q(0, 0), q(1, 1)",
        ),
        (
            Target(CZ, line(3), route=False),
            measured(cirq.CZ(A, B), cirq.CZ(B, C), cirq.CZ(C, A)),
            "expected a circuit whose two-qubit gates fit the device's edges, as route=False, "
            "got one that needs 1 SWAPs",
        ),
        (
            Target(SQRT_ISWAP, WILLOW),
            measured(cirq.CZ(A, B)),
            "expected a circuit that the device accepts, got: Operation ISWAP**0.5",
        ),
    ],
)
def test_circuits_that_are_refused(target, circuit, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        target.compile(circuit)


def test_gates_that_are_left_are_named():
    gates = [Unknown()(q, B) for q in (A, C)] * 3
    message = "Unknown(q(0), q(1)), Unknown(q(2), q(1)), Unknown(q(0), q(1)), Unknown(q(2), q(1)), "
    with pytest.raises(ValueError, match=re.escape(message + "2 more")):
        Target(CZ).compile(measured(gates))


def test_matrices_are_named_by_their_class():
    aria = pytest.importorskip("cirq_ionq").AriaNativeGateset()
    message = re.escape("expected every operation to be native to AriaNativeGateset, got PhXZ(")
    with pytest.raises(ValueError, match=message):
        Target(aria).compile(measured(cirq.rx(X)(A)))


def test_what_fits_nowhere_without_swaps():
    calibration = google.load_median_device_calibration("weber")
    target = Target(None, WEBER, "best", route=False, calibration=calibration)
    gates = [cirq.CZ(A, B), cirq.CZ(B, C), cirq.CZ(C, A)]
    message = "expected a circuit whose two-qubit gates fit the device's edges, as route=False, got"
    with pytest.raises(ValueError, match=re.escape(message)):
        target.compile(measured(gates, qubits=(A, B, C)))
