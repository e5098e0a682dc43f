"""Tests of the standard maps' arguments, names and symbols."""

import cirq
import numpy as np
import pytest
import sympy

from qkernels.feature_maps import (
    FeatureMap,
    amplitude,
    angle,
    chebyshev,
    covariant,
    hardware_efficient,
    heisenberg,
    high_dimensional,
    hubregtsen,
    iqp,
    pauli,
    yz_cx,
    z,
    zz,
)

BUILDERS = (amplitude, angle, chebyshev, hardware_efficient, heisenberg, high_dimensional)
BUILDERS += (hubregtsen, iqp, pauli, yz_cx, z, zz)


@pytest.mark.parametrize("build", BUILDERS, ids=lambda build: build.__name__)
def test_maps_are_values_with_names(build):
    feature_map = build(4)
    assert isinstance(feature_map, FeatureMap)
    assert feature_map == build(np.int64(4))
    assert feature_map.name == build.__name__
    assert feature_map.feature_symbols == sympy.symbols("x:4")
    assert feature_map.parameter_symbols == sympy.symbols(f"theta:{feature_map.n_parameters}")
    assert feature_map.qubits == tuple(cirq.LineQubit.range(feature_map.n_qubits))


@pytest.mark.parametrize("build", BUILDERS, ids=lambda build: build.__name__)
@pytest.mark.parametrize("n", [0, -1, 2.0, "4", None, True])
def test_the_number_of_features_is_checked(build, n):
    with pytest.raises(ValueError, match="expected n_features to be an integer of at least 1, got"):
        build(n)


BAD_ARGUMENTS = [
    (lambda: z(2, reps=0), "expected reps to be an integer of at least 1, got 0"),
    (lambda: zz(2, reps=1.5), "expected reps to be an integer of at least 1, got 1.5"),
    (lambda: iqp(2, reps=-1), "expected reps to be an integer of at least 1, got -1"),
    (lambda: angle(2, reps=0), "expected reps to be an integer of at least 1, got 0"),
    (lambda: zz(2, alpha=0), "expected alpha to be different from 0, got 0"),
    (lambda: z(2, alpha=np.inf), "expected alpha to be a finite real number, got inf"),
    (lambda: z(2, alpha="2"), "expected alpha to be a finite real number, got '2'"),
    (lambda: zz(2, entanglement="ring"), "expected entanglement to be one of 'full', 'linear', "
     "'circular' or a sequence of tuples of qubits, got 'ring'"),
    (lambda: zz(2, entanglement=None), "expected entanglement to be a sequence of tuples .* None"),
    (lambda: zz(2, entanglement=[0, 1]), "entries of entanglement to be tuples of qubits, got 0"),
    (lambda: zz(2, entanglement=[(0, 2)]), r"distinct qubits below 2, got \(0, 2\)"),
    (lambda: zz(2, entanglement=[(1, 1)]), r"distinct qubits below 2, got \(1, 1\)"),
    (lambda: zz(2, entanglement=[(1,)]), r"two or more distinct qubits below 2, got \(1,\)"),
    (lambda: zz(2, entanglement=[(-1, 0)]), "each qubit of entanglement to be an integer of at "
     "least 0, got -1"),
    (lambda: pauli(2, "ZZ"), "a sequence of words in the letters X, Y and Z, got 'ZZ'"),
    (lambda: pauli(2, ()), r"a sequence of words in the letters X, Y and Z, got \(\)"),
    (lambda: pauli(2, ["ZI"]), r"a sequence of words in the letters X, Y and Z, got \['ZI'\]"),
    (lambda: pauli(2, ["Z", 3]), r"a sequence of words in the letters X, Y and Z, got \['Z', 3\]"),
    (lambda: pauli(2, None), "a sequence of words in the letters X, Y and Z, got None"),
    (lambda: pauli(2, ["ZZZ"]), "expected Pauli words of at most 2 letters, got 'ZZZ'"),
    (lambda: pauli(3, ["ZZZ"], entanglement=[(0, 1)]), "to have groups for 'ZZZ', got none"),
    (lambda: pauli(3, ["ZZ"], entanglement=[(0, 1)]), "features lists x2, which the circuit lacks"),
    (lambda: iqp(3, pattern=[(0, 1, 2)]), r"entries of pattern to be pairs, got \(0, 1, 2\)"),
    (lambda: iqp(3, pattern=[(0, 3)]), r"entries of pattern .* below 3, got \(0, 3\)"),
    (lambda: iqp(3, pattern="full"), "expected pattern to be a sequence of tuples .* got 'full'"),
    (lambda: angle(2, axis="x"), "expected axis to be 'X', 'Y' or 'Z', got 'x'"),
    (lambda: angle(2, axis=["X"]), r"expected axis to be 'X', 'Y' or 'Z', got \['X'\]"),
    (lambda: chebyshev(2, degree=0), "expected degree to be an integer of at least 1, got 0"),
    (lambda: chebyshev(2, layers=0), "expected layers to be an integer of at least 1, got 0"),
    (lambda: hardware_efficient(2, n_qubits=0), "expected n_qubits to be an integer of at least 1"),
    (lambda: hardware_efficient(2, layers=0), "expected layers to be an integer of at least 1"),
    (lambda: yz_cx(2, layers=0), "expected layers to be an integer of at least 1, got 0"),
    (lambda: yz_cx(2, scale=0.0), "expected scale to be different from 0, got 0.0"),
    (lambda: yz_cx(5, 2, layers=2), r"expected layers \* n_qubits to be at least n_features, so "
     "that every feature is uploaded; got 4 for 5 features"),
    (lambda: hubregtsen(5, 2, layers=2), r"layers \* n_qubits to be .* got 4 for 5 features"),
    (lambda: high_dimensional(13, 2), r"3 \* layers \* n_qubits to be .* got 12 for 13 features"),
    (lambda: high_dimensional(2, layers=0), "expected layers to be an integer of at least 1"),
    (lambda: heisenberg(2, trotter_steps=0), "expected trotter_steps to be an integer of at least"),
    (lambda: heisenberg(2, time=0), "expected time to be different from 0, got 0"),
    (lambda: heisenberg(2, seed=-1), "expected seed to be an integer of at least 0, got -1"),
    (lambda: heisenberg(2, seed=None), "expected seed to be an integer of at least 0, got None"),
    (lambda: covariant([]), "expected n_qubits for a graph without edges, got None"),
    (lambda: covariant(3), "expected graph to be a sequence of tuples of qubits, got 3"),
    (lambda: covariant([(0, 0)]), r"entries of graph to be .* distinct qubits .* got \(0, 0\)"),
    (lambda: covariant([(0, 3)], n_qubits=3), r"entries of graph .* below 3, got \(0, 3\)"),
    (lambda: covariant([(0, 1, 2)]), r"entries of graph to be pairs, got \(0, 1, 2\)"),
    (lambda: covariant([(0, 1)], n_qubits=0), "expected n_qubits to be an integer of at least 1"),
]  # fmt: skip


@pytest.mark.parametrize(("build", "message"), BAD_ARGUMENTS)
def test_bad_arguments_are_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()
