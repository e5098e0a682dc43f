"""Tests of `FeatureMap.flattened`, `encode`, `angles` and `resolve` against Cirq's resolution."""

import cirq
import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from qkernels.feature_maps import FeatureMap, chebyshev, zz
from qkernels.feature_maps.flattening import is_global_phase

a, b, c = cirq.LineQubit.range(3)
x, y, t, u = sympy.symbols("x y t u")
SYMBOLS = (x, y, t, u)
VALUES = {x: 0.37, y: -0.61, t: 0.23, u: 1.7}


def sub(*operations, **options):
    return cirq.CircuitOperation(cirq.FrozenCircuit(operations), **options)


def phase(coefficient):
    return cirq.GlobalPhaseGate(coefficient)


OPERATIONS = {
    "rotation": cirq.rx(x)(a),
    "sum of products": cirq.X(b) ** (2 * t + t * x),
    "power": cirq.Y(b) ** (t**2),
    "arctan": cirq.ry(sympy.atan2(x, y))(b),
    "piecewise": cirq.rz(sympy.Piecewise((x, x > y), (y, True)))(a),
    "symbolic constant": cirq.X(a) ** sympy.Rational(1, 3),
    "pi": cirq.rx(sympy.pi / 2)(a),
    "PhasedX": cirq.PhasedXPowGate(phase_exponent=x, exponent=y, global_shift=0.3)(a),
    "PhasedXZ": cirq.PhasedXZGate(
        x_exponent=t**2, z_exponent=sympy.sin(x), axis_phase_exponent=y
    )(a),
    "H": cirq.H(a) ** x,
    "CZ": cirq.CZ(a, b) ** (x * y),
    "CX": cirq.CX(a, b) ** sympy.Min(x, y),
    "CCZ": cirq.CCZ(a, b, c) ** x,
    "CCX": cirq.CCX(a, b, c) ** x,
    "ZZ": cirq.ZZ(a, b) ** x,
    "SWAP": cirq.SWAP(a, b) ** u,
    "ISWAP": cirq.ISWAP(a, b) ** t,
    "PhasedISwap": cirq.PhasedISwapPowGate(phase_exponent=x, exponent=t)(a, c),
    "FSim": cirq.FSimGate(sympy.atan2(x, y), t)(a, b),
    "PhasedFSim": cirq.PhasedFSimGate(x, y, t, u, 0.1)(a, b),
    "MS": cirq.ms(x * t)(a, b),
    "givens": cirq.givens(u)(b, c),
    "Pauli phasor": cirq.PauliStringPhasor(
        cirq.X(a) * cirq.Y(b), exponent_neg=x * t, exponent_pos=-u
    ),
    "Pauli sum": list(
        cirq.PauliSumExponential(cirq.X(a) * cirq.X(b) + 0.5 * cirq.Z(a) * cirq.Z(b), x * u)
    ),
    "diagonal": cirq.DiagonalGate([x, y, 0.3, t])(a, b),
    "two-qubit diagonal": cirq.TwoQubitDiagonalGate([x, y, 1, u])(a, b),
    "three-qubit diagonal": cirq.ThreeQubitDiagonalGate([x, y, 1, 2, t, t, 0, u])(a, b, c),
    "parallel": cirq.ParallelGate(cirq.ry(x), 2)(a, b),
    "matrix": cirq.MatrixGate(cirq.testing.random_unitary(4, random_state=1))(a, b),
    "controlled operation": (cirq.X(a) ** x).controlled_by(b),
    "controlled gate": cirq.ControlledGate(cirq.ry(y * t), control_values=[0])(c, a),
    "tagged": cirq.rz(x)(a).with_tags("tag"),
    "global phase": phase(sympy.exp(sympy.I * x))(),
    "global phase of a product": phase(sympy.exp(5j * x * t))(),
    "power of i": phase(sympy.I ** (2 * x))(),
    "controlled global phase": phase(sympy.exp(sympy.I * y))().controlled_by(a),
    "controlled global phase gate": cirq.ControlledGate(phase(sympy.exp(sympy.I * t)))(b),
    "the same value as phase and angle": [phase(x / sympy.Abs(x))(), cirq.X(a) ** (x / abs(x))],
    "subcircuit": sub(cirq.rx(x)(a), cirq.ry(t)(b), repetitions=2, param_resolver={"x": x * t}),
    "inverted subcircuit": sub(cirq.rx(x)(a), cirq.ry(t)(b), repetitions=-1),
    "nested subcircuit": sub(
        sub(cirq.rx(x)(a), repetitions=2).with_qubits(b), cirq.CNOT(a, b), repetitions=2
    ),
    "controlled subcircuit": sub(cirq.rx(x)(a), phase(sympy.exp(sympy.I * t))()).controlled_by(c),
    "doubly controlled subcircuit": cirq.ControlledOperation(
        [b], cirq.ControlledOperation([c], sub(cirq.rx(x)(a)), [0])
    ),
}  # fmt: skip


def feature_map_of(name):
    every_symbol = [cirq.X(c) ** symbol for symbol in SYMBOLS]
    return FeatureMap(cirq.Circuit(OPERATIONS[name], every_symbol, cirq.I(b)), [x, y], [t, u])


@pytest.mark.parametrize("name", OPERATIONS)
def test_resolve_agrees_with_cirq(name):
    feature_map = feature_map_of(name)
    resolved = feature_map.resolve([VALUES[x], VALUES[y]], [VALUES[t], VALUES[u]])
    assert not cirq.is_parameterized(resolved)
    expected = cirq.resolve_parameters(feature_map.circuit, VALUES)
    np.testing.assert_allclose(cirq.unitary(resolved), cirq.unitary(expected), atol=1e-12)


CONSTANTS = {"symbolic constant": 1 / 3, "pi": 0.5}


@pytest.mark.parametrize("name", CONSTANTS)
def test_constants_become_numbers(name):
    feature_map = feature_map_of(name)
    for circuit in (feature_map.circuit, feature_map.flattened[0]):
        exponent = next(circuit.all_operations()).gate.exponent
        assert type(exponent) is float
        assert exponent == CONSTANTS[name]


@pytest.mark.parametrize("name", OPERATIONS)
def test_flattened_has_one_plain_symbol_for_each_expression(name):
    feature_map = feature_map_of(name)
    circuit, table = feature_map.flattened
    assert len(set(feature_map.angle_symbols)) == len(table.expressions)
    assert cirq.parameter_names(circuit) <= {s.name for s in feature_map.angle_symbols}
    assert table.symbols == ("x", "y", "t", "u")


@pytest.mark.parametrize("name", OPERATIONS)
def test_json_gives_an_equal_map_back(name):
    feature_map = feature_map_of(name)
    loaded = FeatureMap.from_json(feature_map.to_json())
    if "subcircuit" not in name:
        assert loaded == feature_map
    first, second = (m.resolve([0.3, -0.8], [0.4, 1.9]) for m in (loaded, feature_map))
    np.testing.assert_allclose(cirq.unitary(first), cirq.unitary(second), atol=1e-12)


EXPRESSIONS = (x, -x, 2 * x, x * y, t * x, t + x, t**2, sympy.sin(x), sympy.exp(t * y), x / 3)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from(EXPRESSIONS), min_size=1, max_size=6))
def test_equal_expressions_share_a_symbol(expressions):
    circuit = cirq.Circuit(cirq.X(a) ** e for e in [x, y, t, *expressions])
    feature_map = FeatureMap(circuit, [x, y], [t])
    assert set(feature_map.flattened[1].expressions) == {x, y, t, *expressions}
    assert len(feature_map.angle_symbols) == len({x, y, t, *expressions})


def test_moments_stay_where_no_subcircuit_is_unrolled():
    circuit = cirq.Circuit(cirq.Moment(cirq.rx(x)(a)), cirq.Moment(), cirq.Moment(cirq.rx(y)(b)))
    feature_map = FeatureMap(circuit, [x, y])
    assert len(feature_map.flattened[0]) == 3
    assert len(feature_map.resolve([1, 2])) == 3


def test_a_global_phase_is_a_symbol_in_half_turns():
    operation = phase(sympy.exp(sympy.I * x))()
    feature_map = FeatureMap(cirq.Circuit(cirq.X(a), operation), [x])
    circuit, table = feature_map.flattened
    (flat,) = (op for op in circuit.all_operations() if is_global_phase(op))
    assert flat.gate.coefficient == feature_map.angle_symbols[0]
    assert table.evaluate(np.array([[0.5 * np.pi]])).item() == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        (phase(1j)(), True),
        (phase(1j)().with_tags("tag").controlled_by(a).with_tags("tag"), False),
        (phase(sympy.exp(x))().controlled_by(a), True),
        (cirq.ControlledGate(cirq.ControlledGate(phase(sympy.exp(x))))(a, b), True),
        (cirq.Z(a) ** x, False),
        (sub(cirq.Z(a)), False),
    ],
)
def test_global_phases_are_found_under_controls(operation, expected):
    assert is_global_phase(operation) == expected


def test_angles_have_a_row_for_each_point():
    circuit = cirq.Circuit(cirq.X(a) ** (x * t), cirq.Y(a) ** (x + y), cirq.Z(a) ** u)
    feature_map = FeatureMap(circuit, [x, y], [t, u])
    inputs = np.array([[1.0, 2.0], [3.0, 4.0]])
    angles = feature_map.angles(inputs, [10.0, 0.5])
    np.testing.assert_array_equal(angles, [[10.0, 3.0, 0.5], [30.0, 7.0, 0.5]])
    assert angles.dtype == np.float64


def test_complex_arithmetic_with_a_real_result_is_real():
    value = sympy.re(sympy.exp(sympy.I * x)) + sympy.conjugate(1 + sympy.I * x) + sympy.I * x
    feature_map = FeatureMap(cirq.Circuit(cirq.X(a) ** value), [x])
    angles = feature_map.angles([[0.5]])
    assert angles.dtype == np.float64
    assert angles.item() == pytest.approx(1 + np.cos(0.5))


@pytest.mark.parametrize("points", [[[1, 2]], ((1.0, 2.0),), np.array([[1, 2]], dtype=np.float32)])
def test_angles_and_encode_take_any_real_array(points):
    feature_map = zz(2)
    np.testing.assert_array_equal(feature_map.encode(points), [[1.0, 2.0]])
    expected = feature_map.angles(np.array([[1.0, 2.0]]))
    np.testing.assert_array_equal(feature_map.angles(points), expected)


@pytest.mark.parametrize("method", ["encode", "angles"])
@pytest.mark.parametrize(
    ("points", "message"),
    [
        (np.zeros(2), r"FeatureMap expects X of shape \(n_points, 2\), got \(2,\)"),
        (np.zeros((5, 3)), r"FeatureMap expects X of shape \(n_points, 2\), got \(5, 3\)"),
        (np.zeros((1, 2), dtype=complex), "expected X to be real, got an array of complex128"),
        ([["a", "b"]], "expected X to be an array of numbers, got"),
        ([[1.0, 2.0], [3.0]], "expected X to be an array of numbers, got"),
        ([[None, {}]], "expected X to be an array of numbers, got"),
    ],
)
def test_points_are_checked(method, points, message):
    with pytest.raises(ValueError, match=message):
        getattr(zz(2), method)(points)


@pytest.mark.parametrize(
    ("point", "message"),
    [
        ([1.0], r"FeatureMap expects x of shape \(2,\), got \(1,\)"),
        ([[1.0, 2.0]], r"FeatureMap expects x of shape \(2,\), got \(1, 2\)"),
        ([1j, 0], "expected x to be real, got an array of complex128"),
    ],
)
def test_resolve_checks_its_point(point, message):
    with pytest.raises(ValueError, match=message):
        zz(2).resolve(point)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (None, r"FeatureMap has 2 trainable parameters \(t, u\); got parameters=None"),
        ([1.0], r"FeatureMap expects parameters of shape \(2,\), got \(1,\)"),
        ([[1.0, 2.0]], r"FeatureMap expects parameters of shape \(2,\), got \(1, 2\)"),
        (3.0, r"FeatureMap expects parameters of shape \(2,\), got \(\)"),
        ([np.nan, 0.0], "expected finite parameters, got t = nan"),
        ([0.0, -np.inf], "expected finite parameters, got u = -inf"),
        ([1j, 0.0], "expected parameters to be real, got an array of complex128"),
    ],
)
def test_parameters_are_checked(parameters, message):
    feature_map = FeatureMap(cirq.Circuit(cirq.rx(x * t)(a), cirq.rx(u)(a)), [x], [t, u])
    with pytest.raises(ValueError, match=message):
        feature_map.angles(np.zeros((1, 1)), parameters)


def test_parameters_of_a_map_without_any_are_refused():
    with pytest.raises(ValueError, match=r"expects parameters of shape \(0,\), got \(1,\)"):
        zz(2).angles(np.zeros((1, 2)), [1.0])


@pytest.mark.parametrize(
    ("operation", "bad", "message"),
    [
        (cirq.rx(sympy.log(x) * y)(a), [-1.0, 2.0],
         r"expected a finite real number for y\*log\(x\)/pi in the operation Rx\(.*\)\(q\(0\)\), "
         r"got nan in row 1 of X, where x = -1.0 \(column 0\), y = 2.0 \(column 1\)"),
        (cirq.X(b) ** sympy.atan2(y, x), [0.0, 0.0],
         r"for atan2\(y, x\) in the operation X\*\*atan2\(y, x\)\(q\(1\)\), got nan in row 1"),
        (cirq.X(b) ** (1 / y) , [1.0, 0.0], r"for 1/y in .*, got inf in row 1 of X, where y = 0.0"),
        (cirq.X(b) ** y, [1.0, np.nan], r"for y in .*, got nan in row 1 of X, where y = nan"),
        (cirq.X(b) ** y, [1.0, np.inf], r"for y in .*, got inf in row 1 of X, where y = inf"),
        (cirq.X(b) ** (x + sympy.I * sympy.log(y)), [0.5, np.exp(0.25)],
         r"for x \+ I\*log\(y\) in the operation .*, got \(0.5\+0.2[45]\d*j\) in row 1 of X"),
        (cirq.global_phase_operation(sympy.exp(sympy.I * sympy.log(x))), [-0.5, 0.0],
         r"for exp\(I\*log\(x\)\) in the operation exp\(I\*log\(x\)\), got nan in row 1"),
        (sub(cirq.rx(sympy.log(x))(a), cirq.ry(1 / x)(a)), [0.0, 0.0],
         r"for log\(x\)/pi in the operation Rx\(.*\)\(q\(0\)\), got -inf in row 1"),
    ],
)  # fmt: skip
def test_an_angle_without_a_value_is_an_error_that_says_where(operation, bad, message):
    circuit = cirq.Circuit(operation, cirq.rz(x)(c), cirq.rz(y)(c))
    feature_map = FeatureMap(circuit, [x, y])
    with pytest.raises(ValueError, match=message):
        feature_map.angles(np.array([[0.5, 1.0], bad]))


def test_an_error_lists_few_columns():
    symbols = sympy.symbols("x:20")
    feature_map = FeatureMap(cirq.Circuit(cirq.X(a) ** sum(symbols)), symbols)
    with pytest.raises(ValueError, match=r"x3 = inf \(column 3\), \.\.\.$"):
        feature_map.angles(np.full((1, 20), np.inf))


def test_an_arccos_is_encoded_where_it_is_all_that_is_used():
    circuit = cirq.Circuit(
        cirq.rx(2 * sympy.acos(x))(a), cirq.ry(sympy.acos(y) + y)(b), cirq.rz(sympy.acos(x) ** 2)(a)
    )
    feature_map = FeatureMap(circuit, [y, x])
    np.testing.assert_allclose(feature_map.encode([[0.5, 0.5]]), [[0.5, np.pi / 3]])
    assert 2 * x / sympy.pi in feature_map.flattened[1].expressions
    resolved = feature_map.resolve([0.2, 0.5])
    expected = cirq.resolve_parameters(circuit, {"x": 0.5, "y": 0.2})
    np.testing.assert_allclose(cirq.unitary(resolved), cirq.unitary(expected), atol=1e-12)


@pytest.mark.parametrize(
    "other", [sympy.acos(2 * x), sympy.sin(x), x, sympy.acos(x * y), sympy.acos(x + y)]
)
def test_an_arccos_stays_where_the_feature_is_used_otherwise(other):
    circuit = cirq.Circuit(cirq.rx(sympy.acos(x))(a), cirq.rx(other)(a), cirq.rx(y)(a))
    feature_map = FeatureMap(circuit, [x, y])
    np.testing.assert_array_equal(feature_map.encode([[0.3, 0.4]]), [[0.3, 0.4]])


def test_an_arccos_of_a_parameter_is_no_encoding():
    feature_map = FeatureMap(cirq.Circuit(cirq.rx(sympy.acos(t) + x)(a)), [x], [t])
    np.testing.assert_array_equal(feature_map.encode([[5.0]]), [[5.0]])
    with pytest.raises(ValueError, match="got nan in row 0"):
        feature_map.angles([[0.0]], [2.0])


def test_a_bandwidth_multiplies_the_angle_after_the_arccos():
    feature_map = chebyshev(1, layers=1)
    angles = feature_map.angles(0.25 * feature_map.encode([[0.3]]))
    assert angles.item() == pytest.approx(2 * 0.25 * np.arccos(0.3) / np.pi)


def test_encode_leaves_its_argument_alone():
    points = np.array([[0.5, -0.5]])
    chebyshev(2).encode(points)
    np.testing.assert_array_equal(points, [[0.5, -0.5]])


def test_rounding_past_the_ends_of_an_arccos_is_allowed():
    encoded = chebyshev(2).encode([[1 + 1e-15, -1 - 1e-13]])
    np.testing.assert_array_equal(encoded, [[0.0, np.pi]])


@pytest.mark.parametrize("value", [1.5, -1.001, np.inf])
def test_an_arccos_outside_its_range_is_refused(value):
    message = rf"arccos of column 1 of X \(x1\), which must lie in \[-1, 1\]; got {value} in row 2"
    with pytest.raises(ValueError, match=message):
        chebyshev(2).encode([[0, 0], [0, 1], [0, value]])


def test_a_missing_value_in_an_arccos_is_refused_by_the_angles():
    feature_map = chebyshev(1)
    with pytest.raises(ValueError, match=r"got nan in row 0 of X, where x0 = nan \(column 0\)"):
        feature_map.resolve([np.nan])
