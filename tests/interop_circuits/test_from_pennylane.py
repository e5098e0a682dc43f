"""Circuits from PennyLane, against PennyLane's own state vectors."""

import sys

import cirq
import numpy as np
import pytest
import sympy

import qkernels as qk
from qkernels.interop import from_pennylane
from qkernels.interop.symbolic_arrays import SymbolicArray

qml = pytest.importorskip("pennylane")

N, M = 4, 30
POINTS = np.random.default_rng(5).uniform(-1, 1, (3, N))
WEIGHTS = np.random.default_rng(6).uniform(-2, 2, M)
UNITARY = cirq.testing.random_unitary(4, random_state=3)


def states_of(function, wires, points=POINTS, weights=WEIGHTS):
    """Return PennyLane's states at points."""

    @qml.qnode(qml.device("default.qubit", wires=wires))
    def state(*arguments):
        function(*arguments)
        return qml.state()

    trained = () if weights is None else (weights,)
    return np.array([np.asarray(state(p, *trained)) for p in points])


def assert_same_states(function, n_wires=4):
    """Compare up to a phase, after gates that use all symbols and make every phase count."""

    def whole(x, t):
        for wire in range(n_wires):
            qml.U3(0.4 + wire, 0.7, 1.1 * wire, wires=wire)
        for wire in range(n_wires - 1):
            qml.CNOT([wire, wire + 1])
            qml.RY(0.3 + wire, wires=wire)
        qml.RX(qml.math.sum(x) + qml.math.sum(t), wires=0)
        function(x, t)

    feature_map = from_pennylane(whole, N, M, wires=range(n_wires))
    ours = qk.StatevectorEvaluator().statevectors(feature_map, POINTS, WEIGHTS)
    overlaps = np.abs(np.sum(ours.conj() * states_of(whole, n_wires), axis=1))
    np.testing.assert_allclose(overlaps, 1, atol=1e-10)


# -- Operations

X, Y, Z, H = qml.PauliX, qml.PauliY, qml.PauliZ, qml.Hadamard
GATES = {
    **{
        kind.__name__: lambda x, t, kind=kind: kind(wires=[2, 0, 1, 3][: kind.num_wires])
        for kind in (
            *(X, Y, Z, H, qml.S, qml.T, qml.SX, qml.SWAP, qml.ISWAP, qml.SISWAP),
            *(qml.ECR, qml.CNOT, qml.CY, qml.CZ, qml.CH, qml.CSWAP, qml.CCZ, qml.Toffoli),
        )
    },
    **{
        kind.__name__: lambda x, t, kind=kind: kind(
            *[x[0] * 2, np.sin(t[1]), x[2] ** 2 - 1][: kind.num_params],
            wires=[2, 0, 1, 3][: kind.num_wires],
        )
        for kind in (
            *(qml.RX, qml.RY, qml.RZ, qml.PhaseShift, qml.Rot, qml.U1, qml.U2, qml.U3),
            *(qml.CRX, qml.CRY, qml.CRZ, qml.CRot, qml.ControlledPhaseShift, qml.PSWAP),
            *(qml.IsingXX, qml.IsingYY, qml.IsingZZ, qml.IsingXY, qml.CPhaseShift00),
            *(qml.CPhaseShift01, qml.CPhaseShift10, qml.SingleExcitation, qml.DoubleExcitation),
            *(qml.SingleExcitationPlus, qml.SingleExcitationMinus),
            *(qml.OrbitalRotation, qml.FermionicSWAP),
        )
    },
    "MultiRZ": lambda x, t: qml.MultiRZ(x[0] * t[0], wires=[3, 0, 2]),
    "MultiRZ on one wire": lambda x, t: qml.MultiRZ(x[0], wires=[1]),
    "PauliRot": lambda x, t: qml.PauliRot(x[1], "XIYZ", wires=[3, 0, 1, 2]),
    "PauliRot of one letter": lambda x, t: qml.PauliRot(x[1], "IY", wires=[3, 0]),
    "PauliRot of none": lambda x, t: qml.ctrl(qml.PauliRot, 3)(x[1], "II", wires=[0, 1]),
    "PCPhase": lambda x, t: qml.PCPhase(x[0], dim=3, wires=[2, 1]),
    "GlobalPhase": lambda x, t: qml.ctrl(qml.GlobalPhase(x[0]), [2, 1]),
    "GlobalPhase under zeros": lambda x, t: qml.ctrl(qml.GlobalPhase(x[0]), [2, 1], [0, 0]),
    "QubitUnitary": lambda x, t: qml.QubitUnitary(UNITARY, wires=[2, 0]),
    "ControlledQubitUnitary": lambda x, t: qml.ControlledQubitUnitary(
        UNITARY, wires=[3, 1, 2, 0], control_values=[0, 1]
    ),
    "DiagonalQubitUnitary": lambda x, t: qml.DiagonalQubitUnitary([1, 1j, -1, -1j], wires=[1, 3]),
    "MultiControlledX": lambda x, t: qml.MultiControlledX([2, 0, 3, 1], [1, 0, 1]),
    "QFT": lambda x, t: qml.QFT(wires=[2, 0, 1]),
    "Permute": lambda x, t: qml.Permute([2, 0, 1], wires=range(3)),
    "Identity": lambda x, t: (qml.Identity([0, 1]), qml.ctrl(qml.Identity([2]), 3)),
    "Barrier": lambda x, t: (qml.Barrier(wires=range(3)), qml.Snapshot()),
    "ctrl": lambda x, t: qml.ctrl(qml.Rot, [2, 1], [0, 1])(*x[:3], wires=0),
    "ctrl of ctrl": lambda x, t: qml.ctrl(qml.ctrl(qml.RY(x[0], 0), 1), 3, control_values=[0]),
    "ctrl of a template": lambda x, t: qml.ctrl(qml.IQPEmbedding, 3)(x[:3], wires=range(3)),
    "adjoint": lambda x, t: qml.adjoint(qml.Rot)(*x[:3], wires=0),
    "adjoint of a template": lambda x, t: qml.adjoint(qml.AngleEmbedding)(x, wires=range(4)),
    "adjoint of numbers": lambda x, t: (qml.adjoint(qml.T(0)), qml.adjoint(qml.SX(1))),
    "adjoint of ctrl": lambda x, t: qml.adjoint(qml.ctrl(qml.U2(*x[:2], wires=0), 1)),
    "pow": lambda x, t: qml.pow(qml.RX(x[0], 0), 0.3),
    "pow of a product": lambda x, t: qml.pow(qml.Rot(*x[:3], 0), 3),
    "pow of numbers": lambda x, t: (qml.pow(H(0), 0.3), qml.pow(qml.S(1), 0.5)),
    "prod": lambda x, t: qml.prod(qml.RX(x[0], 0), H(1), qml.CRZ(x[2], [1, 2])),
    "evolve": lambda x, t: qml.evolve(X(0) @ Y(1), x[0]),
    "exp": lambda x, t: qml.exp(X(0) @ Y(1), -0.5j * x[0]),
    "trotter": lambda x, t: qml.TrotterProduct(0.3 * X(0) @ Y(1) + Z(1), x[0], n=2, order=2),
    "time evolution": lambda x, t: qml.ApproxTimeEvolution(0.3 * X(0) + Z(0) @ Z(2), x[1], 3),
    "ControlledSequence": lambda x, t: qml.ControlledSequence(qml.RX(x[0], 3), [0, 1, 2]),
}


@pytest.mark.parametrize("name", GATES)
def test_operations(name):
    assert_same_states(GATES[name])


TEMPLATES = {
    "AngleEmbedding X": lambda x, t: qml.AngleEmbedding(x, wires=range(4), rotation="X"),
    "AngleEmbedding Y": lambda x, t: qml.AngleEmbedding(x, wires=range(4), rotation="Y"),
    "AngleEmbedding Z": lambda x, t: qml.AngleEmbedding(x[:3], wires=[2, 0, 3], rotation="Z"),
    "IQPEmbedding": lambda x, t: qml.IQPEmbedding(x, wires=range(4), n_repeats=3),
    "IQPEmbedding, pattern": lambda x, t: qml.IQPEmbedding(
        x, wires=range(4), pattern=[[0, 3], [1, 2]]
    ),
    "QAOAEmbedding": lambda x, t: qml.QAOAEmbedding(x, t[:16].reshape(2, 8), wires=range(4)),
    "QAOAEmbedding, Y": lambda x, t: qml.QAOAEmbedding(
        x[:2], t[:6].reshape(1, 6), wires=range(3), local_field="Y"
    ),
    "StronglyEntanglingLayers": lambda x, t: qml.StronglyEntanglingLayers(
        t[:24].reshape(2, 4, 3), wires=range(4), imprimitive=qml.CZ
    ),
    "BasicEntanglerLayers": lambda x, t: qml.BasicEntanglerLayers(
        t[:8].reshape(2, 4) * x, wires=range(4), rotation=qml.RY
    ),
    "SimplifiedTwoDesign": lambda x, t: qml.SimplifiedTwoDesign(
        t[:4], t[4:16].reshape(2, 3, 2), wires=range(4)
    ),
    "RandomLayers": lambda x, t: qml.RandomLayers(t[:6].reshape(2, 3), wires=range(3), seed=1),
    "GateFabric": lambda x, t: qml.GateFabric(
        t[:4].reshape(2, 1, 2), wires=range(4), init_state=np.array([1, 1, 0, 0]), include_pi=True
    ),
    "ArbitraryUnitary": lambda x, t: qml.ArbitraryUnitary(t[:15], wires=range(2)),
    "CosineWindow": lambda x, t: qml.adjoint(qml.CosineWindow(wires=range(3))),
    "layer": lambda x, t: qml.layer(
        lambda w: qml.BasicEntanglerLayers(w.reshape(1, 2), wires=range(2)), 3, t[:6].reshape(3, 2)
    ),
}


@pytest.mark.parametrize("name", TEMPLATES)
def test_templates(name):
    assert_same_states(TEMPLATES[name])


FORMULAS = {
    "ufuncs": lambda x, t: np.sin(x[0]) * np.arccos(x[1]) + np.exp(x[2]) / np.sqrt(2 + x[3]),
    "of two": lambda x, t: np.arctan2(x[0], 2 + x[1]) + np.abs(x[2]) + np.sign(t[0]),
    "sums": lambda x, t: np.sum(x) + np.prod(x[:2]) + x @ t[:4] + np.dot(x, x) + x.mean(),
    "PennyLane's": lambda x, t: qml.math.cos(x[0]) + qml.math.sum(qml.math.stack([x[0], t[1]])),
    "comprehension": lambda x, t: sum(w * v for w, v in zip(t, x, strict=False)),
    "in place": lambda x, t: _in_place(x),
    "stacked": lambda x, t: np.tanh(np.concatenate([x, t[:2]]))[::-1][0],
    "selected": lambda x, t: np.where([True, False, True, True], x, np.pi)[1] * x[0],
    "outer": lambda x, t: np.outer(x, x)[1, 2] - np.cumsum(x)[2],
    "others": lambda x, t: np.log1p(x[0] / 2) + np.expm1(x[1]) + np.deg2rad(x) @ np.hypot(x, 1),
    "norms": lambda x, t: (
        np.linalg.norm(x) + qml.numpy.linalg.norm(x - t[0]) * np.linalg.norm(x, 1)
    ),
    "norms by axes": lambda x, t: np.sum(
        np.linalg.norm(x.reshape(2, 2), axis=1) * np.linalg.norm(t[:4].reshape(2, 2), 2, axis=0)
        + np.linalg.norm(x.reshape(2, 2), keepdims=True)
    ),
    "logarithm": lambda x, t: np.log(2 + x[0]) + np.log2(3 + x[1]) - np.log10(2 + x[2]),
}


def _in_place(x):
    total = x[0] * 1
    total += x[1]
    total **= 2
    return total


@pytest.mark.parametrize("name", FORMULAS)
def test_formulas(name):
    assert_same_states(lambda x, t: qml.RY(FORMULAS[name](x, t), wires=1), n_wires=2)


# -- Gram matrices, order


EMBEDDINGS = {
    "AngleEmbedding": lambda x: qml.AngleEmbedding(x, wires=range(4), rotation="Y"),
    "IQPEmbedding": lambda x: qml.IQPEmbedding(x, wires=range(4), n_repeats=2),
}


@pytest.mark.parametrize("name", EMBEDDINGS)
def test_gram_matrices(name):
    points = np.random.default_rng(0).uniform(-2, 2, (6, 4))
    K = qk.FidelityKernel(from_pennylane(EMBEDDINGS[name], 4))(points)
    states = states_of(EMBEDDINGS[name], 4, points, None)
    np.testing.assert_allclose(K, np.abs(states.conj() @ states.T) ** 2, atol=1e-10)


@pytest.mark.parametrize("name", ["QAOAEmbedding", "StronglyEntanglingLayers"])
def test_gram_matrices_with_weights(name):
    shapes = {"QAOAEmbedding": (2, 8), "StronglyEntanglingLayers": (2, 4, 3)}
    n = int(np.prod(shapes[name]))

    def function(x, t):
        weights = t.reshape(shapes[name])
        if name == "QAOAEmbedding":
            qml.QAOAEmbedding(x, weights, wires=range(4))
        else:
            for layer in weights:
                qml.StronglyEntanglingLayers(layer.reshape(1, 4, 3), wires=range(4))
                qml.AngleEmbedding(x, wires=range(4))

    points = np.random.default_rng(0).uniform(-2, 2, (6, 4))
    weights = np.random.default_rng(1).uniform(-2, 2, n)
    feature_map = from_pennylane(function, 4, n)
    K = qk.FidelityKernel(feature_map, parameters=weights)(points)
    states = states_of(function, 4, points, weights)
    np.testing.assert_allclose(K, np.abs(states.conj() @ states.T) ** 2, atol=1e-10)
    assert [s.name for s in feature_map.parameter_symbols] == [f"theta{i}" for i in range(n)]


def test_the_iqp_map_is_ours():
    points = np.random.default_rng(1).uniform(-1, 1, (5, 3))
    theirs = from_pennylane(lambda x: qml.IQPEmbedding(x, wires=range(3), n_repeats=2), 3)
    ours = qk.feature_maps.iqp(3, reps=2)
    np.testing.assert_allclose(
        qk.FidelityKernel(theirs)(points), qk.FidelityKernel(ours)(points), atol=1e-12
    )


def three(x):
    qml.RX(x[0], wires=2)
    qml.CNOT([2, 0])
    return qml.expval(qml.PauliZ(0)), qml.probs(wires=[0])


def test_an_integer_wire_is_the_qubit_of_its_number():
    feature_map = from_pennylane(three, 1, name="three")
    assert feature_map.qubits == (cirq.LineQubit(0), cirq.LineQubit(2))
    assert feature_map.name == "three"
    assert [s.name for s in feature_map.feature_symbols] == ["x0"]


def test_wires_that_are_given_are_all_kept():
    feature_map = from_pennylane(three, 1, wires=[2, 1, 0, "spare"])
    assert feature_map.qubits == tuple(cirq.LineQubit.range(4))
    assert feature_map.circuit[0][cirq.LineQubit(0)].gate == cirq.rx(sympy.Symbol("x0"))


def test_other_labels_are_numbered_in_the_order_of_their_use():
    def function(x):
        qml.RX(x[0], wires="b")
        qml.RY(x[0], wires="a")

    gates = [op.gate for op in from_pennylane(function, 1).circuit.all_operations()]
    assert gates == [cirq.rx(sympy.Symbol("x0")), cirq.ry(sympy.Symbol("x0"))]


def test_the_wires_of_a_device_are_kept():
    node = qml.QNode(three, qml.device("default.qubit", wires=4))
    assert from_pennylane(node, 1).n_qubits == 4
    assert from_pennylane(node, 1, wires=[0, 2]).n_qubits == 2
    without = qml.QNode(three, qml.device("default.qubit"))
    assert from_pennylane(without, 1) == from_pennylane(three, 1)


def test_maps_without_features():
    feature_map = from_pennylane(lambda x, t: qml.RX(t[0], wires=0), 0, 1)
    assert (feature_map.n_features, feature_map.n_parameters) == (0, 1)


# -- Arrays of symbols


def test_arrays_print_their_expressions():
    x = SymbolicArray.of(sympy.symbols("x:2"))
    assert repr(np.stack([x, 2 * x])) == "SymbolicArray([[x0, x1], [2*x0, 2*x1]])"
    assert str(x[:1]) == "SymbolicArray([x0])"
    assert f"{x[1]}" == "x1"


def test_arrays_know_what_is_real():
    x = SymbolicArray.of([sympy.Symbol("x", real=True)])
    assert np.real(2j * x).tolist() == [0]
    assert np.imag(2j * x).tolist() == [2.0 * sympy.Symbol("x", real=True)]


def test_arrays_are_not_equal_to_numbers():
    x = SymbolicArray.of(sympy.symbols("x:2"))
    assert (x == 0).tolist() == [False, False]
    assert (x == x).all()


def test_slices_are_views_and_elements_are_not():
    x = SymbolicArray.of(sympy.symbols("x:2"))
    element, part = x[0], x[1:]
    element += 1
    part *= 2
    assert x.tolist() == [sympy.Symbol("x0"), 2 * sympy.Symbol("x1")]


# -- Errors


def measured(x):
    qml.RX(x[0], wires=0)
    qml.measure(0)


def conditioned(x):
    outcome = qml.measure(1)
    qml.cond(outcome, qml.RX)(x[0], wires=0)


@pytest.mark.parametrize(
    ("function", "error", "message"),
    [
        (measured, ValueError, "expected gates, .*; got MidMeasure.* on the wires .0., which has"),
        (conditioned, ValueError, "expected gates, .*; got MidMeasure"),
        (lambda x: qml.RX(x, wires=0), ValueError, "one value for each angle of RX, got a batch"),
        (lambda x: qml.Hadamard(0), ValueError, "features lists x0, which the circuit lacks"),
        (lambda x: None, ValueError, "expected a circuit that acts on at least one qubit"),
        (
            lambda x: qml.RX(x[0], 0) if x[0] > 0 else qml.RY(x[0], 0),
            *(
                TypeError,
                "expected a function that can be called with symbols, got the error: .*tru",
            ),
        ),
        (
            lambda x: qml.RX(float(x[0]), 0),
            *(TypeError, "got the error: Cannot convert .*; symbols cannot be compared, nor made"),
        ),
        (lambda x: qml.RX(np.cbrt(x[0]), 0), TypeError, "got the error: no cbrt of symbols: "),
        (
            lambda x: qml.DoubleExcitationPlus(x[0], range(4)),
            *(ValueError, "got DoubleExcitationPlus on the wires .*, which has neither a decompos"),
        ),
        ("circuit", TypeError, "expected function to be a quantum function or a QNode, got 'cir"),
    ],
)
def test_wrong_functions(function, error, message):
    with pytest.raises(error, match=message):
        from_pennylane(function, 1)


def test_condition_is_refused_by_name():
    def function(x):
        qml.RX(x[0], wires=0)
        qml.ops.Conditional(qml.measure(1), X(0))

    with qml.QueuingManager.stop_recording(), pytest.raises(ValueError, match="expected gates"):
        from_pennylane(function, 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((-1,), "expected n_features to be an integer of at least 0, got -1"),
        ((1, 0.5), "expected n_parameters to be an integer of at least 0, got 0.5"),
    ],
)
def test_wrong_numbers(arguments, message):
    with pytest.raises(ValueError, match=message):
        from_pennylane(three, *arguments)


@pytest.mark.parametrize("wires", [[0, 1], [0, 2, 2]])
def test_wrong_wires(wires):
    message = rf"expected all of the wires \[2, 0\] in wires, each once, got {wires}".replace(
        "got [", r"got \["
    )
    with pytest.raises(ValueError, match=message):
        from_pennylane(three, 1, wires=wires)


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "pennylane", None)
    with pytest.raises(ImportError, match=r'pennylane, which is missing: pip install "qkernels\['):
        from_pennylane(three, 1)
