"""Tests of feature maps as JSON: round trips, and texts that must not be believed."""

import json

import cirq
import pytest
import sympy

from qkernels import feature_maps
from qkernels.feature_maps import FeatureMap, covariant, zz

a, b = cirq.LineQubit.range(2)
x, t = sympy.symbols("x t")

STANDARD_MAPS = {
    name: getattr(feature_maps, name)
    for name in feature_maps.__all__
    if name not in ("FeatureMap", "covariant")
}


@pytest.mark.parametrize("name", STANDARD_MAPS)
@pytest.mark.parametrize("n_features", [1, 2, 5])
def test_every_standard_map_goes_there_and_back(name, n_features):
    feature_map = STANDARD_MAPS[name](n_features) if (name, n_features) != ("pauli", 1) else zz(1)
    loaded = FeatureMap.from_json(feature_map.to_json())
    assert loaded == feature_map
    assert hash(loaded) == hash(feature_map)
    assert loaded.name == feature_map.name


def test_covariant_goes_there_and_back():
    feature_map = covariant([(0, 1), (1, 2)])
    assert FeatureMap.from_json(feature_map.to_json()) == feature_map


def document():
    circuit = cirq.Circuit(cirq.rx(sympy.acos(x) * t)(a), cirq.CNOT(a, b))
    return json.loads(FeatureMap(circuit, [x], [t], name="mine").to_json())


def test_the_text_says_what_it_is():
    fields = document()
    assert fields["format"] == "qkernels.FeatureMap"
    assert fields["version"] == 1
    assert fields["name"] == "mine"
    assert fields["features"] == ["x"]
    assert fields["parameters"] == ["t"]
    (tree,) = fields["expressions"]
    assert tree[0] == "Mul"
    assert ["acos", ["Symbol", "x"]] in tree


class Custom(cirq.Gate):
    """A gate that Cirq has no JSON for."""

    def _num_qubits_(self):
        return 1

    def _unitary_(self):
        return cirq.unitary(cirq.X)


def test_a_gate_that_cirq_cannot_write_is_refused():
    feature_map = FeatureMap(cirq.Circuit(cirq.rx(x)(a), Custom()(a)), [x])
    with pytest.raises(ValueError, match=r"Cirq cannot write this circuit as JSON: .*Custom"):
        feature_map.to_json()


def test_an_unusual_function_is_refused():
    feature_map = FeatureMap(cirq.Circuit(cirq.X(a) ** sympy.besselj(0, x)), [x])
    with pytest.raises(ValueError, match=r"cannot write besselj in besselj\(0, x\); allowed are"):
        feature_map.to_json()


@pytest.mark.parametrize("text", ["", "{", '{"format": "qkernels.FeatureMap"', "[" * 100_000])
def test_text_that_is_not_json_is_refused(text):
    with pytest.raises(ValueError, match="expected the JSON text of a feature map"):
        FeatureMap.from_json(text)


@pytest.mark.parametrize("value", [None, 3, ["x"], object()])
def test_what_is_not_text_is_refused(value):
    with pytest.raises(ValueError, match="expected the JSON text of a feature map"):
        FeatureMap.from_json(value)


def test_a_truncated_text_is_refused_wherever_it_ends():
    text = json.dumps(document())
    for end in range(0, len(text), 7):
        with pytest.raises(ValueError, match="expected the JSON text of a feature map"):
            FeatureMap.from_json(text[:end])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": "pickle"}, "JSON of the format 'qkernels.FeatureMap', got 'pickle'"),
        ({"format": None}, "JSON of the format 'qkernels.FeatureMap', got None"),
        ({"version": 2}, "expected version 1 of qkernels.FeatureMap, got 2"),
        ({"version": None}, "expected version 1 of qkernels.FeatureMap, got None"),
        ({"name": 3}, "expected the name of a feature map as text or null, got 3"),
        ({"features": "x"}, "expected a list of features in a feature map, got 'x'"),
        ({"features": [1]}, r"expected a list of features in a feature map, got \[1\]"),
        ({"parameters": None}, "expected a list of parameters in a feature map, got None"),
        ({"expressions": {}}, "expected a list of expressions in a feature map, got {}"),
        ({"expressions": []}, "has the symbol angle0, but no expression of it"),
        ({"expressions": [["eval", 1]]}, "cannot read the circuit .*: got the unknown name 'eval'"),
        ({"features": []}, "the circuit has the symbols x, which are in neither list"),
        ({"features": ["x", "t"]}, "got t twice"),
        ({"circuit": None}, "cannot read the circuit .*: expected a FrozenCircuit, got NoneType"),
        (
            {"circuit": {"cirq_type": "Moment", "operations": []}},
            "cannot read the circuit .*: expected a FrozenCircuit, got Moment",
        ),
        ({"circuit": {"cirq_type": "NoSuchType"}}, "cannot read the circuit .*NoSuchType"),
        ({"circuit": {"cirq_type": "Moment", "operation": []}}, "cannot read the circuit"),
        ({"circuit": {"cirq_type": 3}}, "expected the name of a type, got 3"),
        ({"circuit": {"cirq_type": "CircuitOperation"}}, "a circuit without subcircuits, got Circ"),
    ],
)
def test_documents_with_a_fault_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        FeatureMap.from_json(json.dumps(document() | changes))


def test_a_json_document_that_is_no_object_is_refused():
    with pytest.raises(ValueError, match=r"expected JSON of the format '.*', got 3"):
        FeatureMap.from_json("3")


EXPLOIT = "__import__('os').abort()"


@pytest.mark.parametrize(
    "value",
    [
        {"cirq_type": "sympy.Not", "args": [EXPLOIT]},
        {"cirq_type": "sympy.Indexed", "args": [EXPLOIT, EXPLOIT]},
        {"cirq_type": "sympy.Mul", "args": [EXPLOIT]},
        {"cirq_type": "sympy.Add", "args": [EXPLOIT]},
        {"cirq_type": "sympy.Pow", "args": [10, {"cirq_type": "sympy.Integer", "i": 10**10}]},
        {"cirq_type": "sympy.Integer", "i": EXPLOIT},
        {"cirq_type": "sympy.Rational", "p": EXPLOIT, "q": 2},
        {"cirq_type": "sympy.Float", "approx": EXPLOIT},
        {"cirq_type": "sympy.Symbol", "name": 3},
        {"cirq_type": "sympy.NoSuchType"},
    ],
)
def test_nothing_in_a_text_is_executed(value):
    fields = document()
    (operation,) = fields["circuit"]["val"]["moments"][0]["operations"]
    operation["gate"]["rads"] = value
    with pytest.raises(
        ValueError, match=f"expected symbols in the circuit, got {value['cirq_type']}"
    ):
        FeatureMap.from_json(json.dumps(fields))


def test_text_in_the_place_of_an_angle_is_a_symbol_at_most():
    fields = document()
    (operation,) = fields["circuit"]["val"]["moments"][0]["operations"]
    operation["gate"] = {"cirq_type": "XPowGate", "exponent": EXPLOIT, "global_shift": 0.0}
    with pytest.raises(ValueError, match=r"expected|cannot|lacks|symbols"):
        FeatureMap.from_json(json.dumps(fields))


def test_huge_numbers_cannot_stall_the_reader():
    fields = document()
    fields["expressions"] = [
        ["Mul", ["Symbol", "x"], ["Symbol", "t"], ["Pow", 10, ["Pow", 10, 20]]]
    ]
    feature_map = FeatureMap.from_json(json.dumps(fields))
    with pytest.raises(ValueError, match="expected a finite real number"):
        feature_map.resolve([1.0], [1.0])
