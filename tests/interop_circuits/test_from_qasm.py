"""Circuits from OpenQASM, against Cirq circuits written by hand, and against Qiskit."""

import sys

import cirq
import numpy as np
import pytest
import sympy

import qkernels as qk
from qkernels.interop import from_qasm

pytest.importorskip("openqasm3")

Q = cirq.LineQubit.range(4)
x, y, t = sympy.symbols("x y t")
VALUES = {"x": 0.7, "y": -0.4, "t": 1.3}


def assert_means(text, *operations, features=("x",), parameters=()):
    """Compare what a text means with operations, up to a global phase."""
    ours = from_qasm(text, features, parameters)
    circuit = cirq.Circuit(operations, map(cirq.I, ours.qubits))
    expected = cirq.resolve_parameters(circuit, VALUES)
    point = [VALUES[name] for name in features]
    weights = [VALUES[name] for name in parameters] or None
    cirq.testing.assert_allclose_up_to_global_phase(
        cirq.unitary(ours.resolve(point, weights)), cirq.unitary(expected), atol=1e-10
    )


def program(body, declarations="input float[64] x;", n=3):
    return f'OPENQASM 3.0;\ninclude "stdgates.inc";\n{declarations}\nqubit[{n}] q;\n{body}\n'


def program_2(body, n=3):
    return f'OPENQASM 2.0;\ninclude "qelib1.inc";\nqreg q[{n}];\ncreg c[{n}];\n{body}\n'


# -- OpenQASM 3


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("x", x),
        ("-x + 2 * (x - 0.5)", 2 * (x - 0.5) - x),
        ("x ** 2 / 3", x**2 / 3),
        ("-x ** 2", -(x**2)),
        ("2 ** 3 ** 0.5 * x", 2 ** (3**0.5) * x),
        ("2 ** -1 * x", 0.5 * x),
        ("6 / 3 * x", 2 * x),
        ("1.0 / 2 * x", x / 2),
        ("pi / 2 - τ * x + euler", sympy.pi / 2 - 2 * sympy.pi * x + sympy.E),
        ("sin(x) * cos(2 * x) + tan(x)", sympy.sin(x) * sympy.cos(2 * x) + sympy.tan(x)),
        (
            "arccos(x) - arcsin(x / 2) + arctan(x)",
            sympy.acos(x) - sympy.asin(x / 2) + sympy.atan(x),
        ),
        ("exp(-x) + log(x + 2) + sqrt(x)", sympy.exp(-x) + sympy.log(x + 2) + sympy.sqrt(x)),
        ("floor(3 * x) + ceiling(x)", sympy.floor(3 * x) + sympy.ceiling(x)),
        ("float(x) * float[64](2) / 3", 2 * x / 3),
        ("1e-1 * x", 0.1 * x),
    ],
)
def test_expressions(expression, value):
    assert_means(program(f"rx({expression}) q[0];", n=1), cirq.rx(value)(Q[0]))


def test_whole_registers():
    body = "rx(x) q; cx q[0], r; cz q, p; barrier q;"
    declarations = "input angle[32] x; qubit[2] r; qubit[3] p;"
    text = program(body, declarations)
    r, p, q = Q[:2], cirq.LineQubit.range(2, 5), cirq.LineQubit.range(5, 8)
    assert_means(
        text,
        [cirq.rx(x)(a) for a in q],
        [cirq.CNOT(q[0], a) for a in r],
        [cirq.CZ(a, b) for a, b in zip(q, p, strict=True)],
    )


@pytest.mark.parametrize(
    ("call", "operations"),
    [
        ("ctrl @ rx(x) q[1], q[0];", [cirq.rx(x)(Q[0]).controlled_by(Q[1])]),
        ("ctrl(2) @ z q[2], q[0], q[1];", [cirq.CCZ(*Q[:3])]),
        ("negctrl @ x q[0], q[1];", [cirq.X(Q[1]).controlled_by(Q[0], control_values=[0])]),
        (
            "negctrl @ ctrl @ ry(x) q[0], q[1], q[2];",
            [cirq.ry(x)(Q[2]).controlled_by(Q[0], Q[1], control_values=[0, 1])],
        ),
        ("inv @ rz(x) q[0];", [cirq.rz(-x)(Q[0])]),
        ("inv @ ctrl @ s q[0], q[1];", [(cirq.S**-1)(Q[1]).controlled_by(Q[0])]),
        ("pow(3) @ rx(x) q[0];", [cirq.rx(3 * x)(Q[0])]),
        ("pow(-2) @ rx(x) q[0];", [cirq.rx(-2 * x)(Q[0])]),
        ("pow(0.5) @ x q[0];", [(cirq.X**0.5)(Q[0])]),
        ("ctrl @ pow(0.5) @ x q[0], q[1];", [(cirq.X**0.5)(Q[1]).controlled_by(Q[0])]),
        ("pow(x) @ h q[0];", [(cirq.H**x)(Q[0])]),
        ("ctrl @ gphase(x) q[1];", [cirq.ZPowGate(exponent=x / sympy.pi)(Q[1])]),
        ("ctrl @ ctrl @ gphase(x) q[1], q[0];", [cirq.CZPowGate(exponent=x / sympy.pi)(*Q[:2])]),
        (
            "negctrl @ gphase(x) q[1];",
            [cirq.X(Q[1]), cirq.ZPowGate(exponent=x / sympy.pi)(Q[1]), cirq.X(Q[1])],
        ),
        ("gphase(x); x q[0];", [cirq.X(Q[0])]),
        ("U(pi / 2, 0, pi) q;", [cirq.H.on_each(*Q[:3])]),
    ],
)
def test_modifiers(call, operations):
    assert_means(program(f"ry(x) q[0]; {call}"), cirq.ry(x)(Q[0]), operations)


def test_definitions_of_gates():
    body = """
    gate inner(a) p { rx(a / 2) p; gphase(a); }
    gate outer(a, b) p, r {
        barrier p, r;
        ctrl @ inner(a * b) p, r;
        inv @ inner(b) p;
    }
    outer(x, c) q[2], q[0];
    outer(1, x) q[0], q[1];
    """

    def outer(a, b, p, r):
        yield cirq.rx(a * b / 2)(r).controlled_by(p)
        yield cirq.ZPowGate(exponent=a * b / sympy.pi)(p)
        yield cirq.rx(-b / 2)(p)

    declarations = "const float[64] c = 2.5; input float x;"
    assert_means(program(body, declarations), outer(x, 2.5, Q[2], Q[0]), outer(1.0, x, Q[0], Q[1]))


def test_a_definition_knows_the_constants_but_not_the_qubits():
    declarations = "const float c = 0.3; input float x;"
    body = "gate f(a) p { rx(a * c) p; } f(x) q[1];"
    assert_means(program(body, declarations), cirq.rx(0.3 * x)(Q[1]))
    with pytest.raises(ValueError, match=r"expected a qubit that is declared, got q"):
        from_qasm(program("gate f(a) p { rx(a) q; } f(x) q[1];"), ["x"])


def test_a_definition_knows_what_came_before_it():
    body = """
    gate twice p { x p; x p; }
    gate x p { ry(t) p; }
    x q[0];
    twice q[0];
    rx(t * x) q[1];
    """
    # The parser takes x in an expression for a name: gates and values do not meet.
    operations = [cirq.ry(t)(Q[0]), cirq.rx(t * x)(Q[1])]
    assert_means(program(body, "input float x; input float t;"), operations, parameters=["t"])


def test_constants_and_arrays():
    declarations = """
    const int n = 2;
    const float half = n;
    float shift = pi / 4;
    input array[float[64], n] w;
    """
    text = program(
        "rx(w[0] / half) q[n]; ry(w[n - 1] + shift) q[-1]; rz(n / 2) q[0];", declarations
    )
    feature_map = from_qasm(text, ["w[0]", "w[1]"])
    expected = cirq.Circuit(
        cirq.rx(0.7 / 2)(Q[2]), cirq.ry(np.pi / 4 - 0.4)(Q[2]), cirq.rz(1)(Q[0]), cirq.I(Q[1])
    )
    np.testing.assert_allclose(
        cirq.unitary(feature_map.resolve([0.7, -0.4])), cirq.unitary(expected), atol=1e-12
    )


def test_names_that_are_listed_need_not_be_declared():
    operations = [cirq.rx(x)(Q[0]), cirq.ry(t * y)(Q[1])]
    body = "rx(x) q[0]; ry(t * y) q[1];"
    for text in (program(body, ""), program_2(body)):
        assert_means(text, operations, features=["x", "y"], parameters=["t"])
    vector = from_qasm(program_2("rx(v[1]) q[0]; ry(v[0]) q[1];"), ["v[0]", "v[1]"])
    assert [s.name for s in vector.feature_symbols] == ["v[0]", "v[1]"]


def test_what_does_nothing_to_the_state_is_dropped():
    body = "rx(x) q[0]; barrier q; delay[20ns] q[0];"
    measured = "bit[3] b; bit c = measure q[1]; b = measure q; measure q[0];"
    outputs = "input float[64] x; output bit[3] r;"
    plain = from_qasm(program(body), ["x"], name="plain")
    assert from_qasm(program(body + measured, outputs), ["x"]) == plain
    assert plain.qubits == tuple(Q[:3])
    assert plain.name == "plain"


def test_physical_qubits():
    text = 'OPENQASM 3.0; include "stdgates.inc"; rx(x) $3; cx $3, $1; bit b = measure $1;'
    feature_map = from_qasm(text, ["x"])
    assert feature_map.circuit == cirq.FrozenCircuit(cirq.rx(x)(Q[3]), cirq.CNOT(Q[3], Q[1]))
    with pytest.raises(ValueError, match=r"expected a qubit that is declared, got \$0"):
        from_qasm(program("rx(x) q; h $0;"), ["x"])


# -- OpenQASM 2


def test_openqasm_2():
    body = """
    gate both(a, b) p, r { rx(a ^ 2) p; cx p, r; barrier p, r; u3(a, b, pi / 2) r; }
    both(x, -x^2 / 4 + ln(x)) q[0], q[2];
    U(0, 0, 1 / 2) q[1]; CX q[0], q[1];
    h q;
    measure q -> c;
    """
    operations = [
        cirq.rx(x**2)(Q[0]),
        cirq.CNOT(Q[0], Q[2]),
        cirq.ZPowGate(exponent=0.5)(Q[2]),
        cirq.ry(x)(Q[2]),
        cirq.ZPowGate(exponent=(sympy.log(x) - x**2 / 4) / sympy.pi)(Q[2]),
        cirq.ZPowGate(exponent=0.5 / np.pi)(Q[1]),
        cirq.CNOT(Q[0], Q[1]),
        cirq.H.on_each(*Q[:3]),
    ]
    assert_means(program_2(body), operations)


def test_a_wait_does_nothing():
    assert_means(program_2("u0(2) q[0]; rx(x) q[0];"), cirq.rx(x)(Q[0]))


def test_the_library_of_openqasm_2_against_qiskit():
    qasm2 = pytest.importorskip("qiskit.qasm2")
    from qiskit.quantum_info import Statevector

    by_angles = {
        0: "x y z h s sdg t tdg sx sxdg id cx cy cz ch swap csx ccx cswap rccx c3x c3sqrtx c4x",
        1: "rx ry rz p u1 cp cu1 crx cry crz rxx rzz",
        2: "u2",
        3: "u u3 cu3",
        4: "cu",
    }
    by_qubits = {
        2: "cx cy cz ch swap csx cp cu1 crx cry crz rxx rzz cu3 cu",
        3: "ccx cswap rccx",
        4: "c3x c3sqrtx rc3x",
        5: "c4x",
    }
    by_angles[0] += " rc3x"
    sizes = {name: n for n, line in by_qubits.items() for name in line.split()}
    rng = np.random.default_rng(0)
    body = "h q;\n"
    for n_angles, line in by_angles.items():
        for name in line.split():
            angles = ", ".join(map(repr, rng.uniform(-3, 3, n_angles).round(3).tolist()))
            qubits = rng.permutation(5)[: sizes.get(name, 1)]
            places = ", ".join(f"q[{k}]" for k in qubits)
            body += f"{name}{f'({angles})' if angles else ''} {places};\n"
            body += "".join(f"u3(0.3, {0.2 * k}, 0.1) q[{k}];\n" for k in range(5))
    text = program_2(body, n=5)
    theirs = qasm2.loads(text, custom_instructions=qasm2.LEGACY_CUSTOM_INSTRUCTIONS)
    state = Statevector(theirs).data.reshape((2,) * 5).transpose().reshape(-1)
    ours = cirq.Simulator(dtype=np.complex128).simulate(from_qasm(text).circuit)
    assert abs(np.vdot(ours.final_state_vector, state)) == pytest.approx(1, abs=1e-10)


# -- What Qiskit writes


@pytest.mark.parametrize("seed", range(4))
def test_what_qiskit_writes(seed):
    pytest.importorskip("qiskit")
    from qiskit import qasm2, qasm3
    from qiskit.circuit import Parameter
    from qiskit.circuit.random import random_circuit

    from tests.interop_circuits.qiskit_states import generic, states_of

    a, b = Parameter("a"), Parameter("b")
    circuit = generic(4, with_all_symbols=False)
    drawn = random_circuit(4, 5, max_operands=3, seed=seed)
    for k, instruction in enumerate(drawn.data):
        operation = instruction.operation.to_mutable()
        operation.params = [p + (a * b, b.sin(), a / 2 - b)[k % 3] for p in operation.params]
        circuit.append(operation, [drawn.find_bit(q).index for q in instruction.qubits])
    circuit.rx(a + b, 0)
    point = np.array([[0.7, -0.4]])
    (state,) = states_of(circuit, [a, b], points=point)
    symbolic = from_qasm(qasm3.dumps(circuit), ["a"], ["b"])
    numeric = from_qasm(qasm2.dumps(circuit.assign_parameters({a: 0.7, b: -0.4})))
    for feature_map, x, weights in (
        (symbolic, point[:, :1], [-0.4]),
        (numeric, point[:, :0], None),
    ):
        (ours,) = qk.StatevectorEvaluator().statevectors(feature_map, x, weights)
        assert abs(np.vdot(ours, state)) == pytest.approx(1, abs=1e-9)


def test_a_feature_map_that_qiskit_writes():
    library = pytest.importorskip("qiskit.circuit.library")
    from qiskit import qasm3

    from qkernels.interop import from_qiskit

    circuit = library.zz_feature_map(3)
    text = qasm3.dumps(circuit)
    feature_map = from_qasm(text, [f"_x_{i}_" for i in range(3)])
    X = np.random.default_rng(0).uniform(-1, 1, (4, 3))
    K = qk.FidelityKernel(from_qiskit(circuit, circuit.parameters))(X)
    np.testing.assert_allclose(qk.FidelityKernel(feature_map)(X), K, atol=1e-12)


@pytest.mark.parametrize(
    "body",
    [
        "ctrl(2) @ rx(v) q[2], q[0], q[1];",
        "negctrl @ inv @ cu(v, 0.2, v / 3, 0.4) q[2], q[0], q[1];",
        "gate f(a) p, r { u3(a, 0.2, 0.3) p; gphase(a); u2(a, 1) r; cx p, r; } "
        "ctrl @ f(v) q[0], q[1], q[2]; inv @ f(0.3) q[2], q[1];",
        "ctrl @ U(v, 0.3, 0.4) q[0], q[1]; ctrl @ u2(v, 0.4) q[0], q[1];",
        "pow(2) @ ch q[0], q[1]; ctrl @ negctrl(1) @ gphase(v * 2) q[0], q[1];",
        "phase(v) q; cphase(v) q[0], q[1]; id q; CX q[1], q[2];",
    ],
)
def test_modifiers_against_qiskit(body):
    pytest.importorskip("qiskit_qasm3_import")
    from qiskit import qasm3

    from tests.interop_circuits.qiskit_states import states_of

    text = program(f"h q; rx(v) q; {body} sx q[0]; ch q[0], q[1];", "input float[64] v;")
    circuit = qasm3.loads(text)
    point = np.array([[0.7]])
    (state,) = states_of(circuit, list(circuit.parameters), points=point)
    (ours,) = qk.StatevectorEvaluator().statevectors(from_qasm(text, ["v"]), point)
    assert abs(np.vdot(ours, state)) == pytest.approx(1, abs=1e-10)


# -- Errors


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("x r;", "line 5: expected a qubit that is declared, got r"),
        ("x q[3];", r"line 5: expected an index below 3, got q\[3\]"),
        ("x q[0:1];", "expected arithmetic of numbers, parameters and functions, got 0:1"),
        ("oracle q;", "line 5: expected a gate that is defined before it is used, got oracle q;"),
        ("gate f p { f p; }\nf q;", "line 5: expected a gate that is defined before .*, got f p"),
        ("rx q;", r"line 5: expected 1 angles and 1 qubits for the gate rx, got 0 angles and 1"),
        ("cx q[0];", "expected 0 angles and 2 qubits for the gate cx, got 0 angles and 1 qubits"),
        ("cu(1, 2, 3) q[0], q[1];", "expected 4 angles and 2 qubits for the gate cu, got 3 angles"),
        (
            "rccx q[0], q[1];",
            "expected 0 angles and 3 qubits for the gate rccx, got 0 angles and 2",
        ),
        (
            "gate f(a) p { rx(a) p; }\nf q;",
            "line 6: expected 1 angles and 1 qubits for the gate, g",
        ),
        ("qubit[2] r;\ncx q, r;", "line 6: expected registers of one size, got cx q, r;"),
        ("rx(z) q;", "line 5: expected a name that is declared, or among the features or param"),
        ("rx(1 / 2) q;", "line 5: expected a real number in a quotient that is not an integer"),
        ("rx(1 << 2) q;", "line 5: expected arithmetic of numbers, .*, got 1 << 2"),
        ("rx(popcount(2)) q;", r"expected arithmetic of numbers, .*, got popcount\(2\)"),
        ("rx(sin(1, 2)) q;", r"expected as many arguments as the function takes, got sin\(1, 2\)"),
        ("rx(v[0][1]) q;", r"line 5: expected an element of an array, got v\[0\]\[1\]"),
        ("reset q;", "line 5: expected gates, .* at the end of the circuit, got reset q;"),
        ("bit b;\nif (b) { x q; }", r"line 6: expected gates, .*, got if \(b\)"),
        ("for int i in [0:2] { x q[i]; }", "line 5: expected gates, .*, got for int i in"),
        ("float a;", "line 5: expected gates, declarations, .*, got float a;"),
        ("gate f p { reset p; }\nf q;", "expected text in OpenQASM 2 or 3, got L5"),
        ("bit b = measure q[0];\nx q[0];", "at the end of the circuit only, got x after a meas"),
        (
            "gate f p { x p; y p; }\npow(0.5) @ f q;",
            "expected an integer power of a gate made of 2",
        ),
        (
            'include "mine.inc";',
            "line 5: expected an include of qelib1.inc or stdgates.inc, got inc",
        ),
        (
            "input int n;",
            "line 5: expected inputs that are float, angle or arrays of them, got inp",
        ),
        ("output float n;", "expected inputs that are float, angle or arrays of them, got output"),
        ("rx(0.3", r"(?s)expected text in OpenQASM 2 or 3, got line 6"),
        ("rx(1.0 / 0) q;", r"line 5: expected a real number, got 1\.0 / 0"),
    ],
)
def test_wrong_programs(body, message):
    with pytest.raises(ValueError, match=message):
        from_qasm(program("rx(x) q;" + body), ["x"])


@pytest.mark.parametrize("text", ["", "@@", "OPENQASM 2.0; qreg q[2]; x q[0]"])
def test_what_cannot_be_parsed(text, capsys):
    with pytest.raises(ValueError, match="expected text in OpenQASM 2 or 3, got"):
        from_qasm(text)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((b"qubit q;",), TypeError, "expected text to be a str, got b'qubit q;' of type bytes"),
        ((program("rx(x) q;"),), ValueError, "the circuit has the symbols x, which are in neither"),
        (
            (program("rx(x) q;"), ["x", "y"]),
            ValueError,
            "features lists y, which the circuit lacks",
        ),
        (
            (program("rx(x) q;"), ["x"], ["x"]),
            ValueError,
            "expected each symbol once, .*got x twice",
        ),
        ((program("rx(x) q;"), "x"), TypeError, "expected features to be a sequence of symbols"),
        (("OPENQASM 3.0;",), ValueError, "expected a circuit that acts on at least one qubit"),
    ],
)
def test_wrong_arguments(arguments, error, message):
    with pytest.raises(error, match=message):
        from_qasm(*arguments)


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "openqasm3.parser", None)
    with pytest.raises(
        ImportError, match=r'3\[parser\], which is missing: pip install "qkernels\['
    ):
        from_qasm("qubit q;")
