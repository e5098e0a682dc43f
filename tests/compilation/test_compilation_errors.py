"""What is refused, by name and place."""

import cirq
import numpy as np
import pytest
import sympy

from qkernels import StatevectorEvaluator
from qkernels.compilation import compile_feature_map
from tests.compilation.agreement import feature_map

q = cirq.LineQubit.range(16)
x = sympy.Symbol("x")


def compile_after_rx(*operations):
    return compile_feature_map(feature_map(cirq.rx(x)(q[0]), *operations))


CHANNELS = {
    "depolarize": cirq.depolarize(0.1),
    "amplitude_damp": cirq.amplitude_damp(0.1),
    "bit_flip": cirq.bit_flip(0.1),
    "reset": cirq.ResetChannel(),
    "prob=": cirq.X.with_probability(0.1),
}


@pytest.mark.parametrize("name", CHANNELS)
def test_noise_is_refused(name):
    with pytest.raises(
        ValueError,
        match=rf"^moment 1: .*{name}.*\(q\(0\)\): expected a unitary operation; a noise channel "
        "needs an evaluator of mixed states, this one computes pure ones",
    ):
        compile_after_rx(CHANNELS[name](q[0]))


def test_noise_in_a_moment_that_follows_others():
    with pytest.raises(ValueError, match=r"^moment 4: depolarize\(p=0.1\)\(q\(1\)\): "):
        compile_after_rx(
            cirq.X(q[0]), cirq.H(q[0]), cirq.CX(*q[:2]).with_tags("a"), CHANNELS["depolarize"](q[1])
        )


def test_noise_under_a_tag():
    with pytest.raises(ValueError, match="expected a unitary operation"):
        compile_after_rx(CHANNELS["depolarize"](q[0]).with_tags("noise"))


def test_seven_qubit_matrices_are_refused():
    gate = cirq.MatrixGate(cirq.testing.random_unitary(128, random_state=0))
    with pytest.raises(
        ValueError,
        match=r"^moment 1: MatrixGate\(q\(0\), .*q\(6\)\): expected a matrix on at most 6 qubits, "
        "got one on 7$",
    ):
        compile_after_rx(gate(*q[:7]))


def test_more_than_twelve_controls_are_refused():
    many = cirq.X(q[13]).controlled_by(*q[:13])
    with pytest.raises(
        ValueError, match=r"^moment 1: .*\(q\(0\), .*expected at most 12 controls, got 13$"
    ):
        compile_after_rx(many)


def test_more_than_twelve_controls_of_a_gate_are_refused():
    many = cirq.ControlledGate(cirq.ry(x), 14)(*q[:15])
    with pytest.raises(ValueError, match="expected at most 12 controls, got 14"):
        compile_after_rx(many)


class Opaque(cirq.Gate):
    """A gate that knows its matrix only when it has numbers."""

    def __init__(self, angle):
        self.angle = angle

    def __str__(self):
        return "Opaque"

    def _num_qubits_(self):
        return 1

    def _is_parameterized_(self):
        return cirq.is_parameterized(self.angle)

    def _resolve_parameters_(self, resolver, recursive):
        return Opaque(cirq.resolve_parameters(self.angle, resolver, recursive))

    def _unitary_(self):
        return None if self._is_parameterized_() else cirq.unitary(cirq.rx(self.angle))


def test_symbols_in_a_gate_that_cirq_cannot_take_apart():
    with pytest.raises(
        ValueError,
        match=r"^moment 1: Opaque\(q\(0\)\): no rule for this gate with symbols, and Cirq does "
        "not decompose it$",
    ):
        compile_after_rx(Opaque(x)(q[0]))


def test_pauli_strings_must_be_unitary():
    with pytest.raises(
        ValueError,
        match=r"moment 1: .*expected a number of modulus 1 as coefficient, got \(2\+0j\)",
    ):
        compile_after_rx(2 * cirq.X(q[0]) * cirq.X(q[1]))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_constants_must_be_finite(value):
    for gate in (cirq.Rz(rads=value), cirq.XPowGate(exponent=value), cirq.DiagonalGate([0, value])):
        with pytest.raises(
            ValueError, match=f"^moment 1: .*: expected a finite real angle, got {value}$"
        ):
            compile_after_rx(gate(q[0]))


@pytest.mark.parametrize(
    ("exponent", "row", "value"),
    [(1 / (x - 0.5), 1, "inf"), (sympy.log(x), 0, "nan"), (sympy.I * x, 0, r"\(-0.5-0.5j\)")],
)
def test_angles_must_be_finite_and_real(exponent, row, value):
    circuit = feature_map(cirq.X(q[0]) ** (x + exponent))
    message = (
        "expected a finite real number for .* in the operation X.*q\\(0\\)\\), "
        f"got {value} in row {row} of X, where x = "
    )
    with pytest.raises(ValueError, match=message):
        StatevectorEvaluator().embed(circuit, [[-0.5], [0.5]])
