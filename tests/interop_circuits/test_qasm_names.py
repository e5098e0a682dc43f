"""What names in OpenQASM stand for, and programs that use them wrongly."""

import cirq
import numpy as np
import pytest

from qkernels.interop import from_qasm

pytest.importorskip("openqasm3")

TWO = 'OPENQASM 2.0;\ninclude "qelib1.inc";\nqreg q[3];\n'
THREE = 'OPENQASM 3.0;\ninclude "stdgates.inc";\nqubit[3] q;\n'


def unitary(text, features=(), point=()):
    """Return the matrix of a program at a point."""
    return cirq.unitary(from_qasm(text, features).resolve(list(point)))


def assert_means(text, *operations, features=(), point=()):
    """Compare a program with operations on three qubits, up to a global phase."""
    expected = cirq.unitary(cirq.Circuit(operations, cirq.I.on_each(*Q)))
    cirq.testing.assert_allclose_up_to_global_phase(
        unitary(text, features, point), expected, atol=1e-12
    )


Q = cirq.LineQubit.range(3)


# -- Names of constants


def test_an_angle_of_a_gate_hides_the_constant_of_its_name():
    text = """
    OPENQASM 3.0; include "stdgates.inc"; qubit[2] q;
    gate rz(tau) q { gphase(-tau/2); U(0,0,tau) q; }
    ctrl @ rz(pi/2) q[1], q[0];
    """
    phase = np.exp(0.25j * np.pi)
    np.testing.assert_allclose(unitary(text), np.diag([1, 1 / phase, 1, phase]), atol=1e-12)


@pytest.mark.parametrize(
    ("start", "name"),
    # A keyword of OpenQASM 2 is pi.
    [(TWO, "tau"), (TWO, "euler"), (THREE, "pi"), (THREE, "tau"), (THREE, "euler")],
)
def test_any_constant_may_be_the_name_of_an_angle(start, name):
    text = f"{start}gate f({name}) p {{ rx(2 * {name}) p; }} f(0.3) q[0]; h q[1];"
    assert_means(text, cirq.rx(0.6)(Q[0]), cirq.H(Q[1]))


def test_a_declared_constant_hides_the_language_s():
    text = f"{THREE}rx(tau) q[1]; const float tau = 0.3; rx(tau) q[0]; rx(pi / tau) q[1];"
    assert_means(text, cirq.rx(2 * np.pi)(Q[1]), cirq.rx(0.3)(Q[0]), cirq.rx(np.pi / 0.3)(Q[1]))


@pytest.mark.parametrize("text", [THREE + "rx(tau) q[0];", TWO + "rx(tau) q[0];"])
def test_a_feature_may_have_the_name_of_a_constant(text):
    assert_means(text, cirq.rx(0.4)(Q[0]), features=["tau"], point=[0.4])


def test_an_input_may_have_the_name_of_a_constant():
    text = f"{THREE}input float euler; ry(euler) q[2];"
    assert_means(text, cirq.ry(0.4)(Q[2]), features=["euler"], point=[0.4])


def test_openqasm_2_has_no_constant_but_pi():
    assert_means(TWO + "rx(pi / 3) q[0];", cirq.rx(np.pi / 3)(Q[0]))
    with pytest.raises(ValueError, match=r"line 4: expected a name that is declared, .*, got tau"):
        from_qasm(TWO + "rx(tau) q[0];")


# -- Powers


@pytest.mark.parametrize(("power", "times"), [("2.0", 2), ("-1.0", -1), ("4 / 2", 2), ("0.0", 0)])
def test_a_real_power_that_is_an_integer(power, times):
    body = f"ry(0.3) q[0]; pow({power}) @ U(0.1, 0.2, 0.3) q[0];"
    once = cirq.unitary(from_qasm("qubit q; U(0.1, 0.2, 0.3) q;").circuit)
    expected = np.linalg.matrix_power(once, times)
    assert_means(THREE + body, cirq.ry(0.3)(Q[0]), cirq.MatrixGate(expected)(Q[0]))


# -- Phases


def test_the_phase_of_u_is_that_of_qiskit():
    definition = "gate mine p { gphase(-pi / 4); U(pi / 2, 0, pi) p; }\n"
    text = f"{THREE}{definition}h q[0]; ctrl @ mine q[0], q[1];"
    phase = cirq.ZPowGate(exponent=-0.25)(Q[0])
    assert_means(text, cirq.H(Q[0]), cirq.H(Q[1]).controlled_by(Q[0]), phase)
