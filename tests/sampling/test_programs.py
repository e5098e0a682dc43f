"""The keys of points: equal for what is the same, in every process, and different for all else."""

import os
import subprocess
import sys
from pathlib import Path

import cirq
import numpy as np
import pytest
import sympy
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from qkernels.feature_maps import FeatureMap, hardware_efficient, zz
from qkernels.feature_maps.flattening import substitute, unroll
from qkernels.sampling.circuits import bell_circuit, inversion_circuit, tomography_circuit
from qkernels.sampling.programs import canonical_program
from qkernels.sampling.requests import request_fidelities
from tests.random_circuits import GATES, feature_maps, points
from tests.sampling.faulty import SECONDS

ROOT = Path(__file__).parents[2]
Q = cirq.LineQubit.range(3)
A, B = sympy.symbols("a b")
X = np.random.default_rng(0).uniform(-1, 1, (6, 3))
PHASES = [Phase.explicit, Phase.reuse, Phase.generate]


def measured(*operations, key="m", qubits=Q):
    return cirq.Circuit(*operations, cirq.Moment(cirq.measure(*qubits, key=key)))


def key_of(circuit):
    return canonical_program(circuit)[0].key


def shuffled(circuit, rng):
    """Return an equal circuit: operations in another order, and symmetric gates turned round."""
    moments = []
    for moment in circuit:
        operations = [turned(op, rng) for op in moment]
        moments.append(cirq.Moment.from_ops(*(operations[i] for i in rng.permutation(len(moment)))))
    return cirq.Circuit(moments)


def turned(operation, rng):
    gate = operation.gate
    if not isinstance(gate, cirq.InterchangeableQubitsGate) or operation.tags:
        return operation
    groups = [gate.qubit_index_to_equivalence_group_key(i) for i in range(len(operation.qubits))]
    qubits = list(operation.qubits)
    for group in set(groups):
        places = [i for i, found in enumerate(groups) if found == group]
        for i, j in zip(places, rng.permutation(places), strict=True):
            qubits[i] = operation.qubits[j]
    return operation.with_qubits(*qubits)


def renamed(feature_map, names="u v w"):
    """Return the map with other names of its features."""
    names = dict(zip(feature_map.feature_symbols, sympy.symbols(names), strict=False))
    circuit = substitute(unroll(feature_map.circuit), *[lambda e: e.xreplace(names)] * 2)
    features = [names[s] for s in feature_map.feature_symbols]
    return FeatureMap(circuit, features, feature_map.parameter_symbols)


def gram_keys(feature_map, X, parameters=None, measure=bell_circuit):
    """Return the key of each entry of a Gram matrix."""
    parameters = parameters if feature_map.n_parameters else None
    angles = feature_map.angles(feature_map.encode(X), parameters)
    gram = request_fidelities(measure(feature_map), angles, None, 100, measure_diagonal=True)
    found = gram.request.keys("device")
    return [[found[point] for point in row] for row in gram.entries]


# -- The same


@settings(max_examples=40, phases=PHASES)
@given(
    st.sampled_from(list(GATES)).flatmap(lambda gate: feature_maps(gate, 3, 6)),
    st.integers(0, 2**32 - 1),
)
def test_keys_do_not_depend_on_how_a_circuit_was_written(feature_map, seed):
    circuit = shuffled(unroll(feature_map.circuit), np.random.default_rng(seed))
    other = FeatureMap(circuit, feature_map.feature_symbols, feature_map.parameter_symbols)
    X, parameters = points(feature_map, 4, seed)
    expected = gram_keys(feature_map, X, parameters)
    for found in (other, renamed(feature_map), renamed(other)):
        assert gram_keys(found, X, parameters) == expected
    # Factors are multiplied in the order of their names: angles may differ by an ulp.
    for found in (other, renamed(other, "z q m")):
        for measure in (bell_circuit, tomography_circuit):
            assert measure(found).program.text == measure(feature_map).program.text


def test_equal_maps_give_equal_numbers():
    """Maps that are equal share one measured circuit, whatever the order of their operations."""
    a, b, c = sympy.symbols("a b c")
    turns = [cirq.rx(a)(Q[0]), cirq.rx(b)(Q[1]), cirq.ry(c)(Q[2])]
    maps = [
        FeatureMap(cirq.Circuit(cirq.Moment.from_ops(*some), cirq.CZ(*Q[:2])), [a, b, c])
        for some in (turns, turns[::-1])
    ]
    assert maps[0] == maps[1]
    values = []
    for found in maps:
        angles = found.angles(found.encode(X))
        values.append(inversion_circuit(found).values(angles, angles[::-1]))
    np.testing.assert_array_equal(*values)
    assert gram_keys(maps[0], X) == gram_keys(maps[1], X)


def test_each_point_has_its_key():
    program = inversion_circuit(zz(3)).program
    values = np.random.default_rng(0).normal(size=(50, len(program.symbols)))
    whole = program.point_keys(values, "device")
    assert len(set(whole)) == 50
    for rows in (np.arange(50)[::-1], np.array([7]), np.arange(0, 50, 3)):
        assert program.point_keys(values[rows], "device") == [whole[i] for i in rows]
    assert program.point_keys(np.asfortranarray(values), "device") == whole
    assert program.point_keys(-0.0 * values, "device") == program.point_keys(0 * values, "device")


def test_keys_of_points_do_not_depend_on_their_company():
    """What a point's angles are does not change with the other points that are computed."""
    feature_map = hardware_efficient(3)
    many = np.random.default_rng(0).uniform(-3, 3, (300, 3))
    t = np.random.default_rng(1).uniform(-3, 3, feature_map.n_parameters)
    whole = gram_keys(feature_map, many, t, inversion_circuit)
    for rows in ([0, 1], [17, 250, 3], [299]):
        few = gram_keys(feature_map, many[rows], t, inversion_circuit)
        assert few == [[whole[i][j] for j in rows] for i in rows]


KEYS = """
import numpy as np
from tests.sampling.test_programs import everything
print(everything())
"""


def everything():
    """Return keys of many circuits and points, as text."""
    angles = np.random.default_rng(0).uniform(-1, 1, (4, 3))
    maps = [zz(3), hardware_efficient(3), FeatureMap(ODD, [A, B])]
    t = np.linspace(0, 1, 40)
    found = [
        gram_keys(m, angles[:, : m.n_features], t[: m.n_parameters], measure)
        for m in maps
        for measure in (bell_circuit, inversion_circuit)
    ]
    return repr([[key.hex() for row in gram for key in row] for gram in found])


ODD = cirq.Circuit(
    cirq.X(Q[2]) ** (sympy.sin(A) * B + sympy.cos(B - A) + A * B**2),
    cirq.ISWAP(Q[1], Q[0]) ** sympy.exp(-(A**2)),
    cirq.Moment({cirq.rx(s * A / (1 + B**2))(q) for q, s in zip(Q, [1, 2, 3], strict=True)}),
    cirq.CCZ(*Q) ** sympy.acos(A),
)


def test_keys_are_those_of_other_processes():
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", KEYS],
            env=environment | {"PYTHONHASHSEED": seed},
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        for seed in ("1", "2")
    ]
    found = [process.communicate(timeout=SECONDS)[0] for process in processes]
    assert found == [f"{everything()}\n"] * 2


def test_keys_are_those_of_ledgers_of_old():
    """What was paid for must be found again: raise KEY_VERSION if this is to change."""
    program, _ = canonical_program(measured(cirq.X(Q[0]) ** A, cirq.CZ(Q[1], Q[0]) ** B))
    assert program.symbols == ("angle0", "angle1")
    (key,) = program.point_keys(np.array([[0.25, -1.5]]), "device")
    assert key.hex() == "dbcd1a9d99d8c140ca8e5e78262dce3a5803df1737d2dfe8ab1760c007995710"


# -- Something else


def test_one_ulp_makes_another_point():
    program = inversion_circuit(zz(3)).program
    values = np.random.default_rng(0).normal(size=len(program.symbols))
    tweaked = [values]
    for k in range(len(values)):
        for towards in (-np.inf, np.inf):
            other = values.copy()
            other[k] = np.nextafter(other[k], towards)
            tweaked.append(other)
    keys = program.point_keys(np.array(tweaked), "device")
    assert len(set(keys)) == 2 * len(values) + 1
    assert set(keys).isdisjoint(program.point_keys(np.array(tweaked), "devicE"))


DIFFERENT = {
    "a gate": measured(cirq.Y(Q[0]) ** A, cirq.CNOT(*Q[:2])),
    "a half turn more": measured(cirq.X(Q[0]) ** (A + 1), cirq.CNOT(*Q[:2]), cirq.X(Q[2])),
    "a qubit": measured(cirq.X(Q[1]) ** A, cirq.CNOT(*Q[:2])),
    "control and target": measured(cirq.X(Q[0]) ** A, cirq.CNOT(Q[1], Q[0])),
    "a constant": measured(cirq.X(Q[0]) ** A, cirq.CNOT(*Q[:2]) ** 0.5),
    "an ulp of a constant": measured(cirq.X(Q[0]) ** A, cirq.CNOT(*Q[:2]) ** np.nextafter(0.5, 1)),
    "the order of measured qubits": measured(
        cirq.X(Q[0]) ** A, cirq.CNOT(*Q[:2]), qubits=(Q[1], Q[0], Q[2])
    ),
    "fewer measured qubits": measured(cirq.X(Q[0]) ** A, cirq.CNOT(*Q[:2]), qubits=Q[:2]),
    "a measurement key": measured(cirq.X(Q[0]) ** A, cirq.CNOT(*Q[:2]), key="n"),
    "an inverted measurement": cirq.Circuit(
        cirq.X(Q[0]) ** A, cirq.CNOT(*Q[:2]), cirq.measure(*Q, key="m", invert_mask=(True,))
    ),
    "two measurements": cirq.Circuit(
        cirq.X(Q[0]) ** A, cirq.CNOT(*Q[:2]), cirq.measure(Q[0], key="a"), cirq.measure(*Q[1:])
    ),
    "a moment": measured(cirq.X(Q[0]) ** A, cirq.Moment(), cirq.Moment(cirq.CNOT(*Q[:2]))),
    "one symbol": measured(cirq.X(Q[0]) ** A, cirq.X(Q[2]) ** A, cirq.CNOT(*Q[:2])),
    "two symbols": measured(cirq.X(Q[0]) ** A, cirq.X(Q[2]) ** B, cirq.CNOT(*Q[:2])),
    "a tag": measured((cirq.X(Q[0]) ** A).with_tags("slow"), cirq.CNOT(*Q[:2])),
    "other qubits": measured(
        cirq.X(Q[0]) ** A, cirq.CNOT(*Q[:2]), qubits=cirq.LineQubit.range(1, 4)
    ),
    "named qubits": measured(cirq.X(cirq.q("a")) ** A, cirq.CNOT(cirq.q("a"), cirq.q("b"))),
}


def test_other_circuits_have_other_keys():
    keys = [key_of(circuit) for circuit in (measured(cirq.X(Q[0]) ** A, cirq.CNOT(*Q[:2])),)]
    keys += [key_of(circuit) for circuit in DIFFERENT.values()]
    assert len(set(keys)) == len(DIFFERENT) + 1


# -- Gates of users


class Own(cirq.Gate):
    """Cannot be written as JSON."""

    def __init__(self, angle):
        self.angle = angle

    def _num_qubits_(self):
        return 2

    def _is_parameterized_(self):
        return cirq.is_parameterized(self.angle)

    def _parameter_names_(self):
        return cirq.parameter_names(self.angle)

    def _resolve_parameters_(self, resolver, recursive):
        return type(self)(resolver.value_of(self.angle, recursive))


class Decomposed(Own):
    def _decompose_(self, qubits):
        return [cirq.X(qubits[0]) ** self.angle, cirq.CZ(*qubits)]


class Matrix(Own):
    def _has_unitary_(self):
        return not self._is_parameterized_()

    def _unitary_(self):
        return cirq.unitary(cirq.CZ**self.angle)


def test_gates_that_cirq_cannot_write_are_known_by_their_parts():
    own = [measured(Decomposed(angle)(*Q[:2])) for angle in (A, B, A + B, 0.5, 0.25)]
    keys = [key_of(circuit) for circuit in own]
    assert len(set(keys)) == 3
    assert keys[0] == keys[1] == keys[2]
    assert key_of(measured(Decomposed(A)(*Q[1::-1]))) != keys[0]


def test_gates_that_cirq_cannot_write_are_known_by_their_matrix():
    keys = {key_of(measured(Matrix(angle)(*Q[:2]))) for angle in (0.5, 0.25, 0.5)}
    assert len(keys) == 2


def test_gates_of_which_nothing_is_known():
    with pytest.raises(ValueError, match="expected operations that Cirq can write as JSON or dec"):
        key_of(measured(Own(0.5)(*Q[:2])))


# -- Measurements


@pytest.mark.parametrize(
    ("circuit", "message"),
    [
        (
            cirq.Circuit(cirq.X(Q[0])),
            r"expected a circuit that measures each key once, got keys \[\]",
        ),
        (
            cirq.Circuit(cirq.measure(Q[0], key="m"), cirq.measure(Q[0], key="m")),
            r"expected a circuit that measures each key once, got keys \['m', 'm'\]",
        ),
        (
            cirq.Circuit(cirq.measure(cirq.LineQid(0, 3), key="m")),
            "expected measurements of qubits only, got some of qudits",
        ),
        (
            cirq.Circuit(cirq.measure_single_paulistring(cirq.X(Q[0]) * cirq.Z(Q[1]))),
            r"expected measurements by cirq\.measure only, got ",
        ),
    ],
)
def test_layouts(circuit, message):
    with pytest.raises(ValueError, match=message):
        canonical_program(circuit)[0].layout


def test_layout():
    circuit = cirq.Circuit(cirq.measure(Q[2], Q[0], key="b"), cirq.measure(Q[1], key="a"))
    program, _ = canonical_program(circuit)
    assert program.layout == (("b", 2), ("a", 1))
    assert program.qubits == (Q[2], Q[0], Q[1])
    assert program.n_bits == 3


def test_sweeps():
    program, table = canonical_program(measured(cirq.X(Q[0]) ** (A * B), cirq.Y(Q[1]) ** A))
    values = table.evaluate(np.array([[0.1, 0.2], [0.3, 0.4]]))
    found = [[r.value_of(name) for name in program.symbols] for r in program.sweep(values)]
    np.testing.assert_array_equal(found, values)
    np.testing.assert_allclose(found, [[0.1 * 0.2, 0.1], [0.3 * 0.4, 0.3]])
    plain, _ = canonical_program(measured(cirq.X(Q[0])))
    assert [r.param_dict for r in plain.sweep(np.empty((3, 0)))] == [{}] * 3
