"""Programs in OpenQASM that are wrong, each refused with its line and the reason."""

import pytest
import sympy

from qkernels.interop import from_qasm
from qkernels.interop.circuits import angle_of

pytest.importorskip("openqasm3")

TWO = 'OPENQASM 2.0;\ninclude "qelib1.inc";\nqreg q[3];\n'
THREE = 'OPENQASM 3.0;\ninclude "stdgates.inc";\ninput float x; qubit[3] q; rx(x) q;\n'


def refused(text, message, features=("x",)):
    with pytest.raises(ValueError, match=message):
        from_qasm(text, features)


# -- Numbers


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("x q[1.5];", r"line 4: expected an integer, got 1\.5"),
        ("x q[x];", "line 4: expected an integer, got x"),
        ("qubit[2.5] r;", r"line 4: expected an integer, got 2\.5"),
        ("qubit[x] r;", "line 4: expected an integer, got x"),
        ("qubit[0] r;", "line 4: expected an integer of at least 1, got 0"),
        ("const float n = 2; qubit[n] r;", "line 4: expected an integer, got n"),
        ("input array[float, 1.5] v;", r"line 4: expected an integer, got 1\.5"),
        ("ctrl(1.5) @ x q[0], q[1];", r"line 4: expected an integer, got 1\.5"),
        ("ctrl(x) @ x q[0], q[1];", "line 4: expected an integer, got x"),
        ("negctrl(0) @ x q[0], q[1];", "line 4: expected an integer of at least 1, got 0"),
        ("x q[{0, 2}];", r"line 4: expected one index, got q\[\{0, 2\}\]"),
        ("x q[0, 1];", r"line 4: expected one index, got q\[0, 1\]"),
        ("x q[-4];", r"line 4: expected an index below 3, got q\[-4\]"),
        ("rx(ln(-1)) q;", r"line 4: expected a real number, got ln\(-1\)"),
        ("rx(sqrt(-2) * x) q;", r"line 4: expected a real number, got sqrt\(-2\) \* x"),
        ("pow(arcsin(2)) @ x q[0];", r"line 4: expected a real number, got arcsin\(2\)"),
        ("ctrl @ gphase(log(-1)) q[0];", r"line 4: expected a real number, got log\(-1\)"),
    ],
)
def test_numbers_of_the_wrong_kind(body, message):
    refused(THREE + body, message)


def test_numbers_of_the_wrong_kind_in_openqasm_2():
    refused(TWO + "x q[1/2];", "line 4: expected an integer, got 1 / 2")
    assert from_qasm(TWO + "x q[4/2];") == from_qasm(TWO + "x q[2];")


def test_a_number_whose_sign_is_hard_to_see():
    assert angle_of(sympy.log(sympy.sin(1))) == pytest.approx(-0.1726037463, abs=1e-9)


# -- Names


@pytest.mark.parametrize("kind", [set, frozenset])
def test_a_set_of_names_has_no_order_of_columns(kind):
    text = TWO + "rx(x) q[0]; ry(y) q[0];"
    with pytest.raises(TypeError, match="expected features to be a sequence of symbols or"):
        from_qasm(text, kind(["x", "y"]))
    with pytest.raises(TypeError, match="expected parameters to be a sequence of symbols or"):
        from_qasm(text, [], kind(["x", "y"]))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("qubit[3] q;", r"line 4: expected one declaration of q, got qubit\[3\] q;"),
        ("input float q;", "line 4: expected one declaration of q, got input float q;"),
        ("const float x = 1.0;", "line 4: expected one declaration of x, got const float x"),
        ("input array[float, 2] v; input float v;", "line 4: expected one declaration of v"),
        ("gate f a, a { x a; }", "line 4: expected each name once, got gate f a, a"),
        ("gate f(t, t) a { rx(t) a; }", r"line 4: expected each name once, got gate f\(t, t\) a"),
        ("gate f(a) a { rx(a) a; }", r"line 4: expected each name once, got gate f\(a\) a"),
    ],
)
def test_names_that_are_declared_twice(body, message):
    refused(THREE + body, message)


def test_an_element_beyond_a_declared_array():
    text = THREE + "input array[float, 3] w; rx(w[0] * w[1] * w[2]) q; rx(w[3]) q;"
    message = r"line 4: expected a name that is declared, .*, got w\[3\]"
    refused(text, message, ["x", "w[0]", "w[1]", "w[2]", "w[3]"])


# -- Numbers of qubits


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("ccx q[0], q[1];", "expected 0 angles and 3 qubits for the gate ccx, got 0 angles and 2"),
        ("crx(1, 2) q[0], q[1];", "expected 1 angles and 2 qubits for the gate crx, got 2 angles"),
        ("ctrl @ cz q[0], q[1];", "expected 0 angles and 2 qubits for the gate cz, got 0 angles"),
        ("ctrl(3) @ gphase(x) q[0], q[1];", "line 4: expected qubits for 3 more controls, got"),
        ("ctrl @ ctrl @ gphase(x) q[0];", "line 4: expected qubits for 1 more controls, got"),
        ("ctrl @ gphase(x) q[0], q[1];", "line 4: expected qubits for the controls only, got ctrl"),
    ],
)
def test_numbers_of_qubits(body, message):
    refused(THREE + body, message)


# -- Words of OpenQASM 2 that are no names in OpenQASM 3


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ("qreg in[2];", "in"),
        ("creg bit[2];", "bit"),
        ("gate f(angle) a { rx(angle) a; }", "angle"),
        ("gate f ctrl, a { cx ctrl, a; }", "ctrl"),
        ("gate inv a { x a; }", "inv"),
        ("creg input[2]; // const", "input"),
    ],
)
def test_reserved_words(body, word):
    names = "expected names that OpenQASM 3, .*, does not reserve"
    refused(f"{TWO}// a bit, in words\n{body}\nx q[0];", f"line 5: {names}, got {word}$")


def test_gates_without_definition():
    refused(TWO + "opaque f a, b;", "line 4: expected gates with definitions, got opaque$")


def test_reserved_words_are_no_reason_elsewhere():
    refused(THREE + "x q[0]", "expected text in OpenQASM 2 or 3, got")
    refused(TWO + "// in\nx q[0]", "expected text in OpenQASM 2 or 3, got")
    assert from_qasm(TWO + "// let it be\nx q[0];") == from_qasm(TWO + "x q[0];")
