"""Probabilities of outputs from samplers and from shot noise, against Cirq's simulator."""

import cirq
import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from qkernels import SamplerEvaluator, StatevectorEvaluator, memory
from qkernels.evaluators import shot_noise
from qkernels.feature_maps import zz
from qkernels.sampling.counts import Counts
from qkernels.sampling.execution import MissingCounts
from qkernels.sampling.mitigation import BitFlipTolerance, Readout
from qkernels.sampling.target import Target
from tests.evaluators.maps import PARAMETERS, entangled, points, product
from tests.random_circuits import GATES, feature_maps
from tests.random_circuits import points as random_points
from tests.sampling.exact_sampler import ExactEvaluator, ExactSampler, depolarized, misread

MAPS = st.sampled_from(list(GATES)).flatmap(lambda gate: feature_maps(gate, 3, 6))
MAP, X = entangled(), points(200)
OUTPUTS = np.array([2, 0, 1, 1, 0, 2, 2, 0])
PARITY = np.array([k.bit_count() % 2 for k in range(8)])
ERRORS = {q: (0.02 + 0.03 * k, 0.15 - 0.04 * k) for k, q in enumerate(MAP.qubits)}
READOUT = Readout(ERRORS)


def born(feature_map, inputs, parameters, outputs, n_outputs):
    """Return exact probabilities, output by output, from Cirq's state vectors."""
    values = np.zeros((len(inputs), n_outputs))
    for row, x in zip(values, inputs, strict=True):
        state = feature_map.resolve(x, parameters).final_state_vector(
            qubit_order=feature_map.qubits, dtype=np.complex128
        )
        np.add.at(row, outputs, np.abs(state) ** 2)
    return values


def measured(evaluator, inputs=X, **options):
    return evaluator.probabilities(MAP, inputs, PARAMETERS, outputs=OUTPUTS, n_outputs=3, **options)


CHANCES = born(MAP, X, PARAMETERS, OUTPUTS, 3)


# -- The mean


@settings(max_examples=40, deadline=None, database=None, phases=[Phase.explicit, Phase.generate])
@given(MAPS, st.integers(0, 10**6))
def test_random_circuits_have_the_probabilities_of_cirq(feature_map, seed):
    inputs, parameters = random_points(feature_map, 2, seed)
    rng = np.random.default_rng(seed)
    outputs = rng.integers(0, 3, 2**feature_map.n_qubits)
    found = ExactEvaluator().probabilities(
        feature_map, inputs, parameters, outputs=outputs, n_outputs=3
    )
    np.testing.assert_allclose(found, born(feature_map, inputs, parameters, outputs, 3), atol=1e-9)


@pytest.mark.parametrize("target", [None, Target(cirq.CZTargetGateset())], ids=["any", "cz"])
def test_basis_states_are_in_the_order_of_cirq(target):
    found = ExactEvaluator(target=target).probabilities(
        MAP, X[:3], PARAMETERS, outputs=np.arange(8), n_outputs=8
    )
    np.testing.assert_allclose(found, born(MAP, X[:3], PARAMETERS, np.arange(8), 8), atol=1e-6)


def test_readout_errors_are_taken_out():
    plain = measured(ExactEvaluator(misread(ERRORS)))
    assert np.abs(plain - CHANCES).max() > 0.05
    mitigated = measured(ExactEvaluator(misread(ERRORS), mitigation=[READOUT]))
    np.testing.assert_allclose(mitigated, CHANCES, atol=1e-9)
    np.testing.assert_allclose(mitigated.sum(axis=1), 1)


def test_noise_of_the_device_stays():
    found = measured(ExactEvaluator(depolarized(0.3)))
    np.testing.assert_allclose(found, 0.7 * CHANCES + 0.3 * np.array([3, 2, 3]) / 8, atol=1e-9)


# -- The error

EVALUATORS = {
    "sampler": lambda: SamplerEvaluator(ExactSampler(3), repetitions=300),
    "readout": lambda: SamplerEvaluator(
        ExactSampler(4, misread(ERRORS)), repetitions=300, mitigation=[READOUT]
    ),
    "shot noise": lambda: StatevectorEvaluator(repetitions=300, random_state=5),
}


@pytest.mark.parametrize("name", EVALUATORS)
def test_estimates_are_unbiased_and_their_errors_cover(name):
    values, errors = measured(EVALUATORS[name](), return_std=True)
    assert values.shape == errors.shape == (200, 3)
    z = (values - CHANCES) / errors
    # Of 200 independent points for each output: mean 0, variance 1, 95 % within 1.96.
    assert (np.abs(z.mean(axis=0)) < 4 / np.sqrt(200)).all()
    assert (np.abs((z**2).mean(axis=0) - 1) < 4 * np.sqrt(2 / 200)).all()
    covered = (np.abs(z) < 1.96).mean(axis=0)
    assert (np.abs(covered - 0.95) < 4 * np.sqrt(0.95 * 0.05 / 200)).all()


def test_readout_correction_widens_the_errors():
    plain = SamplerEvaluator(ExactSampler(0), repetitions=300)
    mitigated = plain.replace(mitigation=[READOUT])
    narrow, wide = (measured(e, return_std=True)[1] for e in (plain, mitigated))
    assert (wide > narrow).mean() > 0.95


# -- What is bought


def words():
    return [cirq.PauliString({q: "Z"}) for q in MAP.qubits]


@pytest.mark.parametrize("first", ["probabilities", "words"])
def test_the_counts_are_those_of_words_of_z(first):
    sampler = ExactSampler(0)
    evaluator = SamplerEvaluator(sampler, repetitions=50)
    calls = {
        "probabilities": lambda: measured(evaluator, X[:4]),
        "words": lambda: evaluator.expectations(MAP, X[:4], PARAMETERS, observables=words()),
    }
    calls[first]()
    assert len(sampler.points) == 4
    for call in calls.values():
        call()
    assert len(sampler.points) == 4
    evaluator.probabilities(MAP, X[:4], PARAMETERS, outputs=PARITY, n_outputs=2)
    measured(evaluator, X[[1, 1, 0]])
    assert len(sampler.points) == 4
    measured(evaluator, X[3:6])
    assert len(sampler.points) == 6


def test_many_qubits_with_few_outputs():
    feature_map, inputs = product(13), points(2, 13)
    readout = Readout(dict.fromkeys(feature_map.qubits, (0.01, 0.02)))
    outputs = np.arange(2**13) >> 12
    evaluator = SamplerEvaluator(cirq.Simulator(seed=1), repetitions=2000, mitigation=[readout])
    values, errors = evaluator.probabilities(
        feature_map, inputs, outputs=outputs, n_outputs=2, return_std=True
    )
    first = cirq.PauliString({feature_map.qubits[0]: "Z"})
    exact = StatevectorEvaluator().expectations(feature_map, inputs, observables=[first])
    # The readout errors that are corrected were not there.
    undone = (exact - (0.02 - 0.01)) / (1 - 0.01 - 0.02)
    assert (np.abs(values - (1 + undone * [1, -1]) / 2) < 5 * errors).all()
    assert errors.max() < 0.02


def test_counts_of_another_source():
    def ones(request):
        return [Counts(np.ones((1, 3), dtype=bool), np.array([n])) for n in request.repetitions]

    found = measured(SamplerEvaluator(None).with_source(ones), X[:2])
    np.testing.assert_array_equal(found, [[1, 0, 0], [1, 0, 0]])


# -- Shot noise


def test_shot_noise_draws_once_for_each_state(monkeypatch):
    noisy = StatevectorEvaluator(repetitions=40, random_state=1, cache_size="0MB")
    whole = measured(noisy)
    np.testing.assert_array_equal(measured(noisy, X[[7, 3]]), whole[[7, 3]])
    monkeypatch.setattr(shot_noise, "_AMPLITUDES", 24)
    np.testing.assert_array_equal(measured(noisy), whole)
    again = StatevectorEvaluator(repetitions=40, random_state=2)
    assert (measured(again) != whole).mean() > 0.5
    np.testing.assert_allclose(whole * 40, np.rint(whole * 40), atol=1e-12)


def test_shot_noise_reads_words_of_z_from_the_same_shots():
    noisy = StatevectorEvaluator(repetitions=40, random_state=1)
    word = cirq.PauliString(dict.fromkeys(MAP.qubits, "Z"))
    value, error = noisy.expectations(
        MAP, X, PARAMETERS, observables=[word, *words()], return_std=True
    )
    found, spread = noisy.probabilities(
        MAP, X, PARAMETERS, outputs=PARITY, n_outputs=2, return_std=True
    )
    np.testing.assert_allclose(found, (1 + value[:, [0]] * [1, -1]) / 2, atol=1e-12)
    np.testing.assert_allclose(spread, np.tile(error[:, [0]] / 2, 2), atol=1e-12)


def test_what_is_drawn_has_no_gradient():
    assert StatevectorEvaluator(repetitions=5).probabilities_vjp is None
    assert not hasattr(SamplerEvaluator(None), "probabilities_vjp")


# -- Errors


@pytest.mark.parametrize(
    ("evaluator", "outputs", "error", "message"),
    [
        ({}, [0, 1], ValueError, "expected an output for each of the 8 basis states of 3 qubits"),
        ({}, [0.5] * 8, TypeError, "expected outputs to be an array of integers"),
        ({}, [3] * 8, ValueError, "expected outputs from 0 to 2, got 3 for basis state 0"),
        ({"mitigation": [BitFlipTolerance(1)]}, OUTPUTS, ValueError, "BitFlipTolerance"),
        (
            {"mitigation": [Readout({MAP.qubits[0]: (0.1, 0.1)})]},
            OUTPUTS,
            ValueError,
            r"expected readout errors of every measured qubit, got none of q\(1\), q\(2\)",
        ),
    ],
)
def test_what_cannot_be_measured_is_refused_before_it_is_bought(evaluator, outputs, error, message):
    sampler = ExactSampler(0)
    with pytest.raises(error, match=message):
        SamplerEvaluator(sampler, **evaluator).probabilities(
            MAP, X[:2], PARAMETERS, outputs=outputs, n_outputs=3
        )
    assert not sampler.points


def test_other_outputs_of_shot_noise_are_refused():
    noisy = StatevectorEvaluator(repetitions=5)
    with pytest.raises(ValueError, match="expected outputs from 0 to 0, got 1 for basis state 1"):
        noisy.probabilities(zz(1), [[0.1]], outputs=[0, 1], n_outputs=1)


def test_missing_counts_are_named():
    with pytest.raises(MissingCounts, match=r"X\[0\] in setting ZZZ"):
        measured(SamplerEvaluator(None), X[:1])


def test_too_many_probabilities_are_refused(monkeypatch):
    monkeypatch.setattr(memory, "available_memory", lambda: 10**6)
    sampler = ExactSampler(0)
    with pytest.raises(MemoryError, match="for the probabilities of 1000000000 outputs at 2 point"):
        SamplerEvaluator(sampler).probabilities(
            MAP, X[:2], PARAMETERS, outputs=OUTPUTS, n_outputs=10**9
        )
    assert not sampler.points


@pytest.mark.parametrize("inputs", [3.0, np.empty((0, 2))])
@pytest.mark.parametrize(
    "evaluator",
    [SamplerEvaluator(cirq.Simulator(seed=0)), StatevectorEvaluator(repetitions=10)],
    ids=["sampler", "shot noise"],
)
def test_points_are_looked_at_first(evaluator, inputs):
    feature_map = zz(2)
    with pytest.raises(ValueError, match=r"expected inputs of shape \(n_points, n_features\)"):
        evaluator.probabilities(feature_map, inputs, outputs=[0, 1, 1, 0], n_outputs=2)
    with pytest.raises(ValueError, match=r"expected inputs of shape \(n_points, n_features\)"):
        evaluator.expectations(feature_map, inputs, observables=[cirq.Z(cirq.q(0))])
