"""`qkernels.ansatze`: states from NumPy alone, and those of other packages' circuits."""

import re
from functools import reduce

import cirq
import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from qkernels import FeatureMap, StatevectorEvaluator
from qkernels.ansatze import brickwork, hardware_efficient, strongly_entangling, two_local
from qkernels.feature_maps import angle, zz
from qkernels.feature_maps import hardware_efficient as hardware_efficient_map

BUILDERS = (brickwork, hardware_efficient, strongly_entangling, two_local)
PAULIS = {
    "x": np.array([[0, 1], [1, 0]]),
    "y": np.array([[0, -1j], [1j, 0]]),
    "z": np.diag([1.0, -1.0]),
}


def on(matrices, n):
    """Return the product of one matrix on each of some qubits, {qubit: matrix}, as one of all."""
    return reduce(np.kron, (matrices.get(q, np.eye(2)) for q in range(n)))


def turn(letter, angle, qubit, n):
    """Return exp(-i angle P / 2) of a Pauli matrix."""
    rotation = np.cos(angle / 2) * np.eye(2) - 1j * np.sin(angle / 2) * PAULIS[letter]
    return on({qubit: rotation}, n)


def controlled(letter, control, target, n):
    zero, one = np.diag([1, 0]), np.diag([0, 1])
    return on({control: zero}, n) + on({control: one, target: PAULIS[letter]}, n)


def state(matrices, n):
    """Return what the matrices, the first one first, make of the zero state."""
    return reduce(lambda psi, matrix: matrix @ psi, matrices, np.eye(2**n)[0].astype(complex))


def weights_of(ansatz, seed=0):
    return np.random.default_rng(seed).uniform(0, 2 * np.pi, ansatz.n_parameters)


def state_of(ansatz, weights):
    return StatevectorEvaluator().statevectors(ansatz, np.empty((1, 0)), weights)[0]


def assert_same_state(actual, expected):
    overlap = np.vdot(expected, actual)
    np.testing.assert_allclose(actual, expected * overlap / abs(overlap), atol=1e-12)


# -- What they are


@pytest.mark.parametrize("build", BUILDERS)
@pytest.mark.parametrize("n", [1, 2, 5])
@pytest.mark.parametrize("layers", [1, 3])
def test_they_are_maps_without_features(build, n, layers):
    ansatz = build(n, layers)
    assert isinstance(ansatz, FeatureMap)
    assert ansatz == build(np.int64(n), layers=np.int64(layers))
    assert ansatz.name == build.__name__
    assert ansatz.feature_symbols == ()
    assert ansatz.parameter_symbols == sympy.symbols(f"w:{ansatz.n_parameters}")
    assert ansatz.qubits == tuple(cirq.LineQubit.range(n))


@pytest.mark.parametrize("build", BUILDERS)
def test_one_layer_unless_told_otherwise(build):
    assert build(3) == build(3, 1)


@pytest.mark.parametrize("build", BUILDERS)
@pytest.mark.parametrize("n", [1, 3])
def test_they_go_through_json(build, n):
    ansatz = build(n, 2)
    read = FeatureMap.from_json(ansatz.to_json())
    assert read == ansatz
    assert read.name == ansatz.name
    weights = weights_of(ansatz)
    np.testing.assert_array_equal(state_of(read, weights), state_of(ansatz, weights))


@pytest.mark.parametrize("build", BUILDERS)
@pytest.mark.parametrize("n", [1, 4])
def test_the_evaluator_agrees_with_cirq(build, n):
    ansatz = build(n, 3)
    weights = weights_of(ansatz)
    circuit = ansatz.resolve([], weights)
    expected = circuit.final_state_vector(qubit_order=ansatz.qubits, dtype=np.complex128)
    assert_same_state(state_of(ansatz, weights), expected)


@pytest.mark.parametrize("build", BUILDERS)
def test_after_a_feature_map_no_symbol_is_shared(build):
    upload = hardware_efficient_map(3)
    both = upload.compose(build(3))
    assert both.n_features == 3
    assert both.parameter_symbols == upload.parameter_symbols + build(3).parameter_symbols


def test_they_follow_a_feature_map():
    both = zz(2).compose(hardware_efficient(2))
    x, weights = [0.3, 0.8], np.arange(4.0)
    before = StatevectorEvaluator().statevectors(zz(2), [x])[0]
    gates = [turn("y", 0, 0, 2), turn("z", 1, 0, 2), turn("y", 2, 1, 2), turn("z", 3, 1, 2)]
    expected = controlled("z", 0, 1, 2) @ reduce(lambda psi, m: m @ psi, gates, before)
    assert_same_state(StatevectorEvaluator().statevectors(both, [x], weights)[0], expected)


# -- Their formulas


def turned(weights, n):
    """Return R_Y and R_Z of each qubit, and take their weights."""
    return [turn(letter, next(weights), q, n) for q in range(n) for letter in "yz"]


RINGS = {1: [], 2: [(0, 1)], 3: [(0, 1), (1, 2), (2, 0)], 4: [(0, 1), (1, 2), (2, 3), (3, 0)]}


@pytest.mark.parametrize("n", RINGS)
def test_hardware_efficient(n):
    ansatz = hardware_efficient(n, 2)
    weights = weights_of(ansatz)
    values = iter(weights)
    ring = [controlled("z", i, j, n) for i, j in RINGS[n]]
    gates = [*turned(values, n), *ring, *turned(values, n), *ring]
    assert_same_state(state_of(ansatz, weights), state(gates, n))


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_hardware_efficient_is_the_feature_map_without_its_data(n):
    ansatz, feature_map = hardware_efficient(n, 3), hardware_efficient_map(n, layers=3)
    weights = weights_of(ansatz)
    (expected,) = StatevectorEvaluator().statevectors(feature_map, np.zeros((1, n)), weights)
    assert_same_state(state_of(ansatz, weights), expected)


BRICKS = {
    1: ([], []),
    2: ([(0, 1)], []),
    3: ([(0, 1)], [(1, 2)]),
    4: ([(0, 1), (2, 3)], [(1, 2)]),
    5: ([(0, 1), (2, 3)], [(1, 2), (3, 4)]),
}


@pytest.mark.parametrize("n", BRICKS)
def test_brickwork(n):
    ansatz = brickwork(n, 3)
    weights = weights_of(ansatz)
    values, gates = iter(weights), []
    for layer in range(3):
        gates += turned(values, n)
        gates += [controlled("z", i, j, n) for i, j in BRICKS[n][layer % 2]]
    assert_same_state(state_of(ansatz, weights), state(gates, n))


@pytest.mark.parametrize("layers", [1, 2, 3, 4])
def test_each_layer_of_bricks_reaches_a_neighbour_more(layers):
    ansatz = brickwork(9, layers)
    observable = cirq.Z(ansatz.qubits[4])
    gradient = StatevectorEvaluator().expectations_vjp(
        ansatz, np.empty((1, 0)), weights_of(ansatz), [observable], [[1.0]]
    )
    first_layer = gradient.parameters.reshape(layers, 9, 2)[0]
    seen = np.flatnonzero(np.abs(first_layer).max(axis=1) > 1e-9)
    # The last CZ gates commute with what is measured.
    assert abs(seen - 4).max() == layers - 1


@pytest.mark.parametrize(
    ("n", "layers", "ranges", "reaches"),
    [
        (1, 2, None, [0, 0]),
        (2, 2, None, [1, 1]),
        (3, 3, None, [1, 2, 1]),
        (4, 5, None, [1, 2, 3, 1, 2]),
        (4, 2, (3, 1), [3, 1]),
        (4, 2, np.array([2, 2]), [2, 2]),
    ],
)
def test_strongly_entangling(n, layers, ranges, reaches):
    ansatz = strongly_entangling(n, layers, ranges=ranges)
    weights = weights_of(ansatz)
    values, gates = iter(weights), []
    for reach in reaches:
        gates += [turn(letter, next(values), q, n) for q in range(n) for letter in "zyz"]
        gates += [controlled("x", i, (i + reach) % n, n) for i in range(n if n > 1 else 0)]
    assert next(values, None) is None
    assert_same_state(state_of(ansatz, weights), state(gates, n))


COUPLINGS = {
    "full": [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)],
    "linear": [(0, 1), (1, 2), (2, 3)],
    "circular": [(0, 1), (1, 2), (2, 3), (3, 0)],
    ((3, 0), (1, 2)): [(3, 0), (1, 2)],
    (): [],
}


@pytest.mark.parametrize("entanglement", COUPLINGS)
@pytest.mark.parametrize("rotations", [("ry", "rz"), ("ry",), ["rz", "rx", "ry"]])
@pytest.mark.parametrize("entangler", ["cz", "cnot"])
def test_two_local(entanglement, rotations, entangler):
    ansatz = two_local(4, 2, rotations=rotations, entangler=entangler, entanglement=entanglement)
    weights = weights_of(ansatz)
    values, letter = iter(weights), {"cz": "z", "cnot": "x"}[entangler]

    def rotated():
        return [turn(name[1], next(values), q, 4) for name in rotations for q in range(4)]

    coupled = [controlled(letter, i, j, 4) for i, j in COUPLINGS[entanglement]]
    gates = [*rotated(), *coupled, *rotated(), *coupled, *rotated()]
    assert next(values, None) is None
    assert_same_state(state_of(ansatz, weights), state(gates, 4))


def test_two_local_of_few_qubits():
    assert two_local(1, 1, rotations=("ry",), entanglement="full") == FeatureMap(
        cirq.Circuit(cirq.ry(sympy.Symbol(f"w{k}"))(cirq.LineQubit(0)) for k in range(2)),
        (),
        ["w0", "w1"],
    )
    assert two_local(2, entanglement="circular") == two_local(2) == two_local(2, 1)


# -- Other packages


@settings(max_examples=15, deadline=None)
@given(n=st.integers(1, 4), layers=st.integers(1, 4), data=st.data())
def test_strongly_entangling_is_that_of_pennylane(n, layers, data):
    qml = pytest.importorskip("pennylane")
    reach = st.integers(1, max(1, n - 1))
    each = st.lists(reach, min_size=layers, max_size=layers)
    ranges = data.draw(st.none() | each) if n > 1 else None
    ansatz = strongly_entangling(n, layers, ranges=ranges)
    weights = weights_of(ansatz, data.draw(st.integers(0, 99)))

    @qml.qnode(qml.device("default.qubit", wires=n))
    def theirs():
        qml.StronglyEntanglingLayers(weights.reshape(layers, n, 3), range(n), ranges=ranges)
        return qml.state()

    assert_same_state(state_of(ansatz, weights), theirs())


def qiskit_state(circuit, weights):
    """Return the state of a circuit of Qiskit, whose first qubit is the least significant."""
    quantum_info = pytest.importorskip("qiskit.quantum_info")
    return quantum_info.Statevector(circuit.assign_parameters(weights)).reverse_qargs().data


def reverse_linear(n):
    return [(i, i + 1) for i in range(n - 2, -1, -1)]


@pytest.mark.parametrize("n", [1, 2, 4])
@pytest.mark.parametrize("theirs", ["linear", "full", "reverse_linear", "circular"])
@pytest.mark.parametrize(
    ("name", "rotations"), [("real_amplitudes", ("ry",)), ("efficient_su2", ("ry", "rz"))]
)
def test_two_local_is_that_of_qiskit(n, theirs, name, rotations):
    library = pytest.importorskip("qiskit.circuit.library")
    closing_first = [(n - 1, 0)] * (n > 2) + [(i, i + 1) for i in range(n - 1)]
    ours = {"reverse_linear": reverse_linear(n), "circular": closing_first}.get(theirs, theirs)
    ansatz = two_local(n, 3, rotations=rotations, entangler="cnot", entanglement=ours)
    circuit = getattr(library, name)(n, entanglement=theirs, reps=3)
    weights = weights_of(ansatz)
    assert_same_state(state_of(ansatz, weights), qiskit_state(circuit, weights))


def test_qiskit_is_asked_for_what_the_text_says():
    library = pytest.importorskip("qiskit.circuit.library")
    ansatz = two_local(3, 3, rotations=("ry",), entangler="cnot", entanglement=reverse_linear(3))
    weights = weights_of(ansatz)
    expected = qiskit_state(library.real_amplitudes(3), weights)
    assert_same_state(state_of(ansatz, weights), expected)


# -- What is refused


@pytest.mark.parametrize("build", BUILDERS)
@pytest.mark.parametrize("n", [0, -1, 2.0, "4", None, True])
def test_numbers_are_checked(build, n):
    got = re.escape(f"an integer of at least 1, got {n!r}")
    with pytest.raises(ValueError, match=f"expected n_qubits to be {got}"):
        build(n)
    with pytest.raises(ValueError, match=f"expected layers to be {got}"):
        build(2, n)


ROTATIONS = "expected rotations to be a sequence of 'rx', 'ry' and 'rz', got "
BAD_ARGUMENTS = [
    (strongly_entangling, {"ranges": 1}, "ranges to be a sequence of integers or None, got 1"),
    (strongly_entangling, {"ranges": "12"}, "sequence of integers or None, got '12'"),
    (strongly_entangling, {"ranges": [1]}, "below 3 for each of 2 layers, got [1]"),
    (strongly_entangling, {"ranges": ()}, "below 3 for each of 2 layers, got ()"),
    (strongly_entangling, {"ranges": [1, 3]}, "below 3 for each of 2 layers, got [1, 3]"),
    (strongly_entangling, {"ranges": [0, 1]}, "ranges to be an integer of at least 1, got 0"),
    (strongly_entangling, {"ranges": [1.0, 1]}, "an integer of at least 1, got 1.0"),
    (two_local, {"rotations": "ry"}, ROTATIONS + "'ry'"),
    (two_local, {"rotations": ()}, ROTATIONS + "()"),
    (two_local, {"rotations": ["ry", "h"]}, ROTATIONS + "['ry', 'h']"),
    (two_local, {"rotations": [["ry"]]}, ROTATIONS + "[['ry']]"),
    (two_local, {"rotations": 3}, ROTATIONS + "3"),
    (two_local, {"entangler": "cx"}, "expected entangler to be 'cz' or 'cnot', got 'cx'"),
    (two_local, {"entangler": ["cz"]}, "expected entangler to be 'cz' or 'cnot', got ['cz']"),
    (two_local, {"entanglement": "ring"}, "to be one of 'full', 'linear', 'circular'"),
    (two_local, {"entanglement": None}, "to be a sequence of tuples of qubits, got None"),
    (two_local, {"entanglement": [0, 1]}, "entries of entanglement to be tuples of qubits, got 0"),
    (two_local, {"entanglement": [(0, 3)]}, "two or more distinct qubits below 3, got (0, 3)"),
    (two_local, {"entanglement": [(1, 1)]}, "two or more distinct qubits below 3, got (1, 1)"),
    (two_local, {"entanglement": [(0, 1, 2)]}, "of entanglement to be pairs, got (0, 1, 2)"),
]  # fmt: skip


@pytest.mark.parametrize(("build", "options", "message"), BAD_ARGUMENTS)
def test_what_is_refused(build, options, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        build(3, 2, **options)


def test_one_qubit_has_nothing_to_reach():
    message = "expected ranges to be one integer below 1 for each of 1 layers, got [1]"
    with pytest.raises(ValueError, match=re.escape(message)):
        strongly_entangling(1, ranges=[1])


def test_features_of_a_map_before_are_untouched():
    assert angle(2).compose(brickwork(2, 2)).feature_symbols == sympy.symbols("x:2")
