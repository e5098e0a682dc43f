"""Circuits, readouts and gradients of variational models, beside Cirq's own simulator."""

import cirq
import numpy as np
import pytest
from scipy.special import expit, softmax

import qkernels as qk
from qkernels import ansatze, feature_maps
from qkernels.variational import VariationalClassifier, VariationalRegressor, folded, losses
from qkernels.variational.base import Objective
from qkernels.variational.circuits import build_model
from qkernels.variational.held_out import TrainingSet

# -- The default circuit


@pytest.mark.parametrize(
    ("n_features", "expected"),
    [
        (1, ["y0", "y0", "y0", "y0", "y0", "y0"]),
        (2, ["y0", "y1", "y0", "y1", "y0", "y1"]),
        (3, ["y0", "y1", "y2", "y0", "y1", "y2"]),
        (4, ["y0", "y1", "y2", "y3"]),
        (5, ["y0", "y1", "y2", "y3", "y4"]),
        (6, ["y0", "y1", "y2", "y3", "y4", "y5"]),
        (8, ["y0 x6", "y1 x7", "y2", "y3", "y4", "y5"]),
        (13, ["y0 x6 y12", "y1 x7", "y2 x8", "y3 x9", "y4 x10", "y5 x11"]),
    ],
)
def test_folded_deals_out_features(n_features, expected):
    feature_map = folded(n_features)
    of_qubits = [[] for _ in feature_map.qubits]
    for operation in feature_map.circuit.all_operations():
        letter = {cirq.Rx: "x", cirq.Ry: "y"}[type(operation.gate)]
        (symbol,) = cirq.parameter_symbols(operation)
        assert operation.gate == (cirq.rx if letter == "x" else cirq.ry)(symbol)
        of_qubits[operation.qubits[0].x].append(letter + symbol.name.removeprefix("x"))
    assert [" ".join(names) for names in of_qubits] == expected
    assert [s.name for s in feature_map.feature_symbols] == [f"x{i}" for i in range(n_features)]
    assert feature_map.n_parameters == 0


@pytest.mark.parametrize("n_features", [0, 1.5, "two"])
def test_folded_refuses_what_is_not_a_number_of_features(n_features):
    with pytest.raises(ValueError, match="expected n_features to be an integer of at least 1"):
        folded(n_features)


def test_the_default_ansatz_is_three_strongly_entangling_layers():
    model = build_model(VariationalClassifier(data_reuploading=2), 4, 1)
    once = folded(4).circuit + ansatze.strongly_entangling(4, 3).circuit
    assert model.network.n_weights == 2 * 36
    values = {s.name: 0.1 * i for i, s in enumerate(model.network.circuit.parameter_symbols)}
    data = {f"x{i}": 0.3 * i for i in range(4)}
    again = {f"w{i}": values[f"w{i}_1"] for i in range(36)}
    expected = cirq.resolve_parameters(once, {**values, **data}) + cirq.resolve_parameters(
        once, {**again, **data}
    )
    found = cirq.resolve_parameters(model.network.circuit.circuit, {**values, **data})
    cirq.testing.assert_allclose_up_to_global_phase(
        cirq.unitary(found), cirq.unitary(expected), atol=1e-9
    )


def words(n_qubits, n_scores):
    owner = VariationalClassifier(feature_maps.angle(n_qubits), ansatze.hardware_efficient)
    network = build_model(owner, n_qubits, n_scores).network
    return [str(word) for word in network.observables.words]


def test_scores_are_read_from_words_of_z_short_ones_first():
    assert words(3, 1) == ["Z(q(0))"]
    assert words(2, 3) == ["Z(q(0))", "Z(q(1))", "Z(q(0))*Z(q(1))"]
    assert words(3, 7)[3:] == [
        "Z(q(0))*Z(q(1))",
        "Z(q(0))*Z(q(2))",
        "Z(q(1))*Z(q(2))",
        "Z(q(0))*Z(q(1))*Z(q(2))",
    ]


@pytest.mark.parametrize(
    ("readout", "n_classes", "expected"),
    [
        ("parity", 2, [0, 1, 1, 0, 1, 0, 0, 1]),
        ("parity", 3, [0, 1, 1, 2, 1, 2, 2, 0]),
        ("probabilities", 2, [0, 1, 0, 1, 0, 1, 0, 1]),
        ("probabilities", 3, [0, 1, 2, 0, 1, 2, 0, 1]),
        ("probabilities", 8, [0, 1, 2, 3, 4, 5, 6, 7]),
    ],
)
def test_outcomes_that_count_for_a_class(readout, n_classes, expected):
    owner = VariationalClassifier(
        feature_maps.angle(3), ansatze.hardware_efficient, readout=readout
    )
    assert build_model(owner, 3, n_classes).network.outputs.tolist() == expected


def test_the_default_bandwidth_is_one_over_the_root_of_the_number_of_features():
    for n_features, expected in [(1, 1.0), (4, 0.5), (25, 0.2)]:
        model = build_model(VariationalClassifier(), n_features, 1)
        np.testing.assert_allclose(model.network.bandwidth, expected)
    chosen = build_model(VariationalRegressor(bandwidth=[0.3, 0.1]), 2, 1)
    np.testing.assert_array_equal(chosen.network.bandwidth, [0.3, 0.1])


# -- What is refused

X, Z = (cirq.PauliString({cirq.LineQubit(0): pauli}) for pauli in "XZ")
ONE, TWO = feature_maps.angle(1), feature_maps.angle(2)


@pytest.mark.parametrize(
    ("arguments", "n_scores", "error", "message"),
    [
        ({"feature_map": ONE}, 2, ValueError, "expected at least 2 qubits for 2 scores, got 1"),
        (
            {"feature_map": ONE, "readout": "parity"},
            3,
            ValueError,
            "expected at least 2 qubits for 3 classes with readout='parity', got 1: take a wider",
        ),
        (
            {"feature_map": ONE, "readout": "probabilities"},
            5,
            ValueError,
            "expected at least 3 qubits for 5 classes with readout='probabilities', got 1",
        ),
        (
            {"feature_map": ONE, "readout": "parity", "observables": [Z]},
            2,
            ValueError,
            r"observables: expected None with readout='parity', got \[",
        ),
        (
            {"feature_map": ONE, "observables": [Z]},
            3,
            ValueError,
            r"observables: expected 3, one for each score \(two classes have one\), got 1",
        ),
        ({"feature_map": ONE, "observables": Z}, 1, TypeError, "observables must be None, .* got"),
        ({"feature_map": ONE, "observables": "Z"}, 1, TypeError, "observables: .* got 'Z'"),
        ({"feature_map": "zz"}, 1, TypeError, "feature_map must be a FeatureMap or a function"),
        ({"feature_map": cirq.Circuit()}, 1, TypeError, "got a circuit: wrap it as FeatureMap"),
        (
            {"feature_map": TWO},
            1,
            ValueError,
            "X has 1 features, but .* of VariationalClassifier expects 2",
        ),
        ({"ansatz": 3}, 1, TypeError, "ansatz: expected None, a FeatureMap without features"),
        ({"ansatz": ONE}, 1, ValueError, "expected an ansatz without features, got one of 1: x0"),
        ({"data_reuploading": 0}, 1, ValueError, "data_reuploading: .* at least 1, got 0"),
        ({"bandwidth": 0.0}, 1, ValueError, "bandwidth must be a positive finite number"),
        ({"bandwidth": [1.0, 1.0]}, 1, ValueError, r"bandwidth must be .* got shape \(2,\)"),
        ({"evaluator": 7}, 1, TypeError, "evaluator"),
    ],
)
def test_what_a_model_cannot_be_built_of(arguments, n_scores, error, message):
    with pytest.raises(error, match=message):
        build_model(VariationalClassifier(**arguments), 1, n_scores)


# -- Gradients of the whole objective

MAPS = [
    feature_maps.angle,
    lambda n: feature_maps.angle(n, "Y", 2),
    lambda n: feature_maps.zz(n, 1),
    feature_maps.iqp,
    lambda n: feature_maps.hardware_efficient(n, layers=1),
    folded,
]
ANSATZE = [ansatze.hardware_efficient, ansatze.two_local, ansatze.strongly_entangling]
LOSSES = ["cross_entropy", "hinge", "squared"]


def random_sum(rng, qubits):
    """Return a random sum of three words."""
    paulis = [cirq.X, cirq.Y, cirq.Z]
    sums = cirq.PauliSum()
    for _ in range(3):
        support = [q for q in qubits if rng.random() < 0.6] or [qubits[0]]
        sums += rng.normal() * cirq.PauliString({q: paulis[rng.integers(3)] for q in support})
    return sums


def random_problem(seed):
    """Return a model, a loss with its names, points, their classes, and a vector."""
    rng = np.random.default_rng(seed)
    n_features, n_classes = rng.integers(2, 4), int(rng.integers(2, 5))
    feature_map = MAPS[rng.integers(len(MAPS))](n_features)
    readout = ["expectation", "parity", "probabilities"][rng.integers(3)]
    if readout == "parity":
        n_classes = min(n_classes, feature_map.n_qubits + 1)
    is_scaled = readout == "expectation"
    n_scores = 1 if n_classes == 2 and is_scaled else n_classes
    observables = None
    if is_scaled and (rng.random() < 0.7 or n_scores >= 2**feature_map.n_qubits):
        observables = [random_sum(rng, feature_map.qubits) for _ in range(n_scores)]
    owner = VariationalClassifier(
        feature_map,
        ANSATZE[rng.integers(len(ANSATZE))],
        readout=readout,
        loss=LOSSES[rng.integers(3)],
        observables=observables,
        bandwidth=rng.uniform(0.3, 1.5, n_features),
        data_reuploading=int(rng.integers(1, 3)),
    )
    model = build_model(owner, n_features, n_scores)
    points, classes = rng.normal(size=(3, n_features)), rng.integers(n_classes, size=3)
    theta = model.initial(int(seed))
    theta[model.network.n_weights :] += rng.normal(size=len(theta) - model.network.n_weights)
    return owner, model, points, classes, n_classes, theta


def signs_of(classes, n_classes, n_scores):
    signs = np.where(classes[:, np.newaxis] == np.arange(n_classes), 1.0, -1.0)
    return signs[:, 1:] if n_scores == 1 else signs


def slope_by_outputs(owner, outputs, scores, signs):
    """Return the derivative of the loss by each score, written down anew."""
    n, right = len(scores), signs > 0
    if owner.loss == "cross_entropy":
        if owner.readout != "expectation":
            return np.where(right, -1 / outputs, 0) / n
        if scores.shape[1] == 1:
            return (expit(scores) - right) / n
        return (softmax(scores, axis=1) - right) / n
    margin = scores if owner.readout == "expectation" else 2 * outputs - 1
    inner = 1.0 if owner.readout == "expectation" else 2.0
    if owner.loss == "hinge":
        return inner * -signs * (signs * margin < 1) / n
    return inner * 2 * (margin - signs) / n


def simulated(owner, model, points, weights, observables):
    """Return a model's outputs by Cirq's simulator."""
    circuit, network = model.network.circuit, model.network
    order = {q: i for i, q in enumerate(circuit.qubits)}
    names = [s.name for s in (*circuit.feature_symbols, *circuit.parameter_symbols)]
    outputs = []
    for point in points:
        values = dict(zip(names, [*(owner.bandwidth * point), *weights], strict=True))
        state = cirq.Simulator(dtype=np.complex128).simulate(
            circuit.circuit, values, qubit_order=circuit.qubits
        )
        vector = state.final_state_vector
        if observables is None:
            found = [
                np.sum(np.abs(vector[network.outputs == k]) ** 2) for k in range(network.n_outputs)
            ]
        else:
            found = [
                sum(t.expectation_from_state_vector(vector, order).real for t in terms)
                for terms in observables
            ]
        outputs.append(found)
    return np.array(outputs)


@pytest.mark.parametrize("seed", range(100))
def test_gradients_of_random_models(seed):
    owner, model, points, classes, n_classes, theta = random_problem(seed)
    n, k = model.network.n_weights, model.network.n_outputs
    signs = signs_of(classes, n_classes, k)
    loss = VariationalClassifier(readout=owner.readout, loss=owner.loss)._loss()
    objective = Objective(model, loss, TrainingSet(points, signs, classes), None)
    value, gradient = objective.value_and_gradient(theta)
    assert value == objective.value(theta)

    rng = np.random.default_rng(seed)
    observables = None
    if owner.readout == "expectation":
        observables = owner.observables or [[w] for w in model.network.observables.words]
    outputs = simulated(owner, model, points, theta[:n], observables)
    is_scaled = observables is not None
    scale, bias = (theta[n : n + k], theta[n + k :]) if is_scaled else (np.ones(k), np.zeros(k))
    slope = slope_by_outputs(owner, outputs, outputs * scale + bias, signs)
    if is_scaled:
        np.testing.assert_allclose(gradient[n : n + k], np.sum(slope * outputs, 0), atol=1e-7)
        np.testing.assert_allclose(gradient[n + k :], np.sum(slope, 0), atol=1e-7)
    else:
        assert gradient.shape == (n,)
    # All weights are angles of rotations: the derivative is half the difference at ± π/2.
    for j in rng.choice(n, size=2, replace=False):
        shift = np.pi / 2 * (np.arange(n) == j)
        up, down = (
            simulated(owner, model, points, theta[:n] + s, observables) for s in (shift, -shift)
        )
        expected = np.sum(slope * scale * (up - down) / 2)
        np.testing.assert_allclose(gradient[j], expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("seed", range(100))
def test_gradients_against_central_differences(seed):
    owner, model, points, classes, n_classes, theta = random_problem(seed)
    signs = signs_of(classes, n_classes, model.network.n_outputs)
    loss = VariationalClassifier(readout=owner.readout, loss=owner.loss)._loss()
    objective = Objective(model, loss, TrainingSet(points, signs, classes), None)
    gradient = objective.value_and_gradient(theta)[1]
    direction, step = np.random.default_rng(seed).normal(size=theta.shape), 1e-6
    up, down = (objective.value(theta + s * direction) for s in (step, -step))
    np.testing.assert_allclose(gradient @ direction, (up - down) / (2 * step), rtol=1e-5, atol=1e-6)


def test_gradients_of_a_regressor_with_two_targets():
    model = build_model(VariationalRegressor(ansatz=ansatze.hardware_efficient), 2, 2)
    rng = np.random.default_rng(0)
    data = TrainingSet(rng.normal(size=(4, 2)), rng.normal(size=(4, 2)), None)
    objective = Objective(model, losses.squared, data, None)
    theta = model.initial(0) + 0.3
    gradient = objective.value_and_gradient(theta)[1]
    for j in range(len(theta)):
        shift = 1e-6 * (np.arange(len(theta)) == j)
        numeric = (objective.value(theta + shift) - objective.value(theta - shift)) / 2e-6
        np.testing.assert_allclose(gradient[j], numeric, rtol=1e-5, atol=1e-8)


def test_a_model_of_an_unscaled_readout_has_no_scale_and_bias():
    model = build_model(VariationalClassifier(readout="parity"), 2, 2)
    parts = model.split(model.initial(0))
    assert [part.shape for part in parts] == [(54,), (0,), (0,)]
    parts = (scaled := build_model(VariationalClassifier(), 2, 1)).split(scaled.initial(0))
    assert [part.shape for part in parts] == [(54,), (1,), (1,)]
    np.testing.assert_array_equal(parts.scale, [1])
    np.testing.assert_array_equal(parts.bias, [0])
    assert isinstance(scaled.network, qk.qnn.ExpectationNetwork)
