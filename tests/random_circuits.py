"""Hypothesis strategies for circuits over every gate class of Cirq that has a unitary.

Exponents and angles are numbers or odd expressions of data and parameters. What is asserted of the
circuits lives in the tests that draw them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import cirq
import numpy as np
import sympy
from hypothesis import strategies as st

from qkernels.feature_maps import FeatureMap

N_FEATURES, N_PARAMETERS = 3, 2
FEATURES = sympy.symbols(f"x0:{N_FEATURES}")
PARAMETERS = sympy.symbols(f"t0:{N_PARAMETERS}")


def numbers() -> st.SearchStrategy[float]:
    """Return angles: special ones often, since rules treat them apart."""
    special = st.sampled_from([0.0, 0.25, 0.5, 1.0, -1.0, 1.5, 2.0, 3.0, -0.5])
    return special | st.floats(-3, 3, allow_nan=False).map(lambda v: round(v, 3))


def expressions() -> st.SearchStrategy[sympy.Expr]:
    """Return expressions of data and parameters, sums, products and functions of them."""
    symbols = st.sampled_from([*FEATURES, *PARAMETERS])
    coefficients = st.sampled_from([1, -1, 2, sympy.Rational(1, 3), sympy.pi, 0.7])

    def compose(children: st.SearchStrategy) -> st.SearchStrategy:
        return st.one_of(
            st.builds(lambda a, b: a + b, children, children),
            st.builds(lambda a, b: a * b, children, children),
            st.builds(lambda a: a**2, children),
            st.builds(sympy.sin, children),
            st.builds(lambda a: sympy.acos(sympy.cos(a) / 2), children),
            st.builds(lambda a, b: sympy.atan2(a, b**2 + 1), children, children),
            st.builds(lambda a: sympy.exp(-(a**2)), children),
        )

    leaves = st.builds(lambda c, s: c * s, coefficients, symbols)
    return st.recursive(leaves, compose, max_leaves=3)


def arguments() -> st.SearchStrategy[Any]:
    """Return what a gate's exponent or angle can be."""
    return numbers() | expressions()


def unitaries(n_qubits: int) -> st.SearchStrategy[np.ndarray]:
    """Return random unitary matrices."""
    return st.integers(0, 10**6).map(
        lambda seed: cirq.testing.random_unitary(2**n_qubits, random_state=seed)
    )


def words(n_qubits: int) -> st.SearchStrategy[str]:
    """Return Pauli words, identities included."""
    return st.text("IXYZ", min_size=n_qubits, max_size=n_qubits)


def _symbolic_gates(n: int) -> list[st.SearchStrategy[cirq.Gate]]:
    """Return strategies for the gates on n qubits that take symbols."""
    a = arguments()
    shift = st.sampled_from([0.0, -0.5, 0.3])
    powers: dict[int, list[type]] = {
        1: [cirq.XPowGate, cirq.YPowGate, cirq.ZPowGate, cirq.HPowGate],
        2: [
            *(cirq.CXPowGate, cirq.CZPowGate, cirq.SwapPowGate, cirq.ISwapPowGate),
            *(cirq.XXPowGate, cirq.YYPowGate, cirq.ZZPowGate),
        ],
        3: [cirq.CCXPowGate, cirq.CCZPowGate],
    }
    for count, name in ((2, "CYPowGate"), (3, "CCYPowGate")):
        if hasattr(cirq, name):
            powers[count].append(getattr(cirq, name))
    gates: list[st.SearchStrategy[cirq.Gate]] = [
        st.builds(lambda t, s, g=g: g(exponent=t, global_shift=s), a, shift)
        for g in powers.get(n, [])
    ]
    if n == 1:
        gates += [st.builds(g, a) for g in (cirq.rx, cirq.ry, cirq.rz)]
        gates.append(
            st.builds(
                lambda t, p, s: cirq.PhasedXPowGate(exponent=t, phase_exponent=p, global_shift=s),
                *(a, a, shift),
            )
        )
        gates.append(
            st.builds(
                lambda x, z, p: cirq.PhasedXZGate(
                    x_exponent=x, z_exponent=z, axis_phase_exponent=p
                ),
                *(a, a, a),
            )
        )
    if n == 2:
        gates.append(st.builds(cirq.FSimGate, a, a))
        gates.append(st.builds(cirq.PhasedFSimGate, a, a, a, a, a))
        gates.append(
            st.builds(lambda p, t: cirq.PhasedISwapPowGate(phase_exponent=p, exponent=t), a, a)
        )
        gates.append(st.builds(cirq.ms, numbers()))
        gates.append(st.lists(a, min_size=4, max_size=4).map(cirq.TwoQubitDiagonalGate))
        gates.append(
            st.builds(
                cirq.PauliInteractionGate,
                st.sampled_from([cirq.X, cirq.Y, cirq.Z]),
                st.booleans(),
                st.sampled_from([cirq.X, cirq.Y, cirq.Z]),
                st.booleans(),
                exponent=a,
            )
        )
    if n == 3:
        gates.append(st.lists(a, min_size=8, max_size=8).map(cirq.ThreeQubitDiagonalGate))
    gates.append(st.builds(lambda t: cirq.PhaseGradientGate(num_qubits=n, exponent=t), a))
    gates.append(
        st.builds(
            lambda word, sign, neg, pos: cirq.PauliStringPhasorGate(
                sign * cirq.DensePauliString(word), exponent_neg=neg, exponent_pos=pos
            ),
            *(words(n), st.sampled_from([1, -1]), a, a),
        )
    )
    gates.append(st.builds(lambda t: cirq.ParallelGate(cirq.Y**t, n), a))
    return gates


def _numeric_gates(n: int) -> list[st.SearchStrategy[cirq.Gate]]:
    """Return strategies for the gates on n qubits that take numbers only."""
    seeds = st.integers(0, 10**6)
    gates: list[st.SearchStrategy[cirq.Gate]] = [
        st.just(cirq.IdentityGate(n)),
        unitaries(n).map(cirq.MatrixGate),
        st.permutations(range(n)).map(cirq.QubitPermutationGate),
        st.just(cirq.QuantumFourierTransformGate(n)),
        seeds.map(lambda s: cirq.CliffordGate.from_op_list(*_clifford(n, s))),
        st.lists(numbers(), min_size=2**n, max_size=2**n).map(cirq.DiagonalGate),
        st.builds(
            lambda word, c: c * cirq.DensePauliString(word),
            words(n),
            st.sampled_from([1, -1, 1j, -1j]),
        ),
        words(n).map(cirq.MutableDensePauliString),
        numbers().map(
            lambda t: cirq.BooleanHamiltonianGate(
                [f"v{i}" for i in range(n)], [" ^ ".join(f"v{i}" for i in range(n))], t
            )
        ),
        st.integers(1, 2**n).map(lambda m: cirq.UniformSuperpositionGate(m, n)),
        st.integers(0, 2**n - 1).map(lambda k: _Add(n, k)),
    ]
    if n == 1:
        gates.append(st.sampled_from(cirq.SingleQubitCliffordGate.all_single_qubit_cliffords))
        gates.append(st.just(cirq.WaitGate(cirq.Duration(nanos=3))))
    if n == 3:
        gates.append(st.just(cirq.CSWAP))
    return gates


class _Add(cirq.ArithmeticGate):
    """Adds a constant modulo 2^n: a permutation that is not affine over the bits."""

    def __init__(self, n_qubits: int, constant: int) -> None:
        self._n_qubits = n_qubits
        self._constant = constant

    def registers(self) -> list[Any]:
        return [[2] * self._n_qubits, self._constant]

    def with_registers(self, *new_registers: Any) -> _Add:
        return _Add(len(new_registers[0]), new_registers[1])

    def apply(self, *values: int) -> int:
        return values[0] + values[1]


def _clifford(n: int, seed: int) -> tuple[list[cirq.Operation], list[cirq.Qid]]:
    qubits = cirq.LineQubit.range(n)
    rng = np.random.default_rng(seed)
    operations: list[cirq.Operation] = []
    for _ in range(4):
        operations.append(rng.choice([cirq.H, cirq.S])(qubits[rng.integers(n)]))
        if n > 1:
            operations.append(cirq.CNOT(*(qubits[i] for i in rng.permutation(n)[:2])))
    return operations, qubits


@st.composite
def gates(draw: Callable, n: int) -> cirq.Gate:
    """Return a gate on n qubits."""
    symbolic = draw(st.booleans())
    return draw(st.one_of(_symbolic_gates(n) if symbolic else _numeric_gates(n)))


@st.composite
def operations(draw: Callable, qubits: list[cirq.Qid]) -> cirq.Operation:
    """Return an operation on some of the qubits, perhaps controlled, tagged or nested."""
    chosen = draw(st.permutations(qubits))
    n_controls = draw(st.integers(0, min(2, len(qubits) - 1))) if draw(st.booleans()) else 0
    n = draw(st.integers(1, min(3, len(qubits) - n_controls)))
    targets, controls = chosen[:n], chosen[n : n + n_controls]
    kind = draw(st.sampled_from(["gate"] * 8 + ["string", "phase", "sum", "nested"]))
    if kind == "string":
        letters = draw(words(n))
        operation: cirq.Operation = draw(st.sampled_from([1, -1, 1j])) * cirq.PauliString(
            dict(zip(targets, map(_pauli, letters), strict=True))
        )
    elif kind == "phase":
        coefficient = draw(st.sampled_from([1j, np.exp(0.3j), sympy.exp(sympy.I * FEATURES[0])]))
        operation = cirq.global_phase_operation(coefficient)
    elif kind == "sum" and n > 1:
        total = cirq.Z(targets[0]) * cirq.Z(targets[1]) - 0.5 * cirq.X(targets[0]) * cirq.X(
            targets[1]
        )
        operation = draw(st.sampled_from([total]))
        return draw(st.builds(lambda t: cirq.PauliSumExponential(1j * operation, t), arguments()))
    elif kind == "nested":
        inner = cirq.FrozenCircuit(
            draw(gates(n)).on(*targets), cirq.X(targets[0]) ** draw(arguments())
        )
        operation = cirq.CircuitOperation(inner, repetitions=draw(st.integers(1, 2)))
        return operation
    else:
        operation = draw(gates(n)).on(*targets)
    if controls:
        values = draw(st.lists(st.sampled_from([0, 1]), min_size=n_controls, max_size=n_controls))
        operation = operation.controlled_by(*controls, control_values=values)
    return operation.with_tags("tag") if draw(st.booleans()) else operation


def _pauli(letter: str) -> Any:
    return {"I": cirq.I, "X": cirq.X, "Y": cirq.Y, "Z": cirq.Z}[letter]


@st.composite
def feature_maps(draw: Callable, max_qubits: int = 6, max_operations: int = 12) -> FeatureMap:
    """Return a feature map whose circuit uses every feature and parameter it lists."""
    qubits = draw(st.permutations(cirq.LineQubit.range(draw(st.integers(1, max_qubits)))))
    start = [(cirq.Y**0.3)(q) for q in qubits] if draw(st.booleans()) else []
    body = draw(st.lists(operations(qubits), min_size=1, max_size=max_operations))
    circuit = cirq.Circuit(cirq.I.on_each(*qubits), start, body)
    used = cirq.parameter_names(circuit)
    features = [s for s in FEATURES if s.name in used]
    parameters = [s for s in PARAMETERS if s.name in used]
    return FeatureMap(circuit, features, parameters)


def points(feature_map: FeatureMap, n_points: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return random data and parameters for a feature map."""
    rng = np.random.default_rng(seed)
    inputs = rng.uniform(-math.pi, math.pi, (n_points, feature_map.n_features))
    return inputs, rng.uniform(-math.pi, math.pi, feature_map.n_parameters)
