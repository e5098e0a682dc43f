"""`target.gates` and `target.interactions`: the same probabilities, by the fewest native gates."""

import cirq
import numpy as np
import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st

from qkernels.sampling.target.gates import converted, merged
from qkernels.sampling.target.interactions import without_interactions
from tests.sampling.target_circuits import resolved

cirq_google = pytest.importorskip("cirq_google")
cirq_ionq = pytest.importorskip("cirq_ionq")

A, B, C = cirq.LineQubit.range(3)
T, U, V = sympy.symbols("t u v")


class XXGateset(cirq.TwoQubitCompilationTargetGateset):
    """XX**t and powers of X and Z, as on ions; constant two-qubit gates stay as they are."""

    def __init__(self):
        super().__init__(cirq.XXPowGate, cirq.XPowGate, cirq.ZPowGate)

    def _decompose_single_qubit_operation(self, op, _):
        return [g(*op.qubits) for g in cirq.single_qubit_matrix_to_gates(cirq.unitary(op))]

    def _decompose_two_qubit_operation(self, op, _):
        return NotImplemented


GATESETS = {
    "cz": cirq.CZTargetGateset(),
    "cz power": cirq.CZTargetGateset(allow_partial_czs=True),
    "sqrt iswap": cirq.SqrtIswapTargetGateset(),
    "sqrt iswap inverse": cirq.SqrtIswapTargetGateset(use_sqrt_iswap_inv=True),
    "sycamore": cirq_google.SycamoreTargetGateset(),
    "google cz": cirq_google.GoogleCZTargetGateset(eject_paulis=True),
    "ionq": cirq_ionq.IonQTargetGateset(),
    "xx": XXGateset(),
}


@pytest.fixture(params=GATESETS)
def gateset(request):
    return GATESETS[request.param]


def outcomes(operations, values):
    circuit = resolved(cirq.Circuit(cirq.I.on_each(A, B, C), operations), values)
    return np.abs(circuit.final_state_vector(dtype=np.complex128)) ** 2


def around(operations):
    """Put operations between gates that make every error of them show."""
    before = [cirq.PhasedXPowGate(phase_exponent=0.2, exponent=0.3 + 0.2 * q.x)(q) for q in (A, B)]
    after = [cirq.PhasedXPowGate(phase_exponent=0.7, exponent=0.6 - 0.1 * q.x)(q) for q in (A, B)]
    return [*before, *operations, *after]


# -- ZZ^t

ROUNDED_UP = float(np.nextafter(0.5, 0))
TURNS = [0, 0.5, -0.5, ROUNDED_UP, 1, 1.5, -2.5, *np.linspace(-2.2, 2.3, 8)]
SWAPPED = {
    "alone": [cirq.ZZ(A, B) ** T],
    "then a SWAP": [cirq.ZZ(A, B) ** T, cirq.SWAP(A, B)],
    "after a SWAP": [cirq.SWAP(B, A), cirq.ZZ(A, B) ** T],
    "and gates between": [cirq.ZZ(A, B) ** T, cirq.Y(B) ** 0.2, cirq.Z(A) ** T, cirq.SWAP(A, B)],
    "and gates after the SWAP": [cirq.SWAP(A, B), cirq.Y(B) ** 0.2, cirq.ZZ(A, B) ** T],
}


@pytest.mark.parametrize("operations", SWAPPED.values(), ids=SWAPPED)
def test_interactions_do_the_same(gateset, operations):
    if isinstance(gateset, XXGateset) and len(operations) > 1:
        return
    operations = around(operations)
    found = converted(operations, gateset)
    assert all(operation in gateset for operation in found)
    for t in TURNS:
        np.testing.assert_allclose(
            outcomes(found, {"t": t}), outcomes(operations, {"t": t}), atol=1e-8
        )


@pytest.mark.parametrize(
    ("name", "alone", "with_swap"),
    [
        ("cz", 2, 3),
        ("google cz", 2, 3),
        ("sqrt iswap", 2, 4),
        ("sqrt iswap inverse", 2, 4),
        ("sycamore", 2, 3),
        ("cz power", 1, 4),
        ("ionq", 1, 2),
    ],
)
def test_interactions_cost_few_gates(name, alone, with_swap):
    counts = {
        case: [1 for op in converted(around(operations), GATESETS[name]) if len(op.qubits) == 2]
        for case, operations in SWAPPED.items()
    }
    assert {case: len(count) for case, count in counts.items()} == {
        case: alone if case == "alone" else with_swap for case in SWAPPED
    }


@pytest.mark.parametrize(
    ("operations", "counts"),
    [
        ([cirq.CZ(A, B)], (1, 2, 2)),
        ([cirq.CNOT(A, B)], (1, 2, 2)),
        ([cirq.CZ(A, B) ** 0.3], (2, 2, 2)),
        ([cirq.SWAP(A, B)], (3, 3, 3)),
        ([cirq.CZ(A, B), cirq.SWAP(A, B)], (2, 2, 3)),
        ([cirq.CNOT(A, B), cirq.X(A) ** 0.3, cirq.SWAP(A, B)], (2, 2, 3)),
        ([cirq.SWAP(A, B), cirq.Z(A) ** T, cirq.CZ(A, B)], (2, 2, 3)),
        ([cirq.ISWAP(A, B)], (2, 2, 4)),
    ],
    ids=str,
)
def test_constants_cost_few_gates(operations, counts):
    for name, count in zip(("cz", "sqrt iswap", "sycamore"), counts, strict=True):
        found = converted(around(operations), GATESETS[name])
        assert sum(len(op.qubits) == 2 for op in found) == count
        np.testing.assert_allclose(
            outcomes(found, {"t": 0.3}), outcomes(around(operations), {"t": 0.3}), atol=1e-7
        )


def coherent_error(operations, theta, phi):
    """Return how far operations are from ZZ^0.4 if each CZ is off by the same angles."""
    error = [cirq.FSimGate(theta, phi)(A, B)]
    noisy = [[op, *(error if len(op.qubits) == 2 else [])] for op in operations]
    overlap = np.trace(
        cirq.unitary(cirq.ZZ**-0.4) @ cirq.Circuit(noisy).unitary(qubit_order=[A, B])
    )
    return 1 - abs(overlap / 4) ** 2


@pytest.mark.parametrize(("theta", "phi"), [(0.05, 0.0), (0.0, 0.1), (0.03, -0.08)])
def test_coherent_errors_of_an_interaction_cancel(theta, phi):
    rotation = [cirq.H(B), cirq.Z(B) ** 0.4, cirq.H(B)]
    plain = [cirq.H(B), cirq.CZ(A, B), *rotation, cirq.CZ(A, B), cirq.H(B)]
    assert coherent_error(plain, 0, 0) == pytest.approx(0, abs=1e-9)
    symbolic = without_interactions([cirq.ZZ(A, B) ** T], GATESETS["cz"])
    found = list(resolved(cirq.Circuit(symbolic), {"t": 0.4}).all_operations())
    assert coherent_error(found, 0, 0) == pytest.approx(0, abs=1e-9)
    assert coherent_error(found, theta, phi) < 0.6 * coherent_error(plain, theta, phi)


# -- Runs of one-qubit gates


def x_power(turns):
    return [cirq.H(A), cirq.Z(A) ** turns, cirq.H(A)]


TILT = cirq.Y(A) ** 0.3
RUNS = {
    "a rotation about X": (x_power(T), 1),
    "Euler angles": ([cirq.Z(A) ** T, *x_power(U), cirq.Z(A) ** V], 1),
    "turns about one axis": ([*x_power(T), *x_power(U)], 1),
    "flips between turns": ([*x_power(T), cirq.X(A), cirq.Z(A), cirq.X(A), *x_power(U)], 1),
    "turns about two axes": ([*x_power(T), cirq.Z(A) ** 0.25, *x_power(U)], 2),
    "turns about X, Y and X": (
        [*x_power(T), cirq.S(A), *x_power(U), cirq.S(A) ** -1, *x_power(V)],
        2,
    ),
    "a tilt before a turn": ([TILT, cirq.Z(A) ** T], 1),
    "a tilt after a turn": ([cirq.H(A), cirq.Z(A) ** T, TILT], 2),
    "a tilted axis": ([TILT, cirq.Z(A) ** T, TILT**-1], 2),
    "a flip before a turn and a tilt": ([cirq.X(A), cirq.Z(A) ** T, TILT], 1),
    "constants": ([TILT, cirq.T(A), cirq.X(A) ** 0.1, cirq.H(A)], 1),
    "nothing": ([TILT, TILT**-1, cirq.X(A), cirq.Y(A)], 0),
    "turns at the end": ([cirq.T(A), cirq.Z(A) ** T], 0),
}


@pytest.mark.parametrize(("run", "n_gates"), RUNS.values(), ids=RUNS)
def test_runs_are_as_short_as_can_be(run, n_gates):
    found = merged(run, GATESETS["cz"])
    assert len(found) == n_gates
    for values in ({"t": 0.3, "u": -1.2, "v": 2.4}, {"t": 0.0, "u": 0.0, "v": 0.0}):
        np.testing.assert_allclose(outcomes(found, values), outcomes(run, values), atol=1e-12)


pieces = st.one_of(
    st.sampled_from([T, U, V, -T, 2 * U, 0.25, 0.5, 1.0]).map(lambda t: cirq.Z(A) ** t),
    st.sampled_from([cirq.H(A), cirq.X(A), cirq.Y(A), cirq.X(A) ** 0.5, cirq.Y(A) ** -0.5, TILT]),
    st.sampled_from([cirq.CZ(A, B), cirq.CZ(A, B) ** T, cirq.ISWAP(A, B), cirq.H(B)]),
)


@given(st.lists(pieces, max_size=10))
def test_merged_runs_do_the_same(operations):
    operations = [cirq.H(B), *operations, cirq.H(B)]
    values = {"t": 0.3, "u": -1.2, "v": 2.4}
    for name in ("cz", "ionq"):
        found = merged(operations, GATESETS[name])
        assert all(op in GATESETS[name] for op in found if len(op.qubits) == 1)
        np.testing.assert_allclose(
            outcomes(found, values), outcomes(operations, values), atol=1e-10
        )


def test_powers_of_z_are_native_where_they_can_be():
    between = [cirq.H(A), cirq.ISWAP(A, B), cirq.Z(A) ** T, cirq.ISWAP(A, B), cirq.H(A)]
    for name, expected in (("sycamore", cirq.ZPowGate), ("cz", cirq.PhasedXZGate)):
        (gate,) = (op.gate for op in merged(between, GATESETS[name]) if cirq.is_parameterized(op))
        assert type(gate) is expected


def test_constants_are_native_where_powers_are_not():
    native = cirq_ionq.AriaNativeGateset()
    found = converted([cirq.H(A), cirq.CNOT(A, B), cirq.Y(B) ** 0.3], native)
    assert all(operation in native for operation in found)
    expected = outcomes([cirq.H(A), cirq.CNOT(A, B), cirq.Y(B) ** 0.3], {})
    np.testing.assert_allclose(outcomes(found, {}), expected, atol=1e-7)


def test_gates_are_of_the_types_that_their_set_names():
    # It is equal to H, up to a phase.
    whole = cirq.PhasedXZGate(x_exponent=0.5, z_exponent=1.0, axis_phase_exponent=-0.5)
    assert whole(A) in GATESETS["ionq"]
    operations = [whole(A), cirq.CNOT(A, B), cirq.Z(A) ** T, *x_power(U)]
    found = converted(operations, GATESETS["ionq"])
    assert [type(op.gate) for op in found[:2]] == [cirq.HPowGate, cirq.CXPowGate]
    values = {"t": 0.3, "u": -1.2}
    np.testing.assert_allclose(outcomes(found, values), outcomes(operations, values), atol=1e-10)
