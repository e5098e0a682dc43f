"""What `locality` and `observables` stand for."""

import cirq
import numpy as np
import pytest

from qkernels.kernels.observables import parse_observables

Q = tuple(cirq.LineQubit.range(3))
X0, Z0, Z1, Z2 = cirq.X(Q[0]), cirq.Z(Q[0]), cirq.Z(Q[1]), cirq.Z(Q[2])


def parse(observables=None, locality=1, qubits=Q):
    return parse_observables(observables, locality, qubits)


def features(observables, **values):
    """Return the features where the named words have these values and all others are 0."""
    given = [values.get("".join(f"{p}{q.x}" for q, p in w.items()), 0.0) for w in observables.words]
    return observables.features(np.array([given]))[0]


def test_one_qubit_matrices():
    observables = parse()
    assert observables.names == ("X0", "Y0", "Z0", "X1", "Y1", "Z1", "X2", "Y2", "Z2")
    assert observables.words[:3] == (cirq.X(Q[0]), cirq.Y(Q[0]), cirq.Z(Q[0]))
    np.testing.assert_allclose(observables.weights.toarray(), np.eye(9) / np.sqrt(2))


def test_two_qubit_matrices_keep_each_word_once():
    observables = parse(locality=2)
    assert len(set(observables.words)) == 9 + 27
    assert observables.names[9:13] == ("X0X1", "X0Y1", "X0Z1", "Y0X1")
    assert observables.names[-1] == "Z1Z2"
    scale = observables.weights.diagonal()
    np.testing.assert_allclose(scale[:9], np.sqrt(2 / 4))  # on 2 of the 3 pairs, each / 2²
    np.testing.assert_allclose(scale[9:], np.sqrt(1 / 4))


def test_qubits_are_named_by_position():
    qubits = (cirq.GridQubit(0, 5), cirq.GridQubit(3, 1))
    assert parse(qubits=qubits).names == ("X0", "Y0", "Z0", "X1", "Y1", "Z1")


@pytest.mark.parametrize(("letters", "first"), [("Z", "Z0"), ("XY", "X0"), ("ZX", "X0")])
def test_letters_choose_columns_of_the_one_qubit_matrices(letters, first):
    observables = parse(letters)
    everything = parse()
    assert observables.names[0] == first
    assert len(observables.names) == 3 * len(letters)
    for name, weight in zip(observables.names, observables.weights.diagonal(), strict=True):
        assert weight == everything.weights.diagonal()[everything.names.index(name)]


def test_own_observables_are_not_scaled():
    observables = parse([Z0, 3 * Z0 * Z1])
    assert observables.names == ("Z0", "3*Z0Z1")
    np.testing.assert_allclose(features(observables, Z0=0.5, Z0Z1=0.1), [0.5, 0.3])


def test_sums_share_their_words():
    observables = parse([Z0 + 2 * Z1, Z1 - 0.5 * Z0 * Z2 + 4, X0 * X0 + Z2])
    assert len(observables.words) == 4
    assert all(word.coefficient == 1 for word in observables.words)
    values = features(observables, Z0=0.5, Z1=0.1, Z0Z2=-0.2, Z2=0.3)
    np.testing.assert_allclose(values, [0.7, 4.2, 1.3])
    assert sorted(observables.names[0].split(" + ")) == ["2*Z1", "Z0"]


def test_words_do_not_depend_on_how_they_were_written():
    a, b = parse([cirq.Z(Q[2]) * cirq.X(Q[0])]), parse([cirq.X(Q[0]) * cirq.Z(Q[2])])
    assert a.words == b.words
    assert a.names == b.names == ("X0Z2",)


@pytest.mark.parametrize("locality", [0, 4, -1, 1.0, True, "2", None])
def test_bad_locality(locality):
    with pytest.raises(ValueError, match="locality must be an integer from 1 to the 3 qubits"):
        parse(locality=locality)


@pytest.mark.parametrize("letters", ["", "XX", "I", "xz", "X Y"])
def test_bad_letters(letters):
    with pytest.raises(ValueError, match="distinct letters of 'XYZ'"):
        parse(letters)


@pytest.mark.parametrize("observables", [Z0, Z0 + Z1, [], 3, {"Z"}, ["Z"], [1.0], [None]])
def test_bad_observables(observables):
    with pytest.raises(TypeError, match=r"observables must be None, a string .* got"):
        parse(observables)


def test_observables_exclude_locality():
    with pytest.raises(ValueError, match="locality=2 chooses the observables"):
        parse([Z0], locality=2)


def test_foreign_qubit():
    message = r"Z\(q\(5\)\) acts on q\(5\), which is not a qubit of the feature map: q\(0\), q\(1\)"
    with pytest.raises(ValueError, match=message):
        parse([cirq.Z(cirq.LineQubit(5))])


@pytest.mark.parametrize("observable", [1j * Z0, 1j * Z0 + Z1])
def test_not_hermitian(observable):
    with pytest.raises(ValueError, match="must be Hermitian, with real numbers as coefficients"):
        parse([observable])


def test_nothing_but_identities():
    with pytest.raises(ValueError, match="multiple of the identity"):
        parse([cirq.PauliString(), 2 * cirq.PauliString()])
