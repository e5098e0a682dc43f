"""Expectation values of Pauli strings: products over unconnected parts, kept by row."""

import cirq
import numpy as np
import pytest

from qkernels import FeatureMap, StatevectorEvaluator
from qkernels.evaluators import observables, statevector
from tests.compilation.agreement import assert_close, expectations, simulated
from tests.evaluators.maps import (
    PARAMETERS,
    entangled,
    n_registers,
    points,
    product,
    unconnected,
)

evaluator = StatevectorEvaluator(cache_size=0)
q = cirq.LineQubit.range(4)


def strings(*words):
    """Return Pauli strings with letter i on qubit i."""
    letters = {"X": cirq.X, "Y": cirq.Y, "Z": cirq.Z}
    return [
        cirq.PauliString({q[i]: letters[c] for i, c in enumerate(word) if c != "I"})
        for word in words
    ]


def assert_agree(feature_map, wanted, n_points=5):
    X = points(n_points, feature_map.n_features)
    parameters = PARAMETERS[: feature_map.n_parameters]
    values = evaluator.expectations(feature_map, X, parameters, observables=wanted)
    assert values.shape == (n_points, len(wanted))
    assert_close(values, expectations(feature_map, wanted, simulated(feature_map, X, parameters)))


EVERY_LETTER = ["X", "Y", "Z", "IX", "IY", "IZ", "IIX", "IIY", "IIZ"]
EVERY_PAIR = [a + b for a in "XYZ" for b in "XYZ"]


WORDS = [EVERY_LETTER, EVERY_PAIR, ["XYZ", "YYY", "ZZZ", "YIY", "XXY"]]


@pytest.mark.parametrize("words", WORDS)
def test_words_of_any_weight(words):
    assert n_registers(entangled(), strings(*words)) == 1
    assert_agree(entangled(), strings(*words))


@pytest.mark.parametrize(("words", "parts"), list(zip(WORDS, [3, 2, 3], strict=True)))
def test_words_across_parts_are_products(words, parts):
    # A letter for each part, on its second, third and first qubit.
    places = cirq.LineQubit(1), cirq.LineQubit(6), cirq.LineQubit(8)
    wanted = [word.map_qubits(dict(zip(q, places, strict=False))) for word in strings(*words)]
    assert n_registers(unconnected(), wanted) == parts
    assert_agree(unconnected(), wanted)


def test_words_across_parts_of_one_register():
    a, b, c, d = q
    circuit = cirq.Circuit(
        cirq.rx(0.3)(a), cirq.CNOT(a, c), cirq.ry(0.9)(b), cirq.ISWAP(b, d) ** 0.3
    )
    wanted = strings("XYXY", "ZZII", "ZIZI", "IZIZ", "YXYX", "IIZZ")
    assert n_registers(FeatureMap(circuit, []), wanted) == 1
    assert_agree(FeatureMap(circuit, []), wanted)


def test_coefficients_scale():
    wanted = [2.5 * cirq.X(q[0]), -cirq.Z(q[0]) * cirq.Y(q[1]), 0.0 * cirq.Z(q[2])]
    assert_agree(entangled(), wanted)


def test_the_identity_is_its_coefficient():
    values = evaluator.expectations(
        product(2), points(3, 2), observables=[cirq.PauliString(coefficient=0.5)]
    )
    assert (values == 0.5).all()


def test_repeated_observables_are_repeated_columns():
    values = evaluator.expectations(
        entangled(), points(3), PARAMETERS, observables=strings("X", "Z", "X")
    )
    np.testing.assert_array_equal(values[:, 0], values[:, 2])


def test_no_observables_give_no_columns():
    assert evaluator.expectations(product(2), points(3, 2), observables=[]).shape == (3, 0)


def test_standard_errors_are_0():
    wanted = strings("X", "Z")
    values, error = evaluator.expectations(
        product(2), points(3, 2), observables=wanted, return_std=True
    )
    assert_close(values, evaluator.expectations(product(2), points(3, 2), observables=wanted))
    np.testing.assert_array_equal(error, np.zeros((3, 2)))


def test_single_precision_is_good_to_1e_6():
    single = StatevectorEvaluator(precision="single", cache_size=0)
    X, wanted = points(40), strings(*EVERY_PAIR)
    values, approximate = (
        e.expectations(entangled(), X, PARAMETERS, observables=wanted) for e in (evaluator, single)
    )
    assert 0 < np.abs(values - approximate).max() < 2e-6


def test_observables_of_any_map_qubits():
    a, b = cirq.NamedQubit("b"), cirq.NamedQubit("a")
    feature_map = FeatureMap(cirq.Circuit(cirq.ry(0.3)(a), cirq.rx(0.4)(b)), [])
    values = evaluator.expectations(
        feature_map,
        np.empty((1, 0)),
        observables=[cirq.PauliString(cirq.X(a)), cirq.PauliString(cirq.Y(b))],
    )
    assert_close(values, [[np.sin(0.3), -np.sin(0.4)]])


@pytest.mark.parametrize("observable", ["ZZ", cirq.Z(q[0]) + cirq.Z(q[1]), cirq.Z, None])
def test_other_observables_are_refused(observable):
    with pytest.raises(TypeError, match=r"^expected a cirq.PauliString as observable, got "):
        evaluator.expectations(product(2), points(1, 2), observables=[observable])


def test_observables_must_be_hermitian():
    with pytest.raises(ValueError, match=r"^expected a real coefficient, got 1j 1j\*Z\(q\(0\)\)$"):
        evaluator.expectations(product(2), points(1, 2), observables=[1j * cirq.Z(q[0])])


def test_observables_must_be_on_the_maps_qubits():
    with pytest.raises(
        ValueError,
        match=r"^expected observables on the feature map's qubits \['q\(0\)', 'q\(1\)'\], "
        r"got Z\(q\(0\)\)\*Z\(q\(3\)\) on \['q\(3\)'\]$",
    ):
        evaluator.expectations(product(2), points(1, 2), observables=[cirq.Z(q[0]) * cirq.Z(q[3])])


# -- What is kept


@pytest.fixture
def measured(monkeypatch):
    """The numbers of points that are measured, call by call."""
    counts = []

    def spy(compiled, angles, words, dtype):
        counts.append(len(angles))
        return observables.measure(compiled, angles, words, dtype)

    monkeypatch.setattr(statevector, "measure", spy)
    StatevectorEvaluator().clear_cache()
    yield counts
    StatevectorEvaluator().clear_cache()


def test_folds_measure_each_point_once(measured):
    X, wanted = points(20), strings("X", "ZZ")
    expected = evaluator.expectations(entangled(), X, PARAMETERS, observables=wanted)
    measured.clear()
    for _ in range(3):
        for fold in range(4):
            rows = np.flatnonzero(np.arange(20) % 4 != fold)
            values = StatevectorEvaluator().expectations(
                entangled(), X[rows], PARAMETERS, observables=wanted
            )
            np.testing.assert_allclose(values, expected[rows], atol=1e-15)
    assert sum(measured) == 20


def test_other_observables_are_other_values(measured):
    for word in ("X", "Z", "X"):
        values = StatevectorEvaluator().expectations(
            product(1), points(4, 1), observables=strings(word)
        )
        np.testing.assert_allclose(
            values,
            evaluator.expectations(product(1), points(4, 1), observables=strings(word)),
            atol=1e-15,
        )


def test_what_a_caller_writes_is_not_kept(measured):
    values = [
        StatevectorEvaluator().expectations(product(1), points(4, 1), observables=strings("X"))
    ]
    expected = values[0].copy()
    values[0][:] = 7.0
    again = StatevectorEvaluator().expectations(product(1), points(4, 1), observables=strings("X"))
    np.testing.assert_array_equal(again, expected)
    assert measured == [4]
