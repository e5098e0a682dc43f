"""The parameter-shift rule: adjoint gradients, central differences, shifts counted by hand."""

import re

import cirq
import hypothesis
import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from qkernels import FeatureMap, SamplerEvaluator, StatevectorEvaluator
from qkernels.feature_maps import hardware_efficient, zz
from qkernels.parameter_shift import gradient, pull_back_by_shifts, shift_count
from qkernels.parameter_shift.occurrences import occurrences
from qkernels.parameter_shift.rules import frequencies_of, shift_rule
from qkernels.sampling.target import Target
from tests.evaluators.maps import entangled, layered, points
from tests.random_circuits import GATES, feature_maps
from tests.random_circuits import points as random_points
from tests.sampling.exact_sampler import ExactEvaluator, ExactSampler

EXACT = StatevectorEvaluator(cache_size="0MB")
Q = cirq.LineQubit.range(3)
a, b = sympy.symbols("a b")
PARAMETERS = np.array([0.7, -0.4])
# Circuits shrink slowly.
PHASES = [hypothesis.Phase.explicit, hypothesis.Phase.generate]


def observables(qubits):
    words = [cirq.PauliString({q: letter}) for q in qubits for letter in "XZ"]
    return [*words, -1.5 * cirq.PauliString(dict.fromkeys(qubits, "Y"))]


def measuring(evaluator, qubits):
    return lambda m, inputs: evaluator.expectations(m, inputs, observables=observables(qubits))


def cotangent(n_points, n_outputs, seed=0):
    return np.random.default_rng(seed).normal(size=(n_points, n_outputs))


def on_exact(feature_map, X, parameters, weights, **options):
    measure = measuring(EXACT, feature_map.qubits)
    return pull_back_by_shifts(measure, feature_map, X, parameters, weights, **options)


def map_of(*operations, features=("a",)):
    return FeatureMap(cirq.Circuit(*operations), features)


# -- Rules


@pytest.mark.parametrize("R", [1, 2, 3, 8])
def test_equidistant_frequencies_have_the_published_rule(R):
    # Wierichs et al., Quantum 6, 677 (2022): shifts (2μ − 1)π/2R, weights ±1/(4R sin²(x_μ/2)).
    rule = shift_rule(tuple(0.5 * r for r in range(1, R + 1)))
    mu = np.arange(1, 2 * R + 1)
    x = (2 * mu - 1) * np.pi / (2 * R)
    expected = (-1.0) ** (mu - 1) / (4 * R * np.sin(x / 2) ** 2) * np.pi / 2
    # The second half of the turn is the first one backwards.
    places = np.where(x > np.pi, x - 2 * np.pi, x) / (np.pi / 2)
    order, found = np.argsort(places), np.argsort(rule.shifts)
    np.testing.assert_allclose(rule.shifts[found], places[order], atol=1e-12)
    np.testing.assert_allclose(rule.weights[found], expected[order], atol=1e-12)


FREQUENCIES = [
    (0.3, 1.0, 1.3),
    (1.0, 3.0),
    (1 / 3, 2 / 3, 1.0),
    (1.0, 1.001),
    (1.0, 1.0005),
    (0.1, 2**0.5, 7.0, 9.9),
]


@pytest.mark.parametrize("frequencies", FREQUENCIES)
def test_rules_differentiate_trigonometric_polynomials(frequencies):
    omega = np.pi * np.array(frequencies)
    rng = np.random.default_rng(0)
    c, s = rng.normal(size=(2, len(omega)))
    rule = shift_rule(frequencies)
    assert len(rule.shifts) == 2 * len(omega)
    for t in (0.0, 0.8, -2.1):
        x = (t + rule.shifts)[:, np.newaxis] * omega
        values = 3.0 + np.cos(x) @ c + np.sin(x) @ s
        slope = omega @ (s * np.cos(omega * t) - c * np.sin(omega * t))
        assert rule.weights @ values == pytest.approx(slope, abs=1e-9)
    # No rule can do with less than the largest slope of a sine; few need much more.
    assert 1 - 1e-9 < np.abs(rule.weights).sum() / omega[-1] < 1.01


def test_frequencies_are_differences_of_levels():
    assert frequencies_of([0.2, 0.2]) == ()
    assert frequencies_of([0, 1]) == frequencies_of([0.1, 1.1]) == (1.0,)
    np.testing.assert_allclose(frequencies_of([-0.5, 0.5, 0]), [0.5, 1])
    np.testing.assert_allclose(frequencies_of([0.3, 1.3, 0, 0.1 + 0.2]), [0.3, 1, 1.3])


# -- Gradients


@pytest.mark.parametrize("gate_type", GATES, ids=lambda t: t.__name__)
def test_random_circuits_have_their_adjoint_gradient(gate_type):
    @settings(max_examples=8, deadline=None, phases=PHASES, database=None)
    @given(feature_maps(gate_type, max_qubits=4, max_operations=5), st.integers(0, 10**6))
    def check(feature_map, seed):
        X, parameters = random_points(feature_map, 2, seed)
        words = observables(feature_map.qubits)
        weights = cotangent(2, len(words), seed)
        try:
            exact = EXACT.expectations_vjp(feature_map, X, parameters, words, weights)
        except ValueError as error:
            with pytest.raises(ValueError, match=re.escape(str(error))):
                on_exact(feature_map, X, parameters, weights)
            return
        found = on_exact(feature_map, X, parameters, weights)
        size = max(1, np.abs(exact.X).max(initial=0), np.abs(exact.parameters).max(initial=0))
        np.testing.assert_allclose(found.X, exact.X, atol=1e-9 * size)
        np.testing.assert_allclose(found.parameters, exact.parameters, atol=1e-9 * size)
        rewritten = occurrences(feature_map)
        inputs = rewritten.exponents(feature_map.angles(X, parameters))
        np.testing.assert_allclose(
            EXACT.expectations(rewritten.shift_map, inputs, observables=words),
            EXACT.expectations(feature_map, X, parameters, observables=words),
            atol=1e-9,
        )

    check()


class Phase(cirq.EigenGate):
    """A gate with one level: a global phase."""

    def _num_qubits_(self):
        return 1

    def _eigen_components(self):
        return [(0.7, np.eye(2))]


class Levels(cirq.EigenGate):
    """A gate on two qubits with levels that are not equidistant."""

    def _num_qubits_(self):
        return 2

    def _eigen_components(self):
        basis = cirq.testing.random_unitary(4, random_state=3)
        levels = [0.0, 0.3, 1.0, 2.2]
        return [(t, np.outer(v, v.conj())) for t, v in zip(levels, basis.T, strict=True)]


HARD = {
    "levels": [Levels(exponent=a).on(*Q[:2]), Levels(exponent=b)(*Q[1:])],
    "controlled levels": [Levels(exponent=a * b).on(*Q[:2]).controlled_by(Q[2])],
    "one value of two controls": [
        cirq.ControlledGate(cirq.rx(a), control_values=cirq.SumOfProducts([(0, 1), (1, 0)])).on(*Q),
        (cirq.X**b)(Q[0]),
    ],
    "noise": [
        (cirq.rx(a)(Q[0]), cirq.depolarize(0.2)(Q[0])),
        (cirq.CZ(*Q[:2]) ** (a * b), cirq.Y(Q[2]) ** b),
    ],
    "reset": [
        (cirq.rx(a)(Q[0]), cirq.CNOT(*Q[:2]), cirq.reset(Q[0])),
        (cirq.ry(b + a)(Q[0]), cirq.I(Q[2])),
    ],
    "a symbol in two gates": [cirq.rx(a)(Q[0]), cirq.FSimGate(a, b)(*Q[:2]), cirq.rx(a)(Q[2])],
}


def simulated(feature_map, inputs, words):
    """Return expectation values by Cirq's density matrices alone."""
    simulator = cirq.DensityMatrixSimulator(dtype=np.complex128)
    matrices = [word.matrix(feature_map.qubits) for word in words]
    values = []
    for row in inputs:
        rho = simulator.simulate(feature_map.resolve(row)).final_density_matrix
        values.append([np.trace(rho @ matrix).real for matrix in matrices])
    return np.array(values)


@pytest.mark.parametrize("name", HARD)
def test_hard_gates_and_noise_have_central_differences(name):
    start = [cirq.ry(0.3 + 0.2 * k)(q) for k, q in enumerate(Q)]
    feature_map = map_of(start, HARD[name], (cirq.X**0.3)(Q[1]), features=("a", "b"))
    words = observables(Q)
    weights = cotangent(2, len(words))
    X = np.array([[0.4, -0.9], [1.7, 0.2]])
    found = pull_back_by_shifts(
        lambda m, inputs: simulated(m, inputs, words), feature_map, X, None, weights
    )
    for column in range(2):
        step = 1e-5 * np.eye(2)[column]
        change = simulated(feature_map, X + step, words) - simulated(feature_map, X - step, words)
        expected = (change * weights).sum(axis=1) / 2e-5
        np.testing.assert_allclose(found.X[:, column], expected, atol=1e-8)


def test_probabilities_have_their_adjoint_gradient():
    feature_map, X = layered(), points(3)
    outputs = np.array([0, 2, 2, 1, 0, 0, 1, 2])
    weights = cotangent(3, 3)
    exact = EXACT.probabilities_vjp(feature_map, X, PARAMETERS, outputs, weights)
    found = pull_back_by_shifts(
        lambda m, inputs: EXACT.probabilities(m, inputs, outputs=outputs, n_outputs=3),
        *(feature_map, X, PARAMETERS, weights),
    )
    np.testing.assert_allclose(found.X, exact.X, atol=1e-10)
    np.testing.assert_allclose(found.parameters, exact.parameters, atol=1e-10)


# -- Cost

WORD = cirq.PauliString({Q[0]: "X", Q[1]: "Y", Q[2]: "Z"})
COUNTS = [
    (cirq.rx(a)(Q[0]), 2),
    (cirq.X(Q[0]) ** 0.5, 0),
    (cirq.CZ(*Q[:2]) ** a, 2),
    (cirq.CCX(*Q) ** a, 2),
    (cirq.SWAP(*Q[:2]) ** a, 2),
    ((cirq.SWAP**a).on(*Q[:2]).controlled_by(Q[2]), 2),
    (cirq.rx(a)(Q[0]).controlled_by(Q[1]), 4),
    (cirq.rx(a)(Q[0]).controlled_by(Q[1], Q[2]), 4),
    (cirq.ISWAP(*Q[:2]) ** a, 4),
    (cirq.givens(a)(*Q[:2]), 4),
    (cirq.FSimGate(a, 0.3)(*Q[:2]), 4),
    (cirq.FSimGate(0.3, a)(*Q[:2]), 2),
    (cirq.PhasedXPowGate(phase_exponent=0.2, exponent=a)(Q[0]), 2),
    (cirq.PhasedXPowGate(phase_exponent=a, exponent=0.2)(Q[0]), 4),
    (cirq.PauliStringPhasor(WORD, exponent_neg=a), 2),
    (cirq.PhaseGradientGate(num_qubits=3, exponent=a)(*Q), 6),
    (cirq.ParallelGate(cirq.Y**a, 3)(*Q), 6),
    (cirq.TwoQubitDiagonalGate([0.1, 0.2, 0.3, a])(*Q[:2]), 6),
    (Levels(exponent=a)(*Q[:2]), 6),
    # What all controls accept is not controlled: two rotations less than four shifts.
    (cirq.ControlledGate(cirq.rx(a), control_values=[(0, 1)])(*Q[:2]), 2),
    (Phase(exponent=a)(Q[0]), 0),
    (Phase(exponent=a)(Q[0]).controlled_by(Q[1]), 2),
    (cirq.global_phase_operation(sympy.exp(sympy.I * a)), 0),
]


@pytest.mark.parametrize(("operation", "expected"), COUNTS, ids=lambda value: str(value)[:40])
def test_gates_need_so_many_shifts(operation, expected):
    operation = operation if cirq.is_parameterized(operation) else [operation, cirq.rx(a)(Q[2])]
    extra = 2 * isinstance(operation, list)
    assert shift_count(map_of(cirq.H.on_each(*Q), operation)) == expected + extra


def test_gates_with_many_controls_stay_in_one_piece():
    qubits = cirq.LineQubit.range(15)
    operation = (cirq.ISWAP**a).on(*qubits[:2]).controlled_by(*qubits[2:])
    feature_map = map_of(cirq.H.on_each(*qubits), operation)
    assert shift_count(feature_map) == 4
    assert len(occurrences(feature_map).shift_map.circuit) == 2


class Measuring:
    """Remembers what it was asked for."""

    def __init__(self, qubits):
        self.measure = measuring(EXACT, qubits)
        self.calls = []

    def __call__(self, shift_map, inputs):
        self.calls.append((shift_map, inputs))
        return self.measure(shift_map, inputs)


def test_all_shifted_circuits_are_points_of_one_map():
    feature_map, X = entangled(), points(4)
    measure = Measuring(feature_map.qubits)
    pull_back_by_shifts(measure, feature_map, X, PARAMETERS, cotangent(4, 7))
    ((shift_map, inputs),) = measure.calls
    assert shift_map.n_parameters == 0
    assert shift_map.qubits == feature_map.qubits
    # Three rotations, two powers of CZ, three rotations.
    assert shift_count(feature_map) == 16
    assert inputs.shape == (4 * 16, 8)
    assert len(np.unique(inputs, axis=0)) == len(inputs)


@pytest.mark.parametrize("bound", ["exponents", "covariances"])
def test_many_points_are_measured_in_blocks(monkeypatch, bound):
    feature_map, X, weights = entangled(), points(9), cotangent(9, 7)
    whole = on_exact(feature_map, X, PARAMETERS, weights)
    monkeypatch.setattr(gradient, "_NUMBERS", 3 * 16 * 49 if bound == "covariances" else 1)
    measure = Measuring(feature_map.qubits)
    found = pull_back_by_shifts(measure, feature_map, X, PARAMETERS, weights)
    assert [len(inputs) // 16 for _, inputs in measure.calls] == (
        [3, 3, 3] if bound == "covariances" else [1] * 9
    )
    assert len({shift_map for shift_map, _ in measure.calls}) == 1
    np.testing.assert_allclose(found.X, whole.X, atol=1e-12)
    np.testing.assert_allclose(found.parameters, whole.parameters, atol=1e-12)


def test_without_inputs_only_trainable_exponents_are_shifted():
    feature_map, X = hardware_efficient(2, layers=1), points(3, 2)
    weights, values = cotangent(3, 5), np.array([0.3, -0.2, 1.1, 0.8])
    measure = Measuring(feature_map.qubits)
    found = pull_back_by_shifts(measure, feature_map, X, values, weights, wrt_inputs=False)
    whole = on_exact(feature_map, X, values, weights)
    np.testing.assert_allclose(found.parameters, whole.parameters, atol=1e-12)
    assert np.isnan(found.X).all()
    assert found.X.shape == whole.X.shape
    assert np.isfinite(whole.X).all()
    assert shift_count(feature_map) == 12
    assert len(measure.calls[0][1]) == 3 * shift_count(feature_map, wrt_inputs=False) == 3 * 8


def test_points_without_weight_are_not_measured():
    feature_map, X, weights = entangled(), points(4), cotangent(4, 7)
    weights[[0, 2]] = 0
    measure = Measuring(feature_map.qubits)
    found = pull_back_by_shifts(measure, feature_map, X, PARAMETERS, weights)
    assert len(measure.calls[0][1]) == 2 * 16
    np.testing.assert_array_equal(found.X[[0, 2]], 0)
    expected = on_exact(feature_map, X[[1, 3]], PARAMETERS, weights[[1, 3]])
    np.testing.assert_allclose(found.X[[1, 3]], expected.X, atol=1e-12)
    np.testing.assert_allclose(found.parameters, expected.parameters, atol=1e-12)


def test_without_anything_to_shift_nothing_is_measured():
    X = points(3, 2)
    found = pull_back_by_shifts(None, zz(2), X, None, cotangent(3, 5), wrt_inputs=False)
    assert found.parameters.shape == (0,)
    found = pull_back_by_shifts(None, zz(2), X, None, np.zeros((3, 5)))
    np.testing.assert_array_equal(found.X, np.zeros((3, 2)))
    assert shift_count(zz(2), wrt_inputs=False) == 0


def test_qubits_stay_though_their_operations_vanish():
    phase = cirq.global_phase_operation(sympy.exp(sympy.I * a)).controlled_by(Q[2])
    always = cirq.DiagonalGate([a, a])(Q[1])
    feature_map = map_of(cirq.rx(a)(Q[0]), always, phase)
    assert occurrences(feature_map).shift_map.qubits == tuple(Q)
    assert occurrences(map_of(cirq.rx(a)(Q[0]), always)).shift_map.qubits == tuple(Q[:2])


def test_moments_and_numeric_operations_are_kept():
    tagged = cirq.depolarize(0.1)(Q[1]).with_tags("noise")
    circuit = cirq.Circuit(
        cirq.Moment(cirq.rx(a)(Q[0])), cirq.Moment(tagged), cirq.Moment(cirq.H(Q[0]))
    )
    kept = occurrences(FeatureMap(circuit, ["a"])).shift_map.circuit
    assert len(kept) == 3
    assert kept[1] == cirq.Moment(tagged)
    assert kept[2] == circuit[2]


# -- Errors


class Opaque(cirq.Gate):
    """A gate with a symbol that Cirq knows nothing about."""

    def __init__(self, angle):
        self.angle = angle

    def _num_qubits_(self):
        return 1

    def _is_parameterized_(self):
        return cirq.is_parameterized(self.angle)

    def _resolve_parameters_(self, resolver, recursive):
        return Opaque(resolver.value_of(self.angle, recursive))

    def __str__(self):
        return f"Opaque({self.angle})"


@pytest.mark.parametrize(
    ("operation", "name"),
    [
        (Opaque(2 * a)(Q[0]), r"Opaque\(2\*a\)\(q\(0\)\)"),
        ((cirq.X**a)(Q[0]).with_probability(0.1), r"X\*\*a\[prob=0.1\]\(q\(0\)\)"),
    ],
)
def test_operations_without_a_rule_are_named(operation, name):
    message = f"^no parameter-shift rule for {name}: no rule for this gate with symbols"
    with pytest.raises(ValueError, match=message):
        shift_count(map_of(operation))


X = points(2)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"weights": np.ones((3, 7))},
            r"^expected a cotangent of shape \(2, n_outputs\), got \(3, 7",
        ),
        ({"weights": np.ones(2)}, r"^expected a cotangent of shape \(2, n_outputs\), got \(2,\)$"),
        ({"weights": np.full((2, 7), np.nan)}, "^expected a cotangent of finite numbers, got one"),
        ({"X": X[0]}, r"^expected inputs of shape \(n_points, n_features\)"),
        ({"parameters": None}, "^FeatureMap has 2 trainable parameters"),
        (
            {"weights": np.ones((2, 6))},
            r"^expected measured values of shape \(32, 6\), as many columns as the cotangent has, "
            r"got \(32, 7\)$",
        ),
    ],
)
def test_wrong_arguments_are_refused(given, message):
    whole = {"X": X, "parameters": PARAMETERS, "weights": np.ones((2, 7))} | given
    with pytest.raises(ValueError, match=message):
        on_exact(entangled(), **whole)


# -- Samplers


def test_a_sampler_buys_so_many_points_and_never_again():
    feature_map, X, weights = entangled(), points(3), cotangent(3, 3)
    words = [cirq.PauliString({q: "Z"}) for q in feature_map.qubits]
    sampler = ExactSampler(0)
    evaluator = SamplerEvaluator(sampler, repetitions=50)

    def pull_back(**options):
        measure = lambda m, inputs: evaluator.expectations(m, inputs, observables=words)  # noqa: E731
        return pull_back_by_shifts(measure, feature_map, X, PARAMETERS, weights, **options)

    few = pull_back(wrt_inputs=False)
    assert len(sampler.points) == 3 * shift_count(feature_map, wrt_inputs=False) == 3 * 10
    whole = pull_back()
    assert len(sampler.points) == 3 * shift_count(feature_map) == 3 * 16
    assert len({circuit for circuit, _ in sampler.points}) == 1
    np.testing.assert_array_equal(few.parameters, whole.parameters)
    np.testing.assert_array_equal(pull_back().X, whole.X)
    assert len(sampler.points) == 3 * 16


def test_gradients_from_shots_are_unbiased():
    feature_map, X, weights = layered(), points(2), cotangent(2, 2)
    parity = np.array([k.bit_count() % 2 for k in range(8)])
    exact = EXACT.probabilities_vjp(feature_map, X, PARAMETERS, parity, weights)
    found = []
    for seed in range(40):
        noisy = StatevectorEvaluator(repetitions=100, random_state=seed, cache_size="0MB")
        measure = lambda m, i: noisy.probabilities(m, i, outputs=parity, n_outputs=2)  # noqa: B023, E731
        drawn = pull_back_by_shifts(measure, feature_map, X, PARAMETERS, weights)
        found.append([*drawn.X.ravel(), *drawn.parameters])
    z = np.mean(found, axis=0) - [*exact.X.ravel(), *exact.parameters]
    z /= np.std(found, axis=0, ddof=1) / np.sqrt(40)
    assert np.abs(z).max() < 4
    assert np.std(found, axis=0).min() > 0.01


@pytest.mark.parametrize("gateset", [cirq.CZTargetGateset(), cirq.SqrtIswapTargetGateset()])
def test_gradients_on_a_device_with_few_gates(gateset):
    phased = cirq.PhasedXPowGate(phase_exponent=b, exponent=a)(Q[2])
    feature_map = map_of(
        *(cirq.H.on_each(*Q), cirq.PauliStringPhasor(WORD, exponent_neg=a), phased),
        cirq.rx(b)(Q[0]).controlled_by(Q[1]),
        features=("a", "b"),
    )
    words, weights = [cirq.PauliString({q: "Z"}) for q in Q], cotangent(2, 3)
    X = np.array([[0.4, 0.2], [-1.3, 0.6]])
    evaluator = ExactEvaluator(target=Target(gateset))
    found = pull_back_by_shifts(
        lambda m, inputs: evaluator.expectations(m, inputs, observables=words),
        *(feature_map, X, None, weights),
    )
    exact = EXACT.expectations_vjp(feature_map, X, None, words, weights)
    np.testing.assert_allclose(found.X, exact.X, atol=1e-5)
