"""Tests of `FeatureMap`: what it accepts and refuses, and how it behaves as a value."""

import copy
import pickle

import cirq
import numpy as np
import pytest
import sympy

from qkernels.feature_maps import FeatureMap, angle, chebyshev, hardware_efficient, zz

a, b, c = cirq.LineQubit.range(3)
x, y, t, u = sympy.symbols("x y t u")


def circuit_of_everything():
    return cirq.Circuit(
        cirq.rx(x * t)(a), cirq.CNOT(a, b), cirq.ry(y + u)(b), cirq.CZ(b, c) ** (x * y)
    )


@pytest.fixture
def feature_map():
    return FeatureMap(circuit_of_everything(), ["x", y], parameters=[t, "u"], name="all")


def test_properties(feature_map):
    assert feature_map.circuit == circuit_of_everything().freeze()
    assert isinstance(feature_map.circuit, cirq.FrozenCircuit)
    assert feature_map.qubits == (a, b, c)
    assert feature_map.feature_symbols == (x, y)
    assert feature_map.parameter_symbols == (t, u)
    sizes = feature_map.n_features, feature_map.n_parameters, feature_map.n_qubits
    assert sizes == (2, 2, 3)
    assert feature_map.name == "all"


def test_qubits_are_sorted():
    qubits = [cirq.NamedQubit("b"), cirq.GridQubit(0, 1), cirq.NamedQubit("a"), cirq.LineQubit(0)]
    circuit = cirq.Circuit(cirq.rx(x)(q) for q in qubits)
    assert FeatureMap(circuit, [x]).qubits == tuple(sorted(qubits))


def test_symbols_may_come_as_an_array():
    symbols = np.array([x, y], dtype=object)
    circuit = cirq.Circuit(cirq.rx(x)(a), cirq.rx(y)(a))
    assert FeatureMap(circuit, symbols).feature_symbols == (x, y)


def test_str_is_the_diagram_and_repr_says_what_it_is(feature_map):
    assert str(feature_map) == circuit_of_everything().to_text_diagram()
    assert repr(feature_map) == "<FeatureMap 'all': 2 features, 2 parameters, 3 qubits>"
    assert repr(angle(1)).startswith("<FeatureMap 'angle': 1 features")
    unnamed = FeatureMap(angle(1).circuit, ["x0"])
    assert repr(unnamed) == "<FeatureMap: 1 features, 0 parameters, 1 qubits>"


def test_symbols_lose_their_assumptions():
    real = sympy.Symbol("x", real=True)
    inner = cirq.CircuitOperation(cirq.FrozenCircuit(cirq.rx(real)(a)))
    for operation in (cirq.rx(2 * real)(a), inner):
        feature_map = FeatureMap(cirq.Circuit(operation, cirq.rx(x)(b)), [real])
        assert feature_map.feature_symbols == (x,)
        assert cirq.parameter_symbols(feature_map.circuit) == {x}
        assert feature_map.resolve([0.5]).all_qubits() == {a, b}
    plain = FeatureMap(cirq.Circuit(cirq.rx(2 * x)(a)), [x])
    assert FeatureMap(cirq.Circuit(cirq.rx(2 * real)(a)), [real]) == plain


def test_a_map_may_have_no_features():
    fixed = FeatureMap(cirq.Circuit(cirq.H(a)), features=())
    assert fixed.n_features == 0
    assert fixed.angles(np.zeros((3, 0))).shape == (3, 0)
    assert fixed.resolve([]) == cirq.Circuit(cirq.H(a))
    trainable = FeatureMap(cirq.Circuit(cirq.rx(t)(a)), (), [t])
    assert trainable.resolve((), [0.5]) == cirq.Circuit(cirq.rx(0.5)(a))


def test_noise_is_allowed():
    circuit = cirq.Circuit(cirq.rx(x)(a), cirq.depolarize(0.1)(a), cirq.ResetChannel()(b))
    resolved = FeatureMap(circuit, [x]).resolve([0.5])
    assert resolved == cirq.resolve_parameters(circuit, {"x": 0.5})


def test_measurements_at_the_end_are_dropped():
    circuit = cirq.Circuit(cirq.rx(x)(a), cirq.CNOT(a, b))
    measured = circuit + cirq.Circuit(
        cirq.measure(a, key="m"), cirq.PauliMeasurementGate([cirq.X])(b)
    )
    assert FeatureMap(measured, [x]) == FeatureMap(circuit, [x])


def test_a_subcircuit_that_measures_at_the_end_is_unrolled():
    inner = cirq.FrozenCircuit(cirq.rx(x)(a), cirq.measure(a, key="m"))
    measured = cirq.Circuit(cirq.CircuitOperation(inner))
    expected = FeatureMap(cirq.Circuit(cirq.rx(x)(a)), [x])
    assert FeatureMap(measured, [x]) == expected


def test_a_subcircuit_stays_in_the_circuit():
    subcircuit = cirq.CircuitOperation(cirq.FrozenCircuit(cirq.rx(x)(a)), repetitions=3)
    feature_map = FeatureMap(cirq.Circuit(subcircuit), [x])
    assert list(feature_map.circuit.all_operations()) == [subcircuit]
    assert feature_map.resolve([0.5]) == cirq.Circuit([cirq.rx(0.5)(a)] * 3)


one_rotation = cirq.Circuit(cirq.rx(x * t)(a))


@pytest.mark.parametrize(
    ("features", "parameters", "message"),
    [
        (["x"], [], "the circuit has the symbols t, which are in neither list; got the features x "
         "and the parameters none"),
        ([], [], "the circuit has the symbols t, x, which are in neither list"),
        (["x", "y"], ["t"], "features lists y, which the circuit lacks; it has the symbols t, x"),
        (["x"], ["t", "u", "v"], "parameters lists u, v, which the circuit lacks"),
        (["x", "t"], ["t"], "expected each symbol once, in features or in parameters; got t twice"),
        (["x", "x"], ["t"], "expected each symbol once, in features or in parameters; got x twice"),
        (["x"], ["t", t], "got t twice"),
    ],
)  # fmt: skip
def test_lists_that_do_not_fit_the_circuit_are_refused(features, parameters, message):
    with pytest.raises(ValueError, match=message):
        FeatureMap(one_rotation, features, parameters)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("circuit", ["x"]), "expected circuit to be a Cirq circuit, got 'circuit' of type str"),
        ((cirq.H(a), ["x"]), "expected circuit to be a Cirq circuit, got .* of type GateOperation"),
        ((one_rotation, {"x", "t"}), "expected features to be a sequence .* got {.* of type set"),
        ((one_rotation, "xt"), "expected features to be a sequence of symbols or their names, got "
         "'xt' of type str"),
        ((one_rotation, x, [t]), "expected features to be a sequence .* got x of type Symbol"),
        ((one_rotation, None), "expected features to be a sequence .* got None of type NoneType"),
        ((one_rotation, [x], 3), "expected parameters to be a sequence .* got 3 of type int"),
        ((one_rotation, [2 * x], [t]), r"symbols or their names in features, got 2\*x of type Mul"),
        ((one_rotation, [x], [1]), "symbols or their names in parameters, got 1 of type int"),
    ],
)  # fmt: skip
def test_arguments_of_the_wrong_type_are_refused(arguments, message):
    with pytest.raises(TypeError, match=message):
        FeatureMap(*arguments)


def test_a_name_that_is_not_text_is_refused():
    with pytest.raises(TypeError, match="expected name to be a str or None, got 3 of type int"):
        FeatureMap(one_rotation, [x], [t], name=3)


def subcircuit(*operations, **options):
    return cirq.CircuitOperation(cirq.FrozenCircuit(operations), **options)


until = cirq.KeyCondition(cirq.MeasurementKey("m"))
rotation = cirq.rx(x)(a)


@pytest.mark.parametrize(
    ("operations", "message"),
    [
        ([rotation, cirq.measure(a, key="m"), cirq.X(a)], "expected measurements at the end of the "
         r"circuit only, got .*Measure.*q\(0\).* in moment 1"),
        ([rotation, cirq.measure(a, key="m"), cirq.measure(a, key="n")], "at the end of the "),
        ([subcircuit(rotation, cirq.measure(a, key="m")), cirq.X(a)], "at the end of the circuit"),
        ([rotation, cirq.measure(b, key="m"), cirq.X(a).with_classical_controls("m")],
         r"expected no classical control, got X\(q\(0\)\).* controlled by the outcome of m"),
        ([rotation, subcircuit(cirq.measure(b, key="m"), cirq.X(a).with_classical_controls("m"))],
         "expected no classical control, got .* controlled by the outcome of m"),
        ([subcircuit(rotation, repetitions=sympy.Symbol("k"))],
         "expected a number of repetitions of a subcircuit, got k"),
        ([subcircuit(subcircuit(rotation, repetitions=sympy.Symbol("k")))],
         "expected a number of repetitions of a subcircuit, got k"),
        ([subcircuit(rotation, cirq.measure(a, key="m"), use_repetition_ids=False,
                     repeat_until=until)],
         "expected a number of repetitions of a subcircuit, got repeat_until=m"),
        ([rotation, cirq.IdentityGate(qid_shape=(3,))(cirq.LineQid(5, 3))],
         r"expected qubits, got cirq.LineQid\(5, dimension=3\) of dimension 3"),
        ([rotation, cirq.KrausChannel([np.eye(2)], key="m")(a)],
         "expected no channel that records its outcome, got KrausChannel"),
        ([], "expected a circuit that acts on at least one qubit, got one on none"),
        ([cirq.global_phase_operation(1j)], "acts on at least one qubit, got one on none"),
        ([cirq.measure(a)], "acts on at least one qubit, got one on none"),
        ([rotation, cirq.X(b) ** sympy.acos(2)],
         r"expected a finite number for the constant acos\(2\), got nan"),
    ],
)  # fmt: skip
def test_circuits_that_prepare_no_state_are_refused(operations, message):
    with pytest.raises(ValueError, match=message):
        FeatureMap(cirq.Circuit(operations), [x])


class Stubborn(cirq.Gate):
    """A gate with a symbol that Cirq cannot exchange."""

    def _num_qubits_(self):
        return 1

    def _is_parameterized_(self):
        return True

    def _parameter_names_(self):
        return {"x"}


def test_a_gate_whose_symbols_cannot_be_given_values_is_refused():
    circuit = cirq.Circuit(rotation, Stubborn()(a))
    with pytest.raises(ValueError, match="expected operations whose symbols can be given values"):
        FeatureMap(circuit, [x])


def test_equality_goes_by_content(feature_map):
    same = FeatureMap(circuit_of_everything(), [x, y], [t, u], name="another name")
    assert same == feature_map
    assert hash(same) == hash(feature_map)
    swapped = FeatureMap(circuit_of_everything(), [y, x], [t, u])
    turned = FeatureMap(circuit_of_everything(), [x, t], [y, u])
    longer = FeatureMap(circuit_of_everything() + cirq.X(a), [x, y], [t, u])
    for other in (swapped, turned, longer, "feature map"):
        assert feature_map != other


def test_it_never_changes(feature_map):
    for name in ("circuit", "feature_symbols", "parameter_symbols", "name", "n_qubits"):
        with pytest.raises(AttributeError):
            setattr(feature_map, name, None)


def test_copies_are_the_map_itself(feature_map):
    assert copy.copy(feature_map) is feature_map
    assert copy.deepcopy({"map": feature_map})["map"] is feature_map


def test_pickles_carry_the_value_only(feature_map):
    hash(feature_map)
    feature_map.angles(np.zeros((1, 2)), [0.0, 0.0])
    loaded = pickle.loads(pickle.dumps(feature_map))
    assert set(vars(loaded)) == {"_circuit", "_features", "_parameters", "_name"}
    assert loaded == feature_map
    assert hash(loaded) == hash(feature_map)
    assert loaded.name == "all"


def test_gates_with_matrices_can_be_compared_and_hashed():
    def build(seed):
        matrix = cirq.testing.random_unitary(4, random_state=seed)
        kraus = [np.sqrt(0.5) * np.eye(2), np.sqrt(0.5) * np.diag([1, -1])]
        gates = cirq.MatrixGate(matrix)(a, b), cirq.KrausChannel(kraus)(a)
        return FeatureMap(cirq.Circuit(rotation, gates), [x])

    assert build(1) == build(1)
    assert hash(build(1)) == hash(build(1))
    assert build(1) != build(2)


class Unhashable(cirq.Gate):
    """A gate that compares by value, and has no hash."""

    __hash__ = None

    def __init__(self, matrix):
        self.matrix = matrix

    def __eq__(self, other):
        return isinstance(other, Unhashable) and np.array_equal(self.matrix, other.matrix)

    def _num_qubits_(self):
        return 1

    def _unitary_(self):
        return self.matrix


def test_gates_without_a_hash_are_no_obstacle():
    first, second = (
        FeatureMap(cirq.Circuit(rotation, Unhashable(np.eye(2))(a)), [x]) for _ in range(2)
    )
    with pytest.raises(TypeError):
        hash(first.circuit)
    assert first == second
    assert hash(first) == hash(second)


def test_from_function():
    def write(x, t):
        assert isinstance(x, np.ndarray)
        angles = t.reshape(2, 2)
        return cirq.Circuit(cirq.rx(x[0] * angles[1, 0])(a), cirq.ry(angles.sum())(b))

    feature_map = FeatureMap.from_function(write, 1, 4, name="mine")
    assert [s.name for s in feature_map.feature_symbols] == ["x0"]
    assert [s.name for s in feature_map.parameter_symbols] == [f"theta{i}" for i in range(4)]
    assert feature_map.name == "mine"


def test_from_function_without_parameters_passes_the_data_alone():
    feature_map = FeatureMap.from_function(lambda x: cirq.Circuit(cirq.rx(x[0])(a)), n_features=1)
    assert feature_map == angle(1)


def test_from_function_without_features():
    feature_map = FeatureMap.from_function(lambda x, t: cirq.Circuit(cirq.rx(t[0])(a)), 0, 1)
    assert (feature_map.n_features, feature_map.n_parameters) == (0, 1)


@pytest.mark.parametrize("n", [-1, 1.5, "2", None, True])
def test_from_function_checks_its_numbers(n):
    with pytest.raises(ValueError, match="expected n_features to be an integer of at least 0, got"):
        FeatureMap.from_function(lambda x: cirq.Circuit(), n)
    with pytest.raises(ValueError, match="expected n_parameters to be an integer of at least 0, "):
        FeatureMap.from_function(lambda x: cirq.Circuit(), 1, n)


def test_from_function_needs_a_circuit():
    with pytest.raises(TypeError, match=r"expected circuit to be a Cirq circuit, got \[\] of type"):
        FeatureMap.from_function(lambda x: [], 1)


def test_compose_shares_symbols_and_qubits():
    first = FeatureMap(cirq.Circuit(cirq.rx(x * t)(a)), [x], [t])
    second = FeatureMap(cirq.Circuit(cirq.ry(y * u)(b), cirq.rz(x + t)(a)), [y, x], [u, t])
    both = first.compose(second)
    assert both.circuit == (first.circuit + second.circuit)
    assert both.feature_symbols == (x, y)
    assert both.parameter_symbols == (t, u)
    assert both.name is None


def test_compose_refuses_a_symbol_with_two_roles():
    first = FeatureMap(cirq.Circuit(cirq.rx(x)(a)), [x])
    second = FeatureMap(cirq.Circuit(cirq.rx(x)(a)), (), [x])
    with pytest.raises(ValueError, match="in features or in parameters; got x twice"):
        first.compose(second)


def test_compose_needs_a_map():
    with pytest.raises(TypeError, match=r"(?s)expected a FeatureMap to compose .*FrozenCircuit"):
        angle(1).compose(angle(1).circuit)


def test_bind_all(feature_map):
    bound = feature_map.bind([0.3, -0.7])
    assert bound.n_parameters == 0
    assert bound.feature_symbols == (x, y)
    assert bound.name == "all"
    point = [0.4, 1.1]
    expected = feature_map.resolve(point, [0.3, -0.7])
    np.testing.assert_allclose(cirq.unitary(bound.resolve(point)), cirq.unitary(expected))


@pytest.mark.parametrize("key", ["u", u, sympy.Symbol("u", real=True)])
def test_bind_some(feature_map, key):
    bound = feature_map.bind({key: 0.5})
    assert bound.parameter_symbols == (t,)
    expected = cirq.resolve_parameters(feature_map.circuit, {"u": 0.5})
    assert cirq.approx_eq(bound.resolve([1, 2], [3]), cirq.resolve_parameters(
        expected, {"x": 1.0, "y": 2.0, "t": 3.0}).unfreeze())  # fmt: skip


def test_bind_none_of_them(feature_map):
    assert feature_map.bind({}) == feature_map


def test_bound_values_are_plain_numbers():
    feature_map = FeatureMap(cirq.Circuit(cirq.X(a) ** (2 * t), cirq.rx(x)(a)), [x], [t])
    first = next(feature_map.bind([0.25]).circuit.all_operations())
    assert type(first.gate.exponent) is float


def test_a_feature_that_a_parameter_switches_off_stays_a_column():
    feature_map = FeatureMap(cirq.Circuit(cirq.rx(x * t)(a)), [x], [t])
    bound = feature_map.bind([0.0])
    assert bound.feature_symbols == (x,)
    assert bound.resolve([0.7]) == cirq.Circuit(cirq.rx(0.0)(a))
    assert FeatureMap.from_json(bound.to_json()) == bound


def test_bind_a_global_phase():
    phase = cirq.global_phase_operation(sympy.exp(sympy.I * t))
    feature_map = FeatureMap(cirq.Circuit(cirq.rx(x)(a), phase), [x], [t])
    bound = feature_map.bind([0.5]).resolve([0.3])
    np.testing.assert_allclose(
        cirq.unitary(bound), np.exp(0.5j) * cirq.unitary(cirq.rx(0.3)), atol=1e-15
    )


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ([1.0], r"FeatureMap expects parameters of shape \(2,\), got \(1,\)"),
        ([1.0, np.nan], "expected finite parameters, got u = nan"),
        (None, r"FeatureMap has 2 trainable parameters \(t, u\); got parameters=None"),
        ({"v": 1.0, "x": 2.0}, "has the trainable parameters t, u, got values of v, x"),
        ({"t": np.inf}, "expected t to be a finite real number, got inf"),
        ({"t": "one"}, "expected t to be a finite real number, got 'one'"),
        ({"t": 1j}, "expected t to be a finite real number, got 1j"),
    ],
)
def test_bind_checks_its_values(feature_map, parameters, message):
    with pytest.raises(ValueError, match=message):
        feature_map.bind(parameters)


def test_standard_maps_can_be_combined_to_new_ones():
    feature_map = zz(3, reps=1).compose(hardware_efficient(3, layers=1)).compose(chebyshev(3))
    assert feature_map.n_features == 3
    assert feature_map.n_parameters == 6
    assert feature_map.resolve([0.1, 0.2, 0.3], np.zeros(6)).all_qubits() == {a, b, c}
